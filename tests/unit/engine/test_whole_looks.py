"""What a dated look proves about a name that it was never asked about."""

from __future__ import annotations

import json

import pytest

from reconciler.engine import Accounts, Snapshot, World, observe, snapshot, written
from reconciler.kinds import kinds
from reconciler.model import Absent, Unknown, Unmanaged
from tests.unit.engine.made import NOW, SHARE, Told, domain, state

NEW = domain("new.example")
OLD = domain("old.example")


def looked(driver, declared="me"):
    return observe([OLD], Accounts({SHARE: driver}, {SHARE.provider: declared}))


def kept(world, tmp_path, **more):
    """Return *world* as it is read back from its file."""
    file = tmp_path / "seen.json"
    file.write_text(written(snapshot(world, NOW, **more)))
    return Snapshot(file, kinds().values()).world


def told(world):
    return world.have(NEW)[SHARE]


def test_a_whole_look_proves_what_it_does_not_list(tmp_path):
    world = looked(Told({"old.example": state()}))
    assert isinstance(told(world), Absent)
    assert isinstance(told(kept(world, tmp_path)), Absent)


def test_what_was_there_and_nobody_wanted_is_unknown(tmp_path):
    there = (Unmanaged("Domain", "new.example", SHARE.provider),)
    world = kept(looked(Told({"old.example": state()}, unmanaged=there)), tmp_path)
    assert told(world) == Unknown(
        why="is in the account, and was declared after the last look"
    )


@pytest.mark.parametrize(
    ("driver", "declared"),
    [
        (Told({"old.example": state()}), None),
        (Told({"old.example": state()}, who=None), "me"),
        (Told({"old.example": state()}, who="they"), "me"),
        (Told({"old.example": Unknown(why="no")}), "me"),
    ],
    ids=["nobody declared", "nobody tells", "another", "unreadable"],
)
def test_any_other_look_proves_nothing(tmp_path, driver, declared):
    world = kept(looked(driver, declared), tmp_path)
    assert isinstance(told(world), Unknown)


def test_a_selection_proves_nothing_about_the_rest(tmp_path):
    world = looked(Told({"old.example": state()}))
    assert isinstance(told(kept(world, tmp_path, partial=True)), Unknown)


def test_the_proof_is_in_the_file_and_nowhere_else(tmp_path):
    """A file without the word, as older versions wrote it, proves nothing."""
    data = snapshot(looked(Told({"old.example": state()})), NOW)
    assert data["shares"][0].pop("whole") is True
    file = tmp_path / "seen.json"
    for text in (written(data), json.dumps(data)):
        file.write_text(text)
        assert isinstance(told(Snapshot(file, kinds().values()).world), Unknown)


def test_an_account_that_was_not_looked_at_proves_nothing():
    assert told(World({})) == Unknown(why="was not read")
