"""
The built-in engine of backups: archives in a folder or a bucket.

A repository is described in ``_archive.py``, what seals it in ``_archive_seal.py``.
There are no increments: each snapshot is everything, compressed, so that each can be
read without any other. Sites of a few GiB are what it is for.

Secrets: ``password``, and ``escrowKey`` where there is one: either opens everything.
Of a bucket ``write``, ``maintain`` and ``drill``, each ``KEY:SECRET``. Without
``maintain`` nothing is deleted in a bucket; what is deleted in a folder is up to who
owns it, but never where its repository is declared append-only.

What follows from it: a slot has one snapshot of each source (see ``Label.id``), so that
every verb can be sent again: it finds what it did and says the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import ClassVar, Final
from urllib.parse import urlsplit

from pydantic import JsonValue

from reconciler.errors import Rejected, Unsupported
from reconciler.kinds.backup import (
    BackUp,
    Backup,
    BackupChange,
    Check,
    CopyOver,
    DrillIt,
    ExtendLock,
    PruneOld,
    Rewind,
)
from reconciler.kinds.backup_repository import (
    BackupRepository,
    Init,
    RepositoryChange,
)
from reconciler.model import (
    Account,
    Driver,
    Observation,
    Observed,
    OpClass,
    Receipt,
    SecretRef,
)
from reconciler.providers._archive import Archive
from reconciler.providers._archive_bucket import Bucket
from reconciler.providers._archive_hidden import wound_back
from reconciler.providers._archive_making import Making
from reconciler.providers._archive_restorer import ArchiveRestorer, believed
from reconciler.providers._archive_seen import Looking, Whole
from reconciler.providers._archive_upkeep import checked, extended, pruned, texts
from reconciler.providers._archive_where import (
    DRILL,
    WRITE,
    keys_of,
    store_of,
)
from reconciler.providers._backup_hooks import mask_of
from reconciler.providers._drill import drilled_of

Want = BackupRepository | Backup
Do = RepositoryChange | BackupChange
ARCHIVE: Final = "archive"


class ArchiveBackup(Driver[Want, Do]):
    """One repository of archives."""

    can: ClassVar[Mapping[str, OpClass]] = {
        "init": OpClass.KEYED,
        "back-up": OpClass.KEYED,
        "copy": OpClass.KEYED,
        "drill": OpClass.KEYED,
        "check": OpClass.KEYED,
        "prune": OpClass.PROBE,  # what is left of it is another prune
        "extend-lock": OpClass.KEYED,
        "rewind": OpClass.KEYED,
    }
    key_life: ClassVar[timedelta | None] = timedelta(days=28)
    settles: ClassVar[timedelta] = timedelta(0)
    credentials: ClassVar[frozenset[str]] = frozenset({"password"})
    lists: ClassVar[bool] = False

    def __init__(self, account: Account) -> None:
        self._account = account
        self._keys = keys_of(account)
        self._looking = Looking(account, self._keys)

    @cached_property
    def _archive(self) -> Archive:
        """The repository, opened by who adds to it."""
        return Archive(store_of(self._account, WRITE), self._keys)

    def identity(self) -> str | None:
        """Return the address: whoever reads what is there, reads the right one."""
        self._looking.ahead()
        return self._account.settings.get("url")

    # -- reading -----------------------------------------------------------------------

    def observe(self, wants: Sequence[Want]) -> Observation:
        """Report the repository, and what it has of each backup."""
        whole = self._looking.whole()
        states: dict[str, Observed] = {}
        for want in wants:
            if not isinstance(whole, Whole):
                states[want.name] = whole
            elif isinstance(want, Backup):
                states[want.name] = self._looking.copy(want, whole)
            else:
                states[want.name] = whole.state
        asked = {"list": self._looking.counted()}
        self._looking.close()  # of a thousand repositories all connections are many
        return Observation(states, requests=asked)

    # -- acting ------------------------------------------------------------------------

    def apply(self, want: Want, change: Do, key: str) -> Receipt:
        """Carry out one change; what was done before is found, and said again."""
        del key
        if isinstance(want, BackupRepository):
            return self._init(change)
        with believed(self._account.name):
            match change:
                case BackUp():
                    return self._back_up(want, change)
                case CopyOver():
                    return self._take(want, change)
                case Check():
                    return checked(self._archive, self._account.name, want, change)
                case PruneOld():
                    return pruned(self._account, want, change)
                case DrillIt():
                    return drilled_of(self._account, want, change, self.restorer(want))
                case ExtendLock():
                    return extended(self._account, want, change)
                case Rewind():
                    return wound_back(self._account, want, change)
                case _:
                    raise Unsupported(f"an archive cannot {change.verb}")

    def _init(self, change: Do) -> Receipt:
        if not isinstance(change, Init):
            raise Unsupported(f"an archive cannot {change.verb}")
        with believed(self._account.name):
            made = self._archive.init()
            config = self._archive.config()
        return Receipt(reference=config.id, replayed=not made)

    def _back_up(self, want: Backup, change: BackUp) -> Receipt:
        backing = want.makings.backing
        if backing is None:
            raise Rejected(f"{want.ref} has no policy")
        return Making(
            archive=self._archive,
            want=want,
            backing=backing,
            copy=self._account.name,
            clock=self._account.clock,
            secret=self._secret,
            mask=mask_of(self._account),
        ).make(change)

    def _secret(self, ref: SecretRef) -> str:
        if self._account.backing is None:
            raise Rejected(f"{ref} cannot be had here")
        return self._account.backing.secret(ref)

    def _take(self, want: Backup, change: CopyOver) -> Receipt:
        """Copy what is not here yet; the other one is read by who only reads."""
        name, ids = str(change.details["from"]), texts(change.details.get("ids"))
        if self._account.backing is None:
            raise Rejected(f"{name} cannot be reached from here")
        theirs = self._account.backing.repository(name)
        if urlsplit(theirs.settings.get("url", "")).scheme == "":
            raise Rejected(f"{name} has no address")
        other = Archive(store_of(theirs, DRILL), keys_of(theirs))
        there = {snap.id for snap in self._archive.snapshots(want.uid)}
        for one in ids:
            if one not in there:
                self._archive.take(other, other.find(want.uid, one))
        made: dict[str, JsonValue] = {}
        for one in ids:
            here = self._archive.find(want.uid, one)
            self._archive.whole(here)
            made[one] = here.id
        return Receipt(
            reference=f"{name}/{self._account.name}",
            details={"from": name, "copied": made, "new": len(set(ids) - there)},
        )

    def restorer(self, want: Backup) -> ArchiveRestorer:
        """Return what a drill reads this copy by."""
        return ArchiveRestorer(store_of(self._account, DRILL), self._keys, want.uid)

    def happened(
        self, want: Want, change: Do, key: str, since: datetime
    ) -> bool | None:
        """Say that a prune did not come to its end, where what it named is there."""
        del key
        early = self._account.clock() - since <= self.settled_after(change)
        if early or not isinstance(change, PruneOld) or not isinstance(want, Backup):
            return None
        left = {snap.id for snap in self._archive.snapshots(want.uid)}
        return left.isdisjoint(texts(change.details.get("ids")))

    def close(self) -> None:
        """Let go of connections."""
        self._looking.close()
        store = self.__dict__.get("_archive")
        if store is not None and isinstance(store.store, Bucket):
            store.store.close()


DRIVER = ArchiveBackup
