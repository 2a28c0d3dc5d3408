"""
What it means that money was refused: whether it may ever work by the same method.

Sources: docs.stripe.com/declines/codes (the codes), docs.stripe.com/declines/card
(advice codes), docs.stripe.com/billing/revenue-recovery/smart-retries (what Stripe
itself never tries again) and the networks' rules behind that: a card that is gone, a
mandate that was withdrawn. A code that nobody knows is soft: an attempt too many is
limited by the policy, an attempt too few loses a customer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from reconciler.errors import Declined

Kind = Literal["soft", "hard", "action"]

#: The same method never works again.
HARD: Final = frozenset(
    {
        "bank_account_closed",
        "card_not_supported",
        "currency_not_supported",
        "debit_not_authorized",
        "do_not_try_again",
        "expired_card",
        "fraudulent",
        "highest_risk_level",
        "incorrect_number",
        "invalid_account",
        "invalid_number",
        "lost_card",
        "merchant_blacklist",
        "new_account_information_available",
        "no_account",
        "pickup_card",
        "restricted_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "security_violation",
        "service_not_allowed",
        "stolen_card",
        "stop_payment_order",
        "testmode_decline",
        "transaction_not_allowed",
    }
)
#: The customer has to confirm it, on a page of the gateway.
ACTION: Final = frozenset(
    {
        "authentication_required",
        "invoice_payment_intent_requires_action",
        "mobile_device_authentication_required",
        "payment_intent_action_required",
    }
)


def kind_of(code: str, advice: str = "") -> Kind:
    """Return what a decline *code*, and the networks' *advice* beside it, mean."""
    if code in ACTION:
        return "action"
    return "hard" if code in HARD or advice == "do_not_try_again" else "soft"


def code_of(error: Mapping[str, Any]) -> str:
    """Return the most exact word of an error for why money was refused."""
    return str(error.get("decline_code") or error.get("code") or "unknown")


def declined(error: Mapping[str, Any], text: str, number: str | None) -> Declined:
    """Return the error of an answer 402."""
    code = code_of(error)
    kind = kind_of(code, str(error.get("advice_code") or ""))
    return Declined(text, kind=kind, declined=code, request_id=number)
