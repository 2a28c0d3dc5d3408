"""Whether what another program backed up is what the policy says. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence

from reconciler.kinds.backup.case import Case


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
