"""What may still go wrong, and how fast it goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.health import state_of
from reconciler.health.usage import sighted
from reconciler.model.usage import Reading
from tests.support.health import DAY, HOUR, MINUTE, Play, check, watch


def budget(play, name="shop"):
    days = {one.day: one.tally for one in play.days if one.name == name}
    return state_of(play.book, play.topology.watches[name], days).budget


def slo(target="99%", **spec):
    return watch(slo={"target": target}, **spec)


def test_nothing_is_promised():
    assert budget(Play(watch()).run("+---")) is None


@pytest.mark.parametrize(
    ("marks", "step", "word"),
    [
        ("+" * 20, MINUTE, ""),
        ("+" * 60 + "-" * 5, MINUTE, "slow"),  # 8 % of an hour: 8 times, below 14.4
        ("+" * 60 + "-" * 10, MINUTE, "fast"),
        ("+" * 60 + "-" * 10 + "+" * 10, MINUTE, "slow"),
        ("+" * 60 + "-" * 10 + "+" * 31, MINUTE, "steadily"),  # it is over
        ("+" * 80 + "-" * 5, 5 * MINUTE, "fast"),
        ("+" * 70 + "-++++++++-" + "-" + "+" * 9 + "-", 5 * MINUTE, "fast"),
        ("+" * 8, 5 * MINUTE, ""),
        ("+-" * 4, 5 * MINUTE, ""),  # too few looks to speak of a rate
    ],
)
def test_burning(marks, step, word):
    assert budget(Play(slo(), step=step).run(marks)).burning == word


def test_a_slow_burn_is_seen_over_six_hours():
    every = "+" * 18 + "--"  # a tenth of the time, day and night
    play = Play(slo("98.5%"), step=5 * MINUTE).run(every * 10)
    found = budget(play)
    assert found.burning == "slow"
    assert 600 <= found.rate <= 1200


def test_the_budget_is_what_the_window_allows():
    play = Play(slo("99.9%"), step=5 * MINUTE).run("+" * 20 + "--+")
    found = budget(play)
    assert (found.allowed, found.spent) == (30 * DAY // 1000, 10 * MINUTE)


def test_maintenance_costs_nothing():
    window = {"days": ["sun"], "from": "11:00", "to": "12:00"}
    play = Play(slo("99%", maintenance=[window]), step=MINUTE)
    play.run("+" * 60 + "-" * 60 + "+" * 5)
    found = budget(play)
    assert (found.spent, found.burning) == (0, "")


def test_what_nobody_could_tell_is_no_failure():
    play = Play(slo("99%"), step=MINUTE).run("+" * 60 + "?" * 40)
    assert (budget(play).spent, budget(play).burning) == (0, "")


NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
USE = {
    "of": "HostingAccount/a",
    "type": "usage",
    "usage": {"cpu": "90%", "memory": "95%"},
}


@pytest.mark.parametrize(
    ("cpu", "memory", "up", "why"),
    [
        ((80, 100, 1), (90, 100, 1), True, ""),
        ((90, 100, 1), (95, 100, 1), True, ""),
        ((91, 100, 1), (95, 100, 1), False, "cpu is at 91%"),
        ((91, 100, 1), None, False, "cpu is at 91%"),
        ((50, 100, 1), None, None, "memory was not measured lately"),
        ((99, 100, 16), (50, 100, 1), None, "cpu was not measured lately"),
        ((99, None, 1), (50, 100, 1), None, "cpu has no limit that is known"),
        ((99, 0, 1), (50, 100, 1), None, "cpu has no limit that is known"),
    ],
)
def test_the_last_readings(cpu, memory, up, why):
    readings = {
        metric: Reading(metric, NOW - timedelta(minutes=one[2]), one[0], one[1])
        for metric, one in (("cpu", cpu), ("memory", memory))
        if one is not None
    }
    seen = sighted(
        check("use", USE["of"], type="usage", usage=USE["usage"]), readings, NOW
    )
    assert (seen.up, seen.why) == (up, why)
    assert seen.symptom == "usage"


def test_three_days_are_remembered_and_no_more():
    play = Play(slo("99%"), step=HOUR).run("-" * 100)
    assert len(play.book.runs) == 72
    assert len(play.book.checks["shop"].bad) == 72
