"""Observe, plan, apply, verify: knows resources and drivers, never a vendor."""
