"""What a policy keeps, beside ``restic forget`` itself, on random histories."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from pathlib import Path

from benchmarks.row import Row, Size
from tests.support.restic_snapshots import Snapshots
from tests.support.timelines import differences, policy, timeline

_TIMELINES = 1_000
_POLICIES = 5


def retention(size: Size) -> list[Row]:
    """Compare our choice with restic's on as many timelines as *size* has zones."""
    work = "retention: timelines that restic sees otherwise"
    if shutil.which("restic") is None:
        return [Row(work, None, "of 5,000", 0, note="restic is not installed")]
    rng = random.Random(1_000)  # noqa: S311  (histories, no secrets)
    count = min(_TIMELINES, size.zones)
    lines = {f"h{number}": timeline(rng) for number in range(count)}
    with tempfile.TemporaryDirectory() as folder:
        repository = Snapshots(Path(folder))
        repository.write(lines)
        begun = time.perf_counter()
        found = [differences(repository, policy(rng), lines) for _ in range(_POLICIES)]
        took = time.perf_counter() - begun
    asked = sum(count for count, _ in found)
    wrong = [each for _, some in found for each in some]
    moments = sum(map(len, lines.values()))
    note = f"{moments:,} snapshots, {_POLICIES} policies, {took:.0f} s"
    return [Row(work, len(wrong), f"of {asked:,}", 0, note=note)]
