"""
How many scheduled backups a Plesk server keeps of everything.

Source: docs.plesk.com, "Plesk API RPC", "Retrieving" and "Configuring Server-wide
Backup Settings" (``max-backup-files``: in any storage; -1 is without an end). It is one
number, whatever the schedule is: it counts as ``daily``. It is only ever raised.
Whether a schedule is on is not among these settings: a drill and the RPO tell that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

from reconciler.errors import ProviderError, Transient, Unsupported
from reconciler.kinds.backup_repository import (
    BackupRepository,
    Configure,
    RepositoryChange,
    VaultState,
)
from reconciler.kinds.backup_repository.panel import PREFIX
from reconciler.model import Account, Driver, Observation, OpClass, Receipt, Unknown
from reconciler.providers._plesk import CREDENTIALS, Plesk
from reconciler.providers._plesk_xml import node, number_of

_MANAGER: Final = "backup-manager"
_GET: Final = "get-server-wide-settings"
_SET: Final = "set-server-wide-settings"
_MOST: Final = "max-backup-files"
_DAILY: Final = f"{PREFIX}daily"
#: Without an end: more than anybody may ask for.
_ALL: Final = 1_000_000


class PleskVault(Driver[BackupRepository, RepositoryChange]):
    """The backup settings of one Plesk server."""

    can: ClassVar[Mapping[str, OpClass]] = {"configure": OpClass.PROBE}
    settles: ClassVar[timedelta] = timedelta(minutes=15)
    credentials: ClassVar[frozenset[str]] = CREDENTIALS
    lists: ClassVar[bool] = False

    def __init__(self, account: Account) -> None:
        self._account = account
        self._plesk = Plesk(account)

    def __repr__(self) -> str:
        return f"PleskVault({self._account.name})"

    def close(self) -> None:
        """Let go of connections."""
        self._plesk.close()

    def identity(self) -> str | None:
        """Return the server's host name."""
        return self._plesk.identity()

    def observe(self, wants: Sequence[BackupRepository]) -> Observation:
        """Report how many the server keeps."""
        self._plesk.http.counts()
        state: VaultState | Unknown
        try:
            state = VaultState(settings={_DAILY: self._kept()})
        except ProviderError as error:
            state = Unknown(why=error.what, request_id=error.request_id)
        states = {want.name: state for want in wants}
        return Observation(states, requests=self._plesk.http.counts())

    def _kept(self) -> int:
        packet = self._plesk.packet(node(_MANAGER, node(_GET)), operation=_GET)
        found = packet.find(f"{_MANAGER}/{_GET}/result/settings")
        try:
            many = number_of(found, _MOST) if found is not None else 0
        except ValueError as error:
            raise Transient(f"{_GET}: {error}") from None
        return _ALL if many < 0 else many

    def apply(
        self, want: BackupRepository, change: RepositoryChange, key: str
    ) -> Receipt:
        """Raise the number; it is never lowered."""
        del key
        if not isinstance(change, Configure):
            raise Unsupported(f"a Plesk server cannot {change.verb}")
        wanted = _wanted(change)
        if wanted > self._kept():
            settings = node("settings", node(_MOST, str(wanted)))
            asked = node(_MANAGER, node(_SET, settings))
            self._plesk.packet(asked, operation=_SET, effect=True)
        return Receipt(reference=f"{want.name}/schedule", details={"daily": wanted})

    def happened(
        self,
        want: BackupRepository,
        change: RepositoryChange,
        key: str,
        since: datetime,
    ) -> bool | None:
        """Say whether the server keeps as many, once a read can tell."""
        del want, key
        try:
            there = self._kept() >= _wanted(change)
        except ProviderError:
            return None
        settled = self._account.clock() - since >= self.settles
        return there if there or settled else None


def _wanted(change: RepositoryChange) -> int:
    found = [one.after for one in change.fields if one.field == _DAILY]
    return next((many for many in found if isinstance(many, int)), 0)


DRIVER = PleskVault
