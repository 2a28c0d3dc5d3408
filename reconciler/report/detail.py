"""How much of a plan is shown, and what is left out first where it does not fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Detail(NamedTuple):
    """
    The most that is shown of everything.

    Attributes:
        fields: Changed fields of one action.
        names: Names of a group of the same change.
        text: Bytes of one text.
        money: Entries about money and deletion; the others likewise, by section.
    """

    fields: int = 30
    names: int = 12
    text: int = 400
    critical: int = 100
    money: int = 500
    held: int = 500
    denied: int = 200
    done: int = 500
    due: int = 200
    findings: int = 200
    unknown: int = 100
    unmanaged: int = 200
    drift: int = 100
    later: int = 100
    pending: int = 100


#: Each step leaves out more than the one before: first what informs, then what runs
#: by itself, then what waits, and what costs or deletes last. The last one leaves
#: nothing but counts, whose size does not depend on the plan.
_STEPS: tuple[dict[str, int], ...] = (
    {"names": 8, "unmanaged": 20, "unknown": 20, "later": 10, "drift": 20},
    {"names": 5, "unmanaged": 10, "unknown": 10, "later": 5, "fields": 8, "due": 30},
    {"findings": 30, "due": 15, "done": 60, "pending": 10},
    {"done": 15, "fields": 4, "names": 3, "text": 160},
    {"findings": 10, "due": 7, "unmanaged": 3, "unknown": 5, "drift": 3},
    {"held": 80, "denied": 40, "money": 200},
    {"done": 5, "later": 0, "fields": 2, "text": 100},
    {"held": 25, "denied": 15, "money": 60, "critical": 30},
    {"held": 8, "denied": 8, "money": 20, "critical": 15, "fields": 1},
    {"done": 0, "findings": 0, "due": 0, "unmanaged": 0, "unknown": 3, "drift": 0},
    {"held": 3, "denied": 3, "money": 8, "critical": 8, "text": 80, "names": 1},
    dict.fromkeys(Detail._fields[3:], 0),
)


def steps() -> Iterator[Detail]:
    """Yield every amount of detail, from everything to nothing but counts."""
    detail = Detail()
    yield detail
    for less in _STEPS:
        detail = detail._replace(**less)
        yield detail
