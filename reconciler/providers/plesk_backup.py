"""
Backups that a Plesk server keeps of its subscriptions, in its own storage.

``url`` is the server's own address (``https://plesk1.agency.example:8443``), ``write``
a secret key of its administrator. What it is asked, and what it answers, is described
in ``_plesk_backups.py``. What follows:

* A backup takes as long as it takes: what is asked for is a task. It is waited for,
  half an hour at most; then nobody knows, and the next run looks again. The panel's
  answer that a task ended says nothing of whether it left anything: the listing does.
* The panel has no idempotency key. What is made from here carries the slot, and hashes
  of the key and of what was asked, in its description: sent again, it is found.
* A receipt is written for what was fetched and read to its end, and is enough.
* Nothing is deleted: the panel forgets what its own schedule makes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

from reconciler.errors import Ambiguous, ProviderError, Rejected, Unsupported
from reconciler.kinds.backup import (
    BackUp,
    Backup,
    BackupChange,
    CopyState,
    DrillIt,
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
from reconciler.providers import _plesk_backups as backups
from reconciler.providers._panel_backup import (
    Subject,
    Unsuited,
    drill,
    proven,
    restorer_of,
    subject,
)
from reconciler.providers._panel_restorer import Fetch, Whose
from reconciler.providers._plesk import Plesk, nobody_knows
from reconciler.providers._plesk_backups import Kept

Want = BackupRepository | Backup
Do = RepositoryChange | BackupChange
#: How long one run waits for the panel to make a backup, and how often it looks.
_PATIENCE: Final = timedelta(minutes=30)
_PAUSE: Final = 15.0
_OURS: Final = "reconciler"


class _Mark(NamedTuple):
    """What tells a backup that was made from here from others."""

    slot: str
    key: str
    body: str

    @property
    def text(self) -> str:
        return f"{_OURS} {self.slot} {self.key} {self.body}"


class PleskBackup(Driver[Want, Do]):
    """The backups of one Plesk server."""

    can: ClassVar[Mapping[str, OpClass]] = {
        "back-up": OpClass.KEYED,
        "drill": OpClass.KEYED,
    }
    key_life: ClassVar[timedelta | None] = timedelta(days=28)
    settles: ClassVar[timedelta] = timedelta(minutes=15)
    credentials: ClassVar[frozenset[str]] = frozenset({"write"})
    lists: ClassVar[bool] = False

    def __init__(self, account: Account) -> None:
        self._account = account
        key = {"key": account.secrets["write"]}
        self._plesk = Plesk(account._replace(secrets=key))

    def __repr__(self) -> str:
        return f"PleskBackup({self._account.name})"

    def close(self) -> None:
        """Let go of connections."""
        self._plesk.close()

    def identity(self) -> str | None:
        """Return the address, where a Plesk server answers that lets us in."""
        if self._plesk.identity() is None:
            return None
        return self._account.settings.get("url")

    # -- reading -----------------------------------------------------------------------

    def observe(self, wants: Sequence[Want]) -> Observation:
        """Report the server, and what it keeps of each subscription."""
        self._plesk.http.counts()
        subjects: dict[str, Subject | Unsuited] = {}
        for want in wants:
            if isinstance(want, Backup):
                try:
                    subjects[want.name] = subject(want)
                except Unsuited as error:
                    subjects[want.name] = error
        sites = {o.site for o in subjects.values() if isinstance(o, Subject)}
        try:
            host = self._plesk.identity() or ""
            found = backups.listed(self._plesk, sorted(sites))
        except ProviderError as error:
            return nobody_knows(wants, error, self._plesk.http.counts())
        states: dict[str, Observed] = {}
        for want in wants:
            if isinstance(want, BackupRepository):
                states[want.name] = RepositoryState(identity=host)
            else:
                states[want.name] = _state(subjects[want.name], found, host)
        return Observation(states, requests=self._plesk.http.counts())

    # -- acting ------------------------------------------------------------------------

    def apply(self, want: Want, change: Do, key: str) -> Receipt:
        """Carry out one change; what was done before is found, and said again."""
        match want, change:
            case Backup(), BackUp():
                return self._back_up(want, change, key)
            case Backup(), DrillIt():
                one = subject(want)
                whose = Whose("plesk", one.site)
                with restorer_of(one, whose, self._fetch(one.site)) as restorer:
                    return drill(change, want, restorer, self._account)
            case _:
                raise Unsupported(f"a Plesk server cannot {change.verb}")

    def _fetch(self, site: str) -> Fetch:
        def fetch(snapshot: str, into: Path) -> None:
            kept = self._listed(site)
            found = next((one for one in kept if one.name == snapshot), None)
            if found is None:
                raise Rejected(f"{snapshot} is gone")
            with into.open("w+b") as file:
                most = found.size * 2 + (1 << 20)  # what it says, and no more than that
                backups.download(self._plesk, site, snapshot, file, most)

        return fetch

    def _listed(self, site: str) -> list[Kept]:
        found = backups.listed(self._plesk, [site])[site]
        if found is None:
            raise Rejected(f"there is no subscription {site}")
        return found

    def _back_up(self, want: Backup, change: BackUp, key: str) -> Receipt:
        one = subject(want)
        body = sha256({"uid": want.uid, "details": dict(change.details)})[:16]
        mark = _Mark(str(change.details["slot"]), sha256(key)[:16], body)
        found = self._marked(one.site, mark) or self._made(one.site, mark)
        whose = Whose("plesk", one.site)
        with restorer_of(one, whose, self._fetch(one.site)) as restorer:
            row = proven(one, found.name, restorer)
        return Receipt(
            reference=f"{self._account.name}/{found.name}",
            details={
                "at": found.at.isoformat(),
                "slot": mark.slot,
                "copy": self._account.name,
                "sources": {one.name: row},
            },
        )

    def _marked(self, site: str, mark: _Mark) -> Kept | None:
        """
        Return the backup that was made for *mark*.

        Raises:
            Rejected: Another one was asked for by the same key.
        """
        for one in self._listed(site):
            words = one.description.split()
            if len(words) < 4 or words[0] != _OURS or words[2] != mark.key:  # noqa: PLR2004
                continue
            if words[3] != mark.body:
                raise Rejected(f"the same key was used for another backup of {site}")
            return one
        return None

    def _made(self, site: str, mark: _Mark) -> Kept:
        """Have it made where nothing is being made, and wait for it."""
        ends = self._account.clock() + _PATIENCE
        begun = False
        while True:
            if not backups.working(self._plesk, site):
                if (found := self._marked(site, mark)) is not None:
                    return found
                if begun:
                    raise Rejected(f"{site}: the panel's task ended, and left nothing")
                backups.begin(self._plesk, site, mark.text)
                begun = True
            if self._account.clock() >= ends:
                raise Ambiguous(f"{site}: the panel is still making it")
            self._account.sleep(_PAUSE)


def _state(
    one: Subject | Unsuited, found: Mapping[str, list[Kept] | None], host: str
) -> CopyState | Absent | Unknown:
    if isinstance(one, Unsuited):
        return Unknown(why=f"{one.what}: {one.hint}" if one.hint else one.what)
    kept = found[one.site]
    if kept is None:
        return Absent(lacks="the subscription")
    rows = [
        Snapshot(
            id=each.name,
            source=one.name,
            at=each.at,
            said=each.at,
            host=one.site,
            packed=each.size,
        )
        for each in kept
    ]
    rows.sort(key=lambda each: (each.at, each.id))
    return CopyState(snapshots=tuple(rows), identity=host)


DRIVER = PleskBackup
