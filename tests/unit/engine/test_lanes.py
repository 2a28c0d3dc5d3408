"""What goes one at a time: each alone, and none after one that went wrong."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from reconciler.audit import FACTS, Record
from reconciler.engine.lanes import held, mending, stopped, stops
from reconciler.engine.order import waves
from reconciler.model import Action, Decision, OpClass, Share
from reconciler.model.change import STOPS
from reconciler.model.ref import Ref
from reconciler.model.updates import LANE, RollBack
from tests.support.updates import change, hosted

FACT = f"{STOPS}{LANE}"


def action(name="a.example", what=None):
    what = what or change()
    return Action(f"id-{name}-{what.verb}", hosted(name), what, OpClass.PROBE)


def other(name="z.example"):
    plain = change().model_copy(update={"verb": "patch"})
    found = action(name, plain)
    free = SimpleNamespace(lane=None, mends=False, share=Share("main", "dns"), verb="x")
    return found._replace(change=free)


def done(name="a.example", status="applied", verified=True, stop=""):
    evidence = {FACTS: {FACT: stop}} if stop else {}
    outcome = SimpleNamespace(evidence=evidence, verified=verified)
    return SimpleNamespace(action=action(name), status=status, outcome=outcome)


def test_each_of_a_lane_is_a_wave_of_its_own() -> None:
    several = [action("a.example"), other("b.example"), action("c.example"), other()]
    found = [[a.want.name for a in wave] for wave in waves(several, 25)]
    assert found == [["b.example", "z.example"], ["a.example"], ["c.example"]]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (done(), False),
        (done(stop="it broke"), True),
        (done(status="unknown"), True),
        (done(verified=False), True),
        (done(status="failed", verified=False), False),  # a definite no hurt nobody
        (done(status="not_applied", verified=False), False),
    ],
)
def test_what_went_wrong_stops_the_lane_and_nothing_else(before, expected) -> None:
    assert stopped(action("b.example"), [before]) is expected
    assert stopped(other(), [before]) is False
    assert stopped(action(what=change(kind=RollBack)), [before]) is False


def test_what_is_recorded_stops_later_runs_while_it_is_wanted() -> None:
    kept = {"a.example": {FACT: "it broke", "other": "x"}, "b.example": {FACT: ""}}
    rows = [
        Record(kind="HostingAccount", uid=name, name=name, facts=facts)
        for name, facts in kept.items()
    ]
    wanted = {Ref("HostingAccount", "a.example"), Ref("HostingAccount", "b.example")}
    recorded = stops(rows, wanted)
    assert recorded == {LANE: ("it broke",)}
    assert stops(rows, wanted - {Ref("HostingAccount", "a.example")}) == {}
    planned = [action("c.example"), action(what=change(kind=RollBack)), other()]
    found = held(planned, recorded, ())
    assert [len(one.verdicts) for one in found] == [1, 0, 0]
    (verdict,) = found[0].verdicts
    assert (verdict.decision, verdict.firm) == (Decision.HOLD, True)
    assert "it broke" in verdict.why


def test_what_was_begun_and_has_not_ended_stops_the_others() -> None:
    begun, waiting = action("a.example"), action("b.example")
    found = held([begun, waiting], {}, {begun.id})
    assert [len(one.verdicts) for one in found] == [0, 1]
    assert "a.example is not known yet" in found[1].verdicts[0].why


def test_only_what_this_run_broke_is_mended_in_it() -> None:
    back = action(what=change(kind=RollBack))
    left = SimpleNamespace(allowed=lambda: [action("b.example"), back])
    assert [*mending(left, [done(stop="it broke")])] == [back]
    assert [*mending(left, [done("b.example", stop="it broke")])] == []
    assert [*mending(left, [])] == []
