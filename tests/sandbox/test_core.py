from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.errors import ReconcilerError
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World, emulator, process
from tests.support.web import web

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
KEYS = {"X-API-Key": "pk1_sandbox", "X-Secret-API-Key": "sk1_sandbox"}
PART: dict[str, Any] = {
    "accounts": [
        {
            "login": "pk1_sandbox",
            "secret": "sk1_sandbox",
            "domains": {
                "due.example": {"expires": 20},
                "shop.example": {"expires": 300},
            },
        },
        {
            "login": "pk1_other",
            "secret": "sk1_other",
            "domains": {"other.example": {"expires": 99}},
        },
    ]
}
WORLD = World({"porkbun": PART})


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(WORLD, SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.clock.set(NOW, frozen=True)
    running.reset(WORLD)
    return running


def ask(sandbox: Sandbox, path: str, **body: Any) -> httpx.Response:
    url = sandbox.endpoint("porkbun") + path
    return web("POST", url, headers=KEYS, json=body)


def listed(sandbox: Sandbox) -> list[str]:
    return [row["domain"] for row in ask(sandbox, "/domain/listAll").json()["domains"]]


def renew(sandbox: Sandbox) -> httpx.Response:
    return ask(sandbox, "/domain/renew/due.example", cost=1108)


def inject(sandbox: Sandbox, kind: Any, **more: Any) -> None:
    sandbox.inject(Fault(vendor="porkbun", kind=kind, **more))


class TestTheClock:
    def test_stands_still_when_frozen_and_moves_when_told(self) -> None:
        clock = SandboxClock(NOW, frozen=True)
        assert clock() == clock() == NOW
        assert clock.advance(timedelta(days=3)) == NOW + timedelta(days=3)

    def test_ticks_with_the_machine_otherwise(self) -> None:
        clock = SandboxClock(NOW)
        first = clock()
        time.sleep(0.01)
        assert NOW <= first < clock() < NOW + timedelta(minutes=1)
        clock.set(NOW + timedelta(days=400))
        assert clock() >= NOW + timedelta(days=400)


class TestFaults:
    def test_a_status_comes_before_the_effect(self, sandbox: Sandbox) -> None:
        inject(sandbox, "status", status=503, operation="renew")
        assert renew(sandbox).status_code == 503
        assert sandbox.charges() == []
        assert renew(sandbox).status_code == 200

    def test_a_status_after_the_effect_leaves_the_effect(
        self, sandbox: Sandbox
    ) -> None:
        inject(sandbox, "status-after", status=502, operation="renew")
        assert renew(sandbox).status_code == 502
        (charge,) = sandbox.charges()
        assert (charge.name, charge.amount) == ("due.example", "11.08 USD")

    @pytest.mark.parametrize(
        ("kind", "charges"), [("lost-before", 0), ("lost-after", 1)]
    )
    def test_a_lost_answer_is_a_closed_connection(
        self, sandbox: Sandbox, kind: str, charges: int
    ) -> None:
        inject(sandbox, kind, operation="renew")
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            renew(sandbox)
        assert len(sandbox.charges()) == charges

    def test_slow_is_slow(self, sandbox: Sandbox) -> None:
        inject(sandbox, "slow", seconds=0.1)
        before = time.monotonic()
        listed(sandbox)
        assert time.monotonic() - before >= 0.1

    def test_throttle_says_how_long(self, sandbox: Sandbox) -> None:
        inject(sandbox, "throttle", retry_after=7)
        answer = renew(sandbox)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")

    def test_malformed_is_no_json_after_the_effect(self, sandbox: Sandbox) -> None:
        inject(sandbox, "malformed", operation="renew")
        with pytest.raises(json.JSONDecodeError):
            renew(sandbox).json()
        assert len(sandbox.charges()) == 1

    def test_stale_answers_from_before(self, sandbox: Sandbox) -> None:
        inject(sandbox, "stale", operation="get", times=2)
        assert renew(sandbox).status_code == 200
        dates = [
            ask(sandbox, "/domain/get/due.example").json()["domain"]["expireDate"][:10]
            for _ in range(3)
        ]
        assert dates == ["2026-12-12", "2026-12-12", "2027-12-12"]

    def test_wrong_account_empty_and_duplicate_page(self, sandbox: Sandbox) -> None:
        inject(sandbox, "wrong-account")
        assert listed(sandbox) == ["other.example"]
        inject(sandbox, "empty")
        assert listed(sandbox) == []
        inject(sandbox, "duplicate-page")
        again = ask(sandbox, "/domain/listAll", start=1).json()
        assert again["count"] == 2

    def test_skip_times_and_wildcards(self, sandbox: Sandbox) -> None:
        inject(sandbox, "status", operation="list*", skip=1, times=2)
        found = [ask(sandbox, "/domain/listAll").status_code for _ in range(4)]
        assert found == [200, 500, 500, 200]
        inject(sandbox, "status", times=0)
        assert {renew(sandbox).status_code for _ in range(3)} == {500}
        sandbox.faults.clear()
        assert renew(sandbox).status_code == 200

    def test_a_vendor_that_is_not_here_is_refused(self, sandbox: Sandbox) -> None:
        with pytest.raises(ReconcilerError, match="no vendor 'gandi'"):
            sandbox.inject(Fault(vendor="gandi", kind="slow"))


class TestTheControlEndpoint:
    def call(self, sandbox: Sandbox, method: str, path: str, body: Any = None) -> Any:
        answer = web(method, sandbox.control + path, json=body)
        return answer.json()

    def test_shows_and_sets_the_clock(self, sandbox: Sandbox) -> None:
        assert self.call(sandbox, "GET", "/clock")["now"] == NOW.isoformat()
        later = self.call(sandbox, "PUT", "/clock", {"advance": 86400})
        assert later == {"now": "2026-11-23T09:00:00+00:00", "frozen": True}
        self.call(sandbox, "PUT", "/clock", {"now": "2027-01-01T00:00:00Z"})
        assert not sandbox.clock.frozen
        assert sandbox.clock().year == 2027

    @pytest.mark.parametrize("body", [{}, {"now": "2027-01-01T00:00:00"}, []])
    def test_refuses_what_is_no_time(self, sandbox: Sandbox, body: Any) -> None:
        assert "error" in self.call(sandbox, "PUT", "/clock", body)
        assert sandbox.clock() == NOW

    def test_injects_shows_and_clears_faults(self, sandbox: Sandbox) -> None:
        fault = {"vendor": "porkbun", "kind": "throttle", "operation": "listAll"}
        shown = self.call(sandbox, "POST", "/faults", fault)["faults"]
        assert shown == self.call(sandbox, "GET", "/faults")["faults"]
        assert [one["kind"] for one in shown] == ["throttle"]
        assert self.call(sandbox, "DELETE", "/faults") == {"faults": []}
        wrong = {"vendor": "porkbun", "kind": "explode"}
        assert "error" in self.call(sandbox, "POST", "/faults", wrong)

    def test_counts_requests_and_shows_effects(self, sandbox: Sandbox) -> None:
        listed(sandbox)
        renew(sandbox)
        counted = self.call(sandbox, "GET", "/requests")["requests"]
        assert counted == {"porkbun": {"listAll": 1, "renew": 1}}
        (effect,) = self.call(sandbox, "GET", "/effects?name=due.example")["effects"]
        assert effect["amount"] == "11.08 USD"
        assert self.call(sandbox, "GET", "/effects?vendor=aws") == {"effects": []}
        assert self.call(sandbox, "DELETE", "/requests") == {"requests": {}}

    def test_changes_things_by_hand(self, sandbox: Sandbox) -> None:
        drift = {"name": "shop.example", "autoRenew": False, "expires": 5}
        assert self.call(sandbox, "POST", "/porkbun/domain", drift) == {"done": True}
        row = ask(sandbox, "/domain/get/shop.example").json()["domain"]
        assert (row["autoRenew"], row["expireDate"][:10]) == (0, "2026-11-27")
        assert row["securityLock"] == "1"
        self.call(sandbox, "POST", "/porkbun/domain", {"name": "new.example"})
        gone = {"name": "shop.example", "remove": True}
        self.call(sandbox, "POST", "/porkbun/domain", gone)
        assert listed(sandbox) == ["due.example", "new.example"]
        assert {e.operation for e in sandbox.ledger.effects()} == {"by-hand"}

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/porkbun/domain", {"name": "due.example", "colour": "red"}),
            ("/porkbun/planet", {"name": "due.example"}),
            ("/gandi/domain", {"name": "due.example"}),
        ],
    )
    def test_refuses_what_it_does_not_know(
        self, sandbox: Sandbox, path: str, body: Any
    ) -> None:
        assert "error" in self.call(sandbox, "POST", path, body)


