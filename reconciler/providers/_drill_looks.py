"""What a drill saw, check by check, and what follows. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from pydantic import JsonValue

from reconciler.model.backing import Expect
from reconciler.providers._said import shown

#: A time that lies further ahead than clocks differ is made up.
_AHEAD: Final = timedelta(days=1)
_SURE: Final = 0.95
#: The check that a copy gives what it has at all: what is said of it says enough.
COPY: Final = "copy"
_LONGEST: Final = 120


class Look(NamedTuple):
    """
    One thing that was looked at.

    Attributes:
        check: Its name, the same in every drill: ``site/canary``.
        observed: Counts, times, digests: never what rows or files say.
        value: What the next drill compares with.
    """

    check: str
    expected: str
    observed: str
    ok: bool
    value: float | None = None

    def row(self) -> dict[str, JsonValue]:
        """Return it as evidence."""
        return {
            "check": self.check,
            "expected": shown(self.expected),
            "observed": shown(self.observed),
            "ok": self.ok,
        }


class Moment(NamedTuple):
    """
    When something is looked at.

    Attributes:
        of: When it was backed up: what was new then is old by and by.
    """

    now: datetime
    of: datetime


def asked(source: str, expect: Expect) -> str:
    """Return the name of the check of *expect*; its words make it, not its place."""
    kind = expect.kind
    words = str(getattr(expect, kind))
    if kind != "sql" and len(words) <= _LONGEST:
        return f"{source}/{kind}:{words}"
    return f"{source}/{kind}:{hashlib.sha256(words.encode()).hexdigest()[:12]}"


def valued(
    source: str, expect: Expect, answer: str, before: float | None, moment: Moment
) -> list[Look]:
    """Judge the one value that a query gave: *answer*, as the client prints it."""
    check, query = asked(source, expect), shown(expect.sql or "")
    if expect.max_age is not None:
        return [_aged(check, query, expect.max_age, answer, moment)]
    number = _number(answer)
    if number is None:
        return [Look(check, f"{query}: a number", "no number", ok=False)]
    looks = []
    if expect.min is not None:
        least = f"{query}: at least {expect.min}"
        ok = number >= expect.min
        looks.append(Look(check, least, f"{number:g}", ok, number))
    return [*looks, *dropped(source, expect, number, before, f"{query}: ")]


def dropped(
    source: str, expect: Expect, number: float, before: float | None, of: str = ""
) -> list[Look]:
    """Judge by how much *number* is less than *before*, where there is one."""
    if expect.max_drop is None or before is None:
        return []
    floor = before * (1 - float(expect.max_drop))
    share = f"{float(expect.max_drop):.0%}"
    said = f"{of}at most {share} less than {before:g}"
    check = f"{asked(source, expect)}/drop"
    return [Look(check, said, f"{number:g}", ok=number >= floor)]


def _aged(check: str, query: str, most: timedelta, answer: str, moment: Moment) -> Look:
    expected = f"{query}: a time of the last {most} before it was backed up"
    at = _time(answer)
    if at is None:
        return Look(check, expected, "no time", ok=False)
    if at > moment.now + _AHEAD:
        return Look(check, expected, f"{at:%Y-%m-%d %H:%M}: in the future", ok=False)
    return Look(check, expected, f"{at:%Y-%m-%d %H:%M}", ok=moment.of - at <= most)


def _number(answer: str) -> float | None:
    try:
        number = float(answer)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _time(answer: str) -> datetime | None:
    """Return the time in *answer*: ISO 8601 or seconds since 1970; UTC unless said."""
    number = _number(answer)
    try:
        if number is not None:
            return datetime.fromtimestamp(number, UTC)
        at = datetime.fromisoformat(answer.strip())
    except (ValueError, OverflowError, OSError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def confidence(verified: int, of: int) -> str:
    """Say what *verified* files, drawn at random of *of* and all good, prove."""
    if verified == 0:
        return "no file was compared with a manifest"
    if verified >= of:
        return f"all {of} files are as they were backed up"
    share = 1 - (1 - _SURE) ** (1 / verified)
    return (
        f"{verified} of {of} files are as they were backed up: with 95 % confidence "
        f"less than {share:.1%} are not"
    )


class Sampled(NamedTuple):
    """
    What restoring a sample cost, and how much more there is.

    Attributes:
        fetched: Seconds for the sample, all in all.
        written: Seconds of them to write its files, as a second writing has taken.
        read: All bytes, over those that were gone through.
        files: All files, over those that were written.
    """

    fetched: float
    written: float
    read: float
    files: float

    @property
    def whole(self) -> float:
        """Return how many seconds all of it takes: reading and writing grow apart."""
        written = min(self.written, self.fetched)
        reading = (self.fetched - written) * max(self.read, 1.0)
        return reading + written * max(self.files, 1.0)


def why(looks: Sequence[Look]) -> str:
    """Return what was wrong, the first few; empty where nothing was."""
    wrong = [one for one in looks if not one.ok]
    said = [
        one.observed
        if one.check == COPY
        else f"{one.check}: {one.observed} (wanted: {one.expected})"
        for one in wrong[:3]
    ]
    more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""  # noqa: PLR2004
    return "; ".join(said) + more
