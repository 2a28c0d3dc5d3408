"""
What the backups of all panels have in common: what is asked of them, and the answers.

A panel makes one archive of everything that an account has. What is listed there says
nothing of what is in it: a receipt is written for what was fetched and read to its end,
and is enough; a drill, and a restore by hand, fetch it again. A panel takes no
idempotency key: what is made from here is marked, so that an order that is sent twice
finds what the first one made.
"""

from __future__ import annotations

import tempfile
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Protocol

from pydantic import JsonValue

from reconciler.errors import ProviderError, Rejected, Unsupported
from reconciler.kinds.backup import (
    BackUp,
    Backup,
    BackupChange,
    CopyState,
    DrillIt,
    PruneOld,
    Snapshot,
)
from reconciler.kinds.backup_repository import (
    BackupRepository,
    RepositoryChange,
    RepositoryState,
)
from reconciler.model import (
    Absent,
    Account,
    Driver,
    Observation,
    Observed,
    OpClass,
    Receipt,
    Unknown,
    sha256,
)
from reconciler.model.backing import Backing
from reconciler.providers._archive_upkeep import texts
from reconciler.providers._drill import drilled
from reconciler.providers._drill_port import digest
from reconciler.providers._http import Http
from reconciler.providers._panel_archive import Panel
from reconciler.providers._panel_restorer import Fetch, PanelRestorer, Whose
from reconciler.providers._panel_subject import (
    Looked,
    Made,
    Mark,
    Refused,
    Subject,
    Unsuited,
    subject,
    surely,
)

Want = BackupRepository | Backup
Do = RepositoryChange | BackupChange


class Server(Protocol):
    """A panel, as a connection."""

    http: Http

    def identity(self) -> str | None:
        """Return the server's host name."""

    def close(self) -> None:
        """Let go of connections."""


