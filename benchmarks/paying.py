"""
Many periods with everything that may go wrong: nobody pays twice, nothing is forgotten.

The same search as the tests', over more seeds: real engine, drivers and emulators,
without a socket. A seed that fails prints a test that shows it again.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from benchmarks.row import Row, Size
from reconciler.sandbox.paying import Tally, tallied

_CHUNK = 500
#: So many seeds are the tests' own.
_FIRST = 1_000_000
#: Where progress goes, for a run that takes an hour.
PROGRESS = Path(__file__).parent / "results" / "paying.progress"


def paying(size: Size) -> Iterator[Row]:
    """Play so many periods on every processor."""
    last = _FIRST + size.periods
    chunks = [range(at, min(at + _CHUNK, last)) for at in range(_FIRST, last, _CHUNK)]
    started, tally = time.monotonic(), Tally()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for done in as_completed([pool.submit(tallied, chunk) for chunk in chunks]):
            tally = tally.and_(done.result())
            _say(tally, started)
    wall = time.monotonic() - started
    for one in tally.wrong[:5]:
        print(f"{one.wrong}\n{one.test}", file=sys.stderr)
    what = f"{tally.periods:,} periods at random, {tally.faults:,} faults"
    seeds = f"seeds {_FIRST:,} to {last - 1:,}; {wall / 60:.0f} min wall"
    yield _none(f"{what}: charged twice", tally, "charged", seeds)
    yield _none("charged above what was agreed", tally, "more than")
    yield _none("paid and forgotten, or the reverse", tally, "record")
    yield _none("a key sent with two bodies", tally, "bodies")
    yield Row(
        "left to a person",
        100 * tally.person / tally.periods,
        "%",
        note=f"{tally.once:,} charged once, {tally.unpaid:,} not at all",
    )


def _none(work: str, tally: Tally, word: str, note: str = "") -> Row:
    found = [one for one in tally.wrong if word in (one.wrong or "")]
    if word == "charged":
        found = [one for one in found if "times" in (one.wrong or "")]
    return Row(work, len(found), "periods", 0, note=note)


def _say(tally: Tally, started: float) -> None:
    minutes = (time.monotonic() - started) / 60
    PROGRESS.parent.mkdir(parents=True, exist_ok=True)
    line = f"{tally.periods:,} periods, {len(tally.wrong)} wrong, {minutes:.1f} min\n"
    PROGRESS.write_text(line, encoding="utf-8")
