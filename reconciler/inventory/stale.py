"""Which files of a tree have to be looked at again since it was kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from reconciler.inventory.defaults import is_defaults
from reconciler.inventory.includes import SNIPPET
from reconciler.inventory.index import Index, Slice
from reconciler.inventory.parts import PROFILE
from reconciler.inventory.shared import (
    ACCOUNT,
    DUNNING,
    INVOICING,
    METHOD,
    PAYER,
    PLAN,
    SERVER,
    SHARED,
    SUBSCRIPTION,
)
from reconciler.model import Ref

_MAKERS = frozenset((PROFILE, PLAN))
#: What nothing but Subscriptions is made from.
_ONLY_TERMS = frozenset((ACCOUNT, PAYER, METHOD, INVOICING, DUNNING))
#: What of it a Subscription names; the rest is named by that.
_NAMED = _ONLY_TERMS - {METHOD}
#: Kind -> the kind by which it leads there. A vendor decides who may collect.
_LEADS = {SERVER: METHOD, METHOD: PAYER, PLAN: ACCOUNT}
#: The policies that are used without being named.
_USUAL = frozenset((Ref(INVOICING, "default"), Ref(DUNNING, "standard")))


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
    an account that names others, so that any plan concerns them all. Subscriptions
    are made from what they name, and from what that names.
    """
    wanted = set(refs)
    if not wanted:
        return set()
    terms = _of_terms(base, wanted)
    plans = any(ref.kind == PLAN for ref in wanted)
    made = {ref for ref in wanted if ref.kind not in _ONLY_TERMS}
    if not (terms or plans or made):
        return set()
    numbers = {
        number
        for number, edges in enumerate(base.edge_table)
        if any(
            (edge.kind, edge.name) in terms
            or (
                (edge.kind, edge.name) in made
                and (edge.kind == SNIPPET or any(e.kind in _MAKERS for e in edges))
            )
            or (plans and edge.kind == PLAN)
            for edge in edges
        )
    }
    found = {
        part.path
        for part in kept.values()
        if numbers and not numbers.isdisjoint(base.edges[part.start : part.stop])
    }
    if not _USUAL.isdisjoint(wanted):
        found |= {
            part.path
            for part in kept.values()
            if SUBSCRIPTION in base.kinds[part.start : part.stop]
        }
    return found


def _of_terms(base: Index, refs: set[Ref]) -> set[Ref]:
    """
    Return what a Subscription names, and what is or leads to one of *refs*.

    A method leads to the customers that pay with it, a plan to the accounts on it.
    """
    if SUBSCRIPTION not in base.kinds:
        return set()
    found = set(refs)
    ends = {ref for ref in refs if ref.kind in _LEADS}
    while ends:
        numbers = {
            number
            for number, edges in enumerate(base.edge_table)
            if any((edge.kind, edge.name) in ends for edge in edges)
        }
        by = {_LEADS[ref.kind] for ref in ends}
        ends = {
            Ref(kind, name)
            for kind, name, number in zip(
                base.kinds, base.names, base.edges, strict=True
            )
            if kind in by and number in numbers
        }
        found |= ends
        ends = {ref for ref in ends if ref.kind in _LEADS}
    return {ref for ref in found if ref.kind in _NAMED}
