"""
What of an archive in a bucket somebody hid or overwrote, and how it comes back.

All of an archive is written once, and an index is signed: what is shown now is either
what was written first, or somebody's work. Data and manifests have random names, and
orphans among them are nobody's loss: those count that an index names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from reconciler.errors import ProviderError, Rejected
from reconciler.kinds.backup import Backup, Hiding, Rewind
from reconciler.model import Account, Receipt
from reconciler.providers._archive import CONFIG, Archive
from reconciler.providers._archive_bucket import Bucket
from reconciler.providers._archive_seal import Damaged, WrongKey
from reconciler.providers._archive_snap import Snap, folder_of
from reconciler.providers._archive_store import Gone, Stored
from reconciler.providers._archive_where import DRILL, MAINTAIN, keys_of, store_of
from reconciler.providers._s3_objects import (
    Listing,
    Objects,
    Rows,
    Version,
    hidden,
    hidings,
)
from reconciler.providers._s3_rewind import Back, rewind, shown_at

#: An index is small.
_MOST: Final = 1 << 20
#: So many lost objects are asked for one by one; for more all of them are listed.
_FEW: Final = 20


class Hidden:
    """
    What is hidden of one repository, as who only reads may see it.

    Where versions may not be listed, or there are none, nothing is known to be hidden.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._objects: Objects | None = None
        self._config: Rows | None = None
        self._buried: datetime | None = None

    def _all(self) -> Objects | None:
        if self._objects is None:
            store = store_of(self._account, DRILL)
            self._objects = Objects(store) if isinstance(store, Bucket) else None
        return self._objects

    def forget(self) -> None:
        """Have the next question asked anew."""
        self._config = self._buried = None

    def config(self) -> Rows:
        """Return all versions of what says what the repository is."""
        if self._config is None:
            objects = self._all()
            self._config = objects.versions(CONFIG).rows if objects else {}
        return self._config

    def open(self, archive: Archive) -> bool:
        """
        Open *archive* by an older version of what is gone; say if there is one.

        Whatever is on top of that one was put there by nobody who may.
        """
        try:
            rows = self.config()
        except ProviderError:
            return False
        events = rows.get(CONFIG, ())
        for place, one in enumerate(events):
            content = self._read(one)
            if content is None:
                continue
            try:
                archive.opened_by(content)
            except (Damaged, WrongKey):
                continue
            self._buried = events[place - 1].at if place else None
            return True
        return False

    def _read(self, one: Version) -> bytes | None:
        objects = self._all()
        return _read(objects, one) if objects and not one.marker else None

    def since(self, uid: str, lost: Iterable[str]) -> tuple[Hiding, ...]:
        """
        Return what is hidden of one backup.

        Args:
            uid: The backup's.
            lost: What an index names that is there, and is not listed.
        """
        objects = self._all()
        if objects is None:
            return ()
        try:
            rows = {
                **self.config(),
                **objects.versions(f"index/{folder_of(uid)}/").rows,
                **dict(_lost(objects, frozenset(lost))),
            }
            found = dict(hidden(rows, objects))
            if self._buried is not None:
                found.setdefault(CONFIG, self._buried)
        except Rejected:
            return ()  # who reads may not list versions, or the service has none
        return hidings(found.items(), CONFIG)

    def close(self) -> None:
        """Let go of connections."""
        if self._objects is not None:
            self._objects.bucket.close()


def _lost(
    objects: Objects, names: frozenset[str]
) -> Iterator[tuple[str, tuple[Version, ...]]]:
    """Yield all versions of *names*."""
    few = len(names) <= _FEW
    for prefix in sorted(names) if few else ("data/", "manifest/"):
        for name, events in objects.versions(prefix).rows.items():
            if name in names:
                yield name, tuple(events)


def wound_back(account: Account, want: Backup, change: Rewind) -> Receipt:
    """Have a backup show what it showed at a moment; others in its place are left."""
    store = store_of(account, MAINTAIN)
    if not isinstance(store, Bucket):
        raise Rejected(f"{account.name} is in no bucket: nothing was hidden there")
    to = datetime.fromisoformat(str(change.details["to"]))
    seen = datetime.fromisoformat(str(change.details.get("seen") or account.clock()))
    objects = Objects(store)
    scope = _Scope(objects, Archive(store, keys_of(account)), want.uid, to, seen)
    try:
        told = rewind(objects, scope)
    finally:
        store.close()
    return Receipt(reference=f"{account.name}/rewind/{to.isoformat()}", details=told)


class _Scope:
    """
    Works out what belongs to one backup.

    Args:
        archive: Opened by what says what it was at the time.
    """

    def __init__(
        self, objects: Objects, archive: Archive, uid: str, to: datetime, seen: datetime
    ) -> None:
        self._objects = objects
        self._archive = archive
        self._folder = f"index/{folder_of(uid)}/"
        self._to, self._seen = to, seen

    def __call__(self, listing: Listing) -> Back:
        """Return what is asked for: this backup's snapshots, and what they need."""
        self._open(listing.rows)
        touched, kept = {CONFIG}, set()
        for name, events in listing.rows.items():
            if not name.startswith(self._folder):
                continue
            touched.add(name)
            was = shown_at(events, self._to)
            if was is not None and (snap := self._snap(was)) is not None:
                touched |= {snap.data, snap.listing}
            if events[0] != was and (snap := self._snap(events[0])) is not None:
                # What came since and has our signature is ours, and stays.
                kept |= {name, snap.data, snap.listing}
        touch, keep = touched | kept, kept
        return Back(self._to, self._seen, touch.__contains__, keep.__contains__)

    def _open(self, rows: Mapping[str, Iterable[Version]]) -> None:
        was = shown_at(tuple(rows.get(CONFIG, ())), self._to)
        content = _read(self._objects, was) if was and not was.marker else None
        if content is None:
            raise Rejected(f"there was no {CONFIG} at {self._to}: it was not there yet")
        try:
            self._archive.opened_by(content)
        except (Damaged, WrongKey) as error:
            raise Rejected(f"{CONFIG} of {self._to}: {error}") from None

    def _snap(self, one: Version) -> Snap | None:
        """Return what one version of an index says; None where it is not ours."""
        content = None if one.marker else _read(self._objects, one)
        if content is None:
            return None
        try:
            return self._archive.said(Stored(one.name, one.size, one.at), content)
        except (Damaged, WrongKey):
            return None


def _read(objects: Objects, one: Version) -> bytes | None:
    """Return a small version; None where it is gone, or too large to be one."""
    try:
        with objects.read(one) as file:
            content = file.read(_MOST + 1)
    except Gone:
        return None
    return content if len(content) <= _MOST else None
