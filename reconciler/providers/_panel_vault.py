"""
The backup schedule of a panel's server: how many it keeps of every account.

A server has one for all its accounts: a number is only ever raised, whoever asks, and
it is read once more before that.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from reconciler.errors import ProviderError, Unsupported
from reconciler.kinds.backup_repository import (
    BackupRepository,
    Configure,
    RepositoryChange,
    VaultState,
)
from reconciler.kinds.backup_repository.panel import PREFIX
from reconciler.model import Account, Driver, Observation, OpClass, Receipt, Unknown
from reconciler.providers._panel_backup import Server


class PanelVault(Driver[BackupRepository, RepositoryChange]):
    """
    The schedule of one server.

    Attributes:
        title: What the server is called to people.
    """

    can: ClassVar[Mapping[str, OpClass]] = {"configure": OpClass.PROBE}
    settles: ClassVar[timedelta] = timedelta(minutes=5)
    lists: ClassVar[bool] = False
    title: ClassVar[str]

    def __init__(self, account: Account, server: Server) -> None:
        self._account = account
        self._server = server

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._account.name})"

    def close(self) -> None:
        """Let go of connections."""
        self._server.close()

    def identity(self) -> str | None:
        """Return the server's host name."""
        return self._server.identity()

    @abstractmethod
    def settings(self) -> dict[str, int | str]:
        """Return the fields as the server has them, and what else it tells."""

    @abstractmethod
    def raise_to(self, wanted: Mapping[str, int]) -> None:
        """Have the server keep so many: every one is more than it keeps now."""

    def observe(self, wants: Sequence[BackupRepository]) -> Observation:
        """Report how many of each kind the server keeps."""
        self._server.http.counts()
        state: VaultState | Unknown
        try:
            state = VaultState(settings={**self.settings()})
        except ProviderError as error:
            state = Unknown(why=error.what, request_id=error.request_id)
        states = {want.name: state for want in wants}
        return Observation(states, requests=self._server.http.counts())

    def apply(
        self, want: BackupRepository, change: RepositoryChange, key: str
    ) -> Receipt:
        """Raise what is less than it has to be; nothing is ever lowered."""
        del key
        if not isinstance(change, Configure):
            raise Unsupported(f"{self.title} cannot {change.verb}")
        less = self._less(change)
        if less:
            self.raise_to(less)
        raised = ", ".join(sorted(name.removeprefix(PREFIX) for name in less))
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
            there = not self._less(change)
        except ProviderError:
            return None
        settled = self._account.clock() - since >= self.settles
        return there if there or settled else None

    def _less(self, change: RepositoryChange) -> dict[str, int]:
        """Return the fields of which the server keeps less than *change* says."""
        live = self.settings()
        return {
            one.field: one.after
            for one in change.fields
            if isinstance(one.after, int) and _number(live.get(one.field)) < one.after
        }


def _number(live: int | str | None) -> int:
    return live if isinstance(live, int) else 0
