"""
PayPal: the payment methods in an account's vault. It reads; it has no write at all.

Source: developer.paypal.com/docs/api/payment-tokens/v3, and ``_paypal``.

* *No list has every token*: ``GET /v3/vault/payment-tokens`` is for one customer, by
  PayPal's id of it. So each declared token is asked for by its id, once a day at most,
  and the account is never listed as a whole: what is not there is a 404, not a gap.
* A token that its owner revoked in the wallet is gone (404): Absent. There is no
  "detached" here. A wallet has no expiry; a card says its month.
* *There is no default*: every order names the token that pays, so nothing is set.
* What is new is found by its event (``VAULT.PAYMENT-TOKEN.CREATED``), which PayPal
  lists for 30 days, and only where the app has a webhook. An ``import`` asks for them,
  and then for all tokens of the customers that they are of; what is older, and of no
  such customer, has to be declared by hand, by the id that the checkout gave.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final, NamedTuple

from pydantic import ValidationError

from reconciler.errors import ProviderError, Rejected
from reconciler.kinds.payment_method import (
    Owner,
    PaymentMethod,
    PaymentMethodState,
    SetDefault,
    as_payment_methods,
)
from reconciler.model import (
    Absent,
    Account,
    Driver,
    Observation,
    Observed,
    OpClass,
    Receipt,
    Unknown,
    Unmanaged,
)
from reconciler.providers._answers import mapping
from reconciler.providers._detail import Details
from reconciler.providers._paypal import CREDENTIALS, NotThere, PayPal

#: What the id of a vault's token looks like.
_ID: Final = re.compile(r"[0-9a-zA-Z_-]{1,36}")
_EXPIRY: Final = re.compile(r"(\d{4})-(\d{2})")
_METHOD: Final = "method"
_TOKENS: Final = "/v3/vault/payment-tokens"
_EVENTS: Final = "/v1/notifications/webhooks-events"
#: How long PayPal lists an event, less a day in which it may end.
_LISTED: Final = timedelta(days=29)
_PAGE: Final = 5


class _Read(NamedTuple):
    """
    One token as it was read.

    Attributes:
        kept: What may be kept between runs: nothing of a person.
        owner: Whose it is; for this process alone.
    """

    kept: dict[str, Any]
    owner: Owner


class PayPalPayment(Driver[PaymentMethod, SetDefault]):
    """The payment methods in one account's vault."""

    can: ClassVar[Mapping[str, OpClass]] = {}
    credentials: ClassVar[frozenset[str]] = CREDENTIALS

    def __init__(self, account: Account) -> None:
        self._account = account
        self._paypal = PayPal(account)
        self._details = Details(account, self._paypal.http.base)
        self._owners: dict[str, Owner] = {}

    def __repr__(self) -> str:
        return f"PayPalPayment({self._account.name})"

    def identity(self) -> str | None:
        """Return the merchant's payer id; None where the app may not ask."""
        return self._paypal.identity()

    def close(self) -> None:
        """Let go of connections."""
        self._paypal.close()

    def observe(self, wants: Sequence[PaymentMethod]) -> Observation:
        """Report all *wants*, each by its id; what is new, where an import asks."""
        methods = as_payment_methods(wants)
        self._paypal.http.counts()
        states: dict[str, Observed]
        found: set[str] = set()
        try:
            if not all(_ID.fullmatch(want.spec.token) for want in methods):
                found = set(self._listed())
        except ProviderError as error:
            unread = Unknown(why=error.what, request_id=error.request_id)
            states = {want.name: unread for want in methods}
        else:
            states = {want.name: self._seen(want) for want in methods}
        wanted = {want.spec.token for want in methods}
        unmanaged = tuple(
            Unmanaged(PaymentMethod.kind, token, self._account.name)
            for token in sorted(found - wanted)
        )
        requests = self._paypal.http.counts()
        return Observation(states, unmanaged, requests=requests, partial=True)

    def _seen(self, want: PaymentMethod) -> Observed:
        token = want.spec.token
        if not _ID.fullmatch(token):
            return Absent()
        try:
            kept = self._details.ask(_METHOD, token, None, lambda: self._get(token))
            owner = self._owners.get(token)
            return PaymentMethodState(**mapping(kept), defaults=False, owner=owner)
        except NotThere:
            return Absent()
        except ProviderError as error:
            return Unknown(why=error.what, request_id=error.request_id)
        except (ValidationError, TypeError):
            return Unknown(why="the answer is not what the vendor documents")

    def _get(self, token: str) -> dict[str, Any]:
        found = self._paypal.get("getPaymentToken", f"{_TOKENS}/{token}")
        return self._remembered(found)

    def _remembered(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is kept of a token, and remember its owner for this process."""
        try:
            read = _read(row)
        except (KeyError, TypeError, ValueError):
            raise Rejected("the answer is not what the vendor documents") from None
        self._owners[str(read.kept["token"])] = read.owner
        return read.kept

    def _listed(self) -> Iterator[str]:
        """Yield the tokens of all customers of whom an event is still listed."""
        since = self._account.clock() - _LISTED
        asked: dict[str, str | int] = {
            "event_type": "VAULT.PAYMENT-TOKEN.CREATED",
            "start_time": since.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "page_size": 100,
        }
        customers = set()
        for event in self._paypal.each("listEvents", _EVENTS, "events", asked):
            owner = mapping(event.get("resource") or {}).get("customer")
            if isinstance(owner, dict) and owner.get("id"):
                customers.add(str(owner["id"]))
        for customer in sorted(customers):
            of: dict[str, str | int] = {"customer_id": customer, "page_size": _PAGE}
            asking = self._paypal.each(
                "listPaymentTokens", _TOKENS, "payment_tokens", of
            )
            for row in asking:
                kept = self._remembered(row)
                self._details.keep(_METHOD, str(kept["token"]), None, kept)
                yield str(kept["token"])

    def apply(self, want: PaymentMethod, change: SetDefault, key: str) -> Receipt:
        """Refuse: there is nothing here that could be set."""
        raise Rejected(f"PayPal knows no default: {change.verb} {want.ref} ({key})")


def _read(token: Mapping[str, Any]) -> _Read:
    ((kind, given),) = mapping(token["payment_source"]).items()
    body = mapping(given)
    expiry = _EXPIRY.fullmatch(str(body.get("expiry") or ""))
    address = mapping(body.get("billing_address") or body.get("address") or {})
    name = body.get("name")
    kept = {
        "token": str(token["id"]),
        "type": str(kind),
        "brand": str(body["brand"]).lower() if body.get("brand") else None,
        "last4": body.get("last_digits"),
        "exp_year": int(expiry[1]) if expiry else None,
        "exp_month": int(expiry[2]) if expiry else None,
        "customer": str(mapping(token["customer"])["id"]),
    }
    name = name.get("full_name") if isinstance(name, dict) else name
    return _Read(kept, Owner(name=name, country=address.get("country_code")))


DRIVER = PayPalPayment
