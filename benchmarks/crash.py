"""Die at every step of an apply, twice: the tests say it, this counts them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.row import Row, Size

_ROOT = Path(__file__).parent.parent
_TEST = "tests/e2e/test_crash_points.py"


def crash(size: Size) -> Iterator[Row]:
    """Run the test that asserts: no effect twice, no record lost."""
    del size
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", _TEST],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    said = re.findall(r"(\d+) (\w+)", done.stdout[-200:])
    counts = {word: int(number) for number, word in said}
    wrong = sum(counts.get(word, 0) for word in ("failed", "error", "errors"))
    ran = counts.get("passed", 0) + wrong
    yield Row(
        "crash at every step, twice: cases with an effect twice or a record lost",
        wrong if ran else None,
        "cases",
        0,
        note=f"of {ran} cases in {_TEST}",
    )
