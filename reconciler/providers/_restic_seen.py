"""
What there is of a repository of restic: from a listing of its files, and from restic.

The name of a snapshot's file is its SHA-256, and no file is ever written again. So what
restic said of them is true as long as the same ones are there; it is asked again where
one came or went, and once a day. The listing says when each came.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from pydantic import JsonValue

from reconciler.errors import ProviderError
from reconciler.kinds.backup import Backup, CopyState, Hiding, Snapshot
from reconciler.kinds.backup_repository import RepositoryState
from reconciler.model import Absent, Account, Unknown
from reconciler.providers._archive_bucket import Bucket
from reconciler.providers._archive_store import Gone, Store, Stored
from reconciler.providers._archive_where import immutability
from reconciler.providers._restic import NO_REPOSITORY, kind_of, read
from reconciler.providers._restic_hidden import CONFIG, Versions
from reconciler.providers._restic_list import Shot, listed_as, rows, shot_of
from reconciler.providers._restic_upkeep import locks
from reconciler.providers._restic_where import DRILL, repo_of

#: So long what restic said of a repository is believed while nothing changes there.
_BELIEVED: Final = timedelta(hours=24)


class Seen(NamedTuple):
    """
    What there is of a repository.

    Attributes:
        config: Its id, and the version of its format.
        at: Snapshot -> when it came, by the clock of whoever keeps it.
        listed: Its snapshots, as restic lists them.
        locks: What locks it, each with since when and by whom.
        size: Bytes of all packs.
        versioned: Whether its bucket keeps old versions.
    """

    config: Mapping[str, str]
    at: Mapping[str, datetime]
    listed: Sequence[Mapping[str, Any]]
    locks: tuple[str, ...] = ()
    size: int | None = None
    versioned: bool | None = None

    def came(self, shot: Shot) -> datetime:
        """Return when a snapshot was added."""
        return self.at.get(shot.id, shot.said)

    def repository(self) -> RepositoryState:
        """Return the state of the repository itself."""
        newest = [self.came(shot_of(row)) for row in self.listed]
        return RepositoryState(
            identity=self.config["id"],
            version=self.config["version"],
            snapshots=len(self.listed),
            newest=max(newest, default=None),
            locks=self.locks,
        )


class Buried(NamedTuple):
    """A repository that was there, and does not open any more: somebody hid it."""

    why: str
    versioned: bool | None = None


class Looking:
    """
    Looks at one repository.

    Args:
        store: Its files; None where no listing shows when they came.
    """

    def __init__(self, account: Account, store: Store | None) -> None:
        self._account = account
        self._store = store
        self._looked = 0
        self._versions = Versions(store)

    def counted(self) -> int:
        """Return how much was asked since this was asked last."""
        many, self._looked = self._looked, 0
        return many

    def whole(self) -> Seen | Buried | Absent | Unknown:
        """Return what there is; what could not be read is Unknown."""
        self._looked += 1
        self._versions = Versions(self._store)
        try:
            found = self._whole()
            bucket = self._store if isinstance(self._store, Bucket) else None
            versioned = bucket.versioned() if bucket else None
            if isinstance(found, Seen):
                locks, size = self._locks(), self._size()
                return found._replace(locks=locks, size=size, versioned=versioned)
            if bucket is not None and self._versions.buried():
                why = found.why if isinstance(found, Unknown) else "it is hidden"
                return Buried(why, versioned)
        except ProviderError as error:
            return Unknown(why=error.what, request_id=error.request_id)
        return found

    def _whole(self) -> Seen | Absent | Unknown:
        store = self._store
        if store is None:
            return self._asked({})
        if not store.there():
            return Absent(lacks="the repository")
        kept = store.names("snapshots/")
        try:
            config = store.about(CONFIG)
        except Gone:
            if kept:
                said = f"{CONFIG} is gone, {len(kept)} snapshots are there"
                return Unknown(why=said)
            return Absent(lacks="the repository")
        at = {one.name.rpartition("/")[2]: one.at for one in kept}
        key = f"restic|{_digest(self._account, [config, *kept])}"
        known: Any = self._remembered(key)
        if known is not None:
            return Seen(known["config"], at, known["listed"])
        found = self._asked(at)
        if isinstance(found, Seen) and {str(o["id"]) for o in found.listed} == set(at):
            self._remember(key, {"config": found.config, "listed": found.listed})
        return found

    def _remembered(self, key: str) -> JsonValue:
        """Return what is kept under *key*, if it is still believed."""
        known = self._account.cache.get(key)
        if not isinstance(known, dict):
            return None
        now, since = self._account.clock(), datetime.fromisoformat(str(known["at"]))
        return known["is"] if now - _BELIEVED <= since <= now else None

    def _remember(self, key: str, value: Any) -> None:
        now = self._account.clock()
        row = {"at": now.isoformat(), "is": value}
        self._account.cache.put(key, row, now + _BELIEVED)

    def _asked(self, at: Mapping[str, datetime]) -> Seen | Absent | Unknown:
        """Ask restic."""
        self._looked += 2
        repo = repo_of(self._account, DRILL)
        done = repo.said("cat", "config", "--no-lock")
        if not done.well:
            if self._store is None and kind_of(done, repo) == NO_REPOSITORY:
                return Absent(lacks="the repository")
            return Unknown(why=repo.failure("cat", done).what)
        config = read(done.out)
        if not isinstance(config, dict):
            return Unknown(why="what the repository is cannot be read")
        out = repo.run("snapshots", "--json", "--no-lock", cached=True)
        plain = [_row(one) for one in rows(repo, out) if isinstance(one, dict)]
        told = {"id": str(config.get("id")), "version": str(config.get("version"))}
        return Seen(told, at, plain)

    def _locks(self) -> tuple[str, ...]:
        """Return what locks it; what is dead for sure locks nothing."""
        if self._store is None or not self._store.names("locks/"):
            return ()
        found = locks(self._store, repo_of(self._account, DRILL))
        now = self._account.clock()
        return tuple(str(one) for one in found if not one.stale(now))

    def _size(self) -> int | None:
        """Return how much is kept; it is counted once a day."""
        if self._store is None:
            return None
        key = f"restic-size|{self._account.settings.get('url')}|{self._account.name}"
        known = self._remembered(key)
        if isinstance(known, int):
            return known
        size = sum(one.size for one in self._store.names("data/"))
        self._remember(key, size)
        return size

    def copy(self, want: Backup, whole: Seen | Buried) -> CopyState | Unknown:
        """Return what there is of one backup."""
        if isinstance(whole, Buried):
            found = self._versions.hidden(want, self._account.name, ())
            return _hiding(CopyState(versioned=whole.versioned), found)
        locks_all = immutability(want, self._account.name).locks
        ours: list[Snapshot] = []
        foreign: list[Snapshot] = []
        try:
            for row in whole.listed:
                shot = shot_of(row)
                if shot.backup == want.uid:
                    name = f"snapshots/{shot.id}"
                    locked = self._locked(name) if locks_all else None
                    one = listed_as(shot, whole.came(shot), locked)
                    (ours if shot.ours else foreign).append(one)
            opened = self._locked(CONFIG) if locks_all else None
            listed = [one.id for one in ours]
            found = self._versions.hidden(want, self._account.name, listed)
        except ProviderError as error:
            return Unknown(why=error.what, request_id=error.request_id)
        ours.sort(key=lambda one: (one.at, one.id))
        state = CopyState(
            snapshots=tuple(ours),
            foreign=tuple(foreign),
            identity=whole.config["id"],
            locks=whole.locks,
            locked=_first(opened, ours) if locks_all else None,
            versioned=whole.versioned,
            size=whole.size,
        )
        return _hiding(state, found)

    def _locked(self, name: str) -> datetime | None:
        """Return until when nobody can delete an object."""
        if not isinstance(self._store, Bucket):
            return None
        self._looked += 1
        try:
            return self._store.locked(name)
        except Gone:  # since it was listed
            return None


def _first(opened: datetime | None, ours: Sequence[Snapshot]) -> datetime | None:
    """
    Return the first end of a lock, of what is still needed.

    Packs are as old as what opens the repository, and are locked together with it.
    """
    ends = [opened, *(one.locked for one in ours)]
    return None if opened is None else min(one for one in ends if one is not None)


def _hiding(state: CopyState, found: Sequence[Hiding]) -> CopyState:
    """Return *state* with what is hidden."""
    update = {
        "hidden": sum(one.objects for one in found),
        "hidden_since": found[0].since if found else None,
        "hidings": tuple(found),
    }
    return state.model_copy(update=update)


def _digest(account: Account, kept: Iterable[Stored]) -> str:
    """Return what tells this state of a repository from every other."""
    told = [account.settings.get("url"), account.settings.get("path")]
    held = [[one.name, one.size, one.at.isoformat()] for one in kept]
    return hashlib.sha256(json.dumps([told, held]).encode()).hexdigest()


def _row(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what matters of a snapshot: user names and patterns stay out."""
    names = ("id", "time", "tree", "hostname", "paths", "tags", "original", "summary")
    found = {name: told[name] for name in names if told.get(name) is not None}
    if "summary" in found:
        whole = found["summary"].items()
        found["summary"] = {k: v for k, v in whole if isinstance(v, int)}
    return found
