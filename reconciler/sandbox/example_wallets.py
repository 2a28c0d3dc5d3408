"""PayPal's world of an inventory: each payment method as it is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from reconciler.kinds.payment_method import REQUEST, PaymentMethod
from reconciler.kinds.provider import Provider

#: The sandbox's fixed credentials; fake, and good nowhere else.
CLIENT: Final = "sandbox-client"
SECRET: Final = "sandbox-secret"  # noqa: S105
PAYER: Final = "SANDBXMERCHAN"
#: Who owns what is the agency's own.
_OURS: Final = "customer_agency"


def wallets_part(
    gateways: Mapping[str, Provider],
    methods: Iterable[PaymentMethod],
    oddities: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """
    Return PayPal's part of a world: one account, whatever provider names it.

    *oddities* are by the method's name: fields of its seed (``behaves``, ``type`` ...).
    """
    vault: dict[str, Any] = {}
    for want in methods:
        spec = want.spec
        if spec.provider in gateways and spec.token != REQUEST:
            shown = (spec.customer or "agency").replace("-", " ").title()
            owner = f"customer_{spec.customer}" if spec.customer else _OURS
            seed = {"customer": owner, "name": f"{shown} BV", "country": "NL"}
            vault[spec.token] = {**seed, **oddities.get(want.name, {})}
    declared = {one.spec.account for one in gateways.values()} - {None}
    payer = declared.pop() if declared else PAYER
    single = any(
        one.spec.limits.get("stepsPerPayment") == 1 for one in gateways.values()
    )
    made = {"payer_id": payer, "client": CLIENT, "secret": SECRET}
    return {"accounts": [{**made, "authorizes": not single, "vault": vault}]}
