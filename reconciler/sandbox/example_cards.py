"""The gateway's world of an inventory: each payment method as it is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from reconciler.kinds.payment_method import REQUEST, PaymentMethod
from reconciler.kinds.provider import Provider

#: The sandbox's fixed key; fake, and good nowhere else.
KEY: Final = "rk_test_sandbox"
ACCOUNT: Final = "acct_sandbox"
#: Who owns what is the agency's own.
_OURS: Final = "cus_agency"


def cards_part(
    gateways: Mapping[str, Provider],
    methods: Iterable[PaymentMethod],
    oddities: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """
    Return Stripe's part of a world: one account, whatever provider names it.

    The first method of a customer is what is charged, unless it is odd: *oddities*
    are by the method's name.
    """
    customers: dict[str, dict[str, Any]] = {}
    detached: dict[str, Any] = {}
    for want in methods:
        spec = want.spec
        if spec.provider not in gateways or spec.token == REQUEST:
            continue
        seed = dict(oddities.get(want.name, {}))
        default = seed.pop("default", True)
        if seed.pop("detached", False):
            detached[spec.token] = seed
            continue
        owner = f"cus_{spec.customer}" if spec.customer else _OURS
        held = customers.setdefault(owner, _customer(spec.customer))
        held["methods"][spec.token] = seed
        if default and held["default"] is None:
            held["default"] = spec.token
    declared = {one.spec.account for one in gateways.values()} - {None}
    account = declared.pop() if declared else ACCOUNT
    made = {"account": account, "key": KEY}
    return {"accounts": [{**made, "customers": customers, "detached": detached}]}


def _customer(name: str | None) -> dict[str, Any]:
    shown = (name or "agency").replace("-", " ").title()
    return {
        "name": f"{shown} BV",
        "email": f"billing@{name or 'agency'}.example",
        "country": "NL",
        "methods": {},
        "default": None,
    }
