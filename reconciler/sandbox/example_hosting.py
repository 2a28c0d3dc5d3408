"""The hosting servers of an inventory's world: its accounts, each on its plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from reconciler.kinds.hosting_account import HostingAccount
from reconciler.model.hosting import mib
from reconciler.providers._plesk_subscription import ADMIN
from reconciler.providers._plesk_subscription import MARKER as PLESK_MARKER
from reconciler.providers.whm_hosting import MARKER

#: The user and the token of every server; fake, and good nowhere else.
USER: Final = "reconciler-sandbox"
TOKEN: Final = "sandbox-whm-token"  # noqa: S105
#: Days that the token is good for: a year of the sandbox, and some.
_GOOD: Final = 400.0
_HOST: Final = "whm1.agency.example"
#: An account that no document declares.
_STRAY: Final = {"straysite": {"domain": "stray-site.example"}}
_LONGEST: Final = 16
#: The key of every Plesk server; fake, and good nowhere else.
KEY: Final = "sandbox-plesk-key"
_PLESK_HOST: Final = "plesk1.agency.example"
_OWN_PLAN: Final = "Default Domain"


def hosting_part(
    accounts: Sequence[HostingAccount],
    declared: str | None,
    oddities: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """
    Return a WHM server's part of the world.

    Args:
        accounts: What the inventory wants on it.
        declared: The host name it must have.
        oddities: How single accounts differ, by name: fields of the server's seed, or
            ``absent``.
    """
    found: dict[str, Any] = dict(_STRAY)
    for one in accounts:
        odd = dict(oddities.get(one.name, {}))
        if odd.pop("absent", False):
            continue
        found[_user(one)] = {**_seed(one), **odd}
    return {
        "hostname": declared or _HOST,
        "packages": _packages(accounts),
        "tokens": [{"user": USER, "token": TOKEN, "expires": _GOOD}],
        "accounts": {user: {"owner": USER, **seed} for user, seed in found.items()},
    }


def plesk_part(
    accounts: Sequence[HostingAccount],
    declared: str | None,
    oddities: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Return a Plesk server's part of the world; see ``hosting_part``."""
    plans: dict[str, Any] = {_OWN_PLAN: {}}
    found: dict[str, Any] = {}
    for one in accounts:
        for step in one.spec.ladder:
            disk, traffic = step.limits.disk, step.limits.bandwidth
            plans[step.package] = {
                **({} if disk is None else {"disk": mib(disk)}),
                **({} if traffic is None else {"traffic": mib(traffic)}),
            }
        odd = dict(oddities.get(one.name, {}))
        if not odd.pop("absent", False):
            found[_user(one)] = {**_subscription(one), **odd}
    return {
        "hostname": declared or _PLESK_HOST,
        "keys": [{"key": KEY, "description": "reconciler"}],
        "plans": plans,
        "subscriptions": found,
    }


def _subscription(one: HostingAccount) -> dict[str, Any]:
    stopped = one.spec.state == "suspended"
    return {
        "domain": one.domain,
        "plan": one.spec.ladder[0].package if one.spec.ladder else _OWN_PLAN,
        "status": ADMIN if stopped else 0,
        "note": f"{PLESK_MARKER} 0-1" if stopped else "",
    }


def _seed(one: HostingAccount) -> dict[str, Any]:
    stopped = one.spec.state == "suspended"
    return {
        "domain": one.domain,
        "plan": one.spec.ladder[0].package if one.spec.ladder else "default",
        **_own_limits(one),
        "suspended": f"{MARKER} {one.ref} 0-1" if stopped else None,
    }


def _own_limits(one: HostingAccount) -> dict[str, int]:
    """Return what its document limits otherwise than its plan does."""
    disk, bandwidth = one.spec.limits.disk, one.spec.limits.bandwidth
    own = {"quota": disk, "bandwidth": bandwidth}
    return {name: mib(size) for name, size in own.items() if size is not None}


def _packages(accounts: Sequence[HostingAccount]) -> dict[str, dict[str, int]]:
    """Return the packages of all plans that accounts are on, or may be on."""
    steps = {step.package: step for one in accounts for step in one.spec.ladder}
    return {
        name: {
            "quota": _mib(step.limits.disk),
            "bandwidth": _mib(step.limits.bandwidth),
        }
        for name, step in sorted(steps.items())
    }


def _mib(size: Decimal | None) -> int:
    """Return a limit as packages have it: 0 is none."""
    return 0 if size is None else mib(size)


def _user(one: HostingAccount) -> str:
    """Return its user name, or one that the panel would make of its domain."""
    made = "".join(char for char in one.domain if char.isalnum())
    return one.spec.account or made[:_LONGEST]
