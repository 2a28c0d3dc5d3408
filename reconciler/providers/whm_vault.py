"""
The backup schedule of a WHM server: how many it keeps of every account.

Sources: api.docs.cpanel.net (``backup_config_get``, ``backup_config_set``): one
configuration for the server, each number with a switch of its own
(``backup_daily_enable``, ``backup_daily_retention``), all of it off without
``backupenable``, and no accounts in it without ``backupaccts``. What follows: what is
switched off keeps none, whatever its number; a number is only ever raised, and the
configuration is read once more before that. Whoever has the rights for it is root.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from reconciler.errors import ProviderError, Transient, Unsupported
from reconciler.kinds.backup_repository import (
    BackupRepository,
    Configure,
    RepositoryChange,
    VaultState,
)
from reconciler.kinds.backup_repository.panel import KINDS, PREFIX
from reconciler.model import Account, Driver, Observation, OpClass, Receipt, Unknown
from reconciler.providers import _whm_backups as backups
from reconciler.providers._whm import CREDENTIALS, Whm

_SWITCHES: Final = ("backupenable", "backupaccts")


class WhmVault(Driver[BackupRepository, RepositoryChange]):
    """The schedule of one WHM server."""

    can: ClassVar[Mapping[str, OpClass]] = {"configure": OpClass.PROBE}
    settles: ClassVar[timedelta] = timedelta(minutes=5)
    credentials: ClassVar[frozenset[str]] = CREDENTIALS
    lists: ClassVar[bool] = False

    def __init__(self, account: Account) -> None:
        self._account = account
        self._whm = Whm(account)

    def __repr__(self) -> str:
        return f"WhmVault({self._account.name})"

    def close(self) -> None:
        """Let go of connections."""
        self._whm.close()

    def identity(self) -> str | None:
        """Return the server's host name."""
        return self._whm.identity()

    def observe(self, wants: Sequence[BackupRepository]) -> Observation:
        """Report how many of each kind the server keeps."""
        self._whm.http.counts()
        state: VaultState | Unknown
        try:
            config = backups.settings(self._whm)
            days = str(config.get("backupdays", ""))
            state = VaultState(settings={**_kept(config), "days": days})
        except ProviderError as error:
            state = Unknown(why=error.what, request_id=error.request_id)
        states = {want.name: state for want in wants}
        return Observation(states, requests=self._whm.http.counts())

    def _kept(self) -> dict[str, int]:
        return _kept(backups.settings(self._whm))

    def apply(
        self, want: BackupRepository, change: RepositoryChange, key: str
    ) -> Receipt:
        """Raise what is less than it has to be; nothing is ever lowered."""
        del key
        if not isinstance(change, Configure):
            raise Unsupported(f"a WHM server cannot {change.verb}")
        live = self._kept()
        asked = {
            one.field.removeprefix(PREFIX): one.after
            for one in change.fields
            if isinstance(one.after, int) and live.get(one.field, 0) < one.after
        }
        if asked:
            params = dict.fromkeys(_SWITCHES, "1")
            for name, many in asked.items():
                params[f"backup_{name}_enable"] = "1"
                params[f"backup_{name}_retention"] = str(many)
            self._whm.post("backup_config_set", params, effect=True)
        raised = ", ".join(sorted(asked))
        return Receipt(reference=f"{want.name}/schedule", details={"raised": raised})

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
            live = self._kept()
        except ProviderError:
            return None
        there = all(
            isinstance(one.after, int) and live.get(one.field, 0) >= one.after
            for one in change.fields
        )
        settled = self._account.clock() - since >= self.settles
        return there if there or settled else None


def _kept(config: Mapping[str, Any]) -> dict[str, int]:
    """Return how many of each are kept: of what is switched off none."""
    on = all(_number(config, name) for name in _SWITCHES)
    return {
        f"{PREFIX}{name}": _number(config, f"backup_{name}_retention")
        if on and _number(config, f"backup_{name}_enable")
        else 0
        for name in KINDS
    }


def _number(config: Mapping[str, Any], name: str) -> int:
    text = str(config.get(name, ""))
    if not text.isdigit():
        raise Transient(f"backup_config_get: {name} cannot be read")
    return int(text)


DRIVER = WhmVault
