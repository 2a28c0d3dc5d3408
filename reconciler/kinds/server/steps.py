"""What has to happen for a machine to be as it is wanted. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from pydantic import JsonValue

from reconciler.kinds.server.changes import (
    GrowVolume,
    PowerOn,
    Resize,
    ServerChange,
)
from reconciler.kinds.server.spec import ROOT, ServerSpec
from reconciler.kinds.server.state import Offer, ServerState
from reconciler.model import FieldChange, Money, OnDrift, Share
from reconciler.model.quantity import size_text
from reconciler.model.windows import coming

SIZE: Final = "spec.size"
DISK: Final = "spec.disk"
VOLUMES: Final = "spec.volumes"
MACHINE: Final = "spec.machine"
#: Clouds count disks in whole GiB.
GIB: Final = 1024**3


class Case(NamedTuple):
    """One machine, as it is wanted, at one moment."""

    share: Share
    spec: ServerSpec
    now: datetime


def changes(case: Case, state: ServerState) -> Iterator[ServerChange]:
    """Yield what *state* lacks; of a machine that others stopped, nothing."""
    if state.busy is not None or state.status == "other":
        return  # its cloud still works on it: another change would meet half of one
    first: tuple[str, ...] = ()
    if state.status == "off":
        if not state.ours:
            return  # a finding says so
        yield _started(case, state)
        first = ("power-on",)
    yield from _grown(case, state)
    target = wanted(case, state)
    if target is not None and target in state.offers:
        has = f"is a {state.size}, wanted is {target}"
        found = resized(case, state, target, has)
        yield found.model_copy(update={"waits_for": first})


def wanted(case: Case, state: ServerState) -> str | None:
    """
    Return the size it has to get; None where it has a right one, or nobody can tell.

    Within a range, to the smallest one that is enough for what the machine has now.
    """
    ladder = case.spec.ladder
    if not ladder or state.size in ladder:
        return None
    if len(ladder) == 1:
        return ladder[0]
    enough = (
        name
        for name in ladder
        if name in state.offers and not smaller(state, name) and _fits(state, name)
    )
    return next(enough, ladder[-1])


def smaller(state: ServerState, name: str) -> bool:
    """
    Say whether the machine has less of anything as a *name*.

    What the cloud does not describe may be less.
    """
    here, there = state.offers.get(state.size), state.offers.get(name)
    if here is None or there is None:
        return True
    return there.cores < here.cores or there.memory < here.memory


def _fits(state: ServerState, name: str) -> bool:
    """Say whether the disk of the machine fits: no cloud shrinks one."""
    disk = state.offers[name].disk
    return disk is None or state.disk is None or disk >= state.disk


def resized(
    case: Case,
    state: ServerState,
    target: str,
    because: str,
    more: Mapping[str, JsonValue] | None = None,
) -> Resize:
    """Return the resize to *target*, which *state* has an offer of."""
    there = state.offers[target]
    before = monthly(state, state.size)
    after = monthly(state, target)
    lasting = _lasting(case, state, there)
    details: dict[str, JsonValue] = {
        "machine": state.machine,
        "size": target,
        "was": state.size,
        "smaller": smaller(state, target),
        "lasting": ["disk"] if lasting else [],
        "monthly": str(there.monthly) if there.monthly else None,
        **(more or {}),
    }
    field = FieldChange(
        field=SIZE, before=state.size, after=target, on_drift=OnDrift.HOLD
    )
    return Resize(
        share=case.share,
        fields=(field,),
        because=because,
        cost=_more(before, after),
        ceiling=_most(case),
        hold="; ".join(_holds(case, state, target, after)) or None,
        not_before=_opens(case),
        details=details,
    )


def _lasting(case: Case, state: ServerState, there: Offer) -> bool:
    """Say whether the disk grows along, as git allows."""
    if "disk" not in case.spec.irreversible or there.disk is None:
        return False
    return state.disk is None or there.disk > state.disk


def _holds(
    case: Case, state: ServerState, target: str, after: Money | None
) -> Iterator[str]:
    """Yield why the machine cannot become a *target*."""
    there, most = state.offers[target], _most(case)
    if not there.available:
        yield f"{target} is not to be had where it is now"
    if not _fits(state, target) and there.disk and state.disk:
        has, gets = text(state.disk), text(there.disk)
        yield f"its disk of {has} does not fit on the {gets} of a {target}"
    if after is None:
        yield f"nobody quotes what a {target} costs"
    elif most is not None and (most.currency != after.currency or not after <= most):
        yield f"costs {after} in a month with its disks, {most} at most is allowed"


def monthly(state: ServerState, name: str) -> Money | None:
    """Return what the machine costs in a month as a *name*, with its other disks."""
    offer = state.offers.get(name)
    if offer is None or offer.monthly is None:
        return None
    whole, price = offer.monthly, state.storage
    if price is None or price.currency != whole.currency:
        return whole
    stored = sum(state.volumes.values())
    if offer.disk is None and state.disk is not None:
        stored += state.disk
    return whole + price.times(Decimal(stored) / GIB)


def _more(before: Money | None, after: Money | None) -> Money | None:
    """Return what is paid more in a month; None where it is no more, or unknown."""
    if after is None or before is None or before.currency != after.currency:
        return after
    more = after.amount - before.amount
    return Money(amount=more, currency=after.currency) if more > 0 else None


def _most(case: Case) -> Money | None:
    price = case.spec.max_price
    return price.over(1) if price else None


def _opens(case: Case) -> datetime | None:
    """Return when it may be stopped; None: now."""
    span = coming(case.spec.windows, case.now)
    return span.start if span and span.start > case.now else None


def _started(case: Case, state: ServerState) -> PowerOn:
    field = FieldChange(field=MACHINE, before="off", after="running")
    because = "was stopped for a change, and shall run"
    details: dict[str, JsonValue] = {"machine": state.machine}
    return PowerOn(share=case.share, fields=(field,), because=because, details=details)


def disks(case: Case, state: ServerState) -> Iterator[tuple[str, str, int, int]]:
    """Yield each disk that is declared and there: name, field, bytes, wanted bytes."""
    if case.spec.disk is not None and state.disk is not None:
        yield ROOT, DISK, state.disk, whole(case.spec.disk)
    for name, size in sorted(case.spec.volumes.items()):
        if name in state.volumes:
            yield name, f"{VOLUMES}.{name}", state.volumes[name], whole(size)


def whole(size: Decimal) -> int:
    """Return *size* in bytes, up to the next whole GiB."""
    return -int(-size // GIB) * GIB


def _grown(case: Case, state: ServerState) -> Iterator[GrowVolume]:
    for name, place, has, size in disks(case, state):
        if size <= has or (name == ROOT and not state.disk_grows):
            continue
        field = FieldChange(
            field=place, before=text(has), after=text(size), on_drift=OnDrift.HOLD
        )
        details: dict[str, JsonValue] = {"machine": state.machine, "volume": name}
        yield GrowVolume(
            share=case.share,
            fields=(field,),
            because=f"{name} has {text(has)}, wanted are {text(size)}",
            cost=_rent(state, size - has),
            ceiling=_most(case),
            details={**details, "bytes": size},
        )


def _rent(state: ServerState, more: int) -> Money | None:
    """Return what *more* bytes cost in a month, at least a cent; None: nobody says."""
    if state.storage is None:
        return None
    rent = state.storage.times(Decimal(more) / GIB)
    return rent if rent.amount else Money.of_minor(1, rent.currency)


def text(size: int) -> str:
    """Return so many bytes as YAML writes them."""
    return size_text(Decimal(size))
