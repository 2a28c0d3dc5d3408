"""
Plesk: what there is newer at the WordPress sites of a server, and its installation.

``endpoint`` is the server's own address, as in ``https://plesk1.agency.example:8443``.
Sources: docs.plesk.com ("extension" of "Using Command Line Utilities": ``--call``), the
OpenAPI of REST v2 (the gateway to command lines) and those of ``_toolkit``. What it has
and what follows from it:

* WP Toolkit is an extension, and the gateway calls it: ``extension --call wp-toolkit``.
  Where it is not installed that is a failure, and nobody knows what there is.
* The gateway answers 200 whatever happened; ``code`` alone decides. There is no
  idempotency key: a change is read again afterwards, and a lost answer is never sent
  again.
* Plesk updates itself, by its own settings. No call that is documented installs an
  update of the panel from outside, so that none is offered here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from reconciler.errors import ProviderError, Unsupported
from reconciler.kinds.hosting_account import HostingAccount
from reconciler.model import (
    Account,
    AnyResource,
    Driver,
    Observation,
    Observed,
    OpClass,
    Receipt,
    Unknown,
)
from reconciler.model.updates import Patch, RollBack
from reconciler.providers._plesk import CREDENTIALS, Plesk
from reconciler.providers._toolkit import Toolkit


class PleskUpdates(Driver[AnyResource, Patch | RollBack]):
    """The updates of the sites of one Plesk server."""

    can: ClassVar[Mapping[str, OpClass]] = {
        "patch": OpClass.PROBE,
        "roll-back": OpClass.PROBE,
    }
    settles: ClassVar[timedelta] = timedelta(minutes=15)
    credentials: ClassVar[frozenset[str]] = CREDENTIALS
    lists: ClassVar[bool] = False

    def __init__(self, account: Account) -> None:
        self._account = account
        self._plesk = Plesk(account)
        self._toolkit = Toolkit(account, self._run)

    def __repr__(self) -> str:
        return f"PleskUpdates({self._account.name})"

    def close(self) -> None:
        """Let go of connections."""
        self._plesk.close()

    def identity(self) -> str | None:
        """Return the server's host name."""
        return self._plesk.identity()

    def _run(self, *arguments: str, effect: bool) -> str:
        called = ("--call", "wp-toolkit", *arguments)
        return self._plesk.command("extension", *called, effect=effect)

    def observe(self, wants: Sequence[AnyResource]) -> Observation:
        """Report what is installed at the sites of each account."""
        self._plesk.http.counts()
        hosted = [want for want in wants if isinstance(want, HostingAccount)]
        states: dict[str, Observed] = {
            want.name: Unknown(why="Plesk does not tell of updates of the machine")
            for want in wants
        }
        states |= self._toolkit.observe(hosted)
        return Observation(states, requests=self._plesk.http.counts())

    def apply(self, want: AnyResource, change: Patch | RollBack, key: str) -> Receipt:
        """Install one version at one site; see ``Driver.apply``."""
        del key
        if not isinstance(want, HostingAccount):
            raise Unsupported("Plesk is told by itself alone when to update")
        return Receipt(reference=self._toolkit.apply(want, change))

    def happened(
        self, want: AnyResource, change: Patch | RollBack, key: str, since: datetime
    ) -> bool | None:
        """
        Say from a fresh reading what became of *change*.

        An update may go on after its answer was lost: that it is not there proves
        something only after ``settles``.
        """
        del want, key
        try:
            seen = self._toolkit.shown(change)
        except ProviderError:
            return None
        settled = self._account.clock() - since >= self.settles
        return seen if seen or settled else None


DRIVER = PleskUpdates
