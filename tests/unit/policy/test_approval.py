"""Approvals: which actions need them, whose count, and what stands in advance."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.model import Decision, Plan
from reconciler.policy import built_in, check, judge
from reconciler.policy.people import missing
from tests.unit.policy.court import (
    NOW,
    action,
    context,
    decision,
    policy,
    verdicts,
)

DELEGATE = action("a.example", "delegate", after=("ns1.x", "ns2.x"))


def rule(**spec: Any) -> Any:
    return policy("ApprovalRule/r", **{"match": {}, "groups": ["ops"], **spec})


def approved(*actors: str) -> dict[str, tuple[str, ...]]:
    return {DELEGATE.digest: actors}


def test_it_holds_until_somebody_approves_this_very_action() -> None:
    (held,) = verdicts(DELEGATE, [rule()])
    (hold,) = held.verdicts
    assert (hold.decision, hold.firm, held.needs) == (Decision.HOLD, False, ("ops",))
    assert hold.why == "needs approval of ops"
    assert str(hold.at) == "policies/r:spec.groups:1:1"
    other = {"0123456789abcdef": ("ann",)}
    assert decision(DELEGATE, [rule()], approvals=other) is Decision.HOLD
    (free,) = verdicts(DELEGATE, [rule()], approvals=approved("ann"))
    assert free.decision is Decision.ALLOW
    assert free.verdicts[0].why == "approved by ann"


@pytest.mark.parametrize(
    ("actors", "expected"),
    [
        ((), Decision.HOLD),
        (("ann",), Decision.HOLD),
        (("ann", "ann"), Decision.HOLD),
        (("ann", "@Ann", " ANN "), Decision.HOLD),
        (("ann", "bo"), Decision.ALLOW),
    ],
)
def test_two_persons_are_two_different_persons(
    actors: tuple[str, ...], expected: Decision
) -> None:
    two = rule(twoPerson=True)
    (judged,) = verdicts(DELEGATE, [two], approvals=approved(*actors))
    assert judged.decision is expected
    if actors and expected is Decision.HOLD:
        assert judged.needs == ("ops",)
        assert judged.verdicts[0].why == "needs one more person of ops"
        assert judged.verdicts[0].firm


def test_nobody_yet_needs_both() -> None:
    (judged,) = verdicts(DELEGATE, [rule(twoPerson=True)])
    assert judged.needs == ("ops", "ops")
    assert judged.verdicts[0].why == "needs 2 persons of ops"


def test_only_members_count_where_the_members_are_declared() -> None:
    ops = policy("Group/ops", members=["@Cem"])
    assert decision(DELEGATE, [rule(), ops], approvals=approved("ann")) is Decision.HOLD
    assert (
        decision(DELEGATE, [rule(), ops], approvals=approved("cem")) is Decision.ALLOW
    )


def test_what_a_document_is_called_is_nobodys_name() -> None:
    """A login that is the same as Person/cem is somebody else's."""
    people = [
        policy("Group/ops", members=["@cem-at-work"]),
        policy("Person/cem", names=["@cem-at-work", "cem@agency.example"]),
    ]
    for actor, expected in (
        ("cem", Decision.HOLD),
        ("Cem@Agency.example", Decision.ALLOW),
        ("cem-at-work", Decision.ALLOW),
    ):
        asked = [rule(), *people]
        assert decision(DELEGATE, asked, approvals=approved(actor)) is expected


@pytest.mark.parametrize(
    ("needs", "people", "left"),
    [
        ("a", "", "a"),
        ("a", "x", ""),
        ("aa", "x", "a"),
        ("aa", "xy", ""),
        ("ab", "x", "b"),
        ("ab", "xy", ""),
        ("ba", "xy", ""),
        ("ab", "yx", ""),
        ("ac", "xy", "c"),
        ("aab", "xyz", ""),
        ("c", "xyz", "c"),
    ],
)
def test_each_person_fills_one_need_and_as_many_as_can_be_are_filled(
    needs: str, people: str, left: str
) -> None:
    members = {"a": frozenset("xyz"), "b": frozenset("xy"), "c": frozenset("q")}
    assert missing(tuple(needs), people, members) == tuple(left)


def test_only_x_may_do_both_so_one_need_stays() -> None:
    members = {"a": frozenset("x"), "b": frozenset("x")}
    assert missing(("a", "b", "c"), {"x", "y"}, members) == ("b",)


