"""What health commands print."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from reconciler.health import export
from reconciler.health.kept import incident_data, incidents
from reconciler.health.shown import times, total, window
from reconciler.kinds.health_check import HealthState, moment, said
from reconciler.report.visible import visible
from reconciler.report.words import count

if TYPE_CHECKING:
    from reconciler.cli.health_books import HealthBooks
    from reconciler.cli.health_run import Result
    from reconciler.health.memory import Incident

FORMAT: Final = "reconciler.health/v1"
_COLOURS: Final = {
    "up": "green",
    "down": "red",
    "recovering": "yellow",
    "flapping": "yellow",
    "suspect": "yellow",
}
_MINUTE, _HOUR = 60, 3600


def checked_lines(result: Result, books: HealthBooks, *, full: bool) -> Iterator[str]:
    """Yield what is wrong, what changed, and how many are well."""
    for name, state in sorted(result.states.items()):
        seen = result.sightings.get(name)
        blind = seen is not None and seen.up is None
        if full or blind or state.phase != "up":
            why = seen.why if blind and seen is not None else state.why
            yield _line(name, books.checks[name].spec.of, state, why, blind=blind)
    for one in result.turn.changed:
        yield _change(one)
    well = sum(1 for one in result.sightings.values() if one.up)
    yield f"{count(len(result.sightings), 'check')}: {well} good"


def _line(name: str, of: str, state: HealthState, why: str, *, blind: bool) -> str:
    word = "unknown" if blind else state.phase
    shown = click.style(f"{word.upper():<11}", fg=_COLOURS.get(word))
    since = "" if blind or word == "up" else f" since {moment(state.since)}"
    reason = f": {why}" if why else ""
    return f"{shown} {visible(name)}  {visible(of)}{since}{visible(reason)}"


def _change(one: Incident) -> str:
    if one.merged:
        word = f"is a part of {one.merged}"
    elif one.closed is not None:
        word = f"is over after {_span(one.closed - one.began)}"
    else:
        word = "is open again" if one.reopened else "is open"
    return f"incident {one.id} {word}: {one.root}, {count(len(one.checks), 'check')}"


def checked_data(result: Result, books: HealthBooks) -> dict[str, Any]:
    """Return the same as JSON data."""
    return {
        "format": FORMAT,
        "checks": [
            {
                **_state_data(name, books.checks[name].spec.of, state),
                "seen": _seen_data(result, name),
            }
            for name, state in sorted(result.states.items())
        ],
        "incidents": [incident_data(one) for one in result.turn.changed],
    }


def _seen_data(result: Result, name: str) -> dict[str, Any] | None:
    seen = result.sightings.get(name)
    return None if seen is None else seen.model_dump(mode="json")


def _state_data(name: str, of: str, state: HealthState) -> dict[str, Any]:
    return {"name": name, "of": of, **state.model_dump(mode="json")}


def status_lines(books: HealthBooks) -> Iterator[str]:
    """Yield a line for each check, what is down first."""
    rows = _states(books)
    if not rows:
        yield "nobody looked yet: `reconciler health check`"
        return
    for name, state in sorted(rows, key=lambda row: (row[1].phase == "up", row[0])):
        check = books.checks[name]
        late = books.late(check, state)
        line = _line(name, check.spec.of, state, state.why, blind=late)
        yield f"{line}  ({next(said(state.month))})"
    spoken = [one for one in books.book.incidents.values() if one.open]
    at = datetime.fromtimestamp(books.book.at, UTC)
    yield f"{count(len(spoken), 'open incident')}; seen last {moment(at)}"


def status_data(books: HealthBooks) -> dict[str, Any]:
    """Return the same as JSON data."""
    rows = [(n, books.checks[n].spec.of, state) for n, state in _states(books)]
    return {"format": FORMAT, "checks": [_state_data(*row) for row in rows]}


def _states(books: HealthBooks) -> list[tuple[str, HealthState]]:
    found = ((n, books.health(one.ref)) for n, one in sorted(books.checks.items()))
    return [(name, state) for name, state in found if state is not None]


def known(books: HealthBooks, *, only: bool) -> list[Incident]:
    """Return the incidents that are kept, the latest first."""
    if only:
        opened = [one for one in books.book.incidents.values() if one.open]
        return sorted(opened, key=lambda one: (-one.began, one.id))
    names = [n for n in books.files.names if n.startswith("incidents/")]
    return incidents(books.files.read(names))


def incidents_lines(found: Sequence[Incident], most: int) -> Iterator[str]:
    """Yield a line for each, and how fast they were seen and mended."""
    for one in found[: most or None]:
        word = "open" if one.open else _span((one.closed or 0) - one.began)
        if one.merged:
            word = f"part of {one.merged}"
        began = datetime.fromtimestamp(one.began, UTC)
        why = "comes and goes" if one.flapping else one.why
        checks = count(len(one.checks), "check")
        line = f"{moment(began)}  {one.id}  {one.root}  {word}  {checks}: {why}"
        yield visible(line)
    figures = times(found)
    if figures.detect is not None:
        line = f"{count(figures.many, 'incident')}: seen after {_span(figures.detect)}"
        if figures.repair is not None and figures.slowest is not None:
            line += f", over after {_span(figures.repair)} (median)"
            line += f", {_span(figures.slowest)} (90%)"
        yield line


def incidents_data(found: Sequence[Incident]) -> dict[str, Any]:
    """Return the same as JSON data."""
    return {
        "format": FORMAT,
        "incidents": [incident_data(one) for one in found],
        "times": times(found)._asdict(),
    }


def exported(books: HealthBooks) -> dict[str, str]:
    """Return the files of an export: path -> text; the same state, the same bytes."""
    rows = export.summary(books.book, books.watches, books.all_days)
    files = {
        "summary.json": rows,
        "incidents.json": incidents_data(known(books, only=False)),
    }
    texts = {name: _text(data) for name, data in files.items()}
    for name in sorted(books.watches):
        memory = books.book.checks.get(name)
        if memory is not None:
            month = total(window(memory, books.all_days.get(name, {}), 30))
            path = f"api/{export.slug(name)}/uptime.json"
            texts[path] = _text(export.badge(name, month))
    return texts


def _text(data: object) -> str:
    return json.dumps(data, indent=1, sort_keys=True) + "\n"


def _span(seconds: int) -> str:
    if seconds < _HOUR:
        return f"{seconds // _MINUTE}m"
    return f"{seconds // _HOUR}h {seconds % _HOUR // _MINUTE}m"
