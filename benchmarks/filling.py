"""
Disks that fill up: who says so in time, and who cries wolf.

Each account is replayed day by day with what was known then, from its fifth week on:
who is full before that is asked of no rule. An *episode* begins where
a rule first says "full within 14 days"; it was right where the quota is reached within
21 days. A breach counts as foreseen where there was alarm at least three days before
it, and not more than 21. The last 21 days of accounts that never fill up are left out:
nobody can tell what would have come.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np

from benchmarks.disks import HELD_OUT, Disk, disks
from benchmarks.row import Row, Size
from reconciler.forecast import fill
from reconciler.forecast.cleaning import fallen

HORIZON = 14
#: An episode is right where the breach comes within so many days.
_RIGHT = HORIZON * 3 // 2
_AHEAD = 3
_YEAR = 365
#: Days of history before the first decision, for every rule.
_FIRST = 28

#: What is known until now, hour by hour -> how sure it is that it will be full.
Rule = Callable[[np.ndarray, int], float]


class Tally(NamedTuple):
    """What one rule did with some accounts."""

    right: int = 0
    wrong: int = 0
    foreseen: int = 0
    breaches: int = 0
    years: float = 0.0
    lead: float = 0.0
    decisions: int = 0
    cpu: float = 0.0

    def plus(self, other: Tally) -> Tally:
        """Return both together."""
        return Tally(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def precision(self) -> float:
        """The share of episodes that were right."""
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        """The share of breaches that were foreseen three days ahead."""
        return self.foreseen / max(1, self.breaches)

    @property
    def false(self) -> float:
        """Wrong episodes for each account and year."""
        return self.wrong / max(1e-9, self.years)


def ours(used: np.ndarray, seed: int) -> float:
    """Return the probability of the peak bootstrap."""
    peak = fill.peaks(used)
    if _far(peak):
        return 0.0
    chance = np.random.default_rng((seed, len(peak)))
    rest, fell = fill.rests(used), fallen(used)
    return fill.fill(peak, 1.0, HORIZON, chance, rest=rest, fell=fell).probability


def _far(peak: np.ndarray) -> bool:
    """
    Say whether no path will get there, so that no time need be spent.

    Less than half of the quota is used, or not even three times the largest rise of any
    fortnight so far would fill it.
    """
    if len(peak) < fill.LEAST_DAYS or peak[-1] < 0.5:
        return True
    rise = (peak[HORIZON:] - peak[:-HORIZON]).max()
    return bool(peak[-1] + 3 * max(rise, 0.0) < 1)


def proven(found: float, used: np.ndarray, seed: int) -> float:
    """Return what was *found*, but nothing where its own replay loses to "it stays"."""
    if found < fill.OFF:
        return found
    peak = fill.peaks(used)
    chance = np.random.default_rng((seed, len(peak), 1))
    replay = fill.replay(peak, HORIZON, chance, fill.rests(used), fallen(used))
    return found if replay and replay.skill else 0.0


def nearly(found: float, used: np.ndarray, _: int) -> float:
    """Return what was *found*, and certainty where it is nearly full already."""
    return 1.0 if used[-24:].max() >= fill.NEARLY else found


def share(limit: float) -> Rule:
    """Return the rule "so much is used"."""
    return lambda used, _: float(used[-24:].max() >= limit)


def line(days: int) -> Rule:
    """Return Prometheus' predict_linear over *days*: a straight line, from now."""

    def rule(used: np.ndarray, _: int) -> float:
        past = used[-24 * days :]
        if len(past) < 48:
            return 0.0
        where = np.arange(len(past)) - (len(past) - 1) / 2
        slope = where @ past / (where @ where)
        now = past.mean() + slope * where[-1]
        return float(now + slope * 24 * HORIZON >= 1)

    return rule


#: What the product does; the gates are for it.
PRODUCT = "ours, where it has skill"
#: Each asks what the one before it has found, so that nothing is reckoned twice.
OURS: dict[str, Callable[[float, np.ndarray, int], float]] = {
    "ours": lambda _, used, seed: ours(used, seed),
    PRODUCT: proven,
    "ours, and 97 % now": nearly,
}
RULES: dict[str, tuple[Rule, float]] = {
    "used >= 80 %": (share(0.8), 1),
    "used >= 90 %": (share(0.9), 1),
    "predict_linear 7 d": (line(7), 1),
    "predict_linear 30 d": (line(30), 1),
}


