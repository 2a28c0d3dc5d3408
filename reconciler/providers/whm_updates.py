"""
cPanel & WHM: what there is newer of the panel, and of the WordPress sites on it.

``endpoint`` is the server's own address, as in ``https://whm1.agency.example:2087``.
``settings.toolkit`` is where to log in for WP Toolkit, as in
``root@whm1.agency.example``; ``settings.ssh`` the client to do it with (``ssh``).
Sources: the vendor's reference (api.docs.cpanel.net: ``get_update_availability``,
``start_cpanel_update``; docs.cpanel.net: "WP Toolkit Command Line Interface", which is
run on the server itself, as root, over SSH), and those of ``_toolkit``. What follows:

* No remote call of WP Toolkit is documented for cPanel: without ``toolkit`` nobody
  knows what is installed at the sites, and nothing is guessed.
* The panel tells its version and the newest of its tier, and not whether that mends a
  weakness. The first two numbers are its main version.
* ``start_cpanel_update`` answers at once, and goes on in the background; a second one
  while it runs starts nothing (``is_new`` 0). What came of it shows in the version. No
  older version of the panel can be put back.
* Packages of EasyApache are updated by the panel's own nightly run; the call that
  upgrades them takes all of the machine's, so that it is not used here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

from reconciler.errors import Ambiguous, ProviderError, Rejected
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
from reconciler.model.updates import Component, Patch, RollBack, UpdatesState
from reconciler.providers._answers import mapping
from reconciler.providers._ssh import Ssh
from reconciler.providers._toolkit import Toolkit
from reconciler.providers._whm import CREDENTIALS, SaidNo, Whm

PANEL: Final = "panel/whm"
_AGAIN: Final = "plan again"


class WhmUpdates(Driver[AnyResource, Patch | RollBack]):
    """The updates of one WHM server, and of the sites on it."""

    can: ClassVar[Mapping[str, OpClass]] = {
        "patch": OpClass.PROBE,
        "roll-back": OpClass.PROBE,
    }
    settles: ClassVar[timedelta] = timedelta(minutes=15)
    credentials: ClassVar[frozenset[str]] = CREDENTIALS
    lists: ClassVar[bool] = False

    def __init__(self, account: Account) -> None:
        self._account = account
        self._whm = Whm(account)
        self._toolkit: Toolkit | None = None
        if (where := account.settings.get("toolkit")) is not None:
            client = account.settings.get("ssh", "ssh")
            self._toolkit = Toolkit(account, Ssh(where, "wp-toolkit", client))

    def __repr__(self) -> str:
        return f"WhmUpdates({self._account.name})"

    def close(self) -> None:
        """Let go of connections."""
        self._whm.close()

    def identity(self) -> str | None:
        """Return the server's host name."""
        return self._whm.identity()

    def observe(self, wants: Sequence[AnyResource]) -> Observation:
        """Report what is installed on the machine, and at the sites of each account."""
        self._whm.http.counts()
        hosted = [want for want in wants if isinstance(want, HostingAccount)]
        machines = [want for want in wants if not isinstance(want, HostingAccount)]
        states: dict[str, Observed] = {}
        if machines:
            states |= dict.fromkeys((want.name for want in machines), self._machine())
        if self._toolkit is not None:
            states |= self._toolkit.observe(hosted)
        else:
            why = "WP Toolkit is reached over SSH alone: write settings.toolkit"
            states |= {want.name: Unknown(why=why) for want in hosted}
        return Observation(states, requests=self._whm.http.counts())

    def _machine(self) -> Observed:
        try:
            component = self._panel()
        except ProviderError as error:
            return Unknown(why=error.what, request_id=error.request_id)
        return UpdatesState(at=self._account.clock(), components=(component,))

    def _panel(self) -> Component:
        said = self._whm.read("get_update_availability")
        current = str(said.get("current_version") or "")
        newest = str(said.get("newest_version") or "")
        if not current or not newest:
            raise Rejected("get_update_availability: it tells no version")
        newer = str(said.get("update_available")) == "1" and newest != current
        return Component(
            id=PANEL,
            current=current,
            target=newest if newer else None,
            sort="minor" if _main(current) == _main(newest) else "major",
            slow=True,
            back=False,
        )

    def apply(self, want: AnyResource, change: Patch | RollBack, key: str) -> Receipt:
        """Install one version; see ``Driver.apply``."""
        del key
        if isinstance(want, HostingAccount):
            if self._toolkit is None:
                raise Rejected("WP Toolkit is reached over SSH alone", hint=_AGAIN)
            return Receipt(reference=self._toolkit.apply(want, change))
        if change.details["id"] != PANEL or isinstance(change, RollBack):
            raise Rejected("no older version of the panel can be put back")
        return self._update(change)

    def _update(self, change: Patch) -> Receipt:
        """Start the update of the panel, which goes on after the answer."""
        was, version = change.details["from"], change.details["to"]
        here = self._panel()
        if (here.current, here.target) != (was, version):
            newest = here.target or "nothing newer"
            what = f"the panel is {here.current} by now, and offers {newest}"
            raise Rejected(what, hint=_AGAIN)
        try:
            reply = self._whm.call("start_cpanel_update", {}, effect=True)
        except SaidNo as refusal:
            raise self._after(refusal, was) from None
        log = str(mapping(mapping(reply.data).get("data")).get("log_path") or "")
        if self._current() != version:
            raise Ambiguous("the update was started, and goes on")
        return Receipt(reference=log or f"{PANEL}@{version}")

    def _after(self, refusal: SaidNo, was: object) -> ProviderError:
        if self._current() == was:
            return refusal
        return Ambiguous(f"{refusal.what}; and yet something seems to have happened")

    def _current(self) -> str | None:
        """Return the version of the panel; None where it cannot be read."""
        try:
            return self._panel().current
        except ProviderError:
            return None

    def happened(
        self, want: AnyResource, change: Patch | RollBack, key: str, since: datetime
    ) -> bool | None:
        """Say from a fresh reading what became of *change*; see ``PleskUpdates``."""
        del key
        try:
            if isinstance(want, HostingAccount):
                seen = self._toolkit.shown(change) if self._toolkit else None
            else:
                seen = self._panel().current == change.details["to"]
        except ProviderError:
            return None
        settled = self._account.clock() - since >= self.settles
        return seen if seen or settled else None


def _main(version: str) -> tuple[str, ...]:
    return tuple(version.split(".")[:2])


DRIVER = WhmUpdates
