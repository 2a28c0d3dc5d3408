"""
What there is of a repository of restic: from a listing of its files, and from restic.

The name of a snapshot's file is its SHA-256, and no file is ever written again. So what
restic said of one is true as long as it is there; restic is asked again where one came,
where what opens the repository is another, and once in a while (``_believed.py``). What
is there, and since when, is asked each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import Any, Final, NamedTuple

from reconciler.errors import ProviderError
from reconciler.kinds.backup import Backup, CopyState, Hiding, Snapshot
from reconciler.kinds.backup.facts import vouched
from reconciler.kinds.backup_repository import RepositoryState
from reconciler.model import Absent, Account, Unknown
from reconciler.providers._archive_bucket import Bucket, Held, is_held
from reconciler.providers._archive_store import Gone, Store, Stored
from reconciler.providers._archive_where import immutability
from reconciler.providers._believed import Believed, digest_of, print_of
from reconciler.providers._outline import JUST_NOW, Outline
from reconciler.providers._restic import NO_REPOSITORY, kind_of
from reconciler.providers._restic_hidden import CONFIG, Versions
from reconciler.providers._restic_list import Shot, listed_as, rows, shots_of
from reconciler.providers._restic_run import read
from reconciler.providers._restic_upkeep import locks
from reconciler.providers._restic_where import DRILL, repo_of

_KEYS: Final = "keys/"
_LOCKS: Final = "locks/"
_SNAPSHOTS: Final = "snapshots/"


class Listed(NamedTuple):
    """
    What a listing shows.

    Attributes:
        config: What says what it is; None where it is gone.
        opening: All that opens it.
    """

    config: Stored | None
    opening: Sequence[Stored]
    snapshots: Sequence[Stored]
    locked: bool

    @property
    def at(self) -> dict[str, datetime]:
        """When each snapshot came."""
        return {_id(one): one.at for one in self.snapshots}


class Seen(NamedTuple):
    """
    What there is of a repository.

    Attributes:
        config: Its id, and the version of its format.
        at: Snapshot -> when it came, by the clock of whoever keeps it.
        listed: Its snapshots, the oldest first.
        locks: What locks it, each with since when and by whom.
        size: Bytes of all packs.
        versioned: Whether its bucket keeps old versions.
        calm: Nothing that opens it was hidden or written over.
    """

    config: Mapping[str, str]
    at: Mapping[str, datetime]
    listed: Sequence[Shot]
    locks: tuple[str, ...] = ()
    size: int | None = None
    versioned: bool | None = None
    calm: bool = False

    def came(self, shot: Shot) -> datetime:
        """Return when a snapshot was added."""
        return self.at.get(shot.id, shot.said)

    def repository(self) -> RepositoryState:
        """Return the state of the repository itself."""
        newest = [self.came(one) for one in self.listed]
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
        outline: Its listings; None there, too.
    """

    def __init__(
        self, account: Account, store: Store | None, outline: Outline | None
    ) -> None:
        self._account = account
        self._store = store
        self._outline = outline
        self._believed = Believed(account, "restic")
        self._ahead: tuple[float, Listed | None] | None = None
        self._looked = 0
        self._versions = Versions(store)

    def counted(self) -> int:
        """Return how much was asked since this was asked last."""
        many, self._looked = self._looked, 0
        return many + (self._outline.counted() if self._outline else 0)

    def ahead(self) -> None:
        """See that it can be listed; who looks right afterwards sees the same."""
        if self._outline is not None:
            self._ahead = (monotonic(), self._list(self._outline))

    def whole(self) -> Seen | Buried | Absent | Unknown:
        """Return what there is; what could not be read is Unknown."""
        self._versions = Versions(self._store)
        try:
            if self._outline is None:
                return self._asked(None)
            return self._whole(self._outline)
        except ProviderError as error:
            return Unknown(why=error.what, request_id=error.request_id)

    def _whole(self, outline: Outline) -> Seen | Buried | Absent | Unknown:
        listed = self._just_listed(outline)
        found = self._found(listed)
        versioned = outline.versioned()
        if isinstance(found, Seen) and listed is not None:
            held = self._locks() if listed.locked else ()
            size = self._size(outline)
            return found._replace(locks=held, size=size, versioned=versioned)
        if self._versions.buried():
            why = found.why if isinstance(found, Unknown) else "it is hidden"
            return Buried(why, versioned)
        return found

    def _just_listed(self, outline: Outline) -> Listed | None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None and monotonic() - ahead[0] < JUST_NOW:
            return ahead[1]
        return self._list(outline)

    def _list(self, outline: Outline) -> Listed | None:
        """Return what is there; None where not even its place is."""
        if not outline.there():
            return None
        rows = outline.within(_KEYS, _LOCKS, _SNAPSHOTS)
        try:
            config = outline.about(CONFIG)
        except Gone:
            config = None
        opening = [one for one in rows if one.name.startswith(_KEYS)]
        return Listed(
            config,
            [*([config] if config else ()), *opening],
            [one for one in rows if one.name.startswith(_SNAPSHOTS)],
            any(one.name.startswith(_LOCKS) for one in rows),
        )

    def _found(self, listed: Listed | None) -> Seen | Absent | Unknown:
        if listed is None:
            return Absent(lacks="the repository")
        if listed.config is None:
            if many := len(listed.snapshots):
                return Unknown(why=f"{CONFIG} is gone, {many} snapshots are there")
            return Absent(lacks="the repository")
        opening = digest_of(listed.opening)
        if seen := self._as_before(listed, opening):
            return seen
        return self._asked(listed, opening)

    def _as_before(self, listed: Listed, opening: str) -> Seen | None:
        """Return what restic said before, if there is nothing else now."""
        known = self._believed.get("opened")
        if known is None or known["opening"] != opening:
            return None
        rows = known["rows"]
        told = []
        for one in listed.snapshots:
            before, row = rows.get(_id(one), ("", None))
            if before != print_of(one):
                return None
            told.append(row)
        return Seen(known["config"], listed.at, shots_of(told), calm=known["calm"])

    def _asked(
        self, listed: Listed | None, opening: str = ""
    ) -> Seen | Absent | Unknown:
        """Ask restic; remember what it said of exactly what is *listed*."""
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
        told = [_row(one) for one in rows(repo, out) if isinstance(one, dict)]
        about = {"id": str(config.get("id")), "version": str(config.get("version"))}
        found = shots_of(told)
        if listed is None:
            return Seen(about, {}, found)
        calm = not self._versions.buried()
        by_id = {str(one["id"]): one for one in told}
        if by_id.keys() == listed.at.keys():
            prints = ((_id(one), print_of(one)) for one in listed.snapshots)
            kept = {one: [seen, by_id[one]] for one, seen in prints}
            row = {"opening": opening, "config": about, "rows": kept, "calm": calm}
            self._believed.keep("opened", row)
        return Seen(about, listed.at, found, calm=calm)

    def _locks(self) -> tuple[str, ...]:
        """Return what locks it; what is dead for sure locks nothing."""
        if self._store is None:
            return ()
        found = locks(self._store, repo_of(self._account, DRILL))
        now = self._account.clock()
        return tuple(str(one) for one in found if not one.stale(now))

    def _size(self, outline: Outline) -> int:
        """Return how much is kept; it is counted once a day."""
        known = self._believed.get("size")
        if isinstance(known, int):
            return known
        size = sum(one.size for one in outline.within("data/"))
        self._believed.keep("size", size)
        return size

    def copy(self, want: Backup, whole: Seen | Buried) -> CopyState | Unknown:
        """Return what there is of one backup."""
        if isinstance(whole, Buried):
            found = self._versions.hidden(want, self._account.name, ())
            return _hiding(CopyState(versioned=whole.versioned), found)
        rule = immutability(want, self._account.name)
        locks_all = rule.locks
        ours: list[Snapshot] = []
        foreign: list[Snapshot] = []
        try:
            for shot in whole.listed:
                if shot.backup == want.uid:
                    name = f"snapshots/{shot.id}"
                    locked = self._locked(name) if locks_all else None
                    one = listed_as(shot, whole.came(shot), locked)
                    (ours if shot.ours else foreign).append(one)
            opened = self._locked(CONFIG) if locks_all else None
            listed = [one.id for one in ours]
            lost = vouched(want.recorded).get(self._account.name, {}).keys() - {*listed}
            found = []
            if lost or not whole.calm:
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
            exposed=locks_all and bool(ours) and not is_held(opened, rule.mode),
            versioned=whole.versioned,
            size=whole.size,
        )
        return _hiding(state, found)

    def _locked(self, name: str) -> Held | None:
        """Return the lock of an object."""
        if not isinstance(self._store, Bucket):
            return None
        self._looked += 1
        try:
            return self._store.locked(name)
        except Gone:  # since it was listed
            return None


def _first(opened: Held | None, ours: Sequence[Snapshot]) -> datetime | None:
    """
    Return the first end of a lock, of what is still needed.

    Packs are as old as what opens the repository, and are locked together with it.
    """
    if opened is None:
        return None
    return min([opened.until, *(one.locked for one in ours if one.locked)])


def _hiding(state: CopyState, found: Sequence[Hiding]) -> CopyState:
    """Return *state* with what is hidden."""
    update = {
        "hidden": sum(one.objects for one in found),
        "hidden_since": found[0].since if found else None,
        "hidings": tuple(found),
    }
    return state.model_copy(update=update)


def _id(one: Stored) -> str:
    return one.name.removeprefix(_SNAPSHOTS)


def _row(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what matters of a snapshot: user names and patterns stay out."""
    names = ("id", "time", "tree", "hostname", "paths", "tags", "original", "summary")
    found = {name: told[name] for name in names if told.get(name) is not None}
    if isinstance(whole := found.get("summary"), dict):
        found["summary"] = {k: v for k, v in whole.items() if isinstance(v, int)}
    return found
