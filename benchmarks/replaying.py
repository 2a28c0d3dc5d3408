"""
A year of decisions, one each hour for each account, and how they are scored.

Every strategy sees what came before the hour begins and may move the account to a
larger size at once; none may go back. Each starts on the smallest size that was enough
for the 60 days before. The same with one decision a day, at midnight, is told apart.

* **A need** is a size of an account and the hour of its first breach in the year; the
  same needs for every strategy. It is *prevented* where the account was on a larger
  size by then. Needs that could not be seen coming are counted apart.
* **A move is needless** where the size just below the new one would still have been
  enough one and a half horizons later: one size less would have done.
* **Lead** is from a move to the breach that it prevented.
* **Cost** is what is paid above the smallest size that was enough up to each day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from benchmarks.accounts import (
    BEFORE,
    SIZES,
    YEAR,
    Account,
    Breach,
    breach,
    lone_spikes,
)

#: What is moved by a forecast is needed within so many days, or it was needless.
HORIZON: Final = 14
#: Hours from one decision to the next.
HOURLY, DAILY = 1, 24
#: The first hour of every series; a Monday.
START: Final = datetime(2026, 1, 5, tzinfo=UTC)
#: Euros a month, by size.
PRICES: Final = {
    "fill": (5, 8, 15, 26, 45),
    "level": (5, 7, 9, 13, 17, 25),
}


class Asked(NamedTuple):
    """
    What a strategy is asked at one moment.

    Attributes:
        hour: So many hours are known.
        rung: The size that the account has.
    """

    number: int
    account: Account
    hour: int
    rung: int

    @property
    def now(self) -> datetime:
        """The moment: what begins now is not known."""
        return START + timedelta(hours=self.hour)


#: Returns the size that the account shall have.
Strategy: TypeAlias = Callable[[Asked], int]


class Move(NamedTuple):
    """One move; *needed* is the first breach of the size just below the new one."""

    hour: int
    rung: int
    needed: Breach | None


class Score(NamedTuple):
    """What came of one strategy; see the module for what is counted."""

    predictable: int
    prevented: int
    surprising: int
    surprises_met: int
    moves: int
    needless: int
    leads: tuple[float, ...]
    above: float
    spikes: int

    @property
    def kept(self) -> float:
        """The share of predictable breaches that were prevented."""
        return self.prevented / self.predictable if self.predictable else 1.0

    @property
    def wasted(self) -> float:
        """The share of moves that were needless."""
        return self.needless / self.moves if self.moves else 0.0

    @property
    def lead(self) -> float:
        """The median lead of what was prevented, in days."""
        return median(self.leads) if self.leads else 0.0


def added(scores: Iterable[Score]) -> Score:
    """Return the sum of *scores*."""
    rows = [*scores]
    sums = [sum(row[at] for row in rows) for at in range(6)]
    leads = tuple(lead for row in rows for lead in row.leads)
    above, spikes = sum(row.above for row in rows), sum(row.spikes for row in rows)
    return Score(*sums, leads, above, spikes)


def replayed_one(
    number: int,
    account: Account,
    strategy: Strategy,
    days: int = YEAR,
    every: int = HOURLY,
) -> Score:
    """
    Return what came of *strategy* for one account over *days* of the year.

    It decides *every* so many hours.
    """
    sizes = SIZES[account.kind]
    breaches = [breach(account, size) for size in sizes[:-1]]
    first, last = BEFORE * 24, (BEFORE + days) * 24
    rung = start = _smallest(account)
    moves: list[Move] = []
    paid = 0.0
    for hour in range(first, last, every):
        wanted = strategy(Asked(number, account, hour, rung))
        if wanted > rung:
            rung = wanted
            moves.append(Move(hour, rung, breaches[rung - 1]))
        needed = sum(
            1 for one in breaches[start:] if one is not None and one.hour <= hour
        )
        prices = PRICES[account.kind]
        more = prices[rung] - prices[min(start + needed, len(sizes) - 1)]
        paid += more * every / 24 / 30
    return _scored(account, breaches, start, moves, paid, last)


def _smallest(account: Account) -> int:
    """Return the smallest size that was enough before the year."""
    before = account._replace(
        used=np.roll(account.used, BEFORE * 24), calm=account.calm
    )
    for rung, size in enumerate(SIZES[account.kind]):
        found = breach(before, size)
        if found is None or found.hour >= 2 * BEFORE * 24:
            return rung
    return len(SIZES[account.kind]) - 1


def _scored(
    account: Account,
    breaches: Sequence[Breach | None],
    start: int,
    moves: Sequence[Move],
    paid: float,
    last: int,
) -> Score:
    needs = [
        (rung, one)
        for rung, one in enumerate(breaches)
        if rung >= start and one is not None and one.hour < last
    ]
    leads, met = [], {True: 0, False: 0}
    for rung, need in needs:
        done = [move for move in moves if move.hour <= need.hour and move.rung > rung]
        if done:
            met[need.predictable] += 1
            if need.predictable:
                leads.append((need.hour - done[0].hour) / 24)
    late = HORIZON * 24 * 3 // 2
    needless = sum(
        1
        for move in moves
        if move.needed is None or move.needed.hour > move.hour + late
    )
    predictable = sum(need.predictable for _, need in needs)
    return Score(
        predictable,
        met[True],
        len(needs) - predictable,
        met[False],
        len(moves),
        needless,
        tuple(leads),
        paid,
        lone_spikes(account, SIZES[account.kind][start]),
    )


# -- the baselines -------------------------------------------------------------------


def _peaks(asked: Asked, days: int) -> np.ndarray:
    """Return the highest of each day that can make a breach: of a level, the third."""
    known = asked.account.used[asked.hour - days * 24 : asked.hour]
    ordered = np.sort(known.reshape(days, 24), axis=1)
    return ordered[:, -1] if asked.account.kind == "fill" else ordered[:, -3]


def _enough(asked: Asked, most: float) -> int:
    """Return the smallest size from the present one on that *most* does not reach."""
    sizes = SIZES[asked.account.kind]
    found = (rung for rung in range(asked.rung, len(sizes)) if most < sizes[rung])
    return next(found, len(sizes) - 1)


def threshold(asked: Asked) -> int:
    """Move to the next size where 80 % of the present one are used."""
    sizes = SIZES[asked.account.kind]
    full = _peaks(asked, 1)[0] >= 0.8 * sizes[asked.rung]
    return min(asked.rung + full, len(sizes) - 1)


def linear(asked: Asked) -> int:
    """Go on with a line through the peaks of 30 days, as far as the horizon."""
    peaks = _peaks(asked, 30)
    slope, at = np.polyfit(np.arange(-29, 1), peaks, 1)
    return _enough(asked, max(at + slope * HORIZON, peaks[-1]))


def again(asked: Asked) -> int:
    """Go on with the last week as it was: the seasonal naive forecast."""
    return _enough(asked, _peaks(asked, 7).max())


def seasonal(asked: Asked) -> int:
    """Go on with the last week, and with what it had more than the week before."""
    peaks = _peaks(asked, 14)
    before, week = peaks[:7], peaks[7:]
    drift = week.mean() - before.mean()
    weeks = np.arange(1, HORIZON // 7 + 1)[:, None]
    return _enough(asked, max((week + drift * weeks).max(), peaks[-1]))


BASELINES: Final[dict[str, Strategy]] = {
    "80 % used": threshold,
    "line of 30 days": linear,
    "last week again": again,
    "last week, with drift": seasonal,
}
