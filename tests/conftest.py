"""What every test shares."""

from __future__ import annotations

import os

from hypothesis import settings

# As the command line does: the matrices are small, and many share this machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# How long an example takes says something about the machine, and nothing about it.
settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")
