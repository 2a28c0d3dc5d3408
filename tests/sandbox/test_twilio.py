"""Twilio's emulator against the vendor's reference (twilio.com/docs/messaging/api)."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from reconciler.errors import ReconcilerError
from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.web import web

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SID, TOKEN = "AC" + "0a" * 16, "sandbox-twilio-token"
KEY = "SK" + "0b" * 16
OURS, THEIRS = "+15557122661", "+15558675310"
FATES = {
    "+31600000001": "undelivered",
    "+31600000002": "failed",
    "+31600000003": "failed-at-once",
    "+31600000004": "sent",
    "+31600000005": "queued",
}
ACCOUNT = {
    "sid": SID,
    "token": TOKEN,
    "keys": {KEY: "sandbox-key-secret"},
    "numbers": [OURS],
    "fates": FATES,
}
WORLD = World({"twilio": {"accounts": [ACCOUNT]}})
#: The properties of a Message in the reference's own schema.
PROPERTIES = {
    *("body", "num_segments", "direction", "from", "to", "date_updated", "price"),
    *("error_message", "uri", "account_sid", "num_media", "status", "sid"),
    *("messaging_service_sid", "date_sent", "date_created", "error_code"),
    *("price_unit", "api_version", "subresource_uris"),
}


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(WORLD, SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.clock.set(NOW, frozen=True)
    running.reset(WORLD)
    return running


def ask(
    sandbox: Sandbox,
    method: str,
    path: str = "",
    login: tuple[str, str] = (SID, TOKEN),
    query: dict[str, Any] | None = None,
    **form: Any,
) -> httpx.Response:
    base = f"{sandbox.endpoint('twilio')}/2010-04-01/Accounts/{SID}/Messages"
    coded = base64.b64encode(":".join(login).encode()).decode()
    headers = {"Authorization": f"Basic {coded}"}
    more: dict[str, Any] = {"data": form} if form else {}
    return web(
        method, f"{base}{path}.json", headers=headers, params=query or {}, **more
    )


def send(sandbox: Sandbox, to: str = THEIRS, **more: Any) -> httpx.Response:
    return ask(sandbox, "POST", **{"To": to, "From": OURS, "Body": "Hi there", **more})


def status(sandbox: Sandbox, sid: str) -> Any:
    return ask(sandbox, "GET", f"/{sid}").json()["status"]


def test_a_message_is_made_with_201_and_queued(sandbox: Sandbox) -> None:
    """The example of "Create a Message": every property of the schema, RFC 2822 dates."""
    answer = send(sandbox)
    said = answer.json()
    assert answer.status_code == 201
    assert said.keys() == PROPERTIES
    assert re.fullmatch("SM[0-9a-fA-F]{32}", said["sid"])
    assert (said["status"], said["direction"]) == ("queued", "outbound-api")
    assert (said["to"], said["from"], said["body"]) == (THEIRS, OURS, "Hi there")
    assert said["error_code"] is said["error_message"] is said["date_sent"] is None
    assert parsedate_to_datetime(said["date_created"]) == NOW
    assert said["uri"] == f"/2010-04-01/Accounts/{SID}/Messages/{said['sid']}.json"
    assert (said["num_segments"], said["num_media"]) == ("1", "0")


def test_the_status_moves_on_with_time(sandbox: Sandbox) -> None:
    """ "queued", "sending", "sent", "delivered"."""
    sid = send(sandbox).json()["sid"]
    seen = []
    for _ in range(20):
        seen.append(status(sandbox, sid))
        sandbox.clock.advance(timedelta(seconds=1))
    assert list(dict.fromkeys(seen)) == ["queued", "sending", "sent", "delivered"]


@pytest.mark.parametrize(
    ("to", "at_once", "end", "code"),
    [
        ("+31600000001", "queued", "undelivered", 30003),
        ("+31600000002", "queued", "failed", 30008),
        ("+31600000003", "failed", "failed", 30008),
        ("+31600000004", "queued", "sent", None),
        ("+31600000005", "queued", "queued", None),
    ],
)
def test_201_is_no_promise(
    sandbox: Sandbox, to: str, at_once: str, end: str, code: int | None
) -> None:
    """error_code: "if the Message status is failed or undelivered", else null."""
    answer = send(sandbox, to)
    assert (answer.status_code, answer.json()["status"]) == (201, at_once)
    sandbox.clock.advance(timedelta(days=3))
    said = ask(sandbox, "GET", f"/{answer.json()['sid']}").json()
    assert (said["status"], said["error_code"]) == (end, code)


@pytest.mark.parametrize(
    "login", [(SID, "wrong"), ("AC" + "f" * 32, TOKEN), (KEY, TOKEN), ("", "")]
)
def test_wrong_credentials_are_401(sandbox: Sandbox, login: tuple[str, str]) -> None:
    """Error 20003."""
    answer = ask(sandbox, "GET", login=login)
    assert answer.status_code == 401
    assert answer.json() == {
        "code": 20003,
        "message": "Authenticate",
        "more_info": "https://www.twilio.com/docs/errors/20003",
        "status": 401,
    }


def test_an_api_key_will_do(sandbox: Sandbox) -> None:
    """ "use the API key as your username and the API key secret as your password"."""
    assert ask(sandbox, "GET", login=(KEY, "sandbox-key-secret")).status_code == 200


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"To": ""}, 21604),
        ({"To": "5551234567"}, 21211),
        ({"To": "0031612345678"}, 21211),
        ({"From": ""}, 21603),
        ({"From": "+15550000000"}, 21606),
        ({"Body": ""}, 21602),
        ({"Body": "x" * 1601}, 21617),
    ],
)
def test_what_cannot_be_sent_is_400(
    sandbox: Sandbox, form: dict[str, str], code: int
) -> None:
    """``{code, message, more_info, status}``, by the table of errors."""
    answer = send(sandbox, **form)
    assert answer.status_code == 400
    assert answer.json()["code"] == code
    assert answer.json()["status"] == 400
    assert answer.json()["more_info"].endswith(str(code))


@pytest.mark.parametrize(
    "origin", [{"From": "Agency"}, {"MessagingServiceSid": "MG" + "1" * 32}]
)
def test_a_name_or_a_service_may_send(sandbox: Sandbox, origin: dict[str, str]) -> None:
    answer = ask(sandbox, "POST", To=THEIRS, Body="Hi", **origin)
    assert answer.status_code == 201
    assert answer.json()["from"] == origin.get("From")


def test_the_list_is_newest_first_filtered_and_in_pages(sandbox: Sandbox) -> None:
    """ "sorted by the DateSent field, from most recent"; next_page_uri, or null."""
    sids = []
    for _ in range(3):
        sids.append(send(sandbox).json()["sid"])
        sandbox.clock.advance(timedelta(minutes=1))
    send(sandbox, "+31600000004")
    whole = ask(sandbox, "GET", query={"To": THEIRS}).json()
    assert [row["sid"] for row in whole["messages"]] == sids[::-1]
    assert whole["next_page_uri"] is None
    first = ask(sandbox, "GET", query={"To": THEIRS, "PageSize": 2}).json()
    assert [row["sid"] for row in first["messages"]] == sids[:0:-1]
    assert first["next_page_uri"].endswith("PageSize=2&Page=1")
    assert (first["page"], first["page_size"]) == (0, 2)


def test_the_same_form_twice_is_two_messages(sandbox: Sandbox) -> None:
    """There is no idempotency key."""
    assert send(sandbox).json()["sid"] != send(sandbox).json()["sid"]
    assert len(sandbox.ledger.effects("twilio")) == 2


def test_another_sid_is_404(sandbox: Sandbox) -> None:
    answer = ask(sandbox, "GET", "/SM" + "f" * 32)
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)


def test_a_fate_can_be_changed_by_hand(sandbox: Sandbox) -> None:
    sid = send(sandbox).json()["sid"]
    sandbox.edit("twilio", "fate", {"number": THEIRS, "fate": "undelivered"})
    sandbox.clock.advance(timedelta(minutes=1))
    assert status(sandbox, sid) == "undelivered"
    with pytest.raises(ReconcilerError, match="a fate is one of"):
        sandbox.edit("twilio", "fate", {"number": THEIRS, "fate": "eaten"})
