"""
What people and other tools read of a plan: data in, text out, nothing else.

A renderer takes the plan document (``reconciler.plan/v1``), never a plan: what one run
has written is shown by another, which has neither inventory nor secrets.
"""
