"""The proofs of names of a project: its zones, the accounts that have them, the DNS."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from pydantic import JsonValue

from reconciler.cli.cache import FileCache
from reconciler.errors import ReconcilerError
from reconciler.inventory.makings import zone_of
from reconciler.model import PUBLIC
from reconciler.providers import driver_class
from reconciler.providers._authoritative import Server, declared, delegated
from reconciler.providers._challenges import DnsChallenges, World, Writer, Zone
from reconciler.providers._octodns import OctodnsDriver

if TYPE_CHECKING:
    from reconciler.cli.project import Project
    from reconciler.providers._names import Names

#: The setting of an account that says where its zones are served, if not where the
#: delegation says.
NAMESERVERS: Final = "nameservers"
#: The setting of an account that says which folder its web server serves.
WEBROOT: Final = "webroot"


def challenges(project: Project) -> DnsChallenges:
    """Return who proves names; nothing is resolved or made before one is proven."""
    around = _Around(project)
    world = World(around.zone_of, around.writer, around.servers, around.webroot)
    notes = _Notes(project.folder / f"challenges-{project.env}.sqlite", project.clock)
    return DnsChallenges(world, project.clock, project.sleep, notes)


class _Notes(FileCache):
    """What is noted here outlives a process that is killed in the next moment."""

    def put(self, key: str, value: JsonValue, until: datetime) -> None:
        """Keep *value* until then, written before this returns."""
        super().put(key, value, until)
        self.close()


class _Around:
    """The accounts with zones, made once each; thread-safe."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._lock = Lock()
        self._writers: dict[str, Writer] = {}
        self._names: Names | None = None

    def zone_of(self, name: str) -> Zone | None:
        """Return the declared zone that *name* is in."""
        found = zone_of(name, self._project.inventory.find)
        return None if found is None else Zone(found.name, found.spec.dns.targets)

    def writer(self, name: str) -> Writer:
        """Return the account *name*, as one whose zones can be changed."""
        with self._lock:
            if name not in self._writers:
                self._writers[name] = self._made(name)
            return self._writers[name]

    def _made(self, name: str) -> OctodnsDriver:
        from reconciler.cli.accounts import account

        provider = self._project.accounts_declared.get(name)
        if provider is None:
            raise ReconcilerError(
                f"the base branch does not declare Provider/{name}", code="E602"
            )
        kind = driver_class(provider.spec.type, "dns")
        made = kind(account(self._project, provider, kind.credentials))
        if not isinstance(made, OctodnsDriver):
            raise ReconcilerError(f"Provider/{name} cannot prove a name", code="E602")
        return made

    def servers(self, zone: Zone) -> Sequence[Server]:
        """Return the servers of *zone*: where its accounts say, or the delegation."""
        known = self._project.accounts_declared
        places = [
            known[name].spec.settings.get(NAMESERVERS, "")
            for name in zone.accounts
            if name in known
        ]
        if any(places):
            return declared(",".join(places))
        with self._lock:
            names = self._public()
            return [] if names is None else delegated(names, zone.name)

    def webroot(self, name: str) -> Path | None:
        """Return the folder that the web server of the account *name* serves."""
        provider = self._project.accounts_declared.get(name)
        folder = provider.spec.settings.get(WEBROOT) if provider else None
        return self._project.root / folder if folder else None

    def _public(self) -> Names | None:
        """Return the DNS; None where the inventory is of this machine alone."""
        provider = self._project.accounts_declared.get(PUBLIC)
        if self._names is None and provider is not None:
            from reconciler.cli.accounts import account
            from reconciler.providers._names import Names
            from reconciler.providers._network import Network

            public = account(self._project, provider, frozenset())
            self._names = Names(public, Network(public))
        return self._names
