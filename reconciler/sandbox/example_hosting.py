"""The hosting servers of an inventory's world: its accounts, each on its plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconciler.kinds.hosting_account import HostingAccount
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
        "tokens": [{"user": USER, "token": TOKEN, "expires": _GOOD}],
        "accounts": {user: {"owner": USER, **seed} for user, seed in found.items()},
    }


def _seed(one: HostingAccount) -> dict[str, Any]:
    stopped = one.spec.state == "suspended"
    return {
        "domain": one.domain,
        "plan": one.spec.ladder[0].package if one.spec.ladder else "default",
        "suspended": f"{MARKER} {one.ref} 0-1" if stopped else None,
    }


def _user(one: HostingAccount) -> str:
    """Return its user name, or one that the panel would make of its domain."""
    made = "".join(char for char in one.domain if char.isalnum())
    return one.spec.account or made[:_LONGEST]
