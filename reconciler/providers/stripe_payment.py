"""
Stripe: the payment methods of one account's customers. It reads; it cannot charge.

Source: docs.stripe.com/api/customers, /payment_methods, /account; see ``_stripe``.

* *No list has every payment method*: ``GET /v1/payment_methods`` is for Treasury, the
  others are per customer. But the list of customers brings each one's default along
  (``expand``), which is what is charged. Of any other the object itself is asked, once
  a day at most; all lists of all customers only where a token is wanted that cannot be
  asked for (an ``import`` does). So what is unmanaged in a plan are defaults.
* A method that is detached keeps its object, with ``customer: null``, and can never be
  attached again. One that never was is a 404: Absent, where the list was whole.
* The default is ``invoice_settings.default_payment_method``, else ``default_source``.
  Setting it takes an idempotency key. It is the only write there is.
* ``GET /v1/account`` says whose key it is; a restricted key may lack that right, and
  then nobody can say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
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
    Advice,
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
from reconciler.providers._said import named
from reconciler.providers._stripe import NotThere, Stripe

#: What a payment method's id looks like: methods, and the older cards and sources.
_ID: Final = re.compile(r"(pm|card|src|ba)_\w+")
_METHOD: Final = "method"
_EXPAND: Final = "data.invoice_settings.default_payment_method"
_LANGUAGE: Final = re.compile(r"([a-z]{2,3})(-[A-Z]{2})?")


class _Listed(NamedTuple):
    """
    What the list of customers says.

    Attributes:
        customers: By id.
        methods: The methods it brings along, by id, in the form that is kept.
    """

    customers: Mapping[str, Mapping[str, Any]]
    methods: dict[str, Mapping[str, Any]]


class StripePayment(Driver[PaymentMethod, SetDefault]):
    """The payment methods of one Stripe account."""

    can: ClassVar[Mapping[str, OpClass]] = {"set-default": OpClass.KEYED}
    key_life: ClassVar[timedelta | None] = timedelta(hours=24)
    credentials: ClassVar[frozenset[str]] = frozenset({"key"})

    def __init__(self, account: Account) -> None:
        self._account = account
        self._stripe = Stripe(account)
        self._details = Details(account, self._stripe.http.base)

    def __repr__(self) -> str:
        return f"StripePayment({self._account.name})"

    def identity(self) -> str | None:
        """Return the account's id; None where the key may not ask."""
        return self._stripe.identity()

    def examine(self) -> Iterator[Advice]:
        """Say that a key may do more than anything here needs."""
        next(iter(self._stripe.each("listCustomers", "/v1/customers")), None)
        if self._account.secrets["key"].startswith("sk_"):
            yield Advice(
                "the key is a secret key, which may do everything, refunds included",
                "make a restricted key (rk_) that reads customers, payment methods "
                "and the account; writing customers only where a default is set",
            )

    def close(self) -> None:
        """Let go of connections."""
        self._stripe.close()

    # -- observe ---------------------------------------------------------------

    def observe(self, wants: Sequence[PaymentMethod]) -> Observation:
        """Report all *wants*: the customers with their defaults, then the others."""
        methods = as_payment_methods(wants)
        self._stripe.http.counts()
        states: dict[str, Observed]
        unmanaged: tuple[Unmanaged, ...] = ()
        partial = all(_ID.fullmatch(want.spec.token) for want in methods)
        try:
            listed = self._listed()
            if not partial:
                self._list_all(listed)
        except ProviderError as error:
            unread = Unknown(why=error.what, request_id=error.request_id)
            states = {want.name: unread for want in methods}
        else:
            states = {want.name: self._seen(want, listed) for want in methods}
            wanted = {want.spec.token for want in methods}
            unmanaged = tuple(
                Unmanaged(PaymentMethod.kind, token, self._account.name)
                for token in sorted(listed.methods.keys() - wanted)
            )
        requests = self._stripe.http.counts()
        return Observation(states, unmanaged, requests=requests, partial=partial)

    def _listed(self) -> _Listed:
        asked = {"expand[]": _EXPAND}
        listed = _Listed({}, {})
        customers = {}
        for row in self._stripe.each("listCustomers", "/v1/customers", asked):
            customers[str(row["id"])] = row
            method = mapping(row.get("invoice_settings") or {}).get(
                "default_payment_method"
            )
            if isinstance(method, dict):
                kept = _kept(method)
                listed.methods[str(kept["token"])] = kept
        return listed._replace(customers=customers)

    def _list_all(self, listed: _Listed) -> None:
        """Add the methods of every customer, and keep them for the next question."""
        for customer in listed.customers:
            path = f"/v1/customers/{customer}/payment_methods"
            for row in self._stripe.each("listPaymentMethods", path):
                kept = _kept(row)
                listed.methods[str(kept["token"])] = kept
                self._details.keep(_METHOD, str(kept["token"]), None, dict(kept))

    def _seen(self, want: PaymentMethod, listed: _Listed) -> Observed:
        token = want.spec.token
        try:
            kept = listed.methods.get(token)
            if kept is None and not _ID.fullmatch(token):
                return Absent()
            if kept is None:
                kept = mapping(
                    self._details.ask(_METHOD, token, None, lambda: self._get(token))
                )
            return _state(kept, listed.customers)
        except NotThere:
            return Absent()
        except ProviderError as error:
            return Unknown(why=error.what, request_id=error.request_id)
        except (ValidationError, KeyError, TypeError, ValueError):
            return Unknown(why="the answer is not what the vendor documents")

    def _get(self, token: str) -> dict[str, Any]:
        found = self._stripe.get("getPaymentMethod", f"/v1/payment_methods/{token}")
        return dict(_kept(found))

    # -- apply -----------------------------------------------------------------

    def apply(self, want: PaymentMethod, change: SetDefault, key: str) -> Receipt:
        """Set the default of one customer, with *key*; see ``Driver.apply``."""
        self._details.forget(_METHOD, want.spec.token)
        customer, token = change.details["customer"], change.fields[0].after
        if not isinstance(customer, str) or not isinstance(token, str):
            raise Rejected("the change does not say which default of which customer")
        client = self._stripe.sdk("updateCustomer")
        found = client.v1.customers.update(
            customer,
            {"invoice_settings": {"default_payment_method": token}},
            {"idempotency_key": key},
        )
        headers = found.last_response.headers if found.last_response else {}
        return Receipt(
            reference=f"{customer}/{token}",
            request_id=named(headers.get("request-id")),
            replayed=headers.get("idempotent-replayed") == "true",
        )

    def happened(
        self, want: PaymentMethod, change: SetDefault, key: str, since: datetime
    ) -> bool | None:
        """Say from a fresh read whether a lost *change* took effect."""
        del want, key
        customer, token = str(change.details["customer"]), change.fields[0].after
        try:
            row = self._stripe.get("getCustomer", f"/v1/customers/{customer}")
        except ProviderError:
            return None
        if _default(row) == token:
            return True
        return False if self._account.clock() - since >= self.settles else None


