"""What customers pay: its ceiling, its budgets, its approvals; and who is cut off."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.model import Action, Decision, Plan
from reconciler.policy import built_in, check
from tests.unit.policy.court import (
    NOW,
    action,
    charge,
    context,
    decision,
    policy,
    suspend,
    verdicts,
)
from tests.unit.policy.test_budget import allowed, budget

ALLOW, HOLD, DENY = Decision.ALLOW, Decision.HOLD, Decision.DENY


# --- the ceiling ------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["charge", "authorize", "capture"])
@pytest.mark.parametrize(
    ("amount", "ceiling", "why"),
    [
        ("12.10 EUR", "250.00 EUR", None),
        ("12.10 EUR", "12.10 EUR", None),
        ("12.11 EUR", "12.10 EUR", "charges 12.11 EUR, 12.10 EUR at most was agreed"),
        ("12.10 EUR", "99.00 USD", "charges 12.10 EUR, but the ceiling is in USD"),
        ("12.10 EUR", None, "customers are charged only under a ceiling"),
    ],
)
def test_a_customer_is_charged_only_under_what_was_agreed(
    verb: str, amount: str, ceiling: str | None, why: str | None
) -> None:
    (judged,) = verdicts(charge(amount=amount, ceiling=ceiling, verb=verb), [])
    (said,) = judged.verdicts
    assert (said.rule, said.decision) == ("built-in/ceiling", HOLD if why else ALLOW)
    assert said.firm is bool(why)
    assert said.why.startswith(why or "12.10 EUR is within")


def test_nobody_lifts_a_charge_above_its_ceiling() -> None:
    dear = charge(amount="251.00 EUR")
    held = decision(dear, [], approvals={dear.digest: ("ann", "bo")})
    assert held is HOLD


def test_the_ceiling_of_a_charge_is_no_leave_to_spend() -> None:
    (judged,) = verdicts(charge(cost="0.30 EUR"), [])
    assert judged.decision is HOLD
    assert "costs 0.30 EUR besides" in judged.verdicts[-1].why


def test_an_invoice_is_neither() -> None:
    (judged,) = verdicts(charge(verb="invoice"), [])
    assert judged.verdicts == ()


# --- budgets ----------------------------------------------------------------------


def charges(limit: str, **lists: list[str]) -> Any:
    return budget(charges={limit: ["30.00 EUR"], **lists})


def names(count: int, amount: str = "12.10 EUR") -> list[Action]:
    return [charge(f"c{number}", amount) for number in range(count)]


def test_charges_and_spend_never_mix() -> None:
    paid = action("d.example", cost="29.00 EUR", ceiling="29.00 EUR")
    both = [paid, charge(amount="29.00 EUR")]
    assert len(allowed(both, [charges("perRun")])) == 2
    assert len(allowed(both, [budget(spend={"perRun": ["30.00 EUR"]})])) == 2
    assert allowed(both, [budget(spend={"perRun": ["1.00 EUR"]})]) == ["acme"]
    assert allowed(both, [budget(charges={"perRun": ["1.00 EUR"]})]) == ["d.example"]


def test_what_is_above_it_waits_and_says_why() -> None:
    judged = verdicts(names(3), [charges("perRun")])
    (held,) = [one for one in judged if one.decision is HOLD]
    last = held.verdicts[-1]
    assert (last.rule, last.firm) == ("Budget/b", True)
    assert last.why == (
        "over budget: charges 12.10 EUR, and 5.80 EUR of 30.00 EUR per run are left"
    )
    assert str(last.at) == "policies/b:spec.charges.perRun:1:1"


def test_a_currency_that_is_not_listed_is_never_charged() -> None:
    dollars = charge(amount="1.00 USD", ceiling="9.00 USD")
    (judged,) = verdicts(dollars, [charges("perRun")])
    assert judged.verdicts[-1].why == "over budget: no USD may be charged per run"


@pytest.mark.parametrize(("scope", "limit"), [("day", "perDay"), ("month", "perMonth")])
def test_the_ledger_counts_what_was_charged(scope: str, limit: str) -> None:
    for gone, fits in (("17.90 EUR", ["acme"]), ("17.91 EUR", [])):
        ledger = {("EUR", None, scope): gone}
        assert allowed([charge()], [charges(limit)], charged=ledger) == fits
        # What we spent ourselves is not what they paid.
        assert allowed([charge()], [charges(limit)], spent=ledger) == ["acme"]


def test_what_was_begun_is_reserved_already() -> None:
    begun, full = charge(resumes=True), {("EUR", None, "day"): "30.00 EUR"}
    assert allowed([begun], [charges("perDay")], charged=full) == ["acme"]


@pytest.mark.parametrize(
    ("limit", "fit"),
    [
        ({"count": 3}, 3),
        ({"share": "5%"}, 2),
        ({"count": 3, "share": "5%"}, 2),
        ({"count": 0}, 0),
        ({"share": "1%"}, 1),
    ],
)
def test_so_many_customers_are_charged_in_one_run(
    limit: dict[str, Any], fit: int
) -> None:
    declared = {"Customer": 40, "Subscription": 900}
    found = allowed(names(6), [budget(charged=limit)], resources=declared)
    assert len(found) == fit
    judged = verdicts(names(6), [budget(charged=limit)], resources=declared)
    held = [one for one in judged if one.decision is HOLD]
    assert held[-1].verdicts[-1].why == (
        f"over budget: {fit} customers at most may be charged in one run"
    )


def test_a_customer_with_several_subscriptions_counts_once() -> None:
    same = [charge(f"s{number}", customer="acme") for number in range(5)]
    assert len(allowed(same, [budget(charged={"count": 1})])) == 5


def test_who_is_not_charged_is_not_counted() -> None:
    rest = [charge(verb="invoice"), charge("free", "0.00 EUR"), action()]
    none = budget(charged={"count": 0}, charges={"perRun": []})
    assert len(allowed(rest, [none])) == 3


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            {"charges": {"perDay": ["1.00 EUR"]}, "scope": {"kinds": ["Domain"]}},
            "the ledger knows accounts",
        ),
        ({"charges": {"perRun": ["1.00 EUR", "2.00 EUR"]}}, "one amount for each"),
        ({"charged": {}}, "count, share or both"),
        ({"charged": {"count": -1}}, "greater than or equal"),
        ({}, "charges, charged"),
    ],
)
def test_the_form_of_charges_is_checked(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        budget(**spec)


def test_a_share_of_customers_may_have_any_scope() -> None:
    sound = budget(charged={"share": "5%"}, scope={"accounts": ["stripe"]})
    assert check([sound], NOW) == []


# --- approvals, freezes, rules ----------------------------------------------------


def rule(**spec: Any) -> Any:
    match = spec.pop("match", {"kinds": ["Subscription"]})
    return policy("ApprovalRule/charges", match=match, groups=["billing"], **spec)


def test_a_standing_approval_looks_at_what_is_charged_not_at_what_was_agreed() -> None:
    standing = rule(standing={"below": ["100.00 EUR"]})
    assert decision(charge(amount="99.99 EUR"), [standing]) is ALLOW
    assert decision(charge(amount="100.00 EUR"), [standing]) is HOLD
    dollars = charge(amount="1.00 USD", ceiling="9.00 USD")
    assert decision(dollars, [standing]) is HOLD
    # A cost of our own beside it has to be below as well.
    both = charge(amount="1.00 EUR", cost="500.00 USD")
    assert "standing" not in str(verdicts(both, [standing])[0].verdicts)


def test_above_looks_at_the_same() -> None:
    above = rule(match={"kinds": ["Subscription"], "above": ["100.00 EUR"]})
    assert decision(charge(amount="100.00 EUR"), [above]) is ALLOW
    assert decision(charge(amount="100.01 EUR"), [above]) is HOLD
    assert decision(charge(verb="invoice", ceiling="900.00 EUR"), [above]) is ALLOW


def test_an_approval_is_for_one_amount() -> None:
    told = charge()
    ann = {told.digest: ("ann",)}
    assert decision(told, [rule()], approvals=ann) is ALLOW
    assert decision(charge(amount="12.11 EUR"), [rule()], approvals=ann) is HOLD


def test_a_freeze_stops_charges_invoices_and_suspensions() -> None:
    stop = policy("Freeze/stop", reason="we are finding out what happened")
    wanted = [charge(), charge(verb="invoice"), suspend("a.example")]
    assert allowed(wanted, [stop]) == []
    lifts = suspend("b.example", lifts=True)
    only = policy("Freeze/f", reason="r", scope={"verbs": ["charge", "suspend"]})
    # The invoice of the same subscription, and whoever paid comes back.
    assert allowed([*wanted, lifts], [only]) == ["acme", "b.example"]


@pytest.mark.parametrize(
    ("expression", "allows"),
    [
        ("charge.minor == 1210 && charge.currency == 'EUR'", ALLOW),
        ("charge.amount == '12.10'", ALLOW),
        ("charge.minor < 1000", DENY),
        ("cost.minor == 0 && cost.currency == ''", ALLOW),
        ("totals.chargeMinor['EUR'] == 2420", ALLOW),
        ("totals.charged == 1", ALLOW),
        ("totals.charged > 1", DENY),
        ("!('EUR' in totals.costMinor)", ALLOW),
    ],
)
def test_rules_see_what_is_charged(expression: str, allows: Decision) -> None:
    test = policy("Policy/p", validations=[{"expression": expression, "message": "no"}])
    two = [charge(customer="acme"), charge("other", customer="acme")]
    assert {one.decision for one in verdicts(two, [test])} == {allows}


def test_a_test_of_a_rule_may_suppose_a_charge() -> None:
    most = policy(
        "Policy/most",
        match={"kinds": ["Subscription"], "verbs": ["charge"]},
        validations=[
            {
                "expression": "charge.minor < 50000 && totals.charged < 50",
                "messageExpression": "'charges ' + charge.amount + ' at once'",
            }
        ],
        tests=[
            {"name": "usual", "input": {"charge": "12.10 EUR"}, "expect": "allow"},
            {"name": "dear", "input": {"charge": "500.00 EUR"}, "expect": "deny"},
            {
                "name": "many",
                "input": {"totals": {"charge": ["9.00 EUR"], "charged": 50}},
                "expect": "deny",
            },
        ],
    )
    assert check([most], NOW) == []


# --- suspensions ------------------------------------------------------------------


def down(count: int, account: str = "whm", **more: bool) -> list[Action]:
    return [suspend(f"{account}{n}.example", account, **more) for n in range(count)]


def test_a_suspension_is_a_change_whoever_wants_it() -> None:
    one = budget(changes={"count": 2})
    assert len(allowed(down(4, follows=True), [one])) == 2
    assert len(allowed(down(4, follows=False), [one])) == 2
    # Whoever has paid comes back, however many they are.
    assert len(allowed(down(4, follows=True, lifts=True), [one])) == 4


@pytest.mark.parametrize(
    ("count", "held_by", "runs"),
    [
        (5, 6, 5),
        (6, 6, 0),
        (6, 100, 0),
        (6, 101, 6),
        (20, 400, 20),
        (21, 400, 0),
        (400, 400, 0),
    ],
)
def test_so_much_of_one_account_is_taken_down_only_by_a_person(
    count: int, held_by: int, runs: int
) -> None:
    assert len(allowed(down(count), [], held_by=held_by)) == runs


def test_a_person_lifts_it_and_each_account_counts_by_itself() -> None:
    judged = verdicts(down(6), [], held_by=9)
    (held,) = judged[0].verdicts
    assert held.rule == "built-in/mass"
    assert (held.needs, held.firm) == (("review",), False)
    assert held.why == (
        "6 of 9 at whm would be taken down in one run, and 5 at most are without a "
        "person"
    )
    assert len(allowed([*down(5), *down(5, "plesk")], [], held_by=9)) == 10
    assert len(allowed(down(9, lifts=True), [], held_by=9)) == 9


def test_whoever_was_here_before_is_not_judged_twice() -> None:
    plan = Plan("main", NOW, tuple(down(6)))
    once = built_in(plan, context(held_by=6))
    assert built_in(once, context(held_by=6)) == once
