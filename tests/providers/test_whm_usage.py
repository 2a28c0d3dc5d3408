"""What a WHM server tells of the use of its accounts, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from reconciler.kinds.hosting_account import HostingAccount
from reconciler.kinds.server import Server
from reconciler.model import Absent, AnyResource, Unknown
from reconciler.model.usage import UsageState
from reconciler.providers.whm_usage import WhmUsage
from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.contract import NOW, SandboxContract
from tests.support.hosted import SMALL, Bench, hosted

MIB = 1024**2
USE = {"disk": 1000, "grows": 10, "traffic": 100, "cpu": 50, "memory": 256, "io": 512}
PART: dict[str, Any] = {
    "hostname": "whm1.agency.example",
    "tokens": [{"user": "panel-user", "token": "whm-sandbox-token"}],
    "packages": {"care_5g": {"quota": 5120, "bandwidth": 1000}},
    "accounts": {
        "busy": {"domain": "busy.example", "plan": "care_5g", "use": USE},
        "calm": {"domain": "calm.example"},
    },
}
for row in PART["accounts"].values():
    row["owner"] = "panel-user"
BUSY = hosted("busy.example", ladder=[{**SMALL, "limits": {"cpu": "100%"}}])
CALM = hosted("calm.example", account="calm")


MACHINE = Server.model_validate(
    {
        "metadata": {"name": "web-1"},
        "spec": {"provider": "cloud", "size": "cx22", "panel": "main"},
    }
)


class TestWhmUsage(SandboxContract):
    driver = WhmUsage
    vendor = "whm"
    part = PART
    secrets: ClassVar = {"user": "panel-user", "token": "whm-sandbox-token"}
    extra = "a probe finds nothing that nobody declares"
    listing = "listaccts"
    operations: ClassVar = {}

    def wants(self) -> list[HostingAccount]:
        return [BUSY, CALM]

    def missing(self) -> HostingAccount:
        return hosted("missing.example")

    def test_what_is_missing_is_absent_and_what_is_extra_is_unmanaged(self) -> None:
        seen = self.made(self.start()).observe([*self.wants(), self.missing()])
        assert isinstance(seen.states["missing.example"], Absent)
        assert not seen.unmanaged

    def test_observing_changes_nothing(self) -> None:
        """What is asked for account by account is asked once in an hour."""
        driver, each = self.made(self.start()), {"cpu", "memory", "io"}
        first, second = (driver.observe(self.wants()).states for _ in range(2))
        for name, state in second.items():
            assert isinstance(state, UsageState)
            before = first[name]
            assert isinstance(before, UsageState)
            listed = [one for one in before.readings if one.metric not in each]
            assert [*state.readings] == listed


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"whm": PART}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


class Probing(Bench):
    """One probe over one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        sandbox.reset(World({"whm": PART}))
        self.driver.close()
        self.probe = WhmUsage(self.account)

    def read(self, *wants: AnyResource) -> dict[str, dict[str, Any]]:
        """Return what was read: name -> metric -> (value, limit)."""
        self.requests = (seen := self.probe.observe(wants)).requests
        found = {}
        for name, state in seen.states.items():
            assert isinstance(state, UsageState), state
            assert state.source == "main"
            assert {one.at for one in state.readings} <= {self.sandbox.clock()}
            found[name] = {r.metric: (r.value, r.limit) for r in state.readings}
        return found


@pytest.fixture
def probing(running: Sandbox) -> Iterator[Probing]:
    made = Probing(running)
    yield made
    made.probe.close()


def test_two_listings_and_one_call_for_who_is_watched(probing: Probing) -> None:
    probing.sandbox.clock.set(NOW + timedelta(days=2), frozen=True)
    seen = probing.read(BUSY, CALM)
    assert probing.requests == {"listaccts": 1, "showbw": 1, "uapi_cpanel": 1}
    assert seen["calm.example"] == {
        "disk": (14 * MIB, None),
        "inodes": (102, None),
        "bandwidth": (0, None),
    }
    assert seen["busy.example"] == {
        "disk": (1020 * MIB, 5120 * MIB),
        "inodes": (102 + 20 * 7, None),
        "bandwidth": (200 * MIB, 1000 * MIB),
        "cpu": (50, 100),
        "memory": (256 * MIB, 1024 * MIB),
        "io": (512 * 1024, 1024**2),
    }


