"""What readings become as they age, over days, months, years and leap days."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.audit.shelf import Files
from reconciler.audit.usage_fold import folded
from reconciler.audit.usage_store import Archive, latest
from reconciler.audit.usage_table import page
from reconciler.errors import AuditError
from tests.unit.audit.readings import CAFE, MIB, SHOP, Branch, at, disk, hours

DAY = timedelta(days=1)


def aged(branch, now):
    branch.run([], now)
    return branch


def test_runs_become_days_when_the_day_is_over():
    branch = Branch()
    for when in hours(at("2026-11-27T22:10"), at("2026-11-28T02:00")):
        branch.run([disk(when, 500)], when)
    assert branch.names("raw") == ["2026-11-27.txt"]
    assert [n[:15] for n in branch.names("now")] == [
        "2026-11-28/0010",
        "2026-11-28/0070",
    ]
    assert branch.kept["raw/2026-11-27.txt"].decode() == (
        "reconciler.usage/v1 raw 2026-11-27 1\n"
        "HostingAccount/shop.example\tdisk\twhm-1\t1330 60\t500 0\t\t1000 0\n"
    )


def test_many_runs_of_one_day_become_one_file():
    branch, start = Branch(), at("2026-11-28T00:00")
    for when in hours(start, start + timedelta(hours=12), timedelta(minutes=5)):
        branch.run([disk(when, 500 + when.minute)], when)
    assert len(branch.names("now")) < 48
    assert branch.of(start)[0].mean == (500 + 28) * MIB  # of twelve, 27.5 rounded
    assert branch.of(start)[0].highest == 555 * MIB


def test_days_become_hours_months_and_peaks():
    branch = Branch()
    for when in hours(at("2026-01-31T00:30"), at("2026-03-02T00:00")):
        branch.run([disk(when, 100 + when.hour)], when)
    assert branch.names("raw")[0] == "2026-02-15.txt"  # 14 days in full
    assert branch.names("hours")[:2] == ["2026-01.txt", "2026-02-01.txt"]
    aged(branch, at("2026-03-16T01:00"))
    assert branch.names("hours") == ["2026-01.txt", "2026-02.txt", "2026-03-01.txt"]
    aged(branch, at("2026-05-05T01:00"))
    assert branch.names("peaks") == ["2026-01.txt"]
    assert branch.names("hours") == ["2026-02.txt", "2026-03.txt"]
    aged(branch, at("2026-07-01T01:00"))
    assert branch.names("peaks") == ["2026-01.txt", "2026-02.txt"]
    assert branch.names("hours") == ["2026-03.txt"]
    peaks = branch.of(at("2026-01-01T00:00"))
    assert [one.at for one in peaks[:29]] == [
        *hours(at("2026-01-31"), at("2026-03-01"), DAY)
    ]
    assert {one.highest for one in peaks[:29]} == {123 * MIB}


@pytest.mark.parametrize(("year", "days"), [(2027, 28), (2028, 29)])
def test_a_leap_day_and_a_years_end_are_days(year, days):
    branch = Branch()
    for when in hours(
        at(f"{year - 1}-12-30T06:00"), at(f"{year}-03-03T00:00"), 6 * timedelta(hours=1)
    ):
        branch.run([disk(when, when.day)], when)
    aged(branch, at(f"{year}-09-01T00:00"))
    assert branch.names("peaks") == [
        f"{year - 1}-12.txt",
        f"{year}-01.txt",
        f"{year}-02.txt",
        f"{year}-03.txt",
    ]
    found = [
        one for one in branch.of(at(f"{year - 1}-12-01T00:00")) if one.at.month == 2
    ]
    assert [int(one.highest / MIB) for one in found] == [*range(1, days + 1)]


def test_every_day_has_24_hours_whatever_clocks_on_walls_do():
    """Europe's last Sundays of March and October: nothing is lost or twice."""
    for text in ("2026-03-29", "2026-10-25"):
        branch, start = Branch(), at(f"{text}T00:00")
        for when in hours(start, start + DAY):
            branch.run([disk(when, when.hour)], when)
        aged(branch, start + 15 * DAY)
        assert branch.names("hours") == [f"{text}.txt"]
        assert [int(one.mean / MIB) for one in branch.of(start)] == [*range(24)]


