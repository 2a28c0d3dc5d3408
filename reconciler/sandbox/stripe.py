"""
Stripe's API, as far as it bills and collects; stateful, in its wire format.

After docs.stripe.com/api, the published fixtures (``stripe/openapi``) and the types of
the official SDK, against which the parameters of *every* request are held. Kept: Bearer
keys and what a restricted one may do, forms with brackets, ``expand``, lists by
``starting_after``, errors with their codes, ``Request-Id``, ``Stripe-Version``, 100
requests a second, and idempotency keys: 24 hours, the answer (a 500, too) given again
with ``Idempotent-Replayed``, a 400 for other parameters; a request that fails its
validation is not remembered.

A further thing is one more module of routes like ``stripe_customers``, and its part of
the account in ``stripe_seeds``. What people do by hand is in ``stripe_hand``.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from datetime import timedelta
from functools import cache, reduce
from typing import Any, Final
from urllib.parse import parse_qsl

from pydantic import ValidationError

from reconciler.errors import ReconcilerError
from reconciler.sandbox import (
    stripe_balance,
    stripe_customers,
    stripe_events,
    stripe_hosted,
    stripe_invoices,
    stripe_lines,
    stripe_paying,
)
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.rest import Answer, Call, Operation, rest
from reconciler.sandbox.stripe_events import VERSION
from reconciler.sandbox.stripe_hand import edit
from reconciler.sandbox.stripe_paying import by_itself
from reconciler.sandbox.stripe_post import Posting
from reconciler.sandbox.stripe_seeds import StripeSeed, account_of, complete
from reconciler.sandbox.stripe_words import (
    Account,
    Params,
    Refused,
    Route,
    error,
    form,
    typed_error,
    unknown,
)

_MODULES: Final = (
    stripe_balance,
    stripe_customers,
    stripe_events,
    stripe_hosted,
    stripe_invoices,
    stripe_lines,
    stripe_paying,
)
KEY_LIFE: Final = timedelta(hours=24)
PER_SECOND: Final = 100
_LONGEST_KEY: Final = 255
#: Above so many remembered keys, those that are too old are forgotten.
_MANY_KEYS: Final = 1000
_OK: Final = 200


def make(bench: Bench) -> Server:
    """Return the emulator's server over *bench*."""
    try:
        seed = StripeSeed.model_validate(dict(bench.world))
    except ValidationError as wrong:
        raise ReconcilerError(f"the world of stripe cannot be: {wrong}") from None
    if not bench.state:
        bench.state["accounts"] = [account_of(bench, one) for one in seed.accounts]
        bench.state["requests"] = 0
        bench.state["hits"] = [0, 0]
    for account in bench.state["accounts"]:
        complete(account)
    for name in ("hostile", "post", "behind", "meanwhile"):
        bench.state.setdefault(name, [])
    bench.state.setdefault("locks", {})
    nothing = "Unrecognized request URL. Please see https://stripe.com/docs"
    return Posting(rest(bench, operations(), error(404, nothing)), bench)


@cache
def operations() -> tuple[Operation, ...]:
    """Return all that is played; what a request meets is in its own bench."""
    params = importlib.import_module("stripe.params")
    return (
        Operation("getAccount", ("GET",), "/v1/account", _served(_WHO, None)),
        *(
            Operation(
                route.name,
                (route.method,),
                route.path,
                _served(route, reduce(getattr, route.typed.split("."), params)),
            )
            for module in _MODULES
            for route in module.ROUTES
        ),
    )


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


def _served(route: Route, typed: Any) -> Callable[[Call], Answer]:
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


def _answered(call: Call, route: Route, typed: Any) -> Answer:
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
    return _done(call, account, route, params)[0]


def _done(
    call: Call, account: Account, route: Route, params: Params
) -> tuple[Answer, bool]:
    """Return the answer to a request, and whether its key remembers it."""
    for each in call.bench.state["accounts"]:
        by_itself(call.bench, each)
    try:
        return route.serve(call, account, params), True
    except Refused as refusal:
        return refusal.answer, refusal.remembered


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
    now, known = call.bench.clock(), account["keys"].get(key)
    asked = [call.where, json.dumps(params, sort_keys=True)]
    if known and now.timestamp() - known["at"] < KEY_LIFE.total_seconds():
        if known["asked"] == asked:
            replayed = {"Idempotent-Replayed": "true"}
            return Answer(known["status"], known["data"], replayed)
        same = "parameters" if known["asked"][0] == asked[0] else "endpoint"
        said = (
            f"Keys for idempotent requests can only be used with the same {same} they "
            f"were first used with. Try using a key other than '{key}' if you meant "
            "to execute a different request."
        )
        return typed_error(400, "idempotency_error", said, None)
    answer, remembered = _done(call, account, route, params)
    if not remembered:
        return answer
    # A server error is what the key remembers from then on.
    kept = answer
    if call.fault is not None and call.fault.kind == "status-after":
        kept = error(call.fault.status, "An error occurred")
    if len(account["keys"]) > _MANY_KEYS:
        _forget(account, now.timestamp() - KEY_LIFE.total_seconds())
    account["keys"][key] = {
        "at": now.timestamp(),
        "asked": asked,
        "status": kept.status,
        "data": kept.data,
    }
    return answer


def _forget(account: Account, before: float) -> None:
    """Forget the keys of what was asked *before*."""
    kept = {key: one for key, one in account["keys"].items() if one["at"] > before}
    account["keys"] = kept


EMULATOR = Emulator("stripe", "", 18707, make, edit)
