"""The HTML page of a large plan: how long to write, how large, how long to open."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import RECONCILER, child, middle
from benchmarks.row import Row, Size
from tests.support import chromium
from tests.support.plans import large


def page(size: Size) -> Iterator[Row]:
    """Render a saved plan, then open it and type into its filter."""
    name = f"HTML of {size.middle:,} changes"
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as folder:
        saved, shown = Path(folder) / "plan.json", Path(folder) / "plan.html"
        saved.write_text(json.dumps(large(size.middle)), encoding="utf-8")
        argv = [*RECONCILER, "plan", "--render", str(saved), "--format", "html"]
        used = middle(size.runs, lambda: child(argv, Path(folder)))
        note = f"{used.rss:.0f} MB, {used.wall:.2f} s wall"
        yield Row(name, used.cpu, "s CPU", note=note)
        data = used.out.encode()
        yield Row(f"{name}, size", len(data) / 1e6, "MB")
        shown.write_bytes(data)
        opened, typed = _browsed(shown, size.runs)
        yield Row(f"{name}, opened in Chromium", opened, "ms", note="until load")
        yield Row(f"{name}, filtered", typed, "ms", note="from a key to the rows")


def _browsed(path: Path, runs: int) -> tuple[float | None, float | None]:
    """Return the median milliseconds to open *path* and to filter it."""
    if chromium.PROGRAM is None:
        return None, None
    opened, typed = [], []
    with chromium.Chromium() as browser:
        for _ in range(runs):
            tab = browser.page(path)
            took = "performance.getEntriesByType('navigation')[0].duration"
            opened.append(tab.run(took))
            typed.append(tab.run(chromium.TYPED))
            tab.close()
    return sorted(opened)[runs // 2], sorted(typed)[runs // 2]
