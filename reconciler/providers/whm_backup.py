"""
Backups that a WHM server makes of its accounts by its own schedule.

``url`` is the server's own address (``https://whm1.agency.example:2087``), ``write`` a
token of root as ``USER:TOKEN`` (no other may see backups), ``path`` the folder where
the server's backup folder is mounted here, to read archives from. What it is asked is
described in ``_whm_backups.py``.

Nothing is made from here (``schedule.by`` is ``panel``): what ``pkgacct`` leaves lies
in a folder that nobody keeps in order, overwrites what it left before, and no function
of the API gives it away or deletes it. The server's own schedule does all of that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

from reconciler.errors import ProviderError, Rejected, Unsupported
from reconciler.kinds.backup import (
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
)
from reconciler.providers import _whm_backups as backups
from reconciler.providers._panel_backup import (
    Subject,
    Unsuited,
    drill,
    restorer_of,
    subject,
)
from reconciler.providers._panel_restorer import Whose
from reconciler.providers._whm import Whm

Want = BackupRepository | Backup
Do = RepositoryChange | BackupChange


class WhmBackup(Driver[Want, Do]):
    """The backups of one WHM server."""

    can: ClassVar[Mapping[str, OpClass]] = {"drill": OpClass.KEYED}
    key_life: ClassVar[timedelta | None] = timedelta(days=28)
    settles: ClassVar[timedelta] = timedelta(0)
    credentials: ClassVar[frozenset[str]] = frozenset({"write"})
    lists: ClassVar[bool] = False

    def __init__(self, account: Account) -> None:
        self._account = account
        user, colon, token = account.secrets["write"].partition(":")
        if not (user and colon and token):
            raise Rejected("write has to be USER:TOKEN", hint="root:TOKEN")
        self._whm = Whm(account._replace(secrets={"user": user, "token": token}))

    def __repr__(self) -> str:
        return f"WhmBackup({self._account.name})"

    def close(self) -> None:
        """Let go of connections."""
        self._whm.close()

    def identity(self) -> str | None:
        """Return the address, where a WHM server answers that lets us in."""
        if self._whm.identity() is None:
            return None
        return self._account.settings.get("url")

    # -- reading -----------------------------------------------------------------------

    def observe(self, wants: Sequence[Want]) -> Observation:
        """Report the server, and what it keeps of each account, from one listing."""
        self._whm.http.counts()
        try:
            host = self._whm.identity() or ""
            kept = backups.listed(self._whm)
            named = backups.users(self._whm) if _of_accounts(wants) else {}
        except ProviderError as error:
            lost = Unknown(why=error.what, request_id=error.request_id)
            states: dict[str, Observed] = dict.fromkeys((w.name for w in wants), lost)
            return Observation(states, requests=self._whm.http.counts())
        whole = RepositoryState(
            identity=host,
            snapshots=sum(map(len, kept.values())),
            newest=max((day for days in kept.values() for day in days), default=None),
        )
        found: dict[str, Observed] = {}
        for want in wants:
            if isinstance(want, BackupRepository):
                found[want.name] = whole
            else:
                found[want.name] = _state(want, kept, named, host)
        return Observation(found, requests=self._whm.http.counts())

    # -- acting ------------------------------------------------------------------------

    def apply(self, want: Want, change: Do, key: str) -> Receipt:
        """Hold a drill: nothing else is done from here."""
        del key
        if not isinstance(want, Backup) or not isinstance(change, DrillIt):
            raise Unsupported(f"a WHM server cannot {change.verb}")
        one = subject(want)
        user = one.account or backups.users(self._whm).get(one.site)
        if user is None:
            raise Rejected(f"there is no account {one.site}")

        def fetch(name: str, into: Path) -> None:
            backups.copied(self._account.settings.get("path"), name, into)

        with restorer_of(one, Whose("cpanel", user), fetch) as restorer:
            return drill(change, want, restorer, self._account)


def _of_accounts(wants: Sequence[Want]) -> bool:
    return any(isinstance(want, Backup) for want in wants)


def _state(
    want: Backup,
    kept: Mapping[str, list[datetime]],
    named: Mapping[str, str],
    host: str,
) -> CopyState | Absent | Unknown:
    try:
        one: Subject = subject(want)
    except Unsuited as error:
        return Unknown(why=f"{error.what}: {error.hint}" if error.hint else error.what)
    user = one.account or named.get(one.site)
    if user is None or user not in named.values():
        return Absent(lacks="the account")
    rows = [
        Snapshot(
            id=backups.snapshot(user, day),
            source=one.name,
            at=day,
            said=day,
            host=one.site,
        )
        for day in kept.get(user, ())
    ]
    return CopyState(snapshots=tuple(rows), identity=host)


DRIVER = WhmBackup
