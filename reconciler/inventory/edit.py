"""
Edits of YAML files by hand's rules: only what changes is touched.

Values are cut out of the text and put into it at their places, so that comments,
order, quotes and widths of everything else stay as they are, byte for byte.
(Reading and dumping a file, as ``ruamel.yaml`` does, keeps comments, but not the
indentation, spacing and folding of lines that nobody asked to change.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from reconciler.inventory.emit import block, flow, scalar
from reconciler.inventory.layout import (
    Layout,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    Stuck,
)
from reconciler.inventory.node import Path
from reconciler.model import Edit, ItemEdit, Rewrite


class Patch(NamedTuple):
    """The text between two places, and what takes its place."""

    start: int
    stop: int
    text: str


class Place(NamedTuple):
    """A change and the path of the spec that it is to be made in."""

    where: Path
    change: Rewrite


def edited(text: str, places: Sequence[Place]) -> tuple[str, list[str | None]]:
    """
    Return *text* after its changes, and for each why it could not be made.

    What is stuck is left as it is; the others are made all the same. A file is read
    again for the second change to one document, and not for each of many documents.
    """
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    failed: list[str | None] = [None] * len(places)
    todo = list(enumerate(places))
    while todo:
        layout = Layout(text)
        patches: list[Patch] = []
        taken: set[Path] = set()
        later = []
        for number, place in todo:
            if place.where in taken:
                later.append((number, place))
                continue
            taken.add(place.where)
            try:
                patches += _patches(layout, place)
            except Stuck as why:
                failed[number] = str(why)
        for patch in sorted(patches, reverse=True):
            text = text[: patch.start] + patch.text + text[patch.stop :]
        todo = later
    return mark + text, failed


def _patches(layout: Layout, place: Place) -> list[Patch]:
    editor, change = _Editor(layout, place.where), place.change
    if isinstance(change, ItemEdit):
        return editor.set_item(change)
    return editor.set_value(change)


class _Editor:
    """The patches of one change to one spec."""

    def __init__(self, layout: Layout, where: Path) -> None:
        self._layout = layout
        self._where = where

    # -- one value -------------------------------------------------------------

    def set_value(self, change: Edit) -> list[Patch]:
        """Return what makes the value at the change's path what it shall be."""
        node = self._layout.at((*self._where, *change.path))
        if node is None:
            return self._put(change.path, change.value)
        return self._replace(node, change.value)

    def _put(self, path: Sequence[str], value: Any) -> list[Patch]:
        """Write what is not written yet below the deepest mapping that is."""
        whole: Path = (*self._where, *path)
        for depth in range(len(whole) - 1, 0, -1):
            node = self._layout.at(whole[:depth])
            if node is None:
                continue
            key, *inner = whole[depth:]
            for step in reversed(inner):
                value = {step: value}
            return self._insert(whole[:depth], node, str(key), value)
        raise Stuck("the document is not where it was")

    def _insert(self, path: Path, node: Node, key: str, value: Any) -> list[Patch]:
        layout = self._layout
        if isinstance(node, ScalarNode) and node.value == "" and not node.style:
            owner = layout.pair(layout.at(path[:-1]), str(path[-1]))
            if owner is None:
                raise Stuck("an empty document")
            at = layout.colon(owner[0])
            return [Patch(at, at, f" {flow({key: value})}")]
        if not isinstance(node, MappingNode):
            raise Stuck(f"{path[-1]} is no mapping")
        if node.flow_style:
            return [self._into_flow(node, f"{scalar(key)}: {flow(value)}")]
        last = node.value[-1]
        indent = layout.column(node.value[0][0])
        lines = block(key, value, indent)
        return [self._after_line(layout.end(last[1]), lines)]

    def _into_flow(self, node: Any, words: str) -> Patch:
        """Add *words* at the end of a flow mapping or sequence."""
        layout = self._layout
        if not node.value:
            inside = layout.start(node) + 1
            return Patch(inside, inside, words)
        last = node.value[-1]
        at = layout.end(last[1] if isinstance(last, tuple) else last)
        return Patch(at, at, f", {words}")

    def _after_line(self, index: int, lines: Any) -> Patch:
        """Add whole lines after the line of *index*."""
        layout = self._layout
        at = layout.line_end(index)
        text = "".join(f"{line}{layout.newline}" for line in lines)
        if at and layout.text[at - 1] != "\n":
            text = layout.newline + text.removesuffix(layout.newline)
        return Patch(at, at, text)

    # -- replacing -------------------------------------------------------------

    def _replace(self, node: Node, value: Any) -> list[Patch]:
        layout = self._layout
        if isinstance(node, ScalarNode) and not isinstance(value, (list, dict)):
            text = scalar(value, node.style if node.style in {"'", '"'} else None)
            gap = " " if node.value == "" and not node.style else ""
            return [Patch(layout.start(node), layout.end(node), gap + text)]
        if isinstance(node, SequenceNode) and isinstance(value, list):
            return self._sequence(node, value)
        return self._whole(node, value)

    def _whole(self, node: Node, value: Any) -> list[Patch]:
        """Write *value* in place of all of what is there, if that is in one line."""
        layout = self._layout
        if "\n" in layout.written(node):
            raise Stuck("what is there has lines of its own")
        gap = " " if layout.start(node) == layout.end(node) else ""
        return [Patch(layout.start(node), layout.end(node), gap + flow(value))]

    def _sequence(self, node: SequenceNode, value: list[Any]) -> list[Patch]:
        """Change a list of scalars: what stays in it stays as it is written."""
        if not all(isinstance(item, ScalarNode) for item in node.value):
            raise Stuck("a list of other things than words")
        new = list(dict.fromkeys(map(str, value)))
        kept = {item.value for item in node.value} & set(new)
        added = [word for word in new if word not in kept]
        old = [item for item in node.value if item.value not in kept]
        patches = [
            patch
            for item, word in zip(old, added, strict=False)
            for patch in self._replace(item, word)
        ]
        spare, more = old[len(added) :], added[len(old) :]
        if spare and len(spare) == len(node.value):
            return self._whole(node, [])
        if spare:
            patches += self._without(node, spare)
        elif more:
            patches += self._with(node, [scalar(word) for word in more])
        return patches

    def _with(self, node: SequenceNode, words: Sequence[str]) -> list[Patch]:
        if node.flow_style:
            return [self._into_flow(node, ", ".join(words))]
        layout = self._layout
        last = node.value[-1]
        at = layout.dash(last)
        margin = layout.text[layout.line_start(at) : at]
        lines = [f"{margin}- {word}" for word in words]
        return [self._after_line(layout.end(last), lines)]

    def _without(self, node: SequenceNode, spare: Sequence[Node]) -> list[Patch]:
        if not node.flow_style:
            return [self._line_of(item) for item in spare]
        return list(self._out_of_flow(node, spare))

    def _line_of(self, item: Node) -> Patch:
        """Take an item of a block sequence away, with the whole lines it has."""
        layout = self._layout
        start = layout.line_start(layout.dash(item))
        return Patch(start, layout.line_end(layout.end(item)), "")

    def _out_of_flow(
        self, node: SequenceNode, spare: Sequence[Node]
    ) -> Iterator[Patch]:
        """Take items of a flow sequence away, with their commas and blanks."""
        layout = self._layout
        before: Node | None = None
        for goes, run in groupby(node.value, key=spare.__contains__):
            items = list(run)
            if not goes:
                before = items[-1]
                continue
            after = node.value.index(items[-1]) + 1
            if after < len(node.value):
                start, stop = layout.start(items[0]), layout.start(node.value[after])
            else:
                start = layout.end(before) if before else layout.start(items[0])
                stop = layout.end(items[-1])
            if "\n" in layout.text[start:stop] and "#" in layout.text[start:stop]:
                raise Stuck("there may be a comment between the items")
            yield Patch(start, stop, "")

    # -- items that are known by some of their fields ----------------------------

    def set_item(self, change: ItemEdit) -> list[Patch]:
        """Return what makes an item of a list what it shall be."""
        path: Path = (*self._where, *change.path)
        node = self._layout.at(path)
        item = self._item(node, change.key)
        if item is not None and isinstance(node, SequenceNode):
            if change.fields is None:
                return self._drop(path, node, item)
            return self._fields(item, change.fields)
        if change.fields is None:
            raise Stuck("it is written somewhere else, where others may use it")
        row = {**change.key, **change.whole}
        if node is None:
            return self._put(change.path, [row])
        if isinstance(node, SequenceNode) and node.value:
            return self._with(node, [flow(row)])
        if isinstance(node, SequenceNode):
            return [self._into_flow(node, flow(row))]
        return self._replace(node, [row])

    @staticmethod
    def _item(node: Node | None, key: Mapping[str, str]) -> MappingNode | None:
        for item in node.value if isinstance(node, SequenceNode) else ():
            if isinstance(item, MappingNode):
                said = {k.value: v.value for k, v in item.value}
                have = {name: str(said.get(name, "")).lower() for name in key}
                if have == {name: word.lower() for name, word in key.items()}:
                    return item
        return None

    def _drop(self, path: Path, node: SequenceNode, item: Node) -> list[Patch]:
        layout = self._layout
        if len(node.value) > 1:
            return self._without(node, [item])
        if node.flow_style:
            start, stop = layout.start(item), layout.end(item)
            return [Patch(start, stop, "")]
        owner = layout.pair(layout.at(path[:-1]), str(path[-1]))
        if owner is None:
            raise Stuck("a list without a key")
        at = layout.colon(owner[0])
        return [Patch(at, at, " []"), self._line_of(item)]

    def _fields(self, item: MappingNode, fields: Mapping[str, Any]) -> list[Patch]:
        layout = self._layout
        patches: list[Patch] = []
        gone = [name for name, value in fields.items() if value is None]
        come = [name for name, value in fields.items() if value is not None]
        fresh = []
        for name in come:
            pair = layout.pair(item, name)
            if pair is not None:
                patches += self._replace(pair[1], fields[name])
            elif gone:
                old = layout.pair(item, gone.pop())
                if old is None or "\n" in layout.written(old[1]):
                    raise Stuck("what gives way has lines of its own")
                start, stop = layout.start(old[0]), layout.end(old[1])
                text = f"{scalar(name)}: {flow(fields[name])}"
                patches.append(Patch(start, stop, text))
            else:
                fresh.append(name)
        for name in fresh:
            patches += self._insert((0, "item"), item, name, fields[name])
        return patches
