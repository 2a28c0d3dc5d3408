"""What machines at Hetzner Cloud use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from reconciler.kinds.server import Server
from reconciler.model import AnyResource, Unknown
from reconciler.providers.hetzner_usage import HetznerUsage
from reconciler.sandbox import Fault
from tests.support.clouds import server
from tests.support.contract import NOW
from tests.support.probes import InSandbox, ProbeContract

SECRETS = {"token": "hetzner-sandbox-token"}
USE = {"cpu": {"base": 60, "daily": 20, "perDay": 1, "noise": 0}, "io": {"base": 8e6}}
PART: dict[str, Any] = {
    "token": SECRETS["token"],
    "machines": {
        "busy": {"size": "cx22", "usage": USE},
        "calm": {"size": "cx32", "usage": {"cpu": {"base": 5}}},
    },
}
BUSY, CALM = server("busy", size="cx22"), server("calm", size="cx32")


class TestHetznerUsage(InSandbox, ProbeContract):
    driver = HetznerUsage
    vendor = "hetzner"
    part = PART
    secrets = SECRETS

    def wants(self) -> Sequence[AnyResource]:
        return [BUSY, CALM]

    def missing(self) -> Server:
        return server("missing", size="cx22")

    def test_what_the_host_sees_in_our_units(self) -> None:
        probe = self.made(self.start())
        self.sandbox.edit("hetzner", "machine", {"name": "busy", "outgoing": 5 * 10**9})
        seen = probe.observe([BUSY, CALM])
        readings = seen.states["busy"].readings
        by: dict[str, list[Any]] = {}
        for one in readings:
            by.setdefault(one.metric, []).append(one)
        assert set(by) == {"cpu", "io", "bandwidth"}
        assert {one.limit for one in by["cpu"]} == {200.0}
        assert (
            25 < min(o.value for o in by["cpu"]) < max(o.value for o in by["cpu"]) < 81
        )
        assert by["io"][-1].value == pytest.approx(8e6, rel=0.05)
        assert by["bandwidth"] == [("bandwidth", NOW, 5e9, 20.0 * 1024**4)]
        assert 600 < len(by["cpu"]) < 800, "fine for a day, and coarse before"
        assert seen.requests["getServerMetrics"] == 4
        assert probe.observe([BUSY]).requests["getServerMetrics"] == 1

    def test_one_that_cannot_be_read_is_unknown_alone(self) -> None:
        probe = self.made(self.start())
        self.sandbox.inject(
            Fault(
                vendor="hetzner",
                operation="getServerMetrics",
                kind="status",
                status=422,
            )
        )
        states = probe.observe([BUSY, CALM]).states
        assert isinstance(states["busy"], Unknown)
        assert states["calm"].readings

    def test_after_a_long_silence_it_asks_for_no_more_than_is_kept(self) -> None:
        made = self.start()
        probe = self.made(made)
        probe.observe([BUSY])
        self.later(timedelta(days=40))
        readings = probe.observe([BUSY]).states["busy"].readings
        assert min(one.at for one in readings) >= made.clock() - timedelta(days=14)
