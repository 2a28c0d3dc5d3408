"""
A year of hosting accounts whose usage is drawn from stated distributions.

Written, and committed, before any rule of scaling was run on it. Nothing here was
changed afterwards; seeds up to 99 are for developing, the figures come from others.

Every account has one metric that matters, hour by hour, in shares of its first size:
60 days before the year, 365 days in it, and 30 after it, so that what is decided at its
end can be judged. The sizes of a *fill* (disk) are 1, 2, 4, 8, 16 times the first one,
those of a *level* (memory, CPU) 1, 1.5, 2, 3, 4, 6 times.

Fills, as in ``benchmarks.disks``: growth per day log-normal (median 0.22 %, sigma 0.9),
1.2 times from Monday to Friday and half at the weekend, each day from a gamma
distribution (shape 0.7); noise 0.05 %; half of them with nightly backups (3 to 12 % for
one to three hours); uploads (Poisson, one in 70 days, median 2.5 %, sigma 0.9).

* **growth** (25 %): that, and in 35 % of them another rate from some day on (log-normal
  factor, sigma 1);
* **clean-ups** (15 %): that, and weekly or monthly 30 to 90 % of what has come since
  the last one goes;
* **leaks** (10 %): a tenth of that growth, and one to three leaks: 0.5 to 3 % a day,
  for 10 to 60 days; 70 % are found then, and what has leaked goes.

Levels: a mean of 15 to 50 %, a daily wave (20 to 60 % of the mean, its top at an hour
of its own), weekends at 60 to 110 %, noise (autoregressive, 0.8 an hour, 6 %), and lone
spikes (Poisson, one in 60 days): one or two hours at 1.5 to 4 times.

* **seasons** (15 %): one or two, each rises over 20 to 50 days to 1.5 to 3 times, stays
  for 10 to 40 and falls over 20;
* **trends** (10 %): 3 to 12 % more each month;
* **steps** (10 %): one to three, each to a log-normal multiple (median 1.3, sigma 0.3),
  for good;
* **flat** (5 %): nothing else;
* **spikes** (10 %): nothing else, and one lone spike in 20 days.

**A breach** of a size is the first hour in which its limit is reached: a fill by one
hour, a level by three of the last 24. Fewer hours are a lone spike: counted apart,
never a breach. **It is predictable** where what led to it had begun three days before:
without the uploads, leaks, changes of rate and steps of the last 72 hours, and without
lone spikes, the limit would be reached within a day of the breach as well. All other
breaches are unpredictable, and are counted apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Chance: TypeAlias = np.random.Generator
Kind = Literal["fill", "level"]

BEFORE, YEAR, AFTER = 60, 365, 30
DAYS: Final = BEFORE + YEAR + AFTER
HOURS: Final = DAYS * 24
SIZES: Final[dict[Kind, tuple[float, ...]]] = {
    "fill": (1, 2, 4, 8, 16),
    "level": (1, 1.5, 2, 3, 4, 6),
}
#: What began within so many hours could not be seen coming.
SUDDEN: Final = 72
#: Hours at the limit of any 24 that make a breach of a level.
SUSTAINED: Final = 3
_HOUR = np.arange(HOURS) % 24
_WEEKDAY = np.arange(DAYS) % 7


class Account(NamedTuple):
    """
    One account.

    Attributes:
        used: The share of its first size, hour by hour.
        calm: The same without what began in the last 72 hours, and without spikes.
    """

    family: str
    kind: Kind
    used: Array
    calm: Array


def accounts(seed: int, many: int = 200) -> list[Account]:
    """Return *many* accounts; the first day is a Monday."""
    families = [
        family for family, share, _ in _FAMILIES for _ in range(round(share * many))
    ]
    makes = {name: make for name, _, make in _FAMILIES}
    return [
        makes[family](np.random.default_rng((seed, number)))
        for number, family in enumerate(families)
    ]


# -- fills -----------------------------------------------------------------------


class _Fill:
    """What is stored: what grows, what comes at once, what is on top for an hour."""

    def __init__(self, chance: Chance, slower: float = 1.0) -> None:
        self.rate = np.full(DAYS, slower * 0.0022 * chance.lognormal(0, 0.9))
        self.rate *= np.where(_WEEKDAY < 5, 1.2, 0.5)
        self.sudden = np.zeros(HOURS)
        uploads = (
            (chance.random(DAYS) < 1 / 70) * 0.025 * chance.lognormal(0, 0.9, DAYS)
        )
        self.sudden[chance.integers(8, 20) :: 24] += uploads[: len(self.sudden[8::24])]
        self.gone = np.zeros(HOURS)
        self.on_top = np.zeros(HOURS)
        if chance.random() < 0.5:
            hour, length = chance.integers(0, 5), chance.integers(1, 4)
            nightly = (hour <= _HOUR) & (hour + length > _HOUR)
            self.on_top = nightly * chance.uniform(0.03, 0.12)
        self.noise = chance.normal(0, 0.0005, HOURS)
        self.start = chance.uniform(0.2, 0.8)
        self._gamma = chance.gamma(0.7, 1 / 0.7, DAYS)

    def grown(self) -> Array:
        """Return what comes each hour by growth."""
        return np.repeat(self.rate * self._gamma / 24, 24)

    def account(self, family: str) -> Account:
        """Return the account, with what is still sudden told apart."""
        used = self.start + np.cumsum(self.grown() + self.sudden - self.gone)
        used = np.maximum(used + self.on_top + self.noise, 0)
        came = np.cumsum(self.sudden)
        lately = came - np.concatenate((np.zeros(SUDDEN), came[:-SUDDEN]))
        return Account(family, "fill", used, used - lately)


def _growth(chance: Chance) -> Account:
    fill = _Fill(chance)
    if chance.random() < 0.35:
        day = int(chance.integers(BEFORE, BEFORE + YEAR))
        before = fill.grown()
        fill.rate[day:] *= chance.lognormal(0, 1.0)
        more = fill.grown() - before
        at = day * 24
        fill.sudden[at : at + SUDDEN] += np.maximum(more[at : at + SUDDEN], 0)
        fill.gone[at : at + SUDDEN] += np.maximum(more[at : at + SUDDEN], 0)
    return fill.account("growth")


def _clean_ups(chance: Chance) -> Account:
    fill = _Fill(chance)
    grown = fill.grown() + fill.sudden
    period = 7 if chance.random() < 0.5 else 30
    part, since = chance.uniform(0.3, 0.9), 0
    for day in range(int(chance.integers(1, period + 1)), DAYS, period):
        hour = day * 24 + 12
        fill.gone[hour] += part * grown[since:hour].sum()
        since = hour
    return fill.account("clean-ups")


def _leaks(chance: Chance) -> Account:
    fill = _Fill(chance, slower=0.1)
    for _ in range(int(chance.integers(1, 4))):
        at = int(chance.integers(BEFORE, BEFORE + YEAR - 30)) * 24
        end = min(at + int(chance.integers(10, 61)) * 24, HOURS - 1)
        rate = chance.uniform(0.005, 0.03) / 24
        leaked = np.zeros(HOURS)
        leaked[at:end] = rate
        fill.sudden[at : at + SUDDEN] += leaked[at : at + SUDDEN]
        leaked[at : at + SUDDEN] = 0
        fill.gone -= leaked  # grows like everything else, once it is three days old
        if chance.random() < 0.7:
            fill.gone[end] += (end - at) * rate
    return fill.account("leaks")


# -- levels ----------------------------------------------------------------------


class _Level:
    """What comes and goes: a wave each day, weekends, noise, and spikes on top."""

    def __init__(self, chance: Chance, spikes: float = 1 / 60) -> None:
        top, depth = chance.integers(9, 22), chance.uniform(0.2, 0.6)
        wave = 1 + depth * np.cos((_HOUR - top) * 2 * np.pi / 24)
        weekend = np.where(_WEEKDAY < 5, 1.0, chance.uniform(0.6, 1.1))
        shocks = chance.normal(0, 0.06 * 0.6, HOURS)
        noise = np.empty(HOURS)
        last = 0.0
        for hour in range(HOURS):
            last = noise[hour] = 0.8 * last + shocks[hour]
        self.shape = chance.uniform(0.15, 0.5) * wave * np.repeat(weekend, 24)
        self.shape = self.shape * np.exp(noise)
        self.slow = np.ones(HOURS)
        self.steps = np.ones(HOURS)
        self.spiked = np.ones(HOURS)
        for hour in np.flatnonzero(chance.random(HOURS) < spikes / 24):
            length = int(chance.integers(1, 3))
            self.spiked[hour : hour + length] = chance.uniform(1.5, 4)

    def account(self, family: str) -> Account:
        """Return the account, with what is still sudden told apart."""
        before = np.concatenate((np.ones(SUDDEN), self.steps[:-SUDDEN]))
        settled = np.minimum(self.steps, before)
        used = self.shape * self.slow * self.steps * self.spiked
        return Account(family, "level", used, self.shape * self.slow * settled)


def _seasons(chance: Chance) -> Account:
    level = _Level(chance)
    for _ in range(int(chance.integers(1, 3))):
        rise, stay = int(chance.integers(20, 51)), int(chance.integers(10, 41))
        first = int(chance.integers(BEFORE, BEFORE + YEAR - rise))
        top = chance.uniform(1.5, 3)
        days = [0, first, first + rise, first + rise + stay, first + rise + stay + 20]
        line = np.interp(np.arange(HOURS) / 24, days, [1, 1, top, top, 1])
        level.slow = np.maximum(level.slow, line)
    return level.account("seasons")


def _trends(chance: Chance) -> Account:
    level = _Level(chance)
    monthly = chance.uniform(0.03, 0.12)
    level.slow = (1 + monthly) ** (np.arange(HOURS) / 24 / 30)
    return level.account("trends")


def _steps(chance: Chance) -> Account:
    level = _Level(chance)
    for _ in range(int(chance.integers(1, 4))):
        at = int(chance.integers(BEFORE * 24, (BEFORE + YEAR) * 24))
        level.steps[at:] *= 1.3 * chance.lognormal(0, 0.3)
    return level.account("steps")


def _flat(chance: Chance) -> Account:
    return _Level(chance).account("flat")


def _spikes(chance: Chance) -> Account:
    return _Level(chance, spikes=1 / 20).account("spikes")


_FAMILIES: Final[tuple[tuple[str, float, Callable[[Chance], Account]], ...]] = (
    ("growth", 0.25, _growth),
    ("clean-ups", 0.15, _clean_ups),
    ("leaks", 0.10, _leaks),
    ("seasons", 0.15, _seasons),
    ("trends", 0.10, _trends),
    ("steps", 0.10, _steps),
    ("flat", 0.05, _flat),
    ("spikes", 0.10, _spikes),
)


# -- what would be breached, and whether it could be seen coming ---------------------


class Breach(NamedTuple):
    """The first hour in which a size is not enough, and whether it could be seen."""

    hour: int
    predictable: bool


def breach(account: Account, limit: float) -> Breach | None:
    """Return the first breach of *limit* in the year or after; None: there is none."""
    first = BEFORE * 24
    full = _full(account.used, account.kind, limit)
    found = np.flatnonzero(full[first:])
    if not len(found):
        return None
    hour = first + int(found[0])
    calm = _full(account.calm, account.kind, limit)
    return Breach(hour, bool(calm[hour : hour + 24].any()))


def _full(values: Array, kind: Kind, limit: float) -> npt.NDArray[np.bool_]:
    over = values >= limit
    if kind == "fill":
        return over
    many = np.cumsum(over)
    before = np.concatenate((np.zeros(24, dtype=int), many[:-24]))
    return (many - before >= SUSTAINED) & over


def lone_spikes(account: Account, limit: float) -> int:
    """Return on how many days of the year *limit* is reached by a lone spike alone."""
    if account.kind == "fill":
        return 0
    over = (account.used >= limit) & ~_full(account.used, account.kind, limit)
    days = over[BEFORE * 24 : (BEFORE + YEAR) * 24].reshape(YEAR, 24)
    return int(np.count_nonzero(days.any(axis=1)))
