"""The benchmarks of the forecasts: scored as published, and silent about nothing."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from benchmarks import filling, forecasting, novelty
from benchmarks.data import Labelled
from benchmarks.disks import Disk, disks
from benchmarks.novelty import PROFILES, judge, normal
from benchmarks.row import QUICK

STANDARD = PROFILES[0]


def labelled(rows: int = 1000, windows=((500, 599),)) -> Labelled:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    times = [start + n * timedelta(minutes=5) for n in range(rows)]
    return Labelled("a/b.csv", times, np.zeros(rows), list(windows))


@pytest.mark.parametrize(
    "measure", [forecasting.competition, forecasting.breach, novelty.novelty]
)
@pytest.mark.parametrize("value", [None, "nowhere"])
def test_without_its_data_a_row_says_so(measure, value, monkeypatch) -> None:
    for name in ("RECONCILER_M4", "RECONCILER_GCD", "RECONCILER_NAB"):
        monkeypatch.delenv(name, raising=False)
        if value:
            monkeypatch.setenv(name, value)
    (row,) = measure(QUICK)
    assert row.figure is None
    assert "not run: RECONCILER_" in row.note


def test_silence_is_nothing_and_the_first_row_of_each_window_is_all() -> None:
    one = labelled()
    assert normal([judge(one, [], STANDARD)], STANDARD) == 0
    assert normal([judge(one, [500], STANDARD)], STANDARD) == pytest.approx(100)


@pytest.mark.parametrize(
    ("row", "score"),
    [
        (500, 100.0),  # scaledSigmoid(-1)
        (549, 92.9),  # about halfway: scaledSigmoid(-0.51)
        (599, 51.3),  # the right edge: scaledSigmoid(-0.01)
        (600, -0.14),  # just behind it: hardly false
        (400, -5.5),  # before any window: all of 0.11, of a range of 2
        (100, 0.0),  # on probation
    ],
)
def test_an_early_hit_is_worth_more_and_a_late_alarm_costs_less(row, score) -> None:
    found = normal([judge(labelled(), [row], STANDARD)], STANDARD)
    assert found == pytest.approx(score, abs=0.5)


def test_the_profiles_weigh_what_they_say() -> None:
    missed, false = labelled(windows=((500, 599), (800, 899))), [500, 200]
    scores = [normal([judge(missed, false, p)], p) for p in PROFILES]
    assert scores == pytest.approx([100 * 1.89 / 4, 100 * 1.78 / 4, 100 * 2.89 / 6])


def test_a_part_of_the_files_is_called_a_part(tmp_path, monkeypatch) -> None:
    write_nab(tmp_path)
    monkeypatch.setenv("RECONCILER_NAB", str(tmp_path))
    rows = list(novelty.novelty(QUICK))
    assert rows[0].work.startswith("NAB, partial: 1 of 58 files")
    assert rows[0].ok is None
    assert rows[0].figure > 80


def write_nab(root: Path) -> None:
    start = datetime(2026, 1, 1)
    times = [str(start + n * timedelta(minutes=5)) for n in range(3000)]
    hours = np.arange(3000)
    values = 50 + 20 * np.sin(hours / 288 * 2 * np.pi) + hours * 7919 % 13 / 10
    values[2500:2520] += 90
    (root / "labels").mkdir()
    (root / "data" / "group").mkdir(parents=True)
    windows = {
        "group/one.csv": [[f"{times[2450]}.000000", f"{times[2550]}.000000"]],
        "group/absent.csv": [],
    }
    (root / "labels" / "combined_windows.json").write_text(json.dumps(windows))
    with (root / "data" / "group" / "one.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["timestamp", "value"])
        rows.writerows(zip(times, values, strict=True))


def test_m4_is_measured_as_the_competition_does(tmp_path, monkeypatch) -> None:
    hours = np.arange(600)
    series = 100 + 10 * np.sin(hours / 24 * 2 * np.pi) + hours * 7919 % 11 / 10
    for part, values in (("Train", series[:552]), ("Test", series[552:])):
        folder = tmp_path / "Dataset" / part
        folder.mkdir(parents=True)
        head = ",".join(f"V{n}" for n in range(len(values) + 1))
        line = "H1," + ",".join(map(str, values))
        (folder / f"Hourly-{part.lower()}.csv").write_text(f"{head}\n{line}\n")
    monkeypatch.setenv("RECONCILER_M4", str(tmp_path))
    mase, smape, owa, each, *_ = forecasting.competition(QUICK)
    assert 0 < mase.figure < 1.1
    assert owa.figure == pytest.approx(
        (smape.figure / 18.383 + mase.figure / 2.395) / 2
    )
    assert each.unit == "ms CPU"


def test_average_precision_is_one_for_a_perfect_order() -> None:
    came = np.array([True, False, True, False])
    assert forecasting.precision(came, np.array([0.9, 0.1, 0.8, 0.2])) == 1
    assert forecasting.precision(came, np.array([0.1, 0.9, 0.2, 0.8])) == pytest.approx(
        (1 / 3 + 2 / 4) / 2
    )
    assert forecasting.precision(came & False, np.arange(4.0)) == 0


def test_the_accounts_are_those_of_their_seed() -> None:
    one, two, other = disks(1, 3, 80), disks(1, 3, 80), disks(2, 3, 80)
    assert all((a.used == b.used).all() for a, b in zip(one, two, strict=True))
    assert not (one[0].used[:100] == other[0].used[:100]).all()
    assert all((disk.used >= 0).all() for disk in one)


def test_a_rule_is_judged_by_what_came() -> None:
    """Full at the end of day 60: said on day 50 it is right, on day 30 it is not."""
    full = Disk(np.linspace(0.5, 1, 60 * 24), 60 * 24 - 1)

    def since(day: int):
        return lambda used, _: float(len(used) // 24 >= day)

    right = filling.judged(full, since(50), 1, 0)
    assert (right.right, right.wrong, right.foreseen, right.breaches) == (1, 0, 1, 1)
    early = filling.judged(full, since(30), 1, 0)
    assert (early.right, early.wrong) == (0, 1)
    late = filling.judged(full, since(59), 1, 0)
    assert (late.right, late.foreseen) == (1, 0)
    never = filling.judged(Disk(full.used, None), since(30), 1, 0)
    assert (never.wrong, never.breaches) == (1, 0)


def test_the_rules_are_compared_on_the_same_accounts() -> None:
    told = filling.replayed(1, 2)
    assert set(told) == {*filling.OURS, *filling.RULES}
    assert len({tally.breaches for tally in told.values()}) == 1
    assert told[filling.PRODUCT].decisions > 0
