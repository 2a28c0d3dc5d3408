"""The phases of one check, and what becomes of its incident."""

from __future__ import annotations

import pytest

from tests.support.health import HOUR, MINUTE, Play, watch


@pytest.mark.parametrize(
    ("marks", "phase"),
    [
        ("+", "up"),
        ("+-", "suspect"),
        ("+--", "suspect"),
        ("+---", "down"),
        ("+---+", "recovering"),
        ("+---++", "up"),
        ("+---+-", "down"),
        ("+-+", "up"),
        ("+--+--", "flapping"),
        ("+-+--+-", "flapping"),
        ("+--+--+++++", "flapping"),
        ("+--+--++++++", "up"),
        ("+--+---", "flapping"),  # to be down takes twice as many of what flaps
        ("+--+------", "down"),
        ("+---+---++", "flapping"),  # by fits and starts: not good yet
        ("+---+---++++++", "up"),
        ("-+-+-+-+", "up"),  # three of six
        ("+--?-", "down"),  # nobody could tell: neither good nor bad
        ("+---??", "down"),
        ("+---??+?+", "up"),
    ],
)
def test_phase(marks, phase):
    assert Play(watch()).run(marks).phase() == phase


@pytest.mark.parametrize(("failures", "successes"), [(1, 1), (2, 3), (5, 4), (10, 10)])
def test_as_many_as_were_asked_for(failures, successes):
    confirm = {"failures": failures, "successes": successes}
    play = Play(watch(confirm=confirm))
    assert play.run("+" + "-" * (failures - 1)).phase() in {"up", "suspect"}
    assert play.run("-").phase() == "down"
    assert play.run("+" * (successes - 1)).phase() in {"down", "recovering"}
    assert play.run("+").phase() == "up"


def test_one_incident_opens_and_closes_once():
    play = Play(watch()).run("+++---")
    (one,) = play.open()
    assert (one.root.name, one.severity, one.lead) == (
        "shop.example",
        "critical",
        "shop",
    )
    assert one.opened - one.began == 10 * MINUTE
    assert one.why == "no answer"
    play.run("---++")
    assert play.open() == []
    assert [(i.id, i.closed is None) for i in play.changed] == [
        (one.id, True),
        (one.id, False),
    ]


def test_back_within_half_an_hour_is_the_same_incident():
    play = Play(watch()).run("+---++").run("---")
    (one,) = play.open()
    assert one.reopened == 1
    assert len({i.id for i in play.changed}) == 1


def test_back_after_half_an_hour_is_another():
    play = Play(watch()).run("+---++" + "+" * 7).run("---")
    assert play.open()[0].reopened == 0
    assert len({i.id for i in play.changed}) == 2


def test_what_came_back_stays_open_until_it_is_calm():
    play = Play(watch(), step=MINUTE).run("+" * 9 + "---" + "+" * 9 + "---++++++")
    (one,) = play.open()
    assert (one.reopened, play.phase()) == (1, "up")
    play.run("+" * 25)
    assert play.open() == [one]
    play.run("+")
    assert play.open() == []


def test_what_came_and_went_stays_open_until_it_is_calm():
    play = Play(watch(), step=MINUTE).run("+---+---++")
    (one,) = play.open()
    assert (one.flapping, play.phase()) == (False, "flapping")
    play.run("+" * 33)
    assert (play.phase(), len(play.open())) == ("up", 1)
    play.run("+")
    assert play.open() == []
    assert len({i.id for i in play.changed}) == 1


def test_flapping_is_one_quiet_incident():
    play = Play(watch(), step=MINUTE).run("+" + "--+" * 20)
    (one,) = play.open()
    assert (one.flapping, one.severity, one.reopened) == (True, "warning", 0)
    assert len(play.changed) == 1
    play.run("------")
    (loud,) = play.open()
    assert (loud.id, loud.flapping, loud.severity) == (one.id, False, "critical")
    play = Play(watch(), step=MINUTE).run("+--+--").run("++++++")
    assert play.open() == []


def test_a_selected_run_changes_nobody_else():
    play = Play(watch("a"), watch("b", "Domain/b.example")).run("+")
    before = play.book.checks["b"]
    for _ in range(3):
        play.turn({"a": "-"}, whole=False)
    assert play.book.checks["b"] == before
    assert [one.lead for one in play.open()] == ["a"]
    assert len(play.book.runs) == 1


def test_a_check_that_is_removed_takes_its_incident_along():
    play = Play(watch("a"), watch("b", "Domain/b.example")).run("+---")
    assert len(play.open()) == 2
    play.topology = type(play.topology)([watch("a")])
    play.run("-")
    assert [one.lead for one in play.open()] == ["a"]


def test_a_clock_that_goes_back_does_not_end_the_machine():
    play = Play(watch()).run("+--").skip(-2 * HOUR).run("-")
    assert play.phase() == "down"
    assert play.run("++").phase() == "up"
