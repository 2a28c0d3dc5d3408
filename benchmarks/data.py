"""
Public data that is not ours to ship: where it is, and how it is read.

Each set is looked for where an environment variable says. Nothing is fetched.
"""

from __future__ import annotations

import csv
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.row import Row

#: The files of the whole Numenta Anomaly Benchmark.
WHOLE_NAB = 58
#: Days of each job of the Google cluster data, and measurements of a day.
_JOB_DAYS, _JOB_DAY = 10, 288


class Labelled(NamedTuple):
    """A series of the Numenta Anomaly Benchmark; windows are first and last row."""

    name: str
    times: list[datetime]
    values: np.ndarray
    windows: list[tuple[int, int]]

    @property
    def day(self) -> int:
        """Steps in a day, by the usual distance of two rows."""
        seconds = [time.timestamp() for time in self.times]
        return max(2, round(86400 / float(np.median(np.diff(seconds)))))


class Hourly(NamedTuple):
    """A series of the M4 competition: what was given, what was asked for."""

    train: np.ndarray
    test: np.ndarray


def folder(variable: str) -> Path | None:
    """Return the folder that an environment *variable* names; None: it is not there."""
    named = os.environ.get(variable)
    path = Path(named) if named else None
    return path if path is not None and path.is_dir() else None


def lacking(work: str, variable: str, what: str) -> Row:
    """Return the row that says why *work* was not measured."""
    named = os.environ.get(variable)
    why = f"{variable} is not set" if not named else f"{variable} names no folder"
    return Row(work, None, "", note=f"not run: {why} ({what})")


def nab(root: Path) -> list[Labelled]:
    """Return the series below ``data/`` that ``labels/combined_windows.json`` knows."""
    path = root / "labels" / "combined_windows.json"
    labels = json.loads(path.read_text(encoding="utf-8"))
    found = []
    for name, windows in sorted(labels.items()):
        path = root / "data" / name
        if not path.is_file():
            continue
        with path.open(encoding="utf-8", newline="") as file:
            rows = [(_time(row["timestamp"]), row["value"]) for row in _rows(file)]
        where = {time: at for at, (time, _) in enumerate(rows)}
        found.append(
            Labelled(
                name,
                [time for time, _ in rows],
                np.array([float(value) for _, value in rows]),
                [(where[_time(a)], where[_time(b)]) for a, b in windows],
            )
        )
    return found


def _rows(file: Iterator[str]) -> Iterator[dict[str, str]]:
    return csv.DictReader(file)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def m4(root: Path) -> list[Hourly]:
    """Return the hourly series of ``Dataset/Train`` and ``Dataset/Test``."""
    given, asked = (
        _wide(root / "Dataset" / part / f"Hourly-{part.lower()}.csv")
        for part in ("Train", "Test")
    )
    return [Hourly(given[name], asked[name]) for name in given]


def _wide(path: Path) -> dict[str, np.ndarray]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return {row[0]: np.array([float(v) for v in row[1:] if v]) for row in rows}


def jobs(root: Path) -> Iterator[np.ndarray]:
    """
    Yield CPU and memory in per cent, hour by hour, of each job that has all ten days.

    The files of ``GCD_VMs`` are ``vm_<job>_<day>``: two columns, a row each 5 minutes.
    """
    paths: dict[str, dict[int, Path]] = defaultdict(dict)
    for path in sorted(root.rglob("vm_*_*")):
        _, job, day = path.name.split("_")
        paths[job][int(day)] = path
    for _, days in sorted(paths.items()):
        if len(days) == _JOB_DAYS:
            parts = [np.loadtxt(days[day])[:_JOB_DAY] for day in sorted(days)]
            yield np.concatenate(parts).reshape(-1, 12, 2).mean(axis=1)
