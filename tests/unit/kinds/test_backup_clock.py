"""A clock that is wrong for one run: nothing stops because of it, and it is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from reconciler.kinds.backup import PruneOld, proven
from reconciler.model import Proof
from tests.support.backups import DAY, Life, backing

YEAR = timedelta(days=365)


def lived(days: int = 20) -> Life:
    """Return one that was looked after for so long; it is noon of the next day."""
    life = Life(backing(drills={"full": None}))
    for _ in life.live(days):
        pass
    return life


def ran_ahead() -> Life:
    """Return one of which one run was by a clock that was a year ahead."""
    life = lived()
    now, life.now = life.now, life.now + YEAR
    assert {"back-up", "drill", "check"} <= set(life.run())
    assert "copy" in life.run()
    life.now = now
    return life


def accepted(life: Life) -> tuple[str, ...]:
    rows = (life.state(copy).snapshots for copy in ("near", "far"))
    return tuple(one.id for mine in rows for one in mine if one.said > life.now)


def test_a_clock_that_was_ahead_is_told_until_somebody_has_looked():
    life = ran_ahead()
    assert life.findings()["dated-ahead"] == "critical"
    assert "near: a backup is dated 2027-03-21 12:00" in life.said("dated-ahead")
    life.accept = accepted(life)
    assert "a drill is dated 2027-03-21 12:00" in life.said("dated-ahead")
    for _ in life.live(8):
        pass
    assert "dated-ahead" not in life.findings()


def test_backups_drills_and_checks_go_on_after_it():
    life = ran_ahead()
    life.accept = accepted(life)
    done = [verb for verbs in life.live(60) for verb in verbs]
    assert done.count("back-up") == 60
    assert done.count("check") == 2 * 60
    assert done.count("drill") >= 8
    life.now -= DAY / 2
    last = life.recorded["drills"][-1]
    assert life.now - timedelta(days=8) < life.want.case(life.have, life.now).drilled[-1].at  # fmt: skip
    assert last["of"] < life.now.isoformat()
    assert isinstance(proven(life.recorded, life.policy, life.now, life.accept), Proof)


def test_the_drill_after_it_is_another_one():
    life = lived()
    now, life.now = life.now, life.now + YEAR
    done = {one.generation for one in life.due() if one.verb == "drill"}
    life.run()
    life.now = now
    (drill,) = (one for _ in soon(life) for one in life.due() if one.verb == "drill")
    assert {drill.generation}.isdisjoint(done)


def soon(life: Life) -> Iterator[None]:
    """Yield day by day, until a drill is due."""
    while not any(one.verb == "drill" for one in life.due()):
        life.run()
        life.now += DAY
    yield


def test_it_hides_no_backup_that_is_missed():
    life = ran_ahead()
    life.accept = accepted(life)
    assert "rpo-missed" not in life.findings()
    life.now += 2 * DAY
    assert life.findings()["rpo-missed"] == "critical"
    assert "the newest proven backup is of 2026-03-20" in life.said("rpo-missed")


def test_it_is_no_excuse_for_never_having_begun():
    life = Life()
    life.now += YEAR
    life.look()
    life.now -= YEAR
    life.look()
    life.now += 2 * DAY
    assert life.findings()["rpo-missed"] == "critical"


@pytest.mark.parametrize("days", [30, 400])
def test_a_clock_that_is_behind_loses_nothing(days):
    life = lived(40)
    before, now = len(life.recorded["receipts"]), life.now
    seen = life.want.case(life.have, life.now).drilled
    life.now -= timedelta(days=days)
    assert life.findings()["dated-ahead"] == "critical"
    assert not [one for one in life.due() if isinstance(one, PruneOld)]
    life.look()
    life.now = now
    assert len(life.recorded["receipts"]) == before
    assert life.want.case(life.have, life.now).drilled == seen
    assert "dated-ahead" not in life.findings()


def test_what_a_timer_makes_ahead_is_no_receipt_and_stops_none():
    life = Life(backing(schedule={"by": "host"}))
    one = lived(3).state("near").snapshots[-2:]
    life.put("near", snapshots=one)
    life.now = one[-1].at + timedelta(hours=1)
    late = {"at": life.now + YEAR, "said": life.now}
    odd = [s.model_copy(update={**late, "id": f"{s.id[:-1]}f"}) for s in one]
    life.put("near", snapshots=(*one, *odd))
    life.look()
    assert [row["at"] for row in life.recorded["receipts"]] == [one[0].at.isoformat()]