@pytest.mark.parametrize(
    ("match", "meant"),
    [
        ({"risks": ["disruptive"]}, True),
        ({"risks": ["money", "security"]}, False),
        ({"verbs": ["delegate"]}, True),
        ({"above": ["1.00 USD"]}, False),
    ],
)
def test_match(match: dict[str, Any], meant: bool) -> None:
    expected = Decision.HOLD if meant else Decision.ALLOW
    assert decision(DELEGATE, [rule(match=match)]) is expected


@pytest.mark.parametrize(
    ("ceiling", "above", "meant"),
    [
        ("25.00 USD", "25.00 USD", False),
        ("25.01 USD", "25.00 USD", True),
        ("25.00 USD", "99.00 EUR", True),
    ],
)
def test_above_compares_the_ceiling(ceiling: str, above: str, meant: bool) -> None:
    act = action(cost="10.00 USD", ceiling=ceiling)
    expected = Decision.HOLD if meant else Decision.ALLOW
    assert decision(act, [rule(match={"above": [above]})]) is expected


@pytest.mark.parametrize(
    ("cost", "ceiling", "expected"),
    [
        ("10.00 USD", "24.99 USD", Decision.ALLOW),
        ("10.00 USD", "25.00 USD", Decision.HOLD),
        ("24.99 EUR", "24.99 EUR", Decision.HOLD),
    ],
)
def test_a_standing_approval_covers_what_can_never_cost_as_much(
    cost: str, ceiling: str, expected: Decision
) -> None:
    one = rule(match={"risks": ["money"]}, standing={"below": ["25.00 USD"]})
    (judged,) = verdicts(action(cost=cost, ceiling=ceiling), [one])
    assert judged.decision is expected
    if expected is Decision.ALLOW:
        assert judged.verdicts[-1].why == "standing approval below 25.00 USD"


def test_a_standing_approval_does_not_lift_the_ceiling() -> None:
    one = rule(match={"risks": ["money"]}, standing={"below": ["25.00 USD"]})
    dear = action(cost="21.00 USD", ceiling="20.00 USD")
    (judged,) = verdicts(dear, [one], approvals={dear.digest: ("ann", "bo")})
    assert judged.decision is Decision.HOLD


def test_an_approval_does_not_outlive_its_ceiling() -> None:
    cheap = action(cost="30.00 USD", ceiling="30.00 USD")
    raised = action(cost="30.00 USD", ceiling="31.00 USD")
    given = {cheap.digest: ("ann",)}
    assert decision(cheap, [rule()], approvals=given) is Decision.ALLOW
    assert decision(raised, [rule()], approvals=given) is Decision.HOLD


# --- without any file -----------------------------------------------------------


@pytest.mark.parametrize(
    ("cost", "ceiling", "expected", "said"),
    [
        ("20.00 USD", "20.00 USD", Decision.ALLOW, "20.00 USD is within 20.00 USD"),
        ("20.01 USD", "20.00 USD", Decision.HOLD, "costs 20.01 USD now, 20.00 USD at"),
        ("1.00 EUR", "20.00 USD", Decision.HOLD, "the ceiling is in USD"),
        ("1.00 USD", None, Decision.HOLD, "only under a ceiling"),
    ],
)
def test_money_needs_a_ceiling(
    cost: str, ceiling: str | None, expected: Decision, said: str
) -> None:
    act = action(cost=cost, ceiling=ceiling)
    (judged,) = verdicts(act, [], approvals={act.digest: ("ann", "bo")})
    (verdict,) = judged.verdicts
    assert (verdict.decision, verdict.rule) == (expected, "built-in/ceiling")
    assert verdict.firm is (expected is Decision.HOLD)
    assert said in verdict.why


def test_the_built_in_rules_speak_once() -> None:
    once = built_in(Plan("main", NOW, (action(),)), context())
    assert [v.rule for v in once.actions[0].verdicts] == ["built-in/ceiling"]
    assert built_in(once, context()) == once
    assert judge(once, [], context()) == once


def test_money_without_a_quote_is_held() -> None:
    act = action()
    silent = act._replace(change=act.change.model_copy(update={"cost": None}))
    (judged,) = verdicts(silent, [])
    assert judged.decision is Decision.HOLD
    assert "nobody quotes a price" in judged.verdicts[0].why


