"""
PayPal's REST API, as far as stored methods and payments go; stateful, in its format.

After the published OpenAPI (``paypal/paypal-rest-api-specifications``, 2024-02) and
developer.paypal.com (idempotency, authorize and capture, webhooks, transaction search).
Kept: OAuth client credentials and tokens that end, ``PayPal-Request-Id`` for as long as
each operation keeps it (vault 3 hours, orders 6, payments 45 days; invoices and voids
know none), ``Prefer``, errors with a ``debug_id``, authorizations of 29 days of which 3
are honored, unique invoice ids where the account says so, events and signed webhooks,
and a transaction search that shows what happened some hours later.

The refusal of a field that is not emulated is a 400 of ours: nothing is ignored.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from reconciler.errors import ReconcilerError
from reconciler.sandbox import (
    paypal_hooks,
    paypal_invoices,
    paypal_orders,
    paypal_payments,
    paypal_report,
    paypal_vault,
)
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.paypal_desk import edit, look
from reconciler.sandbox.paypal_words import (
    Account,
    Route,
    new_id,
    oauth_error,
    once,
    problem,
    unplayed,
)
from reconciler.sandbox.registrar import Seed
from reconciler.sandbox.rest import Answer, Call, Operation, rest

Behaviour = Literal[
    "ok", "declined", "cannot-pay", "expired", "restricted", "closed", "attempts",
    "action", "denied", "pending", "capture-pending", "capture-declined", "gone-later",
]  # fmt: skip
_FORM: Final = "application/x-www-form-urlencoded"
_ROUTES: Final = (
    *paypal_vault.ROUTES,
    *paypal_orders.ROUTES,
    *paypal_payments.ROUTES,
    *paypal_invoices.ROUTES,
    *paypal_hooks.ROUTES,
    *paypal_report.ROUTES,
)


class TokenSeed(Seed):
    """
    One payment token of the vault.

    Attributes:
        ends: A day of the last month a card is good in, counted from the start of
            the sandbox in days.
        behaves: What becomes of charging it; ``times`` how often, before it works
            (0: for ever).
    """

    customer: str = "customer_1"
    type: Literal["card", "paypal"] = "paypal"
    brand: str = "VISA"
    last4: Annotated[str, Field(pattern=r"^\d{4}$")] = "1111"
    ends: float = 700.0
    name: str = "Example Payer"
    email: str = "payer@example.com"
    country: str = "NL"
    created: float = -5.0
    behaves: Behaviour = "ok"
    times: Annotated[int, Field(ge=0)] = 0


class HeldSeed(Seed):
    """Money that is held at the beginning; ``custom`` is what its payment is called."""

    token: str
    custom: str
    value: Annotated[str, Field(pattern=r"^\d+\.\d\d$")]
    currency: str = "EUR"


class AccountSeed(Seed):
    """
    One account.

    Attributes:
        payer_id: PayPal's id of the merchant.
        client: The client id, and its secret; fake, and good nowhere else.
        authorizes: It may authorize and capture later.
        at_once: An order that is paid from the vault is authorized when it is made,
            and needs no second request.
        unique_invoice_id: "Block accidental payments": a second payment of an invoice
            id is refused. On unless it was switched off.
        reports: It may search transactions.
        report_delay: How many minutes later these show.
        lives: How many seconds an access token is good.
        hooks: URL of a webhook for all events, by its id.
    """

    payer_id: Annotated[str, Field(pattern="^[2-9A-HJ-NP-Z]{13}$")]
    client: str
    secret: str
    authorizes: bool = True
    at_once: bool = True
    unique_invoice_id: bool = True
    reports: bool = True
    report_delay: Annotated[int, Field(ge=0)] = 180
    lives: Annotated[int, Field(ge=1)] = 32400
    vault: dict[str, TokenSeed] = {}
    held: dict[str, HeldSeed] = {}
    hooks: dict[str, str] = {}


class PayPalSeed(Seed):
    """The vendor's part of a world."""

    accounts: Annotated[list[AccountSeed], Field(min_length=1)]


def make(bench: Bench) -> Server:
    """Return the emulator's server over *bench*."""
    try:
        seed = PayPalSeed.model_validate(dict(bench.world))
    except ValidationError as wrong:
        raise ReconcilerError(f"the world of paypal cannot be: {wrong}") from None
    if not bench.state:
        bench.state |= {"requests": 0, "made": 0}
        bench.state["accounts"] = [_made(bench, one) for one in seed.accounts]
    operations = [
        Operation("token", ("POST",), "/v1/oauth2/token", _with_id(_token)),
        Operation("certificate", ("GET",), paypal_hooks.CERTIFICATE, _certificate),
        *(
            Operation(route.name, (route.method,), route.path, _served(route))
            for route in _ROUTES
        ),
    ]
    return rest(bench, operations, problem(404, "INVALID_RESOURCE_ID"))