def test_a_busy_port_is_said_plainly(sandbox: Sandbox) -> None:
    port = int(sandbox.control.rpartition(":")[2])
    other = Sandbox(WORLD, SandboxClock(NOW), ports={"porkbun": port})
    with pytest.raises(ReconcilerError, match=f"port {port} .* cannot be used"):
        other.start()
    assert other.endpoints  # nothing of it runs: stopping is harmless
    other.stop()


def test_an_unknown_vendor_or_world_is_refused(tmp_path: Path) -> None:
    for vendor in ("ovh", "gate", "no-name"):
        with pytest.raises(ReconcilerError, match="cannot emulate"):
            emulator(vendor)
    with pytest.raises(ReconcilerError, match="one key vendors"):
        World.from_dict({"accounts": []})
    with pytest.raises(ReconcilerError, match="cannot read"):
        World.load(tmp_path / "none.yaml")
    part = {"accounts": [{"login": "x"}]}
    with pytest.raises(ReconcilerError, match="porkbun cannot be read"):
        Sandbox(World({"porkbun": part}), SandboxClock(NOW)).start()


def test_the_state_survives_a_restart(tmp_path: Path) -> None:
    with Sandbox(WORLD, SandboxClock(NOW), folder=tmp_path) as first:
        assert renew(first).status_code == 200
        first.clock.advance(timedelta(days=31))
    with Sandbox(WORLD, SandboxClock(NOW), folder=tmp_path) as second:
        row = ask(second, "/domain/get/due.example").json()["domain"]
        assert row["expireDate"][:10] == "2027-12-12"
        assert len(second.charges()) == 1


def test_runs_in_the_background(tmp_path: Path) -> None:
    assert process.status(tmp_path) is None
    ports = {"porkbun": 0, "control": 0}
    try:
        status = process.up(tmp_path, WORLD, ports)
        assert process.status(tmp_path) == status
        assert process.up(tmp_path, WORLD, ports) == status
        now = web("GET", f"{status.control}/clock").json()["now"]
        assert datetime.fromisoformat(now).tzinfo
        taken = {**ports, "porkbun": int(status.control.rpartition(":")[2])}
        with pytest.raises(ReconcilerError, match="cannot be used"):
            process.up(tmp_path / "other", WORLD.as_json(), taken)
    finally:
        process.down(tmp_path)
    assert process.status(tmp_path) is None
    process.down(tmp_path)
    assert (tmp_path / "state.json").exists()


def test_a_stale_pid_is_nobody(tmp_path: Path) -> None:
    status = process.Status(pid=os.getpid(), endpoints={}, control="http://127.0.0.1:1")
    (tmp_path / process.STATUS).write_text(status.model_dump_json())
    assert process.status(tmp_path) is None
    process.down(tmp_path)
    assert not (tmp_path / process.STATUS).exists()
