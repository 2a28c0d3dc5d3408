"""What droplets at DigitalOcean use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from reconciler.kinds.server import Server
from reconciler.model import AnyResource, Reading
from reconciler.providers.digitalocean_usage import DigitalOceanUsage
from reconciler.sandbox import Fault
from tests.support.clouds import server
from tests.support.contract import NOW
from tests.support.probes import InSandbox, ProbeContract

GIB = 1024**3
USE = {
    "cpu": {"base": 50, "daily": 20},
    "memory": {"base": 1.5 * GIB, "noise": 0},
    "disk": {"base": 30 * GIB, "perDay": GIB, "noise": 0},
    "load": {"base": 0.7},
    "traffic": {"base": 1e6, "noise": 0},
}
PART: dict[str, Any] = {
    "token": "dop-sandbox-token",
    "machines": {
        "busy": {"size": "s-2vcpu-4gb", "usage": USE},
        "calm": {"size": "s-1vcpu-1gb", "usage": {"load": {"base": 0.1}}},
    },
}
BUSY, CALM = server("busy", size="s-2vcpu-4gb"), server("calm", size="s-1vcpu-1gb")


class TestDigitalOceanUsage(InSandbox, ProbeContract):
    driver = DigitalOceanUsage
    vendor = "digitalocean"
    part = PART
    secrets = {"token": "dop-sandbox-token"}

    def wants(self) -> Sequence[AnyResource]:
        return [BUSY, CALM]

    def missing(self) -> Server:
        return server("missing", size="s-1vcpu-1gb")

    def read(self, probe: Any) -> dict[str, list[Reading]]:
        by: dict[str, list[Reading]] = {}
        for one in probe.observe([BUSY]).states["busy"].readings:
            by.setdefault(one.metric, []).append(one)
        return by

    def test_what_its_agent_tells_in_our_units(self) -> None:
        by = self.read(self.made(self.start()))
        assert set(by) == {"cpu", "load", "memory", "disk", "bandwidth"}
        assert {one.limit for one in by["cpu"]} == {200.0}
        cpu = [one.value for one in by["cpu"]]
        assert 29 < min(cpu) < 31
        assert 69 < max(cpu) < 71
        assert by["memory"][-1][2:] == (1.5 * GIB, 4.0 * GIB)
        assert by["disk"][-1].limit == 80.0 * GIB
        assert by["disk"][-1].value == pytest.approx(30 * GIB, rel=1e-3)
        gaps = {b.at - a.at for a, b in zip(by["load"], by["load"][1:], strict=False)}
        assert min(gaps) >= timedelta(minutes=2)
        assert len(by["load"]) == pytest.approx(48 * 12, abs=2)

    def test_what_went_out_is_added_up_from_the_first_of_the_month(self) -> None:
        """14 days are kept: what nobody tells any more is not made up."""
        account = self.start()
        sent = self.read(self.made(account))["bandwidth"]
        days = timedelta(days=14).total_seconds()
        assert sent[-1].value == pytest.approx(days * 1e6, rel=0.01)
        self.later(timedelta(hours=1))
        more = self.read(self.made(account))["bandwidth"]
        assert more[-1].value - sent[-1].value == pytest.approx(3600e6, rel=0.05)
        self.sandbox.clock.set(NOW.replace(month=12, day=1, hour=1), frozen=True)
        new = self.read(self.made(account))["bandwidth"]
        assert new[-1].value < 9 * 3600e6, "a month began"

    def test_without_its_agent_what_is_not_told_is_left_out(self) -> None:
        readings = self.made(self.start()).observe([CALM]).states["calm"].readings
        assert {one.metric for one in readings} == {"load"}

    def test_an_answer_that_is_no_success_is_none(self) -> None:
        probe = self.made(self.start())
        fault = Fault(
            vendor="digitalocean", operation="metrics/cpu", kind="malformed", times=0
        )
        self.sandbox.inject(fault)
        seen = probe.observe([BUSY]).states["busy"]
        assert "metrics/cpu" in seen.why
