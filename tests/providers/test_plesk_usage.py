"""What the subscriptions of a Plesk server use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from reconciler.kinds.hosting_account import HostingAccount
from reconciler.model import Absent, Share, Unknown, UsageState
from reconciler.model.resource import Metadata, Resource
from reconciler.providers import driver_class
from reconciler.providers.plesk_usage import PleskUsage
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from tests.support.contract import NOW, SandboxContract, account

MIB = 1024**2
LISTING = "service-plan get+webspace get"
PART: dict[str, Any] = {
    "hostname": "plesk1.agency.example",
    "keys": [{"key": "plesk-sandbox-key"}],
    "plans": {"Care 5": {"disk": 5120, "traffic": 10240}},
    "subscriptions": {
        "grow": {"domain": "grow.example", "plan": "Care 5", "used": 1000, "grows": 50},
        "free": {"domain": "free.example", "plan": None, "used": 10, "spends": 0},
    },
}


def hosted(name: str, **spec: Any) -> HostingAccount:
    whole = {"provider": "main", "plan": "care-5", **spec}
    return HostingAccount.model_validate({"metadata": {"name": name}, "spec": whole})


GROW, FREE = hosted("grow.example", account="grow"), hosted("free.example")


class Machine(Resource[Any]):
    """Whatever else names this server as its panel."""

    kind = "Machine"


MACHINE = Machine(metadata=Metadata(name="web-1"), spec={})


class TestPleskUsage(SandboxContract):
    driver = PleskUsage
    vendor = "plesk"
    part = PART
    secrets: ClassVar = {"key": "plesk-sandbox-key"}
    extra = "a probe finds nothing that nobody declares"
    listing = LISTING
    operations: ClassVar = {}

    def wants(self) -> list[HostingAccount]:
        return [GROW, FREE]

    def missing(self) -> HostingAccount:
        return hosted("missing.example")

    def test_what_is_missing_is_absent_and_what_is_extra_is_unmanaged(self) -> None:
        seen = self.made(self.start()).observe([*self.wants(), self.missing()])
        assert isinstance(seen.states["missing.example"], Absent)
        assert not seen.unmanaged


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"plesk": PART}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def probe(running: Sandbox) -> Iterator[PleskUsage]:
    running.clock.set(NOW, frozen=True)
    running.reset(World({"plesk": PART}))
    with closing(
        PleskUsage(account(running, "plesk", {"key": "plesk-sandbox-key"}))
    ) as it:
        yield it


def test_it_is_who_measures_a_hosting_account() -> None:
    assert GROW.probes() == (Share("main", "usage"),)
    assert driver_class("plesk", "usage") is PleskUsage


def test_disk_and_traffic_of_all_from_one_request(
    probe: PleskUsage, running: Sandbox
) -> None:
    running.clock.advance(timedelta(days=4, hours=2))
    seen = probe.observe([GROW, FREE, hosted("missing.example")])
    assert seen.requests == {"subscriptions": 1}
    assert seen.unmanaged == ()
    state = seen.states["grow.example"]
    assert isinstance(state, UsageState)
    assert state.source == "main"
    assert [
        (r.metric, r.value / MIB, (r.limit or 0) / MIB) for r in state.readings
    ] == [
        ("disk", 1200, 5120),
        ("bandwidth", 120, 10240),
    ]
    assert {r.at for r in state.readings} == {running.clock()}
    free = seen.states["free.example"]
    assert isinstance(free, UsageState)
    assert [(r.value / MIB, r.limit) for r in free.readings] == [(10, None), (0, None)]
    assert isinstance(seen.states["missing.example"], Absent)


def test_the_machine_has_its_memory_and_its_largest_device(
    probe: PleskUsage, running: Sandbox
) -> None:
    seen = probe.observe([MACHINE])
    assert seen.requests == {"server stat": 1}
    state = seen.states["web-1"]
    assert isinstance(state, UsageState)
    gib = 1024**3
    assert [
        (r.metric, r.value / gib, (r.limit or 0) / gib) for r in state.readings
    ] == [
        ("memory", 3, 8),
        ("disk", 1010 / 1024, 100),
    ]
    running.inject(
        Fault(vendor="plesk", operation="server get", kind="malformed", times=0)
    )
    both = probe.observe([MACHINE, GROW]).states
    assert isinstance(both["web-1"], Unknown)
    assert isinstance(both["grow.example"], UsageState)


def test_traffic_begins_anew_with_each_month(
    probe: PleskUsage, running: Sandbox
) -> None:
    found = []
    for _ in range(12):
        state = probe.observe([GROW]).states["grow.example"]
        assert isinstance(state, UsageState)
        found.append(state.readings[1].value / MIB)
        running.clock.advance(timedelta(days=1))
    assert found == [0, 30, 60, 90, 120, 150, 180, 210, 240, 0, 30, 60]


def test_another_account_is_not_measured(probe: PleskUsage) -> None:
    state = probe.observe([hosted("grow.example", account="else")]).states[
        "grow.example"
    ]
    assert isinstance(state, Unknown)
    assert "another account's" in state.why


@pytest.mark.parametrize(
    "kind", ["status", "malformed", "lost-after", "duplicate-page"]
)
def test_what_cannot_be_read_is_unknown(
    probe: PleskUsage, running: Sandbox, kind: Any
) -> None:
    fault = Fault(vendor="plesk", operation=LISTING, kind=kind, times=0)
    running.inject(fault)
    states = probe.observe([GROW, FREE]).states.values()
    assert all(isinstance(state, Unknown) for state in states)
