"""Which slice of all packs is read when, and who is told of one that never is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from reconciler.kinds.backup import Check, proven
from reconciler.model import Proof
from tests.support.backups import DAY, Life, backing

SLICES = 28


class Read(Life):
    """One whose checks of ``near`` end as *told* says, by slice and of how many."""

    def __init__(self, of: int = SLICES) -> None:
        super().__init__(backing(drills={"check": of}))
        self.told: dict[tuple[int, int], dict[str, Any]] = {}
        self.read: list[int] = []

    def do(self, change: Any) -> None:
        if not isinstance(change, Check):
            super().do(change)
            return
        part, of = int(str(change.details["slice"])), int(str(change.details["of"]))
        near = change.share.provider == "near"
        if near:
            self.read.append(part)
        said = self.told.get((part, of), {}) if near else {}
        self.ended(change, **{"verdict": "passed", **said})

    def runs(self, days: Iterable[float]) -> None:
        """Run at each of these days from now."""
        begin = self.now
        for day in days:
            self.now = begin + timedelta(days=day)
            self.run()


WEEKDAYS = [day for day in range(120) if day % 7 < 5]


@pytest.mark.parametrize(
    ("days", "within"),
    [
        pytest.param(range(40), 28, id="daily"),
        pytest.param([n / 4 for n in range(140)], 28, id="four times a day"),
        pytest.param(range(0, 7 * 40, 7), 28, id="weekly"),
        pytest.param(range(0, 2 * 60, 2), 28, id="every other day"),
        pytest.param(WEEKDAYS, 56, id="from Monday to Friday"),
    ],
)
def test_every_slice_is_read_whenever_somebody_runs(days, within):
    life = Read()
    life.run()  # what is checked has a receipt
    life.runs(days)
    assert set(life.read[:within]) == set(range(1, SLICES + 1))
    assert "packs-unread" not in life.findings()


def test_no_slice_waits_for_long():
    life = Read()
    life.run()
    last = dict.fromkeys(range(1, SLICES + 1), life.now)
    begin = life.now
    for day in (day for day in range(400) if day % 7 < 5):
        life.now = begin + timedelta(days=day)
        before = len(life.read)
        life.run()
        last |= dict.fromkeys(life.read[before:], life.now)
        assert life.now - min(last.values()) <= 65 * DAY


def test_backups_of_one_repository_ask_for_the_same_slice():
    """Whenever each of them began: a slice of all packs is read once for all."""
    old, new = Read(), Read()
    old.run()
    old.runs([day for day in range(100) if day not in {20, 50, 51, 90}])
    new.now = old.now
    new.run()
    new.now = old.now = old.now + DAY
    old.read.clear()
    new.read.clear()
    old.runs(range(60))
    new.runs(range(60))
    assert old.read == new.read


def test_what_an_older_record_says_is_read():
    life = Read()
    life.run()
    life.runs(range(3))
    bad = {"20": {"at": life.now.isoformat(), "why": "a pack is gone"}}
    old = {"at": life.now.isoformat(), "verdict": "failed", "bad": bad}
    life.recorded["checks"] = {"near": dict(old), "far": {**old, "bad": {}}}
    assert life.findings()["packs-damaged"] == "critical"
    assert "a pack is gone" in life.said("packs-damaged")
    for _ in range(SLICES + 1):
        life.now += DAY
        before = "packs-damaged" in life.findings()
        life.runs(range(1))
        if 20 in life.read:
            break
        assert "packs-damaged" in life.findings()
    assert before
    assert "packs-damaged" not in life.findings()  # that slice was read, and is whole


@pytest.mark.parametrize("row", ["x", None, 7, [], {"slices": {"x": 1, "3": ["y", "z"]}}, {"begun": [1, 2], "of": "28", "slices": [], "bad": 3}])  # fmt: skip
def test_a_record_that_is_damaged_is_begun_anew(row):
    life = Read()
    life.run()
    life.recorded["checks"] = {"near": row}
    life.runs(range(30))
    assert set(life.read) == set(range(1, SLICES + 1))


def test_what_is_damaged_stays_so_until_that_slice_is_read_again():
    life = Read()
    life.told[20, 28] = {"verdict": "failed", "why": "a pack is gone"}
    life.run()
    life.runs(range(40))
    assert "slice 20 of 28 of the packs of near is damaged" in life.said(
        "packs-damaged"
    )
    assert proven(life.recorded, life.policy, life.now) == "packs of near are damaged"
    life.told.clear()
    life.now += DAY
    life.runs(range(28))
    assert "packs-damaged" not in life.findings()


def test_another_number_of_slices_forgets_damage_once_all_was_read_again():
    life = Read()
    life.told[20, 28] = {"verdict": "failed", "why": "a pack is gone"}
    life.run()
    life.runs(range(40))
    life.policy = backing(drills={"check": 7})
    life.now += DAY
    life.runs(range(6))
    assert "slice 20 of 28" in life.said("packs-damaged")
    life.now += DAY
    life.run()
    assert "packs-damaged" not in life.findings()
    assert isinstance(proven(life.recorded, life.policy, life.now), Proof)


def test_damage_is_told_by_another_number_of_slices_too():
    life = Read()
    life.told[20, 28] = {"verdict": "failed", "why": "a pack is gone"}
    life.told[6, 7] = {"verdict": "failed", "why": "a pack is still gone"}
    life.run()
    life.runs(range(40))
    life.policy = backing(drills={"check": 7})
    life.now += DAY
    life.runs(range(30))
    assert "slice 6 of 7" in life.said("packs-damaged")
    assert "still gone" in life.said("packs-damaged")


def test_a_check_that_tells_nothing_is_told():
    life = Read()
    lost = {"verdict": "inconclusive", "why": "timed out"}
    life.told = {(part, SLICES): lost for part in range(1, SLICES + 1)}
    life.run()
    life.runs(range(2))
    assert "packs-unread" not in life.findings()
    life.now += DAY
    life.run()
    assert life.findings()["packs-unread"] == "warning"
    assert (
        life.said("packs-unread") == "the last 3 checks of near told nothing: timed out"
    )
    life.told.clear()
    life.now += DAY
    life.run()
    assert "packs-unread" not in life.findings()


def test_one_slice_that_is_never_read_is_told_and_holds_no_other_up():
    life = Read()
    life.told[9, SLICES] = {"verdict": "inconclusive", "why": "timed out"}
    life.run()
    life.runs(range(54))
    assert "packs-unread" not in life.findings()
    life.now += DAY
    life.runs(range(30))
    assert "slice 9 of 28 of the packs of near was not read since" in life.said("packs-unread")  # fmt: skip
    life.read.clear()
    life.now += DAY
    life.runs(range(28))
    assert set(life.read) >= set(range(1, SLICES + 1)) - {9}
    assert life.read.count(9) <= 2


def test_where_no_check_comes_to_an_end_it_is_told():
    life = Read()
    begin: datetime = life.now
    for day in range(60):
        life.now = begin + timedelta(days=day)
        for change in life.due():
            if not isinstance(change, Check):
                life.do(change)
        life.look()
    assert "no packs of near were read since 2026-03-01" in life.said("packs-unread")


def test_damage_that_nobody_can_read_again_stays():
    life = Read()
    life.told[20, 28] = {"verdict": "failed", "why": "a pack is gone"}
    life.run()
    life.runs(range(28))
    life.told[20, 28] = {"verdict": "inconclusive", "why": "timed out"}
    life.now += DAY
    life.runs(range(60))
    assert life.findings()["packs-damaged"] == "critical"
