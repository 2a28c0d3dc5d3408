"""What a real Prometheus has measured, by the expressions of the account's settings."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from reconciler.errors import Rejected
from reconciler.kinds.hosting_account import HostingAccount
from reconciler.kinds.server import Server
from reconciler.model import Account, AnyResource, Unknown
from reconciler.providers.prometheus_usage import PrometheusUsage
from reconciler.sandbox import SandboxClock
from reconciler.sandbox.prometheus import PrometheusServer, program
from tests.support.clouds import server
from tests.support.contract import NOW, MemoryCache
from tests.support.probes import ProbeContract

pytestmark = pytest.mark.real

GIB = 1024**3
SETTINGS = {
    "cpu": '100 * sum by (instance) (rate(node_cpu_seconds_total{mode!="idle"}[15m]))',
    "memory": "node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes",
    "memory.limit": "node_memory_MemTotal_bytes",
    "load": "node_load1",
}
WEB = server("web", machine="web-1", size="s")
SHOP = server("shop-1", size="s")
HOSTED = HostingAccount.model_validate(
    {
        "metadata": {"name": "bakker.example"},
        "spec": {"provider": "whm-1", "account": "bakker", "plan": "p"},
    }
)


def past() -> str:
    """Return a day of a machine, hours of another, and an account's load."""
    end = int(NOW.timestamp()) + 2 * 3600
    start = end - 86400
    web = 'instance="web-1:9100"'
    lines = ["# TYPE node_cpu_seconds counter"]
    for mode, share in (("idle", 1.5), ("user", 0.4), ("system", 0.1)):
        for at in range(start, end, 300):
            count = share * (at - start)
            lines.append(
                f'node_cpu_seconds_total{{{web},mode="{mode}"}} {count:.1f} {at}'
            )
    for name, value in (
        ("node_memory_MemTotal_bytes", 8 * GIB),
        ("node_memory_MemAvailable_bytes", 5 * GIB),
    ):
        lines.append(f"# TYPE {name} gauge")
        lines += [f"{name}{{{web}}} {value} {at}" for at in range(start, end, 300)]
    lines.append("# TYPE node_load1 gauge")
    for label in ("bakker", "shop-1:9100", "shop-1:9104"):
        for at in range(end - 4 * 3600, end, 300):
            value = "NaN" if at % 3600 == 0 else "0.5"
            lines.append(f'node_load1{{instance="{label}"}} {value} {at}')
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module")
def running(tmp_path_factory: Any) -> Iterator[PrometheusServer]:
    if program() is None or program("promtool") is None:
        why = "Prometheus is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    folder: Path = tmp_path_factory.mktemp("prometheus")
    one = PrometheusServer(folder, past())
    one.start()
    yield one
    one.stop()


class TestPrometheusUsage(ProbeContract):
    driver = PrometheusUsage
    endpoint: ClassVar[str]
    clock: SandboxClock

    @pytest.fixture(autouse=True)
    def there(self, running: PrometheusServer) -> None:
        type(self).endpoint = running.endpoint

    def start(self) -> Account:
        self.clock = SandboxClock(NOW, frozen=True)
        self.broken = False
        return Account(
            name="prom",
            endpoint=self.endpoint,
            identity=None,
            secrets={},
            clock=self.clock,
            sleep=lambda _: None,
            cache=MemoryCache(),
            settings=SETTINGS,
        )

    def wants(self) -> Sequence[AnyResource]:
        return [WEB]

    def missing(self) -> Server:
        return server("missing", size="s")

    def breaks(self) -> None:
        (probe,) = self._made
        probe._http.base = "http://127.0.0.1:9"

    def later(self, span: timedelta) -> None:
        self.clock.advance(span)

    def test_what_its_expressions_say(self) -> None:
        seen = self.made(self.start()).observe([WEB, HOSTED])
        by: dict[str, list[Any]] = {}
        for one in seen.states["web"].readings:
            by.setdefault(one.metric, []).append(one)
        assert set(by) == {"cpu", "memory"}
        assert by["cpu"][-1].value == pytest.approx(50.0)
        assert by["memory"][-1][1:] == (NOW, 3.0 * GIB, 8.0 * GIB)
        assert NOW - min(one.at for one in by["cpu"]) > timedelta(hours=20)
        assert seen.requests == {"query_range": len(SETTINGS)}
        load = seen.states["bakker.example"].readings
        assert {(one.metric, one.value) for one in load} == {("load", 0.5)}
        assert all(one.at.minute for one in load), "what is no number is no reading"

    def test_two_series_of_one_thing_are_none(self) -> None:
        seen = self.made(self.start()).observe([SHOP, WEB])
        state = seen.states["shop-1"]
        assert isinstance(state, Unknown)
        assert "several series with instance=shop-1" in state.why
        assert seen.states["web"].readings

    def test_a_wrong_expression_is_named(self) -> None:
        account = self.start()
        settings = {"disk": "sum by (", "speed": "up", "load": "node_load1"}
        probe = self.made(account._replace(settings=settings))
        said = [one.said for one in probe.examine()]
        assert said[0] == "settings: speed is no metric"
        assert "disk" in said[1]
        assert "bad_data" in said[1]
        state = probe.observe([WEB]).states["web"]
        assert isinstance(state, Unknown)
        assert "bad_data" in state.why

    def test_without_expressions_nothing_is_measured(self) -> None:
        probe = self.made(self.start()._replace(settings={}))
        (advice,) = probe.examine()
        assert "names no expression" in advice.said
        assert isinstance(probe.observe([WEB]).states["web"], Unknown)

    def test_it_needs_its_endpoint_and_says_who_it_is(self) -> None:
        account = self.start()
        with pytest.raises(Rejected, match="needs its endpoint"):
            PrometheusUsage(account._replace(endpoint=None))
        by = {"token": "a-token"}, {"user": "u", "password": "a-word"}, {"user": "u"}
        kinds = [
            PrometheusUsage(account._replace(secrets=one))._http._headers for one in by
        ]
        assert [next(iter(k.values()), "").partition(" ")[0] for k in kinds] == [
            "Bearer",
            "Basic",
            "",
        ]