class PanelBackup(Driver[Want, Do]):
    """
    The backups of one server.

    Attributes:
        panel: Whose archives they are.
        title: What the server is called to people.
    """

    can: ClassVar[Mapping[str, OpClass]] = {
        "back-up": OpClass.KEYED,
        "drill": OpClass.KEYED,
        "prune": OpClass.PROBE,  # what is left of it is another prune
    }
    key_life: ClassVar[timedelta | None] = timedelta(days=28)
    settles: ClassVar[timedelta] = timedelta(minutes=15)
    credentials: ClassVar[frozenset[str]] = frozenset({"write"})
    lists: ClassVar[bool] = False
    panel: ClassVar[Panel]
    title: ClassVar[str]

    def __init__(self, account: Account, server: Server) -> None:
        self._account = account
        self._server = server
        self._open = ExitStack()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._account.name})"

    def close(self) -> None:
        """Let go of connections, and of what was fetched."""
        self._open.close()
        self._server.close()

    def identity(self) -> str | None:
        """Return the address, where a server answers that lets us in."""
        if self._server.identity() is None:
            return None
        return self._account.settings.get("url")

    # -- what each panel does its own way ----------------------------------------------

    @abstractmethod
    def look(self, subjects: Sequence[Subject]) -> Looked:
        """Return what the server keeps of *subjects*, from its listings."""

    @abstractmethod
    def owner(self, one: Subject) -> str:
        """Return what its archives call the account; Rejected where there is none."""

    @abstractmethod
    def fetcher(self, one: Subject) -> Fetch:
        """Return what puts an archive of it into a file."""

    @abstractmethod
    def have_made(self, one: Subject, mark: Mark) -> Made:
        """
        Have the archive made that is meant by *mark*, unless it was; wait for it.

        Raises:
            Rejected: It cannot be made, or another one was asked for by the same key.
            Ambiguous: Nobody knows whether it is being made: the next run looks.
        """

    def keep(self, one: Subject, made: Made) -> None:
        """Remember that *made* was read to its end, and is enough."""

    def refuse(self, one: Subject, made: Made) -> None:
        """Take *made* away, where that may be: it was read, and is no backup."""

    @abstractmethod
    def remove(self, one: Subject, name: str) -> None:
        """Take away an archive that was made from here; or that was taken already."""

    def unasked(self, one: Subject) -> Sequence[Snapshot]:
        """Return what is seen of it without the server, which does not answer."""
        del one
        return ()

    def production(self) -> Sequence[Path]:
        """Return the folders here that no drill may come near."""
        return ()

    # -- reading -----------------------------------------------------------------------

    def observe(self, wants: Sequence[Want]) -> Observation:
        """Report the server, and what it keeps of each account, from its listings."""
        self._server.http.counts()
        subjects = {w.name: _subject(w) for w in wants if isinstance(w, Backup)}
        suited = [one for one in subjects.values() if isinstance(one, Subject)]
        try:
            host = self._server.identity() or ""
            found = self.look(suited)
        except ProviderError as error:
            lost = Unknown(why=error.what, request_id=error.request_id)
            nobody: dict[str, Observed] = {want.name: lost for want in wants}
            return Observation(nobody, requests=self._server.http.counts())
        whole = RepositoryState(
            identity=host, snapshots=found.snapshots, newest=found.newest
        )
        states: dict[str, Observed] = {}
        for want in wants:
            one = subjects.get(want.name)
            states[want.name] = whole if one is None else self._state(one, found, host)
        return Observation(states, requests=self._server.http.counts())

    def _state(
        self, one: Subject | Unsuited, found: Looked, host: str
    ) -> CopyState | Absent | Unknown:
        if isinstance(one, Unsuited):
            return Unknown(why=f"{one.what}: {one.hint}" if one.hint else one.what)
        kept = found.kept[one.uid]
        if isinstance(kept, Absent | Unknown):
            return kept
        rows = tuple(sorted(kept, key=lambda each: (each.at, each.id)))
        ours = found.ours.get(one.uid, ()) if self._maintains else ()
        return CopyState(snapshots=rows, identity=host, ours=tuple(ours))

    @property
    def _maintains(self) -> bool:
        """Whether anything may be taken away: only who says who does that wants it."""
        return "maintain" in self._account.secrets

    # -- acting ------------------------------------------------------------------------

    def apply(self, want: Want, change: Do, key: str) -> Receipt:
        """Carry out one change; what was done before is found, and said again."""
        match want, change:
            case Backup(), BackUp():
                return self._back_up(want, change, key)
            case Backup(), DrillIt():
                return self._drill(want, change)
            case Backup(), PruneOld():
                return self._prune(want, change)
            case _:
                raise Unsupported(f"{self.title} cannot {change.verb}")

    def _back_up(self, want: Backup, change: BackUp, key: str) -> Receipt:
        one = subject(want)
        body = sha256({"uid": want.uid, "details": dict(change.details)})[:16]
        mark = Mark(str(change.details["slot"]), sha256(key)[:16], body)
        made = self.have_made(one, mark)
        with surely(f"{made.name} is made"):
            with closing(self._restorer(one, int(one.backing.drills.most))) as restorer:
                row = self._proven(one, made, restorer)
            self.keep(one, made)
        return Receipt(
            reference=f"{self._account.name}/{made.name}",
            details={
                "at": made.at.isoformat(),
                "slot": mark.slot,
                "copy": self._account.name,
                "sources": {one.name: row},
            },
        )

    def _proven(
        self, one: Subject, made: Made, restorer: PanelRestorer
    ) -> dict[str, JsonValue]:
        try:
            return proven(one, made.name, restorer)
        except Refused:
            with suppress(ProviderError):  # what was refused stays refused
                self.refuse(one, made)
            raise

    def _drill(self, want: Backup, change: DrillIt) -> Receipt:
        """Restore here, and look at what came back; see ``_drill.drilled``."""
        one, account = subject(want), self._account
        with closing(self._restorer(one, int(one.backing.drills.most))) as restorer:
            return drilled(
                change,
                want,
                restorer,
                folder_of(one.backing),
                account.clock,
                account.sleep,
                production=self.production(),
                secrets=[*account.secrets.values()],
            )

    def _prune(self, want: Backup, change: PruneOld) -> Receipt:
        """Take away what was made from here and decided on, and nothing else."""
        one = subject(want)
        ids, kept = (texts(change.details.get(name)) for name in ("ids", "kept"))
        ours = self._ours(one)
        if not self._maintains:
            raise Rejected(
                f"{self._account.name} has no credentials.maintain: nothing is deleted",
                hint="credentials: {maintain: ...}, who may delete",
            )
        if not ids or set(ids) & set(kept) or not set(kept) <= ours:
            raise Rejected(
                "other archives are there than when it was decided what to delete",
                hint="plan again",
            )
        listed = {each.id for each in self._kept(one)}
        strange = sorted((set(ids) & listed) - ours)
        if strange:
            raise Rejected(f"{strange[0]} was not made from here: the panel forgets it")
        for name in ids:
            self.remove(one, name)
        left = self._ours(one)
        if left & set(ids) or not set(kept) <= left:
            raise Rejected("the listing shows something else than what was pruned")
        return Receipt(
            reference=f"{self._account.name}/prune",
            details={"pruned": [*sorted(ids)], "left": len(left)},
        )

    def _ours(self, one: Subject) -> set[str]:
        return {*self.look([one]).ours.get(one.uid, ())}

    def happened(
        self, want: Want, change: Do, key: str, since: datetime
    ) -> bool | None:
        """Say that a prune did not come to its end, where what it named is there."""
        del key
        early = self._account.clock() - since <= self.settled_after(change)
        if early or not isinstance(change, PruneOld) or not isinstance(want, Backup):
            return None
        left = self._ours(subject(want))
        return left.isdisjoint(texts(change.details.get("ids")))

    def restorer(self, want: Backup) -> PanelRestorer:
        """Return what a person restores by: all that there is room for comes back."""
        made = self._restorer(subject(want), None)
        self._open.callback(made.close)
        return made

    def _restorer(self, one: Subject, most: int | None) -> PanelRestorer:
        return PanelRestorer(
            self.fetcher(one),
            Whose(self.panel, self.owner(one)),
            folder_of(one.backing),
            most,
            lambda: self._kept(one),
        )

    def _kept(self, one: Subject) -> Sequence[Snapshot]:
        try:
            found = self.look([one]).kept[one.uid]
        except ProviderError:
            found = self.unasked(one)
            if not found:
                raise
        match found:
            case Absent(lacks=lacks):
                raise Rejected(f"{lacks or one.site} is not there")
            case Unknown(why=why):
                raise Rejected(why)
            case kept:
                return kept


def _subject(want: Backup) -> Subject | Unsuited:
    try:
        return subject(want)
    except Unsuited as error:
        return error


def folder_of(backing: Backing) -> Path:
    """Return the folder that archives of *backing* are unpacked in."""
    base = Path(tempfile.gettempdir()) / "reconciler-drills"
    return Path(backing.drills.scratch) if backing.drills.scratch else base


def proven(
    one: Subject, snapshot: str, restorer: PanelRestorer
) -> dict[str, JsonValue]:
    """
    Return what a receipt says of an archive: all of it was read, and is enough.

    Raises:
        Refused: It is damaged, somebody else's, or less than it has to be.
        Rejected: It is gone.
    """
    entries = restorer.entries(one.name, snapshot)
    size = sum(entry.size for entry in entries)
    least, bytes_ = one.source.min_files, one.source.min_bytes
    if len(entries) < least:
        raise Refused(f"{one.name}: {len(entries)} files, minFiles is {least}")
    if bytes_ is not None and size < bytes_:
        raise Refused(f"{one.name}: {size} bytes, minBytes is {bytes_}")
    return {
        "snapshot": snapshot,
        "files": len(entries),
        "bytes": size,
        "manifest": digest(entries),
    }
