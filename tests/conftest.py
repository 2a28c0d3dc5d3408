"""What every test shares."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes says something about the machine, and nothing about it.
settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")
