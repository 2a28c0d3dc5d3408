"""What CEL sees of an action, and of the action a test supposes."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model import Action, Decision
from reconciler.policy.cel import compiled
from reconciler.policy.facts import NAMES, Example, Totals, of_action, of_example
from tests.unit.policy.court import action, context, decision, policy

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


NAMED = [name for name, _ in NAMES.types]


@pytest.mark.parametrize("act", [GOLD, action()], ids=["delegate", "renew"])
def test_nothing_is_seen_that_is_not_declared(act: Action) -> None:
    seen = of_action(act, context(act), Totals(1, 0, {"USD": 1}))
    assert set(seen) == set(of_example(Example())) == set(NAMED)


@pytest.mark.parametrize("name", NAMED)
def test_every_name_has_a_value_of_its_type(name: str) -> None:
    # The library compares each value with the declared type only when it is used.
    used = compiled(f"{name} == {name}", NAMES, "bool")
    for act in (GOLD, action()):
        assert used.holds(of_action(act, context(act), Totals(1, 0, {"USD": 1})))
    assert used.holds(of_example(Example()))


def test_cel_sees_the_yaml_names_without_the_spec_prefix() -> None:
    seen = rule(
        "fields == ['nameservers'] && after.nameservers == ['ns1.x', 'ns2.x']"
        " && before.nameservers == null && spec.renewal.window.open == '60d'"
        " && spec.transferLock && risk == 'disruptive' && reversible"
        " && cost.minor == 0 && provider == 'porkbun-main' && counts.Domain == 100"
        " && totals.actions == 1 && totals.costMinor.size() == 0"
    )
    act = action(
        "g.example", "delegate", field="spec.nameservers", after=("ns1.x", "ns2.x")
    )
    assert decision(act, [seen]) is Decision.ALLOW


def test_money_is_in_minor_units() -> None:
    cheap = rule(
        "cost.minor <= 1000 && cost.currency == 'USD' && ceiling.minor == 2000"
    )
    assert decision(action(), [cheap]) is Decision.ALLOW
    yen = action(cost="500 JPY", ceiling="600 JPY")
    assert decision(yen, [rule("cost.minor == 500")]) is Decision.ALLOW
