"""YAML text once more, slowly, with the place of every key and value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from yaml import YAMLError
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from reconciler.inventory.node import Node
from reconciler.inventory.parse import MAX_DEPTH


def _node(event: Any, key_at: tuple[int, int] | None) -> Node:
    return Node(event, key_at, sequence=isinstance(event, SequenceStartEvent))


def nodes(text: str) -> list[Node]:
    """Return the root of each document; those before an error if there is one."""
    roots: list[Node] = []
    try:
        _read(_events(text), roots)
    except YAMLError:
        return roots
    return roots


def _events(text: str) -> Iterator[Any]:
    parser = CParser(text.removeprefix("\ufeff"))
    while (event := parser.get_event()) is not None:
        yield event


class _Open:
    """A mapping or sequence whose end has not come yet."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.key: Any = None

    def add(self, event: Any) -> Node | None:
        """Place *event* as the next value; None if it is a key."""
        if self.node.sequence:
            child = _node(event, None)
            self.node.children[len(self.node.children)] = child
            return child
        if self.key is None:
            self.key = event
            return None
        mark = self.key.start_mark
        child = _node(event, (mark.line + 1, mark.column + 1))
        key = getattr(self.key, "value", "")
        self.node.children.setdefault(key, child)
        self.key = None
        return child


def _read(events: Iterator[Any], roots: list[Node]) -> None:
    stack: list[_Open] = []
    for event in events:
        if isinstance(event, (MappingEndEvent, SequenceEndEvent)):
            done = stack.pop().node
            if stack:
                stack[-1].node.last = max(stack[-1].node.last, done.last)
        elif isinstance(
            event, (ScalarEvent, AliasEvent, MappingStartEvent, SequenceStartEvent)
        ):
            child = stack[-1].add(event) if stack else _node(event, None)
            if not stack and child:
                roots.append(child)
            if child and stack:
                stack[-1].node.last = max(stack[-1].node.last, child.last)
            if isinstance(event, (MappingStartEvent, SequenceStartEvent)):
                stack.append(_Open(child or _node(event, None)))
            if len(stack) > MAX_DEPTH:
                return
