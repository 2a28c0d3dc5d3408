"""
What may still go wrong, and how fast it goes.

Source: Google's SRE Workbook, "Alerting on SLOs", table 5-8: 14.4 times over 1 h and
5 min, 6 times over 6 h and 30 min need a person now; 1 time over 3 days and 6 h, soon.
Looks that come by cron are few and irregular, so shares of looks are taken; where the
long window has fewer than ten of them nothing is concluded: so many in a row (see
``machine``) is what counts then.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from reconciler.health.memory import Book, Memory, Tally
from reconciler.kinds.health_check import Budget, HealthCheckSpec

MINUTE, HOUR = 60, 3600
#: So many looks are needed to speak of a rate.
ENOUGH: Final = 10
#: What is remembered of single looks.
KEPT: Final = 72 * HOUR
Burning = Literal["", "fast", "slow", "steadily"]


class Alarm(NamedTuple):
    """One row of the table: a rate over a long and a short time."""

    word: Burning
    rate: float
    long: int
    short: int


ALARMS: Final = (
    Alarm("fast", 14.4, HOUR, 5 * MINUTE),
    Alarm("slow", 6.0, 6 * HOUR, 30 * MINUTE),
    Alarm("steadily", 1.0, 72 * HOUR, 6 * HOUR),
)


def spent(
    spec: HealthCheckSpec, memory: Memory, book: Book, window: Sequence[Tally]
) -> Budget | None:
    """
    Return what is left, by the tallies of the days of the *window*.

    None where nothing is promised.
    """
    if spec.slo is None:
        return None
    allowed = int((1 - spec.slo.target) * int(spec.slo.window.total_seconds()))
    down = sum(one.down for one in window)
    word, rate = burning(float(1 - spec.slo.target), memory, book)
    return Budget(allowed=allowed, spent=down, burning=word, rate=round(rate * 100))


def burning(share: float, memory: Memory, book: Book) -> tuple[Burning, float]:
    """Return the first alarm whose rate is reached over both of its times."""
    if not memory.bad:
        return "", 0.0
    for alarm in ALARMS:
        looks, bad = _counts(memory, book, alarm.long)
        if looks < ENOUGH:
            continue
        rate = bad / looks / share
        few, lately = _counts(memory, book, max(alarm.short, 2 * _cadence(book)))
        if few and rate >= alarm.rate and lately / few / share >= alarm.rate:
            return alarm.word, rate
    return "", 0.0


def _cadence(book: Book) -> int:
    """Return the seconds between the last two runs: a short time has one in it."""
    return book.runs[-1] - book.runs[-2] if len(book.runs) > 1 else 0


def _counts(memory: Memory, book: Book, seconds: int) -> tuple[int, int]:
    """Return how many looks there were in the last *seconds*, and how many bad."""
    start = max(book.at - seconds, memory.began - 1)
    runs = len(book.runs) - bisect_right(book.runs, start)
    extra = sum(1 for at in memory.extra if at > start)
    blind = sum(1 for at in memory.blind if at > start)
    bad = sum(1 for at in memory.bad if at > start)
    return runs + extra - blind, bad
