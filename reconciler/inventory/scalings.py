"""
What is wrong with what is scaled, which only policy, account and plans together show.

A policy that can never lead to anything is worse than none: somebody relies on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from reconciler.inventory.complaint import Complaint
from reconciler.inventory.loaded import Loaded
from reconciler.model import Location, Ref

POLICY: Final = "ScalingPolicy"
_ACCOUNT: Final = "HostingAccount"
_SCALING: Final = "spec.scaling"


class _Scaled(NamedTuple):
    """One account that a policy scales; specs as they are written."""

    row: int
    ref: Ref
    spec: Mapping[str, Any]
    policy: Ref
    rules: Mapping[str, Any]

    @property
    def ladder(self) -> Sequence[Mapping[str, Any]]:
        found = self.spec.get("ladder")
        return found if isinstance(found, list) else ()


def complaints(loaded: Loaded) -> Iterator[Complaint]:
    """Yield the policies that cannot work for an account that names them."""
    for one in _scaled(loaded):
        yield from _unlimited(loaded, one)
        yield from _currencies(loaded, one)


def warnings(loaded: Loaded) -> Iterator[Complaint]:
    """Yield the accounts that a policy may move nowhere."""
    for one in _scaled(loaded):
        plan = one.spec.get("plan")
        if not isinstance(plan, Mapping):
            what = (
                f"{one.ref}: {one.policy} can move it nowhere: its plan is {plan}, "
                "and no range"
            )
            hint = f"write plan: {{min: {plan}, max: A-LARGER-PLAN}}"
            yield Complaint("W172", _at(loaded, one), what, hint)


def _scaled(loaded: Loaded) -> Iterator[_Scaled]:
    """Yield what is scaled; who names no policy is not even looked at."""
    index = loaded.index
    named = {
        number: edge
        for number in index.used_edges()
        for edge in index.edge_table[number]
        if edge.kind == POLICY
    }
    if not named:
        return
    for row, number in enumerate(index.edges):
        edge = named.get(number)
        if edge is None or index.kinds[row] != _ACCOUNT:
            continue
        policy = Ref(POLICY, edge.name)
        at = index.row_of.get(policy)
        if at is not None:
            rules = loaded.spec(at)
            yield _Scaled(row, index.refs[row], loaded.spec(row), policy, rules)


def _unlimited(loaded: Loaded, one: _Scaled) -> Iterator[Complaint]:
    """Yield what the policy looks at and no plan of the range limits."""
    own = one.spec.get("limits") or {}
    limited = {metric for step in one.ladder for metric in step.get("limits") or {}}
    limited |= set(own)
    if not one.ladder:
        return
    asked = one.rules.get("metrics") or ()
    blind = [metric for metric in asked if metric not in limited]
    if blind or not limited:
        what = " and ".join(map(str, blind)) or "anything"
        plans = ", ".join(str(step["plan"]) for step in one.ladder)
        said = f"{one.ref}: {one.policy} looks at {what}, which {plans} do not limit"
        hint = (
            "write limits in the HostingPlans, or metrics that they limit in the policy"
        )
        yield Complaint("E173", _at(loaded, one), said, hint)


def _currencies(loaded: Loaded, one: _Scaled) -> Iterator[Complaint]:
    """Yield prices that cannot be compared with each other, or with the increase."""
    prices = {
        str(step["plan"]): str(step["price"]).partition("/")[0][-3:]
        for step in one.ladder
        if step.get("price")
    }
    most = str(one.rules.get("maxIncrease") or "")
    if most:
        prices[f"maxIncrease of {one.policy}"] = most[-3:]
    if len(set(prices.values())) > 1:
        told = ", ".join(f"{name} in {currency}" for name, currency in prices.items())
        what = f"{one.ref}: what scaling costs cannot be told: {told}"
        hint = "write them in one currency: nothing is converted"
        yield Complaint("E174", _at(loaded, one), what, hint)


def _at(loaded: Loaded, one: _Scaled) -> Location:
    return loaded.locate(one.ref, _SCALING) or loaded.location(one.row)
