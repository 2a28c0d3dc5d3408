"""Which drill comes due when, of which copy, and who is told of one that never ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from reconciler.kinds.backup import BackUp, DrillIt, proven
from reconciler.model import Proof
from tests.support.backups import DAY, START, Life, backing

HOUR = timedelta(hours=1)
Told = Callable[[str, str], Mapping[str, Any]]
LOST = {"verdict": "inconclusive", "why": "timed out"}
BAD = {"verdict": "failed", "why": "bit rot"}


class Held(NamedTuple):
    """A drill that was held."""

    at: datetime
    copy: str
    name: str
    of: datetime


class Drills(Life):
    """One whose drills take three minutes and end as *told* says, by copy and name."""

    def __init__(self, told: Told | None = None, **more: Any) -> None:
        super().__init__(backing(**more))
        self.told = told or (lambda _copy, _name: {})
        self.held: list[Held] = []
        self.drills = True

    def do(self, change: Any) -> None:
        self.now += timedelta(seconds=20)
        if not isinstance(change, DrillIt):
            super().do(change)
            return
        if not self.drills:
            return
        self.now += timedelta(minutes=3)
        copy, name = change.share.provider, str(change.details["drill"])
        of = datetime.fromisoformat(str(change.details["at"]))
        self.held.append(Held(self.now, copy, name, of))
        well = {"verdict": "passed", "seconds": 60.0}
        self.ended(change, **{**well, **self.told(copy, name)})

    def goes_on(self, days: float, step: timedelta = DAY, jitter: float = 0) -> None:
        """Run every *step*, up to *jitter* minutes later."""
        begin = self.now
        for turn in range(int(days * DAY / step)):
            self.now = begin + turn * step
            self.now += timedelta(minutes=late(turn, jitter))
            self.run()
        self.now = begin + days * DAY

    def counts(self) -> Counter[tuple[str, str]]:
        return Counter((one.copy, one.name) for one in self.held)


def late(turn: int, jitter: float) -> float:
    """Return by how many minutes a run is late, another number each time."""
    return jitter * (turn * 37 % 100) / 100


def early(told: Told | None = None, **more: Any) -> Drills:
    """Return one that is run at 05:17."""
    life = Drills(told, **more)
    life.now = START.replace(hour=5, minute=17)
    return life


@pytest.mark.parametrize(
    ("step", "days"), [(6 * HOUR, 200), (DAY, 400), (7 * DAY, 800)]
)
def test_every_copy_has_its_full_drills(step, days):
    life = early()
    life.goes_on(days, step)
    full = [one for one in life.held if one.name == "full"]
    near, far = (sum(one.copy == name for one in full) for name in ("near", "far"))
    assert abs(near - far) <= 1
    assert near + far >= days // 35


@pytest.mark.parametrize("jitter", [0, 5, 30, 90])
def test_what_is_run_daily_is_proven_nearly_always(jitter):
    """The policy as it comes: two copies, an RPO of 26 hours, runs at 05:17."""
    life, told, hours = early(), 0, 0
    begin = life.now
    for day in range(100):
        life.now = begin + timedelta(days=day, minutes=late(day, jitter))
        life.run()
        for hour in range(1, 24, 3):
            found = proven(life.recorded, life.policy, life.now + hour * HOUR)
            told, hours = told + isinstance(found, Proof), hours + 1
    assert told > 0.95 * hours


@pytest.mark.parametrize("step", [HOUR, DAY, 7 * DAY])
def test_a_weekly_drill_is_weekly_whenever_somebody_runs(step):
    life = early(drills={"full": None})
    life.goes_on(40 if step < DAY else 200, step, jitter=20)
    gaps = [after.at - before.at for before, after in pairwise(life.held[2:])]
    assert max(gaps) <= 7 * DAY + 2 * HOUR
    assert min(gaps) >= 7 * DAY - timedelta(hours=14)


def test_a_full_drill_of_an_old_moment_takes_no_samples_place():
    life = early()
    life.goes_on(120)
    newest = [one for one in life.held if one.at - one.of <= timedelta(hours=74)]
    gaps = [b.at - a.at for a, b in pairwise(newest)]
    assert any(one.at - one.of > 10 * DAY for one in life.held)
    assert max(gaps) <= 8 * DAY


@pytest.mark.parametrize("step", [6 * HOUR, DAY])
def test_a_full_drill_that_never_ends_holds_no_sample_up(step):
    life = early(lambda _, name: LOST if name == "full" else {})
    life.goes_on(60, step)
    names = Counter(one.name for one in life.held)
    assert names["sample"] >= 8
    assert names["full"] >= 20
    assert isinstance(proven(life.recorded, life.policy, life.now), Proof)
    assert life.findings()["drill-inconclusive"] == "critical"


def test_a_copy_whose_drills_never_end_holds_the_other_up_for_nothing():
    life = early(lambda copy, _: LOST if copy == "far" else {})
    life.goes_on(100)
    counts = life.counts()
    assert counts["near", "sample"] >= 12
    assert counts["near", "sample"] + counts["near", "full"] <= 22
    assert counts["near", "full"] >= 3
    assert counts["far", "sample"] >= 30


@pytest.mark.parametrize("step", [6 * HOUR, DAY])
def test_a_copy_whose_drills_never_end_is_told_all_the_time(step):
    life = early(lambda copy, _: LOST if copy == "far" else {})
    life.goes_on(20, step)
    begin = life.now
    for turn in range(int(20 * DAY / step)):
        life.now = begin + turn * step
        life.run()
        assert {"drill-inconclusive", "never-drilled"} <= life.findings().keys()
    found = life.want.findings(life.have, life.now)
    assert {one.message.split()[0] for one in found if one.code == "never-drilled"} == {"far"}  # fmt: skip


def test_a_new_copy_is_drilled_at_once():
    life = early()
    life.goes_on(10)
    life.policy = backing(copies=["near", "third"])
    life.places = Life(life.policy).places
    life.have |= Life(backing(copies=["third"])).have
    life.held.clear()
    life.goes_on(4)
    assert ("third", "sample") in life.counts()


def test_both_copies_that_fail_are_drilled_daily_and_not_in_every_run():
    life = early(lambda _copy, _name: BAD)
    life.goes_on(10, HOUR)
    assert len(life.held) <= 45
    assert {one.copy for one in life.held[-6:]} == {"near", "far"}


def test_a_copy_that_was_never_restored_is_told_by_its_name():
    life = early()
    life.drills = False
    life.goes_on(6)
    assert "never-drilled" not in life.findings()
    life.goes_on(3)
    assert life.findings()["never-drilled"] == "error"
    assert "was never restored" in life.said("never-drilled")
    life.drills = True
    life.told = lambda copy, _: LOST if copy == "far" else {}
    life.goes_on(3)
    assert "far has backups since 2026-03-02" in life.said("never-drilled")


@pytest.mark.parametrize("cron", ["0 * * * *", "0 */4 * * *"])
def test_who_backs_up_often_is_told_too(cron):
    keep = {"last": 24, "daily": 0, "weekly": 0, "monthly": 0, "within": "0d"}
    life = early(
        schedule={"cron": cron}, objectives={"rpo": "6h", "rto": "2h"}, keep=keep
    )
    life.drills = False
    life.goes_on(9, HOUR)
    assert life.findings()["never-drilled"] == "error"


def test_a_copy_that_no_drill_may_be_of_is_not_asked_for():
    first = {"every": "7d", "copy": "first"}
    life = early(drills={"sample": first, "full": None})
    life.goes_on(40)
    assert {one.copy for one in life.held} == {"near"}
    assert not {"never-drilled", "drill-late"} & life.findings().keys()


def test_a_copy_that_was_not_drilled_for_twice_its_turn_is_late():
    life = early()
    life.goes_on(40)
    assert "drill-late" not in life.findings()
    life.told = lambda copy, _: LOST if copy == "far" else {}
    life.goes_on(40)
    late = [
        o for o in life.want.findings(life.have, life.now) if o.code == "drill-late"
    ]
    assert any("no drill of far has passed since 2026-0" in one.message for one in late)


def test_the_last_drill_of_each_sort_is_kept():
    """Forty newer ones do not have a yearly one come every nine months."""
    yearly = {"every": "365d", "point": "random"}
    life = early(drills={"full": yearly, "sample": {"every": "3d", "files": 9}})
    life.goes_on(300)
    assert sum(one.name == "full" for one in life.held) == 1
    assert len(life.recorded["drills"]) <= 46


def test_a_backup_that_nobody_drills_yet_is_backed_up():
    life = early()
    assert [type(one) for one in life.due()] == [BackUp]


def test_a_full_drill_is_of_the_copy_that_had_none_for_longest():
    """However lately its samples were."""
    life = early()
    life.goes_on(10)
    rows = [("near", "full", 31), ("near", "sample", 5), ("far", "sample", 1)]
    life.recorded["drills"] = [
        {
            "at": (life.now - days * DAY).isoformat(),
            "of": (life.now - days * DAY).isoformat(),
            "copy": copy,
            "drill": name,
            "verdict": "passed",
            "snapshots": {},
        }
        for copy, name, days in rows
    ]
    (full,) = (one for one in life.due() if isinstance(one, DrillIt))
    assert (full.share.provider, full.details["drill"]) == ("far", "full")


@pytest.mark.parametrize(
    ("copy", "hours", "well"),
    [("near", 25, True), ("near", 27, False), ("far", 73, True), ("far", 75, False)],
)
def test_a_copy_may_be_behind_when_it_is_restored(copy, hours, well):
    life = early()
    life.goes_on(10)
    (row, *_) = [one for one in life.recorded["drills"] if one["copy"] == copy]
    at = datetime.fromisoformat(row["at"])
    life.recorded["drills"] = [{**row, "of": (at - hours * HOUR).isoformat()}]
    found = proven(life.recorded, life.policy, life.now)
    assert isinstance(found, Proof) is well
