"""What only all resources together can show: doubles, loose ends and cycles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from reconciler.inventory.index import Index
from reconciler.inventory.parts import COVERED
from reconciler.inventory.rows import Edge
from reconciler.inventory.shared import SUBSCRIPTION
from reconciler.model import Ref

K = TypeVar("K", bound=Hashable)


class Double(NamedTuple):
    """Rows that share an address or a uid, in the order of the files."""

    rows: tuple[int, ...]
    shared: str


def same_address(index: Index) -> list[Double]:
    """Return the addresses that several rows have."""
    if len(index.row_of) == len(index):
        return []
    rows: dict[Ref, list[int]] = defaultdict(list)
    for row, ref in enumerate(index.refs):
        rows[ref].append(row)
    return [
        Double(tuple(same), str(ref)) for ref, same in rows.items() if len(same) > 1
    ]


def same_uid(index: Index) -> list[Double]:
    """Return the uids that several rows of one kind have; a name is a uid too."""
    rows: dict[Ref, list[int]] = defaultdict(list)
    for row, uid in index.uids.items():
        rows[Ref(index.kinds[row], uid)].append(row)
    for key, same in rows.items():
        other = index.row_of.get(key)
        if other is not None and other not in index.uids:
            same.append(other)
    return [
        Double(tuple(sorted(same)), key.name)
        for key, same in rows.items()
        if len(same) > 1
    ]


def covered_twice(index: Index) -> list[Double]:
    """Return what several Subscriptions are paid for."""
    rows: dict[Ref, list[int]] = defaultdict(list)
    if SUBSCRIPTION in index.kinds:
        for row, kind in enumerate(index.kinds):
            if kind == SUBSCRIPTION:
                for ref in covered(index, row):
                    rows[ref].append(row)
    return [Double(tuple(n), str(ref)) for ref, n in rows.items() if len(n) > 1]


def covered(index: Index, row: int) -> list[Ref]:
    """Return what the Subscription of *row* is paid for."""
    edges = index.edges_of(row)
    return [Ref(edge.kind, edge.name) for edge in edges if edge.kind in COVERED]


def loose(index: Index) -> Iterator[tuple[int, Edge]]:
    """Yield each row with a reference to something that is not there."""
    there = index.row_of
    ends = {
        number: [
            edge
            for edge in index.edge_table[number]
            if (edge.kind, edge.name) not in there
        ]
        for number in index.used_edges()
    }
    bad = {number: found for number, found in ends.items() if found}
    if not bad:
        return
    for row, number in enumerate(index.edges):
        for edge in bad.get(number, ()):
            yield row, edge


def cycles(index: Index) -> list[list[int]]:
    """
    Return the cycles of the references that order actions, each once.

    A cycle of resources is a cycle of kinds too, and kinds are few: only those that
    lead back to themselves have to be looked at.
    """
    between: dict[str, set[str]] = defaultdict(set)
    for kind, number in set(zip(index.kinds, index.edges, strict=True)):
        between[kind] |= {e.kind for e in index.edge_table[number] if e.orders}
    back = {kind for kind in list(between) if kind in _reached(kind, between)}
    if not back:
        return []
    there = index.row_of
    graph = {
        row: [
            there[Ref(edge.kind, edge.name)]
            for edge in index.edges_of(row)
            if edge.orders and (edge.kind, edge.name) in there
        ]
        for row, kind in enumerate(index.kinds)
        if kind in back
    }
    return _cycles(list(graph), graph)


def _reached(start: str, graph: Mapping[str, Iterable[str]]) -> set[str]:
    """Return every kind that *start* leads to."""
    found: set[str] = set()
    todo = list(graph.get(start, ()))
    while todo:
        kind = todo.pop()
        if kind not in found:
            found.add(kind)
            todo += graph.get(kind, ())
    return found


def _cycles(starts: Sequence[K], graph: Mapping[K, Iterable[K]]) -> list[list[K]]:
    """Return one cycle for each way back found by a walk, deepest first."""
    found: list[list[K]] = []
    done: set[K] = set()
    for start in starts:
        if start in done:
            continue
        path: list[K] = [start]
        on_path = {start}
        ways = [iter(graph.get(start, ()))]
        while ways:
            following = next(ways[-1], None)
            if following is None:
                ways.pop()
                left = path.pop()
                on_path.discard(left)
                done.add(left)
            elif following in on_path:
                found.append(path[path.index(following) :])
            elif following not in done:
                path.append(following)
                on_path.add(following)
                ways.append(iter(graph.get(following, ())))
    return found
