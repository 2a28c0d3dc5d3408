"""Droplets at DigitalOcean: the contract, and what is DigitalOcean's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from reconciler.errors import Ambiguous, Rejected, Transient
from reconciler.kinds.server import Server, ServerState
from reconciler.model import Account, Money, Unknown
from reconciler.providers._machines import MARK
from reconciler.providers.digitalocean_server import DigitalOceanServer
from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.clouds import Bench, CloudContract, server
from tests.support.contract import NOW

SECRETS = {"token": "dop-sandbox-token"}
SETTINGS = {"price.volume": "0.10 USD"}
_AT = int((NOW - timedelta(minutes=1)).timestamp())
PART: dict[str, Any] = {
    "token": SECRETS["token"],
    "account": "5df3e300",
    "currency": "USD",
    "machines": {
        "bigger": {"size": "s-1vcpu-2gb", "tags": ["web"]},
        "stopped": {"id": 77, "size": "s-1vcpu-2gb", "status": "off"},
        "data": {"size": "s-2vcpu-4gb", "volumes": {"files": 20}},
        "stray": {"size": "s-1vcpu-1gb"},
    },
}
TAG = f"{MARK}:77:{_AT}"
PART["machines"]["stopped"]["tags"] = [TAG]


def droplet(name: str, **spec: Any) -> Server:
    return server(name, maxPrice="90.00 USD/month", **spec)


BIGGER = droplet("bigger", size="s-2vcpu-4gb")
STOP = droplet("stopped", size="s-1vcpu-2gb")
DATA = droplet("data", size="s-2vcpu-4gb", volumes={"files": "40GiB"})


class TestDigitalOceanServer(CloudContract):
    driver = DigitalOceanServer
    vendor = "digitalocean"
    part = {**PART, "takes": {"power_on": 0, "resize_volume": 0}}
    secrets = SECRETS
    extra = "stray"
    listing = "listDroplets"
    operations = {
        "resize": "dropletAction:resize",
        "grow-volume": "resizeVolume",
        "power-on": "dropletAction:power_on",
    }
    deeds = frozenset(["resize", "resize_volume", "power_on"])
    starts = frozenset(["power_on"])

    def start(self) -> Account:
        account = super().start()._replace(settings=SETTINGS)
        self.sandbox.bench("digitalocean").state["tags"] = [TAG]
        return account

    def wants(self) -> list[Server]:
        return [BIGGER, STOP, DATA]

    def missing(self) -> Server:
        return droplet("missing", size="s-1vcpu-1gb")


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    world = World({"digitalocean": PART})
    with Sandbox(world, SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def bench(running: Sandbox) -> Iterator[Bench]:
    made = Bench(
        running, "digitalocean", PART, DigitalOceanServer, SECRETS, settings=SETTINGS
    )
    running.bench("digitalocean").state["tags"] = [TAG]
    yield made
    made.driver.close()


def test_the_identity_is_the_team(bench: Bench) -> None:
    assert bench.driver.identity() == "5df3e300"
    bench.fault("getAccount", "wrong-account")
    assert bench.driver.identity() == "ffffffff"


def test_a_resize_is_one_stop_one_change_and_one_start(bench: Bench) -> None:
    change = bench.change(BIGGER, "resize")
    assert (str(change.cost), change.lasting) == ("12.00 USD", False)
    bench.put(BIGGER, change)
    assert bench.effects("bigger") == ["tagResource", "shutdown", "resize", "power_on"]
    row = bench.row("bigger")
    assert (row["size"], row["disk"], row["status"], row["tags"]) == (
        "s-2vcpu-4gb",
        50,
        "running",
        ["web"],
    )
    assert bench.sandbox.bench("digitalocean").state["tags"] == [TAG]
    assert bench.changes(BIGGER) == []


def test_a_resize_while_it_runs_is_refused_by_the_cloud(bench: Bench) -> None:
    with pytest.raises(Rejected, match="Droplet is currently on"):
        bench.driver.retype(bench.state(BIGGER), "s-2vcpu-4gb", disk=False)


def test_an_action_that_errors_leaves_it_running_as_it_was(bench: Bench) -> None:
    change = bench.change(BIGGER, "resize")
    bench.sandbox.edit("digitalocean", "fails", {"resize": "no reason is told"})
    with pytest.raises(Rejected, match=r"resize errored \(action \d+\)"):
        bench.put(BIGGER, change)
    row = bench.row("bigger")
    assert (row["size"], row["status"]) == ("s-1vcpu-2gb", "running")


def test_a_pending_event_is_waited_for_and_nothing_is_sent_twice(bench: Bench) -> None:
    change = bench.change(BIGGER, "resize")
    bench.sandbox.edit("digitalocean", "takes", {"resize": 3600})
    with pytest.raises(Ambiguous, match="not ready after 600 s"):
        bench.put(BIGGER, change)
    state = bench.state(BIGGER)
    assert (state.busy or "").startswith("resize (action")
    assert bench.asked()["dropletAction:resize"] == 1
    with pytest.raises(Transient, match="pending event"):
        bench.driver.start(state)
    bench.later(hours=1)
    state = bench.state(BIGGER)
    assert (state.size, state.status, state.ours) == ("s-2vcpu-4gb", "off", True)
    assert BIGGER.done(change, {BIGGER.share: state}) is True
    bench.put(BIGGER, bench.change(BIGGER, "power-on"))
    assert bench.running(BIGGER)
    assert bench.effects("bigger").count("resize") == 1


def test_without_a_price_of_disks_none_grows(bench: Bench) -> None:
    poor = DigitalOceanServer(bench.account._replace(settings={}))
    state = poor.observe([DATA]).states["data"]
    (change,) = DATA.diff({DATA.share: state}, NOW)
    assert change.cost is None
    with pytest.raises(Rejected, match="nobody quotes"):
        poor.apply(DATA, change, "k")
    poor.close()
    change = bench.change(DATA, "grow-volume")
    assert change.cost == Money.read("2.00 USD")


def test_prices_that_cannot_be_read_are_named(bench: Bench) -> None:
    wrong = DigitalOceanServer(
        bench.account._replace(settings={"price.volume": "ten cents"})
    )
    (advice,) = wrong.examine()
    assert advice.said == "settings: price.volume is no amount"
    wrong.close()


def test_two_of_one_name_are_unknown_and_an_id_tells_them_apart(bench: Bench) -> None:
    bench.sandbox.bench("digitalocean").state["machines"]["99"] = {
        **bench.row("bigger"),
        "id": 99,
    }
    state = bench.state(BIGGER)
    assert isinstance(state, Unknown)
    assert "99" in state.why
    by_id = droplet("bigger", machine="99", size="s-2vcpu-4gb")
    assert isinstance(bench.state(by_id), ServerState)


@pytest.mark.parametrize("kind", ["duplicate-page", "malformed", "lost-after"])
def test_a_broken_listing_proves_nothing(bench: Bench, kind: str) -> None:
    many = {f"m{n}": {"size": "s-1vcpu-1gb"} for n in range(230)}
    bench.sandbox.reset(World({"digitalocean": {**PART, "machines": many}}))
    want = droplet("m7", size="s-1vcpu-1gb")
    assert isinstance(bench.state(want), ServerState)
    bench.fault("listDroplets", kind, times=0)
    assert isinstance(bench.state(want), Unknown)
