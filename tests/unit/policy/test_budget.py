"""Budgets: what fits, in which order, and what the ledger has to do with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.model import Action, Decision, Verdict
from reconciler.policy import check
from tests.unit.policy.court import NOW, action, policy, verdicts


def budget(name: str = "b", **spec: Any) -> Any:
    return policy(f"Budget/{name}", **spec)


def run(limit: str, **scope: Any) -> Any:
    return budget(spend={"perRun": [limit]}, scope=scope)


def allowed(actions: list[Action], policies: list[Any], **facts: Any) -> list[str]:
    judged = verdicts(actions, policies, **facts)
    return [a.want.name for a in judged if a.decision is Decision.ALLOW]


def test_what_is_due_first_is_served_first() -> None:
    late, soon, never = (
        action("late.example", due=NOW + timedelta(days=9)),
        action("soon.example", due=NOW + timedelta(days=1)),
        action("never.example"),
    )
    names = allowed([never, late, soon], [run("20.00 USD")])
    assert names == ["late.example", "soon.example"]


def test_without_a_date_the_id_decides() -> None:
    actions = [action(f"{c}.example") for c in "abcd"]
    first = min(actions, key=lambda a: a.id).want.name
    assert allowed(actions, [run("10.00 USD")]) == [first]
    assert allowed(actions[::-1], [run("10.00 USD")]) == [first]


def test_a_large_one_that_does_not_fit_lets_smaller_ones_pass() -> None:
    large = action("l.example", cost="60.00 USD", ceiling="60.00 USD", due=NOW)
    small = action("s.example", due=NOW + timedelta(days=1))
    (first, second) = verdicts([large, small], [run("50.00 USD")])
    assert second.decision is Decision.ALLOW
    hold = first.verdicts[-1]
    assert (hold.decision, hold.rule, hold.firm) == (Decision.HOLD, "Budget/b", True)
    assert hold.why == (
        "over budget: costs 60.00 USD, and 50.00 USD of 50.00 USD per run are left"
    )
    assert str(hold.at) == "policies/b:spec.spend.perRun:1:1"


@pytest.mark.parametrize(
    ("scope", "limit", "word"),
    [("day", "perDay", "day"), ("month", "perMonth", "month")],
)
def test_the_ledger_counts(scope: str, limit: str, word: str) -> None:
    one = budget(spend={limit: ["30.00 USD"]})
    spent = {("USD", None, scope): "20.00 USD"}
    assert allowed([action()], [one], spent=spent) == ["a.example"]
    spent = {("USD", None, scope): "20.01 USD"}
    (judged,) = verdicts([action()], [one], spent=spent)
    assert judged.verdicts[-1].why.endswith(
        f"9.99 USD of 30.00 USD per {word} are left"
    )


def test_more_spent_than_allowed_leaves_nothing_not_less() -> None:
    spent = {("USD", None, "day"): "99.00 USD"}
    one = budget(spend={"perDay": ["30.00 USD"]})
    (judged,) = verdicts([action()], [one], spent=spent)
    assert "0.00 USD of 30.00 USD" in judged.verdicts[-1].why


def test_an_account_budget_counts_its_accounts_alone() -> None:
    one = budget(
        spend={"perDay": ["30.00 USD"]}, scope={"accounts": ["porkbun-main", "aws"]}
    )
    spent = {
        ("USD", None, "day"): "500.00 USD",
        ("USD", "porkbun-main", "day"): "10.00 USD",
        ("USD", "aws", "day"): "10.01 USD",
    }
    assert allowed([action(account="aws")], [one], spent=spent) == []
    assert allowed([action(account="other")], [one], spent=spent) == ["a.example"]
    del spent["USD", "aws", "day"]
    assert allowed([action(account="aws")], [one], spent=spent) == ["a.example"]


def test_currencies_never_mix_and_an_unnamed_one_has_no_room() -> None:
    euro = action("e.example", cost="1.00 EUR", ceiling="1.00 EUR")
    dollar = action("d.example")
    both = budget(spend={"perRun": ["10.00 USD", "1.00 EUR"]})
    assert allowed([euro, dollar], [both]) == ["e.example", "d.example"]
    (held, _) = verdicts([euro, dollar], [run("10.00 USD")])
    assert held.verdicts[-1].why == "over budget: no EUR may be spent per run"


def test_what_was_begun_is_in_the_ledger_already() -> None:
    begun = action("z.example", resumes=True)
    spent = {("USD", None, "day"): "10.00 USD"}
    day = budget(spend={"perDay": ["10.00 USD"]})
    assert allowed([begun], [day], spent=spent) == ["z.example"]
    assert allowed([action("a.example", due=NOW), begun], [run("10.00 USD")]) == [
        "z.example"
    ]


def test_what_waits_for_a_person_takes_no_room() -> None:
    waits = action("w.example", due=NOW, verdicts=(Verdict(Decision.HOLD, "x", "y"),))
    denied = action("d.example", due=NOW, verdicts=(Verdict(Decision.DENY, "x", "y"),))
    kind = action("k.example", due=NOW, hold="look first")
    later = action("l.example", due=NOW + timedelta(days=1))
    judged = verdicts([waits, denied, kind, later], [run("10.00 USD")])
    assert judged[-1].decision is Decision.ALLOW
    approved = {waits.digest: ("ann",)}
    judged = verdicts([waits, later], [run("10.00 USD")], approvals=approved)
    assert judged[-1].decision is Decision.HOLD


def test_what_a_firm_hold_stops_takes_no_room_even_when_approved() -> None:
    dear = action("d.example", cost="9.00 USD", ceiling="8.00 USD", due=NOW)
    later = action("l.example", due=NOW + timedelta(days=1))
    approved = {dear.digest: ("ann", "bo")}
    judged = verdicts([dear, later], [run("10.00 USD")], approvals=approved)
    assert judged[1].decision is Decision.ALLOW


def test_what_is_denied_takes_no_room_even_when_approved() -> None:
    denied = action("d.example", due=NOW, verdicts=(Verdict(Decision.DENY, "x", "y"),))
    later = action("l.example", due=NOW + timedelta(days=1))
    approved = {denied.digest: ("ann", "bo")}
    judged = verdicts([denied, later], [run("10.00 USD")], approvals=approved)
    assert judged[1].decision is Decision.ALLOW


def test_what_was_approved_goes_before_what_is_due() -> None:
    due, chosen = action("d.example", due=NOW), action("c.example")
    approved = {chosen.digest: ("ann",)}
    assert allowed([due, chosen], [run("10.00 USD")], approvals=approved) == [
        "c.example"
    ]


def test_an_action_must_fit_into_every_budget() -> None:
    a, b = action("a.example", account="x"), action("b.example", account="y")
    tight = budget("x", spend={"perRun": ["5.00 USD"]}, scope={"accounts": ["x"]})
    assert allowed([a, b], [tight, run("10.00 USD")]) == ["b.example"]


# --- counts ---------------------------------------------------------------------


def locks(count: int) -> list[Action]:
    return [
        action(f"d{i}.example", "lock", field="spec.transferLock") for i in range(count)
    ]


def prunes(count: int) -> list[Action]:
    return [action(f"p{i}.example", "prune", after=None) for i in range(count)]


@pytest.mark.parametrize(
    ("limit", "declared", "fit"),
    [
        ({"count": 3}, 100, 3),
        ({"share": "4%"}, 100, 4),
        ({"count": 3, "share": "4%"}, 100, 3),
        ({"count": 9, "share": "2%"}, 100, 2),
        ({"share": "10%"}, 3, 1),
        ({"share": "0%"}, 100, 0),
        ({"count": 0}, 100, 0),
        ({"share": "33.34%"}, 3, 2),
    ],
)
def test_changes_and_deletes_are_counted_in_resources(
    limit: dict[str, Any], declared: int, fit: int
) -> None:
    facts = {"resources": {"Domain": declared}}
    assert len(allowed(locks(6), [budget(changes=limit)], **facts)) == fit
    assert len(allowed(prunes(6), [budget(deletes=limit)], **facts)) == fit
    assert len(allowed(locks(6), [budget(deletes=limit)], **facts)) == 6


def test_several_changes_of_one_resource_count_once() -> None:
    same = [action("a.example", verb) for verb in ("lock", "delegate", "auto-renew")]
    assert len(allowed(same, [budget(changes={"count": 1})])) == 3


def test_renewals_are_no_changes() -> None:
    assert allowed([action()], [budget(changes={"count": 0})]) == ["a.example"]


def test_a_share_is_of_the_kinds_in_scope() -> None:
    share = budget(changes={"share": "10%"}, scope={"kinds": ["Domain"]})
    many = {"Domain": 20, "RecordSet": 1000}
    assert len(allowed(locks(6), [share], resources=many)) == 2


def test_scope_by_labels() -> None:
    gold = action("g.example", "lock", labels={"tier": "gold"})
    free = action("f.example", "lock")
    one = budget(changes={"count": 0}, scope={"labels": {"tier": "g*"}})
    assert allowed([gold, free], [one]) == ["f.example"]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({}, "at least one"),
        ({"spend": {"perRun": ["1.00 USD", "2.00 USD"]}}, "one amount for each"),
        ({"spend": {"perRun": "1.00 USD"}}, "tuple"),
        ({"spend": {"per_run": ["1.00 USD"]}}, "Extra inputs"),
        ({"changes": {}}, "count, share or both"),
        ({"changes": {"count": -1}}, "greater than or equal"),
        ({"changes": {"share": "x"}}, "percentage"),
        (
            {"spend": {"perDay": ["1.00 USD"]}, "scope": {"kinds": ["Domain"]}},
            "the ledger knows accounts",
        ),
        (
            {"changes": {"share": "5%"}, "scope": {"labels": {"a": "b"}}},
            "a share is of all resources of a kind",
        ),
    ],
)
def test_the_form_is_checked(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        budget(**spec)


def test_a_sound_budget_has_no_errors() -> None:
    assert check([run("1.00 USD", kinds=["Domain"])], NOW) == []
