"""Machines at EC2: the contract, and what is AWS' own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from reconciler.errors import Rejected, TooEarly
from reconciler.kinds.server import Server, ServerState
from reconciler.model import Absent, Account
from reconciler.providers.aws_server import TAG, AwsServer
from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.clouds import Bench, CloudContract, server
from tests.support.contract import NOW

SECRETS = {"accessKeyId": "ec2-sandbox-key", "secretAccessKey": "ec2-sandbox-secret"}
SETTINGS = {
    "price.t3.small": "15.18 USD/month",
    "price.t3.medium": "30.37 USD/month",
    "price.volume": "0.08 USD",
}
AT = f"{int(NOW.timestamp()) - 60}.0123-1"
HERE = "eu-central-1"
PART: dict[str, Any] = {
    "accessKeyId": SECRETS["accessKeyId"],
    "instances": [
        {"name": "bigger", "type": "t3.small", "region": HERE, "disk": 20},
        {
            "name": "stopped",
            "type": "t3.small",
            "region": HERE,
            "status": "off",
            "tags": {TAG: AT},
        },
        {"name": "data", "type": "t3.small", "region": HERE, "volumes": {"sdb": 50}},
        {"name": "stray", "type": "t3.small", "region": HERE},
    ],
}


def instance(name: str, **spec: Any) -> Server:
    more = {"region": HERE, "maxPrice": "90.00 USD/month", **spec}
    return server(name, **more)


BIGGER = instance("bigger", size="t3.medium")
STOP = instance("stopped", size="t3.small")
DATA = instance("data", size="t3.small", volumes={"sdb": "80GiB"})


class TestAwsServer(CloudContract):
    driver = AwsServer
    vendor = "aws"
    part = PART
    secrets = SECRETS
    extra = "stray"
    listing = "DescribeInstances"
    operations = {
        "resize": "ModifyInstanceAttribute",
        "grow-volume": "ModifyVolume",
        "power-on": "StartInstances",
    }
    deeds = frozenset(["ModifyInstanceAttribute", "ModifyVolume", "StartInstances"])
    starts = frozenset(["StartInstances"])

    def start(self) -> Account:
        return super().start()._replace(settings=SETTINGS)

    def wants(self) -> list[Server]:
        return [BIGGER, STOP, DATA]

    def missing(self) -> Server:
        return instance("missing", size="t3.small")


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"aws": PART}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def bench(running: Sandbox) -> Iterator[Bench]:
    made = Bench(running, "aws", PART, AwsServer, SECRETS, settings=SETTINGS)
    yield made
    made.driver.close()


def test_what_an_instance_is(bench: Bench) -> None:
    state = bench.state(BIGGER)
    assert isinstance(state, ServerState)
    assert (state.name, state.size, state.status) == ("bigger", "t3.small", "running")
    assert (state.disk, state.disk_grows, state.region) == (20 * 1024**3, True, HERE)
    assert {n: (o.cores, o.memory // 1024**3) for n, o in state.offers.items()} == {
        "t3.small": (2, 2),
        "t3.medium": (2, 4),
    }
    assert bench.state(DATA).volumes == {"sdb": 50 * 1024**3}


def test_only_the_regions_that_are_declared_are_listed(bench: Bench) -> None:
    seen = bench.driver.observe([BIGGER, STOP])
    assert [one.name for one in seen.unmanaged] == ["data", "stray"]
    assert seen.requests["describe_instances"] == 1
    asked = bench.driver.observe([BIGGER, STOP]).requests
    assert asked == {"describe_instances": 1, "describe_volumes": 1}
    there = server("bigger", size="t3.small")
    assert isinstance(bench.state(there), Absent), "us-east-1 is the usual one"


def test_a_resize_is_a_stop_a_change_and_a_start(bench: Bench) -> None:
    change = bench.change(BIGGER, "resize")
    assert (str(change.cost), change.smaller) == ("15.19 USD", False)
    assert bench.put(BIGGER, change).request_id
    assert bench.effects("bigger") == [
        "CreateTags",
        "StopInstances",
        "ModifyInstanceAttribute",
        "StartInstances",
        "DeleteTags",
    ]
    state = bench.state(BIGGER)
    assert (state.size, state.status, state.ours) == ("t3.medium", "running", False)
    assert bench.changes(BIGGER) == []


def test_a_type_is_never_changed_while_it_runs(bench: Bench) -> None:
    """moto would; AWS refuses, and so does the driver before it asks."""
    state = bench.state(BIGGER)
    with pytest.raises(Rejected, match="is not stopped"):
        bench.driver.retype(state, "t3.medium", disk=False)
    assert "ModifyInstanceAttribute" not in bench.asked()
    with pytest.raises(Rejected, match="IncorrectInstanceState"):
        bench.driver._call(
            state,
            "modify_instance_attribute",
            InstanceId=state.machine,
            InstanceType={"Value": "t3.medium"},
        )


def test_a_size_without_a_price_is_held(bench: Bench) -> None:
    (change,) = bench.changes(instance("bigger", size="t3.large"))
    assert change.hold == "nobody quotes what a t3.large costs"
    assert change.firm
    want = instance("bigger", size="t3.nothing")
    assert bench.changes(want) == []
    (found,) = want.findings({want.share: bench.state(want)}, NOW)
    assert found.code == "size-unknown"


def test_disks_grow_and_not_again_for_six_hours(bench: Bench) -> None:
    want = instance("bigger", size="t3.small", disk="30GiB")
    change = bench.change(want, "grow-volume")
    assert (str(change.cost), change.reversible) == ("0.80 USD", False)
    bench.put(want, change)
    assert bench.state(want).disk == 30 * 1024**3
    more = instance("bigger", size="t3.small", disk="40GiB")
    again = bench.change(more, "grow-volume")
    with pytest.raises(TooEarly) as early:
        bench.put(more, again)
    assert early.value.until == NOW + timedelta(hours=6)
    assert bench.asked()["ModifyVolume"] == 1
    bench.later(hours=6)
    bench.put(more, again)
    assert bench.effects("bigger") == ["ModifyVolume", "ModifyVolume"]


def test_what_aws_calls_too_often_is_too_early(bench: Bench) -> None:
    want = instance("bigger", size="t3.small", disk="30GiB")
    state, volume = bench.state(want), "modified"
    number = bench.driver._volumes[state.machine]["root"]
    bench.sandbox.bench("aws").state.setdefault(volume, {})[number] = NOW.isoformat()
    with pytest.raises(TooEarly, match="VolumeModificationRateExceeded"):
        bench.put(want, bench.change(want, "grow-volume"))


def test_what_was_terminated_is_not_there(bench: Bench) -> None:
    state = bench.state(BIGGER)
    bench.driver._call(state, "terminate_instances", InstanceIds=[state.machine])
    seen = bench.driver.observe([BIGGER])
    assert isinstance(seen.states["bigger"], Absent)


def test_the_identity_and_the_advice(bench: Bench) -> None:
    assert bench.driver.identity() == "123456789012"
    wrong = AwsServer(bench.account._replace(settings={"price.t3.small": "cheap"}))
    assert [one.said for one in wrong.examine()] == [
        "settings: price.t3.small is no amount"
    ]
    wrong.close()
