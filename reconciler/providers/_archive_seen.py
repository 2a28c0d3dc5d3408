"""
What there is of a repository of archives: from a listing, and from its indexes.

An index is signed and never written again. So what one said is true as long as the
listing shows that it is the same, and what opens the repository is the same: then
neither is read, and no key is derived. All of a backup's are read again where one came,
went or was changed, and once in a while (``_believed.py``). What is there, how long and
since when, data and manifests too, is asked each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from time import monotonic
from typing import Any, Final, NamedTuple

from reconciler.errors import ProviderError
from reconciler.kinds.backup import Backup, CopyState, Hiding, Snapshot
from reconciler.kinds.backup_repository import RepositoryState
from reconciler.model import Absent, Account, Unknown
from reconciler.providers._archive import CONFIG, FORMAT, Archive
from reconciler.providers._archive_bucket import Bucket, Held, first, is_held
from reconciler.providers._archive_hidden import Hidden
from reconciler.providers._archive_seal import Damaged, Keys, WrongKey
from reconciler.providers._archive_snap import (
    Snap,
    body_of,
    folder_of,
    listed_as,
    snap_of,
)
from reconciler.providers._archive_store import Gone, Store, Stored
from reconciler.providers._archive_where import WRITE, immutability, store_of
from reconciler.providers._believed import Believed, digest_of, print_of
from reconciler.providers._outline import JUST_NOW, Outline, outline_of

_INDEX: Final = "index/"
_PARTS: Final = (CONFIG, "data/", _INDEX, "manifest/")


class Whole(NamedTuple):
    """
    What there is of a repository.

    Attributes:
        there: All objects, by name.
        opening: Tells what opens it from anything else; empty where it is hidden.
    """

    there: Mapping[str, Stored]
    opening: str
    state: RepositoryState
    versioned: bool | None

    def indexes(self, backup: str) -> list[Stored]:
        """Return the indexes of a backup."""
        start = f"{_INDEX}{folder_of(backup)}/"
        return [one for name, one in self.there.items() if name.startswith(start)]


class _Read(NamedTuple):
    """
    What the indexes of a backup say.

    Attributes:
        snaps: What is ours.
        strange: What nobody signed who has a password.
        known: It was read before.
        calm: Nothing was hidden then.
    """

    snaps: Sequence[Snap]
    strange: Sequence[Snapshot] = ()
    known: bool = False
    calm: bool = False


class Looking:
    """Looks at one repository; *keys* open it."""

    def __init__(self, account: Account, keys: Keys) -> None:
        self._account = account
        self._keys = keys
        self._believed = Believed(account, "archive")
        self._hidden = Hidden(account)
        self._ahead: tuple[float, Mapping[str, Stored] | None] | None = None
        self._looked = 0

    @cached_property
    def _store(self) -> Store:
        return store_of(self._account, WRITE)

    @cached_property
    def _outline(self) -> Outline:
        return outline_of(self._account, WRITE, self._store)

    @cached_property
    def _archive(self) -> Archive:
        """The repository, opened anew for each look that has to open it."""
        return Archive(self._store, self._keys)

    def counted(self) -> int:
        """Return how much was asked since this was asked last."""
        many, self._looked = self._looked, 0
        return many + self._outline.counted()

    def ahead(self) -> None:
        """See that it can be listed; who looks right afterwards sees the same."""
        self._ahead = (monotonic(), self._list())

    def _list(self) -> Mapping[str, Stored] | None:
        """Return what is there; None where not even its place is."""
        if not self._outline.there():
            return None
        return {one.name: one for one in self._outline.within(*_PARTS)}

    def _just_listed(self) -> Mapping[str, Stored] | None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None and monotonic() - ahead[0] < JUST_NOW:
            return ahead[1]
        return self._list()

    # -- the repository ----------------------------------------------------------------

    def whole(self) -> Whole | Absent | Unknown:
        """Return what there is; what could not be read is Unknown."""
        self._hidden.forget()
        for kept in ("_archive", "_opens"):
            self.__dict__.pop(kept, None)
        try:
            return self._whole()
        except (Damaged, WrongKey) as error:
            return Unknown(why=str(error))
        except ProviderError as error:
            return Unknown(why=error.what, request_id=error.request_id)

    def _whole(self) -> Whole | Absent | Unknown:
        there = self._just_listed()
        if there is None:
            return Absent(lacks="the repository")
        listed = [one for name, one in there.items() if name.startswith(_INDEX)]
        config = there.get(CONFIG)
        opening = digest_of([config]) if config else ""
        identity = self._believed.get("identity") if config else None
        if identity is None or identity["opening"] != opening:
            try:
                self._open(config)
            except (Gone, Damaged, WrongKey) as lost:
                # What somebody hid is there: nothing new is made in its place.
                opening = ""
                if not self._hidden.open(self._archive):
                    if not isinstance(lost, Gone):
                        raise
                    if listed:
                        why = f"{lost} is gone, {len(listed)} snapshots are there"
                        return Unknown(why=why)
                    return Absent(lacks="the repository")
            identity = {"opening": opening, "id": self._archive.config().id}
            if opening:
                self._believed.keep("identity", identity)
        state = RepositoryState(
            identity=identity["id"],
            version=str(FORMAT),
            snapshots=len(listed),
            newest=max((one.at for one in listed), default=None),
        )
        return Whole(there, opening, state, self._outline.versioned())

    def _open(self, config: Stored | None) -> None:
        """Open it with the keys. Raises Gone, Damaged, WrongKey."""
        if config is None:
            raise Gone(CONFIG)
        self._looked += 1
        self._archive.config()

    # -- one backup --------------------------------------------------------------------

    def copy(self, want: Backup, whole: Whole) -> CopyState | Unknown:
        """Return what there is of one backup."""
        rule = immutability(want, self._account.name)
        locks, mode = rule.locks, rule.mode
        try:
            read = self._read(want.uid, whole)
            ours, lost = _there(read.snaps, whole.there)
            found = [
                listed_as(snap, self._locked(snap) if locks else None) for snap in ours
            ]
            ends = [one.locked for one in found if one.locked]
            opens = self._opens if locks else None
            if ends and opens:
                ends.append(opens.until)
            hidings = self._hidings(want.uid, whole, read, lost)
        except (Damaged, Gone, WrongKey) as error:  # of what opens it: nobody can tell
            return Unknown(why=str(error))
        except ProviderError as error:
            return Unknown(why=error.what, request_id=error.request_id)
        found.sort(key=lambda one: (one.at, one.id))
        return CopyState(
            snapshots=tuple(found),
            foreign=tuple(read.strange),
            identity=whole.state.identity,
            locked=min(ends, default=None),
            exposed=locks and bool(found) and not is_held(opens, mode),
            hidden=sum(one.objects for one in hidings),
            hidden_since=hidings[0].since if hidings else None,
            hidings=hidings,
            versioned=whole.versioned,
            size=sum(
                one.size
                for name, one in whole.there.items()
                if name.startswith("data/")
            ),
        )

    def _read(self, uid: str, whole: Whole) -> _Read:
        """Return what the indexes of a backup say: as before, or read again."""
        indexes = whole.indexes(uid)
        known: Any = self._believed.get(f"index|{uid}") if whole.opening else None
        if known is not None and known["of"] == _of(whole, indexes):
            bodies = zip(known["bodies"], indexes, strict=True)
            snaps = [snap_of(body, one.at) for body, one in bodies]
            return _Read(snaps, known=True, calm=known["calm"])
        if whole.opening and indexes:
            self._archive.config()  # who cannot open it says nothing of what is in it
        snaps, strange = [], []
        for one in indexes:
            self._looked += 1
            try:
                snaps.append(self._archive.snapshot(one))
            except Gone:  # since it was listed
                continue
            except (Damaged, WrongKey):
                strange.append(_strange(one))
        return _Read(snaps, strange)

    def _hidings(
        self, uid: str, whole: Whole, read: _Read, lost: Iterable[str]
    ) -> tuple[Hiding, ...]:
        """Return what is hidden; it is not asked where nothing was, and all is so."""
        lost = [*lost]
        if read.calm and not lost:
            return ()
        found = self._hidden.since(uid, lost)
        indexes = whole.indexes(uid)
        if whole.opening and not read.known and len(read.snaps) == len(indexes):
            row = {
                "of": _of(whole, indexes),
                "bodies": [body_of(snap) for snap in read.snaps],
                "calm": not (found or lost),
            }
            self._believed.keep(f"index|{uid}", row)
        return found

    @cached_property
    def _opens(self) -> Held | None:
        """The lock of what opens the repository."""
        try:
            return self._until(CONFIG)
        except Gone:
            return None

    def _locked(self, snap: Snap) -> Held | None:
        """Return how far all of *snap* is locked."""
        try:
            return first([self._until(name) for name in self._archive.objects(snap)])
        except Gone:  # somebody hid a part of it
            return None

    def _until(self, name: str) -> Held | None:
        if not isinstance(self._store, Bucket):
            return None
        self._looked += 1
        return self._store.locked(name)

    def close(self) -> None:
        """Let go of connections; the next look opens new ones."""
        self._hidden.close()
        store, outline = (self.__dict__.get(one) for one in ("_store", "_outline"))
        if isinstance(store, Bucket):
            store.close()
        if outline is not None:
            outline.close()


def _of(whole: Whole, indexes: Iterable[Stored]) -> dict[str, Any]:
    """Return what tells this state of a backup from every other."""
    prints = {one.name: print_of(one) for one in indexes}
    return {"opening": whole.opening, "indexes": prints}


def _there(
    snaps: Iterable[Snap], there: Mapping[str, Stored]
) -> tuple[list[Snap], list[str]]:
    """Return the snapshots that are whole, and which objects of any are lost."""
    whole, lost = [], []
    for snap in snaps:
        data = there.get(snap.data)
        if data is not None and data.size == snap.packed:
            whole.append(snap)
        else:
            lost.append(snap.data)
        if snap.listing not in there:
            lost.append(snap.listing)
    return whole, lost


def _strange(stored: Stored) -> Snapshot:
    name = stored.name.rpartition("/")[2].removesuffix(".json")
    return Snapshot(id=name, source="", at=stored.at, said=stored.at, host="")
