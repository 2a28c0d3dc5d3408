"""
Somebody outside who is told: a webhook's receiver, and a check that waits for pings.

``POST /hooks/<name>`` takes signed JSON as Standard Webhooks 1.0.0 wants it
(standardwebhooks.com): a bad or missing signature is 401, one that is more than five
minutes old too. ``POST /ping/<name>`` and ``/ping/<name>/fail`` are those of
healthchecks.io (healthchecks.io/docs/http_api). ``GET /receiver/hooks`` and
``/receiver/pings`` of the control endpoint list what came. The world's part is
``{secret: whsec_...}``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta
from typing import Any, Final

from reconciler.errors import ReconcilerError
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.rest import Answer, Call, Operation, rest

_OLD: Final = timedelta(minutes=5)
_THINGS: Final = ("hooks", "pings")


def make(bench: Bench) -> Server:
    """Return the receiver over *bench*."""
    unknown = sorted(set(bench.world) - {"secret"})
    if unknown:
        raise ReconcilerError(f"the receiver's world has no part {unknown[0]!r}")
    for thing in _THINGS:
        bench.state.setdefault(thing, [])
    return rest(
        bench,
        [
            Operation("hook", ("POST",), "/hooks/{name}", _hook),
            Operation("ping", ("POST",), "/ping/{name}", _ping),
            Operation("fail", ("POST",), "/ping/{name}/fail", _fail),
        ],
        Answer(404, {"error": "not found"}),
    )


def _hook(call: Call) -> Answer:
    trouble = _forged(call)
    if trouble:
        return Answer(401, {"error": trouble})
    identity = call.headers["webhook-id"]
    known = {hook["id"] for hook in call.state["hooks"]}
    if identity not in known:
        kept = {"at": _now(call), "name": call.path["name"], "id": identity}
        call.state["hooks"].append({**kept, "body": call.json})
        call.bench.effect("hook", call.path["name"], key=identity)
    return Answer(200, {"ok": True})


def _forged(call: Call) -> str:
    """Return why a request is not believed; empty where it is."""
    secret = call.bench.world.get("secret")
    if secret is None:
        return ""
    identity = call.headers.get("webhook-id", "")
    stamp = call.headers.get("webhook-timestamp", "")
    if not (identity and stamp.isdecimal()):
        return "webhook-id or webhook-timestamp is missing"
    if abs(call.bench.clock().timestamp() - int(stamp)) > _OLD.total_seconds():
        return "webhook-timestamp is too old"
    key = base64.b64decode(str(secret).removeprefix("whsec_"))
    signed = f"{identity}.{stamp}.".encode() + call.body
    good = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = call.headers.get("webhook-signature", "").split()
    fits = any(hmac.compare_digest(one, f"v1,{good}") for one in given)
    return "" if fits else "webhook-signature does not fit"


def _ping(call: Call) -> Answer:
    return _pinged(call, good=True)


def _fail(call: Call) -> Answer:
    return _pinged(call, good=False)


def _pinged(call: Call, *, good: bool) -> Answer:
    said = call.body.decode("utf-8", "replace")
    name = call.path["name"]
    kept = {"at": _now(call), "name": name, "good": good, "said": said}
    call.state["pings"].append(kept)
    call.bench.effect("ping" if good else "fail", name)
    return Answer(200, "OK")


def _now(call: Call) -> str:
    return call.bench.clock().isoformat()


def look(bench: Bench, thing: str) -> Any:
    """Return what came, the oldest first: ``hooks`` or ``pings``."""
    if thing not in _THINGS:
        raise ReconcilerError(f"a receiver has {' and '.join(_THINGS)}")
    return bench.state[thing]


EMULATOR = Emulator("receiver", "", 18717, make, look=look)
