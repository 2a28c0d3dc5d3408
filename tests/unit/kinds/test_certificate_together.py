"""Many certificates in one run: who gets what an issuer still allows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reconciler.kinds.certificate.budget import Budgets
from reconciler.kinds.certificate.decision import Case, Hold
from reconciler.kinds.certificate.failure import Issuing
from reconciler.kinds.certificate.renewal import Ari, Lifetime, Reason
from reconciler.kinds.certificate.together import together
from reconciler.model.limits import Limits

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
LE = Issuing("le")
THREE = {"le": Limits.model_validate({"orders": "3/3h"}, by_name=False)}


def budgets():
    return Budgets((), THREE, lambda name: name)


def case(number, **fields):
    names = frozenset({f"s{number}.example"})
    return Case(f"c{number}", names, None, (LE,))._replace(**fields)


def ends_in(days):
    return Lifetime(NOW - 60 * DAY, NOW + days * DAY)


def test_what_is_left_goes_to_the_most_urgent():
    cases = [
        *(case(n) for n in range(3)),  # never issued
        case(7, life=ends_in(20), changed=(Reason.NAMES,)),
        case(8, life=ends_in(1)),  # an emergency
        case(9, life=ends_in(40), revoked=True),
    ]
    found = together(cases, budgets(), NOW)
    going = {uid for uid, one in found.items() if one.go}
    assert going == {"c9", "c8", "c0"}
    for uid in ("c1", "c2", "c7"):
        assert found[uid].wait.hold is Hold.LIMIT
        assert found[uid].wait.until == NOW + timedelta(hours=1)
        assert found[uid].wait.why == "le allows 3/3h orders of one account"


def test_of_the_same_urgency_the_one_that_ends_first():
    cases = [case(n, life=ends_in(29 - n)) for n in range(5)]
    found = together(cases, budgets(), NOW)
    assert [found[f"c{n}"].go for n in range(5)] == [False, False, True, True, True]


def test_the_order_in_which_they_are_given_means_nothing():
    cases = [case(n) for n in range(6)]
    assert together(cases, budgets(), NOW) == together(cases[::-1], budgets(), NOW)


def test_what_replaces_another_takes_nothing():
    ari = Ari(NOW - 2 * DAY, NOW - DAY, NOW, NOW)
    cases = [case(n, life=ends_in(30), ari=ari, issued_by="le") for n in range(9)] + [
        case(n) for n in range(20, 23)
    ]
    assert all(one.go for one in together(cases, budgets(), NOW).values())


def test_nothing_is_spent_by_looking():
    shared = budgets()
    for _ in range(3):
        found = together([case(n) for n in range(3)], shared, NOW)
        assert all(one.go for one in found.values())
