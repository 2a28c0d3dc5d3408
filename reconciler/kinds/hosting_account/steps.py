"""What has to happen for an account to be as it is wanted. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from pydantic import JsonValue

from reconciler.kinds.hosting_account.changes import (
    ChangePlan,
    Create,
    HostingChange,
    SetLimits,
    SetPhp,
    Suspend,
    Terminate,
    Unsuspend,
)
from reconciler.kinds.hosting_account.spec import HostingAccountSpec, Step
from reconciler.kinds.hosting_account.state import HostingState
from reconciler.model import FieldChange, OnDrift, PlanLimits, Share
from reconciler.model.hosting import METRICS, mib
from reconciler.model.quantity import size_text
from reconciler.model.usage import Bounds

STATE: Final = "spec.state"
PLAN: Final = "spec.plan"
LIMITS: Final = "spec.limits"
PHP: Final = "spec.php"
_BYTES: Final = frozenset(m for m, unit in METRICS.items() if unit.startswith("B"))
_LONGEST = 8


class Case(NamedTuple):
    """
    One account, as it is wanted.

    Attributes:
        wanted: ``active``, ``suspended``, ``terminated``, or ``follow``: nobody says.
        kept: Its document protects it from being deleted.
    """

    share: Share
    spec: HostingAccountSpec
    domain: str
    wanted: str
    kept: bool


def changes(case: Case, state: HostingState) -> Iterator[HostingChange]:
    """Yield what *state* lacks; of an account that is deleted, nothing else."""
    if state.busy is not None:
        return  # its server still works on it: another change would meet half of one
    if case.wanted == "terminated":
        yield from _ended(case)
        return
    yield from _plan(case, state)
    yield from _limits(case, state)
    yield from _php(case, state)
    yield from _running(case, state)


def created(case: Case, lacks: str = "") -> Iterator[HostingChange]:
    """
    Yield what makes an account that is not there; nothing where it shall not run.

    It waits where its server *lacks* its package.
    """
    if case.wanted in {"suspended", "terminated"} or not case.spec.ladder:
        return
    step = case.spec.ladder[0]
    details: dict[str, JsonValue] = {
        "package": step.package,
        "domain": case.domain,
        "account": case.spec.account or user_name(case.domain),
    }
    fields = (
        FieldChange(field=PLAN, after=step.plan),
        FieldChange(field="spec.domain", after=case.domain),
    )
    because = f"is not on {case.share.provider}"
    hold = None
    if lacks == step.package:
        details["lacking"], hold = lacks, _lacking(case, lacks)
    yield Create(
        share=case.share, fields=fields, because=because, details=details, hold=hold
    )


def _lacking(case: Case, package: str) -> str:
    return f"{case.share.provider} has no package {package}"


def user_name(domain: str) -> str:
    """
    Return the user name of a new account, from its domain.

    At most eight small letters and digits, the first one a letter, which is what every
    panel takes. Where another account has it, the panel refuses and a person writes
    ``account``.
    """
    letters = re.sub(r"[^a-z0-9]", "", domain.removeprefix("xn--").lower())
    return re.sub(r"^[0-9]+", "", letters)[:_LONGEST] or f"site{letters}"[:_LONGEST]


def step_of(spec: HostingAccountSpec, state: HostingState) -> Step | None:
    """Return the step of the ladder that the account is on; None where on no one."""
    return next((one for one in spec.ladder if one.package == state.package), None)


def limits_of(spec: HostingAccountSpec, state: HostingState) -> PlanLimits:
    """Return the limits the account shall have on the plan that it is on."""
    step = step_of(spec, state)
    return spec.limits.over(step.limits) if step else spec.limits


def bounds(spec: HostingAccountSpec, state: HostingState | None) -> Bounds:
    """Return what may be used on its plan, and on the next smaller one of its range."""
    ladder = spec.ladder
    on = step_of(spec, state) if state else None
    if on is None and len(ladder) == 1:
        (on,) = ladder
    if on is None:
        return Bounds()
    at = ladder.index(on)
    less = _amounts(spec, ladder[at - 1]) if at else None
    return Bounds(_amounts(spec, on), less)


def _amounts(spec: HostingAccountSpec, step: Step) -> dict[str, float]:
    limits = spec.limits.over(step.limits)
    found = ((metric, limits.of(metric)) for metric in METRICS)
    return {metric: most for metric, most in found if most is not None}


def smaller(step: Step, state: HostingState) -> bool:
    """
    Say whether a move to *step* may take room away.

    Where no limit of the two can be compared nobody knows, and it may.
    """
    compared = False
    for metric, live in state.limits.items():
        wanted = step.limits.of(metric)
        if wanted is None:
            compared = compared or live is None
            continue
        if live is None or wanted < live:
            return True
        compared = True
    return not compared


def strays(spec: HostingAccountSpec, state: HostingState) -> bool:
    """
    Say whether the account was customised on its server, and git does not say why.

    Where git gives it limits of its own, or its PHP, that is what customised it.
    """
    ours = bool(spec.limits.model_fields_set) or spec.php != "keep"
    return state.customised and not ours


def overfull(limits: PlanLimits, state: HostingState) -> Sequence[str]:
    """Return what does not fit: sentences, as in ``uses 6GiB of disk, ... 5GiB``."""
    found = []
    for metric, used in sorted(state.used.items()):
        most = limits.of(metric)
        if metric != "bandwidth" and most is not None and used > most:
            said = f"uses {shown(metric, used)} of {metric}, allowed are "
            found.append(said + shown(metric, most))
    return found


def moved(
    case: Case,
    state: HostingState,
    step: Step,
    because: str,
    more: Mapping[str, JsonValue] | None = None,
) -> ChangePlan:
    """Return the move to *step*; it waits for a person where data would not fit."""
    was = step_of(case.spec, state)
    fits = overfull(case.spec.limits.over(step.limits), state)
    details: dict[str, JsonValue] = {
        "package": step.package,
        "was": state.package,
        "smaller": smaller(step, state),
        "reboot": step.downtime == "reboot",
        "lasting": list(step.irreversible),
        **(more or {}),
    }
    before = was.plan if was else state.package or None
    field = FieldChange(
        field=PLAN, before=before, after=step.plan, on_drift=OnDrift.HOLD
    )
    hold = f"it does not fit: {'; '.join(fits)}" if fits else None
    if hold is None and strays(case.spec, state):
        hold = "it was customised on its server, and may not get what the plan gives"
    if step.package in state.lacking:
        details["lacking"], hold = step.package, _lacking(case, step.package)
    return ChangePlan(
        share=case.share, fields=(field,), because=because, details=details, hold=hold
    )


def _ended(case: Case) -> Iterator[HostingChange]:
    if case.kept:
        return  # a finding says so
    field = FieldChange(
        field=STATE, before="active", after="terminated", on_drift=OnDrift.HOLD
    )
    because = "it shall end for good"
    yield Terminate(share=case.share, fields=(field,), because=because)


def _plan(case: Case, state: HostingState) -> Iterator[HostingChange]:
    """Yield the move to the plan; within a range, to the smallest that is enough."""
    ladder = case.spec.ladder
    if not ladder or step_of(case.spec, state) is not None:
        return
    enough = (
        one
        for one in ladder
        if not smaller(one, state) and not overfull(one.limits, state)
    )
    step = ladder[0] if len(ladder) == 1 else next(enough, ladder[-1])
    has = state.package or "no package"
    yield moved(case, state, step, f"has {has}, wanted is {step.package}")


def _limits(case: Case, state: HostingState) -> Iterator[HostingChange]:
    """Yield the limits that differ, of those that git names and the server tells."""
    if case.spec.ladder and step_of(case.spec, state) is None:
        return  # the move to its plan comes first
    wanted = limits_of(case.spec, state)
    fields, values, less = [], {}, False
    for metric in METRICS:
        most = wanted.of(metric)
        if most is None or metric not in state.limits:
            continue
        live = state.limits[metric]
        if live is not None and _alike(metric, live, most):
            continue
        less = less or live is None or most < live
        values[metric] = round(most)  # journals hold no floats
        fields.append(
            FieldChange(
                field=f"{LIMITS}.{metric}",
                before=None if live is None else shown(metric, live),
                after=shown(metric, most),
                on_drift=OnDrift.HOLD,
            )
        )
    if not fields:
        return
    full = overfull(wanted, state)
    yield SetLimits(
        share=case.share,
        fields=tuple(fields),
        because="its limits are not those that are declared",
        details={"limits": {**values}, "smaller": less},
        hold=f"it does not fit: {'; '.join(full)}" if less and full else None,
    )


def _php(case: Case, state: HostingState) -> Iterator[HostingChange]:
    wanted = case.spec.php
    if wanted == "keep" or state.php is None or state.php == wanted:
        return
    field = FieldChange(
        field=PHP, before=state.php, after=wanted, on_drift=OnDrift.HOLD
    )
    because = f"runs on PHP {state.php}, wanted is {wanted}"
    details: dict[str, JsonValue] = {"version": wanted}
    yield SetPhp(share=case.share, fields=(field,), because=because, details=details)


def _running(case: Case, state: HostingState) -> Iterator[HostingChange]:
    if case.wanted == "suspended" and not state.suspended:
        because = "it shall be suspended, and runs"
        yield Suspend(share=case.share, fields=(_to("suspended"),), because=because)
    elif case.wanted == "active" and state.suspended and state.ours:
        because = "it shall run, and this tool suspended it"
        yield Unsuspend(share=case.share, fields=(_to("active"),), because=because)


def _to(state: str) -> FieldChange:
    before = "active" if state == "suspended" else "suspended"
    return FieldChange(field=STATE, before=before, after=state, on_drift=OnDrift.HOLD)


def _alike(metric: str, one: float, other: float) -> bool:
    """Say whether two limits are the same, as finely as panels know them."""
    return mib(one) == mib(other) if metric in _BYTES else one == other


def shown(metric: str, value: float) -> str:
    """Return an amount of *metric* for people."""
    if metric in _BYTES:
        return size_text(Decimal(max(mib(value), 1) * 1024**2))
    return f"{value:g}{METRICS[metric]}"
