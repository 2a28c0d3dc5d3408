"""Whether what is backed up is what the policy says today. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

from reconciler.kinds.backup.case import Case
from reconciler.kinds.backup.drilling import kinds_of
from reconciler.kinds.backup.origin import ORIGIN

_DAY: Final = timedelta(days=1)


def uncovered(case: Case) -> Iterator[tuple[str, list[str]]]:
    """Yield each source of which the newest snapshot lacks paths, and which ones."""
    if case.makes:
        return
    for name, source in case.backing.sources.items():
        mine = [one for one in case.snapshots(case.first) if one.source == name]
        if source.type == "files" and mine:
            newest = max(mine, key=lambda one: one.at)
            if gone := lacking(source.paths, newest.paths):
                yield name, gone


def lacking(wanted: Sequence[str], listed: Sequence[str]) -> list[str]:
    """
    Return the *wanted* paths that none of the *listed* ones is, or has in it.

    Where they begin is told by what is listed, and by as many as possible. Where none
    is listed, all may be in a folder above them: only a drill tells.
    """
    names = {one: posixpath.normpath(one.strip("/")) for one in wanted}
    there = [f"/{one.strip('/')}" for one in listed]
    roots = {
        whole.removesuffix(f"/{name}")
        for name in names.values()
        for whole in there
        if whole.endswith(f"/{name}")
    }
    found = (_outside(root, names, there) for root in sorted(roots))
    return min(found, key=len, default=[])


def _outside(root: str, names: Mapping[str, str], there: Sequence[str]) -> list[str]:
    return [
        one
        for one, name in names.items()
        if not any(f"{root}/{name}/".startswith(f"{whole}/") for whole in there)
    ]


def new_here(case: Case, source: str) -> bool:
    """
    Say whether *source* is backed up as it is today for less than a drill takes.

    Whoever adds a folder knows that nothing is proven of it yet: nobody is woken for it
    before the next drill is over.
    """
    mine = (
        one.at
        for one in case.receipts(case.first)
        if source in one.sources and case.still(source, one.sources[source].get(ORIGIN))
    )
    often = min((drill.every for _, drill in kinds_of(case)), default=_DAY)
    return case.now - min(mine, default=case.now) <= often + _DAY
