"""The list of public suffixes that comes with the package."""

from __future__ import annotations

from functools import cache
from importlib import resources

from reconciler.model.suffix import Suffixes


@cache
def shipped() -> Suffixes:
    """Return publicsuffix.org's list, of the day that the file names."""
    found = resources.files("reconciler.inventory") / "public_suffixes.txt"
    lines = found.read_text(encoding="ascii").splitlines()
    return Suffixes(line for line in lines if not line.startswith("//"))
