"""
Everything that may go wrong around one payment, by the real parts and without a socket.

Each fault at each request with an effect, two of them at a time, and 1,000 periods at
random. Then each protection is taken away, and the same search has to find somebody
who pays twice: a search that finds nothing has to be able to find something.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from itertools import count

import pytest

from reconciler.audit import derive
from reconciler.engine import carry_out, recover
from reconciler.errors import ReconcilerError
from reconciler.kinds.subscription import steps
from reconciler.providers._paypal_moves import Moves
from reconciler.sandbox.paying import (
    APART,
    EVERY,
    SHORT,
    STORIES,
    Fault,
    FaultKind,
    Played,
    Stage,
    Story,
    act,
    after,
    at_random,
    singly,
)

ALL = (*STORIES, SHORT)
ONE_STEP = next(story for story in STORIES if story.way == "capture")
WALLET = next(story for story in STORIES if story.first == "paypal")
AT_ONCE = 100
UNPAID = {"nobody pays", "stolen", "bank says no later", "has to confirm"}


@pytest.fixture(scope="module")
def stage():
    return Stage()


def wrong(played: list[Played]) -> list[str]:
    return [f"{one.wrong}\n{one.test}" for one in played if one.wrong]


@pytest.mark.parametrize("story", ALL, ids=lambda story: story.name)
def test_a_story_ends_as_it_should_when_nothing_goes_wrong(stage, story):
    played = stage.play(story)
    assert played.wrong is None
    assert not played.met
    assert not played.open
    assert played.paid is (story.name not in UNPAID)


@pytest.mark.parametrize("story", ALL, ids=lambda story: story.name)
def test_a_story_that_is_taken_up_goes_on_as_one_that_is_told_at_once(stage, story):
    """Whatever was kept of its beginning is as it was, however often it is used."""
    known = stage.known(story)
    for at in {0, known.played.effects // 2, known.played.effects - 1}:
        for kind in (FaultKind.LOST_REPLY, FaultKind.CUSTOMER):
            again, done = known.with_(Fault(at, kind)), deeds(stage)
            assert again == stage.play(story, [Fault(at, kind)])
            assert done == deeds(stage)


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("story", ALL, ids=lambda story: story.name)
def test_every_fault_at_every_step(stage, story, kind):
    played = list(singly(stage, story, kind))
    assert {fault.kind for one in played for fault in one.met} == {kind}
    assert wrong(played) == []
    assert [one.met for one in played if one.open] == []
    if story.name not in UNPAID:  # who can pay has paid, whatever went wrong
        assert [one.met for one in played if not one.paid] == []


@pytest.mark.parametrize("first", ["cards", "paypal"])
def test_a_method_that_moves_to_another_gateway_while_an_answer_is_lost(
    stage, monkeypatch, first
):
    """The gateway that was asked before is read until the end of it is known."""
    card, wallet = SHORT.methods

    def moved(one):
        terms = one.tree.want.spec.terms
        methods = (wallet if first == "cards" else card,)
        one.tree.want = one.tree.named(terms.model_copy(update={"methods": methods}))

    monkeypatch.setattr(act.Act, "_another_method", moved)
    story = STORIES[0] if first == "cards" else WALLET
    for at in range(4):
        played = stage.play(story, [Fault(at, FaultKind.NEW_METHOD)])
        assert (played.wrong, played.open, played.paid) == (None, (), True), at


@pytest.mark.parametrize("kind", APART)
@pytest.mark.parametrize("at", range(7))
def test_every_pair_of_faults(stage, at, kind):
    played = after(stage, SHORT, Fault(at, kind))
    # Who pays by himself while it is open leaves nothing that a second fault could meet.
    over = at == 6 or (kind is FaultKind.CUSTOMER and at in {3, 4})
    assert over or len(played) >= len(APART)
    assert wrong(played) == []
    assert [one.met for one in played if one.open] == []


@pytest.mark.parametrize("first", range(0, 1000, AT_ONCE))
def test_a_thousand_periods_at_random(stage, first):
    played = [at_random(stage, seed) for seed in range(first, first + AT_ONCE)]
    assert sum(len(one.met) for one in played) > AT_ONCE
    assert wrong(played) == []


# -- when nothing runs for longer than any key is remembered -------------------------------

#: PayPal knows an order's key for six hours, Stripe every one for a day.
DOWN = timedelta(hours=30)
DEATHS = (FaultKind.CRASH_BEFORE, FaultKind.CRASH_AFTER)


def died_and_stayed_down(stage, name):
    """Yield how the story goes on after each death, and what gateways did then."""
    known = stage.known(next(one for one in ALL if one.name == name))
    for at in range(known.played.effects):
        for kind in DEATHS:
            yield known.with_(Fault(at, kind), down=DOWN), deeds(stage)


def deeds(stage):
    """Return what gateways did, and what they refused to do, in order."""
    found = []
    for bench in stage.benches.values():
        found += [one.operation for one in bench.ledger.effects()]
    return found


@pytest.mark.parametrize("name", ["stolen", "has to confirm", "nobody pays"])
def test_a_decline_that_nobody_heard_of_is_found_out(stage, name):
    """Who may not be asked again is not, and who has to confirm is given the time."""
    stage.play(next(one for one in ALL if one.name == name))
    most = deeds(stage).count("declined")
    for played, done in died_and_stayed_down(stage, name):
        assert (played.wrong, played.open) == (None, ()), played.test
        assert done.count("declined") <= most, played.test


@pytest.mark.parametrize("name", ["declined once", "another card", SHORT.name])
def test_an_attempt_that_nobody_heard_of_is_made_up_for(stage, name):
    """Once, and by the method whose turn it was: nobody has said no to it."""
    stage.play(next(one for one in ALL if one.name == name))
    usual = deeds(stage)
    for played, done in died_and_stayed_down(stage, name):
        assert (played.wrong, played.open, done) == (None, (), usual), played.test
        assert played.paid, played.test


# -- without each protection -------------------------------------------------------------


def found(story) -> str | None:
    """Return the first thing that the search finds wrong; nothing is known before."""
    known = Stage().rehearsed(story)
    requests = range(known.played.effects)
    ends = (known.with_(Fault(at, kind)) for at in requests for kind in EVERY)
    return next((played.wrong for played in ends if played.wrong), None)


def test_without_the_fence_somebody_pays_twice(monkeypatch):
    real = steps._fence

    def open_gate(case, one, bill):
        fence = real(case, one, bill)
        return steps._second_leg(case, one) if fence else None

    monkeypatch.setattr(steps, "_fence", open_gate)
    assert "charged 2 times" in found(SHORT)


def test_where_unknown_is_failure_somebody_pays_twice(monkeypatch):
    def judged(answer, *, shown, resumes):
        return ("applied", "observed") if shown else ("failed", "response")

    monkeypatch.setattr(carry_out, "_judged", judged)
    assert "charged 2 times" in found(ONE_STEP)


def test_with_a_fresh_key_each_time_somebody_pays_twice(monkeypatch):
    numbers = count()

    def act(setting, action):
        driver = setting.accounts.drivers[action.change.share]
        fresh = f"{action.key}-{next(numbers)}"
        try:
            return driver.apply(action.want, action.change, fresh)
        except ReconcilerError as error:
            return error

    monkeypatch.setattr(carry_out, "_act", act)
    assert "charged 2 times" in found(ONE_STEP)


def test_without_the_hash_of_the_body_one_key_is_for_two_requests(monkeypatch):
    planning = sys.modules["reconciler.engine.plan"]
    real = planning._recovered

    def planned_anew(situation, action):
        made = real(situation, action)
        return made._replace(change=action.change) if made.resumes else made

    monkeypatch.setattr(planning, "_recovered", planned_anew)
    assert found(ONE_STEP) is None  # the journal refuses it
    monkeypatch.setattr(derive, "_refuse_intent", lambda _read, _intent: None)
    assert "two bodies" in found(ONE_STEP)


def test_a_case_that_fails_prints_a_test_that_shows_it(stage):
    played = stage.play(ONE_STEP, [Fault(0, FaultKind.LOST_REPLY)])
    text = played._replace(taken=played.taken * 2).test
    scope = {
        "Story": type(ONE_STEP), "Fault": Fault, "FaultKind": FaultKind, "Stage": Stage
    }  # fmt: skip
    exec(compile(text, "again", "exec"), scope)  # noqa: S102  (our own text)
    scope["test_again"]()


#: An order that is sent again by run after run, each of which lost the lock meanwhile.
AGAIN = (
    Fault(6, FaultKind.CRASH_BEFORE),
    Fault(7, FaultKind.OVERLAP),
    Fault(8, FaultKind.NEW_METHOD),
    Fault(9, FaultKind.OVERLAP),
)


@pytest.mark.parametrize("guards", [("sent", "books"), ("sent",), ("books",), ()])
def test_what_was_sent_again_is_not_given_up_by_its_first_time(
    stage, monkeypatch, guards
):
    """Either is enough: books as fresh as the last request, or asked before the next."""
    if "sent" not in guards:
        monkeypatch.setattr(recover, "_last_sent", lambda opened: opened.intent.time)
        monkeypatch.setattr(recover, "_happened", at_first)
    if "books" not in guards:
        monkeypatch.setattr(Moves, "_taken_before", lambda *_: None)
    story = Story("again", primary="insufficient_funds", backup="paypal", way="capture")
    played = stage.play(story, AGAIN)
    assert played.met == AGAIN
    assert len(played.taken) == (1 if guards else 2)
    assert bool(played.wrong) is not bool(guards)


def at_first(opened, action, driver):
    return driver.happened(action.want, action.change, action.key, opened.intent.time)
