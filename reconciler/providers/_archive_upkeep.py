"""What is done to snapshots that are there: read, removed, locked for longer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from math import ceil

from pydantic import JsonValue

from reconciler.errors import (
    Ambiguous,
    ProviderError,
    Rejected,
    Transient,
    Unsupported,
)
from reconciler.kinds.backup import Backup, Check, ExtendLock, PruneOld
from reconciler.model import Account, Receipt
from reconciler.providers._archive import CONFIG, Archive
from reconciler.providers._archive_bucket import Bucket
from reconciler.providers._archive_open import Hostile
from reconciler.providers._archive_seal import Damaged, WrongKey
from reconciler.providers._archive_store import Gone
from reconciler.providers._archive_where import (
    MAINTAIN,
    immutability,
    keys_of,
    store_of,
)
from reconciler.providers._s3_objects import extend, half_way


def checked(archive: Archive, copy: str, want: Backup, change: Check) -> Receipt:
    """Read a slice of all snapshots to their ends."""
    part, of = number(change, "slice"), max(1, number(change, "of"))
    begun, size, wrong, many = time.monotonic(), 0, [], 0
    verdict = "passed"
    for stored in archive.listed(want.uid):
        name = stored.name.rpartition("/")[2].removesuffix(".json")
        if _slice(name) % of != part % of:
            continue
        many += 1
        try:
            size += archive.verify(archive.snapshot(stored))
        except (Damaged, WrongKey, Gone, Hostile) as error:
            verdict = "failed"
            wrong.append(f"{name[:12]}: {error}")
        except Transient as error:
            verdict = "inconclusive" if verdict == "passed" else verdict
            wrong.append(f"{name[:12]}: {error.what}")
    return Receipt(
        reference=f"{copy}/check/{part}-{of}",
        details={
            "drill": "check",
            "copy": copy,
            "verdict": verdict,
            "why": "; ".join(wrong)[:1000],
            "snapshots": {},
            "checked": many,
            "bytes": size,
            "seconds": ceil(time.monotonic() - begun),
        },
    )


def pruned(account: Account, want: Backup, change: PruneOld) -> Receipt:
    """Remove exactly what was decided on, if everything is as it was then."""
    ids = frozenset(texts(change.details.get("ids")))
    kept = frozenset(texts(change.details.get("kept")))
    if immutability(want, account.name).mode == "append-only":
        raise Rejected(f"{account.name} is append-only: nothing is deleted")
    archive = Archive(store_of(account, MAINTAIN), keys_of(account))
    found = {snap.id: snap for snap in archive.snapshots(want.uid)}
    as_decided({one: snap.added for one, snap in found.items()}, ids, kept)
    for one in sorted(ids & found.keys()):
        archive.remove(found[one])
    left = {snap.id for snap in archive.snapshots(want.uid)}
    if left & ids or not kept <= left:
        raise Rejected("the listing shows something else than what was pruned")
    with suppress(Damaged, WrongKey, Gone):  # a stranger's index: then nothing more
        archive.tidy(account.clock())
    return Receipt(
        reference=f"{account.name}/prune",
        details={"pruned": [*sorted(ids)], "left": len(left)},
    )


def extended(account: Account, want: Backup, change: ExtendLock) -> Receipt:
    """Lock what is still needed for longer; ``ids``: not all of it."""
    until = datetime.fromisoformat(str(change.details["until"]))
    store = store_of(account, MAINTAIN)
    mode = immutability(want, account.name).mode
    if not isinstance(store, Bucket) or mode not in {"governance", "compliance"}:
        raise Unsupported(f"{account.name} has no locks")
    ids = texts(change.details.get("ids"))
    archive = Archive(store, keys_of(account))
    names = [
        name
        for snap in archive.snapshots(want.uid)
        if not ids or snap.id in ids
        for name in archive.objects(snap)
    ]
    # First what opens it: where the rest is done, a listing shows that all of it is.
    first = extend(store, [CONFIG], until, mode)
    try:
        rest = extend(store, names, until, mode)
    except ProviderError as error:
        if first.longer and not isinstance(error, Ambiguous):
            raise half_way(error) from None
        raise
    reference = f"{account.name}/locked/{until.isoformat()}"
    told = {
        "objects": first.objects + rest.objects,
        "longer": first.longer + rest.longer,
        "seconds": first.seconds + rest.seconds,
    }
    return Receipt(reference=reference, details=dict(told))


def texts(value: JsonValue) -> tuple[str, ...]:
    """Return the texts of a list."""
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def number(change: Check, name: str) -> int:
    """Return a number of *change*; 0 where it has none."""
    value = change.details.get(name)
    return value if isinstance(value, int) else 0


def _slice(name: str) -> int:
    try:
        return int(name[:8], 16)
    except ValueError:
        return 0


def as_decided(
    found: Mapping[str, datetime], ids: frozenset[str], kept: frozenset[str]
) -> None:
    """
    See that nothing came or went since it was decided what to delete.

    What is younger than all of that (the backup of this very run) changes nothing of
    it: by no rule does something new have something old stay.
    """
    there = frozenset(found)
    if not ids or ids & kept:
        raise Rejected("nothing is named that could be deleted", hint="plan again")
    newest = max((found[one] for one in there & (ids | kept)), default=None)
    strange = [
        one for one in there - kept - ids if newest is None or found[one] <= newest
    ]
    if not kept <= there or strange:
        raise Rejected(
            "other snapshots are there than when it was decided what to delete",
            hint="plan again",
        )
