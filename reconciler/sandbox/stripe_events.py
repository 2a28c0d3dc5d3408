"""
Stripe's events, and the webhooks that tell of them.

After docs.stripe.com/webhooks and docs.stripe.com/api/events: a delivery is a POST of
the event with ``Stripe-Signature: t=...,v1=...`` (HMAC-SHA256 of ``t.body`` by the
endpoint's secret), tried again for three days until somebody answers 2xx; nothing
promises an order, or that it comes once. By hand (``webhooks``) the next event
comes ``late``, ``twice``, ``out-of-order`` or ``forged``, or one that is ``unknown``
comes with it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any, Final
from urllib.parse import urlsplit

from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.rest import Answer, Call
from reconciler.sandbox.stripe_words import (
    EXPAND,
    PAGE,
    Account,
    Params,
    Route,
    Row,
    copied,
    found_in,
    key_of,
    labelled,
    malformed,
    new_id,
    now_of,
    paged,
    required,
    stated,
)

#: The version of the API that is emulated.
VERSION: Final = "2026-10-28.endive"
#: How much later an endpoint that failed is tried again, in seconds: three days in all.
RETRIES: Final = (300, 1800, 7200, 18000, 36000, *[43200] * 4)
#: "Retrieve events for the last 30 days."
_KEPT: Final = 30 * 86400
_MOST: Final = 1000
_LATE: Final = 3600
HOSTILE: Final = frozenset({"late", "twice", "out-of-order", "forged", "unknown"})


def happened(bench: Bench, account: Account, kind: str, thing: Row) -> None:
    """Write an event down, and send it to whoever wants it."""
    if not account["tells"]:
        return
    event = {
        "id": new_id(account, "evt"),
        "object": "event",
        "account": None,
        "api_version": VERSION,
        "context": None,
        "created": int(bench.clock().timestamp()),
        "data": {"object": copied(thing)},
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }
    account["events"][event["id"]] = event
    if len(account["events"]) > _MOST:
        del account["events"][next(iter(account["events"]))]
    for endpoint in account["endpoints"].values():
        if {kind, "*"} & set(endpoint["enabled_events"]):
            _send(bench, account, endpoint, event)


def _send(bench: Bench, account: Account, endpoint: Row, event: Row) -> None:
    """Put an event into the post, as odd as it was asked to be."""
    hostile: list[str] = bench.state["hostile"]
    odd = hostile.pop(0) if hostile else ""
    now = int(bench.clock().timestamp())
    body = json.dumps(event, indent=2)
    letter = {
        "url": endpoint["url"],
        "secret": "whsec_forged" if odd == "forged" else endpoint["secret"],
        "at": now + (_LATE if odd == "late" else 0),
        "tries": 0,
        "event": event["id"],
        "body": body,
    }
    post: list[Row] = bench.state["post"]
    if odd == "out-of-order":
        bench.state["behind"].append(letter)
        return
    post.append(letter)
    if odd == "twice":
        post.append(dict(letter))
    if odd == "unknown":
        strange = {**event, "id": new_id(account, "evt"), "type": "made.up"}
        post.append({**letter, "body": json.dumps(strange), "event": strange["id"]})
    post += bench.state["behind"]
    bench.state["behind"] = []


def signature(secret: str, moment: int, body: str) -> str:
    """Return the header by which a receiver knows who sent *body*."""
    signed = f"{moment}.{body}".encode()
    made = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={moment},v1={made}"


def posted(bench: Bench) -> list[Row]:
    """Take what is due out of the post."""
    now = bench.clock().timestamp()
    with bench.lock:
        post: list[Row] = bench.state.get("post", [])
        due = [letter for letter in post if letter["at"] <= now]
        bench.state["post"] = [letter for letter in post if letter["at"] > now]
    return due


def returned(bench: Bench, letter: Row) -> None:
    """Put a letter that nobody took back, for later; give up after three days."""
    if letter["tries"] < len(RETRIES):
        at = int(bench.clock().timestamp()) + RETRIES[letter["tries"]]
        later = {**letter, "at": at, "tries": letter["tries"] + 1}
        with bench.lock:
            bench.state["post"].append(later)


def _list(call: Call, account: Account, params: Params) -> Answer:
    within = stated(params, "created")
    oldest = now_of(call) - _KEPT
    kinds = [*params.get("types", []), *([params["type"]] if "type" in params else [])]
    found = [
        copied(row)
        for row in account["events"].values()
        if row["created"] >= oldest
        and within(row["created"])
        and (not kinds or row["type"] in kinds)
    ]
    return paged(call, params, found, "event")


def _get(call: Call, account: Account, params: Params) -> Answer:
    del params
    row = found_in(account, "events", "event", call.path["event"])
    return Answer(200, copied(row))


def _endpoints(call: Call, account: Account, params: Params) -> Answer:
    """List endpoints; their secrets are shown once only, when they are made."""
    found = [
        {name: copied(value) for name, value in row.items() if name != "secret"}
        for row in account["endpoints"].values()
    ]
    return paged(call, params, found, "webhook_endpoint")


def _register(call: Call, account: Account, params: Params) -> Answer:
    url = str(required(params, "url"))
    events = params.get("enabled_events") or []
    if not events:
        malformed("Missing required param", "parameter_missing", "enabled_events")
    where = urlsplit(url)
    if where.scheme not in {"http", "https"} or where.hostname != "127.0.0.1":
        malformed("The sandbox tells nobody but 127.0.0.1", "url_invalid", "url")
    name = new_id(account, "we")
    row: dict[str, Any] = {
        "id": name,
        "object": "webhook_endpoint",
        "api_version": params.get("api_version"),
        "application": None,
        "created": now_of(call),
        "description": params.get("description"),
        "enabled_events": list(events),
        "livemode": False,
        "metadata": {},
        "secret": f"whsec_{name}",
        "status": "enabled",
        "url": url,
    }
    labelled(row, params)
    account["endpoints"][name] = row
    call.bench.effect("createWebhookEndpoint", name, key=key_of(call))
    return Answer(200, copied(row))


_E, _W = "rak_event_read", "rak_webhook"
_HOOKS: Final = "/v1/webhook_endpoints"
ROUTES: Final = (
    Route(
        "listEvents", "GET", "/v1/events", _list, _E, "EventListParams",
        PAGE - EXPAND | {"created", "type", "types"},
    ),
    Route(
        "getEvent", "GET", "/v1/events/{event}", _get, _E, "EventRetrieveParams",
        frozenset(),
    ),
    Route(
        "listWebhookEndpoints", "GET", _HOOKS, _endpoints, f"{_W}_read",
        "WebhookEndpointListParams", PAGE - EXPAND,
    ),
    Route(
        "createWebhookEndpoint", "POST", _HOOKS, _register, f"{_W}_write",
        "WebhookEndpointCreateParams",
        frozenset({"api_version", "description", "enabled_events", "metadata", "url"}),
    ),
)  # fmt: skip
