"""In which order: waves of the dependency graph, the earliest deadline first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby

from reconciler.model import Action, Decision, Verdict
from reconciler.model.ref import Ref

_LATER = datetime.max.replace(tzinfo=UTC)
Edges = Mapping[Ref, frozenset[Ref]]


def levelled(actions: Iterable[Action], edges: Edges) -> tuple[Action, ...]:
    """
    Return *actions* with their levels, in the order in which they run.

    An action comes after everything done to what its resource depends on, and
    after the verbs on its own resource that it waits for.
    """
    actions = tuple(actions)
    by_ref: dict[Ref, list[Action]] = {}
    for action in actions:
        by_ref.setdefault(action.want.ref, []).append(action)
    depths: dict[Ref, int] = {}
    levels: dict[str, int] = {}
    for action in actions:
        start = _depth(action.want.ref, by_ref, edges, depths)
        waits = any(
            other.change.verb in action.change.waits_for
            for other in by_ref[action.want.ref]
        )
        levels[action.id] = start + (1 if waits else 0)
    placed = (action._replace(level=levels[action.id]) for action in actions)
    return tuple(sorted(placed, key=_turn))


def _depth(
    ref: Ref,
    by_ref: Mapping[Ref, Sequence[Action]],
    edges: Edges,
    depths: dict[Ref, int],
) -> int:
    """How many waves have to be over before anything happens to *ref*."""
    if ref not in depths:
        depths[ref] = 0  # cycles are refused when the inventory is loaded
        below = (
            _depth(on, by_ref, edges, depths) + (2 if by_ref.get(on) else 0)
            for on in edges.get(ref, ())
        )
        depths[ref] = max(below, default=0)
    return depths[ref]


def _turn(action: Action) -> tuple[int, datetime, Ref, str, str]:
    due = action.change.due or _LATER
    return (action.level, due, action.want.ref, action.change.verb, action.id)


def held_behind(actions: Sequence[Action]) -> tuple[Action, ...]:
    """Hold every action that waits for one that does not run."""
    stuck = {
        (action.want.ref, action.change.verb)
        for action in actions
        if action.decision is not Decision.ALLOW
    }
    return tuple(
        action.judged(
            *(
                Verdict(
                    Decision.HOLD,
                    "built-in/order",
                    f"waits for {verb} on the same resource",
                    firm=True,
                )
                for verb in action.change.waits_for
                if (action.want.ref, verb) in stuck
            )
        )
        for action in actions
    )


def waves(
    actions: Sequence[Action],
    size: int,
    together: Callable[[Action], bool] = lambda _action: False,
) -> list[list[Action]]:
    """
    Return *actions* (in order) in waves of one level and at most *size*.

    What is done *together* makes waves of its own, four times as large: it is one
    call, and its outcomes wait no longer for the record than those of single ones. What
    goes one at a time makes a wave each.
    """
    found: list[list[Action]] = []
    for _, level in groupby(actions, key=lambda action: action.level):
        level_of = list(level)
        whole = [action for action in level_of if action.change.lane is None]
        for one_call, most in ((True, 4 * size), (False, size)):
            part = [action for action in whole if together(action) is one_call]
            found += [part[i : i + most] for i in range(0, len(part), most)]
        found += [[action] for action in level_of if action.change.lane is not None]
    return found
