"""What witnesses say about a domain: findings, and never a renewal that was none."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.kinds.domain import (
    REGISTRATION,
    REGISTRY,
    SEEN,
    DelegationState,
    Domain,
    Phase,
    RdapState,
    RegistrationState,
    Standing,
)
from reconciler.model import Absent, Share, Unknown

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
HERE = Share("main", REGISTRATION)
NS = frozenset({"ns1.host.example", "ns2.host.example"})
LOCKED = ("client transfer prohibited",)


def day(number, now=NOW):
    return now + timedelta(days=number)


def domain(provider="main", **spec):
    whole = {"provider": provider, "nameservers": sorted(NS), **spec}
    return Domain.model_validate({"metadata": {"name": "a.example"}, "spec": whole})


def account(days=200.0, *, now=NOW, **more):
    fields = {
        "expires": day(days, now),
        "auto_renew": True,
        "locked": True,
        "privacy": True,
        "nameservers": NS,
    }
    return RegistrationState(**{**fields, **more})


def rdap(registry=200.0, registrar=None, *, now=NOW, **more):
    fields = {
        "seen": now,
        "registry_expires": None if registry is None else day(registry, now),
        "registrar_expires": None if registrar is None else day(registrar, now),
        "statuses": LOCKED,
        "nameservers": tuple(sorted(NS)),
    }
    return RdapState(**{**fields, **more})


def said(own, seen, now=NOW, want=None, live=None):
    have = {HERE: own, REGISTRY: seen, SEEN: live}
    want = want or domain(renewal={"mode": "manual"})
    found = want.findings({k: v for k, v in have.items() if v}, now)
    return {f.code: str(f.severity) for f in found}


GRACE = {"standing": Standing.AUTO_RENEW_GRACE}


@pytest.mark.parametrize(
    ("own", "seen", "expected"),
    [
        pytest.param(account(), rdap(), {}, id="agreed"),
        pytest.param(account(), rdap(203), {}, id="within the slack"),
        pytest.param(
            account(), rdap(204), {"registry-disagrees": "warning"}, id="later"
        ),
        pytest.param(
            account(), rdap(100), {"registry-disagrees": "warning"}, id="earlier"
        ),
        pytest.param(account(), rdap(None), {}, id="no date is no failure"),
        pytest.param(
            account(-4, phase=Phase.GRACE),
            rdap(361, **GRACE),
            {"domain-expired": "critical", "registry-date-provisional": "warning"},
            id="the grace period moved a date that nobody paid",
        ),
        pytest.param(
            account(361), rdap(361, **GRACE), {}, id="in grace, and paid: they agree"
        ),
        pytest.param(
            account(-24, phase=Phase.GRACE),
            rdap(341, **GRACE),
            {
                "domain-expired": "critical",
                "registry-date-provisional": "warning",
                "entering-redemption": "critical",
            },
            id="about to enter redemption",
        ),
        pytest.param(
            account(),
            rdap(standing=Standing.REDEMPTION),
            {"entering-redemption": "critical"},
            id="in redemption, and the registrar does not know",
        ),
        pytest.param(
            account(-40, phase=Phase.REDEMPTION),
            rdap(-40, standing=Standing.REDEMPTION),
            {"domain-redemption": "critical"},
            id="both know: said once",
        ),
        pytest.param(
            account(),
            rdap(None, standing=Standing.AVAILABLE, statuses=(), nameservers=None),
            {"not-at-registry": "critical"},
            id="the registry does not have it",
        ),
        pytest.param(
            account(),
            rdap(statuses=(*LOCKED, "pending transfer")),
            {"transfer-pending": "critical"},
            id="a transfer",
        ),
        pytest.param(
            account(),
            rdap(statuses=("active",)),
            {"lock-not-at-registry": "warning"},
            id="no lock",
        ),
        pytest.param(account(locked=None), rdap(statuses=("active",)), {}, id="cannot"),
        pytest.param(
            account(), rdap(statuses=()), {}, id="a registry without statuses"
        ),
        pytest.param(
            account(),
            rdap(statuses=(*LOCKED, "server hold")),
            {"domain-on-hold": "critical"},
            id="on hold",
        ),
        pytest.param(
            account(),
            rdap(nameservers=("ns1.old.example", "ns2.old.example")),
            {"nameservers-disagree": "warning"},
            id="other nameservers",
        ),
        pytest.param(
            Unknown(why="time-out"),
            rdap(standing=Standing.REDEMPTION),
            {"entering-redemption": "critical"},
            id="the registrar is silent, the registry is not",
        ),
        pytest.param(
            Absent(),
            rdap(),
            {"not-at-registrar": "error"},
            id="at another registrar",
        ),
        pytest.param(
            Unknown(why="x"),
            rdap(None, standing=Standing.AVAILABLE),
            {"not-registered": "error"},
            id="nowhere",
        ),
        pytest.param(account(), Unknown(why="429"), {}, id="a witness that failed"),
    ],
)
def test_the_registry_beside_the_registrar(own, seen, expected):
    assert said(own, seen) == expected


def test_a_lock_that_is_not_wanted_is_not_missed():
    want = domain(transferLock=False)
    assert said(account(locked=False), rdap(statuses=("active",)), want=want) == {}


def test_who_holds_it_instead_is_said():
    want = domain()
    seen = rdap().model_copy(update={"registrar": "Other Ltd"})
    have = {HERE: Absent(), REGISTRY: seen}
    (found,) = want.findings(have, NOW)
    assert found.message == "is not in the account main; RDAP: Other Ltd"


def test_no_witness_makes_an_action():
    want = domain(renewal={"mode": "reconciler", "maxPrice": "20.00 USD/year"})
    for seen in (rdap(3), rdap(3, standing=Standing.REDEMPTION), rdap(300, **GRACE)):
        assert list(want.diff({HERE: account(), REGISTRY: seen}, NOW)) == []
        assert want.deadline({HERE: account(), REGISTRY: seen}) == day(200)


# -- a name that only RDAP tells about -------------------------------------------


WATCHED = domain("none", nameservers="from-dns")


@pytest.mark.parametrize(
    ("seen", "expected", "deadline"),
    [
        (rdap(200, 200), {}, 200),
        (rdap(200), {}, 200),
        (rdap(15, 15), {"domain-urgent": "error"}, 15),
        (rdap(5), {"domain-critical": "critical"}, 5),
        (rdap(361, -4, **GRACE), {"domain-expired": "critical"}, -4),
        (rdap(361, 361, **GRACE), {}, 361),
        (rdap(361, **GRACE), {"registry-date-provisional": "warning"}, None),
        (
            rdap(341, -24, **GRACE),
            {"domain-expired": "critical", "entering-redemption": "critical"},
            -24,
        ),
        (
            rdap(-40, standing=Standing.REDEMPTION),
            {"domain-redemption": "critical", "entering-redemption": "critical"},
            -40,
        ),
        (rdap(None), {"no-expiry-date": "info"}, None),
        (
            rdap(None, standing=Standing.UNPUBLISHED, statuses=()),
            {"no-rdap": "info"},
            None,
        ),
        (
            rdap(None, standing=Standing.AVAILABLE, statuses=()),
            {"not-registered": "error"},
            None,
        ),
        (
            Unknown(why="not looked at yet", later=True),
            {"not-looked-at-yet": "info"},
            None,
        ),
        (Unknown(why="429"), {}, None),
    ],
)
def test_what_is_only_watched(seen, expected, deadline):
    assert said(None, seen, want=WATCHED) == expected
    have = {REGISTRY: seen}
    assert WATCHED.deadline(have) == (None if deadline is None else day(deadline))
    assert [due.at for due in WATCHED.due(have, NOW)] == (
        [] if deadline is None else [day(deadline)]
    )


def test_it_relies_on_the_registry_and_on_nothing_else():
    assert WATCHED.relies_on(REGISTRY)
    assert not WATCHED.relies_on(SEEN)
    assert not domain().relies_on(REGISTRY)


# -- time and not knowing ----------------------------------------------------------


def test_what_failed_for_days_is_said():
    failed = Unknown(why="429", since=NOW)
    assert said(account(), failed, NOW + timedelta(days=3)) == {}
    later = NOW + timedelta(days=3, seconds=1)
    assert said(account(), failed, later) == {"witness-unreadable": "warning"}


def test_an_old_answer_is_said_to_be_old():
    seen = rdap(now=NOW - timedelta(days=4))
    seen = seen.model_copy(update={"registry_expires": day(200)})
    assert said(account(), seen) == {"not-seen-lately": "info"}


standings = st.sampled_from(list(Standing))
days = st.one_of(st.none(), st.integers(-60, 120))


@given(
    days, days, standings, st.integers(-100, 60), st.integers(0, 5), st.integers(0, 400)
)
@example(None, None, Standing.AUTO_RENEW_GRACE, -15, 5, 200)
@example(None, -15, Standing.AUTO_RENEW_GRACE, 9, 5, 200)
def test_nothing_changes_before_quiet_until(
    registry, registrar, standing, own, old, hours
):
    """The promise that lets a warm plan skip a domain."""
    seen = rdap(registry, registrar, standing=standing).model_copy(
        update={"seen": day(-old)}
    )
    for want, have in (
        (domain(), {HERE: account(own), REGISTRY: seen}),
        (domain(), {HERE: account(own), REGISTRY: Unknown(why="x", since=day(-old))}),
        (WATCHED, {REGISTRY: seen}),
    ):
        quiet = want.quiet_until(have, NOW)
        later = NOW + timedelta(hours=hours)
        if quiet is not None and later >= quiet:
            continue

        def told(moment, want=want, have=have):
            changes = [(c.verb, c.after) for c in want.diff(have, moment)]
            return changes, {(f.code, f.severity) for f in want.findings(have, moment)}

        assert told(NOW) == told(later)


# -- DNS -----------------------------------------------------------------------------


def live(**more):
    fields = {
        "seen": NOW,
        "nameservers": NS,
        "child": NS,
        "spf": ("v=spf1 -all",),
        "dmarc": ("v=DMARC1; p=reject",),
        "caa": True,
    }
    return DelegationState(**{**fields, **more})


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, {}),
        ({"spf": None, "dmarc": None, "caa": None}, {}),
        ({"spf": ()}, {"spf-missing": "info"}),
        ({"spf": ("v=spf1 +all",)}, {"spf-open": "error"}),
        ({"spf": ("v=spf1 mx",)}, {"spf-no-end": "info"}),
        ({"spf": ("v=spf1 redirect=b.example",)}, {}),
        ({"spf": ("v=spf1 ~all",), "spf_lookups": 10}, {}),
        ({"spf_lookups": 11}, {"spf-too-many-lookups": "error"}),
        ({"dmarc": ()}, {"dmarc-missing": "info"}),
        ({"dmarc": ("v=DMARC1; p=none",)}, {"dmarc-none": "info"}),
        ({"dmarc": ("v=DMARC1;p=none;sp=reject",)}, {"dmarc-none": "info"}),
        ({"dmarc": ("v=DMARC1", "v=DMARC1")}, {"dmarc-several": "error"}),
        ({"caa": False}, {"caa-missing": "info"}),
        (
            {"dangling": {"www.a.example": "x.github.io"}},
            {"dangling-cname": "error"},
        ),
        (
            {"dangling": {"www.a.example": "x.b.example"}},
            {"dangling-cname": "warning"},
        ),
        (
            {"parent_ds": {"1 13 2 AB", "2 13 2 CD"}, "stale_ds": {"1 13 2 AB"}},
            {"stale-ds": "warning"},
        ),
        (
            {"parent_ds": {"1 13 2 AB"}, "stale_ds": {"1 13 2 AB"}},
            {"stale-ds": "critical"},
        ),
        ({"nameservers": frozenset(), "child": None}, {"not-delegated": "error"}),
        (
            {"nameservers": frozenset({"ns1.old.example"}), "child": None},
            {"nameservers-disagree": "warning"},
        ),
    ],
)
def test_the_live_zone(more, expected):
    assert said(account(), rdap(), live=live(**more)) == expected
