"""Our own numbers through the real engine: crashes, New Year, and what is given up."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime

import pytest

from reconciler.audit import INVOICES, number_text
from tests.support.crash import Killed, Steps
from tests.support.estate import Estate, owing

NAMES = ("a", "b", "c")


def known(names=NAMES):
    estate = Estate(*map(owing, names))
    estate.run()  # takes note of them, and invoices nothing
    assert estate.store.read().series(INVOICES).last == 0
    return estate


def settled(estate, runs=5):
    for _ in range(runs):
        estate.later(minutes=40)
        if not estate.run().done and not estate.store.read().open:
            return
    raise AssertionError("still not done")


def sequence(many):
    return [number_text(INVOICES, n) for n in range(1, many + 1)]


def died(estate, at):
    steps = Steps(at)
    try:
        estate.run(steps)
    except Killed:
        estate.later(minutes=40)
        return True
    return False


def test_each_gets_the_next_number_and_gets_it_once():
    estate = known()
    result = estate.run()
    assert [done.status for done in result.done] == ["applied"] * 3
    numbers = [estate.numbers(name) for name in NAMES]
    assert numbers == [{"2026-12-01": n} for n in sequence(3)]
    fact = estate.facts("a")["bill/2026-12-01/renewal/0/invoice"]
    assert (fact["id"], fact["total"], fact["provider"]) == (
        "INV-000001", "12.10 EUR", "own",
    )  # fmt: skip
    settled(estate)
    assert [estate.numbers(name) for name in NAMES] == numbers


def steps_of_a_run():
    steps = Steps()
    known().run(steps)
    return len(steps.names)


@pytest.mark.parametrize("second", [False, True])
def test_a_crash_at_every_step_leaves_no_gap_and_no_double(second):
    many = steps_of_a_run()
    assert many >= 11
    again = range(1, many + 1, 2) if second else [0]
    for deaths in itertools.product(range(1, many + 1), again):
        estate = known()
        met = [died(estate, at) for at in deaths if at]
        assert met[0]
        settled(estate)
        found = [n for name in NAMES for n in estate.numbers(name).values()]
        assert sorted(found) == sequence(3), deaths
        series = estate.store.read().series(INVOICES)
        assert (series.last, series.begun, series.back) == (3, {}, {}), deaths


def test_what_was_begun_and_is_not_wanted_now_keeps_its_number_until_it_is_settled():
    estate = known()
    died(estate, "after store.commit")  # after the first: the intents
    assert len(estate.store.read().series(INVOICES).begun) == 3
    estate.run(selected=lambda ref: ref.name == "b")
    assert estate.numbers("b") == {"2026-12-01": "INV-000002"}
    assert estate.numbers("a") == {}
    settled(estate)
    assert estate.numbers("a") == {"2026-12-01": "INV-000001"}


def test_new_year_is_no_matter_of_zones():
    """Whoever has it first gets the lower number, and the numbers go on."""
    first = date(2027, 1, 1)
    zones = ("Pacific/Kiritimati", "UTC", "Pacific/Honolulu")
    policy = {"create": "0d", "due": "14d", "tax": "none"}
    wants = [
        owing(zone.replace("/", "-"), first, time_zone=zone, invoicing=policy)
        for zone in reversed(zones)
    ]
    estate = Estate(*wants, start=datetime(2026, 12, 30, tzinfo=UTC))
    for _ in range(70):
        estate.run()
        estate.later(hours=1)
    names = [zone.replace("/", "-") for zone in zones]
    assert [estate.numbers(name)["2027-01-01"] for name in names] == sequence(3)
    facts = [estate.facts(n)["bill/2027-01-01/renewal/0/invoice"] for n in names]
    years = [datetime.fromisoformat(fact["at"]).year for fact in facts]
    assert years == [2026, 2027, 2027]


def test_leap_day_and_month_ends_are_periods_like_others():
    estate = Estate(
        owing("x", date(2028, 1, 31)), start=datetime(2028, 1, 10, tzinfo=UTC)
    )
    for _ in range(50):
        estate.run()
        for period in estate.numbers("x"):
            estate.pay("x", period)
        estate.later(days=2)
    periods = ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]
    assert estate.numbers("x") == dict(zip(periods, sequence(4), strict=True))