def test_a_reading_in_another_zone_is_the_same_moment():
    from zoneinfo import ZoneInfo

    branch = Branch()
    local = at("2026-11-28T23:30").astimezone(ZoneInfo("Pacific/Auckland"))
    branch.run([disk(local, 5)], at("2026-11-28T23:31"))
    assert branch.of(local)[0].at == at("2026-11-28T23:00")


LATE = ["2026-11-27", "2026-11-05", "2026-10-05", "2026-02-05"]


@pytest.mark.parametrize("day", LATE)
def test_what_comes_late_finds_its_place(day):
    """Of yesterday, of a thinned day, of a month by the hour, of one by its peaks."""
    branch, now = Branch(), at("2026-11-28T10:00")
    branch.run([disk(at(f"{day}T06:00"), 70)], at(f"{day}T06:00"))
    aged(branch, now)
    branch.run([disk(at(f"{day}T07:00"), 90), disk(at(f"{day}T06:00"), 70)], now)
    aged(branch, now + timedelta(days=1))
    assert branch.names("now") == []
    assert max(one.highest for one in branch.of(at(f"{day}T00:00"))) == 90 * MIB
    before = dict(branch.kept)
    branch.run([disk(at(f"{day}T07:00"), 90)], now + timedelta(days=1))
    aged(branch, now + timedelta(days=2))
    assert branch.kept == before  # the same again is nothing new


def test_an_hour_that_is_told_is_not_told_anew_by_what_comes_late():
    branch, day = Branch(), at("2026-11-05T00:00")
    branch.run(
        [disk(day + timedelta(hours=6, minutes=m), 70) for m in (0, 20, 40)], day
    )
    aged(branch, day + 20 * DAY)
    branch.run([disk(day + timedelta(hours=6, minutes=50), 10)], day + 20 * DAY)
    aged(branch, day + 21 * DAY)
    assert [int(one.mean / MIB) for one in branch.of(day)] == [70]


def test_what_is_long_past_and_was_never_there_goes_where_it_belongs():
    branch = Branch()
    branch.run([disk(at("2025-02-03T06:00"), 70)], at("2026-11-28T10:00"))
    assert branch.names("peaks") == ["2025-02.txt"]


def test_the_same_reading_twice_is_one():
    branch, when = Branch(), at("2026-11-28T10:00")
    branch.run([disk(when, 5), disk(when, 5)], when)
    before = dict(branch.kept)
    branch.run([disk(when, 5)], when + timedelta(minutes=3))
    assert branch.kept == before


def test_a_day_that_has_not_begun_waits():
    """A clock went back: nothing is folded early, and nothing is lost."""
    branch = Branch()
    branch.run([disk(at("2026-11-28T10:00"), 5)], at("2026-11-28T10:00"))
    branch.run([disk(at("2026-11-20T10:00"), 4)], at("2026-11-20T10:00"))
    aged(branch, at("2026-11-21T00:10"))
    assert (branch.names("raw"), len(branch.names("now"))) == (["2026-11-20.txt"], 1)


@settings(max_examples=25)
@given(st.randoms(use_true_random=False))
def test_however_it_was_folded_the_peaks_are_those_of_what_was_read(chance):
    branch, now = Branch(), at("2026-01-20T00:00")
    highest = {}
    for _ in range(60):
        now += timedelta(hours=chance.randint(1, 160))
        late = timedelta(days=chance.choice([0, 0, 0, 1, 20, 200]))
        when, mib, ref = now - late, chance.randint(1, 999), chance.choice([SHOP, CAFE])
        hour = (ref, when.replace(minute=0))
        if hour in highest:
            continue
        highest[hour] = mib
        branch.run([disk(when, mib, ref)], now)
    aged(branch, now + timedelta(days=1))
    assert not folded(branch.files, (now + timedelta(days=1)).date())
    archive = Archive(branch.files, at("2025-01-01T00:00"))
    for ref in (SHOP, CAFE):
        days = {}
        for (whose, hour), mib in highest.items():
            if whose == ref:
                days[hour.date()] = max(mib, days.get(hour.date(), 0))
        kept = {}
        for one in archive.of(ref).get("disk", []):
            kept[one.at.date()] = max(one.highest / MIB, kept.get(one.at.date(), 0))
        assert kept == days


