"""
How Stripe's test methods behave when they are charged.

After docs.stripe.com/testing (the test cards' last four digits, SEPA's test accounts)
and docs.stripe.com/declines/codes (what a decline is called). A method of the world may
say instead how it ``behaves``: ``ok``, a decline code, ``authentication_required``, or
``processing``: the bank decides later, after ``settles`` days, and says no where
``fails`` has the code. With ``times`` it does so that often, and works from then on.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

from reconciler.sandbox.stripe_words import Row

#: Last four digits of the published test cards, and what a charge of them says.
_CARDS: Final = {
    "0002": "generic_decline",
    "9995": "insufficient_funds",
    "9987": "lost_card",
    "9979": "stolen_card",
    "0069": "expired_card",
    "0127": "incorrect_cvc",
    "0119": "processing_error",
    "6975": "card_velocity_exceeded",
    "0341": "generic_decline",
    "0019": "fraudulent",
    "3155": "ok",
    "3184": "authentication_required",
    "3220": "authentication_required",
}
#: Of SEPA's test accounts: whether, and after how many days, they fail.
_ACCOUNTS: Final = {
    "3202": (0.0, "generic_decline"),
    "3205": (0.002, "generic_decline"),
}
#: Codes of an error that are their own decline code; all others are ``card_declined``.
_OWN_CODES: Final = frozenset(
    {"authentication_required", "expired_card", "incorrect_cvc", "processing_error"}
)
#: What the networks advise never to try again (docs.stripe.com/declines/card).
_NEVER: Final = frozenset(
    {
        "lost_card",
        "pickup_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
    }
)
_SAID: Final = {
    "authentication_required": "Your card was declined. This transaction requires "
    "authentication.",
    "expired_card": "Your card has expired.",
    "insufficient_funds": "Your card has insufficient funds.",
    "processing_error": "An error occurred while processing your card.",
}
_DOC: Final = "https://stripe.com/docs/error-codes"


class Verdict(NamedTuple):
    """
    What becomes of one charge.

    Attributes:
        decline: Its code; None where the money moves.
        settles: In how many days a bank decides; None at once.
    """

    decline: str | None = None
    settles: float | None = None


def verdict(habits: Row, method: Row, now: datetime) -> Verdict:
    """Say what *method* does now, and count that it did."""
    habit = habits.get(method["id"]) or {}
    how = habit.get("behaves") or _usual(method, now)
    if habit.get("times") is not None:
        if habit["times"] <= 0:
            how = "processing" if method["type"] == "sepa_debit" else "ok"
        habit["times"] -= 1
    if how == "processing":
        settles, fails = _ACCOUNTS.get(method[method["type"]]["last4"], (0.002, None))
        return Verdict(habit.get("fails", fails), habit.get("settles", settles))
    return Verdict(None if how == "ok" else how)


def _usual(method: Row, now: datetime) -> str:
    if method["type"] != "card":
        return "processing"
    card = method["card"]
    if (card["exp_year"], card["exp_month"]) < (now.year, now.month):
        return "expired_card"
    return _CARDS.get(card["last4"], "ok")


def declined(decline: str, method: Row) -> dict[str, Any]:
    """Return the error of a charge that was refused, without its intent."""
    code = decline if decline in _OWN_CODES else "card_declined"
    error = {
        "code": code,
        "decline_code": decline,
        "doc_url": f"{_DOC}/{code.replace('_', '-')}",
        "message": _SAID.get(decline, "Your card was declined."),
        "payment_method": method,
        "type": "card_error",
    }
    if decline in _NEVER:
        error["advice_code"] = "do_not_try_again"
    return error
