"""What needs no vendor: validate, and plan against a snapshot."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from benchmarks.estate import Estate
from benchmarks.measure import RECONCILER, Used, child, middle
from benchmarks.row import Row, Size

_KEPT = tempfile.TemporaryDirectory(prefix="reconciler-bench-")


@lru_cache
def estate(resources: int) -> Estate:
    """Return the estate of this size, made once in a run."""
    return Estate(Path(_KEPT.name), resources)


def cold_plan(place: Estate) -> Used:
    """Plan without any cache."""
    place.forget()
    return place.plan()


@lru_cache
def cold(resources: int, runs: int) -> Used:
    """Return what a plan without any cache takes."""
    place = estate(resources)
    return middle(runs, lambda: cold_plan(place))


def validate(size: Size) -> Iterator[Row]:
    """Validate, without and with the parse cache."""
    place = estate(size.middle)

    def afresh() -> Used:
        place.forget()
        return place.run("validate")

    name = f"validate {size.middle:,}"
    used = middle(size.runs, afresh)
    yield Row(f"{name}, cold", used.cpu, "s CPU", 2.5, note=_rss(used))
    used = middle(size.runs, lambda: place.run("validate"))
    yield Row(f"{name}, warm", used.cpu, "s CPU", 0.4, note=_rss(used))


def plan(size: Size) -> Iterator[Row]:
    """Plan with nothing to do; cold, new snapshot, and again."""
    place = estate(size.middle)
    used = cold(size.middle, size.runs)
    name = f"plan {size.middle:,}, nothing to do"
    yield Row(f"{name}, no cache at all", used.cpu, "s CPU", note=_rss(used))

    def new_snapshot() -> Used:
        for path in (place.root / ".git" / "reconciler").glob("quiet-*"):
            path.unlink()
        return place.plan()

    used = middle(size.runs, new_snapshot)
    yield Row(f"{name}, first look at a snapshot", used.cpu, "s CPU", 3)
    yield Row(f"{name}, memory", used.rss, "MB", 150)
    used = middle(size.runs, place.plan)
    yield Row(f"{name}, again", used.cpu, "s CPU", note=_rss(used))


def changed(size: Size) -> Iterator[Row]:
    """Plan after one file changed, with warm caches."""
    for resources, gate in ((size.middle, 0.5), (size.large, 0.9)):
        place = estate(resources)
        place.plan()
        numbers = iter(range(1000))

        def one(place: Estate = place) -> Used:
            place.restore()
            place.edit(next(numbers))  # noqa: B023  (used up within this turn)
            return place.plan()

        used = middle(size.runs, one)
        place.restore()
        name = f"plan {resources:,}, one file changed"
        yield Row(name, used.cpu, "s CPU", gate, note=_rss(used))


def large(size: Size) -> Iterator[Row]:
    """Plan the large estate without any cache."""
    used = cold(size.large, 1)
    name = f"plan {size.large:,}, cold"
    yield Row(name, used.cpu, "s CPU", 25)
    yield Row(f"{name}, memory", used.rss, "MB", 500)


def growth(size: Size) -> Iterable[Row]:
    """Fit the exponent with which a cold plan grows."""
    sizes = (size.small, size.middle, size.large)
    costs = [cold(n, size.runs if n < size.large else 1).cpu for n in sizes]
    # The start of the process is no growth: it is measured and taken away.
    start = middle(size.runs, lambda: child([*RECONCILER, "--help"], Path())).cpu
    points = [
        (math.log(n), math.log(cost - start))
        for n, cost in zip(sizes, costs, strict=True)
    ]
    shown = ", ".join(f"{n:,}: {c:.2f} s" for n, c in zip(sizes, costs, strict=True))
    yield Row("growth of a cold plan", slope(points), "exponent", 1.1, note=shown)


def slope(points: list[tuple[float, float]]) -> float:
    """Return the slope of the least-squares line through *points*."""
    x = sum(p[0] for p in points) / len(points)
    y = sum(p[1] for p in points) / len(points)
    over = sum((p[0] - x) * (p[1] - y) for p in points)
    return over / sum((p[0] - x) ** 2 for p in points)


def _rss(used: Used) -> str:
    return f"{used.rss:.0f} MB, {used.wall:.2f} s wall"
