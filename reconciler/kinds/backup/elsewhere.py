"""What others made or copied: as good as a receipt once all of it is there. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from reconciler.kinds.backup.case import Case
from reconciler.kinds.backup.facts import Received
from reconciler.kinds.backup.origin import ORIGIN
from reconciler.kinds.backup.state import CopyState, Snapshot
from reconciler.kinds.backup.tampering import tampered


def elsewhere(case: Case) -> Received | None:
    """
    Return the receipt of what a timer or a panel has made, once all of it is there.

    It is as good as a listing: every source, of one turn of the schedule, and not less
    than it has to be. What was in it only a drill tells.
    """
    state, last = case.state(case.first), case.last(case.first)
    if state is None or list(tampered(case, case.first)):
        return None
    sources = {}
    for name, source in case.backing.sources.items():
        one = _newest(case, state, name)
        if one is None or (last is not None and one.at <= last.at):
            return None
        if one.files is not None and one.files < source.min_files:
            return None
        if one.size is not None and source.min_bytes and one.size < source.min_bytes:
            return None
        sources[name] = one
    times = [one.at for one in sources.values()]
    if max(times) - min(times) > case.rpo / 2:
        return None
    rows = {
        name: {**_listed(one), ORIGIN: case.origin(name)}
        for name, one in sources.items()
    }
    return Received(min(times), "", case.first, rows)


def carried(case: Case) -> Iterator[Received]:
    """
    Yield the receipts of what whoever makes them has copied, too.

    Such a copy names what it is one of. It vouches for as much as the first one.
    """
    for copy in case.names:
        state = case.state(copy)
        if copy == case.first or state is None or list(tampered(case, copy)):
            continue
        there = {one.original: one.id for one in state.snapshots if one.original}
        known = {at.at for at in case.receipts(copy)}
        for one in case.complete(case.first):
            ids = one.snapshots
            if one.at in known or not there.keys() >= set(ids.values()):
                continue
            rows = {
                name: {**row, "snapshot": there[str(row["snapshot"])]}
                for name, row in one.sources.items()
            }
            yield one._replace(copy=copy, sources=rows)


def _newest(case: Case, state: CopyState, source: str) -> Snapshot | None:
    mine = [
        one
        for one in state.snapshots
        if one.source == source and not case.ahead(one.at)
    ]
    return max(mine, key=lambda one: one.at, default=None)


def _listed(one: Snapshot) -> dict[str, JsonValue]:
    told = {
        "snapshot": one.id, "files": one.files, "bytes": one.size, "added": one.added,
        "packed": one.packed, "changed": one.changed,
    }  # fmt: skip
    return {key: value for key, value in told.items() if value is not None}