def test_a_cost_makes_any_verb_a_matter_of_money() -> None:
    assert decision(action("a.example", "lock", cost="1.00 USD"), []) is Decision.HOLD


@pytest.mark.parametrize("verb", ["lock", "delegate", "prune", "auto-renew"])
def test_everything_else_may_run_unless_a_rule_says_otherwise(verb: str) -> None:
    (judged,) = verdicts(action("a.example", verb), [])
    assert judged.verdicts == ()


@pytest.mark.parametrize(
    "spec",
    [
        {"groups": []},
        {"standing": {"below": []}},
        {"standing": {}},
        {"match": {"risk": "money"}},
        {"match": {"risks": ["expensive"]}},
    ],
)
def test_the_form_is_checked(spec: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        rule(**spec)


RENEW = action("a.example", "renew")
ANN = ("Person/ann", ["@ann", "ann@agency.example"])


def person_(name: str, names: list[str]) -> Any:
    return policy(name, names=names)


def written_by(*authors: str) -> Any:
    return lambda _action: frozenset(authors)


@pytest.mark.parametrize(
    ("approver", "author", "expected"),
    [
        ("ann", "ann", Decision.HOLD),
        ("@Ann", "ann", Decision.HOLD),
        ("ann", "ann@agency.example", Decision.HOLD),
        ("ANN@agency.example", "ann", Decision.HOLD),
        ("bo", "ann", Decision.ALLOW),
        ("ann", "bo", Decision.ALLOW),
    ],
)
def test_the_author_of_a_payment_is_not_its_approver(
    approver: str, author: str, expected: Decision
) -> None:
    facts = context(RENEW, approvals={RENEW.digest: (approver,)})
    facts = facts._replace(authors=written_by(author))
    plan = Plan("main", NOW, (RENEW,))
    (judged,) = judge(plan, [rule(), person_(*ANN)], facts).actions
    assert judged.decision is expected
    if expected is Decision.HOLD:
        (hold,) = [v for v in judged.verdicts if v.decision > 0]
        assert hold.firm
        assert (
            hold.why
            == "needs approval of ops (ann may have written it, and does not count)"
        )


def test_the_author_of_anything_else_is() -> None:
    """Only money and deletion need another person."""
    facts = context(DELEGATE, approvals=approved("ann"))
    facts = facts._replace(authors=written_by("ann"))
    (judged,) = judge(Plan("main", NOW, (DELEGATE,)), [rule()], facts).actions
    assert judged.decision is Decision.ALLOW


def glass(**spec: Any) -> Any:
    return policy("BreakGlass/g", **{"groups": ["ops"], **spec})


@pytest.mark.parametrize(
    ("spec", "who", "expected"),
    [
        ({}, "ann", Decision.ALLOW),
        ({}, "ann@agency.example", Decision.ALLOW),
        ({}, "eve", Decision.HOLD),
        ({"groups": ["forge"]}, "ann", Decision.HOLD),
        ({"scope": {"verbs": ["renew"]}}, "ann", Decision.HOLD),
    ],
)
def test_the_glass_is_good_for_its_scope_and_its_declared_groups(
    spec: dict[str, Any], who: str, expected: Decision
) -> None:
    facts = context(DELEGATE)._replace(glass={DELEGATE.digest: who})
    ops = policy("Group/ops", members=["@ann"])
    rules = [rule(twoPerson=True), glass(**spec), ops, person_(*ANN)]
    (judged,) = judge(Plan("main", NOW, (DELEGATE,)), rules, facts).actions
    assert judged.decision is expected


def test_the_glass_goes_over_no_budget() -> None:
    facts = context(RENEW)._replace(glass={RENEW.digest: "ann"})
    ops = policy("Group/ops", members=["ann"])
    budget = policy("Budget/b", spend={"perRun": ["1.00 USD"]})
    rules = [rule(), glass(), ops, budget]
    (judged,) = judge(Plan("main", NOW, (RENEW,)), rules, facts).actions
    assert judged.decision is Decision.HOLD


def test_no_name_is_two_persons_and_no_stranger_breaks_the_glass() -> None:
    bo = person_("Person/bo", ["@bo", "Ann@agency.example"])
    found = check([person_(*ANN), bo, glass()], NOW)
    assert {error.shown_code for error in found} == {"E505", "E506"}
    assert any("Person/ann's too" in str(error) for error in found)
