"""How long it takes until anything happens."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import RECONCILER, child, middle
from benchmarks.row import Row, Size


def start(size: Size) -> Iterator[Row]:
    """Compare ``--help`` with an interpreter that has click and yaml."""
    runs = 4 * size.runs + 1
    here = Path.cwd()
    ours = middle(runs, lambda: child([*RECONCILER, "--help"], here))
    bare = [sys.executable, "-c", "import click, yaml"]
    floor = middle(runs, lambda: child(bare, here))
    yield Row(
        "--help, over an interpreter with click and yaml",
        ours.cpu / floor.cpu,
        "times",
        1.6,
        note=f"{ours.cpu * 1000:.0f} ms over {floor.cpu * 1000:.0f} ms CPU",
    )
