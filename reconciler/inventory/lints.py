"""What is wrong with several documents together, kind by kind."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.inventory import (
    accounts,
    certificates,
    machines,
    patchings,
    scalings,
    watched,
)
from reconciler.inventory.complaint import Complaint
from reconciler.inventory.loaded import Loaded


def complaints(loaded: Loaded) -> Iterator[Complaint]:
    """Yield what no single document shows, and no reference."""
    for kind in (certificates, accounts, scalings, patchings, watched, machines):
        yield from kind.complaints(loaded)
