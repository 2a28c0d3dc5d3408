"""
Twilio's Messages resource; stateful, in its wire format.

After the vendor's reference (twilio.com/docs/messaging/api/message-resource and
/docs/api/errors). Kept: Basic authentication by the account or an API key, forms,
``201`` with a message whose status moves on with the clock, errors as ``{code, message,
more_info, status}``, the list with its filters and pages. There is no idempotency key:
the same form twice is two messages.

The world's part::

    twilio: {accounts: [{sid: AC..., token: ..., keys: {SK...: ...}, numbers: [+1...],
             fates: {"+31...": undelivered}}]}

A fate is what becomes of messages to a number: ``delivered`` (the usual one),
``undelivered``, ``failed`` (later), ``failed-at-once`` (201 that says failed), ``sent``
or ``queued`` (for ever). How fast a status changes is a guess.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from reconciler.errors import ReconcilerError
from reconciler.model import sha256
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.rest import Answer, Call, Operation, rest

API = "2010-04-01"
_AT = f"/{API}/Accounts/{{account}}/Messages"
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_NAME = re.compile(r"[A-Za-z0-9 ]{1,11}")
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_LONGEST = 1600
_MOST = 1000
#: Fate -> the status that is reached after so many seconds.
_COURSE: dict[str, tuple[tuple[int, str], ...]] = {
    "delivered": ((0, "queued"), (1, "sending"), (2, "sent"), (10, "delivered")),
    "undelivered": ((0, "queued"), (1, "sending"), (2, "sent"), (30, "undelivered")),
    "failed": ((0, "queued"), (1, "sending"), (20, "failed")),
    "failed-at-once": ((0, "failed"),),
    "sent": ((0, "queued"), (1, "sending"), (2, "sent")),
    "queued": ((0, "queued"),),
}
_ERRORS = {"undelivered": 30003, "failed": 30008}

Account = dict[str, Any]
Serve = Callable[[Call, Account], Answer]


def make(bench: Bench) -> Server:
    """Return the emulator's server over *bench*."""
    if "accounts" not in bench.state:
        bench.state["accounts"] = {
            str(one["sid"]): {
                "token": str(one["token"]),
                "keys": dict(one.get("keys", {})),
                "numbers": list(one.get("numbers", ())),
                "fates": dict(one.get("fates", {})),
                "messages": [],
            }
            for one in bench.world["accounts"]
        }
    operations = [
        Operation("createMessage", ("POST",), f"{_AT}.json", _own(_create)),
        Operation("listMessages", ("GET",), f"{_AT}.json", _own(_list)),
        Operation("fetchMessage", ("GET",), f"{_AT}/{{sid}}.json", _own(_fetch)),
    ]
    missing = error(404, 20404, "The requested resource was not found")
    return rest(bench, operations, missing)


