"""What was there and is gone is not made anew without a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from reconciler.engine.evaluate import Subject, evaluate
from reconciler.engine.memory import NOTHING
from reconciler.kinds.hosting_account import HostingAccount, Step
from reconciler.model import Absent, AnyResource, Decision, OpClass, Share
from tests.unit.engine.made import NOW


class Panel:
    """What the engine asks of a driver while it plans."""

    can: ClassVar[Mapping[str, OpClass]] = {"create": OpClass.PROBE}


def account() -> HostingAccount:
    spec = {"provider": "whm-1", "plan": "small"}
    data = {"metadata": {"name": "a.example"}, "spec": spec}
    want = HostingAccount.model_validate(data)
    steps = (Step(plan="small", package="care_5g"),)
    return want.model_copy(
        update={"spec": want.spec.model_copy(update={"ladder": steps})}
    )


@pytest.mark.parametrize("known", [False, True])
def test_only_what_was_never_there_is_made_by_itself(*, known: bool) -> None:
    want = account()
    base: AnyResource | None = want if known else None
    drivers: Any = {Share("whm-1", "hosting"): Panel()}
    subject = Subject(want, base, {want.share: Absent()}, NOTHING)
    (made,) = evaluate(subject, drivers, "main", NOW).actions
    assert made.change.verb == "create"
    assert made.decision is (Decision.HOLD if known else Decision.ALLOW)
    rules = [verdict.rule for verdict in made.verdicts]
    assert rules == (["built-in/vanished"] if known else [])
