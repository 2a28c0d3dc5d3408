"""
The backup schedule of a WHM server: how many it keeps of every account.

Sources: api.docs.cpanel.net (``backup_config_get``, ``backup_config_set``): one
configuration for the server, each number with a switch of its own
(``backup_daily_enable``, ``backup_daily_retention``), all of it off without
``backupenable``, and no accounts in it without ``backupaccts``. What follows: what is
switched off keeps none, whatever its number. Whoever has the rights for it is root.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from reconciler.errors import Transient
from reconciler.kinds.backup_repository.panel import KINDS, PREFIX
from reconciler.model import Account
from reconciler.providers import _whm_backups as backups
from reconciler.providers._panel_vault import PanelVault
from reconciler.providers._whm import CREDENTIALS, Whm

#: On which days each of the three is made.
_DAYS: Final = (
    ("days", "backupdays"),
    ("weekday", "backup_weekly_day"),
    ("dates", "backup_monthly_dates"),
)
_SWITCHES: Final = ("backupenable", "backupaccts")


class WhmVault(PanelVault):
    """The schedule of one WHM server."""

    credentials: ClassVar[frozenset[str]] = CREDENTIALS
    title: ClassVar[str] = "a WHM server"

    def __init__(self, account: Account) -> None:
        self._whm = Whm(account)
        super().__init__(account, self._whm)

    def settings(self) -> dict[str, int | str]:
        """
        Return how many of each kind it keeps, and on which days it makes them.

        ``days`` and ``weekday`` are weekdays, 0 is Sunday; ``dates`` are of a month.
        """
        config = backups.settings(self._whm)
        on = all(_number(config, name) for name in _SWITCHES)
        kept = {
            f"{PREFIX}{name}": _number(config, f"backup_{name}_retention")
            if on and _number(config, f"backup_{name}_enable")
            else 0
            for name in KINDS
        }
        days = {name: str(config[key]) for name, key in _DAYS if key in config}
        return {**kept, **days}

    def raise_to(self, wanted: Mapping[str, int]) -> None:
        """Raise them, and switch on what they need."""
        params = dict.fromkeys(_SWITCHES, "1")
        for field, many in wanted.items():
            name = field.removeprefix(PREFIX)
            params[f"backup_{name}_enable"] = "1"
            params[f"backup_{name}_retention"] = str(many)
        self._whm.post("backup_config_set", params, effect=True)


def _number(config: Mapping[str, Any], name: str) -> int:
    text = str(config.get(name, ""))
    if not text.isdigit():
        raise Transient(f"backup_config_get: {name} cannot be read")
    return int(text)


DRIVER = WhmVault
