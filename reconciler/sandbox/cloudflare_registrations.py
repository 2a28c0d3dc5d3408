"""
Cloudflare Registrar's registrations, as its API has them since 2026.

After Cloudflare's OpenAPI file (Registrar: registrations): cursors, registration
resources, updates of ``auto_renew`` as workflows (200 where one is done at once, 202
and ``update-status`` where not, and where ``Prefer: respond-async`` asks for it), code
10000 for every error. Nothing can be renewed, locked or hidden by API.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from reconciler.sandbox import registrar
from reconciler.sandbox.cloudflare_records import Refused
from reconciler.sandbox.cloudflare_words import bad, good
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.rest import Answer, Call

USUAL = 20
#: All errors of this part of the API have this code.
CODE = 10000
_STATUSES = {
    "active": "active",
    "grace": "expired",
    "redemption": "redemption_period",
    "pending-delete": "pending_delete",
}

Account = dict[str, Any]
Row = dict[str, Any]


def _whose(call: Call, account: Account) -> None:
    if call.path["account"] != account["id"]:
        raise Refused(403, CODE, "Forbidden")


def _row(call: Call, account: Account) -> tuple[str, Row]:
    _whose(call, account)
    name = call.path["domain"].lower()
    row = account["domains"].get(name)
    if row is None or registrar.phase(row, call.bench.clock()) == "gone":
        raise Refused(404, CODE, "Domain not found")
    return name, row


def _list(call: Call, account: Account) -> Answer:
    """Return one page, by registration date."""
    _whose(call, account)
    now = call.bench.clock()
    rows = [] if call.faulty == "empty" else registrar.listed(account, now)
    rows.sort(key=lambda pair: (str(pair[1]["created"]), pair[0]))
    size = int(call.query.get("per_page") or USUAL)
    start = _start(call.query.get("cursor", ""))
    if call.faulty == "duplicate-page":
        start = 0
    shown = [_shown(name, row, now) for name, row in rows[start : start + size]]
    more = start + size < len(rows) and call.faulty != "duplicate-page"
    cursor = _cursor(start + size) if more else ""
    info = {"count": len(shown), "cursor": cursor, "per_page": size}
    return good(shown, result_info=info)


def _cursor(start: int) -> str:
    return base64.b64encode(json.dumps({"at": start}).encode()).decode()


def _start(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        return int(json.loads(base64.b64decode(cursor, validate=True))["at"])
    except (ValueError, KeyError, TypeError):
        raise Refused(400, CODE, "Invalid pagination cursor") from None


def _shown(name: str, row: Row, now: datetime) -> dict[str, Any]:
    pending = row["prohibited"]
    return {
        "auto_renew": row["auto_renew"],
        "created_at": _when(row["created"]),
        "domain_name": name,
        "expires_at": None if pending else _when(row["expires"]),
        "locked": row["locked"],
        "privacy_mode": "redaction" if row["privacy"] else "off",
        "status": "registration_pending"
        if pending
        else _STATUSES[registrar.phase(row, now)],
    }


def _when(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%dT%H:%M:%SZ")


def _get(call: Call, account: Account) -> Answer:
    name, row = _row(call, account)
    return good(_shown(name, row, call.bench.clock()))


def _update(call: Call, account: Account) -> Answer:
    """Begin a workflow; it ends at once unless there is a latency or a preference."""
    name, _ = _row(call, account)
    wanted = (call.json or {}).get("auto_renew")
    if not isinstance(wanted, bool):
        pointer = {"pointer": "/auto_renew"}
        return bad(400, CODE, "Must be a boolean if present", pointer)
    now, state = call.bench.clock(), call.bench.state
    later = "respond-async" in call.headers.get("prefer", "")
    state["workflows"][name] = {
        "account": account["id"],
        "auto_renew": wanted,
        "state": "in_progress",
        "created": now.isoformat(),
        "updated": now.isoformat(),
        "due": (now + timedelta(seconds=state["latency"])).isoformat(),
    }
    if not later:
        settle(call.bench)
    return _workflow(call, account, name)


def _status(call: Call, account: Account) -> Answer:
    name, _ = _row(call, account)
    if name not in call.state["workflows"]:
        return bad(404, CODE, f"No workflow found for {name}")
    return _workflow(call, account, name)._replace(status=200)


def _workflow(call: Call, account: Account, name: str) -> Answer:
    work = call.bench.state["workflows"][name]
    resource = f"/accounts/{account['id']}/registrar/registrations/{name}"
    ended = work["state"] in {"succeeded", "failed"}
    context: dict[str, Any] = {"domain_name": name}
    if work["state"] == "succeeded":
        row = account["domains"][name]
        context["registration"] = _shown(name, row, call.bench.clock())
    said: dict[str, Any] = {
        "completed": ended,
        "context": context,
        "created_at": _when(work["created"]),
        "links": {"resource": resource, "self": f"{resource}/update-status"},
        "state": work["state"],
        "updated_at": _when(work["updated"]),
    }
    if work["state"] == "failed":
        message = "Registry rejected the update request."
        said["error"] = {"code": "registry_rejected", "message": message}
    answer = good(said, 200 if ended else 202)
    where = {} if ended else {"Location": f"{resource}/update-status"}
    return answer._replace(headers={**answer.headers, **where})


def settle(bench: Bench) -> None:
    """End the workflows whose time has come."""
    now = bench.clock()
    for name, work in bench.state["workflows"].items():
        due = datetime.fromisoformat(work["due"]) <= now
        if work["state"] != "in_progress" or not due:
            continue
        for account in bench.state["accounts"]:
            if account["id"] == work["account"] and name in account["domains"]:
                account["domains"][name]["auto_renew"] = work["auto_renew"]
                bench.effect("update-registration", name, on=work["auto_renew"])
        work.update(state="succeeded", updated=now.isoformat())


_ALL = "/accounts/{account}/registrar/registrations"
_ONE = _ALL + "/{domain}"
TABLE: tuple[tuple[str, str, str, Callable[[Call, Account], Answer]], ...] = (
    ("list-registrations", "GET", _ALL, _list),
    ("get-registration", "GET", _ONE, _get),
    ("update-registration", "PATCH", _ONE, _update),
    ("get-update-status", "GET", _ONE + "/update-status", _status),
)
