"""
The emulator of DigitalOcean against what the vendor specifies.

Names and types are those of github.com/digitalocean/openapi; whole answers were validated
against its schemas once, by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.contract import NOW
from tests.support.web import web

TOKEN = "dop-sandbox-token"
PART: dict[str, Any] = {
    "token": TOKEN,
    "account": "5df3e300",
    "machines": {
        "web": {"id": 42, "size": "s-1vcpu-2gb", "volumes": {"files": 20}},
        "busy": {
            "id": 43,
            "size": "s-2vcpu-4gb",
            "usage": {"cpu": {"base": 100, "noise": 0}, "disk": {"base": 2**30}},
        },
    },
}
DROPLET = {
    "id": int,
    "name": str,
    "memory": int,
    "vcpus": int,
    "disk": int,
    "locked": bool,
    "status": str,
    "created_at": str,
    "features": list,
    "backup_ids": list,
    "next_backup_window": type(None),
    "snapshot_ids": list,
    "image": dict,
    "volume_ids": list,
    "size": dict,
    "size_slug": str,
    "networks": dict,
    "region": dict,
    "tags": list,
}
SIZE = {
    "slug": str,
    "memory": int,
    "vcpus": int,
    "disk": int,
    "transfer": float,
    "price_monthly": float,
    "price_hourly": float,
    "regions": list,
    "available": bool,
    "description": str,
}
ACTION = {
    "id": int,
    "status": str,
    "type": str,
    "started_at": str,
    "completed_at": type(None),
    "resource_id": int,
    "resource_type": str,
    "region": dict,
    "region_slug": str,
}
ACTIONS = "/v2/droplets/42/actions"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    world = World({"digitalocean": PART})
    with Sandbox(world, SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.clock.set(NOW, frozen=True)
    running.reset(World({"digitalocean": PART}))
    return running


def ask(sandbox: Sandbox, method: str, path: str, **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {more.pop('token', TOKEN)}"}
    url = sandbox.endpoint("digitalocean") + path
    return web(method, url, headers=headers, **more)


def act(sandbox: Sandbox, **body: Any) -> tuple[int, str]:
    said = ask(sandbox, "POST", ACTIONS, json=body)
    return said.status_code, said.json().get("message", "")


def shaped(row: dict[str, Any], shape: dict[str, type]) -> None:
    """Whether every name is there, with its type."""
    wrong = {k: type(row.get(k)) for k, t in shape.items() if type(row.get(k)) is not t}
    assert wrong == {}


def test_what_things_look_like(sandbox: Sandbox) -> None:
    said = ask(sandbox, "GET", "/v2/droplets").json()
    shaped(said["droplets"][0], DROPLET)
    assert (said["meta"], said["links"]) == ({"total": 2}, {})
    for row in ask(sandbox, "GET", "/v2/sizes").json()["sizes"]:
        shaped(row, SIZE)
    account = ask(sandbox, "GET", "/v2/account").json()["account"]
    assert account["team"]["uuid"] == "5df3e300"
    (volume,) = ask(sandbox, "GET", "/v2/volumes").json()["volumes"]
    assert isinstance(volume["id"], str)
    assert (volume["size_gigabytes"], volume["droplet_ids"]) == (20, [42])


def test_pages_have_links(sandbox: Sandbox) -> None:
    one = ask(sandbox, "GET", "/v2/droplets?per_page=1").json()
    assert set(one["links"]["pages"]) == {"next", "last"}
    two = ask(sandbox, "GET", "/v2/droplets?per_page=1&page=2").json()
    assert set(two["links"]["pages"]) == {"first", "prev"}
    assert one["droplets"][0]["id"] != two["droplets"][0]["id"]


def test_errors_name_themselves(sandbox: Sandbox) -> None:
    gone = ask(sandbox, "GET", "/v2/droplets/1")
    assert gone.status_code == 404
    assert set(gone.json()) == {"id", "message", "request_id"}
    wrong = ask(sandbox, "GET", "/v2/droplets", token="other")
    assert (wrong.status_code, wrong.json()["id"]) == (401, "unauthorized")


def test_an_action_takes_its_time_and_locks_the_droplet(sandbox: Sandbox) -> None:
    said = ask(sandbox, "POST", ACTIONS, json={"type": "shutdown"})
    assert said.status_code == 201
    action = said.json()["action"]
    shaped(action, ACTION)
    assert (action["status"], action["type"]) == ("in-progress", "shutdown")
    assert ask(sandbox, "GET", "/v2/droplets/42").json()["droplet"]["locked"]
    again = act(sandbox, type="power_on")
    assert again == (422, "Droplet already has a pending event.")
    sandbox.clock.advance(timedelta(seconds=10))
    done = ask(sandbox, "GET", f"/v2/actions/{action['id']}").json()["action"]
    assert (done["status"], done["completed_at"]) == (
        "completed",
        "2026-11-22T09:00:10Z",
    )
    assert ask(sandbox, "GET", "/v2/droplets/42").json()["droplet"]["status"] == "off"


def test_a_resize_is_at_rest_and_for_good_only_with_its_disk(sandbox: Sandbox) -> None:
    size = "s-2vcpu-4gb"
    status, said = act(sandbox, type="resize", size=size, disk=False)
    assert (status, said[:24]) == (422, "Droplet is currently on.")
    sandbox.edit("digitalocean", "machine", {"name": "web", "status": "off"})
    assert act(sandbox, type="resize", size="none", disk=False)[0] == 422
    assert act(sandbox, type="resize", size=size, disk=False)[0] == 201
    sandbox.clock.advance(timedelta(seconds=10))
    droplet = ask(sandbox, "GET", "/v2/droplets/42").json()["droplet"]
    assert (droplet["size_slug"], droplet["disk"], droplet["status"]) == (
        size,
        50,
        "off",
    )
    assert act(sandbox, type="resize", size=size, disk=True)[0] == 201
    sandbox.clock.advance(timedelta(seconds=10))
    status, said = act(sandbox, type="resize", size="s-1vcpu-2gb", disk=False)
    assert (status, "smaller disk" in said) == (422, True)


def test_an_action_that_errors_does_not_say_why(sandbox: Sandbox) -> None:
    sandbox.edit("digitalocean", "fails", {"shutdown": "a reason"})
    said = ask(sandbox, "POST", ACTIONS, json={"type": "shutdown"})
    sandbox.clock.advance(timedelta(seconds=10))
    path = f"/v2/actions/{said.json()['action']['id']}"
    done = ask(sandbox, "GET", path)
    assert done.json()["action"]["status"] == "errored"
    assert "a reason" not in done.text


def test_tags_are_things_of_their_own(sandbox: Sandbox) -> None:
    made = ask(sandbox, "POST", "/v2/tags", json={"name": "a:b-1"})
    assert (made.status_code, made.json()["tag"]["name"]) == (201, "a:b-1")
    bad = ask(sandbox, "POST", "/v2/tags", json={"name": "a b"})
    assert bad.status_code == 422
    one = [{"resource_id": "42", "resource_type": "droplet"}]
    path = "/v2/tags/a:b-1/resources"
    tagged = ask(sandbox, "POST", path, json={"resources": one})
    assert tagged.status_code == 204
    droplet = ask(sandbox, "GET", "/v2/droplets/42").json()["droplet"]
    assert droplet["tags"] == ["a:b-1"]
    assert ask(sandbox, "DELETE", "/v2/tags/a:b-1").status_code == 204
    assert ask(sandbox, "GET", "/v2/droplets/42").json()["droplet"]["tags"] == []


def test_a_volume_grows_alone(sandbox: Sandbox) -> None:
    number = ask(sandbox, "GET", "/v2/volumes").json()["volumes"][0]["id"]
    path = f"/v2/volumes/{number}/actions"
    body = {"type": "resize", "size_gigabytes": 20, "region": "fra1"}
    assert ask(sandbox, "POST", path, json=body).status_code == 422
    said = ask(sandbox, "POST", path, json={**body, "size_gigabytes": 30})
    assert (said.status_code, said.json()["action"]["type"]) == (201, "resize")


def test_250_a_minute_and_5000_an_hour(sandbox: Sandbox) -> None:
    first = ask(sandbox, "GET", "/v2/sizes")
    assert first.headers["ratelimit-limit"] == "5000"
    assert first.headers["ratelimit-remaining"] == "4999"
    assert int(first.headers["ratelimit-reset"]) == int(NOW.timestamp()) + 3600
    state = sandbox.bench("digitalocean").state
    state["hits"] = [NOW.timestamp() - 10] * 250
    burst = ask(sandbox, "GET", "/v2/sizes")
    assert (burst.status_code, burst.headers["retry-after"]) == (429, "50")
    state["hits"] = [NOW.timestamp() - 1800] * 5000
    over = ask(sandbox, "GET", "/v2/sizes")
    assert (over.status_code, over.json()["id"]) == (429, "too_many_requests")
    assert over.headers["ratelimit-remaining"] == "0"


def test_metrics_are_matrices_and_cpu_counts_seconds(sandbox: Sandbox) -> None:
    asked = {
        "host_id": "43",
        "start": str(int((NOW - timedelta(hours=1)).timestamp())),
        "end": str(int(NOW.timestamp())),
    }
    path = "/v2/monitoring/metrics/droplet/"
    said = ask(sandbox, "GET", f"{path}cpu", params=asked).json()
    assert (said["status"], said["data"]["resultType"]) == ("success", "matrix")
    modes = {one["metric"]["mode"]: one["values"] for one in said["data"]["result"]}
    assert set(modes) == {
        "idle",
        "iowait",
        "irq",
        "nice",
        "softirq",
        "steal",
        "system",
        "user",
    }
    (t0, first), (t1, second) = modes["user"][:2]
    assert t1 - t0 == 120
    assert isinstance(first, str)
    assert float(second) - float(first) == pytest.approx(120, abs=0.1), "one of two"
    disk = ask(sandbox, "GET", f"{path}filesystem_free", params=asked).json()
    (series,) = disk["data"]["result"]
    assert series["metric"]["mountpoint"] == "/"
    nobody = ask(sandbox, "GET", f"{path}load_1", params={**asked, "host_id": "42"})
    assert nobody.json()["data"]["result"] == []
    assert ask(sandbox, "GET", f"{path}bandwidth", params=asked).status_code == 400
