"""
Vonage's SMS API and the records of its Reports API; stateful, in their wire format.

After the vendor's specifications (Nexmo/api-specification: ``sms.yml``,
``reports.yml``) and developer.vonage.com/messaging/sms/guides/troubleshooting-sms.
Kept: ``200`` whatever happens, with a status of its own for each message; numbers
without ``+``; records by id (with ``ids_not_found``) or by at most 24 hours, never by
both; ``{type, title, detail, instance}`` errors. The same form twice is two messages.

The world's part::

    vonage: {accounts: [{key: abcd1234, secret: ..., quota: 10,
             fates: {"31...": failed}}]}

A fate is what becomes of messages to a number: ``delivered`` (the usual one),
``failed``, ``rejected``, ``expired``, ``buffered`` (for ever), or a status of the
table as in ``status-7``. How late a record comes is a guess.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from reconciler.errors import ReconcilerError
from reconciler.model import sha256
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.rest import Answer, Call, Operation, rest

_NUMBER = re.compile(r"[0-9]{7,15}")
_LONGEST_REF = 40
_DAY = timedelta(days=1)
#: A record is there after so long, and its end is known after so long.
_SEEN, _ENDED = timedelta(minutes=1), timedelta(minutes=2)
_ENDS = frozenset({"delivered", "failed", "rejected", "expired"})
_WORDS = {
    1: "Throttled",
    4: "Bad Credentials",
    5: "Internal Error",
    6: "Unroutable message",
    7: "Number barred",
    9: "Partner quota violation",
    29: "Non White-listed Destination",
}
_CODES = {"delivered": ("0", "Delivered"), "failed": ("1", "Unknown")}


def make(bench: Bench) -> Server:
    """Return the emulator's server over *bench*."""
    if "accounts" not in bench.state:
        bench.state["accounts"] = {
            str(one["key"]): {
                "secret": str(one["secret"]),
                "quota": one.get("quota"),
                "fates": dict(one.get("fates", {})),
                "messages": [],
            }
            for one in bench.world["accounts"]
        }
    operations = [
        Operation("sendSms", ("POST",), "/sms/json", _send),
        Operation("getRecords", ("GET",), "/v2/reports/records", _records),
    ]
    return rest(bench, operations, _problem(404, "not-found", "Not Found", ""))


def _said(*messages: Mapping[str, str]) -> Answer:
    return Answer(200, {"message-count": str(len(messages)), "messages": [*messages]})


def _wrong(status: int, text: str = "") -> Answer:
    words = text or _WORDS.get(status, "Error")
    return _said({"status": str(status), "error-text": words})


def _problem(status: int, kind: str, title: str, detail: str) -> Answer:
    return Answer(
        status,
        {
            "type": f"https://developer.nexmo.com/api-errors#{kind}",
            "title": title,
            "detail": detail,
            "instance": "f94b4e56604e07e5e5ad5a7228618f81",
        },
    )


def _send(call: Call) -> Answer:
    form = call.form
    for field in ("api_key", "api_secret", "from", "to", "text"):
        if not form.get(field):
            return _wrong(2, f"Missing {field}")
    account = call.state["accounts"].get(form["api_key"])
    wrong = account is None or form["api_secret"] != account["secret"]
    if wrong or call.faulty == "wrong-account":
        return _wrong(4)
    if not _NUMBER.fullmatch(form["to"]):
        return _wrong(3, "Invalid to parameter")
    if len(form.get("client-ref", "")) > _LONGEST_REF:
        return _wrong(3, "Invalid client-ref parameter")
    fate = account["fates"].get(form["to"], "delivered")
    if fate.startswith("status-"):
        return _wrong(int(fate.removeprefix("status-")))
    if account["quota"] is not None and len(account["messages"]) >= account["quota"]:
        return _wrong(9)
    number = len(account["messages"]) + 1
    row = {
        "id": sha256([form["api_key"], number])[:16].upper(),
        "to": form["to"],
        "from": form["from"],
        "ref": form.get("client-ref", ""),
        "text": form["text"],
        "made": call.bench.clock().isoformat(),
        "fate": fate,
    }
    account["messages"].append(row)
    call.bench.effect("sendSms", form["to"], id=row["id"], text=form["text"])
    return _said(
        {
            "to": form["to"],
            "message-id": row["id"],
            "status": "0",
            "remaining-balance": "15.53590000",
            "message-price": "0.03330000",
            "network": "20416",
        }
    )


