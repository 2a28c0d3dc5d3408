"""Where a project keeps what its checks have found, and what that says of a thing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, cast

from reconciler.cli.usage_books import there
from reconciler.health import Book, Incident, Places, Watch, ill, state_of
from reconciler.health.kept import STATE, history, read_book
from reconciler.health.topology import Topology
from reconciler.health.uptime import resting
from reconciler.kinds.health_check import HealthCheck, HealthState
from reconciler.model import Ref
from reconciler.model.usage import HEALTH

if TYPE_CHECKING:
    from reconciler.audit.shelf import Files
    from reconciler.cli.project import Project
    from reconciler.health.shown import Days

KIND = HealthCheck.kind
#: So many days of the past are read: the longest window that may be promised.
_PAST = 90


class HealthBooks:
    """
    What is kept, read when it is first asked for.

    Raises:
        ReconcilerError: (any of it) It cannot be read.
    """

    def __init__(self, project: Project) -> None:
        self._project = project

    @cached_property
    def checks(self) -> dict[str, HealthCheck]:
        """All that are declared, by name."""
        found = self._project.inventory.of(KIND)
        return {one.name: cast("HealthCheck", one) for one in found}

    @cached_property
    def places(self) -> Places:
        """Where what is checked is."""
        inventory = self._project.inventory
        return Places(inventory.find, inventory.of)

    @cached_property
    def topology(self) -> Topology:
        """What hangs on what."""
        return Topology(self.places.watch(one) for one in self.checks.values())

    @property
    def watches(self) -> Mapping[str, Watch]:
        """All checks, as the machine knows them."""
        return self.topology.watches

    @cached_property
    def files(self) -> Files:
        """What is kept, on the remote or here."""
        return there(self._project, HEALTH)

    @cached_property
    def book(self) -> Book:
        """What is remembered."""
        return read_book(self.files.read([STATE]))

    @cached_property
    def days(self) -> Mapping[str, Days]:
        """The days of each check that are over, of the time that matters."""
        return history(self.files.read(recent(self.files.names, self._project.clock())))

    @cached_property
    def all_days(self) -> Mapping[str, Days]:
        """The days of each check that are over, all of them."""
        names = [name for name in self.files.names if name.startswith("uptime/")]
        return history(self.files.read(names))

    def late(self, check: HealthCheck, state: HealthState) -> bool:
        """Say whether nobody came for so long that nobody knows how it is."""
        return self._project.clock() - (state.seen or state.since) > check.patience

    def health(self, ref: Ref) -> HealthState | None:
        """
        Return what the looks say of *ref*; None where nobody looked at such.

        Of what is no check, it is the open incident that it is in, if there is one.
        """
        if ref.kind != KIND:
            return self._incident(ref)
        watch = self.watches.get(ref.name)
        if watch is None or watch.name not in self.book.checks:
            return None
        return self.state(self.book, watch, self.days.get(watch.name, {}))

    def _incident(self, ref: Ref) -> HealthState | None:
        found = self.ill(ref) if self.checks and self._open else None
        if found is None:
            return None
        return HealthState(
            at=self._project.clock(),
            phase="down",
            since=datetime.fromtimestamp(found.began, UTC),
            why=f"incident {found.id}: {found.why}",
            incident=found.id,
            root=str(found.root),
        )

    @cached_property
    def _open(self) -> bool:
        """Whether there is any incident at all now: most of the time there is none."""
        return any(one.open for one in self.book.incidents.values())

    def state(self, book: Book, watch: Watch, days: Days) -> HealthState:
        """Return what *book* says of one check."""
        now = int(self._project.clock().timestamp())
        rests = resting(book.checks[watch.name], watch.spec, now)
        return state_of(book, watch, days, resting=rests)

    def ill(self, ref: Ref) -> Incident | None:
        """Return the open incident that *ref* is in, as far as anybody knows."""
        return ill(self.book, self.watches, ref)


def recent(names: frozenset[str], now: datetime) -> list[str]:
    """Return the files of the months that may matter now."""
    first = now.astimezone(UTC) - timedelta(days=_PAST + 1)
    since = f"uptime/{first:%Y-%m}.csv"
    return sorted(n for n in names if n.startswith("uptime/") and n >= since)
