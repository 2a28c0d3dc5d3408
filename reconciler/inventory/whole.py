"""What is wrong with all resources together, as complaints with places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from reconciler.inventory import graph
from reconciler.inventory.complaint import Complaint, did_you_mean, shown
from reconciler.inventory.index import Index
from reconciler.inventory.loaded import Loaded
from reconciler.inventory.origin import Layer, place
from reconciler.inventory.parts import SITE
from reconciler.inventory.rows import Edge, target
from reconciler.model import Ref

_MANY = 3


class Failed(NamedTuple):
    """A resource that is not valid; its references are checked all the same."""

    kind: str
    spec: Any
    layers: Sequence[Layer]
    user: str


class Whole:
    """
    Checks a whole tree.

    Attributes:
        claims: Addresses that are there, although their resources are not valid.
        broken: The text of files whose addresses are not known at all.
        failed: The resources that are not valid.
    """

    def __init__(self) -> None:
        self.claims: set[Ref] = set()
        self.broken: list[str] = []
        self.failed: list[Failed] = []

    def complaints(self, loaded: Loaded) -> Iterator[Complaint]:
        """Yield everything that is wrong."""
        yield from self._doubles(loaded)
        yield from self._loose(loaded)
        yield from self._loose_failed(loaded)
        yield from self._covered(loaded)
        for cycle in graph.cycles(loaded.index):
            yield _cycle(loaded, cycle)

    def _doubles(self, loaded: Loaded) -> Iterator[Complaint]:
        index = loaded.index
        for double in graph.same_address(index):
            if _of_one_site(index, double.rows):
                continue  # the Site itself is there twice, and says so
            first = loaded.location(double.rows[0])
            for row in double.rows[1:]:
                made = sorted({index.sites[n] for n in double.rows if n in index.sites})
                by = f" ({', '.join(f'{SITE}/{name} makes it' for name in made)})"
                what = f"{double.shared} is there already, at {first}"
                what += by if made else ""
                yield Complaint("E131", loaded.location(row), what)
        for double in graph.same_uid(index):
            if all(row in index.sites for row in double.rows):
                continue  # it is the uid of two Sites
            first_row, *others = double.rows
            first = loaded.location(first_row)
            for row in others:
                if index.refs[row] == index.refs[first_row]:
                    continue
                at = loaded.locate(index.refs[row], "metadata.uid")
                what = (
                    f"{index.refs[row]}: the uid {shown(double.shared)} is that of "
                    f"{index.refs[first_row]}, at {first}"
                )
                yield Complaint("E132", at or loaded.location(row), what)

    def _covered(self, loaded: Loaded) -> Iterator[Complaint]:
        """Yield the Subscriptions that are paid for what others are paid for."""
        index = loaded.index
        twice: dict[tuple[int, int], list[str]] = {}
        for double in graph.covered_twice(index):
            live = [row for row in double.rows if not _ended(loaded, row)]
            for row in live[1:]:
                if index.refs[row] != index.refs[live[0]]:
                    twice.setdefault((live[0], row), []).append(double.shared)
        for (first, row), things in twice.items():
            refs = index.refs
            more = f" and {len(things) - 1} more" if len(things) > 1 else ""
            what = (
                f"{refs[row]}: {things[0]}{more} is paid for by {refs[first]} already, "
                f"at {loaded.location(first)}"
            )
            at = loaded.locate(refs[row], "spec.covers")
            yield Complaint("E148", at or loaded.location(row), what)

    def _missing(self, edge: Edge, loaded: Loaded) -> bool:
        ref = Ref(edge.kind, edge.name)
        if ref in loaded.index.row_of or ref in self.claims:
            return False
        return not any(edge.name in text for text in self.broken)

    def _loose(self, loaded: Loaded) -> Iterator[Complaint]:
        for row, edge in graph.loose(loaded.index):
            if self._missing(edge, loaded):
                kind = loaded.index.kinds[row]
                site = Ref(SITE, loaded.index.sites.get(row, ""))
                author = loaded.index.row_of.get(site, row)
                at = loaded.location(author)
                user = f"{at.file}:{at.line} {loaded.index.refs[author]}"
                failed = Failed(kind, loaded.spec(row), loaded.layers(row), user)
                yield from _named(loaded, failed, edge)

    def _loose_failed(self, loaded: Loaded) -> Iterator[Complaint]:
        for failed in self.failed:
            for edge in edges(loaded.kinds()[failed.kind], failed.spec):
                if self._missing(edge, loaded):
                    yield from _named(loaded, failed, edge)


def _ended(loaded: Loaded, row: int) -> bool:
    return loaded.spec(row).get("state") == "terminated"


def _of_one_site(index: Index, rows: Sequence[int]) -> bool:
    return len({index.sites.get(row, "") for row in rows}) == 1 and all(
        row in index.sites for row in rows
    )


def edges(model: Any, spec: Any) -> set[Edge]:
    """Return the references in *spec*, each once."""
    from reconciler.inventory.shape import references, shape_of  # noqa: PLC0415

    shape = shape_of(model).fields.get("spec")
    named = references(shape, spec) if shape else ()
    return {Edge(each.to.kind, target(each.name), each.to.edge) for each in named}


def _named(loaded: Loaded, failed: Failed, edge: Edge) -> Iterator[Complaint]:
    """Yield a complaint for each place that names *edge*."""
    from reconciler.inventory.sentences import dotted  # noqa: PLC0415
    from reconciler.inventory.shape import references, shape_of  # noqa: PLC0415

    shape = shape_of(loaded.kinds()[failed.kind]).fields["spec"]
    names = [ref.name for ref in loaded.index.refs if ref.kind == edge.kind]
    hint = did_you_mean(edge.name, names, f"declare {edge.kind}/{shown(edge.name)}")
    for each in references(shape, failed.spec, ("spec",)):
        if each.to.kind != edge.kind or target(each.name) != edge.name:
            continue
        found = loaded.places.find(failed.layers, each.path)
        if found is None:
            continue
        at = place(found.layer.file, found.node)
        what = (
            f"{found.layer.name}: {dotted(found.path)}: "
            f"there is no {edge.kind}/{shown(each.name)}"
        )
        user = None if found.layer.own else failed.user
        yield Complaint("E133", at, what, hint, user)


def _cycle(loaded: Loaded, rows: Sequence[int]) -> Complaint:
    refs = [loaded.index.refs[row] for row in rows]
    start = min(range(len(refs)), key=lambda number: refs[number])
    ring = [*refs[start:], *refs[:start]]
    way = [str(ref) for ref in ring]
    if len(way) > 2 * _MANY:
        way = [*way[:_MANY], "...", *way[-_MANY:]]
    what = f"a cycle of references: {' -> '.join([*way, way[0]])}"
    return Complaint("E134", loaded.location(rows[start]), what)


def claim(kind: str, name: str) -> Ref:
    """Return the address that an invalid resource still occupies."""
    return Ref(kind, target(name))
