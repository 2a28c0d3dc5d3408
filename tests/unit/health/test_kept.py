"""What is remembered is the same after it was kept, and small."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import ReconcilerError
from reconciler.health.kept import (
    STATE,
    history,
    incident_file,
    incidents,
    months,
    read_book,
    state_file,
)
from reconciler.health.memory import Book
from tests.support.health import DAY, HOUR, Play, at, watch

WINDOW = {"days": ["sun"], "from": "11:00", "to": "11:30"}


def again(play):
    return read_book({STATE: state_file(play.book)})


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("+-?"), st.sampled_from("+-?"), st.booleans(),
            st.sampled_from([0, 0, 0, 300, HOUR, -HOUR, DAY]),
        ),
        max_size=30,
    )
)  # fmt: skip
def test_it_is_the_same_again(steps):
    play = Play(watch("a", maintenance=[WINDOW]), watch("b", "Domain/b.example"))
    for one, other, whole, gap in steps:
        looks = {"a": one, "b": other} if whole else {"a": one}
        play.turn(looks, whole=whole)
        play.skip(gap)
        assert again(play) == play.book
    assert state_file(again(play)) == state_file(play.book)


def test_a_quiet_run_changes_little():
    play = Play(*(watch(f"c{n}", f"Domain/d{n}.example") for n in range(400)))
    play.run("+" * 20)
    before = state_file(play.book).splitlines()
    play.run("+")
    after = state_file(play.book).splitlines()
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert len(changed) == 2  # when, and the runs
    assert len(state_file(play.book)) < 400 * 80


def test_nothing_is_an_empty_book():
    assert read_book({}) == Book()


@pytest.mark.parametrize(
    "bad",
    [
        b"", b"{}", b"[]", b"null", b"\xff", b"not json",
        b'{"format": "reconciler.health/v9"}',
        b'{"format": "reconciler.health/v1", "at": 1}',
        b'{"format": "reconciler.health/v1", "at": "x", "runs": [], "checks": {}, "incidents": [], "held": {}}',
        b'{"format": "reconciler.health/v1", "at": 1, "runs": [[1]], "checks": {}, "incidents": [], "held": {}}',
        b'{"format": "reconciler.health/v1", "at": 1, "runs": [], "checks": {"a": {"began": "x"}}, "incidents": [], "held": {}}',
        b'{"format": "reconciler.health/v1", "at": 1, "runs": [], "checks": {"a": {"began": 1, "phase": "odd"}}, "incidents": [], "held": {}}',
        b'{"format": "reconciler.health/v1", "at": 1, "runs": [], "checks": {}, "incidents": [{"id": "x"}], "held": {}}',
    ],
)  # fmt: skip
def test_what_is_damaged_is_refused(bad):
    with pytest.raises(ReconcilerError) as caught:
        read_book({STATE: bad})
    assert caught.value.shown_code == "E675"
    assert caught.value.hint


def test_days_are_added_and_never_rewritten():
    play = Play(watch(), start=at("2026-11-30T23:50")).run("++++-")
    files = months(play.days, {})
    assert files == {
        "uptime/2026-11.csv": b"day,check,up,down,unknown,maintenance\n"
        b"2026-11-30,shop,600,0,0,0\n"
    }
    more = months(play.days, files)
    assert more["uptime/2026-11.csv"].startswith(files["uptime/2026-11.csv"])
    assert history(more) == history(files)
    odd = {
        "uptime/2026-11.csv": files["uptime/2026-11.csv"] + b"x,y\n\xff\n1,2,3,4,5,6\n"
    }
    assert history(odd) == history(files)


def test_incidents_come_back_the_latest_first():
    play = Play(watch("a"), watch("b", "Domain/b.example")).run("+---++", "a")
    play.run("---", "b")
    files = dict(incident_file(one) for one in play.changed)
    found = incidents({**files, "incidents/odd.json": b"{", "state.json": b"{}"})
    assert [one.lead for one in found] == ["b", "a"]
    assert json.loads(next(iter(files.values())))["root"] == "Domain/shop.example"
