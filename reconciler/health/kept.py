"""
What is remembered, as files.

``state.json``: what a run has to know of the one before it; what is as usual is left
out, so that a run in which nothing happened changes two lines. ``uptime/2026-11.csv``:
a line for each check and day that is over, only ever added to. ``incidents/ID.json``:
one incident each.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from reconciler.errors import ReconcilerError
from reconciler.health.machine import WINDOW
from reconciler.health.memory import DAY, GOOD, Book, Closed, Incident, Memory, Tally
from reconciler.health.shown import Days, day_of
from reconciler.model import Ref

FORMAT: Final = "reconciler.health/v1"
STATE: Final = "state.json"
_EPOCH: Final = date(1970, 1, 1)
_HEAD: Final = "day,check,up,down,unknown,maintenance\n"
_MEMORY: Final[TypeAdapter[Memory]] = TypeAdapter(Memory)
_INCIDENT: Final[TypeAdapter[Incident]] = TypeAdapter(Incident)
Files = Mapping[str, bytes]


def read_book(files: Files) -> Book:
    """
    Return what *files* remember; an empty book where nothing was ever kept.

    Raises:
        ReconcilerError: They were damaged, or are of a later version: nothing is
            begun anew by accident.
    """
    raw = files.get(STATE)
    if raw is None:
        return Book()
    try:
        data = json.loads(raw)
        if data["format"] != FORMAT:
            raise ValueError(data["format"])
        at = int(data["at"])
        return Book(
            at=at,
            runs=_unpacked(data["runs"]),
            checks={name: _memory(one, at) for name, one in data["checks"].items()},
            incidents={one["id"]: incident_of(one) for one in data["incidents"]},
            held=dict(data["held"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError):
        raise ReconcilerError(
            f"what is kept about health cannot be read: {STATE}",
            hint="restore it from its branch, or remove it and begin anew",
            code="E675",
        ) from None


def state_file(book: Book) -> bytes:
    """Return *book* as the state file; the same book gives the same bytes."""
    checks = {name: _sparse(one, book.at) for name, one in sorted(book.checks.items())}
    incidents = [incident_data(one) for _, one in sorted(book.incidents.items())]
    lines = [
        f'"format": {json.dumps(FORMAT)}',
        f'"at": {book.at}',
        f'"runs": {json.dumps(_packed(book.runs))}',
        f'"held": {json.dumps(dict(sorted(book.held.items())))}',
        f'"incidents": {json.dumps(incidents, sort_keys=True)}',
    ]
    rows = [
        f"  {json.dumps(n)}: {json.dumps(c, sort_keys=True)}" for n, c in checks.items()
    ]
    lines.append('"checks": {\n' + ",\n".join(rows) + "\n}")
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _packed(times: tuple[int, ...]) -> list[list[int]]:
    """Return *times* as runs of equal steps: [first, step, how many]."""
    found: list[list[int]] = []
    for at in times:
        if found:
            first, step, many = found[-1]
            if many == 1:
                found[-1] = [first, at - first, 2]
                continue
            if at == first + step * many:
                found[-1][2] += 1
                continue
        found.append([at, 0, 1])
    return found


def _unpacked(packed: Iterable[list[int]]) -> tuple[int, ...]:
    return tuple(
        first + step * number for first, step, many in packed for number in range(many)
    )


def _sparse(memory: Memory, at: int) -> dict[str, Any]:
    """Return what of *memory* is not as it is where nothing happened."""
    usual = Memory(began=memory.began)._asdict()
    said = {k: v for k, v in memory._asdict().items() if v != usual[k] or k == "began"}
    for name, value in _at_ease(memory.began, at).items():
        said[name] = getattr(memory, name)
        if said[name] == value:
            del said[name]
    for name in ("bad", "blind", "extra"):
        if name in said:
            said[name] = _packed(said[name])
    today = memory.today
    if today == _usual(memory):
        said.pop("today", None)
    elif today.whole:
        said["today"] = list(today)
    return said


def _at_ease(began: int, at: int) -> dict[str, Any]:
    """Return the fields of a check that was looked at *at* that time, and was good."""
    return {
        "marks": GOOD * WINDOW,
        "since": began,
        "seen": at,
        "until": at,
        "day": at // DAY,
    }


def _usual(memory: Memory) -> Tally:
    """Return the tally of a day on which it was up ever since."""
    return Tally(up=max(0, memory.until - max(memory.began, memory.day * DAY)))


def _memory(said: Mapping[str, Any], at: int) -> Memory:
    data = {**_at_ease(int(said["began"]), at), **said}
    for name in ("bad", "blind", "extra"):
        if name in data:
            data[name] = _unpacked(data[name])
    if "today" in data:
        data["today"] = Tally(*data["today"])
    found = _MEMORY.validate_python(data)
    return found if "today" in data else found._replace(today=_usual(found))


def incident_data(one: Incident) -> dict[str, Any]:
    """Return *one* as JSON data."""
    return {**one._asdict(), "root": str(one.root), "checks": list(one.checks)}


def incident_of(data: Mapping[str, Any]) -> Incident:
    """Return the incident in *data*; raises ValueError, KeyError."""
    kind, _, name = str(data["root"]).partition("/")
    return _INCIDENT.validate_python({**data, "root": Ref(kind, name)})


def incident_file(one: Incident) -> tuple[str, bytes]:
    """Return the path of an incident's own file, and what is in it."""
    text = json.dumps(incident_data(one), indent=1, sort_keys=True)
    return f"incidents/{one.id}.json", f"{text}\n".encode()


def incidents(files: Files) -> list[Incident]:
    """Return every incident there ever was, the latest first."""
    found: list[Incident] = []
    for path, data in files.items():
        if path.startswith("incidents/"):
            try:
                found.append(incident_of(json.loads(data)))
            except (ValueError, KeyError, TypeError, ValidationError):
                continue
    return sorted(found, key=lambda one: (-one.began, one.id))


def months(days: Iterable[Closed], files: Files) -> dict[str, bytes]:
    """Return the files of the months of *days*, with them added."""
    by_month: dict[str, list[str]] = defaultdict(list)
    for one in sorted(days, key=lambda one: (one.day, one.name)):
        which = day_of(one.day)
        row = ",".join([which, one.name, *map(str, one.tally)])
        by_month[f"uptime/{which[:7]}.csv"].append(f"{row}\n")
    return {
        path: (files.get(path) or _HEAD.encode()) + "".join(rows).encode()
        for path, rows in by_month.items()
    }


def history(files: Files) -> dict[str, Days]:
    """
    Return the days of every check, by its name.

    Of a day that is there twice the first one counts; a line that is none is left out.
    """
    found: dict[str, dict[int, Tally]] = defaultdict(dict)
    for path, data in sorted(files.items()):
        if not path.startswith("uptime/"):
            continue
        for line in data.decode("utf-8", "replace").splitlines()[1:]:
            try:
                which, name, *numbers = line.split(",")
                day = (date.fromisoformat(which) - _EPOCH).days
                found[name].setdefault(day, Tally(*map(int, numbers)))
            except (ValueError, TypeError):
                continue
    return dict(found)
