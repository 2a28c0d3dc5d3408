"""Hosted zones on moto's Route 53."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given

from reconciler.errors import Ambiguous, Rejected, Transient, Unsupported
from reconciler.model import Absent, Unknown
from reconciler.providers._txt import quote
from reconciler.providers.aws_dns import Route53
from reconciler.sandbox.aws_zones import Zones
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

ACCOUNT = "123456789012"
SECRETS = {"accessKeyId": "AKIAEXAMPLE", "secretAccessKey": "secret-canary"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(
        World.from_dict({"vendors": {"aws": {"accessKeyId": "AKIAEXAMPLE"}}}),
        SandboxClock(),
    ) as running:
        yield running


class AwsRig(Rig):
    target = "aws"

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.zones = Zones(sandbox.bench("aws"))
        self.cache = MemoryCache()
        self.slept: list[float] = []

    def driver(self, **other: str) -> Route53:
        secrets = {**SECRETS, **other}
        endpoint = self.sandbox.endpoint("aws")
        return Route53(
            account("aws", endpoint, secrets, cache=self.cache, sleep=self.slept.append)
        )

    def by_hand(self, zone: str, key: str, row: tuple[str, ...] | None) -> None:
        name, _, rtype = key.partition("/")
        values = (row or ("300",))[1:]
        quoted = [quote(v, octal=True) if rtype == "TXT" else v for v in values]
        record: dict[str, Any] = {"Name": name, "Type": rtype, "TTL": 300}
        if row:
            record["ResourceRecords"] = [{"Value": v} for v in quoted]
        self.record(zone, record)

    def record(self, zone: str, record: dict[str, Any]) -> None:
        self.sandbox.edit("aws", "record", {"zone": zone, "record": record})

    def drop(self, zone: str) -> None:
        for zone_id, held in list(self.zones._backend.zones.items()):
            if held.name == f"{zone}.":
                del self.zones._backend.zones[zone_id]

    def fault(self, operation: str, kind: Any, **more: Any) -> None:
        self.sandbox.inject(Fault(vendor="aws", operation=operation, kind=kind, **more))


@pytest.fixture
def rig(sandbox: Sandbox) -> Iterator[AwsRig]:
    yield AwsRig(sandbox)
    assert sandbox.faults.waiting() == []


class TestContract(DnsContract):
    identity = ACCOUNT
    wrong = {"accessKeyId": "AKIAWRONGCANARY"}


ALIAS = {"HostedZoneId": "Z2FDTNDATAQYW2", "DNSName": "d.cloudfront.net.", "EvaluateTargetHealth": False}  # fmt: skip
FOREIGN = {
    "alias": {"Type": "A", "AliasTarget": ALIAS},
    "weighted": {
        "Type": "A", "TTL": 60, "Weight": 1, "SetIdentifier": "one",
        "ResourceRecords": [{"Value": "192.0.2.1"}],
    },
    "several": {
        "Type": "PTR", "TTL": 60,
        "ResourceRecords": [{"Value": "a.example."}, {"Value": "b.example."}],
    },
    "binary": {"Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": '"\\377"'}]},
}  # fmt: skip


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_octodns_cannot_express_is_left_alone(rig: AwsRig, kind: str) -> None:
    record = FOREIGN[kind]
    want = rig.new([A])
    rig.make(want)
    rig.record(want.name, {"Name": "foreign", **record})
    live = rig.live(want)
    assert live.records == {"www/A": ("300", "192.0.2.1")}
    assert changes(want, "aws", live) == []
    rtype = record["Type"]
    value = {"A": "192.0.2.2", "PTR": "c.example.", "TXT": "text"}[str(rtype)]
    mine = {"name": "foreign", "type": rtype, "value": value}
    greedy = rig.again(want, [A, mine])
    assert isinstance(rig.live(greedy), Unknown)
    (change,) = changes(greedy, "aws", live)
    with pytest.raises(Unsupported, match="foreign/"):
        rig.driver().apply(greedy, change, "key")


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_left_alone_is_named(rig: AwsRig, kind: str) -> None:
    """So that an import can say what it does not bring."""
    want = rig.new([A])
    rig.make(want)
    rig.record(want.name, {"Name": "foreign", **FOREIGN[kind]})
    (key,) = rig.live(want).foreign
    assert key == f"foreign/{FOREIGN[kind]['Type']}"


def test_a_type_that_no_record_has_is_named(rig: AwsRig) -> None:
    want = rig.new([A])
    rig.make(want)
    row = {"TTL": 60, "ResourceRecords": [{"Value": '"v=spf1 -all"'}]}
    rig.record(want.name, {"Name": "old", "Type": "SPF", **row})
    live = rig.live(want)
    assert live.foreign == {"old/SPF": "SPF records cannot be declared"}
    assert changes(want, "aws", live) == []


def test_a_cname_beside_an_alias_is_blocked(rig: AwsRig) -> None:
    want = rig.new([A])
    rig.make(want)
    rig.record(want.name, {"Name": "foreign", "Type": "A", "AliasTarget": ALIAS})
    cname = {"name": "foreign", "type": "CNAME", "value": "x.example."}
    blocked = rig.live(rig.again(want, [A, cname]))
    assert isinstance(blocked, Unknown)
    assert "beside foreign/A" in blocked.why


def test_a_record_is_removed_as_route_53_has_it(rig: AwsRig) -> None:
    """A deletion has to repeat the values, however somebody else quoted them."""
    want = rig.new([A, C, B])
    rig.make(want)
    odd = {"Name": "odd", "Type": "TXT", "TTL": 60}
    odd_values = [{"Value": '"a" "b\\;c"'}]
    rig.record(want.name, {**odd, "ResourceRecords": odd_values})
    live = rig.live(want)
    assert live.records["odd/TXT"] == ("60", "ab;c")
    rig.apply(want, live)
    assert "odd/TXT" not in rig.live(want).records


def test_private_zones_are_not_seen(rig: AwsRig) -> None:
    want = rig.new([A])
    rig.zones._backend.create_hosted_zone(f"{want.name}.", private_zone=True)
    assert rig.live(want) == Absent()


def test_two_public_zones_of_one_name_are_nobodys(rig: AwsRig) -> None:
    want, other = rig.new([A]), rig.new([B])
    rig.make(other)
    for _ in range(2):
        rig.zones._backend.create_hosted_zone(f"{want.name}.", private_zone=False)
    seen = rig.driver().observe([want, other])
    assert isinstance(seen.states[want.name], Unknown)
    assert "b/TXT" in seen.states[other.name].records
    with pytest.raises(Rejected, match="several"):
        rig.driver().apply(want, made(want, "aws"), "key")


def test_a_type_that_cannot_be_written_is_said_so_at_plan_time(rig: AwsRig) -> None:
    want = rig.new([A])
    rig.make(want)
    sshfp = {"name": "h", "type": "SSHFP", "value": "1 1 abcd"}
    blocked = rig.live(rig.again(want, [A, sshfp]))
    assert isinstance(blocked, Unknown)
    assert "SSHFP" in blocked.why
    new = rig.new([sshfp])
    with pytest.raises(Unsupported):
        rig.driver().apply(new, made(new, "aws"), "key")
    assert rig.live(new) == Absent()


def test_the_nameservers_are_asked_once(rig: AwsRig) -> None:
    want = rig.new([A])
    rig.make(want)
    first = rig.driver().observe([want])
    again = rig.driver().observe([want])
    assert len(first.states[want.name].nameservers) == 4
    assert again.states == first.states
    assert again.requests == {"list_hosted_zones": 1, "list_resource_record_sets": 1}


def test_a_failed_listing_proves_nothing(rig: AwsRig) -> None:
    rig.fault("ListHostedZones", "status", times=3)
    seen = rig.driver().observe([rig.new([A]), rig.new([B])])
    assert all(isinstance(state, Unknown) for state in seen.states.values())
    assert seen.unmanaged == ()


@pytest.mark.parametrize("operation", ["ListHostedZones", "ListResourceRecordSets"])
def test_half_an_answer_proves_nothing(rig: AwsRig, operation: str) -> None:
    want = rig.new([A])
    rig.make(want)
    rig.fault(operation, "malformed", times=3)
    assert isinstance(rig.live(want), Unknown)


def test_a_question_is_asked_again(rig: AwsRig) -> None:
    rig.fault("ListHostedZones", "status", times=2)
    assert rig.live(rig.new([A])) == Absent()
    assert len(rig.slept) == 2


def test_a_throttled_change_can_be_tried_again(rig: AwsRig) -> None:
    want = rig.new([A])
    rig.make(want)
    other = rig.again(want, [A, C])
    (change,) = changes(other, "aws", rig.live(want))
    rig.fault("ChangeResourceRecordSets", "throttle", times=3)
    with pytest.raises(Transient):
        rig.driver().apply(other, change, "key")


@pytest.mark.parametrize(
    "kind", ["lost-after", "lost-before", "status-after", "malformed"]
)
def test_a_lost_answer_may_have_happened(rig: AwsRig, kind: str) -> None:
    want = rig.new([A])
    rig.make(want)
    other = rig.again(want, [A, C])
    (change,) = changes(other, "aws", rig.live(want))
    rig.fault("ChangeResourceRecordSets", kind)
    with pytest.raises(Ambiguous):
        rig.driver().apply(other, change, "key")
    live = rig.live(other)
    assert other.done(change, {change.share: live}) is (kind != "lost-before")


def test_half_of_a_new_zone_may_have_happened(rig: AwsRig) -> None:
    """The zone is there, its records are not: the next plan writes them."""
    want = rig.new([A])
    rig.fault("ChangeResourceRecordSets", "lost-before")
    with pytest.raises(Ambiguous):
        rig.driver().apply(want, made(want, "aws"), "key")
    live = rig.live(want)
    assert [c.verb for c in changes(want, "aws", live)] == ["records"]
    rig.apply(want, live)
    assert changes(want, "aws", rig.live(want)) == []


def test_another_account_says_so(rig: AwsRig) -> None:
    rig.fault("GetCallerIdentity", "wrong-account")
    assert rig.driver().identity() == "210987654321"


def test_no_secret_is_shown(rig: AwsRig) -> None:
    rig.fault("ListHostedZones", "status", times=3, text="AKIAEXAMPLE secret-canary")
    unknown = rig.live(rig.new([A]))
    assert "canary" not in str(unknown)
    assert "AKIAEXAMPLE" not in str(unknown)


@EXAMPLES
@given(records=record_sets())
def test_whatever_is_written_is_read(rig: AwsRig, records: Any) -> None:
    written_is_read(rig, records)


def _zone(name: str, *values: str) -> dict[str, Any]:
    records = [
        {
            "Name": label,
            "Type": "TXT" if label == "b" else "A",
            "TTL": 300,
            "ResourceRecords": [{"Value": '"b"' if label == "b" else value}],
        }
        for label, _, value in (value.partition("=") for value in values)
    ]
    return {"name": name, "records": records}


class TestRoute53KeepsTheContract(DnsDriverContract):
    driver = Route53
    vendor = "aws"
    part = {
        "accessKeyId": "AKIASANDBOX",
        "zones": [
            _zone("records.example", "www=192.0.2.1"),
            _zone(
                "prune.example",
                "www=192.0.2.1",
                "c=192.0.2.3",
                "b=",
                "e=192.0.2.5",
                "old=192.0.2.8",
            ),
            _zone("stray.example"),
        ],
    }
    secrets = {"accessKeyId": "AKIASANDBOX", "secretAccessKey": "sandbox-secret"}
    listing = "ListHostedZones"
    operations = dict.fromkeys(("records", "prune"), "ChangeResourceRecordSets")
