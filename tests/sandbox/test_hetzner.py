"""
The emulator of Hetzner Cloud against what the vendor specifies.

Names and types are those of the specification (docs.hetzner.cloud), as it was published
in October 2025; whole answers were validated against its schemas once, by hand. Of
``/pricing`` only what is used is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.contract import NOW
from tests.support.web import web

TOKEN = "hetzner-sandbox-token"
PART: dict[str, Any] = {
    "token": TOKEN,
    "machines": {
        "web": {"id": 42, "size": "cx22", "volumes": {"files": 20}},
        "big": {"id": 43, "size": "cx42", "usage": {"cpu": {"base": 50}}},
    },
}
SERVER = {
    "id": int,
    "name": str,
    "status": str,
    "created": str,
    "public_net": dict,
    "private_net": list,
    "server_type": dict,
    "datacenter": dict,
    "image": type(None),
    "iso": type(None),
    "rescue_enabled": bool,
    "locked": bool,
    "backup_window": type(None),
    "outgoing_traffic": int,
    "ingoing_traffic": int,
    "included_traffic": int,
    "protection": dict,
    "labels": dict,
    "volumes": list,
    "primary_disk_size": int,
}
TYPE = {
    "id": int,
    "name": str,
    "description": str,
    "cores": int,
    "memory": float,
    "disk": int,
    "deprecated": bool,
    "prices": list,
    "storage_type": str,
    "cpu_type": str,
}
ACTION = {
    "id": int,
    "command": str,
    "status": str,
    "progress": int,
    "started": str,
    "finished": type(None),
    "resources": list,
    "error": type(None),
}
VOLUME = {
    "id": int,
    "created": str,
    "name": str,
    "server": int,
    "location": dict,
    "size": int,
    "linux_device": str,
    "protection": dict,
    "labels": dict,
    "status": str,
    "format": str,
}


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    world = World({"hetzner": PART})
    with Sandbox(world, SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.clock.set(NOW, frozen=True)
    running.reset(World({"hetzner": PART}))
    return running


def ask(sandbox: Sandbox, method: str, path: str, **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {more.pop('token', TOKEN)}"}
    url = sandbox.endpoint("hetzner") + path
    return web(method, url, headers=headers, **more)


def shaped(row: dict[str, Any], shape: dict[str, type]) -> None:
    """Whether every name is there, with its type."""
    wrong = {k: type(row.get(k)) for k, t in shape.items() if type(row.get(k)) is not t}
    assert wrong == {}


def test_what_things_look_like(sandbox: Sandbox) -> None:
    said = ask(sandbox, "GET", "/servers").json()
    shaped(said["servers"][0], SERVER)
    assert said["meta"]["pagination"] == {
        "page": 1,
        "per_page": 25,
        "previous_page": None,
        "next_page": None,
        "last_page": 1,
        "total_entries": 2,
    }
    (first, *_) = ask(sandbox, "GET", "/server_types").json()["server_types"]
    shaped(first, TYPE)
    price = first["prices"][0]
    assert set(price) == {"location", "price_hourly", "price_monthly"}
    assert price["price_monthly"]["net"] == "3.7900", "an amount is a text"
    (one,) = ask(sandbox, "GET", "/volumes").json()["volumes"]
    shaped(one, VOLUME)
    pricing = ask(sandbox, "GET", "/pricing").json()["pricing"]
    assert pricing["currency"] == "EUR"
    assert set(pricing["volume"]["price_per_gb_month"]) == {"net", "gross"}


def test_errors_are_codes(sandbox: Sandbox) -> None:
    gone = ask(sandbox, "GET", "/servers/1")
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "not_found")
    wrong = ask(sandbox, "GET", "/servers", token="other")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "unauthorized")
    assert set(wrong.json()["error"]) == {"code", "message", "details"}


def test_an_action_takes_its_time_and_locks_the_server(sandbox: Sandbox) -> None:
    said = ask(sandbox, "POST", "/servers/42/actions/shutdown")
    assert said.status_code == 201
    action = said.json()["action"]
    shaped(action, ACTION)
    assert (action["command"], action["status"]) == ("shutdown_server", "running")
    server = ask(sandbox, "GET", "/servers/42").json()["server"]
    assert (server["status"], server["locked"]) == ("stopping", True)
    more = ask(sandbox, "POST", "/servers/42/actions/poweron")
    assert (more.status_code, more.json()["error"]["code"]) == (423, "locked")
    running = ask(sandbox, "GET", "/servers/42/actions?status=running").json()
    assert [one["id"] for one in running["actions"]] == [action["id"]]
    sandbox.clock.advance(timedelta(seconds=10))
    done = ask(sandbox, "GET", f"/actions/{action['id']}").json()["action"]
    assert (done["status"], done["progress"]) == ("success", 100)
    assert datetime.fromisoformat(done["finished"]) == NOW + timedelta(seconds=10)
    assert ask(sandbox, "GET", "/servers/42").json()["server"]["status"] == "off"


def change(sandbox: Sandbox, name: Any, *, disk: Any = False) -> tuple[int, str]:
    body = {"server_type": name, "upgrade_disk": disk}
    said = ask(sandbox, "POST", "/servers/42/actions/change_type", json=body)
    return said.status_code, said.json().get("error", {}).get("code", "")


def test_a_type_changes_at_rest_and_to_a_disk_as_large(sandbox: Sandbox) -> None:
    """ "Server must be powered off for this command to succeed." """
    assert change(sandbox, "cx32") == (422, "server_not_stopped")
    sandbox.edit("hetzner", "machine", {"name": "web", "status": "off"})
    assert change(sandbox, "none") == (422, "invalid_server_type")
    assert change(sandbox, "cx32", disk="no") == (422, "invalid_input")
    sandbox.edit("hetzner", "size", {"name": "cx32", "out": ["nbg1"]})
    assert change(sandbox, "cx32") == (412, "resource_unavailable")
    server = ask(sandbox, "GET", "/servers/42").json()["server"]
    types = server["datacenter"]["server_types"]
    assert len(types["supported"]) == len(types["available_for_migration"]) + 1
    assert change(sandbox, "cx42", disk=True) == (201, "")
    sandbox.clock.advance(timedelta(seconds=10))
    server = ask(sandbox, "GET", "/servers/42").json()["server"]
    assert (server["server_type"]["name"], server["primary_disk_size"]) == ("cx42", 160)
    assert server["status"] == "running", "and starts it again"
    sandbox.edit("hetzner", "machine", {"name": "web", "status": "off"})
    assert change(sandbox, "cx22") == (422, "invalid_server_type")


def test_an_action_that_fails_says_so(sandbox: Sandbox) -> None:
    sandbox.edit("hetzner", "fails", {"start_server": "Action failed"})
    action = ask(sandbox, "POST", "/servers/42/actions/poweron").json()["action"]
    sandbox.clock.advance(timedelta(minutes=1))
    said = ask(sandbox, "GET", f"/actions/{action['id']}").json()["action"]
    assert said["error"] == {"code": "action_failed", "message": "Action failed"}
    assert sandbox.ledger.effects("hetzner", "web") == []


def test_labels_are_replaced_as_a_whole(sandbox: Sandbox) -> None:
    for labels in ({"a": "1", "b": "2"}, {"b": "3"}):
        said = ask(sandbox, "PUT", "/servers/42", json={"labels": labels}).json()
        assert said["server"]["labels"] == labels


def test_a_volume_grows_alone(sandbox: Sandbox) -> None:
    number = ask(sandbox, "GET", "/volumes").json()["volumes"][0]["id"]
    path = f"/volumes/{number}/actions/resize"
    assert ask(sandbox, "POST", path, json={"size": 20}).status_code == 422
    said = ask(sandbox, "POST", path, json={"size": 30}).json()["action"]
    assert said["resources"] == [{"id": number, "type": "volume"}]
    sandbox.clock.advance(timedelta(minutes=1))
    assert ask(sandbox, "GET", "/volumes").json()["volumes"][0]["size"] == 30


def test_3600_an_hour_that_come_back_one_a_second(sandbox: Sandbox) -> None:
    first = ask(sandbox, "GET", "/servers")
    assert first.headers["ratelimit-limit"] == "3600"
    assert first.headers["ratelimit-remaining"] == "3599"
    assert int(first.headers["ratelimit-reset"]) == int(NOW.timestamp()) + 1
    assert first.headers["x-correlation-id"]
    sandbox.bench("hetzner").state["hits"] = [0.0, NOW.timestamp()]
    over = ask(sandbox, "GET", "/servers")
    assert over.status_code == 429
    assert over.json()["error"]["code"] == "rate_limit_exceeded"
    sandbox.clock.advance(timedelta(seconds=1))
    assert ask(sandbox, "GET", "/servers").status_code == 200


def test_metrics_are_series_of_at_most_500_samples(sandbox: Sandbox) -> None:
    asked = {
        "type": "cpu,disk,network",
        "start": (NOW - timedelta(days=40)).isoformat(),
        "end": NOW.isoformat(),
        "step": "60",
    }
    said = ask(sandbox, "GET", "/servers/43/metrics", params=asked).json()["metrics"]
    assert set(said) == {"start", "end", "step", "time_series"}
    assert {"cpu", "disk.0.bandwidth.read", "network.0.bandwidth.out"} <= set(
        said["time_series"]
    )
    values = said["time_series"]["cpu"]["values"]
    assert 300 < len(values) <= 500
    assert values[0][0] >= (NOW - timedelta(days=30)).timestamp(), "30 days are kept"
    assert isinstance(values[0][1], str)
    wrong = ask(sandbox, "GET", "/servers/43/metrics", params={**asked, "type": "ram"})
    assert wrong.status_code == 422
