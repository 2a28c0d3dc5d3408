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
    Chapter,
    Edit,
    Ended,
    Have,
    Makings,
    Money,
    Proposal,
    Share,
)
from reconciler.model.scaling_rules import DOUBTED, decide
from reconciler.model.sizing import (
    Decision,
    Moved,
    Rung,
    Sizing,
    lent,
    pictured,
    recalled,
    remembered,
    rung,
)
from reconciler.model.usage import OUTLOOK, USAGE, OutlookState

#: Who tells what is foreseen of it.
OUTLOOKS: Final = Share(USAGE, OUTLOOK)
#: What the change says of itself, and the record keeps.
_TOLD: Final = ("scaling", "way", "from", "to")


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
    more: dict[str, JsonValue] = {
        "scaling": one.policy,
        "way": found.way,
        "from": _home(one, found),
        "to": step.plan,
        "rise": str(found.rise) if found.rise else "",
    }
    outlook = found.outlook
    if outlook is not None:
        more["chart"] = pictured(outlook.metric, outlook)
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


def _home(one: Scaled, found: Decision) -> str:
    """Return the plan that a burst goes back to, else the one it is on."""
    here = one.sizing.ladder[one.sizing.at].name
    loan = lent(one.sizing.past, here) if found.way == "burst" else None
    return loan.was if loan else here


def kept(
    change: HostingChange, ended: Ended, recorded: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """Return what the record keeps of a move that was made."""
    if ended.status != "applied" or not isinstance(change, ChangePlan):
        return {}
    details = change.details
    match [details.get(key) for key in _TOLD]:
        case [str(), "up" | "burst" | "back" | "down" as way, str(was), str(to)]:
            rise = str(details.get("rise") or "")
            more = Money.read(rise) if rise else None
            return remembered(recorded, Moved(ended.at, way, was, to, more))
        case _:
            return {}


class Said(NamedTuple):
    """A finding: how urgent is left to whoever tells it."""

    code: str
    message: str


def said(one: Scaled) -> Iterator[Said]:
    """Yield what a person should know, whether anything is done or not."""
    found = decide(one.sizing)
    for note in found.notes:
        if note.code != DOUBTED:
            yield Said(note.code, note.said)
    if found.outside is not None or (found.because and found.way is None):
        ready = "; `reconciler propose` has the patch" if found.outside else ""
        yield Said("scaling-outside", f"{found.because}{ready}")
    if found.way is not None and not found.acts:
        message = f"{found.because}; `reconciler propose` has the patch"
        yield Said("scaling-recommended", message)


def proposals(one: Scaled) -> Iterator[Proposal]:
    """Yield what git could say, where the policy may not act itself."""
    found = decide(one.sizing)
    spec = one.case.spec
    low, high = spec.ladder[0].plan, spec.ladder[-1].plan
    if found.outside is not None:
        wider = _range(spec, low, found.outside.name)
        yield Proposal(steps.PLAN, wider, found.because)
    elif found.to is not None and not found.acts:
        to = found.to.name
        up = found.way in {"up", "burst"}
        narrow = _range(spec, to, high) if up else _range(spec, low, to)
        yield Proposal(steps.PLAN, narrow, found.because)


def _range(spec: HostingAccountSpec, low: str, high: str) -> Edit:
    """Return the edit that makes the range go from *low* to *high*."""
    if low == high:
        return Edit(("plan",), low)
    if not isinstance(spec.plan, PlanRange):
        return Edit(("plan",), {"min": low, "max": high})
    if spec.plan.min != low:
        return Edit(("plan", "min"), low)
    return Edit(("plan", "max"), high)


def story(one: Scaled) -> Chapter:
    """Return how its plan was moved, and what the policy thinks of it now."""
    found, here = decide(one.sizing), one.sizing.ladder[one.sizing.at]
    lines = [
        f"{each.at:%Y-%m-%d %H:%M}  {each.way} from {each.was} to {each.to}"
        + (f", {each.rise} a month more" if each.rise else "")
        for each in one.sizing.past
    ]
    lines.append(found.because or f"{here.name} is enough")
    lines += [note.said for note in found.notes]
    return Chapter(f"scaled by {one.policy}  now on {here.name}", tuple(lines))