def asked(disk: Disk) -> range:
    """Return the days after which a rule is asked; none: it is left out."""
    last = len(disk.used) // 24 - (0 if disk.breach is not None else _RIGHT)
    return range(_FIRST, last + 1)


def judged(disk: Disk, rule: Rule, on: float, seed: int) -> Tally:
    """Replay one account by one rule."""
    started = time.process_time()
    said = [rule(disk.used[: day * 24], seed) for day in asked(disk)]
    return tallied(disk, said, on, time.process_time() - started)


def ours_judged(disk: Disk, seed: int) -> dict[str, Tally]:
    """Replay one account by all rules of ours."""
    found = [0.0] * len(asked(disk))
    cpu = 0.0
    tallies = {}
    for name, rule in OURS.items():
        started = time.process_time()
        found = [
            rule(before, disk.used[: day * 24], seed)
            for before, day in zip(found, asked(disk), strict=True)
        ]
        cpu += time.process_time() - started
        tallies[name] = tallied(disk, found, fill.ON, cpu)
    return tallies


def tallied(disk: Disk, said: Sequence[float], on: float, cpu: float = 0.0) -> Tally:
    """Compare what was *said* day by day with what came."""
    if not said:
        return Tally()
    alarm = fill.alarms(said, on)
    days = [day for day, on_now in enumerate(alarm, _FIRST) if on_now]
    starts = [day for day in days if day - 1 not in days]
    full = disk.breach / 24 if disk.breach is not None else None
    right, ahead = [], 0.0
    if full is not None:
        right = [start for start in starts if full - start <= _RIGHT]
        early = [day for day in days if full - day <= _RIGHT]
        ahead = full - early[0] if early else 0.0
    foreseen = int(ahead >= _AHEAD)
    years = len(said) / _YEAR
    wrong = len(starts) - len(right)
    lead = ahead * foreseen
    breaches = int(full is not None)
    return Tally(len(right), wrong, foreseen, breaches, years, lead, len(said), cpu)


def replayed(seed: int, accounts: int) -> dict[str, Tally]:
    """Replay the accounts of one seed by every rule."""
    made = list(enumerate(disks(seed, accounts), seed * 1000))
    own = [ours_judged(disk, number) for number, disk in made]
    return {name: _sum(one[name] for one in own) for name in OURS} | {
        name: _sum(judged(disk, rule, on, number) for number, disk in made)
        for name, (rule, on) in RULES.items()
    }


def _sum(tallies: Iterator[Tally] | Sequence[Tally]) -> Tally:
    total = Tally()
    for one in tallies:
        total = total.plus(one)
    return total


def filling(size: Size) -> Iterator[Row]:
    """Replay the accounts of all held-out seeds by every rule."""
    accounts, seeds = (250, HELD_OUT) if size == Size() else (12, HELD_OUT[:1])
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        told = list(pool.map(replayed, seeds, [accounts] * len(seeds)))
    found = {name: _sum([one[name] for one in told]) for name in told[0]}
    full = size == Size()
    what = f"disk full in {HORIZON} d, {len(seeds)} x {accounts} accounts"
    for name, tally in found.items():
        gated = full and name == PRODUCT
        note = (
            f"{tally.breaches} breaches, {tally.right + tally.wrong} episodes, "
            f"{tally.lead / max(1, tally.foreseen):.1f} d ahead"
        )
        yield Row(
            f"{what}: {name}: precision",
            tally.precision,
            "",
            0.9 if gated else None,
            least=True,
            note=note,
        )
        yield Row(
            "  foreseen at least 3 d ahead",
            tally.recall,
            "",
            0.8 if gated else None,
            least=True,
        )
        yield Row("  false per account-year", tally.false, "", 0.15 if gated else None)
    ours_all = found[PRODUCT]
    each = ours_all.cpu / max(1, ours_all.decisions) * 1e3
    yield Row(f"  {PRODUCT}: each decision", each, "ms CPU")
