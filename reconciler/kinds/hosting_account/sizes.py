"""On which plan of its range an account shall be, by its ScalingPolicy. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from pydantic import JsonValue

from reconciler.kinds.hosting_account import steps
from reconciler.kinds.hosting_account.changes import (
    ChangePlan,
    HostingChange,
    SetPhp,
)
from reconciler.kinds.hosting_account.spec import HostingAccountSpec, PlanRange, Step
from reconciler.kinds.hosting_account.state import HostingState
from reconciler.model import (
    Ended,
    Have,
    Makings,
    Proposal,
    Share,
    scaling_told,
)
from reconciler.model.scaling_rules import decide
from reconciler.model.scaling_told import asked
from reconciler.model.sizing import (
    Decision,
    Rung,
    Sizing,
    recalled,
    rung,
)
from reconciler.model.usage import OUTLOOK, USAGE, OutlookState

#: Who tells what is foreseen of it.
OUTLOOKS: Final = Share(USAGE, OUTLOOK)


class Scaled(NamedTuple):
    """
    An account that a policy looks at.

    Attributes:
        case: What it is wanted to be.
        sizing: What decides about its plan.
        policy: The name of its ScalingPolicy.
    """

    case: steps.Case
    state: HostingState
    sizing: Sizing
    policy: str


def rungs(spec: HostingAccountSpec) -> tuple[Rung, ...]:
    """Return its plans as sizes; its own limits count in each of them."""
    return tuple(
        rung(step.plan, spec.limits.over(step.limits), step.price)
        for step in spec.ladder
    )


def scaled(
    case: steps.Case,
    makings: Makings,
    recorded: Mapping[str, JsonValue],
    have: Have,
    now: datetime,
) -> Scaled | None:
    """Return what decides about the plan; None where nothing may be scaled now."""
    rules = makings.scaling
    state, spec = have.get(case.share), case.spec
    if rules is None or spec.scaling is None or not isinstance(state, HostingState):
        return None
    step = steps.step_of(spec, state)
    runs = case.wanted in {"active", "follow"} and not state.suspended
    if step is None or state.busy is not None or not runs:
        return None
    seen = have.get(OUTLOOKS)
    sizing = Sizing(
        ladder=rungs(spec),
        at=spec.ladder.index(step),
        rules=rules,
        seen=seen if isinstance(seen, OutlookState) else None,
        now=now,
        blind=getattr(seen, "why", ""),
        past=recalled(recorded),
        above=makings.above,
    )
    return Scaled(case, state, sizing, spec.scaling)


def move(one: Scaled, other: Sequence[HostingChange]) -> Iterator[ChangePlan]:
    """Yield the move that the policy allows; *other* changes come first."""
    if any(not isinstance(change, SetPhp) for change in other):
        return
    found = decide(one.sizing)
    step = _step(one, found)
    if step is None or not found.acts:
        return
    yield _moved(one, found, step)


def _step(one: Scaled, found: Decision) -> Step | None:
    to = found.to
    ladder = one.case.spec.ladder
    return next((each for each in ladder if to and each.plan == to.name), None)


def _moved(one: Scaled, found: Decision, step: Step) -> ChangePlan:
    outlook = found.outlook
    more = {**asked(one.sizing, one.policy, found), "to": step.plan}
    change = steps.moved(one.case, one.state, step, found.because, more)
    holds = [why for why in (found.hold, change.hold) if why]
    rises = found.way in {"up", "burst"}
    return change.model_copy(
        update={
            "hold": "; ".join(holds) or None,
            "not_before": found.not_before,
            "due": outlook.when if outlook and rises else None,
        }
    )


def kept(
    change: HostingChange, ended: Ended, recorded: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """Return what the record keeps of a move that was made."""
    made = isinstance(change, ChangePlan)
    return scaling_told.kept(change, "to", ended, recorded) if made else {}


def proposals(one: Scaled) -> Iterator[Proposal]:
    """Yield what git could say, where the policy may not act itself."""
    found = one.case.spec.plan
    now = (found.min, found.max) if isinstance(found, PlanRange) else None
    yield from scaling_told.proposals(one.sizing, steps.PLAN, now)
