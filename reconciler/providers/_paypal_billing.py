"""
What PayPal's orders, authorizations and captures mean for one bill.

Source: the published OpenAPI (orders v2, payments v2: statuses, 422 issues) and
developer.paypal.com (authorize and capture; card ``processor_response``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, Literal

from pydantic import JsonValue

from reconciler.errors import Ambiguous, Declined, ProviderError, Rejected
from reconciler.kinds.subscription import Of
from reconciler.model import Money
from reconciler.model.billing import hashed
from reconciler.providers._answers import mapping
from reconciler.providers._paypal import Refused

#: Source: developer.paypal.com/api/rest/reference/currency-codes.
_WHOLE_UNITS: Final = frozenset({"HUF", "JPY", "TWD"})
#: What ``custom_id`` may be made of wherever it is shown again (refunds, reports).
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_OURS: Final = re.compile(r"([A-Za-z0-9_.-]{1,80}),(\d{4}-\d\d-\d\d),([a-z0-9-]+),(\d)")
_PERCENT: Final = re.compile(r"(\d{1,4}(?:\.\d{1,2})?)%")
_CENT: Final = Decimal("0.01")

Kind = Literal["soft", "hard", "action"]
#: Refusals that are about the payer and the method. Every other one is about us.
DECLINES: Final[Mapping[str, Kind]] = {
    "AGREEMENT_ALREADY_CANCELLED": "hard",
    "BILLING_AGREEMENT_NOT_FOUND": "hard",
    "CARD_BRAND_NOT_SUPPORTED": "hard",
    "CARD_CLOSED": "hard",
    "CARD_EXPIRED": "hard",
    "COMPLIANCE_VIOLATION": "hard",
    "DOMESTIC_TRANSACTION_REQUIRED": "hard",
    "INSTRUMENT_DECLINED": "soft",
    "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED": "soft",
    "PAYER_ACCOUNT_LOCKED_OR_CLOSED": "hard",
    "PAYER_ACCOUNT_RESTRICTED": "soft",
    "PAYER_ACTION_REQUIRED": "action",
    "PAYER_CANNOT_PAY": "soft",
    "REFERENCED_CARD_EXPIRED": "hard",
    "TOKEN_EXPIRED": "hard",
    "TOKEN_ID_NOT_FOUND": "hard",
    "TRANSACTION_LIMIT_EXCEEDED": "soft",
    "TRANSACTION_REFUSED": "soft",
}
#: A card's issuer asks never to be asked again ("03", "21": Mastercard's advice codes).
_NEVER: Final = frozenset({"03", "21"})
_SINGLE: Final = frozenset(
    {"AUTH_CAPTURE_NOT_ENABLED", "UNSUPPORTED_INTENT_FOR_PAYMENT_SOURCE"}
)


def custom_id(uid: str, of: Of) -> str:
    """
    Return what a payment is called at PayPal: it leads back to its subscription.

    Commas, because a report shows no bar; a *uid* that is long, or has other
    characters, is shown by its hash.
    """
    named = uid
    if not _PLAIN.fullmatch(uid):
        named = hashed(uid)
    return f"{named},{of.period},{of.purpose},{of.leg}"


def named(custom: str | None) -> tuple[str, str] | None:
    """
    Return the uid (by its hash, where it could not be shown) and the generation.

    None where *custom* is not what ``custom_id`` calls a payment: it is not ours.
    """
    found = _OURS.fullmatch(custom or "")
    if found is None:
        return None
    return found[1], f"{found[2]}/{found[3]}/{found[4]}"


def amount(money: Money) -> dict[str, JsonValue]:
    """
    Return *money* as PayPal takes it.

    Raises:
        Rejected: It has a part of a unit that the currency has not at PayPal.
    """
    if money.currency in _WHOLE_UNITS:
        if money.amount != money.amount.to_integral_value():
            raise Rejected(f"PayPal takes no decimals of {money.currency}: {money}")
        return {"currency_code": money.currency, "value": f"{int(money.amount)}"}
    return {"currency_code": money.currency, "value": str(money).split(" ", 1)[0]}


def money_of(raw: Any) -> Money:
    """Return the amount of an answer; raise Rejected if it is none."""
    given = mapping(raw)
    try:
        number = Decimal(str(given["value"]))
        return Money(amount=number, currency=str(given["currency_code"]))
    except (KeyError, ArithmeticError, ValueError):
        raise Rejected("the answer has no amount") from None


def with_tax(net: Money, tax: JsonValue) -> Money:
    """
    Return *net* with its *tax*, rounded half up to the cent.

    Raises:
        Rejected: It would have to be worked out by a gateway, or by rates of one.
    """
    if tax == "none":
        return net
    found = _PERCENT.fullmatch(tax) if isinstance(tax, str) else None
    if found is None:
        raise Rejected("PayPal works out no tax: write a rate, as in tax: 21%")
    exact = net.amount * (1 + Decimal(found[1]) / 100)
    unit = Decimal(1) if net.currency in _WHOLE_UNITS else _CENT
    return Money(amount=exact.quantize(unit, ROUND_HALF_UP), currency=net.currency)


def order(
    intent: str, custom: str, charge: Money, source: JsonValue, invoice: str | None
) -> dict[str, Any]:
    """Return the body of an order that is paid from the vault."""
    unit: dict[str, JsonValue] = {"custom_id": custom, "amount": amount(charge)}
    if invoice is not None:
        unit["invoice_id"] = invoice
    return {"intent": intent, "purchase_units": [unit], "payment_source": source}


def source(token: Mapping[str, Any]) -> dict[str, JsonValue]:
    """Return what pays: a wallet, or a card that the customer left with us."""
    given = mapping(token["payment_source"])
    name = str(token["id"])
    if "card" in given:
        stored: dict[str, JsonValue] = {
            "payment_initiator": "MERCHANT",
            "payment_type": "RECURRING",
            "usage": "SUBSEQUENT",
        }
        return {"card": {"vault_id": name, "stored_credential": stored}}
    if "paypal" in given:
        return {"paypal": {"vault_id": name}}
    raise Rejected("this tool pays with wallets and cards, and the token is neither")


def unit_of(answer: Mapping[str, Any], custom: str, charge: Money) -> Mapping[str, Any]:
    """
    Return what an order is about, where that is what was asked for.

    Raises:
        Rejected: The id was used before, for something else.
    """
    units = answer.get("purchase_units")
    unit = mapping(units[0]) if isinstance(units, list) and units else {}
    if unit.get("custom_id") != custom or money_of(unit.get("amount")) != charge:
        raise Rejected("PayPal answered about another payment under the same id")
    return unit


def part(unit: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """Return the one authorization or capture of an order, where there is one."""
    found = mapping(unit.get("payments") or {}).get(name)
    return mapping(found[-1]) if isinstance(found, list) and found else None


def declined(refused: Refused) -> ProviderError:
    """Return what a refusal means: the payer's, ours, or a payment that is there."""
    kind = DECLINES.get(refused.issue)
    number = refused.request_id
    if kind is not None:
        return Declined(
            refused.what, kind=kind, declined=refused.issue, request_id=number
        )
    if refused.issue == "DUPLICATE_INVOICE_ID":
        return Ambiguous(f"{refused.what}: is it paid already?", request_id=number)
    if refused.issue in _SINGLE:
        hint = "limits: {stepsPerPayment: 1} pays in one step; see docs/yaml.md"
        return Rejected(refused.what, hint=hint, request_id=number)
    return refused


def not_held(thing: Mapping[str, Any], number: str | None) -> Declined:
    """Return why an authorization or a capture is none: its card's issuer's word."""
    said = mapping(thing.get("processor_response") or {})
    code = said.get("response_code") or thing.get("status") or "DECLINED"
    kind: Kind = "hard" if said.get("payment_advice_code") in _NEVER else "soft"
    what = f"the payment was declined ({code})"
    return Declined(what, kind=kind, declined=str(code), request_id=number)


def moment(raw: Any) -> datetime | None:
    """Return a time of an answer; None where it has none."""
    try:
        return datetime.fromisoformat(str(raw))
    except ValueError:
        return None
