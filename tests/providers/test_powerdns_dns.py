"""Zones on a real PowerDNS."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dns.message
import dns.query
import pytest
from hypothesis import given

from reconciler.errors import Rejected
from reconciler.kinds.domain.dnssec import ds_of
from reconciler.kinds.domain.zone import wanted
from reconciler.model import Unknown
from reconciler.providers._octodns_kept import spread
from reconciler.providers.powerdns_dns import PowerDns
from reconciler.sandbox.powerdns import API_KEY, SERVER_ID, PowerDnsServer
from tests.support.dns import (
    MemoryCache,
    account,
    changes,
    domain,
    made,
    now,
    record_sets,
)
from tests.support.dns_contract import (
    EXAMPLES,
    A,
    DnsContract,
    DnsDriverContract,
    Rig,
    written_is_read,
)
from tests.support.powerdns import real_powerdns

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PowerDnsServer]:
    yield from real_powerdns(tmp_path_factory.mktemp("pdns"))


class PowerDnsRig(Rig):
    target = "pdns"

    def __init__(self, server: PowerDnsServer) -> None:
        self.server = server
        self.cache = MemoryCache()
        self.late = timedelta(0)

    def driver(self, **other: str) -> PowerDns:
        secrets = {"apiKey": API_KEY, **other}
        return PowerDns(
            account(
                "pdns",
                self.server.endpoint,
                secrets,
                cache=self.cache,
                clock=lambda: now() + self.late,
                sleep=lambda _: None,
            )
        )

    def by_hand(self, zone: str, key: str, row: tuple[str, ...] | None) -> None:
        name, _, rtype = key.partition("/")
        quoted = [f'"{v}"' if rtype == "TXT" else v for v in (row or ("300",))[1:]]
        rrset = {
            "name": f"{name}.{zone}.",
            "type": rtype,
            "ttl": int(row[0]) if row else 300,
            "changetype": "REPLACE" if row else "DELETE",
            "records": [{"content": v, "disabled": False} for v in quoted],
        }
        self.server.ask("PATCH", f"/zones/{zone}.", {"rrsets": [rrset]})

    def drop(self, zone: str) -> None:
        self.server.ask("DELETE", f"/zones/{zone}.")

    def serial(self, zone: str) -> int:
        return int(self.server.ask("GET", f"/zones/{zone}.")["serial"])


@pytest.fixture
def rig(server: PowerDnsServer) -> PowerDnsRig:
    return PowerDnsRig(server)


class TestContract(DnsContract):
    identity = SERVER_ID
    wrong = {"apiKey": "not-the-key-canary"}


def test_it_is_served_as_it_was_written(rig: PowerDnsRig) -> None:
    texts = ['v=DKIM1; p="a\\b', "é" * 200, "x" * 700]
    want = rig.new([{"name": "t", "type": "TXT", "values": texts}])
    rig.make(want)
    query = dns.message.make_query(f"t.{want.name}", "TXT")
    answer = dns.query.tcp(query, "127.0.0.1", port=rig.server.dns_port, timeout=5)
    served = [b"".join(rdata.strings).decode() for rdata in answer.answer[0]]
    assert sorted(served) == sorted(texts)


def test_the_serial_moves_with_every_edit(rig: PowerDnsRig) -> None:
    """What not reading again stands on."""
    want = rig.new([A])
    rig.make(want)
    serials = [rig.serial(want.name)]
    for row in (("300", "192.0.2.2"), ("301", "192.0.2.2"), None):
        rig.by_hand(want.name, "x/A", row)
        serials.append(rig.serial(want.name))
    assert serials == sorted(set(serials))


def test_an_unchanged_zone_is_not_read_again(rig: PowerDnsRig) -> None:
    wants = [rig.new([A]) for _ in range(3)]
    for want in wants:
        rig.make(want)
    first = rig.driver().observe(wants)
    assert first.requests == {"list-zones": 1, "get-zone": 3}
    second = rig.driver().observe(wants)
    assert second.requests == {"list-zones": 1}
    assert second.states == first.states
    rig.by_hand(wants[0].name, "late/A", ("300", "192.0.2.9"))
    third = rig.driver().observe(wants)
    assert third.requests == {"list-zones": 1, "get-zone": 1}
    assert "late/A" in third.states[wants[0].name].records


def test_every_zone_is_read_once_a_day(rig: PowerDnsRig) -> None:
    """An edit in the database itself moves no serial."""
    want = rig.new([A])
    rig.make(want)
    rig.live(want)
    with sqlite3.connect(rig.server.database, timeout=10) as database:
        changed = database.execute(
            "UPDATE records SET content = '192.0.2.50' WHERE name = ?",
            (f"www.{want.name}",),
        )
        assert changed.rowcount == 1
    database.close()
    assert rig.live(want).records == {"www/A": ("300", "192.0.2.1")}
    rig.late = spread(want.name) + timedelta(minutes=1)
    assert rig.late <= timedelta(hours=24, minutes=1)
    assert rig.live(want).records == {"www/A": ("300", "192.0.2.50")}


def test_a_lower_serial_is_a_stale_answer(rig: PowerDnsRig) -> None:
    want = rig.new([A])
    rig.make(want)
    rig.live(want)
    (key,) = (k for k in rig.cache if k.endswith(want.name))
    rig.cache[key] = {**rig.cache[key], "serial": rig.serial(want.name) + 1}
    stale = rig.live(want)
    assert isinstance(stale, Unknown)
    assert "stale" in stale.why


def test_without_soa_edit_api_a_zone_is_always_read(rig: PowerDnsRig) -> None:
    want = rig.new([A])
    rig.make(want)
    rig.server.ask("PUT", f"/zones/{want.name}.", {"soa_edit_api": ""})
    before = rig.serial(want.name)
    rig.live(want)
    rig.by_hand(want.name, "x/A", ("300", "192.0.2.2"))
    assert rig.serial(want.name) == before
    assert "x/A" in rig.live(want).records


def test_disabled_and_lua_records_are_left_alone(rig: PowerDnsRig) -> None:
    want = rig.new([A])
    rig.make(want)
    body = [
        ("off", "A", "192.0.2.5", True),
        ("lua", "LUA", "A \"ifportup(443, {'192.0.2.6'})\"", False),
    ]
    for name, rtype, content, disabled in body:
        rrset = {
            "name": f"{name}.{want.name}.",
            "type": rtype,
            "ttl": 300,
            "changetype": "REPLACE",
            "records": [{"content": content, "disabled": disabled}],
        }
        rig.server.ask("PATCH", f"/zones/{want.name}.", {"rrsets": [rrset]})
    assert rig.live(want).records == wanted(want.spec.dns)
    greedy = rig.again(want, [A, {"name": "off", "type": "A", "value": "192.0.2.7"}])
    blocked = rig.live(greedy)
    assert isinstance(blocked, Unknown)
    assert "disabled" in blocked.why


def test_a_new_zone_needs_its_nameservers(rig: PowerDnsRig) -> None:
    want = rig.new([A])
    spec = want.spec.model_copy(update={"nameservers": "from-dns"})
    want = want.model_copy(update={"spec": spec})
    with pytest.raises(Rejected, match="nameservers"):
        rig.driver().apply(want, made(want, "pdns"), "key")


def test_nothing_answers(rig: PowerDnsRig) -> None:
    driver = PowerDns(
        account("pdns", "http://127.0.0.1:9", {"apiKey": "k"}, sleep=lambda _: None)
    )
    want = rig.new([A])
    assert isinstance(driver.observe([want]).states[want.name], Unknown)


def test_a_quiet_run_does_not_import_octodns(rig: PowerDnsRig) -> None:
    want = rig.new([A])
    rig.make(want)
    rig.live(want)
    script = """
