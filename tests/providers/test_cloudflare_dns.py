"""Zones on the emulator of Cloudflare's API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given

from reconciler.errors import Ambiguous, Rejected, Transient, Unsupported
from reconciler.model import Absent, Unknown
from reconciler.providers._txt import quote
from reconciler.providers.cloudflare_dns import Cloudflare
from reconciler.sandbox.clock import SandboxClock
from reconciler.sandbox.faults import Fault
from reconciler.sandbox.sandbox import Sandbox
from reconciler.sandbox.world import World
from tests.support.dns import MemoryCache, account, changes, made, record_sets
from tests.support.dns_contract import (
    EXAMPLES,
    A,
    B,
    C,
    DnsContract,
    DnsDriverContract,
    Rig,
    written_is_read,
)

TOKEN = "token-canary"
OLD = [{"name": f"old{i}.example"} for i in range(60)]
VENDORS = {"cloudflare": {"accounts": [{"id": "acc1", "token": TOKEN, "zones": OLD}]}}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    world = World.from_dict({"vendors": VENDORS})
    with Sandbox(world, SandboxClock()) as running:
        yield running


class CloudflareRig(Rig):
    target = "cf"

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.cache = MemoryCache()
        self.slept: list[float] = []

    def driver(self, **other: str) -> Cloudflare:
        endpoint = self.sandbox.endpoint("cloudflare")
        return Cloudflare(
            account(
                "cf",
                endpoint,
                {"token": TOKEN, **other},
                cache=self.cache,
                sleep=self.slept.append,
                identity="acc1",
            )
        )

    def by_hand(self, zone: str, key: str, row: tuple[str, ...] | None) -> None:
        name, _, rtype = key.partition("/")
        value = (row or ("", ""))[1]
        content = quote(value) if rtype == "TXT" else value
        self.record(zone, name, rtype, ttl=300, content=content if row else None)

    def record(self, zone: str, name: str, rtype: str, **more: Any) -> None:
        given = {"zone": zone, "name": f"{name}.{zone}", "type": rtype, **more}
        self.sandbox.edit("cloudflare", "record", given)

    def kept(self, zone: str) -> dict[str, Any]:
        (found,) = (z for z in self._zones() if z["name"] == zone)
        return found

    def drop(self, zone: str) -> None:
        self._zones().remove(self.kept(zone))

    def _zones(self) -> list[dict[str, Any]]:
        zones: list[dict[str, Any]]
        zones = self.sandbox.bench("cloudflare").state["accounts"][0]["zones"]
        return zones

    def fault(self, operation: str, kind: Any, **more: Any) -> None:
        self.sandbox.inject(
            Fault(vendor="cloudflare", operation=operation, kind=kind, **more)
        )


@pytest.fixture
def rig(sandbox: Sandbox) -> Iterator[CloudflareRig]:
    yield CloudflareRig(sandbox)
    assert sandbox.faults.waiting() == []


class TestContract(DnsContract):
    identity = "acc1"
    wrong = {"token": "not-the-token-canary"}


def test_proxied_records_are_left_alone(rig: CloudflareRig) -> None:
    want = rig.new([A])
    rig.make(want)
    rig.record(want.name, "shop", "A", content="192.0.2.80", proxied=True)
    live = rig.live(want)
    assert live.records == {"www/A": ("300", "192.0.2.1")}
    assert changes(want, "cf", live) == []
    mine = {"name": "shop", "type": "A", "value": "192.0.2.2"}
    greedy = rig.again(want, [A, mine])
    blocked = rig.live(greedy)
    assert isinstance(blocked, Unknown)
    assert "proxied" in blocked.why
    (change,) = changes(greedy, "cf", live)
    with pytest.raises(Unsupported, match="proxied"):
        rig.driver().apply(greedy, change, "key")


def test_a_cname_at_the_apex_is_an_alias(rig: CloudflareRig) -> None:
    alias = {"name": "@", "type": "ALIAS", "value": "host.example.net."}
    want = rig.new([alias])
    rig.make(want)
    assert rig.live(want).records == {"@/ALIAS": ("300", "host.example.net.")}
    (kept,) = rig.kept(want.name)["records"].values()
    assert (kept["type"], kept["content"]) == ("CNAME", "host.example.net")
    rig.apply(rig.again(want, [B]), rig.live(want))
    assert rig.live(want).records == {"b/TXT": ("300", "b")}


def test_comments_stay_and_automatic_ttls_end(rig: CloudflareRig) -> None:
    want = rig.new([A])
    rig.make(want)
    rig.record(want.name, "www", "A", content="192.0.2.1", ttl=1, comment="ours")
    assert rig.live(want).records == {"www/A": ("300", "192.0.2.1")}
    other = rig.again(want, [{**A, "value": "192.0.2.9", "ttl": "10m"}])
    rig.apply(other, rig.live(other))
    (kept,) = rig.kept(want.name)["records"].values()
    assert (kept["content"], kept["ttl"], kept["comment"]) == ("192.0.2.9", 600, "ours")


def test_old_text_without_quotation_marks(rig: CloudflareRig) -> None:
    want = rig.new([{**B, "value": "v=spf1 \\ -all;"}])
    rig.make(want)
    rig.record(want.name, "b", "TXT", content="v=spf1 \\ -all;", ttl=300)
    assert changes(want, "cf", rig.live(want)) == []


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({**A, "ttl": "30s"}, "60 s"),
        ({"name": "x", "type": "ALIAS", "value": "y.example."}, "ALIAS"),
        ({"name": "x", "type": "DNAME", "value": "y.example."}, "DNAME"),
        ({"name": "x", "type": "PTR", "values": ["a.example.", "b.example."]}, "PTR"),
    ],
)
def test_what_it_cannot_hold(rig: CloudflareRig, record: Any, why: str) -> None:
    new = rig.new([record])
    with pytest.raises(Unsupported, match=why):
        rig.driver().apply(new, made(new, "cf"), "key")
    assert rig.live(new) == Absent()
    rig.make(rig.again(new, [B]))
    blocked = rig.live(new)
    assert isinstance(blocked, Unknown)
    assert why in blocked.why


def test_the_listing_is_read_to_its_end(rig: CloudflareRig) -> None:
    seen = rig.driver().observe([])
    assert {zone["name"] for zone in OLD} <= {u.name for u in seen.unmanaged}
    assert seen.requests["list-zones"] >= 2


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("status", {"times": 3}),
        ("malformed", {}),
        ("duplicate-page", {"skip": 1}),
        ("throttle", {"times": 3}),
    ],
)
def test_half_a_listing_proves_nothing(
    rig: CloudflareRig, kind: str, more: dict[str, int]
) -> None:
    rig.fault("list-zones", kind, **more)
    seen = rig.driver().observe([rig.new([A])])
    assert all(isinstance(state, Unknown) for state in seen.states.values())
    assert seen.unmanaged == ()


def test_it_waits_as_long_as_it_is_told(rig: CloudflareRig) -> None:
    rig.fault("list-zones", "throttle", retry_after=7)
    assert rig.live(rig.new([A])) == Absent()
    assert rig.slept == [7.0]


def test_one_zone_that_cannot_be_read_does_not_hide_the_others(
    rig: CloudflareRig,
) -> None:
    """octoDNS' Manager stops at the first error (its issue 618)."""
    wants = [rig.new([A]) for _ in range(4)]
    for want in wants:
        rig.make(want)
    rig.fault("list-records", "status", times=3, status=400)
    states = rig.driver().observe(wants).states
    unknown = [name for name, state in states.items() if isinstance(state, Unknown)]
    assert len(unknown) == 3
    assert len(states) == 4


