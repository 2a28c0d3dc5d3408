"""The sandbox's PowerDNS is the real one, filled from the world."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import pytest

from reconciler.errors import ReconcilerError
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from reconciler.sandbox.powerdns import API_KEY, PowerDnsServer
from tests.support.powerdns import real_powerdns

pytestmark = pytest.mark.real
RRSET = {"name": "www", "type": "A", "values": ["192.0.2.1"]}
ZONE = {"name": "a.example", "nameservers": ["ns1.host.example"], "rrsets": [RRSET]}
WORLD = World({"powerdns": {"zones": [ZONE]}})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PowerDnsServer]:
    yield from real_powerdns(tmp_path_factory.mktemp("pdns"))


def ask(base: str, method: str = "GET", body: Any = None, key: str = API_KEY) -> Any:
    request = urllib.request.Request(
        f"{base}/api/v1/servers/localhost/zones/a.example.",
        method=method,
        data=json.dumps(body).encode() if body else None,
        headers={"X-API-Key": key},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        said = answer.read()
    return json.loads(said) if said else None


def values(base: str, name: str) -> list[str]:
    zone = ask(base)
    return [
        record["content"]
        for rrset in zone["rrsets"]
        for record in rrset["records"]
        if rrset["name"] == f"{name}.a.example."
    ]


def test_it_answers_dns(server: PowerDnsServer) -> None:
    zone = {"name": "b.example.", "kind": "Native", "nameservers": ["ns1.b.example."]}
    server.ask("POST", "/zones", zone)
    query = dns.message.make_query("b.example", "NS")
    answer = dns.query.udp(query, "127.0.0.1", port=server.dns_port, timeout=5)
    assert str(answer.answer[0][0]) == "ns1.b.example."


def test_a_program_that_does_not_come_up_says_why(
    server: PowerDnsServer, tmp_path: Path
) -> None:
    broken = PowerDnsServer(tmp_path, settings={"launch": "nonsense"})
    with pytest.raises(ReconcilerError, match="did not come up"):
        broken.start("127.0.0.1", 0)
    broken.stop()


def test_world_edit_effects_and_state(server: PowerDnsServer, tmp_path: Path) -> None:
    with Sandbox(WORLD, SandboxClock(), folder=tmp_path) as running:
        base = running.endpoint("powerdns")
        assert values(base, "www") == ["192.0.2.1"]
        late = {
            "zone": "a.example",
            "name": "late",
            "type": "A",
            "values": ["192.0.2.9"],
        }
        running.edit("powerdns", "rrset", late)
        rrset = {
            "name": "new.a.example.",
            "type": "A",
            "ttl": 60,
            "changetype": "REPLACE",
            "records": [{"content": "192.0.2.2", "disabled": False}],
        }
        ask(base, "PATCH", {"rrsets": [rrset]})
        made = [(e.operation, e.name) for e in running.ledger.effects("powerdns")]
        assert made == [("by-hand", "a.example"), ("patch-zone", "a.example")]
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(base, key="wrong")
        running.inject(
            Fault(vendor="powerdns", operation="get-zone", kind="status", status=503)
        )
        with pytest.raises(urllib.error.HTTPError, match="503"):
            ask(base)
    with Sandbox(WORLD, SandboxClock(), folder=tmp_path) as again:
        base = again.endpoint("powerdns")
        assert values(base, "late") + values(base, "new") == ["192.0.2.9", "192.0.2.2"]
        again.reset(WORLD)
        assert values(base, "late") == []
        with pytest.raises(ReconcilerError):
            again.edit("powerdns", "nothing", {})
