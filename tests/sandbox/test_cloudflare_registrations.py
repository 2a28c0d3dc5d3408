"""Cloudflare's emulator of registrations against its OpenAPI file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.web import web

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
DOMAINS: dict[str, Any] = {
    "old.example": {"expires": 100, "created": -900},
    "new.example": {"expires": 100, "created": -100, "privacy": False},
    "mid.example": {"expires": -5, "created": -500, "autoRenew": False},
    "pending.example": {"expires": 100, "created": 0, "prohibited": True},
}
ZONES = [{"name": "zone.example"}]
ACCOUNT = {"id": "acc1", "token": "t1", "domains": DOMAINS, "zones": ZONES}
WORLD = World({"cloudflare": {"accounts": [ACCOUNT, {"id": "acc2", "token": "t2"}]}})
ALL = "/accounts/acc1/registrar/registrations"
ONE = f"{ALL}/old.example"


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
    path: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    **query: Any,
) -> httpx.Response:
    url = sandbox.endpoint("cloudflare") + path
    sent = {"Authorization": "Bearer t1", **(headers or {})}
    return web(method, url, headers=sent, json=body, params=query)


def test_a_registration(sandbox: Sandbox) -> None:
    """The example "Active domain" of "Get Registration"."""
    assert ask(sandbox, "GET", ONE).json() == {
        "errors": [],
        "messages": [],
        "result": {
            "auto_renew": True,
            "created_at": "2024-06-05T09:00:00Z",
            "domain_name": "old.example",
            "expires_at": "2027-03-02T09:00:00Z",
            "locked": True,
            "privacy_mode": "redaction",
            "status": "active",
        },
        "success": True,
    }


def test_errors_have_one_code(sandbox: Sandbox) -> None:
    """The example "Domain not found"."""
    said = ask(sandbox, "GET", f"{ALL}/none.example")
    assert said.status_code == 404
    assert said.json() == {
        "errors": [{"code": 10000, "message": "Domain not found"}],
        "messages": [],
        "result": None,
        "success": False,
    }
    other = ask(sandbox, "GET", "/accounts/acc2/registrar/registrations")
    assert other.status_code == 403
    wrong = ask(sandbox, "GET", ONE, headers={"Authorization": "Bearer x"})
    assert wrong.status_code == 403


def test_pages_have_cursors(sandbox: Sandbox) -> None:
    """By registration date; an empty cursor is the last page; 20 by default."""
    first = ask(sandbox, "GET", ALL, per_page=3).json()
    assert first["result_info"]["count"] == 3
    cursor = first["result_info"]["cursor"]
    assert cursor
    last = ask(sandbox, "GET", ALL, per_page=3, cursor=cursor).json()
    assert last["result_info"] == {"count": 1, "cursor": "", "per_page": 3}
    names = [row["domain_name"] for row in (*first["result"], *last["result"])]
    assert names == ["old.example", "mid.example", "new.example", "pending.example"]
    assert ask(sandbox, "GET", ALL).json()["result_info"]["per_page"] == 20
    wrong = ask(sandbox, "GET", ALL, cursor="%%%")
    assert wrong.status_code == 400
    assert wrong.json()["errors"][0]["message"] == "Invalid pagination cursor"


def test_statuses(sandbox: Sandbox) -> None:
    """ "Only registration_pending and transfer_pending may return null"."""
    rows = {r["domain_name"]: r for r in ask(sandbox, "GET", ALL).json()["result"]}
    assert rows["mid.example"]["status"] == "expired"
    assert rows["new.example"]["privacy_mode"] == "off"
    pending = rows["pending.example"]
    assert (pending["status"], pending["expires_at"]) == ("registration_pending", None)


def test_an_update_that_is_done_at_once(sandbox: Sandbox) -> None:
    """200, ``succeeded``, with the registration in ``context``."""
    said = ask(sandbox, "PATCH", ONE, {"auto_renew": False})
    assert said.status_code == 200
    work = said.json()["result"]
    assert (work["state"], work["completed"]) == ("succeeded", True)
    assert work["context"]["registration"]["auto_renew"] is False
    assert work["links"] == {"resource": ONE, "self": f"{ONE}/update-status"}
    assert ask(sandbox, "GET", ONE).json()["result"]["auto_renew"] is False


def test_an_update_that_takes_a_while(sandbox: Sandbox) -> None:
    """202 with a Location; then ``update-status``."""
    sandbox.bench("cloudflare").state["latency"] = 30
    said = ask(sandbox, "PATCH", ONE, {"auto_renew": False})
    assert said.status_code == 202
    assert said.headers["location"] == f"{ONE}/update-status"
    assert said.json()["result"]["completed"] is False
    status = ask(sandbox, "GET", f"{ONE}/update-status")
    assert (status.status_code, status.json()["result"]["state"]) == (
        200,
        "in_progress",
    )
    sandbox.clock.advance(timedelta(seconds=30))
    status = ask(sandbox, "GET", f"{ONE}/update-status").json()["result"]
    assert status["state"] == "succeeded"


def test_who_prefers_it_is_answered_at_once(sandbox: Sandbox) -> None:
    """``Prefer: respond-async`` (RFC 7240)."""
    prefer = {"Prefer": "respond-async"}
    said = ask(sandbox, "PATCH", ONE, {"auto_renew": False}, prefer)
    assert said.status_code == 202
    assert ask(sandbox, "GET", ONE).json()["result"]["auto_renew"] is False


def test_what_cannot_be_updated(sandbox: Sandbox) -> None:
    """The example "Invalid auto_renew value"; a workflow that never was."""
    said = ask(sandbox, "PATCH", ONE, {"auto_renew": "yes"})
    assert said.status_code == 400
    assert said.json()["errors"] == [
        {
            "code": 10000,
            "message": "Must be a boolean if present",
            "source": {"pointer": "/auto_renew"},
        }
    ]
    never = ask(sandbox, "GET", f"{ALL}/new.example/update-status")
    assert never.status_code == 404
    assert never.json()["errors"][0]["message"] == "No workflow found for new.example"


def test_it_is_the_same_account_as_the_zones(sandbox: Sandbox) -> None:
    zones = ask(sandbox, "GET", "/zones").json()["result"]
    assert [zone["account"]["id"] for zone in zones] == ["acc1"]


def test_it_renews_by_itself_what_is_set_to(sandbox: Sandbox) -> None:
    sandbox.clock.advance(timedelta(days=101))
    assert ask(sandbox, "GET", ONE).json()["result"]["expires_at"][:4] == "2028"
    charges = sandbox.charges("cloudflare", "old.example")
    assert [charge.operation for charge in charges] == ["auto-renew"]
