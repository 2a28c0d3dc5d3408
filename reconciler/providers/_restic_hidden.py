"""
What of a repository in a bucket somebody hid or overwrote, and how it comes back.

All of it is written once, and only ``prune`` and ``forget`` hide any of it. What both
hide by rights has no receipt any more: hidden are what opens the repository, and the
snapshots that have one. Packs belong to all snapshots: so a rewind is of the whole
repository, and brings back what other backups pruned since, which harms nobody.

What came since stays in sight while the repository opens: it is of whoever has the
password. Where it does not open, what came since is of whoever wrote over it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from pydantic import JsonValue

from reconciler.errors import ProviderError, Rejected, Unsupported
from reconciler.kinds.backup import Backup, ExtendLock, Hiding, Rewind
from reconciler.kinds.backup.facts import vouched
from reconciler.model import Account, Receipt
from reconciler.providers._archive_bucket import Bucket
from reconciler.providers._archive_store import Store
from reconciler.providers._archive_upkeep import texts
from reconciler.providers._archive_where import MAINTAIN, immutability, store_of
from reconciler.providers._restic_upkeep import mine
from reconciler.providers._restic_where import DRILL, repo_of
from reconciler.providers._s3_objects import (
    Listing,
    Objects,
    Rows,
    Version,
    extend,
    hidden,
)
from reconciler.providers._s3_objects import hidings as deeds
from reconciler.providers._s3_rewind import LOCKS, Back, rewind

CONFIG: Final = "config"
_KEYS: Final = "keys/"
_SNAPSHOTS: Final = "snapshots/"


class Versions:
    """
    All versions of what opens a repository, and of its snapshots, as one look has them.

    Where they may not be listed, or there are none, nothing is known to be hidden.
    """

    def __init__(self, store: Store | None) -> None:
        self._objects = Objects(store) if isinstance(store, Bucket) else None
        self._rows: dict[str, Rows] = {}

    def _of(self, prefix: str) -> Rows:
        if self._objects is None:
            return {}
        if prefix not in self._rows:
            try:
                self._rows[prefix] = self._objects.versions(prefix).rows
            except Rejected:
                self._rows[prefix] = {}
        return self._rows[prefix]

    def buried(self) -> bool:
        """Say whether there was a repository, and what opens it is not as it was."""
        return any(hidden(self._opening(), self._objects))

    def _opening(self) -> dict[str, Sequence[Version]]:
        """Return all versions of what opens a repository."""
        rows = {CONFIG: self._of(CONFIG).get(CONFIG, ()), **self._of(_KEYS)}
        return {name: events for name, events in rows.items() if events}

    def hidden(self, want: Backup, copy: str, listed: Iterable[str]) -> list[Hiding]:
        """Return what is hidden of one backup; *listed* are its snapshots in sight."""
        lost = {f"{_SNAPSHOTS}{one}" for one in vouched(want.recorded).get(copy, {})}
        lost -= {f"{_SNAPSHOTS}{one}" for one in listed}
        rows = self._opening()
        if lost:
            found = self._of(_SNAPSHOTS)
            rows |= {name: found[name] for name in lost & found.keys()}
        return [*deeds(hidden(rows, self._objects), CONFIG)]


def extended(account: Account, want: Backup, change: ExtendLock) -> Receipt:
    """
    Lock everything for longer: what is new needs packs that are old.

    ``ids``: of the snapshots only these; what only others need may go when its time
    is over.
    """
    until = datetime.fromisoformat(str(change.details["until"]))
    store = store_of(account, MAINTAIN)
    mode = immutability(want, account.name).mode
    if not isinstance(store, Bucket) or mode not in {"governance", "compliance"}:
        raise Unsupported(f"{account.name} has no locks")
    try:
        ids = texts(change.details.get("ids"))
        wanted = [f"{_SNAPSHOTS}{one}" for one in ids]
        names = [
            one.name
            for one in store.names("")
            if not one.name.startswith(LOCKS)
            and not (ids and one.name.startswith(_SNAPSHOTS) and one.name not in wanted)
        ]
        # What opens it comes last: it is what says how far this came.
        names.sort(key=lambda one: one == CONFIG)
        rest = extend(store, [one for one in names if one != CONFIG], until, mode)
        last = extend(store, [one for one in names if one == CONFIG], until, mode)
    finally:
        store.close()
    return Receipt(
        reference=f"{account.name}/locked/{until.isoformat()}",
        details={
            "objects": rest.objects + last.objects,
            "longer": rest.longer + last.longer,
            "seconds": rest.seconds + last.seconds,
        },
    )


def wound_back(account: Account, want: Backup, change: Rewind) -> Receipt:
    """Have a repository show what it showed at a moment, and look whether it opens."""
    store = store_of(account, MAINTAIN)
    if not isinstance(store, Bucket):
        raise Rejected(f"{account.name} is in no bucket: nothing was hidden there")
    to = datetime.fromisoformat(str(change.details["to"]))
    seen = datetime.fromisoformat(str(change.details.get("seen") or account.clock()))
    opens = _opens(account, want)

    def scope(listing: Listing) -> Back:
        events = listing.rows.get(CONFIG, ())
        if not any(one.at <= to and not one.marker for one in events):
            raise Rejected(f"there was no {CONFIG} at {to}: it was not there yet")
        return Back(to, seen, lambda _: True, lambda _: opens)

    try:
        told = rewind(Objects(store), scope)
    finally:
        store.close()
    listed: dict[str, JsonValue] = {}
    try:
        listed["snapshots"] = len(mine(repo_of(account, DRILL), want))
    except ProviderError as error:
        listed["unopened"] = error.what
    reference = f"{account.name}/rewind/{to.isoformat()}"
    return Receipt(reference=reference, details={**told, **listed})


def _opens(account: Account, want: Backup) -> bool:
    """Say whether restic can list what is there now."""
    try:
        mine(repo_of(account, DRILL), want)
    except Rejected:
        return False
    return True
