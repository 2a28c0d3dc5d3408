"""A registration: when it is renewed, by whom, for how much, and what is said."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.kinds.domain import REGISTRATION, Domain, Phase, RegistrationState
from reconciler.model import Absent, Money, Share, Unknown

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
HERE = Share("main", REGISTRATION)
NS = ("ns1.host.example", "ns2.host.example")


def domain(now=NOW, **spec):
    spec = {"provider": "main", "nameservers": NS, **spec}
    return Domain.model_validate({"metadata": {"name": "a.example"}, "spec": spec})


def renewal(mode="reconciler", price="15.00 USD/year", **more):
    prices = {"maxPrice": price} if price else {}
    return {"renewal": {"mode": mode, **prices, **more}}


def state(days=200.0, *, now=NOW, **more):
    defaults = {
        "expires": now + timedelta(days=days),
        "auto_renew": True,
        "locked": True,
        "privacy": True,
        "nameservers": frozenset(NS),
        "renew_price": Money.model_validate("11.08 USD"),
    }
    return RegistrationState(**{**defaults, **more})


def verbs(want, have, now=NOW):
    return [change.verb for change in want.diff({HERE: have}, now)]


def codes(want, have, now=NOW):
    return {f.code: str(f.severity) for f in want.findings({HERE: have}, now)}


@pytest.mark.parametrize(
    ("spec", "days", "expected"),
    [
        pytest.param(renewal(), 61, [], id="a day before the window opens"),
        pytest.param(renewal(), 60, ["renew"], id="the window opens"),
        pytest.param(renewal(), 0.5, ["renew"], id="the last day"),
        pytest.param(renewal(), -3, ["renew"], id="in its grace period"),
        pytest.param(renewal(price=None), 5, [], id="no ceiling: never pay"),
        pytest.param(renewal("registrar"), 15, [], id="the registrar's own turn"),
        pytest.param(renewal("registrar"), 14, ["renew"], id="taken over"),
        pytest.param(renewal("registrar", takeover="3d"), 4, [], id="later takeover"),
        pytest.param(renewal("manual"), 1, [], id="a person's work"),
        pytest.param({**renewal(), "lifecycle": "observe"}, 1, [], id="observed only"),
    ],
)
def test_when(spec, days, expected):
    assert verbs(domain(**spec), state(days)) == expected


@pytest.mark.parametrize("phase", [Phase.REDEMPTION, Phase.PENDING_DELETE])
def test_what_is_lost_is_not_renewed_by_itself(phase):
    lost = state(-40, phase=phase, locked=False)
    assert verbs(domain(**renewal()), lost) == []
    assert codes(domain(**renewal()), lost) == {f"domain-{phase}": "critical"}


def test_no_quote_no_payment():
    want = domain(**renewal())
    assert verbs(want, state(10, renew_price=None)) == []
    assert "renewal-no-quote" in codes(want, state(10, renew_price=None))


def test_a_name_the_vendor_cannot_renew_is_said_to_be():
    premium = state(5, renewable=False, auto_renew=False)
    assert verbs(domain(**renewal()), premium) == []
    assert codes(domain(**renewal()), premium)["domain-critical"] == "critical"


@pytest.mark.parametrize(
    ("start", "term", "after"),
    [
        ("2028-02-29", "1y", "2029-02-28"),
        ("2026-12-31", "1y", "2027-12-31"),
        ("2027-01-31", "2y", "2029-01-31"),
    ],
)
def test_what_a_renewal_asks_for(start, term, after):
    expires = datetime.fromisoformat(f"{start}T10:00:00+00:00")
    now = expires - timedelta(days=20)
    want = domain(**renewal(term=term))
    (renew,) = want.diff({HERE: state(20, now=now)}, now)
    assert renew.fields[0].after == after
    assert renew.generation == start
    assert renew.years == int(term[0])
    assert renew.ceiling == want.spec.renewal.max_price.over(12 * int(term[0]))
    assert want.done(renew, {HERE: state(20, now=now)}) is False
    paid = state(0, expires=datetime.fromisoformat(f"{after}T10:00:00+00:00"))
    assert want.done(renew, {HERE: paid}) is True


def test_the_identity_of_a_renewal_is_its_old_date_alone():
    want = domain(**renewal())
    (one,) = want.diff({HERE: state(20)}, NOW)
    (other,) = want.diff(
        {HERE: state(20, renew_price=Money.model_validate("14.00 USD"))},
        NOW + timedelta(days=3),
    )
    assert (one.generation, one.after) == (other.generation, other.after)


@pytest.mark.parametrize(
    ("spec", "have", "verb", "after"),
    [
        ({}, {"locked": False}, "lock", True),
        ({"transferLock": False}, {}, "lock", False),
        ({}, {"privacy": False}, "privacy", True),
        ({}, {"auto_renew": False}, "auto-renew", True),
        ({"lifecycle": "expire"}, {}, "auto-renew", False),
        ({}, {"nameservers": frozenset({"x.example", "y.example"})}, "delegate", NS),
    ],
)
def test_flags(spec, have, verb, after):
    (change,) = domain(**spec).diff({HERE: state(**have)}, NOW)
    assert (change.verb, change.fields[0].after) == (verb, after)
    assert domain(**spec).done(change, {HERE: state(**have)}) is False


@pytest.mark.parametrize("unsaid", ["locked", "privacy", "auto_renew", "nameservers"])
def test_what_the_vendor_does_not_say_is_not_compared(unsaid):
    assert verbs(domain(), state(**{unsaid: None})) == []


def test_letting_go_and_unlocking_are_risks():
    (expire,) = domain(lifecycle="expire").diff({HERE: state()}, NOW)
    (unlock,) = domain(transferLock=False).diff({HERE: state()}, NOW)
    (lock,) = domain().diff({HERE: state(locked=False)}, NOW)
    risks = [str(change.risk) for change in (expire, unlock, lock)]
    assert risks == ["destructive", "security", "none"]


def test_the_order_of_nameservers_means_nothing():
    want = domain(nameservers=tuple(reversed(NS)))
    assert verbs(want, state()) == []


@pytest.mark.parametrize("nothing", [Absent(), Unknown(why="a time-out")])
def test_nothing_is_planned_from_nothing(nothing):
    assert verbs(domain(**renewal()), nothing) == []


@pytest.mark.parametrize(
    ("spec", "days", "expected"),
    [
        (renewal("manual"), 50, ("domain-expires", "warning")),
        (renewal("manual"), 20, ("domain-urgent", "error")),
        (renewal("manual"), 6, ("domain-critical", "critical")),
        (renewal(), 20, ("domain-expires", "info")),
        (renewal(), 6, ("domain-critical", "critical")),
        (renewal(), -1, ("domain-expired", "critical")),
        (renewal(price=None), 50, ("renewal-no-ceiling", "error")),
        (renewal(price="20.00 EUR/year"), 50, ("renewal-other-currency", "error")),
    ],
)
def test_findings(spec, days, expected):
    said = codes(domain(**spec), state(days, auto_renew=None))
    assert expected in said.items()


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2034, 1, 1), timezones=st.just(UTC)),
    st.integers(-40, 120),
    st.integers(0, 200),
    st.sampled_from(["registrar", "reconciler", "manual"]),
)
@example(datetime(2028, 2, 29, tzinfo=UTC), 60, 1, "reconciler")
@example(datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC), 61, 24, "reconciler")
@example(datetime(2026, 10, 25, 1, tzinfo=UTC), 14, 1, "registrar")
def test_nothing_changes_before_quiet_until(now, days, hours, mode):
    """The promise that lets a warm plan skip a resource."""
    want, have = domain(**renewal(mode)), {HERE: state(days, now=now)}
    quiet = want.quiet_until(have, now)
    later = now + timedelta(hours=hours)
    if quiet is not None and later >= quiet:
        return

    def seen(moment):
        changes = [(c.verb, c.after) for c in want.diff(have, moment)]
        return changes, {(f.code, f.severity) for f in want.findings(have, moment)}

    assert seen(now) == seen(later)


def test_watched_only():
    want = domain(provider="none", nameservers="from-dns")
    assert want.spec.lifecycle == "observe"
    assert want.shares() == ()
    assert [f.code for f in want.findings({}, NOW)] == ["watched-only"]


RESTORE = {"restore": "approve", "maxRestore": "100.00 USD"}
PRICE = Money.model_validate("80.00 USD")


def lost(expires=NOW - timedelta(days=40), **more):
    known = {"phase": Phase.REDEMPTION, "restore_price": PRICE, "locked": False}
    return state(expires=expires, **{**known, **more})


@pytest.mark.parametrize(
    ("spec", "more", "expected"),
    [
        pytest.param(renewal(**RESTORE), {}, ["restore"], id="wanted"),
        pytest.param(renewal("manual", **RESTORE), {}, ["restore"], id="manual too"),
        pytest.param(renewal(), {}, [], id="never by default"),
        pytest.param(renewal(**RESTORE), {"restore_price": None}, [], id="no price"),
        pytest.param(
            renewal(**RESTORE), {"phase": Phase.PENDING_DELETE}, [], id="too late"
        ),
        pytest.param(renewal(**RESTORE), {"phase": Phase.TRANSFERRED}, [], id="sold"),
        pytest.param(
            {**renewal(**RESTORE), "lifecycle": "expire"}, {}, [], id="let go"
        ),
        pytest.param(
            {**renewal(**RESTORE), "lifecycle": "observe"}, {}, [], id="observed"
        ),
    ],
)
def test_what_is_lost_is_bought_back_where_git_says_so(spec, more, expected):
    assert verbs(domain(**spec), lost(**more)) == expected


@pytest.mark.parametrize("day", ["2028-02-29", "2026-12-31", "2027-01-31"])
def test_a_restoration_belongs_to_the_date_it_was_lost_at(day):
    expires = datetime.fromisoformat(f"{day}T23:59:59+00:00")
    want = domain(**renewal(**RESTORE))
    (one,) = want.diff({HERE: lost(expires)}, expires + timedelta(days=31))
    (other,) = want.diff(
        {HERE: lost(expires, restore_price=Money.model_validate("90.00 USD"))},
        expires + timedelta(days=59),
    )
    assert one.generation == other.generation == day
    assert (one.cost, one.ceiling) == (PRICE, want.spec.renewal.max_restore)
    assert (str(one.risk), one.reversible, one.merges) == ("money", False, False)
    assert one.hold
    assert not one.firm
    assert want.done(one, {HERE: lost(expires)}) is False
    assert want.done(one, {HERE: state(300)}) is True


@pytest.mark.parametrize(
    ("spec", "more", "said"),
    [
        (renewal(), {}, "bought back for 80.00 USD now; write renewal.restore"),
        (renewal(**RESTORE), {}, "for 80.00 USD waits for a person's approval"),
        (renewal(**RESTORE), {"restore_price": None}, "gives no price"),
    ],
)
def test_redemption_says_what_can_be_done(spec, more, said):
    (found,) = domain(**spec).findings({HERE: lost(**more)}, NOW)
    assert str(found.severity) == "critical"
    assert said in found.message


@pytest.mark.parametrize(
    ("spec", "expected", "severity"),
    [
        ({}, ["block-transfer", "lock"], "critical"),
        ({"transferLock": False}, [], "warning"),
        ({"lifecycle": "observe"}, [], "critical"),
    ],
)
def test_a_transfer_away_is_stopped_where_the_lock_is_wanted(spec, expected, severity):
    want, have = domain(**spec), state(transfer="to X, number 7", locked=False)
    found = list(want.diff({HERE: have}, NOW))
    assert [change.verb for change in found] == expected
    assert codes(want, have)["transfer-out"] == severity
    for change in found[:1]:
        assert (str(change.risk), change.generation) == ("none", "to X, number 7")
        assert "block-transfer" in found[1].waits_for
        assert want.done(change, {HERE: have}) is False
        assert want.done(change, {HERE: state()}) is True


def test_a_name_that_has_left_is_critical_and_nothing_is_done():
    have = state(phase=Phase.TRANSFERRED, locked=False, auto_renew=False)
    assert verbs(domain(**renewal()), have) == []
    assert codes(domain(), have) == {"domain-transferred": "critical"}


CEILING = {"maxPrice": "15.00 USD/year"}


@pytest.mark.parametrize(
    ("spec", "live", "by"),
    [
        ({}, {"auto_renew": True}, "auto"),
        ({}, {"auto_renew": False}, "you"),
        ({}, {"auto_renew": None}, "you"),
        ({"renewal": CEILING}, {"auto_renew": None}, "auto"),
        ({"renewal": {"mode": "reconciler", **CEILING}}, {"auto_renew": False}, "auto"),
        ({"renewal": {"mode": "reconciler"}}, {"auto_renew": False}, "you"),
        ({"renewal": {"mode": "manual", **CEILING}}, {"auto_renew": False}, "you"),
        ({"renewal": {"mode": "manual"}}, {"auto_renew": True}, "auto"),
        ({"lifecycle": "observe"}, {"auto_renew": False}, "you"),
        ({"lifecycle": "observe"}, {"auto_renew": True}, "auto"),
        ({"lifecycle": "expire"}, {"auto_renew": False}, "nobody"),
        (
            {"renewal": {"mode": "reconciler", **CEILING}},
            {"auto_renew": False, "renewable": False},
            "you",
        ),
        ({"renewal": CEILING}, {"auto_renew": False, "renew_price": None}, "auto"),
        ({"renewal": {"maxPrice": "9.00 USD/year"}}, {"auto_renew": False}, "you"),
        ({"renewal": {"maxPrice": "15.00 EUR/year"}}, {"auto_renew": False}, "you"),
        ({"renewal": CEILING}, {"phase": Phase.REDEMPTION}, "you"),
    ],
)
def test_who_sees_to_the_next_renewal(spec, live, by):
    wanted = domain(**spec)
    (due,) = wanted.due({HERE: state(**live)}, NOW)
    assert due.by == by
