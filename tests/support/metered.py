"""
A vendor of somebody else: accounts and what they use, as a file on this machine says.

It is registered as any third party's package is, by an entry point.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from reconciler.kinds.hosting_account import HostingState
from reconciler.model import Absent, Driver, Observation, Unknown
from reconciler.model.driver import Probe
from reconciler.model.usage import Reading, UsageState

_POINTS = """\
[reconciler.providers]
metered_hosting = tests.support.metered:MeteredHosting
metered_usage = tests.support.metered:MeteredUsage
"""


class Meter:
    """The file, as the test writes it."""

    def __init__(self, path):
        self.path = path

    def says(self, accounts):
        self.path.write_text(json.dumps(accounts))


def install(monkeypatch, folder):
    """Install this package into *folder*, for this process."""
    from reconciler import providers

    about = folder / "metered-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: metered\nVersion: 1\n"
    )
    (about / "entry_points.txt").write_text(_POINTS)
    monkeypatch.syspath_prepend(str(folder))
    providers._registered.cache_clear()


class _Metered:
    def __init__(self, account):
        self._account = account
        self._path = Path(urlsplit(account.endpoint).path)

    def identity(self):
        return None

    def _said(self):
        return json.loads(self._path.read_text())


class MeteredHosting(_Metered, Driver):
    can = {}
    lists = False

    def observe(self, wants):
        said = self._said()
        return Observation(
            {want.name: self._state(want, said.get(want.name)) for want in wants}
        )

    def _state(self, want, row):
        if row is None:
            return Unknown(why="the meter has no such account")
        return HostingState(
            account=want.name.split(".", maxsplit=1)[0],
            domain=want.domain,
            package=row["package"],
            suspended=False,
        )

    def apply(self, want, change, key):
        raise AssertionError(change)


class MeteredUsage(_Metered, Probe):
    def observe(self, wants):
        said, now = self._said(), self._account.clock()
        return Observation(
            {want.name: self._use(said.get(want.name), now) for want in wants}
        )

    def _use(self, row, now):
        if row is None:
            return Absent()
        if "broken" in row:
            return Unknown(why=row["broken"])
        readings = []
        for metric, (value, limit) in row["used"].items():
            when = datetime.fromisoformat(row["at"]) if "at" in row else now
            readings.append(Reading(metric, when, value, limit))
        return UsageState(readings=tuple(readings), source=self._account.name)
