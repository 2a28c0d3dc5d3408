"""
Entries that only watch, as ``init --domains`` writes them: an import replaces them.

Only a line that is exactly such an entry is taken out. Whoever wrote more into it has
decided something, and keeps it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from reconciler.inventory import WorkTree
from reconciler.model.ref import Ref

if TYPE_CHECKING:
    from reconciler.inventory import Inventory


def entry(ref: Ref) -> str:
    """Return the entry that watches *ref* and does nothing else."""
    return f"{ref}: {{provider: none}}"


def watched(tree: WorkTree, inventory: Inventory, refs: Iterable[Ref]) -> list[Ref]:
    """Return which of *refs* are in the inventory by such an entry alone."""
    lines = _Lines(tree)
    return [ref for ref in refs if ref in inventory and lines.has(inventory, ref)]


def without(
    tree: WorkTree, inventory: Inventory, refs: Iterable[Ref]
) -> Mapping[str, bytes]:
    """Return path -> content of the files that have entries of *refs*, without them."""
    gone: dict[str, set[int]] = defaultdict(set)
    for ref in refs:
        at = inventory.at(ref)
        if at is not None:
            gone[at.file].add(at.line)
    lines = _Lines(tree)
    return {
        path: b"".join(
            line
            for number, line in enumerate(lines.of(path), 1)
            if number not in numbers
        )
        for path, numbers in gone.items()
    }


class _Lines:
    """The lines of files, each read once."""

    def __init__(self, tree: WorkTree) -> None:
        self._tree = tree
        self._files: dict[str, list[bytes]] = {}

    def of(self, path: str) -> list[bytes]:
        if path not in self._files:
            self._files[path] = self._tree.read(path).splitlines(keepends=True)
        return self._files[path]

    def has(self, inventory: Inventory, ref: Ref) -> bool:
        at = inventory.at(ref)
        if at is None:
            return False
        line = self.of(at.file)[at.line - 1]
        return line.rstrip(b"\r\n") == entry(ref).encode()
