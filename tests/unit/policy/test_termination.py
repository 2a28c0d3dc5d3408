"""Whether one person could end what a customer has."""

from __future__ import annotations

import pytest

from reconciler.model import Finding, Plan, Severity
from reconciler.policy import ANY_END, alone, judge
from tests.support.shell import shell
from tests.unit.policy.court import NOW, context, policy

END = Finding("termination-proposed", Severity.ERROR, "Subscription", "a.example", "x")
RULE = {"match": {"kinds": ["Subscription"]}, "groups": ["ops"], "twoPerson": True}


def rule(match=None, **more):
    spec = {**RULE, **more}
    if match is not None:
        spec["match"] = match
    return policy("ApprovalRule/x", **spec)


GUARDS = [
    rule(),
    rule({}),
    rule({"risks": ["destructive"]}),
    rule({"kinds": ["Subscription", "HostingAccount"], "risks": ["destructive"]}),
    rule({"names": ["*.example"]}),
]
LETS = [
    rule(twoPerson=False),
    rule({"kinds": ["Domain"]}),
    rule({"risks": ["money"]}),
    rule({"verbs": ["charge"]}),
    rule({"names": ["b.example"]}),
    rule({"accounts": ["stripe-main"]}),
    rule({"labels": {"tier": "gold"}}),
    rule({"above": ["10.00 EUR"]}),
    rule(standing={"below": ["10.00 EUR"]}),
    policy("Group/ops", members=["@ann"]),
]


@pytest.mark.parametrize("guard", GUARDS, ids=str)
def test_a_rule_for_two_guards_it(guard):
    assert alone([END], [*LETS, guard]) == []


@pytest.mark.parametrize("other", LETS, ids=str)
def test_any_other_does_not(other):
    (told,) = alone([END], [other])
    assert (told.code, told.name) == ("ends-by-one-person", "a.example")
    assert told.severity is Severity.WARNING


def test_other_findings_are_none_of_its_business():
    assert alone([END._replace(code="payment-failed")], []) == []


def test_any_end_needs_a_rule_for_all():
    assert alone([ANY_END], [rule({"names": ["*.example"]})])
    assert alone([ANY_END], [rule()]) == []


@pytest.mark.parametrize("guarded", [True, False])
def test_the_plan_says_it(guarded):
    plan = Plan("main", NOW, (), findings=(END,))
    judged = judge(plan, [rule()] if guarded else [], context())
    told = {found.code for found in judged.findings}
    assert ("ends-by-one-person" in told) is not guarded


INVENTORY = """\
apiVersion: reconciler/v1
Customer/c: {legalName: C, country: NL, payment: {collect: invoice}}
Domain/a.example: {provider: none, lifecycle: observe}
Subscription/s: {customer: c, since: 2026-01-01, price: 1.00 EUR/month, covers: [Domain/a.example]}
"""
GUARD = """\
apiVersion: reconciler/v1
ApprovalRule/ends: {match: {kinds: [Subscription], risks: [destructive]}, groups: [ops], twoPerson: true}
"""


@pytest.mark.parametrize("guarded", [True, False])
def test_validate_says_it_where_it_is_written(tmp_path, guarded):
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "all.yaml").write_text(INVENTORY)
    if guarded:
        (tmp_path / "policies").mkdir()
        (tmp_path / "policies" / "ends.yaml").write_text(GUARD)
    done = shell("-C", tmp_path, "validate")
    assert done.code == 0, done
    told = (
        "inventory/all.yaml:4:1: W-ends-by-one-person Subscription/s: no ApprovalRule"
    )
    assert (told in done.out + done.err) is not guarded, done.out
