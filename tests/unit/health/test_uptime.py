"""Where the seconds go, whatever clocks and calendars do."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.health.kept import history, months
from reconciler.health.shown import total, window
from tests.support.health import DAY, HOUR, MINUTE, Play, at, watch


def tally(play, name="shop"):
    """All seconds there are, by what they were: days that are over, and today's."""
    days = [one.tally for one in play.days if one.name == name]
    found = total([*days, play.book.checks[name].today])
    return found.up, found.down, found.unknown, found.maintenance


def test_what_was_seen_holds_until_the_next_look():
    play = Play(watch()).run("++--+")
    assert tally(play) == (10 * MINUTE, 10 * MINUTE, 0, 0)


def test_missed_slots_are_unknown_and_not_up():
    play = Play(watch()).run("+").skip(HOUR).run("+")
    assert tally(play) == (5 * MINUTE, 0, HOUR, 0)


def test_a_look_that_is_a_little_late_is_in_time():
    play = Play(watch()).run("+").skip(2 * MINUTE).run("+")
    assert tally(play) == (7 * MINUTE, 0, 0, 0)


def test_a_runner_without_network_makes_time_unknown():
    play = Play(watch()).run("+???+")
    assert tally(play) == (5 * MINUTE, 0, 15 * MINUTE, 0)


def test_a_check_begins_when_it_is_looked_at_first():
    play = Play(watch("a")).run("+" * 4)
    play.topology = type(play.topology)([watch("a"), watch("b", "Domain/b.example")])
    play.run("+++")
    assert tally(play, "b") == (10 * MINUTE, 0, 0, 0)


def test_days_end_at_midnight_utc():
    play = Play(watch(), start=at("2026-11-22T23:52"), step=5 * MINUTE).run("+-++")
    (one,) = play.days
    assert (one.day, tuple(one.tally)) == (
        at("2026-11-22T00:00") // DAY,
        (300, 180, 0, 0),
    )
    assert tally(play) == (600, 300, 0, 0)


def test_years_end_and_leap_days_have_their_seconds():
    for day, following in (
        ("2026-12-31", "2027-01-01"),
        ("2028-02-28", "2028-02-29"),
        ("2028-02-29", "2028-03-01"),
    ):
        play = Play(watch(), start=at(f"{day}T00:00")).run("+" * 290)
        (one,) = play.days
        assert one.tally.up == DAY
        files = months(play.days, {})
        assert list(files) == [f"uptime/{day[:7]}.csv"]
        assert files[f"uptime/{day[:7]}.csv"].decode().splitlines()[1].startswith(day)
        assert play.book.checks["shop"].day == at(f"{following}T00:00") // DAY


def test_gaps_of_days_are_unknown_on_each_of_them():
    play = Play(watch(), start=at("2026-11-22T12:00")).run("+").skip(3 * DAY).run("+")
    assert [one.tally.unknown for one in play.days] == [12 * HOUR - 300, DAY, DAY]
    assert tally(play)[2] == 3 * DAY


def test_a_clock_that_goes_back_counts_nothing_twice():
    play = Play(watch()).run("+" * 13)
    assert tally(play)[0] == HOUR
    play.skip(-HOUR - 5 * MINUTE).run("-" * 6)
    assert tally(play) == (HOUR, 0, 0, 0)
    play.run("-" * 12)
    assert tally(play)[:2] == (HOUR, 25 * MINUTE)


def test_a_day_that_is_over_stays_as_it_was():
    play = Play(watch(), start=at("2026-11-22T23:50")).run("++++")
    play.skip(-30 * MINUTE).run("--------")
    files = months(play.days, {})
    days = history(files)["shop"]
    assert [tuple(one) for one in days.values()] == [(600, 0, 0, 0)]


def test_a_clock_that_was_a_year_ahead_is_no_reason_to_count_nothing():
    play = Play(watch()).run("+")
    play.skip(366 * DAY).run("+").skip(-367 * DAY).run("++")
    assert play.book.checks["shop"].until == play.now - play.step
    assert play.book.checks["shop"].today.up == 5 * MINUTE


WEEKLY = {
    "days": ["sun"],
    "from": "02:30",
    "to": "04:00",
    "timeZone": "Europe/Amsterdam",
}


def test_maintenance_takes_its_time_out():
    window_ = {"days": ["sun"], "from": "11:00", "to": "11:30"}
    play = Play(watch(maintenance=[window_])).run("+" * 13)  # 10:00 to 11:00
    play.run("-" * 5).run("+" * 3)
    assert tally(play) == (HOUR + 10 * MINUTE, 0, 0, 30 * MINUTE)
    assert play.open() == []
    assert play.phase() == "up"


def test_maintenance_that_was_declared_after_it_began_does_not_count():
    window_ = {"days": ["sun"], "from": "09:00", "to": "11:00"}
    play = Play(watch(maintenance=[window_])).run("----")
    assert tally(play) == (0, 15 * MINUTE, 0, 0)
    assert len(play.open()) == 1


def test_planned_work_counts_if_it_was_known_before():
    planned = {
        "from": "2026-11-22T12:00:00+01:00",
        "until": "2026-11-22T12:30:00+01:00",
        "why": "a new disk",
    }
    play = Play(watch(planned=[planned])).run("+" * 12).run("-" * 6).run("+")
    assert tally(play)[3] == 30 * MINUTE
    late = Play(watch(planned=[planned]), start=at("2026-11-22T11:10")).run("----")
    assert tally(late)[3] == 0


def test_maintenance_by_the_clock_on_the_wall_when_the_clocks_change():
    # 2026-10-25: 03:00 summer time becomes 02:00: the window is 02:30 (the first) to
    # 04:00 (winter): two and a half hours. 2026-03-29: 02:00 becomes 03:00: half
    # an hour is left of it.
    for start, there in (("2026-10-25T00:00", 150), ("2026-03-29T00:00", 30)):
        play = Play(watch(maintenance=[WEEKLY]), start=at(start)).run("+" * 60)
        assert tally(play)[3] == there * MINUTE
        assert sum(tally(play)) == 59 * 5 * MINUTE


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("+-?"), st.integers(-2 * HOUR, 9 * HOUR)),
        min_size=1,
        max_size=40,
    )
)
def test_every_second_is_counted_once_and_no_other(steps):
    play = Play(watch(), step=0)
    latest = first = play.now
    for mark, gap in steps:
        play.run(mark)
        latest = max(latest, play.now)
        play.skip(gap)
    assert sum(tally(play)) <= latest - first
    if all(gap >= 0 for _, gap in steps):
        assert sum(tally(play)) == latest - first


def test_the_window_is_of_so_many_days():
    play = Play(watch(), start=at("2026-10-01T00:00"), step=HOUR // 12)
    play.run("+" * 12 * 24 * 3)
    days = {one.day: one.tally for one in play.days}
    assert total(window(play.book.checks["shop"], days, 2)).up == 2 * DAY - 300