def _records(call: Call) -> Answer:
    query = call.query
    name, secret = _login(call.headers.get("authorization", ""))
    account = call.state["accounts"].get(name)
    if account is None or account["secret"] != secret:
        detail = "You did not provide correct credentials."
        return _problem(401, "unauthorized", "Unauthorized", detail)
    if query.get("account_id") != name:
        detail = "User not authorized to query the requested data"
        return _problem(403, "forbidden", "Forbidden", detail)
    refusal = _not_asked_well(query)
    if refusal is not None:
        return refusal
    now = call.bench.clock()
    known = [row for row in account["messages"] if now - _made(row) >= _SEEN]
    said: dict[str, Any] = {}
    if "id" in query:
        wanted = query["id"].split(",")
        found = [row for row in known if row["id"] in wanted]
        missing = set(wanted) - {row["id"] for row in found}
        if missing:
            said["ids_not_found"] = ",".join(sorted(missing))
    else:
        start, end = _moment(query["date_start"]), _moment(query["date_end"])
        found = [row for row in known if start <= _made(row) < end]
    records = [_record(name, row, now) for row in found]
    self_link = {"href": "https://api.nexmo.com/v2/reports/records"}
    return Answer(
        200,
        {
            "_links": {"self": self_link},
            "request_id": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
            "request_status": "SUCCESS",
            "received_at": _written(now),
            "items_count": len(records),
            "product": "SMS",
            "account_id": name,
            "direction": "outbound",
            "include_message": query.get("include_message") == "true",
            "records": records,
            **said,
        },
    )


def _not_asked_well(query: Mapping[str, str]) -> Answer | None:
    for field in ("product", "direction"):
        if field not in query:
            return _missing(field)
    if "id" in query:
        both = sorted({"date_start", "date_end", "status"} & query.keys())
        if both:
            detail = "When using message_id, the following parameters are not supported"
            detail = f"{detail}: [{', '.join(both)}]"
            return _problem(422, "invalid-filter", "Invalid filter", detail)
        return None
    for field in ("date_start", "date_end"):
        if field not in query:
            return _missing(field)
    if _moment(query["date_end"]) - _moment(query["date_start"]) > _DAY:
        return _missing("date_end", "Must be no more than 24 hours later")
    return None


def _missing(field: str, reason: str = "Missing required parameter") -> Answer:
    said = {
        "title": "Unprocessable entity",
        "invalid_parameters": [{"reason": reason, "name": field}],
        "instance": "f94b4e56604e07e5e5ad5a7228618f81",
    }
    return Answer(422, said)


def _record(account: str, row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    over = row["fate"] in _ENDS and now - _made(row) >= _ENDED
    status = row["fate"] if over else "buffered"
    code, words = _CODES.get(status, ("99", "General Error"))
    return {
        "account_id": account,
        "message_id": row["id"],
        "client_ref": row["ref"],
        "direction": "outbound",
        "from": row["from"],
        "to": row["to"],
        "network": "20416",
        "network_name": "T-Mobile",
        "country": "NL",
        "country_name": "Netherlands",
        "date_received": _written(_made(row)),
        "date_finalized": _written(_made(row) + _ENDED) if over else None,
        "latency": "120000" if over else None,
        "status": status,
        "error_code": code,
        "error_code_description": words,
        "currency": "EUR",
        "total_price": "0.03330000",
    }


def _login(header: str) -> tuple[str, str]:
    scheme, _, coded = header.partition(" ")
    try:
        name, _, secret = base64.b64decode(coded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return (name, secret) if scheme == "Basic" else ("", "")


def _made(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["made"])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S+0000")


def edit(bench: Bench, thing: str, data: Mapping[str, Any]) -> None:
    """Change the fate of a number, and of what is under way to it."""
    if thing != "fate":
        raise ReconcilerError("only the fate of a number can be changed here")
    for account in bench.state["accounts"].values():
        account["fates"][data["number"]] = data["fate"]
        for row in account["messages"]:
            if row["to"] == data["number"]:
                row["fate"] = data["fate"]


EMULATOR = Emulator("vonage", "", 18731, make, edit)
