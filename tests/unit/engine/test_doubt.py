"""What a source can say of many at once, and what it cannot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.engine.doubt import Two, by_source, doubt, judged
from reconciler.model.ref import Ref
from reconciler.model.usage import Reading

NOW = datetime(2026, 11, 28, 10, tzinfo=UTC)


def two(metric, value, before=None, limit=100.0, age=timedelta(hours=1)):
    last = None if before is None else Reading(metric, NOW - age, before, limit)
    return Two(Reading(metric, NOW, value, limit), last)


def read(*pairs):
    found = {}
    for number, pair in enumerate(pairs):
        of = found.setdefault(pair.now.metric, {})
        of[Ref("HostingAccount", f"s{number}.example")] = pair
    return found


USUAL = [3.0, 17.0, 42.0, 8.0, 60.0, 23.0, 31.0, 5.0, 77.0, 12.0]


@pytest.mark.parametrize(
    ("pairs", "why"),
    [
        ([two("disk", 0.0) for _ in USUAL], "nothing at all"),
        ([two("memory", 0.0, v) for v in USUAL], "nothing at all"),
        ([two("cpu", 100.0) for _ in USUAL], "at its limit"),
        ([two("disk", 99.7, v) for v in USUAL], "at its limit"),
        ([two("disk", 47.0) for _ in USUAL], "is the same"),
        ([two("io", v + 50, v / 2) for v in USUAL], "jumped"),
        ([two("disk", v / 10, v + 30) for v in USUAL], "jumped"),
        ([two("disk", 0.0)] * 9 + [two("disk", 5.0)], "nothing at all"),
    ],
)
def test_what_cannot_be_is_not_believed(pairs, why):
    assert why in doubt(read(*pairs))


@pytest.mark.parametrize(
    "pairs",
    [
        [two("disk", v, v - 1) for v in USUAL],
        [two("cpu", 0.0) for _ in USUAL],  # a quiet night
        [two("cpu", 0.4) for _ in USUAL],
        [two("disk", 0.5) for _ in USUAL],  # new and empty, of a hundred
        [two("bandwidth", 0.0, v) for v in USUAL],  # a month began
        [two("disk", 0.0)] * 4,  # too few
        [two("cpu", 100.0)] * 5 + [two("cpu", v) for v in USUAL[:5]],  # half of them
        [two("io", v + 50, v / 2, age=timedelta(hours=25)) for v in USUAL],  # it stayed
        [two("cpu", v * 7, v, limit=None) for v in USUAL],
        [],
    ],
)
def test_what_can_be_is_believed(pairs):
    assert doubt(read(*pairs)) == ""


def test_few_prove_nothing():
    assert not judged(read(*[two("disk", 1.0)] * 4))
    assert judged(read(*[two("disk", 1.0)] * 5))


def test_sources_are_judged_apart():
    ref = Ref("HostingAccount", "a.example")
    pairs = [("whm-1", ref, two("disk", 1.0)), ("whm-2", ref, two("cpu", 1.0))]
    found = by_source(iter(pairs))
    assert {source: list(of) for source, of in found.items()} == {
        "whm-1": ["disk"],
        "whm-2": ["cpu"],
    }
