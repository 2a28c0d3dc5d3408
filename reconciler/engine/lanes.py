"""
What is done one at a time, each looked at before the next one begins. Pure.

A lane is stopped by a resource whose record says why (a fact ``STOPS`` and the lane's
name), and by an action of it whose end nobody knows. What puts right what went wrong
runs all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from reconciler.audit import FACTS, Record
from reconciler.engine.carry_out import Done
from reconciler.model import Action, Decision, Plan, Verdict
from reconciler.model.change import STOPS
from reconciler.model.ref import Ref

_RULE: Final = "built-in/one-by-one"
Stops = Mapping[str, tuple[str, ...]]


def stops(
    records: Iterable[Record], wanted: Collection[Ref]
) -> dict[str, tuple[str, ...]]:
    """Return why each lane is stopped, by what is recorded of what is *wanted*."""
    found: dict[str, list[str]] = {}
    for record in records:
        ref = Ref(record.kind, record.name)
        for fact, why in record.facts.items():
            if fact.startswith(STOPS) and why and ref in wanted:
                found.setdefault(fact.removeprefix(STOPS), []).append(str(why))
    return {lane: tuple(sorted(why)) for lane, why in found.items()}


def held(
    planned: Sequence[Action], recorded: Stops, unended: Collection[str]
) -> list[Action]:
    """
    Return *planned* with what may not begin now held.

    Args:
        planned: Everything that would be done.
        recorded: Why each lane is stopped.
        unended: The ids of actions that were begun, and have not ended.
    """
    lost: dict[str | None, str] = {
        action.change.lane: f"the end of {action.change.verb} of {action.want.ref} is "
        "not known yet"
        for action in planned
        if action.change.lane and action.id in unended
    }
    return [_held(action, recorded, lost, unended) for action in planned]


def _held(
    action: Action,
    recorded: Stops,
    lost: Mapping[str | None, str],
    unended: Collection[str],
) -> Action:
    lane = action.change.lane
    if lane is None or action.change.mends or action.id in unended:
        return action
    why = next(iter(recorded.get(lane, ())), None) or lost.get(lane)
    if why is None:
        return action
    said = f"one at a time: {why}"
    return action.judged(Verdict(Decision.HOLD, _RULE, said, firm=True))


def stopped(action: Action, done: Iterable[Done]) -> bool:
    """Say whether *action* may not begin after what was *done* in this run."""
    lane = action.change.lane
    if lane is None or action.change.mends:
        return False
    return any(one.action.change.lane == lane and _bad(one, lane) for one in done)


def _bad(one: Done, lane: str) -> bool:
    """Say whether *one* did not end well; a definite *no* did nothing to anybody."""
    told = one.outcome.evidence.get(FACTS)
    if isinstance(told, dict) and told.get(f"{STOPS}{lane}"):
        return True
    if one.status == "unknown":
        return True
    return one.status == "applied" and one.outcome.verified is False


def mending(left: Plan, done: Iterable[Done]) -> Iterator[Action]:
    """Yield what puts right, in this very run, what *done* has broken."""
    hurt = {one.action.want.ref for one in done if one.action.change.lane}
    for action in left.allowed() if hurt else ():
        if action.change.mends and action.want.ref in hurt:
            yield action
