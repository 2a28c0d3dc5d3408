"""CEL policies: what they decide, and what `check` says about them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.model import Decision, Plan, Severity
from reconciler.policy import check, ending, judge
from tests.unit.policy.court import NOW, action, context, decision, policy, verdicts

GOLD = action(
    "g.example",
    "delegate",
    labels={"tier": "gold"},
    field="spec.nameservers",
    after=("ns1.x", "ns2.x"),
)


def rule(expression: str = "false", **more: Any) -> Any:
    validation = {"expression": expression, "message": "no"}
    return policy("Policy/p", **{"validations": [validation], **more})


def test_a_mandatory_rule_denies_and_says_where_and_why() -> None:
    (judged,) = verdicts(GOLD, [rule("name != 'g.example'")])
    (verdict,) = judged.verdicts
    assert verdict.decision is Decision.DENY
    assert (verdict.rule, verdict.why) == ("Policy/p", "no")
    assert str(verdict.at) == "policies/p:spec.validations[0].expression:1:1"


def test_a_rule_that_holds_says_nothing() -> None:
    assert verdicts(GOLD, [rule("true")])[0].verdicts == ()


def test_all_validations_count() -> None:
    two = policy(
        "Policy/p",
        validations=[
            {"expression": "true", "message": "first"},
            {"expression": "false", "messageExpression": "'second ' + name"},
            {"expression": "false", "messageExpression": "labels.none"},
        ],
    )
    whys = [v.why for v in verdicts(GOLD, [two])[0].verdicts]
    assert whys == ["second g.example", "not so: false"]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param("labels.none == 'x'", id="missing key"),
        pytest.param("after.nameservers", id="a list for a boolean"),
        pytest.param("nmae == 'x'", id="does not compile"),
        pytest.param(
            "[1,2,3,4,5,6,7,8,9,0].all(a, [1,2,3,4,5,6,7,8,9,0].all(b,"
            "[1,2,3,4,5,6,7,8,9,0].all(c, [1,2,3,4,5,6,7,8,9,0].all(d, true))))",
            id="over the iteration budget",
        ),
    ],
)
@pytest.mark.parametrize(
    ("enforcement", "expected"),
    [
        ("mandatory", Decision.DENY),
        ("approval(ops)", Decision.HOLD),
        ("advisory", Decision.ALLOW),
    ],
)
def test_a_rule_without_an_answer_is_as_strict_as_it_can_be(
    broken: str, enforcement: str, expected: Decision
) -> None:
    one = rule(broken, enforcement=enforcement)
    judged = judge(Plan("main", NOW, (GOLD,)), [one], context(GOLD))
    assert judged.actions[0].decision is expected
    findings = [(f.code, f.severity) for f in judged.findings]
    advised = [("policy-broken", Severity.ERROR)]
    assert findings == (advised if enforcement == "advisory" else [])


@pytest.mark.parametrize("where", ["labels.none == 'x'", "nmae == 'x'", "after.none"])
def test_a_where_without_an_answer_does_not_switch_the_rule_off(where: str) -> None:
    assert decision(GOLD, [rule("true", match={"where": where})]) is Decision.DENY


def test_where_narrows() -> None:
    only = rule(match={"where": "labels['tier'] == 'silver'"})
    assert decision(GOLD, [only]) is Decision.ALLOW


def test_a_message_is_one_short_line() -> None:
    act = action("x.example", "lock")
    loud = policy(
        "Policy/p",
        validations=[
            {"expression": "false", "messageExpression": r"'a\n::b ' + name"},
        ],
    )
    assert verdicts(act, [loud])[0].verdicts[0].why == "a ::b x.example"
    many = " + ".join(["name"] * 30)
    wordy = policy(
        "Policy/p", validations=[{"expression": "false", "messageExpression": many}]
    )
    assert len(verdicts(act, [wordy])[0].verdicts[0].why) == 256


def test_advice_is_a_finding_at_the_resource() -> None:
    plan = Plan("main", NOW, (GOLD,))
    judged = judge(plan, [rule(enforcement="advisory")], context(GOLD))
    (finding,) = judged.findings
    assert (finding.code, finding.name) == ("policy", "g.example")
    assert finding.message == "Policy/p on delegate: no"
    assert judged.actions[0].verdicts == ()


def test_approval_enforcement_is_lifted_by_its_group() -> None:
    one = rule(enforcement="approval(ops)")
    assert verdicts(GOLD, [one])[0].needs == ("ops",)
    approved = {GOLD.digest: ("ann",)}
    assert decision(GOLD, [one], approvals=approved) is Decision.ALLOW
    cem = policy("Group/ops", members=["cem"])
    assert decision(GOLD, [one, cem], approvals=approved) is Decision.HOLD


def test_an_error_in_an_approval_rule_is_held_for_the_group() -> None:
    one = rule("labels.none == ''", enforcement="approval(ops)")
    assert verdicts(GOLD, [one])[0].needs == ("ops",)


def test_variables_build_on_each_other_and_are_typed() -> None:
    both = {"many": "after.nameservers.size()", "big": "variables.many > 1"}
    for written in (both, dict(reversed(both.items()))):
        one = rule("variables.big && variables.many == 2", variables=written)
        assert decision(GOLD, [one]) is Decision.ALLOW


def test_a_variable_without_a_value_matters_only_where_it_is_used() -> None:
    lazy = {"x": "labels.none", "y": "variables.x + '!'"}
    assert decision(GOLD, [rule("true", variables=lazy)]) is Decision.ALLOW
    assert decision(GOLD, [rule("true || variables.y == ''", variables=lazy)]) is (
        Decision.ALLOW
    )
    (verdict,) = verdicts(GOLD, [rule("variables.y == ''", variables=lazy)])[0].verdicts
    assert verdict.decision is Decision.DENY
    assert "variables.x: NOT_FOUND" in verdict.why


def test_time_is_an_input() -> None:
    late = rule("now < timestamp('2026-11-23T00:00:00Z')")
    assert decision(GOLD, [late]) is Decision.ALLOW
    then = datetime(2026, 11, 23, 0, 0, 1, tzinfo=UTC)
    assert decision(GOLD, [late], now=then) is Decision.DENY


def test_an_action_without_a_due_date_is_never_due() -> None:
    soon = rule("due - now > duration('48h')")
    assert decision(GOLD, [soon]) is Decision.ALLOW


# --- exceptions -----------------------------------------------------------------


def exempted(selector: str, until: str = "2026-12-31") -> Any:
    entry = {"selector": selector, "until": until, "reason": "r", "approvedBy": "@a"}
    return rule(exceptions=[entry])


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("g.example", Decision.ALLOW),
        ("G.EXAMPLE", Decision.ALLOW),
        ("*.example", Decision.ALLOW),
        ("h.example", Decision.DENY),
        ("name == 'g.example'", Decision.ALLOW),
        ("labels['tier'] == 'silver'", Decision.DENY),
        ("labels.none == 'an error exempts nothing'", Decision.DENY),
    ],
)
def test_an_exception_selects_by_name_or_by_cel(
    selector: str, expected: Decision
) -> None:
    assert decision(GOLD, [exempted(selector)]) is expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2024-02-29T23:59:59+00:00", Decision.ALLOW),
        ("2024-03-01T00:00:00+00:00", Decision.DENY),
    ],
)
def test_an_exception_includes_its_last_day(now: str, expected: Decision) -> None:
    one = exempted("*", "2024-02-29")
    assert decision(GOLD, [one], now=datetime.fromisoformat(now)) is expected


@pytest.mark.parametrize(
    ("now", "errors", "warnings"),
    [
        ("2026-12-17T23:59:59+00:00", [], 0),
        ("2026-12-18T00:00:00+00:00", [], 1),
        ("2026-12-31T23:59:59+00:00", [], 1),
        ("2027-01-01T00:00:00+00:00", ["E504"], 0),
    ],
)
def test_an_exception_is_announced_and_then_an_error(
    now: str, errors: list[str], warnings: int
) -> None:
    when, one = datetime.fromisoformat(now), exempted("*")
    found = [e.shown_code for e in check([one], when) if e.shown_code != "E503"]
    assert found == errors
    assert len(ending([one], when)) == warnings


# --- check ----------------------------------------------------------------------

TESTS = [
    {"name": "ok", "input": {"labels": {"tier": "silver"}}, "expect": "allow"},
    {"name": "bad", "input": {"labels": {"tier": "gold"}}, "expect": "deny"},
]


def complaints(**spec: Any) -> list[str]:
    whole = {
        "match": {"kinds": ["Domain"], "verbs": ["delegate"]},
        "validations": [{"expression": "labels.tier != 'gold'", "message": "no"}],
        "tests": TESTS,
    }
    return [str(e) for e in check([policy("Policy/p", **{**whole, **spec})], NOW)]


def test_a_sound_policy_has_no_errors() -> None:
    assert complaints() == []


@pytest.mark.parametrize(
    ("spec", "place", "said"),
    [
        pytest.param(
            {"validations": [{"expression": "nmae == ''", "message": "m"}]},
            "spec.validations[0].expression",
            [
                "E501",
                "undeclared reference to 'nmae'",
                "(line 1, column 1)",
                "^",
                "did you mean name?",
            ],
            id="a typo",
        ),
        pytest.param(
            {"validations": [{"expression": "name", "message": "m"}]},
            "spec.validations[0].expression",
            ["E501", "is a string, not a bool"],
            id="no boolean",
        ),
        pytest.param(
            {"validations": [{"expression": "true", "messageExpression": "1"}]},
            "spec.validations[0].messageExpression",
            ["E501", "is an int, not a string"],
            id="no text",
        ),
        pytest.param(
            {"variables": {"a": "variables.b", "c": "1"}},
            "spec.variables.a",
            ["E501", "variables.b"],
            id="an unknown variable",
        ),
        pytest.param(
            {"variables": {"a": "variables.b", "b": "variables.a", "c": "1"}},
            "spec.variables.a",
            ["E501", "uses itself, by way of a, b"],
            id="a circle",
        ),
        pytest.param(
            {"match": {"where": "variables.a"}, "variables": {"a": "true"}},
            "spec.match.where",
            ["E501", "CEL knows kind"],
            id="a variable in where",
        ),
        pytest.param(
            {"tests": TESTS[:1]}, "spec.tests", ["E503", "expects deny"], id="no deny"
        ),
        pytest.param(
            {"tests": TESTS[1:]}, "spec.tests", ["E503", "expects allow"], id="no allow"
        ),
        pytest.param(
            {"tests": [*TESTS, {**TESTS[1], "name": "x", "expect": "allow"}]},
            "spec.tests[2].expect",
            ["E502", "'x' expects allow, but: no"],
            id="a test that fails",
        ),
        pytest.param(
            {"tests": [*TESTS, {**TESTS[0], "name": "x", "expect": "deny"}]},
            "spec.tests[2].expect",
            ["E502", "all validations are true"],
            id="a test that should deny",
        ),
        pytest.param(
            {
                "tests": [
                    *TESTS,
                    {"name": "x", "input": {"verb": "lock"}, "expect": "deny"},
                ]
            },
            "spec.tests[2].expect",
            ["E502", "match does not cover it"],
            id="a test the rule is not about",
        ),
        pytest.param(
            {"tests": [*TESTS, {"name": "x", "expect": "deny"}]},
            "spec.tests[2].expect",
            ["E502", "no answer", "tier"],
            id="an error is no denial",
        ),
        pytest.param(
            {"match": {"kinds": ["Domian"]}},
            "spec.match.kinds[0]",
            ["E505", "did you mean Domain?"],
            id="an unknown kind",
        ),
        pytest.param(
            {"match": {"verbs": ["xyzzy"]}},
            "spec.match.verbs[0]",
            ["E505", "known: authorize, auto-renew, back-up"],
            id="an unknown verb",
        ),
    ],
)
def test_a_bad_policy_is_an_error_with_place_and_hint(
    spec: dict[str, Any], place: str, said: list[str]
) -> None:
    first = complaints(**spec)[0]
    assert first.startswith(f"policies/p:{place}:1:1: ")
    for words in said:
        assert words in first


def test_accounts_and_groups_are_looked_up() -> None:
    documents = [
        policy("Group/ops", members=["a"]),
        policy("ApprovalRule/r", match={"accounts": ["porkbn"]}, groups=["opps"]),
        rule(enforcement="approval(oops)", tests=TESTS),
        policy("Freeze/f", allow=["renw"], reason="r"),
    ]
    errors = check(documents, NOW, accounts=["porkbun"])
    assert [(str(e.at), e.hint) for e in errors if e.shown_code == "E505"] == [
        ("policies/f:spec.allow[0]:1:1", "did you mean renew?"),
        ("policies/p:spec.enforcement:1:1", "did you mean ops?"),
        ("policies/r:spec.groups[0]:1:1", "did you mean ops?"),
        ("policies/r:spec.match.accounts[0]:1:1", "did you mean porkbun?"),
    ]
    assert check([documents[1]], NOW) == []


@pytest.mark.parametrize(
    "spec",
    [
        {"validations": []},
        {"validations": [{"expression": "true"}]},
        {
            "validations": [
                {"expression": "x", "message": "m", "messageExpression": "n"}
            ]
        },
        {"enforcement": "approval"},
        {"enforcement": "mandatory "},
        {"variables": {"a-b": "1"}},
        {"validations": [{"expression": "1" * 4097, "message": "m"}]},
        {"exceptions": [{"selector": "*", "until": "2026-02-29"}]},
        {"tests": [{"name": "x", "input": {"colour": "red"}, "expect": "deny"}]},
    ],
)
def test_the_form_is_checked(spec: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        rule(**spec)


def test_a_wrong_enforcement_is_told_the_right_ones() -> None:
    with pytest.raises(ValidationError, match=r"advisory, approval\(GROUP\) or mand"):
        rule(enforcement="must")
