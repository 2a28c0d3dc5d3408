"""What every answer of a vendor must look like before anything is read from it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any

from reconciler.errors import Rejected
from reconciler.model import Money


def mapping(data: Any) -> Mapping[str, Any]:
    """Return *data* as the object it has to be; raise Rejected if it is none."""
    if not isinstance(data, dict):
        raise Rejected("the answer is not what the vendor documents")
    return data


def rows(data: Any, what: str) -> list[Mapping[str, Any]]:
    """Return *data* as the list of *what* it is; raise Rejected if it is none."""
    if not isinstance(data, list):
        raise Rejected(f"the answer has no list of {what}")
    return [mapping(row) for row in data]


def money(amount: Any, currency: Any) -> Money:
    """Return an amount, rounded up to the cent; raise ValueError if it is none."""
    try:
        exact = Decimal(str(amount).replace(",", ""))
        cents = exact.quantize(Decimal("0.01"), ROUND_CEILING)
    except InvalidOperation:
        raise ValueError(f"{amount!r} is no amount") from None
    return Money(amount=cents, currency=str(currency))


def nameservers(hosts: Any) -> frozenset[str]:
    """Return names of hosts in the form of a state; raise Rejected if it is no list."""
    if not isinstance(hosts, list):
        raise Rejected("the answer has no list of nameservers")
    return frozenset(str(host).lower().rstrip(".") for host in hosts)
