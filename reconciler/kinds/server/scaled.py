"""Which size of its range a machine shall have, by its ScalingPolicy. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from pydantic import JsonValue

from reconciler.kinds.server import steps
from reconciler.kinds.server.changes import Resize, ServerChange
from reconciler.kinds.server.spec import ServerSpec, SizeRange
from reconciler.kinds.server.state import ServerState
from reconciler.model import (
    OUTLOOK,
    USAGE,
    Ended,
    Have,
    Makings,
    OutlookState,
    Price,
    Proposal,
    Share,
    scaling_told,
)
from reconciler.model.scaling_rules import decide
from reconciler.model.scaling_told import asked
from reconciler.model.sizing import (
    Rung,
    Sizing,
    recalled,
)
from reconciler.model.usage import Bounds

#: Who tells what is foreseen of it.
OUTLOOKS: Final = Share(USAGE, OUTLOOK)
#: Per cent of one core that a core has.
_CORE: Final = 100.0


class Scaled(NamedTuple):
    """
    A machine that a policy looks at.

    Attributes:
        case: What it is wanted to be.
        sizing: What decides about its size.
        policy: The name of its ScalingPolicy.
    """

    case: steps.Case
    state: ServerState
    sizing: Sizing
    policy: str


def rung(spec: ServerSpec, state: ServerState, name: str) -> Rung:
    """
    Return a size with what it allows.

    The disk is the one that the machine has; where it may grow along, a larger size
    has more of it.
    """
    offer = state.offers[name]
    limits = {"cpu": offer.cores * _CORE, "memory": float(offer.memory)}
    if state.disk is not None:
        along = "disk" in spec.irreversible and name != state.size
        limits["disk"] = float(max(state.disk, (offer.disk or 0) if along else 0))
    price = steps.monthly(state, name)
    return Rung(name, limits, Price(money=price, per="month") if price else None)


def bounds(spec: ServerSpec, state: ServerState) -> Bounds:
    """Return the limits of the size it has, and those of the next smaller one."""
    if state.size not in state.offers:
        return Bounds()
    here = rung(spec, state, state.size).limits
    at = spec.ladder.index(state.size) if state.size in spec.ladder else 0
    below = spec.ladder[at - 1] if at else None
    less = rung(spec, state, below).limits if below in state.offers and below else None
    return Bounds(here, less)


def scaled(
    case: steps.Case,
    makings: Makings,
    recorded: Mapping[str, JsonValue],
    have: Have,
    state: ServerState,
) -> Scaled | None:
    """Return what decides about the size; None where nothing may be scaled now."""
    rules, spec, ladder = makings.scaling, case.spec, case.spec.ladder
    if rules is None or spec.scaling is None or state.size not in ladder:
        return None
    if state.busy is not None or state.status != "running":
        return None
    if not all(name in state.offers for name in ladder):
        return None
    seen = have.get(OUTLOOKS)
    sizing = Sizing(
        ladder=[rung(spec, state, name) for name in ladder],
        at=ladder.index(state.size),
        rules=rules,
        seen=seen if isinstance(seen, OutlookState) else None,
        now=case.now,
        blind=getattr(seen, "why", ""),
        past=recalled(recorded),
        above=_above(spec, state),
    )
    return Scaled(case, state, sizing, spec.scaling)


def _above(spec: ServerSpec, state: ServerState) -> Rung | None:
    """Return the next larger size that the range does not have."""
    sizes, top = spec.sizes, spec.ladder[-1]
    at = sizes.index(top) + 1 if top in sizes else len(sizes)
    known = at < len(sizes) and sizes[at] in state.offers
    return rung(spec, state, sizes[at]) if known else None


def move(one: Scaled) -> Iterator[Resize]:
    """Yield the resize that the policy asks for, and lets happen."""
    found = decide(one.sizing)
    if found.to is None or not found.acts or found.to.name == one.state.size:
        return
    outlook, more = found.outlook, asked(one.sizing, one.policy, found)
    made = steps.resized(one.case, one.state, found.to.name, found.because, more)
    if made.hold is None and found.hold is not None:
        details = {**made.details, "asks": True}
        made = made.model_copy(update={"hold": found.hold, "details": details})
    times = [moment for moment in (made.not_before, found.not_before) if moment]
    rises = found.way in {"up", "burst"}
    yield made.model_copy(
        update={
            "not_before": max(times, default=None),
            "ceiling": made.ceiling or found.room,
            "due": outlook.when if outlook and rises else None,
        }
    )


def kept(
    change: ServerChange, ended: Ended, recorded: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """Return what the record keeps of a move that was made."""
    made = isinstance(change, Resize)
    return scaling_told.kept(change, "size", ended, recorded) if made else {}


def proposals(one: Scaled) -> Iterator[Proposal]:
    """Yield what git could say, where the policy may not act itself."""
    found = one.case.spec.size
    now = (found.min, found.max) if isinstance(found, SizeRange) else None
    yield from scaling_told.proposals(one.sizing, steps.SIZE, now)
