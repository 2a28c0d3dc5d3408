"""
Four faults of octoDNS' Manager, measured with octoDNS 1.22, do not happen here.

A: a zone's own threshold of nought is ignored. B: a zone of fewer than ten records is
emptied without asking. C: one unsafe zone blocks all others. D: one error while
applying stops all later zones (octodns/octodns#618).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from octodns.provider.plan import Plan
from octodns.record import Delete, Record
from octodns.zone import Zone

from reconciler.errors import ProviderError
from reconciler.kinds.domain import Domain, ZoneState
from reconciler.kinds.domain.zone import wanted
from reconciler.providers._octodns_plan import plan_of
from reconciler.providers.cloudflare_dns import Cloudflare
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from tests.support.dns import account, changes, domain

NAMES = [f"r{i}" for i in range(20)]


def a(name: str, value: str = "192.0.2.1") -> dict[str, Any]:
    return {"name": name, "type": "A", "value": value}


def live_of(want: Domain) -> ZoneState:
    return ZoneState(records=wanted(want.spec.dns))


def test_fault_a_a_threshold_of_nought_holds_every_removal() -> None:
    live = live_of(domain("a.example", "cf", map(a, NAMES)))
    for limit in ({"share": "0%"}, {"count": 0}):
        want = domain("a.example", "cf", map(a, NAMES[:18]), maxDeletes=limit)
        (change,) = changes(want, "cf", live)
        assert change.hold is not None


def test_fault_a_is_still_in_octodns() -> None:
    """Why the limits are ours: octoDNS reads the zone that never has any."""
    desired = Zone("a.example.", [], delete_pcent_threshold=0.0)
    existing = Zone("a.example.", [])
    data = {"type": "A", "ttl": 300, "value": "192.0.2.1"}
    records = [Record.new(existing, name, data, lenient=True) for name in NAMES]
    for record in records:
        existing.add_record(record)
    Plan(existing, desired, [Delete(records[0])], True).raise_if_unsafe()


@pytest.mark.parametrize("number", range(1, 10))
def test_fault_b_a_small_zone_is_not_emptied_silently(number: int) -> None:
    live = live_of(domain("a.example", "cf", map(a, NAMES[:number])))
    (change,) = changes(domain("a.example", "cf", []), "cf", live)
    assert len(change.fields) == number
    assert change.hold is not None


def test_octodns_own_thresholds_decide_nothing() -> None:
    """What was approved is carried out, however much it is."""
    zone = Zone("a.example.", [])
    data = {"type": "A", "ttl": 300, "value": "192.0.2.1"}
    for name in NAMES:
        zone.add_record(Record.new(zone, name, data, lenient=True))
    plan = plan_of(zone, {f"{name}/A": None for name in NAMES})
    assert len(plan.changes) == 20


class Zones:
    """Three zones on one Cloudflare, all of which need a record."""

    names = ("one.example", "two.example", "three.example")

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        endpoint = sandbox.endpoint("cloudflare")
        self.driver = Cloudflare(
            account("cf", endpoint, {"token": "tok"}, sleep=lambda _: None)
        )
        self.wants = [domain(name, "cf", [a("www"), a("new")]) for name in self.names]

    def todo(self) -> dict[str, list[Any]]:
        states = self.driver.observe(self.wants).states
        return {
            want.name: changes(want, "cf", states[want.name]) for want in self.wants
        }


def zone(name: str, *others: str) -> dict[str, Any]:
    records = [
        {"name": label, "type": "A", "content": "192.0.2.1", "ttl": 300}
        for label in ("www", *others)
    ]
    return {"name": name, "records": records}


@pytest.fixture
def zones() -> Iterator[Zones]:
    held = [
        zone("one.example"),
        zone("two.example", *NAMES),
        zone("three.example"),
    ]
    part = {"accounts": [{"id": "acc", "token": "tok", "zones": held}]}
    with Sandbox(World({"cloudflare": part}), SandboxClock()) as running:
        made = Zones(running)
        yield made
        made.driver.close()


def test_fault_c_one_unsafe_zone_does_not_block_the_others(zones: Zones) -> None:
    todo = zones.todo()
    holds = {
        name: [c.verb for c in planned if c.hold] for name, planned in todo.items()
    }
    assert holds == {"one.example": [], "two.example": ["prune"], "three.example": []}
    for want in zones.wants:
        for change in todo[want.name]:
            if change.hold is None:
                zones.driver.apply(want, change, "key")
    left = {name: [c.verb for c in planned] for name, planned in zones.todo().items()}
    assert left == {"one.example": [], "two.example": ["prune"], "three.example": []}


def test_fault_d_one_error_at_apply_does_not_stop_the_others(zones: Zones) -> None:
    todo = zones.todo()
    zones.sandbox.inject(
        Fault(vendor="cloudflare", operation="create-record", kind="status", times=1)
    )
    failed = []
    for want in zones.wants:
        try:
            zones.driver.apply(want, todo[want.name][0], "key")
        except ProviderError:
            failed.append(want.name)
    assert failed == ["one.example"]
    left = zones.todo()
    assert [bool([c for c in left[n] if c.verb == "records"]) for n in zones.names] == [
        True,
        False,
        False,
    ]
