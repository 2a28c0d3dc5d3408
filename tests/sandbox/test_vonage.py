"""Vonage's emulator against sms.yml, reports.yml and the guide to failed SMS."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from reconciler.errors import ReconcilerError
from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.web import web

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
KEY, SECRET = "abcd1234", "abcdef0123456789"
TO = "447700900000"
FATES = {
    "447700900001": "rejected",
    "447700900002": "buffered",
    "447700900007": "status-7",
}
ACCOUNT = {"key": KEY, "secret": SECRET, "quota": 5, "fates": FATES}
WORLD = World({"vonage": {"accounts": [ACCOUNT]}})
#: Of an outbound SMS in reports.yml (json_sms_outbound).
RECORD = {
    *("account_id", "message_id", "client_ref", "direction", "from", "to", "network"),
    *("network_name", "country", "country_name", "date_received", "date_finalized"),
    *("latency", "status", "error_code", "error_code_description", "currency"),
    "total_price",
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


def send(sandbox: Sandbox, **more: Any) -> httpx.Response:
    form = {
        "api_key": KEY,
        "api_secret": SECRET,
        "from": "AcmeInc",
        "to": TO,
        "text": "Hello World!",
        **more,
    }
    return web("POST", f"{sandbox.endpoint('vonage')}/sms/json", data=form)


def records(
    sandbox: Sandbox, login: str = f"{KEY}:{SECRET}", **query: str
) -> httpx.Response:
    whole = {"account_id": KEY, "product": "SMS", "direction": "outbound", **query}
    coded = base64.b64encode(login.encode()).decode()
    url = f"{sandbox.endpoint('vonage')}/v2/reports/records"
    return web("GET", url, headers={"Authorization": f"Basic {coded}"}, params=whole)


def test_taken_is_200_with_status_0(sandbox: Sandbox) -> None:
    """The first example of the guide; all values are text."""
    answer = send(sandbox)
    said = answer.json()
    assert answer.status_code == 200
    assert said["message-count"] == "1"
    (part,) = said["messages"]
    assert part["status"] == "0"
    assert part["to"] == TO
    assert len(part["message-id"]) == 16
    assert {"remaining-balance", "message-price", "network"} < part.keys()


@pytest.mark.parametrize(
    ("more", "status", "text"),
    [
        ({"to": ""}, "2", "Missing to"),
        ({"text": ""}, "2", "Missing text"),
        ({"to": "+447700900000"}, "3", "Invalid to parameter"),
        ({"client-ref": "x" * 41}, "3", "Invalid client-ref parameter"),
        ({"api_secret": "wrong"}, "4", "Bad Credentials"),
        ({"api_key": "ffff0000"}, "4", "Bad Credentials"),
        ({"to": "447700900007"}, "7", "Number barred"),
    ],
)
def test_a_refusal_is_200_too(
    sandbox: Sandbox, more: dict[str, str], status: str, text: str
) -> None:
    """ "A status of zero indicates success; a non-zero value means something went wrong"."""
    answer = send(sandbox, **more)
    assert answer.status_code == 200
    assert answer.json() == {
        "message-count": "1",
        "messages": [{"status": status, "error-text": text}],
    }
    assert sandbox.ledger.effects("vonage") == []


def test_over_the_quota_is_200_with_status_9(sandbox: Sandbox) -> None:
    said = [send(sandbox).json()["messages"][0]["status"] for _ in range(6)]
    assert said == ["0"] * 5 + ["9"]


def test_a_record_comes_later_and_ends_later_still(sandbox: Sandbox) -> None:
    """ids_not_found; every field of json_sms_outbound; buffered, then delivered."""
    ref = "f" * 32
    identity = send(sandbox, **{"client-ref": ref}).json()["messages"][0]["message-id"]
    early = records(sandbox, id=identity).json()
    assert (early["records"], early["ids_not_found"]) == ([], identity)
    sandbox.clock.advance(timedelta(minutes=1))
    (record,) = records(sandbox, id=identity).json()["records"]
    assert record.keys() == RECORD
    assert (record["status"], record["client_ref"]) == ("buffered", ref)
    assert record["date_received"] == "2026-11-22T09:00:00+0000"
    sandbox.clock.advance(timedelta(minutes=1))
    (record,) = records(sandbox, id=identity).json()["records"]
    assert (record["status"], record["error_code"]) == ("delivered", "0")
    assert record["error_code_description"] == "Delivered"


@pytest.mark.parametrize(
    ("to", "end"), [("447700900001", "rejected"), ("447700900002", "buffered")]
)
def test_what_becomes_of_it(sandbox: Sandbox, to: str, end: str) -> None:
    identity = send(sandbox, to=to).json()["messages"][0]["message-id"]
    sandbox.clock.advance(timedelta(days=2))
    (record,) = records(sandbox, id=identity).json()["records"]
    assert record["status"] == end


def test_records_of_a_time(sandbox: Sandbox) -> None:
    """date_start is inclusive, date_end exclusive."""
    send(sandbox)
    sandbox.clock.advance(timedelta(hours=1))
    at, later = "2026-11-22T09:00:00Z", "2026-11-22T09:30:00Z"
    found = records(sandbox, date_start=at, date_end=later).json()
    assert found["items_count"] == len(found["records"]) == 1
    before = records(sandbox, date_start="2026-11-22T08:00:00Z", date_end=at)
    assert before.json()["records"] == []


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"date_start": "2026-11-22T09:00:00Z"},
        {"date_start": "2026-11-20T09:00:00Z", "date_end": "2026-11-22T09:00:00Z"},
        {"id": "A" * 16, "date_start": "2026-11-22T09:00:00Z"},
    ],
)
def test_what_is_not_asked_well_is_422(sandbox: Sandbox, query: dict[str, str]) -> None:
    """Missing dates, more than 24 hours, id together with dates."""
    answer = records(sandbox, **query)
    assert answer.status_code == 422
    assert answer.json()["title"] in {"Unprocessable entity", "Invalid filter"}


def test_wrong_credentials_are_401_and_another_account_403(sandbox: Sandbox) -> None:
    assert records(sandbox, f"{KEY}:wrong", id="A" * 16).status_code == 401
    other = records(sandbox, id="A" * 16, account_id="ffff0000")
    assert (other.status_code, other.json()["title"]) == (403, "Forbidden")


def test_the_same_form_twice_is_two_messages(sandbox: Sandbox) -> None:
    ids = {send(sandbox).json()["messages"][0]["message-id"] for _ in range(2)}
    assert len(ids) == 2


def test_a_fate_can_be_changed_by_hand(sandbox: Sandbox) -> None:
    identity = send(sandbox).json()["messages"][0]["message-id"]
    sandbox.edit("vonage", "fate", {"number": TO, "fate": "expired"})
    sandbox.clock.advance(timedelta(minutes=5))
    (record,) = records(sandbox, id=identity).json()["records"]
    assert record["status"] == "expired"
    with pytest.raises(ReconcilerError, match="only the fate"):
        sandbox.edit("vonage", "quota", {})
