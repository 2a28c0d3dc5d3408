"""A value in a YAML file, its place and what is below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Step = str | int
Path = tuple[Step, ...]


class Node:
    """
    A value and where it stands; lines and columns from 1.

    Attributes:
        text: What is written, of a scalar.
        key_at: The place of the key the value stands behind, in a mapping.
        children: By key or by index.
        last: The last line on which the value, or what is in it, begins.
    """

    __slots__ = ("at", "children", "key_at", "last", "sequence", "text")

    def __init__(
        self, event: Any, key_at: tuple[int, int] | None, *, sequence: bool = False
    ) -> None:
        mark = event.start_mark
        self.at = (mark.line + 1, mark.column + 1)
        self.key_at = key_at
        self.text: str | None = getattr(event, "value", None)
        self.children: dict[Step, Node] = {}
        self.sequence = sequence
        self.last = self.at[0]

    @property
    def start(self) -> tuple[int, int]:
        """Where the key stands, else the value."""
        return self.key_at or self.at

    def find(self, path: Sequence[Step]) -> Node | None:
        """Return the value at *path*, None if it is not written here."""
        node: Node | None = self
        for step in path:
            node = node.children.get(step) if node else None
        return node

    def nearest(self, path: Sequence[Step]) -> tuple[Node, int]:
        """Return the deepest value on the way to *path*, and how deep it is."""
        node = self
        for depth, step in enumerate(path):
            below = node.children.get(step)
            if below is None:
                return node, depth
            node = below
        return node, len(path)

    def record(self, name: str, rtype: str) -> Step | None:
        """Return the index of the record of *name* and *rtype* in this list."""
        for step, child in self.children.items():
            have = [child.children.get("name"), child.children.get("type")]
            texts = [node.text or "" if node else "" for node in have]
            if (texts[0].lower(), texts[1]) == (name, rtype):
                return step
        return None

    def item(self, key: str, text: str) -> Step | None:
        """Return the index of the mapping in this list whose *key* is *text*."""
        for step, child in self.children.items():
            below = child.children.get(key)
            if below and below.text == text:
                return step
        return None