def test_what_is_asked_one_by_one_is_asked_once_in_an_hour(probing: Probing) -> None:
    probing.read(BUSY)
    probing.sandbox.clock.advance(timedelta(minutes=20))
    assert "cpu" not in probing.read(BUSY)["busy.example"]
    assert "uapi_cpanel" not in probing.requests
    probing.sandbox.clock.advance(timedelta(minutes=40))
    assert "cpu" in probing.read(BUSY)["busy.example"]


def test_a_server_that_measures_nothing_is_asked_once_a_day(probing: Probing) -> None:
    probing.sandbox.edit("whm", "server", {"lve": False})
    other = hosted("calm.example", scaling="up")
    assert "cpu" not in probing.read(BUSY, other)["busy.example"]
    assert probing.requests["uapi_cpanel"] == 1
    probing.sandbox.clock.advance(timedelta(hours=2))
    probing.read(BUSY, other)
    assert "uapi_cpanel" not in probing.requests


def test_the_month_begins_anew(probing: Probing) -> None:
    probing.sandbox.clock.set(NOW.replace(day=30, hour=12), frozen=True)
    before = probing.read(BUSY)["busy.example"]["bandwidth"]
    probing.sandbox.clock.set(NOW.replace(month=12, day=1, hour=12), frozen=True)
    after = probing.read(BUSY)["busy.example"]["bandwidth"]
    assert (before[0], after[0]) == (812.5 * MIB, 50 * MIB)


def test_a_machine_has_load_and_a_disk(probing: Probing) -> None:
    seen = probing.read(MACHINE)["web-1"]
    assert probing.requests == {"systemloadavg": 1, "getdiskusage": 1}
    assert seen["load"] == (0.5, None)
    assert seen["disk"] == (1014 * MIB, 1024**4)


def test_nobody_is_measured_by_the_account_of_another(probing: Probing) -> None:
    probing.edit("busy", domain="sold.example")
    wants = [hosted("busy.example", account="busy"), hosted("nowhere.example")]
    seen = probing.probe.observe(wants).states
    assert isinstance(seen["busy.example"], Unknown)
    assert isinstance(seen["nowhere.example"], Absent)


@pytest.mark.parametrize(
    ("function", "gone"),
    [
        ("showbw", {"bandwidth"}),
        ("uapi_cpanel", {"cpu", "memory", "io"}),
        ("getdiskusage", {"disk"}),
    ],
)
def test_what_is_refused_is_left_out(
    probing: Probing, function: str, gone: set[str]
) -> None:
    want: AnyResource = MACHINE if function == "getdiskusage" else BUSY
    before = set(probing.read(want)[want.name])
    fresh = Probing(probing.sandbox)
    fresh.fault(function, "status", status=403, times=0)
    assert before - set(fresh.read(want)[want.name]) == gone
    fresh.probe.close()


@pytest.mark.parametrize(
    ("want", "function"), [(BUSY, "listaccts"), (MACHINE, "systemloadavg")]
)
def test_a_read_that_fails_is_unknown(
    probing: Probing, want: HostingAccount, function: str
) -> None:
    probing.fault(function, "status", status=500, times=0)
    assert isinstance(probing.probe.observe([want]).states[want.name], Unknown)


def test_another_unit_is_left_out() -> None:
    from reconciler.providers import whm_usage

    line = {"id": "lvememphy", "usage": "512", "maximum": None, "formatter": None}
    assert [*whm_usage._lines([line], NOW)] == []
    (one,) = whm_usage._lines([{**line, "formatter": "format_bytes"}], NOW)
    assert (one.metric, one.value, one.limit) == ("memory", 512.0, None)
    for said in ("unlimited", "", None, "-1", "nan", "inf"):
        assert [
            *whm_usage._lines(
                [{**line, "formatter": "format_bytes", "usage": said}], NOW
            )
        ] == []
