"""The emulator against Cloudflare's API reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from reconciler.sandbox import Sandbox, SandboxClock, World

ZONE = {
    "name": "a.example",
    "records": [{"name": "www", "type": "CNAME", "content": "Host.Example.net."}],
}
PART = {"accounts": [{"id": "acc1", "token": "tok", "zones": [ZONE]}]}
WORLD = World({"cloudflare": PART})


class Api:
    def __init__(self, base: str) -> None:
        headers = {"Authorization": "Bearer tok"}
        self.client = httpx.Client(base_url=base, headers=headers, trust_env=False)
        self.zone = self.client.get("/zones").json()["result"][0]["id"]

    def __call__(self, method: str, path: str = "", **body: Any) -> tuple[int, Any]:
        url = f"/zones/{self.zone}/dns_records{path}"
        answer = self.client.request(method, url, json=body or None)
        said = answer.json()
        assert said["success"] is (answer.status_code == 200)
        return answer.status_code, said["result"] or said["errors"][0]["code"]


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(WORLD, SandboxClock()) as made:
        yield made


@pytest.fixture
def api(running: Sandbox) -> Iterator[Api]:
    running.reset(WORLD)
    made = Api(running.endpoint("cloudflare"))
    yield made
    made.client.close()


def test_the_envelope_and_its_pages(api: Api) -> None:
    for number in range(24):
        api("POST", name=f"r{number}", type="A", content="192.0.2.1", ttl=60)
    answer = api.client.get(
        f"/zones/{api.zone}/dns_records", params={"page": 2, "per_page": 20}
    ).json()
    assert answer["result_info"] == {
        "page": 2,
        "per_page": 20,
        "count": 5,
        "total_count": 25,
        "total_pages": 2,
    }
    assert len(answer["result"]) == 5


def test_a_record_is_shown_as_cloudflare_does(api: Api) -> None:
    _, (record,) = api("GET")
    assert record["name"] == "www.a.example"
    assert record["content"] == "host.example.net"
    assert (record["ttl"], record["proxied"]) == (1, False)


GOOD = {"name": "x", "type": "A", "content": "192.0.2.1"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({**GOOD, "name": "www"}, 81053),
        ({**GOOD, "name": "www", "type": "TXT", "content": "t"}, 81054),
        ({**GOOD, "ttl": 59}, 9021),
        ({**GOOD, "ttl": 86401}, 9021),
        ({**GOOD, "type": "NOPE"}, 9004),
        ({**GOOD, "content": ""}, 9009),
        ({"name": "x", "type": "MX", "content": "mx.example"}, 9102),
        ({"name": "x", "type": "CAA", "content": "0 issue x"}, 9101),
    ],
)
def test_what_it_refuses(api: Api, body: dict[str, Any], code: int) -> None:
    assert api("POST", **body) == (400, code)


def test_no_two_identical_records(api: Api) -> None:
    assert api("POST", **GOOD)[0] == 200
    assert api("POST", **GOOD) == (400, 81058)
    assert api("POST", **{**GOOD, "content": "192.0.2.2"})[0] == 200


def test_update_and_delete(api: Api) -> None:
    _, made = api("POST", **GOOD)
    _, changed = api("PUT", f"/{made['id']}", **{**GOOD, "content": "192.0.2.9"})
    assert (changed["id"], changed["content"]) == (made["id"], "192.0.2.9")
    assert api("DELETE", f"/{made['id']}") == (200, {"id": made["id"]})
    assert api("DELETE", f"/{made['id']}") == (404, 81044)


def test_a_token_it_does_not_know(api: Api) -> None:
    answer = api.client.get("/zones", headers={"Authorization": "Bearer other"})
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["code"] == 9109


def test_zones_are_made_once_and_in_the_own_account(api: Api) -> None:
    zone = {"name": "b.example", "account": {"id": "acc1"}}
    assert api.client.post("/zones", json=zone).status_code == 200
    assert api.client.post("/zones", json=zone).json()["errors"][0]["code"] == 1061
    other = {"name": "c.example", "account": {"id": "acc2"}}
    assert api.client.post("/zones", json=other).status_code == 403


def test_effects_are_written_down(running: Sandbox, api: Api) -> None:
    api("POST", **GOOD)
    api("POST", **{**GOOD, "ttl": 3})
    made = [(e.operation, e.name) for e in running.ledger.effects("cloudflare")]
    assert made == [("create-record", "a.example")]


def test_what_is_not_emulated(api: Api) -> None:
    assert api.client.get("/radar").status_code == 404
