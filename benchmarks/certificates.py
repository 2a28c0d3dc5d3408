"""
Certificates for three years, with everything that may happen, and what expires.

The decisions are the product's own, the issuers a model. Beside them stands the rule
that most tools began with: thirty days before the end, one issuer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from datetime import timedelta
from typing import NamedTuple

from benchmarks.row import Row, Size
from reconciler.sandbox.certifying import (
    LIFETIMES,
    Estate,
    Outcome,
    thirty_days,
    three_years,
)

_DAY = timedelta(days=1)


class Told(NamedTuple):
    """How a story ended, and how long it took to tell, in CPU seconds."""

    outcome: Outcome
    cpu: float


def renewals(size: Size) -> Iterator[Row]:
    """Play three years for each lifetime: two issuers, one, and the fixed rule."""
    many = size.small
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        asked = [
            (
                lifetime,
                pool.submit(ours, lifetime, many, second=True),
                pool.submit(ours, lifetime, many, second=False),
                pool.submit(theirs, lifetime, many),
            )
            for lifetime in LIFETIMES
        ]
        for lifetime, two, one, fixed in asked:
            yield from _rows(lifetime, many, two, one, fixed)


def ours(lifetime: timedelta, many: int, *, second: bool) -> Told:
    """Play three years by our decisions."""
    started = time.process_time()
    setup = three_years(lifetime, second=second, certificates=many)
    return Told(Estate(setup).played(), time.process_time() - started)


def theirs(lifetime: timedelta, many: int) -> Told:
    """Play the same by the rule of thirty days."""
    started = time.process_time()
    setup = three_years(lifetime, certificates=many, rule=thirty_days)
    return Told(Estate(setup).played(), time.process_time() - started)


def _rows(
    lifetime: timedelta,
    many: int,
    two: Future[Told],
    one: Future[Told],
    fixed: Future[Told],
) -> Iterator[Row]:
    long = f"{lifetime // _DAY} d" if lifetime % _DAY == timedelta(0) else "160 h"
    (found, cpu), (alone, _), (rule, _) = two.result(), one.result(), fixed.result()
    each = cpu / found.looks * 1e6
    yield Row(
        f"{many:,} certificates of {long}, three years: expired",
        found.expired,
        "",
        0,
        other=rule.expired,
        note=f"least left {_left(found.left)}; {found.looks:,} decisions, {each:.0f} us"
        f" each with the story; one issuer alone: {alone.expired} expired",
    )
    note = f"{found.failed:,} orders failed, {rule.failed:,} by the other rule"
    yield Row("  renewals of each", found.renewals, "", other=rule.renewals, note=note)
    yield Row("  most orders in one run", found.peak, "", other=rule.peak)
    yield Row("  orders that a limit refused", found.refused, "", 0, other=rule.refused)
    yield Row(
        "  hours a revoked one was served", found.revoked, "h", other=rule.revoked
    )


def _left(left: timedelta) -> str:
    hours = left / timedelta(hours=1)
    return f"{hours / 24:.1f} d" if hours >= 48 else f"{hours:.0f} h"
