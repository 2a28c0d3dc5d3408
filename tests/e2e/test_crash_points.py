"""Kill an apply at every step, and the run that resumes it: nothing happens twice."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.agency import Agency
from tests.support.crash import converge, effects
from tests.support.scenes import FILES, ODDITIES, Scene

SHARDS = 4
#: Between writing down that a renewal begins and writing down what came of it.
IN_FLIGHT = [
    "before porkbun-main/domain.apply",
    "after porkbun-main/domain.apply",
    "before namecom-main/domain.apply",
    "after namecom-main/domain.apply",
]


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    with Agency(tmp_path_factory.mktemp("crash"), FILES, ODDITIES) as agency:
        yield Scene(agency)


@pytest.fixture(scope="module")
def local_scene(tmp_path_factory):
    tmp = tmp_path_factory.mktemp("crash")
    with Agency(tmp, FILES, ODDITIES, remote=False) as agency:
        yield Scene(agency)


def test_the_steps_are_all_boundaries(scene):
    counted = Counter(name.split(".")[-1] for name in scene.whole)
    assert counted["apply"] == 8  # before and after each of four changes
    assert counted["observe"] == 6  # three accounts, before and after acting
    assert counted["commit"] == 3  # intents, outcomes, base
    assert counted["move"] == 10  # around the pushes of those, acquire and release


@pytest.mark.parametrize("shard", range(SHARDS))
def test_killed_at_every_step(scene, shard, record_property):
    deaths = range(1 + shard, len(scene.whole) + 1, SHARDS)
    for death in deaths:
        scene.run(death)
        scene.settled()
    record_property("single crashes", len(deaths))


@pytest.mark.parametrize("second", IN_FLIGHT)
@pytest.mark.parametrize("first", IN_FLIGHT)
def test_killed_twice_while_something_is_in_flight(local_scene, first, second):
    local_scene.run(first, second)
    local_scene.settled()


@pytest.mark.parametrize("shard", range(SHARDS))
def test_killed_again_in_the_resumed_run(local_scene, shard, record_property):
    """A sample, the same every time: each first death with one second one."""
    firsts = range(1 + shard, len(local_scene.whole) + 1, 2 * SHARDS)
    for first in firsts:
        second = 1 + first * 7 % len(local_scene.whole)
        local_scene.run(first, second)
        local_scene.settled()
    record_property("double crashes", len(firsts))


def dearer(agency):
    for vendor in ("porkbun", "namecom"):
        agency.sandbox.edit(vendor, "price", {"tld": "example", "price": "13.00 USD"})


def delegated_elsewhere(agency):
    hosts = ["ns1.elsewhere.example", "ns2.elsewhere.example"]
    for vendor, name in (("porkbun", "due.example"), ("namecom", "nc.example")):
        agency.sandbox.edit(vendor, "domain", {"name": name, "nameservers": hosts})


def dearer_ceiling(agency):
    agency.edit("inventory/domains.yaml", "15.00 USD", "14.00 USD")
    agency.commit()


@pytest.mark.parametrize("change", [dearer, delegated_elsewhere, dearer_ceiling])
@pytest.mark.parametrize("death", IN_FLIGHT)
def test_the_world_or_git_changes_before_the_resumed_run(scene, death, change):
    head = scene.agency.git("rev-parse", "HEAD")
    scene.run(death)
    try:
        change(scene.agency)
        converge(scene.agency)
        paid = Counter(effect.name for effect in scene.agency.charges())
        assert paid == {"due.example": 1, "nc.example": 1}
    finally:
        scene.agency.git("reset", "-q", "--hard", head)


@pytest.mark.parametrize("death", IN_FLIGHT)
def test_the_paying_account_is_another_before_the_resumed_run(scene, death):
    """The same account under another name: nobody can tell, and nobody pays again."""
    agency = scene.agency
    head = agency.git("rev-parse", "HEAD")
    scene.run(death)
    try:
        before = {effect.name for effect in agency.charges()}
        for file in ("accounts", "domains"):
            agency.edit(f"inventory/{file}.yaml", "porkbun-main", "porkbun-new")
        agency.commit()
        for _ in range(3):
            agency.later(minutes=31)
            result = agency.apply()
        opened = dict(agency.project().store.read().open)
        assert {one.intent.name for one in opened.values()} <= {
            "due.example",
            "flag.example",
        }
        assert 9 in result.codes
        paid = Counter(effect.name for effect in agency.charges())
        assert paid["due.example"] == ("due.example" in before)
        assert paid["nc.example"] == 1
    finally:
        agency.git("reset", "-q", "--hard", head)


def test_a_change_that_nobody_made_is_found_in_the_effects(scene):
    """The instrument itself: an effect done twice would be seen."""
    scene.run()
    scene.agency.sandbox.ledger.add(scene.agency.charges()[0])
    assert max(effects(scene.agency).values()) == 2