import json, sys
from datetime import UTC, datetime
from reconciler.providers.powerdns_dns import PowerDns
from tests.support.dns import MemoryCache, account, domain, record_sets
given = json.loads(sys.stdin.read())
cache = MemoryCache(given["cache"])
driver = PowerDns(account("pdns", given["endpoint"], given["secrets"], cache=cache))
seen = driver.observe([domain(given["name"], "pdns", [])])
imported = any(name.partition(".")[0].startswith("octodns") for name in sys.modules)
print(json.dumps([len(seen.states[given["name"]].records), imported]))
"""
    given: dict[str, Any] = {
        "cache": rig.cache,
        "endpoint": rig.server.endpoint,
        "secrets": {"apiKey": API_KEY},
        "name": want.name,
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    # hypothesis is imported by the support module, octoDNS by nothing
    assert json.loads(done.stdout or "[]") == [1, False], done.stderr


def test_one_server_holds_only_its_own_records(rig: PowerDnsRig) -> None:
    """A change for one zone leaves every other zone's serial alone."""
    one, two = rig.new([A]), rig.new([A])
    rig.make(one)
    rig.make(two)
    before = rig.serial(two.name)
    other = domain(one.name, "pdns", [{**A, "value": "192.0.2.9"}])
    for change in changes(other, "pdns", rig.live(one)):
        rig.driver().apply(other, change, "key")
    assert rig.serial(two.name) == before


@EXAMPLES
@given(records=record_sets())
def test_whatever_is_written_is_read(rig: PowerDnsRig, records: Any) -> None:
    written_is_read(rig, records)


def _zone(name: str, *values: str) -> dict[str, Any]:
    rrsets = [
        {"name": label, "type": "TXT" if label == "b" else "A", "values": [value]}
        for label, _, value in (value.partition("=") for value in values)
    ]
    return {"name": name, "nameservers": ["ns1.host.example"], "rrsets": rrsets}


_HELD = ("www=192.0.2.1", "c=192.0.2.3", 'b="b"', "e=192.0.2.5", "old=192.0.2.8")


@pytest.mark.usefixtures("server")
class TestPowerDnsKeepsTheContract(DnsDriverContract):
    driver = PowerDns
    vendor = "powerdns"
    part = {
        "zones": [
            _zone("records.example", "www=192.0.2.1"),
            _zone("prune.example", *_HELD),
            _zone("stray.example"),
        ]
    }
    secrets = {"apiKey": API_KEY}
    listing = "list-zones"
    operations = dict.fromkeys(("records", "prune"), "patch-zone")


def test_a_signed_zone_says_which_ds_its_keys_call_for(rig: PowerDnsRig) -> None:
    """As the server's own DNSKEY on the wire: RFC 4034, 5.1.4."""
    unasked = rig.new([A])
    spec = unasked.spec.model_copy(update={"dnssec": "sync"})
    want = unasked.model_copy(update={"spec": spec})
    rig.make(want)
    assert rig.live(want).ds == frozenset()
    path = f"/zones/{want.name}."
    key = {"keytype": "csk", "active": True, "algorithm": "ecdsa256"}
    rig.server.ask("POST", f"{path}/cryptokeys", key)
    found = rig.live(want).ds
    query = dns.message.make_query(want.name, "DNSKEY")
    answer = dns.query.tcp(query, "127.0.0.1", port=rig.server.dns_port, timeout=5)
    (live,) = (rdata.to_text() for rdata in answer.answer[0])
    assert ds_of(want.name, live) in found
    assert all(ds_of(want.name, live, ds.split()[2]) == ds for ds in found)
    seen = rig.driver().observe([unasked])
    assert seen.states[want.name].ds is None
    assert "get-keys" not in seen.requests
