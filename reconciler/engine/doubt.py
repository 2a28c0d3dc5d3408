"""
When a source of measurements is not to be believed. Pure.

Something that measures many accounts at once is wrong about many at once. What cannot
be is told here, by what it said of all of them; one account alone proves nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import timedelta
from typing import Final, NamedTuple

from reconciler.model.ref import Ref
from reconciler.model.usage import Reading

#: Fewer than this prove nothing about their source.
MANY: Final = 5
#: The share of them that has to agree.
NEARLY_ALL: Final = 0.9
#: At or above this share of its limit something is full.
FULL: Final = 0.995
#: What nobody who has files or processes uses none of.
_NEVER_NONE: Final = frozenset({"disk", "inodes", "memory"})
#: Below this share of its limit many are alike because all are idle.
_IDLE: Final = 0.01
#: A jump is at least this many times what was, and this share of the limit.
_TIMES, _STEP = 3.0, 0.2
#: What lasts so long after a jump is how it is now.
LASTS: Final = timedelta(hours=24)


class Two(NamedTuple):
    """What was read of one metric of one resource now, and the last time before."""

    now: Reading
    before: Reading | None


def doubt(read: Mapping[str, Mapping[Ref, Two]]) -> str:
    """Say why a source that *read* so (by metric) cannot be believed; or nothing."""
    for metric in sorted(read):
        many = [*read[metric].values()]
        if len(many) < MANY:
            continue
        why = next((w for said, w in _SIGNS if _nearly_all(said, many)), "")
        if not why and _alike(many):
            why = "is the same"
        if why:
            return f"{metric} {why} for nearly all of {len(many)}"
    return ""


def judged(read: Mapping[str, Collection[object]]) -> bool:
    """Say whether there is enough of it to judge at all."""
    return any(len(one) >= MANY for one in read.values())


def _nearly_all(said: Callable[[Two], bool], many: Collection[Two]) -> bool:
    return sum(map(said, many)) >= NEARLY_ALL * len(many)


def _none(one: Two) -> bool:
    return one.now.metric in _NEVER_NONE and one.now.value == 0


def _full(one: Two) -> bool:
    limit = one.now.limit
    return limit is not None and limit > 0 and one.now.value >= FULL * limit


def _jumped(one: Two) -> bool:
    now, before = one
    if before is None or now.at - before.at > LASTS or not now.limit:
        return False
    high, low = max(now.value, before.value), min(now.value, before.value)
    falls = now.metric == "bandwidth" and now.value < before.value  # a month began
    return not falls and high >= _TIMES * low and high - low >= _STEP * now.limit


def _alike(many: Collection[Two]) -> bool:
    values = Counter(one.now.value for one in many if not _idle(one.now))
    return bool(values) and values.most_common(1)[0][1] >= NEARLY_ALL * len(many)


def _idle(now: Reading) -> bool:
    return now.value <= _IDLE * (now.limit or 0.0)


_SIGNS: Final = (
    (_none, "is nothing at all"),
    (_full, "is at its limit"),
    (_jumped, "jumped at once"),
)


def by_source(
    readings: Iterator[tuple[str, Ref, Two]],
) -> dict[str, dict[str, dict[Ref, Two]]]:
    """Return what was read by source, metric and resource."""
    found: dict[str, dict[str, dict[Ref, Two]]] = {}
    for source, ref, two in readings:
        found.setdefault(source, {}).setdefault(two.now.metric, {})[ref] = two
    return found