@pytest.mark.parametrize("kind", ["lost-after", "status-after", "malformed"])
def test_a_lost_answer_may_have_happened(rig: CloudflareRig, kind: str) -> None:
    want = rig.new([A])
    rig.make(want)
    other = rig.again(want, [A, C])
    (change,) = changes(other, "cf", rig.live(want))
    rig.fault("create-record", kind)
    with pytest.raises(Ambiguous):
        rig.driver().apply(other, change, "key")
    live = rig.live(other)
    assert other.done(change, {change.share: live}) is True


def test_stopped_half_way_is_not_nothing(rig: CloudflareRig) -> None:
    """Each record is a request of its own: the second may be refused."""
    want = rig.new([A])
    rig.make(want)
    other = rig.again(want, [A, C, B])
    (change,) = changes(other, "cf", rig.live(want))
    rig.fault("create-record", "throttle", skip=1, times=3)
    with pytest.raises(Ambiguous, match="half-way"):
        rig.driver().apply(other, change, "key")
    rig.fault("create-record", "throttle", times=3)
    (rest,) = changes(other, "cf", rig.live(other))
    with pytest.raises(Transient):
        rig.driver().apply(other, rest, "key")


def test_a_refusal_is_final(rig: CloudflareRig) -> None:
    want = rig.new([A])
    rig.make(want)
    rig.record(want.name, "shop", "HTTPS", content=None)
    other = rig.again(want, [A, C])
    (change,) = changes(other, "cf", rig.live(want))
    rig.fault("create-record", "status", status=400, text=f"no {TOKEN}")
    with pytest.raises(Rejected) as raised:
        rig.driver().apply(other, change, "key")
    assert TOKEN not in str(raised.value)


def test_a_token_of_another_account(rig: CloudflareRig) -> None:
    rig.fault("list-accounts", "wrong-account")
    assert rig.driver().identity() != "acc1"


@EXAMPLES
@given(records=record_sets())
def test_whatever_is_written_is_read(rig: CloudflareRig, records: Any) -> None:
    written_is_read(rig, records)


def _zone(name: str, *values: str) -> dict[str, Any]:
    records = [
        {
            "name": label,
            "type": "TXT" if label == "b" else "A",
            "content": value,
            "ttl": 300,
        }
        for label, _, value in (value.partition("=") for value in values)
    ]
    return {"name": name, "records": records}


_HELD = ("www=192.0.2.1", "c=192.0.2.3", 'b="b"', "e=192.0.2.5", "old=192.0.2.8")


class TestCloudflareKeepsTheContract(DnsDriverContract):
    driver = Cloudflare
    vendor = "cloudflare"
    part = {
        "accounts": [
            {
                "id": "acc1",
                "token": "sandbox-token",
                "zones": [
                    _zone("records.example", "www=192.0.2.1"),
                    _zone("prune.example", *_HELD),
                    _zone("stray.example"),
                ],
            }
        ]
    }
    secrets = {"token": "sandbox-token"}
    listing = "list-zones"
    operations = {"records": "create-record", "prune": "delete-record"}


def test_what_is_left_alone_is_named(rig: CloudflareRig) -> None:
    """So that an import can say what it does not bring."""
    want = rig.new([A])
    rig.make(want)
    rig.record(want.name, "proxied", "A", ttl=1, content="192.0.2.8", proxied=True)
    live = rig.live(want)
    assert live.foreign == {"proxied/A": "it is proxied by Cloudflare"}
    assert changes(want, "cf", live) == []
