"""Who may say what became of a payment."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from reconciler.cli.settle_command import _refuse_outsiders
from reconciler.errors import ReconcilerError
from tests.unit.policy.court import policy

POLICIES = [
    policy("Group/money", members=["@ann"]),
    policy("Person/treasurer", names=["@ann", "ann@agency.example"]),
]


def asked(actor: str, risk: str = "money") -> None:
    project = SimpleNamespace(policies=POLICIES, actor=actor)
    opened = SimpleNamespace(intent=SimpleNamespace(risk=risk))
    _refuse_outsiders(cast("Any", project), cast("Any", opened))


@pytest.mark.parametrize("actor", ["ann", "@Ann", "ann@agency.example"])
def test_a_member_by_each_of_their_names(actor: str) -> None:
    asked(actor)


@pytest.mark.parametrize("actor", ["bo", "treasurer"])
def test_nobody_else(actor: str) -> None:
    with pytest.raises(ReconcilerError) as refused:
        asked(actor)
    assert refused.value.shown_code == "E609"
    asked(actor, "disruptive")
