"""
What is kept, as status sites and badges read it. Pure.

Sources: Upptime's ``history/summary.json`` (uptime-monitor, ``src/summary.ts``) and
the JSON of shields.io's endpoint badge. Beside their figures stands what they do not
have: the share that is certain, and the minutes of which nobody knows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from reconciler.health.memory import Book, Watch
from reconciler.health.shown import Days, day_of, total, window
from reconciler.kinds.health_check import ILL, Uptime, percent

_WINDOWS: Final = {"Day": 1, "Week": 7, "Month": 30, "Year": 365}
_COLOURS: Final = ((0.999, "brightgreen"), (0.99, "green"), (0.95, "yellow"))
_UNSAFE: Final = re.compile(r"[^a-z0-9._-]+")


def summary(
    book: Book, watches: Mapping[str, Watch], days: Mapping[str, Days]
) -> list[dict[str, Any]]:
    """Return a row for each check that was looked at, in the order of names."""
    rows = []
    for name, watch in sorted(watches.items()):
        memory = book.checks.get(name)
        if memory is None:
            continue
        past = days.get(name, {})
        row: dict[str, Any] = {"name": name, "slug": slug(name), "of": str(watch.of)}
        row["status"] = "down" if memory.phase in ILL else "up"
        for word, many in _WINDOWS.items():
            seconds = total(window(memory, past, many))
            row[f"uptime{word}"] = shown(seconds.share)
            row[f"uptime{word}AtLeast"] = shown(seconds.least)
            row[f"minutesUnknown{word}"] = seconds.unknown // 60
        row["dailyMinutesDown"] = {
            day_of(day): tally.down // 60
            for day, tally in sorted(past.items())
            if tally.down >= 60  # noqa: PLR2004
        }
        rows.append(row)
    return rows


def badge(name: str, seconds: Uptime) -> dict[str, Any]:
    """Return the badge of a check: grey where nothing is known."""
    share = seconds.share
    colour = next((c for least, c in _COLOURS if (share or 0) >= least), "red")
    return {
        "schemaVersion": 1,
        "label": name,
        "message": shown(share),
        "color": "lightgrey" if share is None else colour,
    }


def shown(share: float | None) -> str:
    """Return a share as people read it, never rounded up to all of it."""
    return "unknown" if share is None else percent(share)


def slug(name: str) -> str:
    """Return *name* as the name of a file, the same for the same name."""
    return _UNSAFE.sub("-", name.lower()).strip("-.") or "check"
