"""
Many periods with everything that may go wrong: nobody pays twice, nothing is forgotten.

The same search as the tests', over more seeds: real engine, drivers and emulators,
without a socket. A seed that fails prints a test that shows it again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

import reconciler
from benchmarks.row import Row, Size
from reconciler.sandbox.paying import Tally, tallied

_CHUNK = 500
#: So many seeds are the tests' own.
_FIRST = 1_000_000
_RESULTS = Path(__file__).parent / "results"
#: What is played already: a run that is interrupted goes on from there, as long as the
#: code is the same. What went wrong is never kept, and is played again.
PARTS = _RESULTS / "paying.parts"
PROGRESS = _RESULTS / "paying.progress"


class Part(NamedTuple):
    """What came of some seeds, and the CPU seconds it took."""

    first: int
    tally: Tally
    seconds: float


def paying(size: Size) -> Iterator[Row]:
    """Play so many periods on every processor."""
    last = _FIRST + size.periods
    chunks = [range(at, min(at + _CHUNK, last)) for at in range(_FIRST, last, _CHUNK)]
    code = _code()
    known = {(p.first, p.tally.periods): p for p in _kept(code)}
    parts = [known[k] for c in chunks if (k := (c.start, len(c))) in known]
    left = [c for c in chunks if (c.start, len(c)) not in known]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for done in as_completed([pool.submit(_played, chunk) for chunk in left]):
            parts.append(done.result())
            _keep(code, parts[-1])
            _say(parts)
    tally = _sum(parts)
    seconds = sum(part.seconds for part in parts)
    for one in tally.wrong[:5]:
        print(f"{one.wrong}\n{one.test}", file=sys.stderr)
    what = f"{tally.periods:,} periods at random, {tally.faults:,} faults"
    seeds = f"seeds {_FIRST:,} to {last - 1:,}; {seconds / 60:.0f} CPU min"
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


def _played(seeds: range) -> Part:
    began = time.process_time()
    tally = tallied(seeds)
    return Part(seeds.start, tally, time.process_time() - began)


def _sum(parts: list[Part]) -> Tally:
    tally = Tally()
    for part in parts:
        tally = tally.and_(part.tally)
    return tally


def _code() -> str:
    """Return what tells this code from any other."""
    root = Path(reconciler.__file__).parent
    found = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        found.update(str(path.relative_to(root)).encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def _kept(code: str) -> Iterator[Part]:
    if not PARTS.exists():
        return
    for line in PARTS.read_text(encoding="utf-8").splitlines():
        said: Mapping[str, Any] = json.loads(line)
        if said["code"] == code:
            yield Part(said["first"], Tally(**said["tally"]), said["seconds"])


def _keep(code: str, part: Part) -> None:
    if part.tally.wrong:
        return
    numbers = part.tally._asdict()
    numbers.pop("wrong")
    said = {"code": code, "first": part.first, "seconds": part.seconds}
    PARTS.parent.mkdir(parents=True, exist_ok=True)
    with PARTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps({**said, "tally": numbers}) + "\n")


def _none(work: str, tally: Tally, word: str, note: str = "") -> Row:
    found = [one for one in tally.wrong if word in (one.wrong or "")]
    if word == "charged":
        found = [one for one in found if "times" in (one.wrong or "")]
    return Row(work, len(found), "periods", 0, note=note)


def _say(parts: list[Part]) -> None:
    tally, seconds = _sum(parts), sum(part.seconds for part in parts)
    took = f"{seconds / 60:.1f} CPU min"
    line = f"{tally.periods:,} periods, {len(tally.wrong)} wrong, {took}\n"
    PROGRESS.write_text(line, encoding="utf-8")
