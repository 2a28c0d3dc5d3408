"""The year of accounts: what is drawn, what counts, and a small part of it for real."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from benchmarks.accounts import (
    BEFORE,
    HOURS,
    SIZES,
    YEAR,
    Account,
    accounts,
    breach,
    lone_spikes,
)
from benchmarks.replaying import (
    DAILY,
    HORIZON,
    HOURLY,
    Asked,
    added,
    again,
    linear,
    replayed_one,
    seasonal,
    threshold,
)
from benchmarks.scaling import Foreseeing

FIRST = BEFORE * 24


def drawn(kind, used, calm=None):
    return Account("test", kind, used, used if calm is None else calm)


def line(start, a_day):
    return start + a_day * np.arange(HOURS) / 24


def test_the_same_seed_is_the_same_year_and_another_is_not() -> None:
    one, same, other = accounts(7, 40), accounts(7, 40), accounts(8, 40)
    assert all(np.array_equal(a.used, b.used) for a, b in zip(one, same, strict=True))
    assert not any(
        np.array_equal(a.used, b.used) for a, b in zip(one, other, strict=True)
    )
    assert Counter(a.family for a in one) == {
        "growth": 10, "clean-ups": 6, "leaks": 4, "seasons": 6, "trends": 4,
        "steps": 4, "flat": 2, "spikes": 4,
    }  # fmt: skip
    assert all(len(a.used) == len(a.calm) == HOURS for a in one)
    assert all(a.used.min() >= 0 for a in one)


def test_a_breach_of_a_level_takes_three_hours_and_one_of_a_fill_one() -> None:
    used = np.full(HOURS, 0.5)
    used[FIRST + 100 : FIRST + 102] = 2.0
    assert breach(drawn("level", used), 1) is None
    assert lone_spikes(drawn("level", used), 1) == 1
    found = breach(drawn("fill", used), 1)
    assert found is not None
    assert (found.hour, found.predictable) == (FIRST + 100, True)
    used[FIRST + 110] = 2.0
    found = breach(drawn("level", used), 1)
    assert found is not None
    assert found.hour == FIRST + 110
    used[: FIRST - 1] = 2.0  # what was before the year is none of it
    assert breach(drawn("fill", used), 3) is None


def test_what_began_in_the_last_three_days_could_not_be_seen() -> None:
    used = np.full(HOURS, 0.5)
    used[FIRST + 1000 :] = 1.2
    calm = used.copy()
    calm[FIRST + 1000 : FIRST + 1072] = 0.5
    found = breach(drawn("fill", used, calm), 1)
    assert found is not None
    assert not found.predictable
    for account in accounts(7, 40):
        assert (account.calm <= account.used + 0.05).mean() > 0.9


def test_what_is_counted() -> None:
    """It is full on day 100 of the year, and is moved on some day before."""
    account = drawn("fill", line(1 - (BEFORE + 100) * 0.002, 0.002))

    def on(day, rung=1):
        def strategy(asked: Asked) -> int:
            return rung if asked.hour >= FIRST + day * 24 else asked.rung

        return replayed_one(0, account, strategy)

    never = replayed_one(0, account, lambda asked: asked.rung)
    assert (never.predictable, never.prevented, never.moves) == (1, 0, 0)
    soon = on(90)
    assert (soon.prevented, soon.moves, soon.needless) == (1, 1, 0)
    assert soon.lead == pytest.approx(10, abs=0.1)
    early = on(70)  # 30 days ahead, and 21 would have been soon enough
    assert (early.prevented, early.needless) == (1, 1)
    assert early.above > soon.above > 0
    late = on(101)
    assert (late.prevented, late.needless, late.leads) == (0, 0, ())
    far = on(90, rung=2)  # the size below was enough for the whole year
    assert (far.prevented, far.needless) == (1, 1)
    total = added([soon, early, late])
    assert (total.kept, total.wasted) == (2 / 3, 1 / 3)


def test_the_baselines_do_what_they_say() -> None:
    account = drawn("fill", line(0.2, 0.0025))
    at = {
        name: next(
            day
            for day in range(YEAR)
            if strategy(Asked(0, account, FIRST + day * 24, 0)) > 0
        )
        for name, strategy in (
            ("80", threshold),
            ("line", linear),
            ("again", again),
            ("week", seasonal),
        )
    }
    full = round((1 - 0.2) / 0.0025) - BEFORE
    assert at["80"] == pytest.approx(full - 0.2 / 0.0025, abs=2)
    assert at["line"] == pytest.approx(full - HORIZON, abs=2)
    assert at["again"] == pytest.approx(full, abs=2)
    assert at["week"] == pytest.approx(full - HORIZON, abs=2)


@pytest.mark.parametrize(("every", "least", "most"), [(HOURLY, 0.3, 3), (DAILY, 3, 21)])
def test_a_month_of_it_by_the_products_own_rules(every, least, most) -> None:
    """A disk that fills in steps is moved ahead of time, and nothing else is."""
    wave = 0.01 * np.sin(np.arange(HOURS) / 24 * 2 * np.pi / 7)
    account = drawn("fill", line(0.62, 0.005) + wave)
    filling = replayed_one(0, account, Foreseeing(every), days=30, every=every)
    assert (filling.predictable, filling.prevented, filling.needless) == (1, 1, 0)
    assert least <= filling.lead <= most
    assert max(SIZES["fill"]) == 16
    quiet = drawn("fill", 0.7 + wave)
    still = replayed_one(1, quiet, Foreseeing(every), days=10, every=every)
    assert (still.moves, still.above) == (0, 0)


def test_a_level_is_moved_between_its_second_hour_and_its_third() -> None:
    """Where it is looked each hour; and few hours are foreseen, the rest once a day."""
    chance = np.random.default_rng(3)
    hours = np.arange(HOURS)
    wave = 1 + 0.3 * np.cos((hours % 24 - 14) * 2 * np.pi / 24)
    used = wave * (0.6 + hours / 24 * 0.0025) * np.exp(chance.normal(0, 0.02, HOURS))
    account = drawn("level", used)
    foreseeing = Foreseeing()
    rising = replayed_one(0, account, foreseeing, days=15)
    assert (rising.predictable, rising.prevented, rising.needless) == (1, 1, 0)
    found = breach(account, 1)
    assert found is not None
    moved = found.hour - round(rising.lead * 24)
    assert (used[moved - 23 : moved] >= 1).sum() == 2
    assert foreseeing.looked < 15 * 4
