"""The policies we ship, read by the loader as a user's would be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.inventory import WorkTree, load
from reconciler.model import AnyResource, Decision
from reconciler.policy import check, ending, policy_kinds
from tests.unit.policy.court import NOW, action, decision, verdicts

ROOT = Path(__file__).parents[3]


def loaded(root: Path) -> list[AnyResource]:
    inventory = load(WorkTree(root, "policies"), kinds=policy_kinds())
    return [inventory.get(ref) for ref in inventory.refs()]


@pytest.fixture(scope="module")
def shipped() -> list[AnyResource]:
    return loaded(ROOT)


def test_they_are_sound(shipped: list[AnyResource]) -> None:
    assert check(shipped, NOW, accounts=["porkbun-main"]) == []
    assert ending(shipped, NOW) == []
    assert {policy.kind for policy in shipped} == {
        "ApprovalRule",
        "Budget",
        "Freeze",
        "Policy",
    }


@pytest.mark.parametrize(
    ("act", "expected", "rules"),
    [
        pytest.param(
            action(cost="10.42 USD", ceiling="15.00 USD"),
            Decision.ALLOW,
            ["built-in/ceiling", "ApprovalRule/money"],
            id="a renewal",
        ),
        pytest.param(
            action(cost="10.42 USD", ceiling="30.00 USD"),
            Decision.HOLD,
            ["built-in/ceiling", "ApprovalRule/money"],
            id="a renewal that may become dear",
        ),
        pytest.param(
            action(cost="300.00 USD", ceiling="300.00 USD"),
            Decision.HOLD,
            ["built-in/ceiling", "ApprovalRule/money", "Budget/agency"],
            id="over everything",
        ),
        pytest.param(action(verb="lock"), Decision.ALLOW, [], id="lock it"),
        pytest.param(
            action(verb="lock", after=False),
            Decision.HOLD,
            ["ApprovalRule/security"],
            id="unlock it",
        ),
        pytest.param(action(verb="auto-renew"), Decision.ALLOW, [], id="auto-renew on"),
        pytest.param(
            action(verb="auto-renew", after=False),
            Decision.HOLD,
            ["ApprovalRule/lapse"],
            id="auto-renew off",
        ),
        pytest.param(action(verb="prune"), Decision.ALLOW, [], id="remove a record"),
        pytest.param(
            action(verb="delegate"),
            Decision.HOLD,
            ["ApprovalRule/disruptive"],
            id="nameservers",
        ),
        pytest.param(
            action(verb="delegate", labels={"tier": "gold"}),
            Decision.DENY,
            ["ApprovalRule/disruptive", "Policy/gold-office-hours"],
            id="nameservers of a gold client on a Sunday",
        ),
        pytest.param(
            action("lab-1.example", verb="delegate", labels={"tier": "gold"}),
            Decision.HOLD,
            ["ApprovalRule/disruptive", "Policy/gold-office-hours"],
            id="the exception",
        ),
    ],
)
def test_what_they_decide(
    shipped: list[AnyResource], act: object, expected: Decision, rules: list[str]
) -> None:
    (judged,) = verdicts(act, shipped)  # type: ignore[arg-type]
    assert judged.decision is expected
    assert [v.rule for v in judged.verdicts] == rules


def test_two_persons_may_unlock(shipped: list[AnyResource]) -> None:
    act = action(verb="lock", after=False)
    one, two = {act.digest: ("ann",)}, {act.digest: ("ann", "bo")}
    assert decision(act, shipped, approvals=one) is Decision.HOLD
    assert decision(act, shipped, approvals=two) is Decision.ALLOW


def test_the_examples_in_the_documentation_are_sound(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "policies.md").read_text()
    blocks = [part.partition("```")[0] for part in text.split("```yaml\n")[1:]]
    (tmp_path / "policies").mkdir()
    for number, block in enumerate(blocks[1:]):
        path = tmp_path / "policies" / f"{number}.yaml"
        path.write_text(f"apiVersion: reconciler/v1\n{block}")
    documents = loaded(tmp_path)
    assert {document.kind for document in documents} == set(policy_kinds())
    assert check(documents, NOW) == []


GOOD = """\
apiVersion: reconciler/v1
Policy/p:
  match: {kinds: [Domain]}
  validations:
    - expression: name == 'a'
      message: no
  tests:
    - {name: one, input: {name: a}, expect: allow}
    - {name: two, input: {name: b}, expect: deny}
"""


@pytest.fixture
def errors(tmp_path: Path) -> Callable[[str], list[str]]:
    def found(text: str) -> list[str]:
        (tmp_path / "policies").mkdir(exist_ok=True)
        (tmp_path / "policies" / "p.yaml").write_text(text)
        return [str(error) for error in check(loaded(tmp_path), NOW)]

    return found


def test_the_good_one_is_good(errors: Callable[[str], list[str]]) -> None:
    assert errors(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "start"),
    [
        ("name == 'a'", "nmae == 'a'", "policies/p.yaml:5:19: E501 Policy/p: no CEL"),
        ("name == 'a'", "'name'", "policies/p.yaml:5:19: E501 Policy/p: no CEL"),
        (
            "[Domain]",
            "[Domian]",
            "policies/p.yaml:3:19: E505 Policy/p: there is no kind",
        ),
        (
            "expect: deny",
            "expect: allow",
            "policies/p.yaml:8:5: E503 Policy/p: no test",
        ),
        ("{name: b}", "{name: a}", "policies/p.yaml:9:"),
    ],
)
def test_errors_point_into_the_file(
    errors: Callable[[str], list[str]], old: str, new: str, start: str
) -> None:
    assert old in GOOD
    first = errors(GOOD.replace(old, new))[0]
    assert first.startswith(start)