def _kept(method: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is kept of a payment method: nothing that is not shown."""
    kind = str(method["type"])
    body = method.get(kind)
    body = body if isinstance(body, dict) else {}
    return {
        "token": str(method["id"]),
        "type": kind,
        "brand": body.get("display_brand") or body.get("brand"),
        "last4": body.get("last4"),
        "exp_month": body.get("exp_month"),
        "exp_year": body.get("exp_year"),
        "customer": method.get("customer"),
    }


def _state(
    kept: Mapping[str, Any], customers: Mapping[str, Mapping[str, Any]]
) -> PaymentMethodState:
    row = customers.get(str(kept["customer"])) if kept["customer"] else None
    if kept["customer"] and row is None:
        raise Rejected("its customer is not in the list of customers")
    return PaymentMethodState(
        **kept,
        default=_default(row) if row is not None else None,
        owner=_owner(row) if row is not None else None,
    )


def _default(customer: Mapping[str, Any]) -> str | None:
    """Return what is charged for a customer, in Stripe's own order."""
    method = mapping(customer.get("invoice_settings") or {}).get(
        "default_payment_method"
    )
    method = method.get("id") if isinstance(method, dict) else method
    found = method or customer.get("default_source")
    return str(found) if found else None


def _owner(customer: Mapping[str, Any]) -> Owner:
    address = mapping(customer.get("address") or {})
    spoken = customer.get("preferred_locales") or [""]
    language = _LANGUAGE.fullmatch(str(spoken[0]))
    currency = customer.get("currency")
    return Owner(
        name=customer.get("business_name") or customer.get("name"),
        country=address.get("country"),
        currency=str(currency).upper() if currency else None,
        language=language[1] if language else None,
    )


DRIVER = StripePayment
