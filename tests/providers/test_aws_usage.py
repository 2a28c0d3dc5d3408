"""What machines at EC2 use, as CloudWatch has it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from reconciler.kinds.server import Server
from reconciler.model import AnyResource, Reading
from reconciler.providers import aws_usage
from reconciler.providers.aws_usage import AwsUsage
from tests.support.clouds import server
from tests.support.contract import NOW
from tests.support.probes import InSandbox, ProbeContract

GIB = 1024**3
USE = {
    "cpu": {"base": 80, "daily": 20, "noise": 0},
    "io": {"base": 4e6, "noise": 0},
    "memory": {"base": 1.5 * GIB, "noise": 0},
    "disk": {"base": 12 * GIB, "noise": 0},
    "traffic": {"base": 1e6, "noise": 0},
}
PART: dict[str, Any] = {
    "accessKeyId": "ec2-sandbox-key",
    "instances": [
        {"name": "busy", "type": "t3.small", "disk": 20, "usage": USE},
        {"name": "calm", "type": "t3.small", "usage": {"cpu": {"base": 3}}},
    ],
}
BUSY, CALM = server("busy", size="t3.small"), server("calm", size="t3.small")


class TestAwsUsage(InSandbox, ProbeContract):
    driver = AwsUsage
    vendor = "aws"
    part = PART
    secrets = {"accessKeyId": "ec2-sandbox-key", "secretAccessKey": "ec2-secret"}

    def wants(self) -> Sequence[AnyResource]:
        return [BUSY, CALM]

    def missing(self) -> Server:
        return server("missing", size="t3.small")

    def test_what_cloudwatch_has_in_our_units(self) -> None:
        probe = self.made(self.start())
        seen = probe.observe([BUSY, CALM])
        by: dict[str, list[Reading]] = {}
        for one in seen.states["busy"].readings:
            by.setdefault(one.metric, []).append(one)
        assert set(by) == {"cpu", "io", "memory", "disk", "bandwidth"}
        assert {one.limit for one in by["cpu"]} == {200.0}
        assert by["cpu"][-1].value == pytest.approx(85, abs=1)
        assert by["memory"][-1][2:] == (1.5 * GIB, 2.0 * GIB)
        assert by["disk"][-1][2:] == (12.0 * GIB, 20.0 * GIB)
        assert {one.metric for one in seen.states["calm"].readings} == {"cpu"}
        assert seen.requests["get_metric_data"] == 3, "days, weeks, and the month"
        self.later(timedelta(hours=2))
        again = probe.observe([BUSY]).states["busy"].readings
        io = [one.value for one in again if one.metric == "io"]
        assert io[0] == pytest.approx(4e6, rel=0.01)
        sent = [one for one in again if one.metric == "bandwidth"]
        grown = sent[-1].value - by["bandwidth"][-1].value
        assert grown == pytest.approx(7200e6, rel=0.1)
        assert sent[-1].at <= NOW + timedelta(hours=2)

    def test_as_many_queries_as_a_call_takes(self, monkeypatch: Any) -> None:
        monkeypatch.setattr(aws_usage, "QUERIES", 4)
        seen = self.made(self.start()).observe([BUSY, CALM])
        assert seen.requests["get_metric_data"] == 7
        assert seen.states["busy"].readings
