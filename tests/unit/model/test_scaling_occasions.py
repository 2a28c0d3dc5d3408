"""How often something may be moved, and what can wait for the next time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from reconciler.model.scaling_occasions import early, pace
from reconciler.model.scaling_rules import decide
from reconciler.model.sizing import Moved
from reconciler.model.usage import DAY, Outlook
from tests.support.scaling import LADDER, NOW, book, foreseen, sizing

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
MEMORY = LADDER[0].limits["memory"]


def hourly(count, now=NOW, minute=0):
    return [now - n * HOUR + minute * MINUTE for n in range(count)]


# -- how often it is looked ----------------------------------------------------------


@pytest.mark.parametrize(
    ("runs", "hours"),
    [
        ([], 24),
        ([NOW], 24),  # one run says nothing of the next
        (hourly(10), 24),  # nobody has seen a day of it
        (hourly(26), 1),
        (hourly(26)[1:], 1),
        (hourly(26)[3:], 3),  # the last one is three hours ago
        (hourly(5) + hourly(26)[8:], 4),  # it slipped, once in a day
        ([*hourly(25), NOW - 40 * HOUR], 1),  # what was before a day is over
        ([NOW - n * 6 * HOUR for n in range(6)], 6),
        ([NOW, NOW - DAY], 24),
        ([NOW - n * DAY for n in range(9)], 24),
        ([NOW - 3 * DAY, NOW - 4 * DAY], 24),  # nobody runs it any more
    ],
)
def test_the_longest_gap_of_the_last_day_is_what_is_expected(runs, hours) -> None:
    assert pace(runs, NOW) == hours * HOUR
    assert pace([*reversed(runs)], NOW) == hours * HOUR


def test_a_few_minutes_late_is_still_each_hour() -> None:
    late = [at + (n % 2) * 9 * MINUTE for n, at in enumerate(hourly(26))]
    assert pace(late, NOW) == HOUR
    later = [at + (n % 2) * 20 * MINUTE for n, at in enumerate(hourly(26))]
    assert pace(later, NOW + 20 * MINUTE) == 2 * HOUR


@pytest.mark.parametrize("day", [datetime(2026, 3, 29), datetime(2026, 10, 25)])
def test_an_hour_that_summer_time_leaves_out_or_repeats_is_an_hour(day) -> None:
    """Runs are told in a zone, and are as far apart as they are."""
    now = day.replace(hour=12, tzinfo=UTC)
    runs = [at.astimezone(AMSTERDAM) for at in hourly(30, now)]
    assert pace(runs, now.astimezone(AMSTERDAM)) == HOUR


def test_what_cannot_be_a_time_of_a_run_is_none() -> None:
    """The branch is a cache that others can write."""
    east = timezone(timedelta(hours=14))
    forged = [datetime.min.replace(tzinfo=east), datetime.max.replace(tzinfo=UTC)]
    assert pace([*forged, *hourly(26)], NOW) == HOUR
    assert pace(forged, NOW) == DAY


# -- chances of hours and days -------------------------------------------------------

SOON = tuple(round(0.001 * n, 3) for n in range(1, 25))


def told(**more) -> Outlook:
    fields = {"chances": (0.024, 0.3, 0.9), "soon": SOON}
    return foreseen("memory", MEMORY, **{**fields, **more})


@pytest.mark.parametrize(
    ("hours", "chance"),
    [(-2, 0.001), (0.2, 0.001), (1, 0.001), (1.1, 0.002), (6, 0.006), (24, 0.024),
     (36, 0.162), (48, 0.3), (54, 0.45), (72, 0.9), (900, 0.9)],
)  # fmt: skip
def test_an_hour_that_was_begun_counts(hours, chance) -> None:
    assert told().within(hours * HOUR) == pytest.approx(chance)


def test_without_hours_the_day_counts_and_without_days_nothing() -> None:
    """As what was kept before there were any hours."""
    assert told(soon=()).within(HOUR) == 0.024
    assert told(soon=(), chances=()).within(HOUR) == 0.0


# -- what can wait -------------------------------------------------------------------


def case(outlook, every=HOUR, age=timedelta(), past=(), **fields):
    seen = book(outlook, at=NOW - age).model_copy(update={"pace": every})
    return sizing(seen=seen, past=past, **fields)


@pytest.mark.parametrize(
    ("every", "hours"), [(HOUR, 1), (3 * HOUR, 3), (6 * HOUR, 6), (DAY, 24)]
)
def test_what_comes_and_goes_waits_for_the_next_run(every, hours) -> None:
    found = early(case(told(), every), told())
    assert found == (hours * HOUR, SOON[hours - 1])


@pytest.mark.parametrize(
    ("every", "hours", "chance"),
    [(HOUR, 10, 0.01), (3 * HOUR, 10, 0.01), (6 * HOUR, 18, 0.018),
     (12 * HOUR, 36, 0.162), (DAY, 72, 0.9)],
)  # fmt: skip
def test_what_is_stored_is_three_runs_ahead_and_ten_hours_at_least(
    every, hours, chance
) -> None:
    disk = foreseen(chances=(0.024, 0.3, 0.9, 1.0), soon=SOON)
    found = early(case(disk, every), disk)
    assert (found.span, found.chance) == (hours * HOUR, pytest.approx(chance))


def test_a_day_that_has_begun_counts_by_its_hours() -> None:
    disk = foreseen(chances=(0.024, 0.3, 0.9, 1.0), soon=SOON)
    half = early(case(disk, DAY, age=12 * HOUR), disk)
    assert half.chance == pytest.approx(0.95)


def test_a_lead_of_an_hour_is_an_hour() -> None:
    disk = foreseen(chances=(0.024, 0.3, 0.9), soon=SOON)
    assert early(case(disk, lead="1h"), disk) == (HOUR, SOON[0])
    assert early(case(disk, lead="5h"), disk) == (5 * HOUR, SOON[4])
    assert early(case(disk, 6 * HOUR, lead="5h"), disk) == (6 * HOUR, SOON[5])


def test_what_was_foreseen_hours_ago_is_nearer_by_so_many() -> None:
    """As where the probe slipped: nobody knows what came since."""
    assert early(case(told(), age=3 * HOUR), told()).chance == SOON[3]
    assert early(case(told(), age=8 * MINUTE), told()).chance == SOON[0]
    assert early(case(told(), age=40 * MINUTE), told()).chance == SOON[1]


def test_the_cool_down_and_the_window_are_occasions_too() -> None:
    moved = (Moved(NOW - 7 * DAY + 5 * HOUR, "up", "care-5", "care-10"),)
    assert early(case(told(), past=moved), told()) == (5 * HOUR, SOON[4])
    window = {"days": ["sun"], "from": "15:00", "to": "16:00"}  # NOW is Sunday, 9:00
    assert early(case(told(), windows=[window]), told()) == (6 * HOUR, SOON[5])


def test_a_need_that_waits_is_said_in_hours() -> None:
    calm = told(soon=(0.0,) * 6 + (0.024,) * 18)
    for every, words in (
        (HOUR, "within the next hour it is under 1%"),
        (6 * HOUR, "within 6 hours it is under 1%"),
        (DAY, "within 1d it is 2%"),
    ):
        found = decide(case(calm, every))
        assert found.way is None
        assert words in found.notes[0].said


@pytest.mark.parametrize(
    ("soon", "every", "more", "way"),
    [
        (0.079, HOUR, {}, None),
        (0.08, HOUR, {}, "up"),
        (0.08, 2 * HOUR, {}, "up"),
        (0.029, 3 * HOUR, {}, None),  # in three hours there may be three of them
        (0.03, 3 * HOUR, {}, "up"),
        (0.03, HOUR, {"lead": "3h"}, "up"),
        (0.149, HOUR, {"probability": 0.4}, None),
        (0.15, HOUR, {"probability": 0.4}, "up"),  # so near is near enough
        (0.15, HOUR, {"probability": 0.4, "skill": False}, None),
        (0.15, 3 * HOUR, {"probability": 0.4}, None),
    ],
)
def test_what_may_be_the_third_hour_does_not_wait(soon, every, more, way) -> None:
    lead = {"lead": more.pop("lead")} if "lead" in more else {}
    seen = told(soon=(soon,) * 24, chances=(0.16, 0.3, 0.9), **more)
    found = decide(case(seen, every, **lead))
    assert found.way == way
    if way and every == HOUR and not lead:
        assert f"; within the next hour it is {soon:.0%}; care-10" in found.because


@pytest.mark.parametrize(
    ("more", "age", "way"),
    [
        ({"soon": (0.07,) * 24}, 0 * HOUR, None),
        ({"soon": (0.07,) * 24}, HOUR, None),
        ({"soon": (0.07,) * 24}, 2 * HOUR, "up"),  # by now it is no chance of an hour
        ({"soon": (0.16,) * 24, "probability": 0.2}, HOUR, "up"),
        ({"soon": (0.16,) * 24, "probability": 0.2}, 2 * HOUR, None),
    ],
)
def test_a_chance_of_hours_ago_is_none_of_the_next_hour(more, age, way) -> None:
    seen = told(chances=(0.16, 0.3, 0.9), **more)
    assert decide(case(seen, age=age)).way == way


def test_what_is_foreseen_begins_where_the_readings_end() -> None:
    late = told(since=NOW - 3 * HOUR)  # its source was
    assert early(case(late), late).chance == SOON[3]
    early_on = told(since=NOW + 37 * MINUTE)  # the hour of the reading is not over
    assert early(case(early_on, age=15 * MINUTE), early_on).chance == SOON[0]


def test_what_begins_anew_each_month_waits_as_what_fills_up() -> None:
    """A site without bandwidth is off for the rest of the month."""
    sizes = tuple(
        one._replace(limits={**one.limits, "bandwidth": (n + 1) * 100.0})
        for n, one in enumerate(LADDER)
    )
    seen = foreseen("bandwidth", 100.0, chances=(0.07, 0.3), soon=(0.07,) * 24)
    assert early(case(seen), seen) == (10 * HOUR, 0.07)
    assert decide(case(seen, ladder=sizes)).way == "up"


@pytest.mark.parametrize(("soon", "way"), [(0.029, None), (0.03, "up")])
def test_a_full_disk_does_harm_by_the_hour_too(soon, way) -> None:
    disk = foreseen(chances=(0.16, 0.3, 0.9), soon=(soon,) * 24)
    assert decide(case(disk, lead="1h")).way == way
    unsure = disk.model_copy(update={"probability": 0.4, "soon": (0.15,) * 24})
    assert decide(case(unsure, lead="1h")).way is None


@pytest.mark.parametrize(
    ("full", "every", "read", "way"),
    [
        (0.969, DAY, 24, None),
        (0.97, DAY, 24, "up"),
        (0.969, HOUR, 4, None),
        (0.97, HOUR, 4, "up"),  # who reads it four times a day does not see it fill
        (0.989, HOUR, 24, None),
        (0.99, HOUR, 24, "up"),
    ],
)
def test_97_per_cent_is_as_good_as_full_but_for_who_looks_each_hour(
    full, every, read, way
) -> None:
    past = [full / 0.9 if every == HOUR and read == 24 else 0.8] * 40
    used = {"current": full / 0.9 + 1e-9, "read": read, "past": past}
    seen = foreseen(probability=0.2, skill=False, **used)
    assert decide(case(seen, every)).way == way
    if way is None and full > 0.97:
        (note,) = decide(case(seen, every)).notes
        assert (note.code, note.said[:28]) == (
            "scaling-waits",
            "disk is at 99% of its limit,",
        )


@pytest.mark.parametrize(
    ("yesterday", "way"), [(0.959, "up"), (0.961, None), (0.99, None)]
)
def test_what_would_be_full_tomorrow_as_it_rises_does_not_wait(yesterday, way) -> None:
    """Whatever is foreseen: a leak is in no forecast in its first days."""
    rising = {"current": 0.98 / 0.9, "past": [yesterday / 0.9, 0.98 / 0.9], "read": 24}
    calm = foreseen(probability=0.2, chances=(0.0, 0.2), **rising)
    unsure = calm.model_copy(update={"skill": False})
    assert decide(case(calm)).way == way
    assert decide(case(unsure)).way == way


@pytest.mark.parametrize(("chance", "way"), [(0.029, None), (0.03, "up")])
def test_a_full_disk_waits_where_a_forecast_with_skill_sees_no_risk(
    chance, way
) -> None:
    full = {"current": 0.995 / 0.9, "read": 18, "past": [0.995 / 0.9] * 40}
    seen = foreseen(probability=0.2, chances=(chance, 0.2), **full)
    assert decide(case(seen, HOUR)).way == way
    assert decide(case(seen, DAY)).way == "up"
    seldom = seen.model_copy(update={"read": 17})  # it may be full between two of them
    assert decide(case(seldom, HOUR)).way == "up"
    unknown = seen.model_copy(update={"chances": ()})
    assert decide(case(unknown, HOUR)).way == "up"


@pytest.mark.parametrize(
    ("more", "name"), [({}, "care-20"), ({"lasting": 0.95}, "care-10")]
)
def test_a_spike_of_now_does_not_choose_the_size(more, name) -> None:
    """What lasted three hours does; where nobody kept that, what is now."""
    lasting = {key: value * 0.9 * MEMORY for key, value in more.items()}
    seen = foreseen("memory", MEMORY, current=2.4, peak=2.4, reached=3, **lasting)
    found = decide(case(seen))
    assert (found.to and found.to.name) == name


def test_who_counts_hours_is_not_told_by_two_days_with_one_each() -> None:
    spiked = {
        "current": 1.0,
        "past": [0.8] * 30 + [1.0, 1.01],
        "reached": 1,
        "read": 24,
    }
    seen = foreseen("memory", MEMORY, probability=0.1, **spiked)
    assert decide(case(seen, DAY)).way == "up"
    assert decide(case(seen, HOUR)).way is None
    twice_a_day = seen.model_copy(update={"read": 2})  # it may have been full all day
    assert decide(case(twice_a_day, HOUR)).way == "up"
    three = seen.model_copy(update={"reached": 3})
    assert decide(case(three, HOUR)).way == "up"
