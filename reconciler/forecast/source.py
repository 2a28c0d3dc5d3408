"""
Whether a source of numbers is to be believed. Pure.

A broken probe does not say that it is broken: it says that everything is idle, or that
everything is full. Nothing may be scaled on that. One account can be idle, can be full
or can stand still; a source where suddenly *most* do is wrong.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reconciler.forecast.members import Array

#: Steps at the end that are looked at: an hour of five minutes, half a day of hours.
LATEST = 12
#: The share of accounts that makes the source wrong, and the fewest of them.
MOST = 0.8
FEWEST = 5


class Doubt(NamedTuple):
    """
    Why a source is not to be believed.

    Attributes:
        accounts: How many it is about; *of*: how many were judged.
        why: In words, for a finding.
    """

    accounts: int
    of: int
    why: str


def doubts(usage: Array, full: float = 100.0) -> list[Doubt]:
    """
    Return what is wrong with a source; nothing where it may be believed.

    Args:
        usage: One row for each account, evenly, the latest last; NaN: unknown. Accounts
            of which nothing was known lately are not judged.
        full: What "all of it" is in this unit.

    What is as it always was is no news: an account that has only ever been at zero is
    idle, and does not count against its source.
    """
    latest = usage[:, -LATEST:]
    judged = ~np.isnan(latest).all(axis=1)
    if judged.sum() < FEWEST:
        return []
    latest, before = latest[judged], usage[judged, :-LATEST]
    low, high = np.nanmin(latest, axis=1), np.nanmax(latest, axis=1)
    moved = _moved(before)
    found = (
        ((low == 0) & (high == 0) & moved, "say zero, which they did not before"),
        ((low >= full) & moved, f"say {full:g} or more, which they did not before"),
        ((low == high) & moved, "stand still, which they did not before"),
        (_identical(latest, before), "say the same as each other"),
    )
    many, least = len(latest), max(FEWEST, MOST * len(latest))
    return [
        Doubt(int(wrong.sum()), many, f"{int(wrong.sum())} of {many} accounts {why}")
        for wrong, why in found
        if wrong.sum() >= least
    ]


def _moved(before: Array) -> np.typing.NDArray[np.bool_]:
    """Return which accounts have ever had two different values."""
    highest = np.where(np.isnan(before), -np.inf, before).max(axis=1, initial=-np.inf)
    lowest = np.where(np.isnan(before), np.inf, before).min(axis=1, initial=np.inf)
    found: np.typing.NDArray[np.bool_] = highest > lowest
    return found


def _identical(latest: Array, before: Array) -> np.typing.NDArray[np.bool_]:
    """
    Return which accounts have the latest values that most others have, too.

    Only where they did not just before that: accounts that nobody uses are alike.
    """
    now = _alike(latest)
    if before.shape[1] < LATEST:
        return now
    return now & ~_alike(before[:, -LATEST:])


def _alike(values: Array) -> np.typing.NDArray[np.bool_]:
    rows, group, sizes = np.unique(
        np.nan_to_num(values, nan=-1.0), axis=0, return_inverse=True, return_counts=True
    )
    del rows
    found: np.typing.NDArray[np.bool_] = sizes[group.ravel()] >= max(
        2, MOST * len(values)
    )
    return found
