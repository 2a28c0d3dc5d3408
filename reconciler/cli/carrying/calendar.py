"""
When another program's backups are due, as five fields of cron. Pure.

Sources: systemd.time(7), "Calendar Events" (resticprofile has them too); robfig/cron's
"CRON Expression Format" (autorestic).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from reconciler.model.cron import Cron

_SHORT: Final = {
    "minutely": "* * * * *",
    "hourly": "0 * * * *",
    "daily": "0 0 * * *",
    "midnight": "0 0 * * *",
    "weekly": "0 0 * * 1",
    "monthly": "0 0 1 * *",
    "quarterly": "0 0 1 1,4,7,10 *",
    "semiannually": "0 0 1 1,7 *",
    "yearly": "0 0 1 1 *",
    "annually": "0 0 1 1 *",
}
_WHOLE: Final = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
)  # fmt: skip
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: Both forms that systemd knows, each with its number; Monday is the first.
_WEEKDAYS: Final = {
    name: number
    for number, whole in enumerate(_WHOLE, 1)
    for name in (whole, whole[:3])
}
_MONTHS: Final = (
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
)  # fmt: skip
_NUMBER: Final = re.compile(r"\d{1,2}")
_DATE: Final = 3
#: Every day of the calendar comes in the years after it.
_SOME_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)


def of_systemd(text: str) -> str | None:
    """Return the calendar event *text* as cron; None where cron cannot say it."""
    words = text.strip().lower().split()
    if len(words) == 1 and words[0] in _SHORT:
        return _SHORT[words[0]]
    if not words:
        return None
    weekday, date, time = "*", ("*", "*"), ("0", "0")
    for number, word in enumerate(words):
        if ":" in word:
            time = _time(word) or ("", "")
        elif number == 0 and word[0].isalpha():
            weekday = _weekdays(word)
        elif "-" in word:
            date = _date(word) or ("", "")
        else:
            return None
    month, day = date
    if day != "*" and weekday != "*":
        return None  # cron takes either one
    return _checked(f"{time[1]} {time[0]} {day} {month} {weekday}")


def of_cron(text: str) -> str | None:
    """Return *text* with its words as numbers; None where it is not cron."""
    text = text.strip().lower()
    if text.startswith("@"):
        word = text[1:]
        # cron's weeks begin on Sunday, systemd's on Monday.
        return "0 0 * * 0" if word == "weekly" else _SHORT.get(word)
    fields = text.replace("?", "*").split()
    if len(fields) != len(Cron.of("* * * * *").text.split()):
        return None
    fields[3] = _named(fields[3], _MONTHS, 1)
    fields[4] = _named(fields[4], _DAYS, 0)
    return _checked(" ".join(fields))


def _named(field: str, names: tuple[str, ...], first: int) -> str:
    for number, name in enumerate(names, first):
        field = field.replace(name, str(number))
    return field


def _checked(text: str) -> str | None:
    """Return *text* where it is cron, and due at some time."""
    try:
        found = Cron.of(text)
        found.after(_SOME_DAY, "UTC")
    except ValueError:
        return None
    return found.text


def _time(word: str) -> tuple[str, str] | None:
    parts = word.split(":")
    if len(parts) > 2 and parts[2].lstrip("0") not in {"", "."}:  # noqa: PLR2004
        return None  # within a minute cron knows nothing
    hours, minutes = _numbers(parts[0]), _numbers(parts[1])
    return (hours, minutes) if hours and minutes else None


def _date(word: str) -> tuple[str, str] | None:
    parts = word.split("-")
    if len(parts) == _DATE:
        year, *parts = parts
        if year != "*":
            return None
    if len(parts) != _DATE - 1:
        return None
    month, day = _numbers(parts[0]), _numbers(parts[1])
    return (month, day) if month and day else None


def _weekdays(word: str) -> str:
    """Return weekdays as numbers, Monday first as systemd counts; empty: none."""
    found = []
    for item in word.split(","):
        # systemd takes one dash for a range too, as it did before it had two dots.
        first, span, last = item.replace("..", "-").partition("-")
        start, end = _WEEKDAYS.get(first, 0), _WEEKDAYS.get(last if span else first, 0)
        if not start or end < start:
            return ""
        found.append(f"{start}-{end}" if span else str(start))
    return ",".join(found)


def _numbers(text: str) -> str:
    """Return a component as cron writes it; empty where it cannot."""
    found = []
    for item in text.split(","):
        span, step, every = item.partition("/")
        first, dots, last = span.partition("..")
        if step and not _NUMBER.fullmatch(every):
            return ""
        if first == "*" and not dots:
            whole = "*"
        elif _NUMBER.fullmatch(first) and (not dots or _NUMBER.fullmatch(last)):
            whole = f"{int(first)}-{int(last)}" if dots else str(int(first))
        else:
            return ""
        found.append(f"{whole}/{int(every)}" if step else whole)
    return ",".join(found)
