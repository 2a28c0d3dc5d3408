"""When a certificate is renewed: tables by lifetime and calendar, and laws."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from reconciler.kinds.certificate.renewal import (
    Ari,
    Lifetime,
    NoAri,
    Reason,
    Renewal,
    check_again,
    emergency,
    part,
    scattered,
    turns,
    when,
)
from reconciler.kinds.certificate.slack import weaknesses

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SIX = 6 * HOUR
NONE = NoAri("")
BEGINS = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
LENGTHS = [200 * DAY, 100 * DAY, 90 * DAY, 64 * DAY, 47 * DAY, 45 * DAY, 160 * HOUR]


def life(length=90 * DAY, begins=BEGINS):
    return Lifetime(begins, begins + length)


def renewal(**fields):
    return Renewal.model_validate(fields, by_name=False)


def whole(one, **more):
    return Ari(one.begins, one.ends, **({"seen": BEGINS, "check": BEGINS} | more))


@pytest.mark.parametrize("length", LENGTHS)
def test_without_a_suggestion_a_third_or_half_is_left(length):
    one = life(length)
    share = Decimal("0.5") if length < 10 * DAY else Decimal(1) / 3
    point = one.ends - part(length, share)
    spread = max(length * 0.06, min(length / 6, 4 * SIX))
    found = [when(f"c{n}", one, NONE, renewal(), SIX, BEGINS) for n in range(300)]
    assert {f.reason for f in found} == {Reason.FRACTION}
    assert all(point - spread <= f.at <= point for f in found)
    # They are spread: no twentieth of the time has more than 15 of 300.
    slots = [int((point - f.at) / spread * 20) for f in found]
    assert max(map(slots.count, range(20))) <= 30
    assert len(set(slots)) == 20


@pytest.mark.parametrize(
    ("begins", "days", "expected"),
    [
        ("2027-12-15T00:00Z", 90, "2028-02-13"),  # before the leap day
        ("2028-01-01T00:00Z", 90, "2028-03-01"),  # two thirds across it
        ("2028-02-29T12:00Z", 45, "2028-03-30"),  # begins on it
        ("2026-12-01T00:00Z", 45, "2026-12-31"),  # the end of a year
        ("2027-02-27T00:00Z", 6, "2027-03-02"),  # the end of February, half of six
        ("2026-09-26T00:00Z", 45, "2026-10-26"),  # the day after the clocks changed
    ],
)
def test_it_is_a_length_and_not_a_calendar(begins, days, expected, monkeypatch):
    path = "reconciler.kinds.certificate.renewal.scattered"
    monkeypatch.setattr(path, lambda *_: timedelta(0))
    one = life(days * DAY, datetime.fromisoformat(begins))
    at = when("c", one, NONE, renewal(), SIX, one.begins).at
    assert at.date().isoformat() == expected


def test_remaining_is_what_is_left():
    """Never what has gone by: of 90 days, 20% are the last 18."""
    one = life()
    found = when("c", one, NONE, renewal(remaining="20%"), SIX, BEGINS)
    assert found.reason is Reason.REMAINING
    left = one.ends - found.at
    assert 18 * DAY <= left <= 18 * DAY + 90 * DAY * 0.06


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"remaining": 30}, "percentage with its sign"),
        ({"remaining": "30"}, "percentage with its sign"),
        ({"remaining": 0.3}, "percentage with its sign"),
        ({"remaining": "95%"}, "between 5% and 80%"),
        ({"remaining": "5%", "emergency": "6%"}, "more than emergency"),
        ({"emergency": "0%"}, "between 1% and 25%"),
        ({"emergency": "50%"}, "between 1% and 25%"),
        ({"renewBefore": "30d"}, "not permitted"),
    ],
)
def test_what_is_no_policy(fields, says):
    with pytest.raises(ValidationError, match=says):
        renewal(**fields)


def test_the_suggestion_is_followed_before_the_run_that_would_miss_it():
    one = life()
    ari = Ari(BEGINS + 50 * DAY, BEGINS + 51 * DAY, BEGINS + 49 * DAY, BEGINS)
    found = when("c", one, ari, renewal(), SIX, BEGINS + 49 * DAY)
    assert found.reason is Reason.ARI
    assert ari.start <= found.at <= ari.end
    assert found.opens == found.at - SIX
    others = {when(f"c{n}", one, ari, renewal(), SIX, BEGINS).at for n in range(99)}
    assert len(others) == 99


def test_who_does_not_follow_suggestions_is_not_moved_by_one():
    ari = Ari(BEGINS + DAY, BEGINS + 2 * DAY, BEGINS + DAY, BEGINS)
    found = when("c", life(), ari, renewal(ari=False), SIX, BEGINS + DAY)
    assert found == when("c", life(), NONE, renewal(), SIX, BEGINS)


@pytest.mark.parametrize(
    ("start", "end", "seen", "note"),
    [
        (50, 50, 1, "ends before it begins"),
        (51, 50, 1, "ends before it begins"),
        (-9, -8, 1, "outside the certificate's own"),
        (90, 99, 1, "outside the certificate's own"),
        (50, 51, -1, "about another certificate"),
    ],
)
def test_a_suggestion_that_makes_no_sense_is_told_and_not_followed(
    start, end, seen, note
):
    ari = Ari(*(BEGINS + days * DAY for days in (start, end, seen, seen)))
    found = when("c", life(), ari, renewal(), SIX, BEGINS + DAY)
    assert note in found.note
    assert found._replace(note="") == when("c", life(), NONE, renewal(), SIX, BEGINS)


def test_a_suggestion_that_is_old_may_only_hurry():
    late = Ari(BEGINS + 80 * DAY, BEGINS + 81 * DAY, BEGINS + 50 * DAY, BEGINS)
    fresh = when("c", life(), late, renewal(), SIX, BEGINS + 51 * DAY)
    old = when("c", life(), late, renewal(), SIX, BEGINS + 52 * DAY)
    assert (fresh.reason, old.reason) == (Reason.ARI, Reason.FRACTION)
    assert "is old" in old.note
    early = Ari(BEGINS + 20 * DAY, BEGINS + 21 * DAY, BEGINS + 2 * DAY, BEGINS)
    assert when("c", life(), early, renewal(), SIX, BEGINS + 9 * DAY).reason == "ari"


def test_a_suggestion_grows_old_by_time_alone():
    late = Ari(BEGINS + 80 * DAY, BEGINS + 81 * DAY, BEGINS + 50 * DAY, BEGINS)
    assert BEGINS + 52 * DAY in turns(life(), late, renewal(), SIX)
    assert BEGINS + 62 * DAY in turns(life(), late, renewal(), 3 * DAY)
    assert len(turns(life(), late, renewal(ari=False), SIX)) == 2


def test_the_emergency_comes_before_a_late_suggestion():
    one = life()
    late = Ari(one.ends - DAY, one.ends + DAY, BEGINS, BEGINS)
    found = when("c", one, late, renewal(), SIX, BEGINS + DAY)
    assert found.reason is Reason.EMERGENCY
    assert found.at == one.ends - part(one.length, Decimal("0.05"))
    assert found.opens == found.at - SIX
    assert "too near to the end" in found.note


def test_an_emergency_leaves_three_runs_where_runs_are_rare():
    six_days = life(160 * HOUR)
    assert emergency(six_days, renewal(), SIX) == six_days.ends - 18 * HOUR
    assert emergency(six_days, renewal(), DAY) == six_days.ends - 40 * HOUR
    assert emergency(life(), renewal(), SIX) == life().ends - part(90 * DAY, Decimal("0.05"))  # fmt: skip


def test_what_has_ended_is_renewed_at_once():
    found = when("c", life(), NONE, renewal(), SIX, life().ends)
    assert (found.at, found.opens, found.reason) == (None, None, Reason.EXPIRED)


def test_an_issuer_that_always_wants_another_one_is_followed_more_and_more_slowly():
    one = life()
    ari = Ari(BEGINS - HOUR, BEGINS + HOUR, BEGINS + HOUR, BEGINS)
    gaps = [
        when("c", one, ari, renewal(), SIX, BEGINS, lambda n=n: n).at - BEGINS
        for n in range(4)
    ]
    assert gaps == [DAY, 2 * DAY, 4 * DAY, 8 * DAY]


@pytest.mark.parametrize(
    ("said", "hours"), [(None, 12), (1, 1), (6, 6), (12, 12), (300, 12)]
)
def test_how_soon_the_suggestion_is_asked_for_again(said, hours):
    found = check_again(BEGINS, None if said is None else timedelta(hours=said))
    assert found == BEGINS + timedelta(hours=hours)
    assert check_again(BEGINS, timedelta(0)) == BEGINS + HOUR


def test_chance_is_even_and_the_same_for_the_same():
    found = [scattered(100 * HOUR, f"c{n}") / HOUR for n in range(2000)]
    assert min(found) >= 0
    assert max(found) < 100
    assert abs(sum(found) / 2000 - 50) < 2
    assert scattered(100 * HOUR, "c1") == scattered(100 * HOUR, "c1")
    assert scattered(timedelta(0), "c") == timedelta(0)


# -- is there time enough to fail? ----------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "interval", "issuers", "remaining", "codes"),
    [
        (90 * DAY, SIX, 1, None, []),
        (45 * DAY, DAY, 1, None, []),
        (160 * HOUR, SIX, 2, None, []),
        (160 * HOUR, SIX, 1, None, ["certificate-one-issuer"]),
        (160 * HOUR, DAY, 2, None, ["certificate-slack-small"]),
        (47 * DAY, 2 * DAY, 2, None, ["certificate-slack-small"]),
        (90 * DAY, DAY, 2, "8%", ["certificate-slack-small"]),
    ],
)
def test_time_enough_to_fail(length, interval, issuers, remaining, codes):
    policy = renewal(remaining=remaining) if remaining else renewal()
    found = list(weaknesses(length, policy, interval, issuers))
    assert [one.code for one in found] == codes


def test_time_enough_to_fail_says_what_would_be():
    (one,) = weaknesses(160 * HOUR, renewal(), DAY, 2)
    assert one.message == (
        "3 runs fit into the 80 h that are left of 160 h when it is renewed; 8 are "
        "needed: run every 10 h, or renew earlier"
    )


def test_a_window_that_runs_may_step_over():
    window = {"days": ["tue"], "from": "02:00", "to": "05:00"}
    policy = renewal(windows=[window])
    assert [w.code for w in weaknesses(90 * DAY, policy, SIX, 1)] == [
        "certificate-window-short"
    ]
    assert not list(weaknesses(90 * DAY, policy, 3 * HOUR, 1))


# -- laws ------------------------------------------------------------------------------------

lengths = st.one_of(
    st.sampled_from(LENGTHS), st.integers(24, 400 * 24).map(lambda h: h * HOUR)
)
begins = st.integers(0, 4 * 366 * 24 * 60).map(
    lambda m: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=m)
)
policies = st.builds(
    lambda ari, share: Renewal(ari=ari, remaining=share),
    st.booleans(),
    st.none() | st.sampled_from([Decimal(n) / 100 for n in (6, 10, 33, 50, 80)]),
)
intervals = st.sampled_from([HOUR, SIX, DAY, 3 * DAY])
#: Where a window stands and when it was seen, as shares of the lifetime.
shares = st.none() | st.tuples(*[st.floats(-0.5, 1.5)] * 2, st.floats(0, 1))


def suggested(one, share):
    if share is None:
        return NONE
    start, end, seen = (one.begins + one.length * part for part in share)
    return Ari(start, end, seen, seen)


@given(lengths, begins, policies, intervals, shares, st.integers(0, 9))
@example(30 * HOUR, BEGINS, Renewal(), 3 * DAY, None, 0)
def test_right_after_it_was_issued_it_is_never_due(
    length, begins, policy, interval, share, lately
):
    one = life(length, begins)
    ari = suggested(one, share)
    for late in (timedelta(0), length / 20, length / 10 - 2 * timedelta(seconds=1)):
        now = begins + min(late, DAY - HOUR)
        found = when("c", one, ari, policy, interval, now, lambda: lately)
        assert found.opens is not None
        assert found.opens > now


@given(lengths, begins, policies, intervals, shares)
def test_some_run_comes_before_the_emergency_is_over(
    length, begins, policy, interval, share
):
    """Whenever runs are, no further apart than expected: one is due in time."""
    one = life(length, begins)
    last = emergency(one, policy, interval)
    now = last - interval
    if now < begins + length / 10:
        return
    found = when("c", one, suggested(one, share), policy, interval, now)
    assert found.at <= last
    assert found.opens <= now


@given(lengths, begins, policies, intervals, shares, st.floats(0, 1), st.floats(0, 1))
def test_what_is_due_stays_due(length, begins, policy, interval, share, one_at, other):
    one = life(length, begins)
    ari = suggested(one, share)
    if isinstance(ari, Ari):  # what is seen later is another input
        ari = ari._replace(seen=begins)
    early, late = (begins + length * at for at in sorted((one_at, other)))
    first, second = (when("c", one, ari, policy, interval, n) for n in (early, late))
    if first.opens is None or first.opens <= early:
        assert second.opens is None or second.opens <= late


@given(lengths, begins, policies, intervals, shares, st.floats(0, 1.2))
def test_only_at_its_turns_it_says_something_else(
    length, begins, policy, interval, share, share_of
):
    one, now = life(length, begins), begins + length * share_of
    ari = suggested(one, share)
    later = [t for t in turns(one, ari, policy, interval) if t > now]
    until = min(later, default=now + 400 * DAY) - timedelta(microseconds=1)
    for between in (now + (until - now) / 2, until):
        assert when("c", one, ari, policy, interval, between) == when(
            "c", one, ari, policy, interval, now
        )


@given(lengths, begins, intervals, st.integers(1, 1000))
def test_who_is_good_for_longer_is_renewed_later(length, begins, interval, hours):
    policy = Renewal()
    longer = length + hours * HOUR
    if (length < 10 * DAY) != (longer < 10 * DAY):
        return
    one, other = life(length, begins), life(longer, begins)
    # Chance is of uid and beginning, so that only the length differs.
    first = when("c", one, NONE, policy, interval, begins).at
    second = when("c", other, NONE, policy, interval, begins).at
    assert first <= second
