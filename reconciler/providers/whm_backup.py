"""
Backups that a WHM server makes of its accounts: by its own schedule, and when asked.

``url`` is the server's own address (``https://whm1.agency.example:2087``), ``write`` a
token of root as ``USER:TOKEN`` (no other may see backups), ``path`` the folder where
the server's backup folder is mounted here, to read archives from: no function of the
API gives one away. What its schedule makes is described in ``_whm_backups.py``, what it
makes when it is asked in ``_whm_orders.py``; that alone is ever taken away again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from reconciler.errors import ProviderError, Rejected
from reconciler.kinds.backup import Snapshot
from reconciler.model import Absent, Account, Unknown
from reconciler.providers import _whm_backups as backups
from reconciler.providers._panel_archive import Panel
from reconciler.providers._panel_backup import PanelBackup
from reconciler.providers._panel_restorer import Fetch
from reconciler.providers._panel_subject import (
    Looked,
    Made,
    Mark,
    Subject,
    key_of,
)
from reconciler.providers._whm import Whm
from reconciler.providers._whm_order import Order, belongs, ours
from reconciler.providers._whm_orders import Orders


class WhmBackup(PanelBackup):
    """The backups of one WHM server."""

    panel: ClassVar[Panel] = "cpanel"
    title: ClassVar[str] = "a WHM server"

    def __init__(self, account: Account) -> None:
        user, colon, token = key_of(account).partition(":")
        if not (user and colon and token):
            raise Rejected("write has to be USER:TOKEN", hint="root:TOKEN")
        self._whm = Whm(account._replace(secrets={"user": user, "token": token}))
        self._orders = Orders(self._whm, account)
        super().__init__(account, self._whm)

    @property
    def _mount(self) -> str | None:
        """The folder here where the server's backup folder is."""
        return self._account.settings.get("path")

    def production(self) -> Sequence[Path]:
        """Return the folder that archives are read from."""
        return [Path(self._mount)] if self._mount else []

    # -- reading -----------------------------------------------------------------------

    def look(self, subjects: Sequence[Subject]) -> Looked:
        """Ask for one listing of the server, whoever is wanted."""
        kept = backups.listed(self._whm)
        named = backups.users(self._whm) if subjects else {}
        there = {*named.values()}
        found: dict[str, Sequence[Snapshot] | Absent | Unknown] = {}
        mine: dict[str, list[str]] = {}
        for one in subjects:
            user = one.account or named.get(one.site)
            days = kept.get(user, []) if user else []
            made = self._asked_for(one, user) if user else []
            if isinstance(made, Unknown):
                found[one.uid] = made
            elif user is None or not (user in there or days or made):
                found[one.uid] = Absent(lacks="the account")
            else:  # of one that is gone its backups are what is left
                scheduled = [_scheduled(one, user, day) for day in days]
                found[one.uid] = [*scheduled, *made]
                mine[one.uid] = [each.id for each in made]
        newest = max((day for days in kept.values() for day in days), default=None)
        return Looked(found, mine, sum(map(len, kept.values())), newest)

    def _asked_for(self, one: Subject, user: str) -> list[Snapshot] | Unknown:
        """Return what was made from here; nothing where nobody wants that."""
        try:
            return [_made(one, each) for each in self._orders.of(user, one.uid)]
        except ProviderError as error:
            if one.backing.schedule.by != "reconciler":
                return []
            return Unknown(why=f"{error.what} {error.hint or ''}".strip())

    def unasked(self, one: Subject) -> Sequence[Snapshot]:
        """Return what is where the server's backup folder is mounted."""
        if one.account is None or self._mount is None:
            return ()
        days = backups.mounted(self._mount, one.account)
        found = [_scheduled(one, one.account, day) for day in days]
        with suppress(ProviderError):
            made = self._orders.of(one.account, one.uid)
            found += [_made(one, each) for each in made]
        return found

    def owner(self, one: Subject) -> str:
        """Return its user."""
        user = one.account or backups.users(self._whm).get(one.site)
        if user is None:
            raise Rejected(f"there is no account {one.site}")
        return user

    def fetcher(self, one: Subject) -> Fetch:
        """Return what copies an archive of it from the mounted folder."""
        del one

        def fetch(name: str, into: Path) -> None:
            if not ours(name):
                backups.copied(self._mount, name, into)
                return
            archive = self._orders.named(name).archive
            if archive is None:
                raise Rejected(f"{name} is gone")
            backups.copied_to(archive, into)

        return fetch

    # -- acting ------------------------------------------------------------------------

    def have_made(self, one: Subject, mark: Mark) -> Made:
        """Have it made in a folder of its own, and wait for it."""
        order = self._orders.have_made(self.owner(one), one.uid, mark)
        return Made(order.name, order.begun)

    def keep(self, one: Subject, made: Made) -> None:
        """Write down beside it that it was read to its end, and is enough."""
        del one
        self._orders.keep(made.name)

    def refuse(self, one: Subject, made: Made) -> None:
        """Take its folder away, which is ours alone: unless it had a receipt once."""
        del one
        self._orders.refuse(made.name)

    def remove(self, one: Subject, name: str) -> None:
        """Take away the folder of one order, of this account and this Backup."""
        if not belongs(name, self.owner(one), one.uid):
            raise Rejected(f"{name} was not made from here")
        self._orders.remove(name)


def _scheduled(one: Subject, user: str, day: datetime) -> Snapshot:
    return Snapshot(
        id=backups.snapshot(user, day),
        source=one.name,
        at=day,
        said=day,
        host=one.site,
    )


def _made(one: Subject, order: Order) -> Snapshot:
    return Snapshot(
        id=order.name,
        source=one.name,
        at=order.begun,
        said=order.begun,
        host=one.site,
        packed=order.size,
    )


DRIVER = WhmBackup
