"""What an authorization says now: whether money is held, was taken, or is lost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from reconciler.errors import Rejected
from reconciler.kinds.subscription import Bill
from reconciler.model import Money
from reconciler.providers import _paypal_billing as words
from reconciler.providers._answers import mapping, rows
from reconciler.providers._paypal import NotThere, PayPal

_HELD: Final = "/v2/payments/authorizations"
EXPIRED: Final = "AUTHORIZATION_EXPIRED"
_TAKEN: Final = frozenset({"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"})


class Held(NamedTuple):
    """
    One authorization.

    Attributes:
        state: ``lost``: it is good for nothing any more, and nothing was taken.
        code: Why it is lost.
        capture: What took it.
    """

    id: str
    state: Literal["authorized", "processing", "paid", "void", "lost"]
    amount: Money
    custom: str | None
    code: str | None = None
    capture: Mapping[str, Any] | None = None

    @property
    def declined(self) -> bool:
        """Whether its bank would not let the money be taken."""
        return self.state == "lost" and self.code != EXPIRED

    def shown(self, bill: Bill) -> Bill:
        """Return *bill* as this authorization of it shows it."""
        nothing = bill.total.times(0)
        more: dict[str, Any]
        match self.state:
            case "lost":
                return bill.model_copy(update={"payment": "failed", "code": self.code})
            case "authorized":
                more = {"state": "authorized", "left": self.amount}
            case "processing":
                more = {"payment": "processing"}
            case "paid":
                at = words.moment((self.capture or {}).get("create_time"))
                more = {"state": "paid", "left": nothing, "paid": self.amount, "at": at}
            case "void":
                more = {"state": "void"}
        return bill.model_copy(update={"id": self.id, **more})


def read(paypal: PayPal, name: str, now: datetime) -> Held:
    """
    Return what PayPal says of the authorization *name*.

    Raises:
        Rejected: It is not there, or what it says cannot be.
        ProviderError: It cannot be read.
    """
    try:
        found = paypal.get("getAuthorization", f"{_HELD}/{name}")
    except NotThere as gone:
        what = "an authorization of the records is not in the account"
        raise Rejected(what, request_id=gone.request_id) from None
    amount, custom = words.money_of(found.get("amount")), found.get("custom_id")
    status = found.get("status")
    if status in {"CAPTURED", "PARTIALLY_CAPTURED"}:
        return _captured(Held(name, "paid", amount, custom), captured(paypal, found))
    if status == "PENDING":
        return Held(name, "processing", amount, custom)
    if status == "VOIDED":
        return Held(name, "void", amount, custom, "AUTHORIZATION_VOIDED")
    if status == "DENIED":
        return Held(name, "lost", amount, custom, "AUTHORIZATION_DENIED")
    if status != "CREATED":
        raise Rejected(f"an authorization is {status}, which is not documented")
    ends = words.moment(found.get("expiration_time"))
    if ends is not None and ends <= now:
        return Held(name, "lost", amount, custom, EXPIRED)
    return Held(name, "authorized", amount, custom)


def _captured(held: Held, thing: Mapping[str, Any]) -> Held:
    status = thing.get("status")
    if status in _TAKEN:
        return held._replace(capture=thing)
    if status == "PENDING":
        return held._replace(state="processing", capture=thing)
    return held._replace(state="lost", code=f"CAPTURE_{status}", capture=thing)


def captured(paypal: PayPal, held: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Return the capture of an authorization, by its own id or by its order's.

    Raises:
        Rejected: It was captured, and PayPal shows no capture.
        ProviderError: It cannot be read.
    """
    related = mapping(mapping(held.get("supplementary_data") or {}).get("related_ids"))
    if name := related.get("capture_id"):
        return paypal.get("getCapture", f"/v2/payments/captures/{name}")
    if name := related.get("order_id"):
        order = paypal.get("getOrder", f"/v2/checkout/orders/{name}")
        for unit in rows(order.get("purchase_units"), "purchase units"):
            if (found := words.part(unit, "captures")) is not None:
                return found
    raise Rejected("it was captured, and PayPal shows no capture")