def error(status: int, code: int, message: str) -> Answer:
    """Return an error as the REST API writes it."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    said = {"code": code, "message": message, "more_info": more, "status": status}
    return Answer(status, said)


def _own(serve: Serve) -> Callable[[Call], Answer]:
    def own(call: Call) -> Answer:
        account = call.state["accounts"].get(call.path["account"])
        name, secret = _login(call.headers.get("authorization", ""))
        good = account and secret in {
            account["token"] if name == call.path["account"] else None,
            account["keys"].get(name),
        }
        if not good or call.faulty == "wrong-account":
            return error(401, 20003, "Authenticate")
        return serve(call, account)

    return own


def _login(header: str) -> tuple[str, str]:
    scheme, _, coded = header.partition(" ")
    if scheme != "Basic":
        return "", ""
    try:
        name, _, secret = base64.b64decode(coded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, secret


def _create(call: Call, account: Account) -> Answer:
    form = call.form
    to, body = form.get("To", ""), form.get("Body", "")
    sender, service = form.get("From", ""), form.get("MessagingServiceSid", "")
    if not to:
        return error(400, 21604, "A 'To' phone number is required.")
    if not _NUMBER.fullmatch(to):
        return error(400, 21211, f"Invalid 'To' Phone Number: {to}")
    if not sender and not service:
        return error(400, 21603, "A 'From' phone number is required.")
    if sender and sender not in account["numbers"] and not _named(sender):
        message = f"The From phone number {sender} is not owned by your account."
        return error(400, 21606, message)
    if service and not _SERVICE.fullmatch(service):
        return error(404, 21701, "The Messaging Service does not exist.")
    if not body:
        return error(400, 21602, "Message body is required.")
    if len(body) > _LONGEST:
        message = "The concatenated message body exceeds the 1600 character limit."
        return error(400, 21617, message)
    number = len(account["messages"]) + 1
    row = {
        "sid": f"SM{sha256([call.path['account'], number])[:32]}",
        "to": to,
        "from": sender or None,
        "service": service or None,
        "body": body,
        "made": call.bench.clock().isoformat(),
        "fate": account["fates"].get(to, "delivered"),
    }
    account["messages"].append(row)
    call.bench.effect("createMessage", to, sid=row["sid"], body=body)
    return Answer(201, _shown(call, row))


def _named(sender: str) -> bool:
    """Whether it is a name: at least one letter, no number."""
    return bool(_NAME.fullmatch(sender)) and not sender.isdigit()


def _fetch(call: Call, account: Account) -> Answer:
    for row in account["messages"]:
        if row["sid"] == call.path["sid"]:
            return Answer(200, _shown(call, row))
    path = f"/{API}/Accounts/{call.path['account']}/Messages/{call.path['sid']}.json"
    return error(404, 20404, f"The requested resource {path} was not found")


def _list(call: Call, account: Account) -> Answer:
    """Return a page, the newest first; ``To`` and ``From`` filter."""
    query = call.query
    size = min(int(query.get("PageSize", "50")), _MOST)
    page = int(query.get("Page", "0"))
    found = [
        row
        for row in reversed(account["messages"])
        if query.get("To", row["to"]) == row["to"]
        and query.get("From", row["from"]) == row["from"]
    ]
    shown = found[page * size : (page + 1) * size]
    uri = f"/{API}/Accounts/{call.path['account']}/Messages.json"
    more = len(found) > (page + 1) * size
    return Answer(
        200,
        {
            "messages": [_shown(call, row) for row in shown],
            "page": page,
            "page_size": size,
            "start": page * size,
            "end": page * size + max(0, len(shown) - 1),
            "uri": f"{uri}?PageSize={size}&Page={page}",
            "first_page_uri": f"{uri}?PageSize={size}&Page=0",
            "next_page_uri": f"{uri}?PageSize={size}&Page={page + 1}" if more else None,
            "previous_page_uri": None,
        },
    )


def _shown(call: Call, row: Mapping[str, Any]) -> dict[str, Any]:
    made = datetime.fromisoformat(row["made"])
    status, since = _status(row, call.bench.clock() - made)
    account = call.path["account"]
    at = f"/{API}/Accounts/{account}/Messages/{row['sid']}"
    went = status not in {"queued", "sending"}
    return {
        "account_sid": account,
        "api_version": API,
        "body": row["body"],
        "date_created": format_datetime(made),
        "date_sent": format_datetime(made + since) if went else None,
        "date_updated": format_datetime(made + since),
        "direction": "outbound-api",
        "error_code": _ERRORS.get(status),
        "error_message": None,
        "from": row["from"],
        "messaging_service_sid": row["service"],
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": "USD",
        "sid": row["sid"],
        "status": status,
        "subresource_uris": {"media": f"{at}/Media.json"},
        "to": row["to"],
        "uri": f"{at}.json",
    }


def _status(row: Mapping[str, Any], age: timedelta) -> tuple[str, timedelta]:
    reached = [
        (status, timedelta(seconds=after))
        for after, status in _COURSE[row["fate"]]
        if age >= timedelta(seconds=after)
    ]
    return reached[-1]


def edit(bench: Bench, thing: str, data: Mapping[str, Any]) -> None:
    """Change the fate of a number, and of what is under way to it."""
    if thing != "fate" or data.get("fate") not in _COURSE:
        raise ReconcilerError(f"a fate is one of {', '.join(_COURSE)}")
    for account in bench.state["accounts"].values():
        account["fates"][data["number"]] = data["fate"]
        for row in account["messages"]:
            if row["to"] == data["number"]:
                row["fate"] = data["fate"]


EMULATOR = Emulator("twilio", "", 18730, make, edit)
