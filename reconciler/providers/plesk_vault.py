"""
How many scheduled backups a Plesk server keeps of everything.

Source: docs.plesk.com, "Plesk API RPC", "Retrieving" and "Configuring Server-wide
Backup Settings" (``max-backup-files``: in any storage; -1 is without an end). It is one
number, whatever the schedule is: it counts as ``daily``. Whether a schedule is on is
not among these settings: a drill and the RPO tell that.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar, Final

from reconciler.errors import Transient
from reconciler.kinds.backup_repository.panel import PREFIX
from reconciler.model import Account
from reconciler.providers._panel_vault import PanelVault
from reconciler.providers._plesk import CREDENTIALS, Plesk
from reconciler.providers._plesk_xml import node, number_of

_MANAGER: Final = "backup-manager"
_GET: Final = "get-server-wide-settings"
_SET: Final = "set-server-wide-settings"
_MOST: Final = "max-backup-files"
_DAILY: Final = f"{PREFIX}daily"
#: Without an end: more than anybody may ask for.
_ALL: Final = 1_000_000


class PleskVault(PanelVault):
    """The backup settings of one Plesk server."""

    settles: ClassVar[timedelta] = timedelta(minutes=15)
    credentials: ClassVar[frozenset[str]] = CREDENTIALS
    title: ClassVar[str] = "a Plesk server"

    def __init__(self, account: Account) -> None:
        self._plesk = Plesk(account)
        super().__init__(account, self._plesk)

    def settings(self) -> dict[str, int | str]:
        """Return its one number."""
        packet = self._plesk.packet(node(_MANAGER, node(_GET)), operation=_GET)
        found = packet.find(f"{_MANAGER}/{_GET}/result/settings")
        try:
            many = number_of(found, _MOST) if found is not None else 0
        except ValueError as error:
            raise Transient(f"{_GET}: {error}") from None
        return {_DAILY: _ALL if many < 0 else many}

    def raise_to(self, wanted: Mapping[str, int]) -> None:
        """Raise the one number; what it does not know it cannot keep."""
        if _DAILY in wanted:
            settings = node("settings", node(_MOST, str(wanted[_DAILY])))
            asked = node(_MANAGER, node(_SET, settings))
            self._plesk.packet(asked, operation=_SET, effect=True)


DRIVER = PleskVault
