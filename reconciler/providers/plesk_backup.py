"""
Backups that a Plesk server keeps of its subscriptions, in its own storage.

``url`` is the server's own address (``https://plesk1.agency.example:8443``), ``write``
a secret key of its administrator. What it is asked, and what it answers, is described
in ``_plesk_backups.py``. What follows:

* A backup takes as long as it takes: what is asked for is a task. It is waited for,
  half an hour at most; then nobody knows, and the next run looks again. The panel's
  answer that a task ended says nothing of whether it left anything: the listing does.
* What is made from here carries the slot, and hashes of the key and of what was asked,
  in its description.
* The panel forgets what its own schedule makes. What was made from here is taken away
  by ``maintain``, a secret key as well, where there is one: by ``keep``, and at once
  where it was read and refused, because the next try makes another one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Final

from reconciler.errors import Ambiguous, Rejected
from reconciler.kinds.backup import Snapshot
from reconciler.model import Absent, Account
from reconciler.providers import _plesk_backups as backups
from reconciler.providers._panel_archive import Panel
from reconciler.providers._panel_backup import PanelBackup
from reconciler.providers._panel_restorer import Fetch, roomy_for
from reconciler.providers._panel_subject import (
    Looked,
    Made,
    Mark,
    Subject,
    key_of,
    surely,
)
from reconciler.providers._plesk import Plesk
from reconciler.providers._plesk_backups import Kept

#: How long one run waits for the panel to make a backup, and how often it looks.
_PATIENCE: Final = timedelta(minutes=30)
_PAUSE: Final = 15.0
_OURS: Final = "reconciler"
#: What a description begins with that was written from here: a panel may add to it.
_MARKED: Final = re.compile(rf"{_OURS} (\S+) ([0-9a-f]{{16}}) ([0-9a-f]{{16}})\b")


class PleskBackup(PanelBackup):
    """The backups of one Plesk server."""

    panel: ClassVar[Panel] = "plesk"
    title: ClassVar[str] = "a Plesk server"

    def __init__(self, account: Account) -> None:
        self._plesk = Plesk(account._replace(secrets={"key": key_of(account)}))
        super().__init__(account, self._plesk)

    def look(self, subjects: Sequence[Subject]) -> Looked:
        """Ask for the listings of many subscriptions at once."""
        found = backups.listed(self._plesk, sorted({one.site for one in subjects}))
        return Looked(
            {one.uid: _kept(one, found[one.site]) for one in subjects},
            {one.uid: _ours(found[one.site] or ()) for one in subjects},
        )

    def owner(self, one: Subject) -> str:
        """Return its domain."""
        return one.site

    def fetcher(self, one: Subject) -> Fetch:
        """Return what downloads an archive of it."""

        def fetch(snapshot: str, into: Path) -> None:
            kept = self._listed(one.site)
            found = next((each for each in kept if each.name == snapshot), None)
            if found is None:
                raise Rejected(f"{snapshot} is gone")
            roomy_for(into.parent, found.size)
            with into.open("w+b") as file:
                most = found.size * 2 + (1 << 20)  # what it says, and no more than that
                backups.download(self._plesk, one.site, snapshot, file, most)

        return fetch

    def _listed(self, site: str) -> list[Kept]:
        found = backups.listed(self._plesk, [site])[site]
        if found is None:
            raise Rejected(f"there is no subscription {site}")
        return found

    def refuse(self, one: Subject, made: Made) -> None:
        """Take it out of the panel's storage, where there is a key that may."""
        if self._maintains:
            self.remove(one, made.name)

    def remove(self, one: Subject, name: str) -> None:
        """Take one away from the panel's storage, with the key that may."""
        key = {"key": self._account.secrets["maintain"]}
        with closing(Plesk(self._account._replace(secrets=key))) as plesk:
            backups.remove(plesk, one.site, name)

    def have_made(self, one: Subject, mark: Mark) -> Made:
        """Have it made where nothing is being made, and wait for it."""
        ends = self._account.clock() + _PATIENCE
        found = self._marked(one.site, mark) or self._alone(one.site, mark, ends)
        if found is None:
            text = f"{_OURS} {mark.slot} {mark.key} {mark.body}"
            backups.begin(self._plesk, one.site, text)
            with surely(f"a backup of {one.site} was begun"):
                found = self._alone(one.site, mark, ends)
        if found is None:
            raise Rejected(f"{one.site}: the panel's task ended, and left nothing")
        return Made(found.name, found.at)

    def _alone(self, site: str, mark: Mark, ends: datetime) -> Kept | None:
        """Wait until the panel makes nothing of *site*; return what is of *mark*."""
        while backups.working(self._plesk, site):
            if self._account.clock() >= ends:
                raise Ambiguous(f"{site}: the panel is still making it")
            self._account.sleep(_PAUSE)
        return self._marked(site, mark)

    def _marked(self, site: str, mark: Mark) -> Kept | None:
        """
        Return the backup that was made for *mark*.

        Raises:
            Rejected: Another one was asked for by the same key.
        """
        for one in self._listed(site):
            found = _mark(one)
            if found is None or found.key != mark.key:
                continue
            if found.body != mark.body:
                raise Rejected(f"the same key was used for another backup of {site}")
            return one
        return None


def _mark(kept: Kept) -> Mark | None:
    """Return what a backup that was made from here was made for."""
    found = _MARKED.match(kept.description)
    return Mark(*found.groups()) if found else None


def _ours(kept: Sequence[Kept]) -> list[str]:
    return [one.name for one in kept if _mark(one) is not None]


def _kept(one: Subject, kept: list[Kept] | None) -> list[Snapshot] | Absent:
    if kept is None:
        return Absent(lacks="the subscription")
    return [
        Snapshot(
            id=each.name,
            source=one.name,
            at=each.at,
            said=each.at,
            host=one.site,
            packed=each.size,
        )
        for each in kept
    ]


DRIVER = PleskBackup
