"""Which file names the inventory can have."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.inventory.complaint import Complaint
from reconciler.model.location import Location


def sound(path: str) -> bool:
    """Say whether *path* can be shown and has the one extension that is read."""
    return path.isprintable() and path.endswith(".yaml")


def complaints(paths: Iterable[str]) -> Iterable[Complaint]:
    """Yield what is wrong with the names of files."""
    for path in paths:
        if sound(path):
            continue
        shown = "".join(char if char.isprintable() else "?" for char in path)
        at = Location(shown, 1, 1)
        if not path.isprintable():
            what = "the file's name holds characters that cannot be shown"
            yield Complaint("E101", at, what, "rename the file")
        else:
            suffix = path.rpartition(".")[2]
            what = f"the extension is .{suffix}, not .yaml"
            yield Complaint("E115", at, what)
