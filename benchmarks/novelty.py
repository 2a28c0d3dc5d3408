"""
The Numenta Anomaly Benchmark: one detector, one threshold, all files, three profiles.

The rules of scoring are those of its documentation and its scorer (v1.1): the first hit
of a window counts by how early it is, a false alarm by how far behind a window it is,
the first 15 % of a file (at most 750 rows) do not count, and 0 to 100 is from a
detector that says nothing to a perfect one. Checked in each run against the published
score of a published detector, where its results are there.
"""

from __future__ import annotations

import csv
import json
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.data import WHOLE_NAB, Labelled, folder, lacking, nab
from benchmarks.row import Row, Size
from reconciler.forecast.anomaly import anomalies

VARIABLE = "RECONCILER_NAB"
_CHECKED = "numenta"


class Profile(NamedTuple):
    """What a hit, a miss and a false alarm are worth; and what has to be reached."""

    name: str
    hit: float
    miss: float
    false: float
    gate: float
    best: float


#: Weights: config/profiles.json. Best published: ARTime, results/final_results.json.
PROFILES = (
    Profile("standard", 1.0, 1.0, 0.11, 75.0, 74.9),
    Profile("reward_low_FP_rate", 1.0, 1.0, 0.22, 67.0, 65.2),
    Profile("reward_low_FN_rate", 1.0, 2.0, 0.11, 79.5, 80.4),
)


class Judged(NamedTuple):
    """One file: its score, the score of silence, windows, those hit, false alarms."""

    score: float
    silence: float
    windows: int
    hits: int
    false: int


def novelty(size: Size) -> Iterator[Row]:
    """Score ours on every file that is there."""
    root = folder(VARIABLE)
    if root is None:
        yield lacking("NAB", VARIABLE, "a checkout of numenta/NAB")
        return
    series = nab(root)[:: 1 if size == Size() else 8]
    started = time.monotonic()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        told = list(pool.map(_told, series))
    cpu = sum(spent for _, spent in told)
    found = dict(
        zip([one.name for one in series], [rows for rows, _ in told], strict=True)
    )
    whole = len(series) == WHOLE_NAB
    name = "NAB" if whole else f"NAB, partial: {len(series)} of {WHOLE_NAB} files"
    for profile in PROFILES:
        judged = [judge(one, found[one.name], profile) for one in series]
        yield Row(
            f"{name}, {profile.name}",
            normal(judged, profile),
            "",
            profile.gate if whole else None,
            least=True,
            note=f"{sum(j.hits for j in judged)} of {sum(j.windows for j in judged)} "
            f"windows, {sum(j.false for j in judged)} false; one threshold for all; "
            f"published: ARTime {profile.best:g}, at its best threshold",
        )
    rows = sum(len(one.values) for one in series)
    yield Row(
        "  for each row",
        cpu / rows * 1e6,
        "us CPU",
        note=f"{rows:,} rows, {time.monotonic() - started:.0f} s",
    )
    if whole:
        yield from _checked(root, series)


def _told(one: Labelled) -> tuple[np.ndarray, float]:
    started = time.process_time()
    found = anomalies(one.values, one.day).anomalies
    return np.flatnonzero(found), time.process_time() - started


def judge(one: Labelled, told: Sequence[int] | np.ndarray, profile: Profile) -> Judged:
    """Score one file in which the rows of *told* are said to be anomalies."""
    probation = min(math.floor(0.15 * len(one.times)), 750)
    best: dict[int, float] = {
        at: -profile.miss
        for at, (_, last) in enumerate(one.windows)
        if last >= probation
    }
    score, false = 0.0, 0
    for row in sorted(int(row) for row in told if row >= probation):
        at = next((n for n, (a, b) in enumerate(one.windows) if a <= row <= b), None)
        if at is not None:
            first, last = one.windows[at]
            early = _sigmoid(-(last - row + 1) / (last - first + 1)) / _sigmoid(-1)
            best[at] = max(best[at], early * profile.hit)
        else:
            false += 1
            score += profile.false * _behind(one.windows, row)
    hits = sum(value > 0 for value in best.values())
    silence = -profile.miss * len(best)
    return Judged(score + sum(best.values()), silence, len(one.windows), hits, false)


def _behind(windows: Sequence[tuple[int, int]], row: int) -> float:
    """Return what a false alarm costs: less, shortly behind a window."""
    before = [window for window in windows if window[1] < row]
    if not before:
        return -1.0
    first, last = before[-1]
    return _sigmoid((row - last) / (last - first))


def _sigmoid(place: float) -> float:
    return -1.0 if place > 3 else 2 / (1 + math.exp(5 * place)) - 1


def normal(judged: Sequence[Judged], profile: Profile) -> float:
    """Return the score of all files, from 0 (silence) to 100 (perfect)."""
    silence = sum(one.silence for one in judged)
    perfect = profile.hit * sum(one.windows for one in judged)
    return 100 * (sum(one.score for one in judged) - silence) / (perfect - silence)


def _checked(root: Path, series: Sequence[Labelled]) -> Iterator[Row]:
    """Score a published detector by its own results: the scorer is the right one."""
    results, limits = root / "results", root / "config" / "thresholds.json"
    if not (results / _CHECKED).is_dir() or not limits.is_file():
        return
    published = _json(results / "final_results.json")[_CHECKED]
    thresholds = _json(limits)[_CHECKED]
    scores = {one.name: _scores(results, one.name) for one in series}
    for profile in PROFILES:
        limit = thresholds[profile.name]["threshold"]
        judged = [
            judge(one, np.flatnonzero(scores[one.name] >= limit), profile)
            for one in series
        ]
        found = normal(judged, profile)
        yield Row(
            f"  scorer: {_CHECKED} by us less published, {profile.name}",
            abs(found - published[profile.name]),
            "",
            0.01,
            note=f"{found:.2f} and {published[profile.name]:.2f}",
        )


def _json(path: Path) -> Mapping[str, dict]:
    return json.loads(path.read_text(encoding="utf-8"))


def _scores(results: Path, name: str) -> np.ndarray:
    group, _, file = name.partition("/")
    path = results / _CHECKED / group / f"{_CHECKED}_{file}"
    with path.open(encoding="utf-8", newline="") as rows:
        return np.array([float(row["anomaly_score"]) for row in csv.DictReader(rows)])