def _made(bench: Bench, seed: AccountSeed) -> Account:
    fixed = seed.model_dump(exclude={"vault", "held", "hooks"})
    parts: tuple[str, ...] = (
        "vault", "setups", "orders", "authorizations", "captures", "refunds",
        "invoices", "keys", "hooks", "tokens",
    )  # fmt: skip
    made: Account = {**fixed, **{part: {} for part in parts}}
    made |= {"events": [], "queue": [], "report": [], "invoice_number": 0}
    for name, one in seed.vault.items():
        _vault(bench, made, name, one)
    for name, kept in seed.held.items():
        value = {"currency_code": kept.currency, "value": kept.value}
        unit = {"custom_id": kept.custom, "amount": value}
        paypal_orders.hold_before(bench, made, name, unit, kept.token)
    for name, url in seed.hooks.items():
        paypal_hooks.register(made, name, url, [{"name": "*"}])
    return made


def _vault(bench: Bench, account: Account, name: str, seed: TokenSeed) -> None:
    now = bench.clock()
    address = {"country_code": seed.country}
    if seed.type == "card":
        ends = now + timedelta(days=seed.ends)
        source: dict[str, Any] = {
            "name": seed.name,
            "brand": seed.brand,
            "last_digits": seed.last4,
            "expiry": f"{ends:%Y-%m}",
            "billing_address": address,
        }
    else:
        source = {
            "email_address": seed.email,
            "account_id": new_id(bench, "payer", 13),
            "name": {"full_name": seed.name},
            "address": address,
        }
    shown = paypal_vault.token_object(name, seed.customer, {seed.type: source})
    paypal_vault.store(account, shown, seed.behaves, seed.times)
    kind = "VAULT.PAYMENT-TOKEN.CREATED"
    paypal_hooks.happen(bench, account, kind, "payment_token", shown)
    created = now + timedelta(days=seed.created)
    account["events"][-1]["create_time"] = f"{created:%Y-%m-%dT%H:%M:%SZ}"


# -- who asks --------------------------------------------------------------------------


def _token(call: Call) -> Answer:
    """Give an access token to whoever knows a client's secret (RFC 6749, 4.4)."""
    if call.form.get("grant_type") != "client_credentials":
        said = "Grant Type is NULL" if not call.form else "unsupported grant_type"
        return oauth_error(400, "unsupported_grant_type", said)
    given = _basic(call.headers.get("authorization", ""))
    found = [
        one for one in call.state["accounts"] if (one["client"], one["secret"]) == given
    ]
    if not found:
        return oauth_error(401, "invalid_client", "Client Authentication failed")
    account = found[0]
    if call.faulty == "wrong-account":
        account = next(one for one in call.state["accounts"] if one is not found[0])
    token = f"A21AA{new_id(call.bench, 'access', 24)}"
    ends = call.bench.clock() + timedelta(seconds=account["lives"])
    account["tokens"][token] = ends.timestamp()
    body = {
        "scope": "https://uri.paypal.com/services/payments/payment/authcapture",
        "access_token": token,
        "token_type": "Bearer",
        "app_id": "APP-80W284485P519543T",
        "expires_in": account["lives"],
        "nonce": f"{call.bench.clock():%Y-%m-%dT%H:%M:%SZ}sandbox",
    }
    return Answer(200, body)


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, encoded = header.partition(" ")
    if scheme != "Basic":
        return None
    try:
        client, _, secret = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return client, secret


def _signed_in(call: Call) -> Account | None:
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    now, fresh = call.bench.clock().timestamp(), call.bench.state["accounts"]
    for at, account in enumerate(fresh):
        if scheme == "Bearer" and account["tokens"].get(token, 0) > now:
            # what is read may be stale; who asks, and what is written, is not
            old = call.state["accounts"] if call.method == "GET" else fresh
            found: Account = old[at]
            return found
    return None


def _with_id(serve: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
    """Give every answer its debug id: in a header, and in the body of an error."""

    def served(call: Call) -> Answer:
        call.bench.state["requests"] += 1
        number = f"f{call.bench.state['requests']:012x}"
        answer = serve(call)
        data = answer.data
        if answer.status >= 400 and isinstance(data, dict) and "name" in data:
            data = {**data, "debug_id": number}
        headers = {"Paypal-Debug-Id": number, **answer.headers}
        return Answer(answer.status, data, headers)

    return served


def _served(route: Route) -> Callable[[Call], Answer]:
    """Return *route* behind everything that is the same for all of them."""

    def served(call: Call) -> Answer:
        account = _signed_in(call)
        if account is None:
            said = "Token signature verification failed"
            return oauth_error(401, "invalid_token", said)
        if call.method == "POST":
            kind = call.headers.get("content-type", "")
            if not kind.startswith("application/json"):
                return Answer(415, {"name": "UNSUPPORTED_MEDIA_TYPE", "message": kind})
            if call.body and call.json is None and call.items is None:
                return problem(400, "MALFORMED_REQUEST_JSON")
            if route.played is not None:
                where = unplayed(call.json, route.played)
                if where is not None:
                    said = f"the sandbox does not play the field {where}"
                    return problem(400, "INVALID_PARAMETER_VALUE", said, field=where)
        return once(call, account, route)

    return _with_id(served)


def _certificate(call: Call) -> Answer:
    return paypal_hooks.certificate(call)


EMULATOR = Emulator("paypal", "", 18708, make, edit, look)
