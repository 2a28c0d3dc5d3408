"""The numbers the design promises (DESIGN section 9), measured: ``make bench``."""
