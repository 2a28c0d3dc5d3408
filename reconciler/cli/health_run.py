"""One run of the checks: look, judge, keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from reconciler.cli.accounts import account
from reconciler.cli.health_books import HealthBooks, recent
from reconciler.cli.usage_books import shelf, there
from reconciler.errors import ReconcilerError, UsageError
from reconciler.health import Book, Turn, turned
from reconciler.health.kept import (
    STATE,
    history,
    incident_file,
    months,
    read_book,
    state_file,
)
from reconciler.health.usage import sighted
from reconciler.kinds.health_check import HealthCheck, HealthState, Sighting
from reconciler.model import PUBLIC, Ref
from reconciler.model.usage import HEALTH, USAGE, Reading
from reconciler.providers import driver_class

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.audit.shelf import Files
    from reconciler.cli.project import Project
    from reconciler.health.shown import Days

_USED: Final = "usage"


class Result(NamedTuple):
    """
    What a run saw, and what became of it.

    Attributes:
        sightings: By check; those that were not looked at are missing.
        states: What all looks together say now, of every check that is known.
    """

    sightings: Mapping[str, Sighting]
    turn: Turn
    states: Mapping[str, HealthState]

    @property
    def book(self) -> Book:
        """What is remembered."""
        return self.turn.book

    @property
    def whole(self) -> bool:
        """Whether everything that was looked at could be told."""
        return all(one.up is not None for one in self.sightings.values())


def run(project: Project, books: HealthBooks) -> Result:
    """
    Look at everything that is selected, and keep what it adds up to.

    Raises:
        UsageError: There is nothing to look at, or nobody may.
        ReconcilerError: What is kept cannot be read or written.
    """
    wants = [w for w in project.scope().wants() if w.kind == HealthCheck.kind]
    if not wants:
        raise UsageError("nothing that was selected is a HealthCheck")
    now = project.clock()
    checks = [cast("HealthCheck", want) for want in wants]
    sightings = {**_outside(project, books, checks), **_used(project, checks, now)}
    at = int(now.timestamp())
    whole = len(checks) == len(books.checks)
    kept: list[tuple[Turn, Mapping[str, Days]]] = []

    def make(files: Files) -> dict[str, bytes | None]:
        past = files.read([STATE, *recent(files.names, now)])
        turn = turned(read_book(past), books.topology, sightings, at, whole=whole)
        days = months(turn.days, past)
        kept[:] = [(turn, history({**past, **days}))]
        written = dict(incident_file(one) for one in turn.changed)
        return {STATE: state_file(turn.book), **days, **written}

    message = f"health: {now:%Y-%m-%d %H:%M} UTC\n\nThe next run replaces it.\n"
    shelf(project, HEALTH).change(make, now=now, message=message)
    ((turn, past),) = kept
    return Result(sightings, turn, _states(books, turn.book, past))


def _states(
    books: HealthBooks, book: Book, past: Mapping[str, Days]
) -> dict[str, HealthState]:
    return {
        name: books.state(book, watch, past.get(name, {}))
        for name, watch in books.watches.items()
        if name in book.checks
    }


def _outside(
    project: Project, books: HealthBooks, checks: Sequence[HealthCheck]
) -> dict[str, Sighting]:
    """Return what is seen from outside; nobody but the checked is asked."""
    wants = [books.places.located(one) for one in checks if one.spec.type != _USED]
    if not wants:
        return {}
    public = project.accounts_declared.get(PUBLIC)
    if public is None:
        raise UsageError(
            f"nothing may be asked: every account is on this machine, without {PUBLIC}",
            hint=f"declare Provider/{PUBLIC} with the sandbox's endpoint",
        )
    kind = driver_class(public.spec.type, "health")
    with closing(kind(account(project, public, kind.credentials))) as driver:
        seen = driver.observe(wants).states
    project.cache.close()
    return {name: cast("Sighting", one) for name, one in seen.items()}


def _used(
    project: Project, checks: Sequence[HealthCheck], now: datetime
) -> dict[str, Sighting]:
    """Return what the last readings say; nobody is asked."""
    wants = [one for one in checks if one.spec.type == _USED]
    if not wants:
        return {}
    from reconciler.audit.usage_store import latest

    refs = {Ref(*one.spec.of.split("/", 1)) for one in wants}
    try:
        found = latest(there(project, USAGE), now, refs=refs)
    except ReconcilerError as error:
        why = f"what is used cannot be read: {error.what}"
        return {
            one.name: Sighting(at=now, up=None, why=why, symptom="usage")
            for one in wants
        }
    by_ref: dict[str, dict[str, Reading]] = {}
    for (ref, metric), (_, reading) in found.items():
        by_ref.setdefault(str(ref), {})[metric] = reading
    return {one.name: sighted(one, by_ref.get(one.spec.of, {}), now) for one in wants}
