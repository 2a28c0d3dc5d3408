"""What is done about one certificate, now or when: everything put together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.kinds.certificate.budget import Budgets, Ordered
from reconciler.kinds.certificate.decision import Case, Hold, decide
from reconciler.kinds.certificate.failure import Attempt, Fault, Issuing
from reconciler.kinds.certificate.renewal import (
    Ari,
    Lifetime,
    NoAri,
    Reason,
    Renewal,
    emergency,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BEGINS = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)  # a Sunday
LIFE = Lifetime(BEGINS, BEGINS + 90 * DAY)
NAMES = frozenset({"shop.example", "www.shop.example"})
FIRST, SECOND = Issuing("first", rehearses=True), Issuing("second")
#: Saturday nights, three hours, in UTC.
NIGHTS = Renewal.model_validate(
    {"windows": [{"days": ["sat"], "from": "01:00", "to": "04:00"}]}, by_name=False
)


def case(**fields):
    made = Case("shop", NAMES, LIFE, (FIRST, SECOND), issued_by="first")
    return made._replace(**fields)


def budgets(orders=()):
    return Budgets(orders, {}, lambda name: name)


def order(at, issuer="first", **fields):
    return Ordered(at, issuer, NAMES, **fields)


def decided(one, now, orders=()):
    return decide(one, budgets(orders), now)


def faults(fault, times, since, every=6 * HOUR):
    return tuple(Attempt(since + n * every, "first", fault) for n in range(times))


DUE = decided(case(), BEGINS).at


def test_before_it_is_due_it_says_when():
    found = decided(case(), BEGINS)
    assert not found.go
    assert found.wait == (DUE, Hold.TIME, "")
    assert found.until == DUE
    assert found.reason is Reason.FRACTION
    assert decided(case(), DUE - timedelta(seconds=1)) == found


def test_when_it_is_due_it_is_ordered_at_the_first_issuer():
    found = decided(case(), DUE)
    assert (found.go, found.issuer, found.rehearsal) == (True, "first", False)
    assert not found.replaces  # its issuer suggests nothing, and names none


def test_what_is_missing_is_issued_at_once_and_rehearsed_first():
    found = decided(case(life=None, fresh=True), BEGINS)
    assert (found.go, found.at, found.reason) == (True, None, Reason.MISSING)
    assert found.rehearsal
    good = (Attempt(BEGINS, "first", None, rehearsal=True),)
    assert not decided(case(life=None, fresh=True, attempts=good), BEGINS).rehearsal


def test_what_is_revoked_waits_for_nothing():
    found = decided(case(revoked=True, renewal=NIGHTS), BEGINS + HOUR)
    assert (found.go, found.reason) == (True, Reason.REVOKED)


def test_a_change_is_issued_at_once_or_in_the_next_window():
    changed = case(changed=(Reason.NAMES, Reason.KEY))
    assert decided(changed, BEGINS + HOUR)[:2] == (None, Reason.NAMES)
    held = decided(changed._replace(renewal=NIGHTS), BEGINS + HOUR)
    assert held.wait.hold is Hold.WINDOW
    assert held.wait.until == datetime(2026, 11, 28, 1, 0, tzinfo=UTC)


def test_a_change_that_never_takes_is_not_issued_again_and_again():
    """A profile that its issuer does not give is asked for once, then slowly."""
    changed = case(changed=(Reason.PROFILE,))
    assert decided(changed, BEGINS + HOUR, [order(BEGINS + HOUR / 2)]).go
    second = [order(BEGINS - HOUR), order(BEGINS + HOUR / 2)]
    found = decided(changed, BEGINS + HOUR, second)
    assert found.wait == (BEGINS + 2 * DAY, Hold.TIME, "")
    third = [order(BEGINS - HOUR * n) for n in (9, 5)]
    assert decided(changed, BEGINS + HOUR, third).at == BEGINS + 4 * DAY


def test_what_is_renewed_every_three_days_in_good_order_may_be_recalled():
    """Only a quarter of a lifetime is lately: six days are renewed twice a week."""
    six = Lifetime(BEGINS, BEGINS + 160 * HOUR)
    now = BEGINS + 20 * HOUR
    ari = Ari(now - HOUR, now - HOUR / 2, now, now)
    one = case(life=six, ari=ari)
    assert decided(one, now, [order(BEGINS - 80 * HOUR)]).go
    again = decided(one, now, [order(BEGINS - 30 * HOUR)])
    assert again.at == BEGINS + 32 * HOUR


def test_a_third_revocation_in_a_week_is_no_accident():
    revoked = case(revoked=True)
    assert decided(revoked, BEGINS + HOUR, [order(BEGINS - HOUR)]).go
    often = [order(BEGINS - n * HOUR) for n in (9, 5)]
    assert decided(revoked, BEGINS + HOUR, often).wait.until == BEGINS + 2 * DAY


def test_a_window_is_waited_for_and_used():
    one = case(renewal=NIGHTS)
    found = decided(one, DUE)
    assert found.wait.hold is Hold.WINDOW
    opens = found.wait.until
    assert (opens.strftime("%a %H"), opens > DUE) == ("Sat 01", True)
    assert decided(one, opens).go
    assert not decided(one, opens + 3 * HOUR).go
    assert decided(one, opens - timedelta(seconds=1)) == found


def test_where_no_window_opens_before_the_last_call_it_is_done_at_once():
    six = Lifetime(BEGINS, BEGINS + 160 * HOUR)  # ends on a Saturday, too late
    one = case(life=six, renewal=NIGHTS)
    found = decided(one, decided(one, BEGINS).at)
    assert found.go
    assert found.notes == ("no window opens before it is urgent",)


def test_an_emergency_waits_for_no_window():
    late = Ari(LIFE.ends - DAY, LIFE.ends + DAY, BEGINS, BEGINS)
    one = case(renewal=NIGHTS, ari=late)
    now = emergency(LIFE, NIGHTS, one.interval) - one.interval
    found = decided(one._replace(ari=late._replace(seen=now)), now)
    assert (found.go, found.reason) == (True, Reason.EMERGENCY)


def test_after_a_failure_it_waits_and_says_why():
    failed = faults(Fault.VALIDATION, 2, DUE)
    found = decided(case(attempts=failed), DUE + 6 * HOUR)
    assert found.wait == (
        DUE + 6 * HOUR + timedelta(minutes=10),
        Hold.BACKOFF,
        "first failed 2 times, last by validation",
    )
    assert found.rehearsal
    assert found.until == found.wait.until


def test_faults_of_an_issuer_lead_to_the_next_one_and_ours_do_not():
    three = faults(Fault.ISSUER, 3, DUE)
    found = decided(case(attempts=three), DUE + 25 * HOUR)
    assert (found.go, found.issuer) == (True, "second")
    assert found.notes == ("first failed 3 times, last by issuer",)
    ours = faults(Fault.VALIDATION, 3, DUE)
    assert decided(case(attempts=ours), DUE + 9 * DAY).issuer == "first"


def test_without_another_one_the_same_is_asked_again():
    three = faults(Fault.ISSUER, 3, DUE)
    one = case(issuers=(FIRST,), attempts=three)
    assert decided(one, DUE + 25 * HOUR).issuer == "first"
    assert decided(one, DUE + 25 * HOUR).go


def test_where_all_have_failed_whoever_is_ready_first_is_asked():
    three = faults(Fault.ISSUER, 3, DUE)
    refused = Attempt(DUE + 30 * HOUR, "second", Fault.VALIDATION)
    one = case(attempts=(*three, refused))
    found = decided(one, DUE + 30 * HOUR + timedelta(seconds=30))
    assert (found.issuer, found.go) == ("first", True)
    again = case(attempts=(*three, refused, Attempt(DUE + 31 * HOUR, "first", Fault.ISSUER)))  # fmt: skip
    found = decided(again, DUE + 32 * HOUR)
    assert (found.issuer, found.go) == ("second", True)


def test_a_limit_defers_and_says_which():
    orders = [order(DUE - n * 4 * HOUR) for n in range(5)]
    found = decided(case(), DUE, orders)
    assert found.wait.hold is Hold.LIMIT
    assert found.wait.why == "first allows 5/7d certificates for the same names"
    assert found.wait.until == DUE - 16 * HOUR + timedelta(days=7) / 5


def test_a_limit_that_lasts_too_long_leads_to_the_next_issuer():
    orders = [order(DUE) for _ in range(8)]
    assert decided(case(), DUE, orders)[2] == "second"
    assert decided(case(issuers=(FIRST,)), DUE, orders).wait.hold is Hold.LIMIT


def test_a_renewal_that_names_the_one_before_is_under_no_limit():
    now = BEGINS + 60 * DAY
    ari = Ari(BEGINS + 50 * DAY, BEGINS + 51 * DAY, now, now)
    orders = [order(now) for _ in range(8)]
    found = decided(case(ari=ari), now, orders)
    assert (found.go, found.replaces, found.issuer) == (True, True, "first")
    # Another issuer does not know it, and it is not named where nobody follows it.
    assert not decided(case(ari=ari, issued_by="second"), now).replaces
    off = Renewal(ari=False)
    assert not decided(case(ari=ari, renewal=off), DUE).replaces


def test_a_rehearsal_is_under_other_limits():
    orders = [order(BEGINS) for _ in range(8)]
    found = decided(case(life=None, fresh=True), BEGINS, orders)
    assert (found.go, found.rehearsal) == (True, True)


def test_where_all_are_limited_it_says_when_another_one_is_waited_for():
    both = [order(DUE, "second") for _ in range(8)]
    both += [order(DUE + HOUR) for _ in range(8)]
    now = DUE + HOUR
    found = decided(case(), now, both)
    assert (found.issuer, found.wait.hold) == ("second", Hold.LIMIT)
    seen = [found.issuer]
    while not found.go:
        just = found.until - timedelta(microseconds=1)
        assert decided(case(), just, both) == found
        found = decided(case(), found.until, both)
        seen.append(found.issuer)
    assert "first" in seen


def test_new_names_are_rehearsed_at_the_first_issuer_alone():
    """Whoever is asked instead is asked because time was lost."""
    issuers = (FIRST, Issuing("second", rehearses=True))
    three = faults(Fault.ISSUER, 3, BEGINS)
    one = case(life=None, fresh=True, issuers=issuers, attempts=three)
    found = decided(one, BEGINS + 25 * HOUR)
    assert (found.issuer, found.rehearsal) == ("second", False)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Reason.REVOKED, Reason.EMERGENCY),
        (Reason.EXPIRED, Reason.MISSING),
        (Reason.EMERGENCY, Reason.MISSING),
        (Reason.MISSING, Reason.NAMES),
        (Reason.NAMES, Reason.ARI),
    ],
)
def test_what_goes_first(first, second):
    assert first.priority < second.priority


# -- laws ------------------------------------------------------------------------------------

hours = st.integers(0, 91 * 24)
attempts = st.lists(
    st.builds(
        lambda late, issuer, fault, trial, after: Attempt(
            BEGINS + late * HOUR,
            issuer,
            fault if not trial or fault else None,
            rehearsal=trial,
            retry_after=None if after is None else BEGINS + (late + after) * HOUR,
        ),
        hours,
        st.sampled_from(["first", "second"]),
        st.sampled_from(list(Fault)),
        st.booleans(),
        st.none() | st.integers(1, 400),
    ),
    max_size=6,
)
cases = st.builds(
    lambda length, tried, windows, changed, revoked, ari, missing: case(
        life=None if missing else Lifetime(BEGINS, BEGINS + length),
        attempts=tuple(sorted(tried, key=lambda one: one.at)),
        renewal=NIGHTS if windows else Renewal(),
        changed=changed,
        revoked=revoked,
        ari=NoAri("") if ari is None else Ari(*(BEGINS + h * HOUR for h in ari)),
    ),
    st.sampled_from([160 * HOUR, 45 * DAY, 90 * DAY]),
    attempts,
    st.booleans(),
    st.sampled_from([(), (Reason.NAMES,)]),
    st.sampled_from([False, False, False, True]),
    st.none() | st.tuples(hours, hours, hours, hours),
    st.sampled_from([False, False, False, True]),
)
orders = st.lists(
    st.builds(
        lambda late, issuer: order(BEGINS + late * HOUR, issuer),
        st.integers(-100, 91 * 24),
        st.sampled_from(["first", "second"]),
    ),
    max_size=12,
)


@given(cases, orders, hours)
@settings(max_examples=300)
def test_nothing_changes_before_it_says_so(one, before, late):
    """A plan that looks again only at ``until`` is the plan that looks every second."""
    now = BEGINS + late * HOUR
    before = [o for o in before if o.at <= now]
    known = one._replace(attempts=tuple(a for a in one.attempts if a.at <= now))
    found = decided(known, now, before)
    until = found.until or now + 400 * DAY
    assert until > now
    for share in (0.01, 0.5, 0.99):
        then = now + (until - now) * share
        assert decided(known, then, before) == found
    assert decided(known, until - timedelta(microseconds=1), before) == found


@given(cases, orders, hours)
def test_what_it_waits_for_is_over_some_time(one, before, late):
    now = BEGINS + late * HOUR
    before = [o for o in before if o.at <= now]
    known = one._replace(attempts=tuple(a for a in one.attempts if a.at <= now))
    for _ in range(60):
        found = decided(known, now, before)
        if found.go:
            return
        assert found.wait.until > now
        assert found.until is not None
        assert found.until <= found.wait.until
        now = found.until
    raise AssertionError(found)