def test_an_account_that_moved_keeps_its_past():
    branch, when = Branch(), at("2026-11-28T10:00")
    branch.run([disk(when, 5, source="whm-1")], when)
    branch.run([disk(when + timedelta(hours=1), 6, source="whm-2")], when)
    assert [int(one.mean / MIB) for one in branch.of(when)] == [5, 6]
    assert latest(branch.files, when)[SHOP, "disk"][0] == "whm-2"


def test_what_is_not_believed_is_kept_apart():
    branch, when = Branch(), at("2026-11-28T10:00")
    branch.run([disk(when, 5)], when)
    branch.run([disk(when + timedelta(hours=1), 999, believed=False)], when)
    assert [int(one.mean / MIB) for one in branch.of(when)] == [5]
    odd = Archive(branch.files, when).of(SHOP, doubted=True)["disk"]
    assert [int(one.mean / MIB) for one in odd] == [999]


GOOD = (
    "reconciler.usage/v1 raw 2026-11-27 1\n"
    "HostingAccount/shop.example\tdisk\twhm-1\t1330 60\t500 0\t\t1000 0\n"
)
BAD = {
    "empty": "",
    "another format": GOOD.replace("v1", "v2"),
    "cut off": GOOD[:-20],
    "a line less": GOOD.splitlines()[0] + "\n",
    "a line more": GOOD + GOOD.splitlines()[1] + "\n",
    "no last newline": GOOD[:-1],
    "another day": GOOD.replace("2026-11-27", "2026-11-26"),
    "another tier": GOOD.replace(" raw ", " hours "),
    "a month of runs": GOOD.replace("2026-11-27", "2026-11"),
    "a metric of nobody": GOOD.replace("disk", "luck"),
    "no address": GOOD.replace("HostingAccount/shop.example", "shop.example"),
    "a column more": GOOD.replace("1000 0", "1000 0\t7"),
    "a column less": GOOD.replace("\t\t1000 0", "\t"),
    "no numbers": GOOD.replace("500 0", "many"),
    "columns of two lengths": GOOD.replace("500 0", "500"),
    "times that stand still": GOOD.replace("1330 60", "1330 0"),
    "a time of another day": GOOD.replace("1330 60", "1330 6000"),
    "less than nothing": GOOD.replace("500 0", "500 -501"),
    "no text": "\udcff",
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_not_ours_stops_everything(name):
    data = BAD[name].encode("utf-8", "surrogateescape")
    kept = {"raw/2026-11-27.txt": data}
    files = Files(frozenset(kept), lambda names: {n: kept[n] for n in names})
    with pytest.raises(AuditError) as stopped:
        folded(files, at("2026-12-20T00:00").date())
    assert stopped.value.shown_code == "E660"
    assert "raw/2026-11-27.txt" in stopped.value.what
    with pytest.raises(AuditError):
        Archive(files, at("2026-11-20T00:00")).of(SHOP)


def test_the_good_file_is_good():
    assert page("raw/2026-11-27.txt", GOOD.encode()).table().rows


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "raw/2026-02-30.txt",
        "raw/2026-11.txt",
        "raw/2026-11-27.csv",
        "peaks/2026-11-27.txt",
        "now/2026-11-27.txt",
        "now/2026-11-27/0600-zz.txt",
        "other/2026-11-27.txt",
    ],
)
def test_a_file_of_a_strange_name_stops_everything(name):
    files = Files(frozenset([name]), lambda _: {})
    with pytest.raises(AuditError) as stopped:
        folded(files, at("2026-12-20T00:00").date())
    assert (stopped.value.shown_code, name in stopped.value.what) == ("E660", True)


def test_what_the_checks_keep_beside_it_is_left_alone():
    files = Files(frozenset(["health/state.json"]), lambda _: {})
    assert folded(files, at("2026-12-20T00:00").date()) == {}
