"""A record that somebody broke: what can be read of it counts, the rest is passed over."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.kinds.backup import Record, proven
from tests.support.backups import Life

Way = tuple[str | int, ...]


def lived() -> Life:
    life = Life()
    for _ in life.live(5):
        pass
    return life


def ways(value: Any, way: Way = ()) -> Iterator[Way]:
    """Yield the way to everything in *value*; of lists, to the first two."""
    if isinstance(value, dict):
        for key in value:
            yield from ways(value[key], (*way, key))
    elif isinstance(value, list):
        for n, one in enumerate(value[:2]):
            yield from ways(one, (*way, n))
    if way:
        yield way


def broken(whole: dict[str, Any], way: Way, value: Any) -> dict[str, Any]:
    """Return *whole* with *value* there; None: without what is there."""
    found = copy.deepcopy(whole)
    there: Any = found
    for key in way[:-1]:
        there = there[key]
    if value is None:
        del there[way[-1]]
    else:
        there[way[-1]] = value
    return found


def everything(life: Life) -> None:
    """Ask all that is asked of a record."""
    life.due()
    life.findings()
    life.want.noticed(life.have, life.now)
    list(life.want.story(life.have, life.now))
    list(life.want.due(life.have, life.now))
    life.want.deadline(life.have)
    proven(life.recorded, life.policy, life.now)
    record = Record(life.recorded, life.policy, life.now)
    for name in record.copies():
        listed = life.state(name).snapshots
        record.offers(name, listed)
        record.promise(name, listed[0].id)


@pytest.mark.parametrize("value", [None, "x", 7, [], {}, True, "2026-03-01T12:00:00"])
def test_no_row_of_a_record_breaks_what_is_asked_of_it(value):
    life = lived()
    whole = life.recorded
    for way in list(ways(whole)):
        life.recorded = broken(whole, way, value)
        everything(life)


def test_a_row_that_is_none_takes_no_other_with_it():
    life = lived()
    before = proven(life.recorded, life.policy, life.now)
    for rows in (life.recorded["receipts"], life.recorded["drills"]):
        rows[:0] = [{}, {"at": "x", "copy": "near"}, {"at": life.now.isoformat()}]
    assert proven(life.recorded, life.policy, life.now) == before
