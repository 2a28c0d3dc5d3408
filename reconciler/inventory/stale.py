"""Which files of a tree have to be looked at again since it was kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from reconciler.inventory.defaults import is_defaults
from reconciler.inventory.includes import SNIPPET
from reconciler.inventory.index import Index, Slice
from reconciler.inventory.parts import PROFILE
from reconciler.inventory.shared import PLAN, SHARED
from reconciler.model import Ref

_MAKERS = frozenset((PROFILE, PLAN))


class Compared(NamedTuple):
    """What can be taken over, and the files that cannot."""

    kept: dict[str, Slice]
    changed: list[str]


def compare(base: Index, files: Mapping[str, str]) -> Compared:
    """
    Return which files of *base* are as in *files*, their defaults included.

    Changed files come outer folders first, because what is shared lies there.
    """
    old = {part.path: part.blob for part in base.slices}
    if old == files:
        return Compared({part.path: part for part in base.slices}, [])
    moved = [
        path.rpartition("/")[0]
        for path in {*old, *files}
        if is_defaults(path) and old.get(path) != files.get(path)
    ]
    below = tuple(f"{folder}/" if folder else "" for folder in moved)
    kept = {
        part.path: part
        for part in base.slices
        if files.get(part.path) == part.blob and not part.path.startswith(below)
    }
    changed = [path for path in files if path not in kept]
    return Compared(kept, sorted(changed, key=lambda path: (path.count("/"), path)))


def shared(base: Index, kept: Mapping[str, Slice]) -> dict[Ref, str]:
    """Return what others are made from and was not kept, with its digests."""
    return {
        Ref(base.kinds[row], base.names[row]): base.digest(row)
        for part in base.slices
        if part.path not in kept
        for row in range(part.start, part.stop)
        if base.kinds[row] in SHARED
    }


def users(base: Index, kept: Mapping[str, Slice], refs: Iterable[Ref]) -> set[str]:
    """
    Return the kept files in which something is made from one of *refs*.

    Whatever names a RecordSet is; of the others it is Sites, which alone name a
    SiteProfile, and accounts, which name a HostingPlan. A plan may lie on the way of
    an account that names others, so that any plan concerns them all.
    """
    wanted = set(refs)
    if not wanted:
        return set()
    plans = any(ref.kind == PLAN for ref in wanted)
    numbers = {
        number
        for number, edges in enumerate(base.edge_table)
        if any(
            (
                (edge.kind, edge.name) in wanted
                and (edge.kind == SNIPPET or any(e.kind in _MAKERS for e in edges))
            )
            or (plans and edge.kind == PLAN)
            for edge in edges
        )
    }
    if not numbers:
        return set()
    return {
        part.path
        for part in kept.values()
        if not numbers.isdisjoint(base.edges[part.start : part.stop])
    }
