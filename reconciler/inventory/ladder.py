"""
What a HostingAccount's plan is called on its server, from its HostingPlans. Pure.

An account knows its plans by name; what a server calls them stands in the plans. The
names are put into the account while the inventory is read, so that a changed plan
changes the accounts on it, as a changed RecordSet changes its domains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from reconciler.inventory.node import Path
from reconciler.inventory.sentences import Said
from reconciler.inventory.shared import ACCOUNT, PLAN, SERVER, Shared
from reconciler.model import Ref

#: The field that is filled in, and that nobody writes.
LADDER = "ladder"
_WHERE: Path = ("spec", "plan")
_STEP = ("price", "limits", "downtime", "irreversible")

Find = Callable[[Ref], Shared | None]


class Climbed(NamedTuple):
    """
    A spec with its ladder, what that was made from, and what is wrong with it.

    Attributes:
        whole: Whether everything that is named is there.
    """

    spec: Any
    used: tuple[Shared, ...] = ()
    said: tuple[Said, ...] = ()
    whole: bool = True


class _NotThere(Exception):
    """Something is named that is not there; the reference is refused later."""


def climbed(kind: str, spec: Any, find: Find) -> Climbed:
    """Return *spec* with the packages of its plans; as it is for other kinds."""
    if kind != ACCOUNT or not isinstance(spec, dict):
        return Climbed(spec)
    if LADDER in spec:
        where: Path = ("spec", LADDER)
        by_hand = Said("E120", where, "is not written: the plans say it", "remove it")
        rest = {key: value for key, value in spec.items() if key != LADDER}
        return Climbed(rest, said=(by_hand,))
    try:
        server = _found(SERVER, spec.get("provider"), find)
        plans, broken = _plans(spec.get("plan"), find)
    except _NotThere:
        return Climbed(spec, whole=False)
    packages = [_package(plan, server) for plan in plans]
    lacking = [p for p, package in zip(plans, packages, strict=True) if not package]
    said = broken or ((_no_package(lacking, server),) if lacking else ())
    steps = [
        {"plan": plan.ref.name, "package": package, **_said_of(plan)}
        for plan, package in zip(plans, packages, strict=True)
        if package is not None
    ]
    return Climbed({**spec, LADDER: steps}, (server, *plans), said)


def _found(kind: str, name: Any, find: Find) -> Shared:
    found = find(Ref(kind, name)) if isinstance(name, str) else None
    if found is None:
        raise _NotThere
    return found


def _plans(plan: Any, find: Find) -> tuple[list[Shared], tuple[Said, ...]]:
    """Return the plans from the smallest to the largest, or why there is no way."""
    if not isinstance(plan, Mapping):
        return [_found(PLAN, plan, find)], ()
    top = _found(PLAN, plan.get("max"), find)
    way = [_found(PLAN, plan.get("min"), find)]
    while way[-1].ref != top.ref:
        up = way[-1].spec.get("up")
        if up is None or Ref(PLAN, str(up)) in {one.ref for one in way}:
            return way, (_no_way(way, top),)
        way.append(_found(PLAN, up, find))
    return way, ()


def _said_of(plan: Shared) -> dict[str, Any]:
    """Return what a plan says of itself that its accounts have to know."""
    return {key: plan.spec[key] for key in _STEP if key in plan.spec}


def _package(plan: Shared, server: Shared) -> str | None:
    """Return what *server* calls *plan*: by its own name, else by its vendor's."""
    packages = plan.spec.get("packages")
    if not isinstance(packages, Mapping):
        raise _NotThere
    named = packages.get(server.ref.name, packages.get(server.spec.get("type")))
    return None if named is None else str(named)


def _no_package(plans: list[Shared], server: Shared) -> Said:
    names = " and ".join(str(plan.ref) for plan in plans)
    has = "has" if len(plans) == 1 else "have"
    what = f"{names} {has} no package for {server.ref} ({server.spec.get('type')})"
    return Said("E141", _WHERE, what, f"add it to packages of {names}")


def _no_way(way: list[Shared], top: Shared) -> Said:
    what = f"no way up from {way[0].ref.name} to {top.ref.name}"
    end = way[-1].ref
    return Said("E142", _WHERE, what, f"{end} has to lead there by up")
