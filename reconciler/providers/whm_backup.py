"""
Backups that a WHM server makes of its accounts by its own schedule.

``url`` is the server's own address (``https://whm1.agency.example:2087``), ``write`` a
token of root as ``USER:TOKEN`` (no other may see backups), ``path`` the folder where
the server's backup folder is mounted here, to read archives from. What it is asked is
described in ``_whm_backups.py``.

Nothing is made from here (``schedule.by`` is ``panel``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from reconciler.errors import Rejected, Unsupported
from reconciler.kinds.backup import Snapshot
from reconciler.model import Absent, Account, OpClass
from reconciler.providers import _whm_backups as backups
from reconciler.providers._panel_archive import Panel
from reconciler.providers._panel_backup import (
    Looked,
    Made,
    Mark,
    PanelBackup,
    Subject,
    key_of,
)
from reconciler.providers._panel_restorer import Fetch
from reconciler.providers._whm import Whm


class WhmBackup(PanelBackup):
    """The backups of one WHM server."""

    can: ClassVar[Mapping[str, OpClass]] = {"drill": OpClass.KEYED}
    panel: ClassVar[Panel] = "cpanel"
    title: ClassVar[str] = "a WHM server"

    def __init__(self, account: Account) -> None:
        user, colon, token = key_of(account).partition(":")
        if not (user and colon and token):
            raise Rejected("write has to be USER:TOKEN", hint="root:TOKEN")
        self._whm = Whm(account._replace(secrets={"user": user, "token": token}))
        super().__init__(account, self._whm)

    @property
    def _mount(self) -> str | None:
        """The folder here where the server's backup folder is."""
        return self._account.settings.get("path")

    def production(self) -> Sequence[Path]:
        """Return the folder that archives are read from."""
        return [Path(self._mount)] if self._mount else []

    def look(self, subjects: Sequence[Subject]) -> Looked:
        """Ask for one listing of the server, whoever is wanted."""
        kept = backups.listed(self._whm)
        named = backups.users(self._whm) if subjects else {}
        found: dict[str, Sequence[Snapshot] | Absent] = {}
        for one in subjects:
            user = one.account or named.get(one.site)
            if user is None or not (user in named.values() or kept.get(user)):
                found[one.uid] = Absent(lacks="the account")
                continue  # of one that is gone its backups are what is left
            found[one.uid] = [
                Snapshot(
                    id=backups.snapshot(user, day),
                    source=one.name,
                    at=day,
                    said=day,
                    host=one.site,
                )
                for day in kept.get(user, ())
            ]
        newest = max((day for days in kept.values() for day in days), default=None)
        return Looked(found, sum(map(len, kept.values())), newest)

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
            backups.copied(self._mount, name, into)

        return fetch

    def have_made(self, one: Subject, mark: Mark) -> Made:
        """Refuse: its own schedule makes them."""
        del one, mark
        raise Unsupported(f"{self.title} cannot back-up")


DRIVER = WhmBackup
