"""
Whole numbers as short text, and amounts as whole numbers.

A column of numbers is written as the differences from one to the next, the first from
nothing; what repeats is written once, with how often: ``870x1 60x23 -5``. Git packs
such text about as well as bytes made for it, and a person can read it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

#: How finely each metric is kept, in its unit: as finely as panels know it.
QUANTA: Final = {
    "cpu": 0.1,
    "memory": 1024.0**2,
    "disk": 1024.0**2,
    "inodes": 1.0,
    "io": 1024.0,
    "bandwidth": 1024.0**2,
    "load": 0.01,
}
_COLUMN: Final = re.compile(r"(-?\d{1,18}(x\d{1,5})?( (?!$)|$))*", re.ASCII)
#: A column that claims more is no column: nothing is measured so often.
_MOST: Final = 50_000


def coarse(metric: str, value: float) -> int:
    """Return an amount of *metric* as it is kept."""
    return round(value / QUANTA[metric])


def fine(metric: str, kept: float) -> float:
    """Return what is kept as an amount of *metric*, in its unit."""
    return round(kept * QUANTA[metric], 6)


def packed(numbers: Sequence[int]) -> str:
    """Return a column of *numbers* as text."""
    words: list[str] = []
    before = last = many = 0
    for number in numbers:
        step = number - before
        before = number
        if many and step == last:
            many += 1
            continue
        if many:
            words.append(_word(last, many))
        last, many = step, 1
    if many:
        words.append(_word(last, many))
    return " ".join(words)


def _word(step: int, many: int) -> str:
    return str(step) if many == 1 else f"{step}x{many}"


def unpacked(text: str) -> list[int]:
    """
    Return the numbers of a column.

    Raises:
        ValueError: It is no column, or a very long one.
    """
    if not _COLUMN.fullmatch(text):
        raise ValueError("this is no column of numbers")
    if "x" not in text:
        return list(accumulate(map(int, text.split())))
    steps: list[int] = []
    for word in text.split():
        step, _, many = word.partition("x")
        steps += [int(step)] * int(many or 1)
        if len(steps) > _MOST:
            raise ValueError("this column is longer than anything that is measured")
    return list(accumulate(steps))
