"""
Stripe's API, as far as customers and payment methods go; stateful, in its wire format.

After docs.stripe.com/api, the published fixtures (``stripe/openapi``) and the types of
the official SDK, against which the parameters of *every* request are held. Kept: Bearer
keys and what a restricted one may do, forms with brackets, ``expand``, lists by
``starting_after``, errors with their codes, ``Request-Id``, ``Stripe-Version``, 100
requests a second, and idempotency keys: 24 hours, the answer (a 500, too) given again
with ``Idempotent-Replayed``, a 400 for other parameters; a request that fails its
validation is not remembered.

A further thing (an invoice, a payment intent) is one more module of routes like
``stripe_customers``, and its part of the account in ``_made``.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl

from pydantic import Field, ValidationError

from reconciler.errors import ReconcilerError
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.registrar import Seed
from reconciler.sandbox.rest import Answer, Call, Operation, rest
from reconciler.sandbox.stripe_customers import (
    ROUTES,
    Route,
    card_object,
    customer_object,
    detach,
    method_object,
)
from reconciler.sandbox.stripe_words import (
    Account,
    Params,
    error,
    form,
    typed_error,
    unknown,
)

#: The version of the API that is emulated.
VERSION: Final = "2026-10-28.endive"
KEY_LIFE: Final = timedelta(hours=24)
PER_SECOND: Final = 100
_LONGEST_KEY: Final = 255
_OK: Final = 200


class MethodSeed(Seed):
    """
    One payment method.

    Attributes:
        ends: A day of the last month a card is good in, counted from the start of
            the sandbox in days.
        spent: It was detached: it exists, and is good for nothing.
    """

    type: Literal["card", "sepa_debit"] = "card"
    brand: str = "visa"
    last4: Annotated[str, Field(pattern=r"^\d{4}$")] = "4242"
    ends: float = 700.0
    created: float = -400.0
    spent: bool = False


class CustomerSeed(Seed):
    """
    One customer.

    Attributes:
        created: Days from the start of the sandbox.
        default: The id of the method that is charged by itself.
    """

    name: str | None = None
    email: str | None = None
    country: str | None = None
    currency: str | None = None
    locales: list[str] = []
    created: float = -500.0
    methods: dict[str, MethodSeed] = {}
    default: str | None = None


class AccountSeed(Seed):
    """
    One account.

    Attributes:
        account: Its id, as in ``acct_1``.
        key: A key of it; fake, and good nowhere else.
        may: What a restricted key may do, as in ``rak_customer_read``; all if empty.
        detached: Methods of nobody.
    """

    account: Annotated[str, Field(pattern="^acct_")]
    key: str
    may: list[str] = []
    customers: dict[str, CustomerSeed] = {}
    detached: dict[str, MethodSeed] = {}


class StripeSeed(Seed):
    """The vendor's part of a world."""

    accounts: Annotated[list[AccountSeed], Field(min_length=1)]


def make(bench: Bench) -> Server:
    """Return the emulator's server over *bench*."""
    try:
        seed = StripeSeed.model_validate(dict(bench.world))
    except ValidationError as wrong:
        raise ReconcilerError(f"the world of stripe cannot be: {wrong}") from None
    if not bench.state:
        bench.state["accounts"] = [_made(bench, one) for one in seed.accounts]
        bench.state["requests"] = 0
        bench.state["hits"] = [0, 0]
    params = importlib.import_module("stripe.params")
    operations = [
        Operation("getAccount", ("GET",), "/v1/account", _served(_WHO, None)),
        *(
            Operation(
                route.name,
                (route.method,),
                route.path,
                _served(route, getattr(params, route.typed)),
            )
            for route in ROUTES
        ),
    ]
    nothing = "Unrecognized request URL. Please see https://stripe.com/docs"
    return rest(bench, operations, error(404, nothing))


def _made(bench: Bench, seed: AccountSeed) -> Account:
    now = bench.clock()
    made: Account = {
        "id": seed.account,
        "key": seed.key,
        "may": seed.may,
        "customers": {},
        "methods": {},
        "keys": {},
        "made": 0,
    }

    def method(name: str, one: MethodSeed, owner: str | None) -> None:
        created = int((now + timedelta(days=one.created)).timestamp())
        ends = now + timedelta(days=one.ends)
        body = {"last4": one.last4, "country": "NL", "bank_code": "INGB"}
        if one.type == "card":
            body = card_object(one.brand, one.last4, ends.month, ends.year)
        made["methods"][name] = method_object(name, created, one.type, body)
        made["methods"][name]["customer"] = owner
        if one.spent:
            made["methods"][name]["spent"] = True

    for name, one in seed.customers.items():
        created = int((now + timedelta(days=one.created)).timestamp())
        row = customer_object(name, created)
        row |= {"name": one.name, "email": one.email, "currency": one.currency}
        row["preferred_locales"] = one.locales
        row["address"] = {"country": one.country} if one.country else None
        row["invoice_settings"]["default_payment_method"] = one.default
        made["customers"][name] = row
        for token, held in one.methods.items():
            method(token, held, name)
    for token, held in seed.detached.items():
        method(token, held.model_copy(update={"spent": True}), None)
    return made


def _who(call: Call, account: Account, params: Params) -> Answer:
    del call, params
    body = {
        "id": account["id"],
        "object": "account",
        "business_type": "company",
        "charges_enabled": True,
        "country": "NL",
        "default_currency": "eur",
        "type": "standard",
    }
    return Answer(_OK, body)


