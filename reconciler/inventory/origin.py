"""Where a value was written: in the document itself, in a RecordSet or in defaults."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from reconciler.errors import InventoryError
from reconciler.inventory.merge import KEYED
from reconciler.inventory.node import Node, Path, Step
from reconciler.inventory.source import MAX_BYTES, Source
from reconciler.model.location import Location

T = TypeVar("T")


class Layer(NamedTuple):
    """
    One of the places that an effective resource is made from.

    Attributes:
        file: The file, and *base* the path of the values in it.
        under: The path of the same values in the effective resource.
        shown: That path as it is for who wrote it: a RecordSet has no ``dns``.
        name: How messages name what is written there.
        own: Whether it is the document itself.
    """

    file: str
    base: Path
    under: Path
    shown: Path
    name: str
    own: bool = False


class Found(NamedTuple):
    """The value, or the nearest above it that was written."""

    layer: Layer
    node: Node
    path: Path
    exact: bool


class Places:
    """The places in the files of one source; each file is read again at most once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._nodes: dict[str, list[Node]] = {}
        self._indexes: dict[str, Any] = {}

    def roots(self, file: str) -> list[Node]:
        """Return the documents of *file*; none if it cannot be read (any more)."""
        if file not in self._nodes:
            from reconciler.inventory.places import nodes  # noqa: PLC0415  (yaml)

            try:
                data = self._source.read(file)[:MAX_BYTES]
                self._nodes[file] = nodes(data.decode("utf-8-sig"))
            except (InventoryError, UnicodeDecodeError):
                self._nodes[file] = []
        return self._nodes[file]

    def indexed(self, file: str, index: Callable[[Sequence[Node]], T]) -> T:
        """Return the *index* of the documents of *file*, made once."""
        if file not in self._indexes:
            self._indexes[file] = index(self.roots(file))
        found: T = self._indexes[file]
        return found

    def node(self, file: str, path: Path) -> Node | None:
        """Return what is at *path* in *file*, or the nearest above it."""
        roots = self.roots(file)
        number = path[0]
        if not isinstance(number, int) or number >= len(roots):
            return None
        return roots[number].nearest(path[1:])[0]

    def location(self, file: str, path: Path, *, key: bool = False) -> Location:
        """Return the place of the value at *path*, or of its *key*."""
        node = self.node(file, path)
        return place(file, node, key=key)

    def find(self, layers: Sequence[Layer], path: Path) -> Found | None:
        """
        Return where the value at the effective *path* was written.

        A record is named by a step ``name/TYPE`` or by its index. The layer that
        knows most of the way wins, the first of several.
        """
        best: Found | None = None
        most = -1
        for layer in layers:
            if path[: len(layer.under)] != layer.under:
                continue
            found, depth = self._in_layer(layer, path)
            if found and depth > most:
                best, most = found, depth
        return best

    def _in_layer(self, layer: Layer, path: Path) -> tuple[Found | None, int]:
        roots = self.roots(layer.file)
        number, *base = layer.base
        if not isinstance(number, int) or number >= len(roots):
            return None, -1
        node = roots[number].find(base)
        if node is None:
            return None, -1
        steps: list[Step] = []
        for step in path[len(layer.under) :]:
            key = _in_list(node, step, (*layer.under, *steps))
            below = None if key is None else node.children.get(key)
            if below is None or key is None:
                break
            steps.append(key)
            node = below
        depth = len(layer.under) + len(steps)
        whole = (*layer.shown, *steps, *path[depth:])
        return Found(layer, node, whole, depth == len(path)), depth


def _in_list(node: Node, step: Step, at: Path) -> Step | None:
    """Return the step as it is in the file: records are found by name and type."""
    if at and at[-1] == "records" and isinstance(step, str):
        name, _, rtype = step.rpartition("/")
        return node.record(name.lower(), rtype)
    if at and at[-1] in KEYED and isinstance(step, str):
        return node.item("target", step)
    return step


def place(file: str, node: Node | None, *, key: bool = False) -> Location:
    """Return the location of *node*, the file's beginning if there is none."""
    if node is None:
        return Location(file, 1, 1)
    return Location(file, *(node.start if key else node.at))


_STEP = re.compile(r"\[([^\]]*)\]|([^.\[\]]+)")


def path_of(field: str) -> Path:
    """Return the path that *field* (``spec.dns.records[www/A]``) names."""
    steps: list[Step] = []
    for found in _STEP.finditer(field):
        inner = found[1]
        if inner is not None and inner.isdigit():
            steps.append(int(inner))
        else:
            steps.append(inner if inner is not None else found[2])
    return tuple(steps)
