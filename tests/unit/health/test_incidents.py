"""One incident for each thing that is wrong: at the highest thing that must be down."""

from __future__ import annotations

import pytest

from benchmarks.storm import FIRST, GATE, Storm, play
from reconciler.health import ill, turned
from reconciler.health.shown import times
from reconciler.model import Ref
from tests.support.health import MINUTE, Play, look, watch


def sites(many, server="Provider/s1", *more, first=0, **spec):
    return [
        watch(f"d{n}", f"Domain/d{n}.example", (server, *more), **spec)
        for n in range(first, first + many)
    ]


def marks(play, bad):
    return {name: "-" if name in bad else "+" for name in play.topology.watches}


def runs(play, bad, many=3):
    for _ in range(many):
        play.turn(marks(play, bad))
    return play


@pytest.mark.parametrize(
    ("many", "bad", "root"),
    [
        (20, 5, "Provider/s1"),  # three, and a quarter
        (20, 4, None),
        (8, 4, "Provider/s1"),  # half of eight or fewer
        (8, 3, None),
        (3, 3, "Provider/s1"),
        (2, 2, None),  # two of two are two outages
        (200, 49, None),
        (200, 50, "Provider/s1"),
    ],
)
def test_so_many_of_so_many_are_one_outage(many, bad, root):
    down = {f"d{n}" for n in range(bad)}
    found = runs(Play(*sites(many)).run("+"), down).open()
    if root is None:
        assert len(found) == bad
        assert {one.root.kind for one in found} == {"Domain"}
    else:
        (one,) = found
        assert str(one.root) == root
        assert set(one.checks) == down


def test_four_checks_of_one_thing_are_one_thing():
    of = [watch(f"c{n}", "Domain/d0.example", ("Provider/s1",)) for n in range(4)]
    play = runs(Play(*of, *sites(8, first=1)).run("+"), {"c0", "c1", "c2", "c3"})
    (one,) = play.open()
    assert str(one.root) == "Domain/d0.example"


def test_a_server_that_fails_its_own_check_is_the_root_of_all():
    own = watch("s1", "Provider/s1")
    play = runs(Play(own, *sites(20)).run("+"), {"s1", "d3"})
    (one,) = play.open()
    assert (str(one.root), one.lead) == ("Provider/s1", "s1")


def test_a_region_needs_several_of_its_servers():
    world = [
        one
        for s in range(4)
        for one in sites(10, f"Provider/s{s}", "Region/west", first=10 * s)
    ]
    one_server = {f"d{n}" for n in range(10)}
    (found,) = runs(Play(*world).run("+"), one_server).open()
    assert str(found.root) == "Provider/s0"
    three = {f"d{n}" for n in range(30)}
    (found,) = runs(Play(*world).run("+"), three).open()
    assert str(found.root) == "Region/west"


def test_different_symptoms_are_different_incidents():
    play = Play(*sites(1), watch("d0-tls", "Domain/d0.example")).run("+")
    for mark in ("+", "-", "-", "-"):
        now = {"d0": look(play.now, mark == "+"), "d0-tls": look(play.now, True)}
        bad = look(play.now, False, symptom="certificate")
        seen = {**now, "d0-tls": bad} if mark == "-" else now
        play.book = turned(play.book, play.topology, seen, play.now).book
        play.now += play.step
    assert sorted(one.symptom for one in play.open()) == ["certificate", "reach"]


def test_what_an_answer_lacks_is_the_same_outage_as_no_answer():
    play = Play(*sites(1), watch("d0-tcp", "Domain/d0.example")).run("+")
    play.run("---", "d0", symptom="answer").run("---", "d0-tcp")
    assert len(play.open()) == 1


def test_single_ones_are_merged_into_what_turns_out_to_be_larger():
    play = runs(Play(*sites(20)).run("+"), {"d0"})
    (single,) = play.open()
    runs(play, {f"d{n}" for n in range(8)})
    (one,) = play.open()
    assert str(one.root) == "Provider/s1"
    assert "d0" in one.checks
    was = {i.id: i for i in play.changed}[single.id]
    assert (was.merged, was.open) == (one.id, False)
    assert one.began == single.began


def test_what_is_bad_for_another_reason_gets_an_incident_of_its_own():
    play = runs(Play(*sites(20)).run("+"), {f"d{n}" for n in range(20)})
    (whole,) = play.open()
    runs(play, {"d0"}, many=6)
    (own,) = play.open()
    assert str(own.root) == "Domain/d0.example"
    assert own.id != whole.id


def test_who_notices_later_joins():
    play = runs(Play(*sites(20)).run("+"), {f"d{n}" for n in range(6)})
    runs(play, {f"d{n}" for n in range(5, 20)})
    (one,) = play.open()
    assert str(one.root) == "Provider/s1"
    assert len(one.checks) == 20


def test_the_loudest_check_says_how_loud_it_is():
    quiet = watch("q", "Domain/d0.example", severity="warning")
    play = Play(quiet, watch("l", "Domain/d0.example", severity="error")).run("+")
    play.run("---", "q")
    assert play.open()[0].severity == "warning"
    play.turn({"q": "-", "l": "-"})
    runs(play, {"q", "l"}, 2)
    assert play.open()[0].severity == "error"


def test_who_is_ill():
    play = runs(Play(*sites(20)).run("+"), {f"d{n}" for n in range(8)})
    watches = play.topology.watches
    for ref in ("Provider/s1", "Domain/d0.example"):
        assert ill(play.book, watches, Ref(*ref.split("/"))) is not None
    for ref in ("Domain/d9.example", "Domain/strange.example"):
        assert ill(play.book, watches, Ref(*ref.split("/"))) is None


def test_how_fast_it_was_seen_and_mended():
    play = Play(watch()).run("+---++" + "+" * 8 + "------++" + "+" * 8 + "---")
    latest = {one.id: one for one in play.changed}
    found = times([*latest.values()])
    assert found == (10 * MINUTE, 27 * MINUTE + 30, 35 * MINUTE, 3)
    assert times([]) == (None, None, None, 0)


def test_in_a_storm_people_are_told_little_and_everything():
    told = play(Storm(7, minutes=100))
    assert told.named == 7
    assert told.pages <= GATE
    assert told.first <= FIRST
    assert told.pages < told.three / 10