_WHO: Final = Route(
    "getAccount", "GET", "/v1/account", _who, "rak_account_read", "", frozenset()
)


def _served(route: Route, typed: type | None) -> Callable[[Call], Answer]:
    """Return *route* behind everything that is the same for all of them."""

    def served(call: Call) -> Answer:
        state = call.bench.state
        state["requests"] += 1
        headers = {
            "Request-Id": f"req_sandbox{state['requests']:08}",
            "Stripe-Version": VERSION,
        }
        answer = _answered(call, route, typed)
        return answer._replace(headers={**headers, **answer.headers})

    return served


def _answered(call: Call, route: Route, typed: type | None) -> Answer:
    account, refusal = _signed_in(call)
    if account is None:
        return refusal
    if (slow := _too_fast(call)) is not None:
        return slow
    if account["may"] and route.needs not in account["may"]:
        said = (
            "The provided key does not have the required permissions for this "
            f"endpoint on account '{account['id']}'. Having the '{route.needs}' "
            "permission would allow this request to continue."
        )
        return error(403, said, "more_permissions_required")
    version = call.headers.get("stripe-version", VERSION)
    if version != VERSION:
        return error(400, f"Invalid Stripe API version: {version}")
    pairs = call.asked if call.method != "POST" else parse_qsl(
        call.body.decode(), keep_blank_values=True
    )  # fmt: skip
    params = form(pairs)
    if typed is not None and (wrong := unknown(params, typed)) is not None:
        said = f"Received unknown parameter: {wrong}"
        return error(400, said, "parameter_unknown", wrong)
    for name in sorted(params.keys() - route.played):
        return error(400, f"the sandbox does not play the parameter {name}")
    key = call.headers.get("idempotency-key")
    if call.method == "POST" and key is not None:
        return _once(call, account, route, params, key)
    return route.serve(call, account, params)


def _signed_in(call: Call) -> tuple[Account | None, Answer]:
    scheme, _, key = call.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not key:
        return None, error(401, "You did not provide an API key.")
    accounts = call.state["accounts"]
    found = [one for one in accounts if one["key"] == key]
    if found and call.faulty == "wrong-account":
        found = [one for one in accounts if one is not found[0]]
    if not found:
        return None, error(401, f"Invalid API Key provided: {key[:8]}****")
    return found[0], Answer(_OK, None)


def _too_fast(call: Call) -> Answer | None:
    """Refuse what is above the documented rate, counted by the second."""
    second, hits = int(call.bench.clock().timestamp()), call.bench.state["hits"]
    hits[:] = [second, hits[1] + 1 if hits[0] == second else 1]
    if hits[1] <= PER_SECOND:
        return None
    said = "Request rate limit exceeded."
    limited = {"Stripe-Rate-Limited-Reason": "global-rate"}
    return error(429, said, "rate_limit")._replace(headers=limited)


def _once(
    call: Call, account: Account, route: Route, params: Params, key: str
) -> Answer:
    """Serve a request once for its key, and give the same answer again."""
    if len(key) > _LONGEST_KEY:
        return error(400, "Idempotency keys are at most 255 characters long.")
    now, kept = call.bench.clock(), account["keys"].get(key)
    asked = [call.where, json.dumps(params, sort_keys=True)]
    if kept and now.timestamp() - kept["at"] < KEY_LIFE.total_seconds():
        if kept["asked"] == asked:
            replayed = {"Idempotent-Replayed": "true"}
            return Answer(kept["status"], kept["data"], replayed)
        same = "parameters" if kept["asked"][0] == asked[0] else "endpoint"
        said = (
            f"Keys for idempotent requests can only be used with the same {same} they "
            f"were first used with. Try using a key other than '{key}' if you meant "
            "to execute a different request."
        )
        return typed_error(400, "idempotency_error", said, None)
    answer = route.serve(call, account, params)
    account["keys"][key] = {
        "at": now.timestamp(),
        "asked": asked,
        "status": answer.status,
        "data": answer.data,
    }
    return answer


def edit(bench: Bench, thing: str, data: Mapping[str, Any]) -> None:
    """
    Change something by hand: ``customer`` {id, default} or ``method`` {id, detach}.

    A method may get another ``ends`` (days from now) or another ``last4``.
    """
    match thing, dict(data):
        case "customer", {"id": str() as name, "default": default}:
            account = _with(bench, "customers", name)
            settings = account["customers"][name]["invoice_settings"]
            settings["default_payment_method"] = default
        case "method", {"id": str() as name, **more}:
            account = _with(bench, "methods", name)
            method = account["methods"][name]
            if more.get("detach"):
                detach(account, method)
            if "ends" in more:
                ends = bench.clock() + timedelta(days=more["ends"])
                method["card"] |= {"exp_month": ends.month, "exp_year": ends.year}
            if "last4" in more:
                method[method["type"]]["last4"] = str(more["last4"])
        case _:
            raise ReconcilerError("stripe has a customer or a method to change by hand")
    bench.effect("by-hand", str(data["id"]))


def _with(bench: Bench, part: str, name: str) -> Account:
    for account in bench.state["accounts"]:
        if name in account[part]:
            found: Account = account
            return found
    raise ReconcilerError(f"stripe has no {name}")


EMULATOR = Emulator("stripe", "", 18707, make, edit)
