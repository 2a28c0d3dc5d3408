"""The numbers the design promises (DESIGN section 9), measured: ``make bench``."""

import os

# The matrices are small: more threads would wait for each other, and be counted.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
