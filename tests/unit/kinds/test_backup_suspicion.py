"""What is suspicious stays so until a person has looked, whatever else happens."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.kinds.backup import PruneOld, Record, proven
from reconciler.kinds.backup.suspicion import suspects
from reconciler.model import Absent, Observed, Proof, Share, Unknown
from tests.support.backups import Life, backing

HOUR = timedelta(hours=1)
HOURLY = {"schedule": {"cron": "0 * * * *"}, "objectives": {"rpo": "3h", "rto": "2h"}}
ENCRYPTED = {"files": {"added": 150_000_000, "packed": 149_000_000, "changed": 900}}
EMPTIED = {"files": {"files": 100, "size": 20_000_000}}


def hours(life: Life, many: int) -> None:
    for _ in range(many):
        life.run()
        life.now += HOUR


def harmed(figures: dict[str, dict[str, int]], *, days: int = 0) -> Life:
    """Return one that is backed up each hour, to which that happened, and its id."""
    keep = {"hourly": 24, "daily": 3, "weekly": 0, "monthly": 0, "within": "1d"}
    life = Life(backing(**HOURLY, keep=keep))
    hours(life, 24 * days or 6)
    life.figures = figures
    hours(life, 1)
    return life


def bad(life: Life) -> list[str]:
    """Return the ids that are suspicious, the oldest first."""
    case = life.want.case(life.have, life.now)
    assert case is not None
    return [one.id for one in suspects(case)]


def told(life: Life) -> Proof | str:
    return proven(life.recorded, life.policy, life.now, life.accept)


def prunes(life: Life) -> list[PruneOld]:
    return [one for one in life.due() if isinstance(one, PruneOld)]


def doubts(life: Life, copy: str = "near") -> dict[str, str]:
    record = Record(life.recorded, life.policy, life.now, life.accept)
    offers = record.offers(copy, life.state(copy).snapshots)
    return {one.snapshot.id: one.doubt for one in offers}


def test_what_looks_encrypted_is_told_when_its_receipt_is_long_gone():
    life = harmed(ENCRYPTED, days=3)
    (name,) = bad(life)
    life.figures = {}
    hours(life, 60)
    kept = [row["sources"]["files"]["snapshot"] for row in life.recorded["receipts"]]
    assert name not in kept
    assert bad(life) == [name]
    assert "compresses to 99%" in life.said("backup-suspect")
    assert prunes(life) == []
    assert "is suspicious" in str(told(life))
    assert doubts(life)[name] == "suspicious"
    life.accept = (name,)
    life.look()
    assert bad(life) == []
    assert prunes(life)
    assert isinstance(told(life), Proof)
    assert doubts(life)[name] == ""
    assert "suspects" not in {key for key, rows in life.recorded.items() if rows}


def test_what_shrank_is_compared_with_what_was_good_however_long_that_is_gone():
    life = harmed(EMPTIED)
    hours(life, 60)
    found = bad(life)
    assert len(found) == 61
    said = life.said("backup-suspect")
    assert "100 files, and 1,000 before" in said
    assert "(and 60 after it); nothing is pruned" in said
    assert f"accept: [{found[0]}]" in said
    assert [*life.findings()].count("backup-suspect") == 1
    # One that grew back is good; what is small after it is as bad as before.
    life.figures = {}
    hours(life, 1)
    assert bad(life) == found
    life.figures = EMPTIED
    hours(life, 50)
    assert bad(life)[:100] == found + bad(life)[61:100]
    assert len(life.recorded["suspects"]["files"]) == 100  # it does not grow for ever
    assert prunes(life) == []


def test_who_accepts_the_first_accepts_what_is_like_it():
    life = harmed(EMPTIED)
    hours(life, 60)
    life.accept = bad(life)[:1]
    assert bad(life) == []
    hours(life, 50)
    assert bad(life) == []
    assert isinstance(told(life), Proof)
    life.figures = {"files": {"files": 10}}
    hours(life, 1)
    assert len(bad(life)) == 1


def test_a_milder_policy_accepts_nothing():
    life = harmed(EMPTIED)
    (name,) = bad(life)
    life.policy = backing(**HOURLY, anomaly={"shrink": "99%"})
    assert bad(life) == [name]


def test_what_was_good_once_is_so_beside_fewer():
    """Pictures on every other day: each was judged beside those before it."""
    life = harmed(
        {"files": {"added": 50_000_000, "packed": 49_000_000, "changed": 300}}
    )
    life.accept = tuple(bad(life))
    assert len(life.accept) == 1
    for number in range(130):
        pictures = {"added": 50_000_000, "packed": 49_000_000, "changed": 300}
        little = {"added": 9, "packed": 9, "changed": 1}
        life.figures = {"files": pictures if number % 2 else little}
        hours(life, 1)
        assert bad(life) == []


def test_no_look_is_needed_to_doubt_it():
    life = harmed({})
    life.figures = EMPTIED
    life.do(next(one for one in life.due() if one.verb == "back-up"))
    (name,) = bad(life)
    assert "alarm" not in life.recorded
    assert f"{name[:8]} is suspicious" in str(told(life))
    assert doubts(life)[name] == "suspicious"


def test_a_record_from_before_is_believed():
    life = harmed(ENCRYPTED)
    (name,) = bad(life)
    life.figures = {}
    hours(life, 30)
    for fact in ("suspects", "good"):
        del life.recorded[fact]
    hours(life, 30)
    assert bad(life) == [name]


@pytest.mark.parametrize("far", [Absent(), Unknown(why="the disk is not mounted")])
def test_a_copy_that_cannot_be_read_hides_nothing_in_another(far: Observed):
    life = harmed({})
    life.have[Share("far", "backup")] = far
    life.figures = ENCRYPTED
    hours(life, 1)
    assert life.recorded["alarm"]["suspect"] == bad(life)
    near = life.state("near").snapshots
    life.put("near", snapshots=near[4:])
    life.look()
    (why,) = life.recorded["alarm"]["tampered"]
    assert why.startswith("near: 4 snapshots with a receipt")
    assert told(life) == f"somebody tampered with it: {why}"
    assert doubts(life)[bad(life)[0]] == "suspicious"


def test_what_was_strange_in_a_copy_stays_while_it_cannot_be_read():
    life = harmed({})
    life.put("near", snapshots=life.state("near").snapshots[4:])
    life.look()
    before = life.recorded["alarm"]
    there = life.have[Share("near", "backup")]
    life.have[Share("near", "backup")] = Unknown(why="timeout")
    life.put("far", foreign=life.state("far").snapshots[:1])
    life.look()
    assert life.recorded["alarm"]["tampered"][:1] == before["tampered"]
    assert "another host" in life.recorded["alarm"]["tampered"][1]
    life.have[Share("near", "backup")] = there.model_copy(
        update={"snapshots": (*life.state("far").snapshots,)}
    )
    life.put("far", foreign=())
    life.accept = tuple(row for row in life.recorded["vouched"]["near"])
    life.look()
    assert life.recorded["alarm"] == {}


def swapped(life: Life) -> None:
    life.policy = life.policy.model_copy(
        update={"copies": tuple(reversed(life.policy.copies))}
    )


def test_another_first_copy_takes_no_suspicion_away():
    life = harmed(ENCRYPTED)
    life.figures = {}
    life.run()
    (name,) = bad(life)
    swapped(life)
    (other,) = bad(life)
    assert other != name
    hours(life, 60)
    assert bad(life) == [other]
    assert doubts(life, "near")[name] == doubts(life, "far")[other] == "suspicious"
    assert "is suspicious" in str(told(life))
    for one in (name, other):
        life.accept = (one,)
        assert bad(life) == []
        assert doubts(life, "near")[name] == doubts(life, "far")[other] == ""


def test_what_was_accepted_stays_so_in_another_first_copy():
    life = harmed(EMPTIED)
    life.accept = tuple(bad(life))
    hours(life, 10)
    swapped(life)
    hours(life, 5)
    assert bad(life) == []
    assert isinstance(told(life), Proof)
