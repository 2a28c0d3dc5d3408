"""Where in a text each value of a YAML file begins and really ends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from reconciler.inventory.node import Path

__all__ = ["Layout", "MappingNode", "Node", "ScalarNode", "SequenceNode", "Stuck"]

_BLANK = re.compile(r"\s*")


class Stuck(Exception):
    """The text is written in a way that this cannot change without harm."""


class Layout:
    """
    One file's text, with the nodes of its documents.

    Attributes:
        text: Without a byte order mark.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        loader: Any = yaml.CSafeLoader
        self.roots: Sequence[Node | None] = list(yaml.compose_all(text, Loader=loader))

    def at(self, path: Path) -> Node | None:
        """Return the node at *path*: the document's number, then keys."""
        number, *keys = path
        node = self.roots[number] if isinstance(number, int) else None
        for key in keys:
            pair = self.pair(node, str(key))
            node = pair[1] if pair else None
        return node

    @staticmethod
    def pair(node: Node | None, key: str) -> tuple[Node, Node] | None:
        """Return the key's node and the value's in a mapping; None if not there."""
        if isinstance(node, MappingNode):
            for found, value in node.value:
                if isinstance(found, ScalarNode) and found.value == key:
                    return found, value
        return None

    @staticmethod
    def start(node: Node) -> int:
        """Return the index of the node's first character."""
        index: int = node.start_mark.index
        return index

    def end(self, node: Node) -> int:
        """
        Return the index after the node's last character.

        A parser ends a block where the next thing begins; what stands between, such
        as comments, is not part of it.
        """
        index: int = node.end_mark.index
        if isinstance(node, ScalarNode):
            if node.style in {"|", ">"}:
                return len(self.text[:index].rstrip())
            return index
        if not isinstance(node, CollectionNode) or node.flow_style or not node.value:
            return index
        last = node.value[-1]
        return self.end(last[1] if isinstance(last, tuple) else last)

    def written(self, node: Node) -> str:
        """Return the node as it is written."""
        return self.text[self.start(node) : self.end(node)]

    def line_start(self, index: int) -> int:
        """Return the index of the first character of the line of *index*."""
        return self.text.rfind("\n", 0, index) + 1

    def line_end(self, index: int) -> int:
        """Return the index after the line break of *index*'s line."""
        found = self.text.find("\n", index)
        return len(self.text) if found < 0 else found + 1

    def column(self, node: Node) -> int:
        """Return how far the node is from the beginning of its line."""
        return self.start(node) - self.line_start(self.start(node))

    def colon(self, key: Node) -> int:
        """Return the index after the colon of a key."""
        found = _BLANK.match(self.text, self.end(key))
        at = found.end() if found else self.end(key)
        if self.text[at : at + 1] != ":":
            raise Stuck("a key without a colon beside it")
        return at + 1

    def dash(self, item: Node) -> int:
        """Return the index of the dash before an item of a block sequence."""
        before = self.text[: self.start(item)].rstrip()
        if not before.endswith("-"):
            raise Stuck("an item without a dash beside it")
        at = len(before) - 1
        if self.text[self.line_start(at) : at].strip():
            raise Stuck("an item that shares its line")
        return at

    @property
    def newline(self) -> str:
        """How lines end in this file."""
        return "\r\n" if "\r\n" in self.text else "\n"
