"""Machines at Hetzner Cloud: the contract, and what is Hetzner's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from reconciler.errors import Ambiguous, Rejected, Transient
from reconciler.kinds.server import Server, ServerState
from reconciler.model import Absent, Money, Unknown
from reconciler.providers._machines import MARK
from reconciler.providers.hetzner_server import HetznerServer
from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.clouds import Bench, CloudContract, server
from tests.support.contract import NOW

SECRETS = {"token": "hetzner-sandbox-token"}
STOPPED = f"{int(NOW.timestamp()) - 60}.0123-1"
PART: dict[str, Any] = {
    "token": SECRETS["token"],
    "machines": {
        "bigger": {"size": "cx22", "labels": {"team": "web"}},
        "stopped": {"size": "cx22", "status": "off", "labels": {MARK: STOPPED}},
        "data": {"size": "cx32", "volumes": {"files": 20}},
        "other": {"size": "cx22", "status": "off"},
        "stray": {"size": "cx52"},
    },
}
BIGGER = server("bigger", size="cx32")
STOP = server("stopped", size="cx22")
DATA = server("data", size="cx32", volumes={"files": "40GiB"})
OTHER = server("other", size="cx32")


class TestHetznerServer(CloudContract):
    driver = HetznerServer
    vendor = "hetzner"
    part = {**PART, "takes": {"start_server": 0, "resize_volume": 0}}
    secrets = SECRETS
    extra = "stray"
    listing = "listServers"
    operations = {
        "resize": "change_type",
        "grow-volume": "resizeVolume",
        "power-on": "poweron",
    }
    deeds = frozenset(["change_server_type", "resize_volume", "start_server"])
    starts = frozenset(["start_server"])

    def wants(self) -> list[Server]:
        return [BIGGER, STOP, DATA]

    def missing(self) -> Server:
        return server("missing", size="cx22")


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"hetzner": PART}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def bench(running: Sandbox) -> Iterator[Bench]:
    made = Bench(running, "hetzner", PART, HetznerServer, SECRETS)
    yield made
    made.driver.close()


def test_what_a_machine_is_and_what_it_could_be(bench: Bench) -> None:
    want = server(
        "bigger", size={"min": "cx22", "max": "cx42"}, sizes=["cx22", "cx32", "cx42"]
    )
    state = bench.state(want)
    assert isinstance(state, ServerState)
    assert (state.size, state.status, state.region) == ("cx22", "running", "nbg1")
    assert state.disk == 40 * 1024**3
    assert not state.disk_grows
    assert {k: (o.cores, o.monthly) for k, o in state.offers.items()} == {
        "cx22": (2, Money.read("3.79 EUR")),
        "cx32": (4, Money.read("6.80 EUR")),
        "cx42": (8, Money.read("16.40 EUR")),
    }
    assert bench.changes(want) == []


def test_a_plan_asks_for_lists_alone_and_the_catalogue_once_a_day(bench: Bench) -> None:
    wants = [BIGGER, STOP, OTHER]
    assert bench.driver.observe(wants).requests == {
        "listServers": 1,
        "listServerTypes": 1,
        "getPricing": 1,
    }
    assert bench.driver.observe(wants).requests == {"listServers": 1}
    bench.later(hours=13)
    assert bench.driver.observe(wants).requests["getPricing"] == 1


def test_a_resize_stops_changes_and_starts_and_leaves_no_mark(bench: Bench) -> None:
    change = bench.change(BIGGER, "resize")
    assert (str(change.cost), str(change.ceiling)) == ("3.01 EUR", "90.00 EUR")
    assert (change.risk, change.lasting, change.smaller) == ("disruptive", False, False)
    receipt = bench.put(BIGGER, change)
    assert receipt.request_id
    row = bench.row("bigger")
    assert (row["size"], row["status"], row["disk"]) == ("cx32", "running", 40)
    assert row["labels"] == {"team": "web"}, "the labels of others stay"
    assert bench.effects("bigger") == [
        "updateServer",
        "shutdown_server",
        "change_server_type",
        "updateServer",
    ]
    assert bench.changes(BIGGER) == []


def test_it_is_started_where_the_cloud_does_not(bench: Bench) -> None:
    bench.sandbox.bench("hetzner").state["starts"] = False
    bench.put(BIGGER, bench.change(BIGGER, "resize"))
    assert bench.row("bigger")["status"] == "running"
    assert bench.effects("bigger").count("start_server") == 1


def test_the_disk_comes_along_only_where_that_is_declared(bench: Bench) -> None:
    want = server("bigger", size="cx32", irreversible=["disk"])
    change = bench.change(want, "resize")
    assert (change.risk, change.needs_proof) == ("destructive", True)
    bench.put(want, change)
    assert bench.row("bigger")["disk"] == 80
    back = server("bigger", size="cx22")
    (change,) = bench.changes(back)
    assert change.firm
    assert "its disk of 80GiB does not fit on the 40GiB of a cx22" in change.hold


def test_a_type_change_while_it_runs_is_refused_by_the_cloud(bench: Bench) -> None:
    state = bench.state(BIGGER)
    with pytest.raises(Rejected, match="server_not_stopped"):
        bench.driver.retype(state, "cx32", disk=False)
    assert bench.effects("bigger") == []


def test_a_machine_that_others_stopped_is_left_alone(bench: Bench) -> None:
    assert bench.changes(OTHER) == []
    have = {OTHER.share: bench.state(OTHER)}
    (found,) = OTHER.findings(have, NOW)
    assert (found.code, found.severity) == ("server-off", "error")
    change = bench.change(STOP, "power-on")
    number = str(bench.row("other")["id"])
    other = change.model_copy(update={"details": {"machine": number}})
    with pytest.raises(Rejected, match="not stopped by this tool"):
        bench.put(OTHER, other)
    with pytest.raises(Rejected, match="plan again"):
        bench.put(STOP, other)
    assert bench.effects("other") == []


@pytest.mark.parametrize(
    "text",
    ["", "x.1", "99999999999999.1", "1.1", f"{int(NOW.timestamp()) - 4 * 86400}.1"],
)
def test_a_mark_that_is_none_or_old_says_nothing(bench: Bench, text: str) -> None:
    bench.edit("stopped", labels={MARK: text})
    assert not bench.state(STOP).ours


@pytest.mark.parametrize("command", ["change_server_type", "resource"])
def test_a_change_that_fails_leaves_it_running_as_it_was(
    bench: Bench, command: str
) -> None:
    change = bench.change(BIGGER, "resize")
    if command == "resource":
        bench.sandbox.edit("hetzner", "size", {"name": "cx32", "out": ["nbg1"]})
    else:
        bench.sandbox.edit("hetzner", "fails", {command: "no room on the host"})
    with pytest.raises(Rejected, match=r"no room on the host|resource_unavailable"):
        bench.put(BIGGER, change)
    row = bench.row("bigger")
    assert (row["size"], row["status"], row["labels"]) == (
        "cx22",
        "running",
        {"team": "web"},
    )


def test_what_is_out_of_stock_is_held_before_anything_is_stopped(bench: Bench) -> None:
    bench.sandbox.edit("hetzner", "size", {"name": "cx32", "out": ["nbg1"]})
    (change,) = bench.changes(BIGGER)
    assert change.hold == "cx32 is not to be had where it is now"


def test_a_machine_that_does_not_heed_is_never_cut_off(bench: Bench) -> None:
    change = bench.change(BIGGER, "resize")
    bench.edit("bigger", heeds=False)
    with pytest.raises(Ambiguous, match="not ready after 240 s"):
        bench.put(BIGGER, change)
    assert bench.row("bigger")["status"] == "running"
    assert "poweroff" not in bench.asked()
    assert "change_type" not in bench.asked()


def test_a_start_that_fails_is_said_and_found_by_the_next_run(bench: Bench) -> None:
    change = bench.change(BIGGER, "resize")
    bench.sandbox.bench("hetzner").state["starts"] = False
    bench.fault("poweron", "status", status=403, times=0)
    with pytest.raises(Ambiguous, match="is a cx32, and does not start"):
        bench.put(BIGGER, change)
    state = bench.state(BIGGER)
    assert (state.size, state.status, state.ours) == ("cx32", "off", True)
    assert BIGGER.done(change, {BIGGER.share: state}) is True
    (found,) = BIGGER.findings({BIGGER.share: state}, NOW)
    assert (found.code, found.severity) == ("server-left-off", "critical")
    bench.sandbox.faults.clear()
    bench.put(BIGGER, bench.change(BIGGER, "power-on"))
    assert bench.row("bigger")["status"] == "running"
    assert bench.row("bigger")["labels"] == {"team": "web"}


def test_a_lost_stop_is_followed_and_not_repeated(bench: Bench) -> None:
    change = bench.change(BIGGER, "resize")
    bench.fault("shutdown", "lost-after")
    bench.put(BIGGER, change)
    assert bench.effects("bigger").count("shutdown_server") == 1
    assert bench.row("bigger")["size"] == "cx32"


def test_a_lost_mark_stops_nothing(bench: Bench) -> None:
    change = bench.change(BIGGER, "resize")
    bench.fault("updateServer", "lost-after")
    with pytest.raises(Transient, match="nothing was stopped"):
        bench.put(BIGGER, change)
    assert "shutdown" not in bench.asked()


def test_a_locked_server_is_pending_and_refused_nothing(bench: Bench) -> None:
    change = bench.change(BIGGER, "resize")
    bench.sandbox.edit("hetzner", "takes", {"shutdown_server": 3600})
    bench.driver.stop(bench.state(BIGGER))
    state = bench.state(BIGGER)
    assert state.busy == "shutdown_server (action 100)"
    assert [*BIGGER.diff({BIGGER.share: state}, NOW)] == []
    assert BIGGER.done(change, {BIGGER.share: state}) is None
    assert "shutdown_server" in (BIGGER.pending(change, {BIGGER.share: state}) or "")
    with pytest.raises(Transient, match="is not free"):
        bench.put(BIGGER, change)
    assert bench.driver.happened(BIGGER, change, "k", NOW - timedelta(days=1)) is None
    with pytest.raises(Transient, match="locked"):
        bench.driver.start(state)


def test_a_price_that_rose_since_the_plan_is_refused(bench: Bench) -> None:
    change = bench.change(BIGGER, "resize")
    bench.sandbox.edit("hetzner", "size", {"name": "cx32", "monthly": "7.9000"})
    with pytest.raises(Rejected, match=r"costs 7\.90 EUR now, planned with 6\.80 EUR"):
        bench.put(BIGGER, change)
    assert bench.effects("bigger") == []


def test_above_the_ceiling_is_held(bench: Bench) -> None:
    low = server("bigger", size="cx42", maxPrice="10.00 EUR/month")
    (change,) = bench.changes(low)
    assert (
        change.hold
        == "costs 16.40 EUR in a month with its disks, 10.00 EUR at most is allowed"
    )
    assert change.firm


def test_a_volume_grows_and_is_never_made_smaller(bench: Bench) -> None:
    change = bench.change(DATA, "grow-volume")
    assert (str(change.cost), change.reversible) == ("1.00 EUR", False)
    bench.put(DATA, change)
    assert bench.row("data")["volumes"]["files"]["size"] == 40
    less = server("data", size="cx32", volumes={"files": "30GiB"})
    assert bench.changes(less) == []
    (found,) = less.findings({less.share: bench.state(less)}, NOW)
    assert found.code == "disk-larger"
    gone = server("data", size="cx32", volumes={"mail": "30GiB"})
    (found,) = gone.findings({gone.share: bench.state(gone)}, NOW)
    assert found.code == "volume-missing"


def test_the_disk_of_a_size_does_not_grow_alone(bench: Bench) -> None:
    want = server("bigger", size="cx22", disk="60GiB")
    assert bench.changes(want) == []
    (found,) = want.findings({want.share: bench.state(want)}, NOW)
    assert found.code == "disk-fixed"


def test_a_size_that_is_not_sold_is_a_finding(bench: Bench) -> None:
    want = server("bigger", size="cx99")
    assert bench.changes(want) == []
    (found,) = want.findings({want.share: bench.state(want)}, NOW)
    assert (found.code, found.message) == ("size-unknown", "main knows no size cx99")


def test_a_machine_is_named_by_its_id_or_its_name(bench: Bench) -> None:
    number = str(bench.row("bigger")["id"])
    assert bench.state(server("web", machine=number, size="cx22")).name == "bigger"
    assert isinstance(bench.state(server("web", size="cx22")), Absent)
    elsewhere = server("bigger", size="cx32", region="hel1")
    assert bench.changes(elsewhere) == []
    (found,) = elsewhere.findings({elsewhere.share: bench.state(elsewhere)}, NOW)
    assert found.code == "server-differs"


def test_another_project_has_another_machine_of_that_id(bench: Bench) -> None:
    change = bench.change(BIGGER, "resize")
    bench.fault("getServer", "wrong-account")
    with pytest.raises(Rejected, match="not_found"):
        bench.put(BIGGER, change)
    assert bench.effects("bigger") == []


@pytest.mark.parametrize("kind", ["duplicate-page", "malformed", "lost-after"])
def test_a_broken_listing_proves_nothing(bench: Bench, kind: str) -> None:
    many = {f"m{n}": {"size": "cx22"} for n in range(60)}
    bench.sandbox.reset(World({"hetzner": {**PART, "machines": many}}))
    assert isinstance(bench.state(server("m7", size="cx22")), ServerState)
    bench.fault("listServers", kind, times=0)
    seen = bench.driver.observe(
        [server("m7", size="cx22"), server("none", size="cx22")]
    )
    assert all(isinstance(state, Unknown) for state in seen.states.values())
    assert seen.unmanaged == ()


def test_a_token_that_only_reads_is_said_by_the_refusal(bench: Bench) -> None:
    change = bench.change(BIGGER, "resize")
    bench.sandbox.bench("hetzner").state["read_only"] = True
    with pytest.raises(Rejected, match="token_readonly"):
        bench.put(BIGGER, change)


def test_an_account_that_is_declared_cannot_be_proven(bench: Bench) -> None:
    assert bench.driver.identity() is None
    assert [*bench.driver.examine()] == []
    named = HetznerServer(bench.account._replace(identity="agency"))
    (advice,) = named.examine()
    assert "tells no token's project" in advice.said
    named.close()
