"""Accounts that a policy scales: what follows, what is recorded, and who stops it."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import ClassVar

import pytest

from reconciler.engine import Accounts, Situation, World, plan
from reconciler.kinds.hosting_account import (
    HOSTING,
    ChangePlan,
    HostingAccount,
    HostingState,
)
from reconciler.model import (
    Absent,
    Decision,
    Driver,
    Edit,
    Ended,
    Makings,
    Observation,
    OpClass,
    OutlookState,
    Proof,
    Severity,
    Share,
    Unknown,
)
from reconciler.model.sizing import Rung, recalled
from reconciler.model.usage import OUTLOOK, USAGE
from reconciler.policy import judge
from tests.support.scaling import GIB, NOW, book, foreseen, price, rules
from tests.unit.policy.court import context

PLANS = {"care-5": (5, "5.00"), "care-10": (10, "8.00"), "care-20": (20, "15.00")}
LADDER = [
    {
        "plan": name,
        "package": f"p_{gib}",
        "price": f"{cost} EUR/month",
        "limits": {"disk": f"{gib}GiB"},
    }
    for name, (gib, cost) in PLANS.items()
]
ABOVE = Rung("care-40", {"disk": 40.0 * GIB}, price("28.00 EUR/month"))
SERVER, BOOK = Share("whm-1", HOSTING), Share(USAGE, OUTLOOK)


def account(name="shop.example", policy=None, recorded=None, above=None, **spec):
    whole = {
        "provider": "whm-1",
        "plan": {"min": "care-5", "max": "care-20"},
        "scaling": "careful",
        "ladder": LADDER,
        **spec,
    }
    want = HostingAccount.model_validate({"metadata": {"name": name}, "spec": whole})
    made = Makings(scaling=rules() if policy is None else policy, above=above)
    facts = {} if recorded is None else recorded
    return want.joined(lambda: made).recalling(lambda: facts)


def live(want=None, gib=5, used=4.2, **fields):
    usual = {
        "account": "shop",
        "domain": want.domain if want else "shop.example",
        "package": f"p_{gib}",
        "limits": {"disk": float(gib * GIB)},
        "used": {"disk": used * GIB},
    }
    return HostingState.model_validate({**usual, **fields})


def have(outlooks=None, want=None, **fields):
    seen = book(foreseen()) if outlooks is None else outlooks
    return {SERVER: live(want, **fields), BOOK: seen}


def codes(want, known):
    return {one.code: one.severity for one in want.findings(known, NOW)}


# -- what follows ----------------------------------------------------------------------


def test_a_move_within_the_range_is_due_work_with_its_reason_and_chart() -> None:
    (change,) = account().diff(have(), NOW)
    assert isinstance(change, ChangePlan)
    assert [(f.field, f.before, f.after) for f in change.fields] == [
        ("spec.plan", "care-5", "care-10")
    ]
    assert not change.merges
    assert not change.needs_proof
    assert change.crowd == "scaled"
    assert change.hold is None
    assert change.due == NOW + timedelta(days=9)
    assert change.cost is None  # what a customer pays is written elsewhere
    told = {key: change.details[key] for key in ("scaling", "package", "way", "rise")}
    assert told == {
        "scaling": "careful",
        "package": "p_10",
        "way": "up",
        "rise": "3.00 EUR",
    }
    assert change.details["chart"]["past"][-1] == 800


@pytest.mark.parametrize(
    "fields",
    [
        {"suspended": True, "ours": True},
        {"suspended": True},
        {"busy": "backs it up"},
        {"domain": "sold.example"},
        {"package": "by-hand"},
        {"limits": {"disk": 3.0 * GIB}},  # its own limits are mended first
    ],
)
def test_nothing_is_scaled_beside_what_comes_first(fields) -> None:
    found = account().diff(have(**fields), NOW)
    assert not any("scaling" in change.details for change in found)


@pytest.mark.parametrize("state", ["suspended", "terminated"])
def test_what_shall_not_run_is_not_scaled(state) -> None:
    found = account(state=state).diff(have(), NOW)
    assert [change.verb for change in found] == [
        {"suspended": "suspend", "terminated": "terminate"}[state]
    ]


@pytest.mark.parametrize(
    "seen", [Absent(), Unknown(why="the last forecast is of May"), None]
)
def test_without_a_forecast_nothing_follows_and_it_is_said(seen) -> None:
    known = {SERVER: live()} if seen is None else {SERVER: live(), BOOK: seen}
    want = account()
    assert [*want.diff(known, NOW)] == []
    (found,) = want.findings(known, NOW)
    assert (found.code, found.severity) == ("scaling-blind", Severity.WARNING)
    if isinstance(seen, Unknown):
        assert "of May" in found.message


def test_an_account_that_nobody_scales_is_as_cheap_as_before() -> None:
    quiet = account(scaling=None)
    assert quiet.witnesses() == ()
    assert quiet.quiet_until({}, NOW) is None
    known = have()
    assert [*quiet.diff(known, NOW), *quiet.findings(known, NOW)] == []
    assert [*quiet.story(known, NOW), *quiet.proposals(known, NOW)] == []

    def never():
        raise AssertionError("nobody asks")

    asleep = quiet.joined(never).recalling(never)
    assert [*asleep.diff(known, NOW), *asleep.findings(known, NOW)] == []
    assert account().witnesses() == (BOOK,)
    assert account().quiet_until({}, NOW) == NOW


# -- what only a person may do -----------------------------------------------------------


def test_a_recommendation_is_a_finding_and_a_patch_of_the_range() -> None:
    want = account(policy=rules(mode="recommend"))
    assert [*want.diff(have(), NOW)] == []
    assert codes(want, have()) == {"scaling-recommended": Severity.WARNING}
    (one,) = want.proposals(have(), NOW)
    assert (one.field, one.change) == ("spec.plan", Edit(("plan", "min"), "care-10"))
    assert "93%" in one.because


def test_the_top_of_a_range_is_one_plan() -> None:
    seen = book(foreseen(worst=[1.5, 2.2]))
    want = account(policy=rules(mode="recommend"))
    (one,) = want.proposals(have(seen), NOW)
    assert one.change == Edit(("plan",), "care-20")


def test_outside_the_range_it_is_proposed_whatever_the_mode() -> None:
    seen = book(foreseen(limit=20.0 * GIB))
    want, known = account(above=ABOVE), have(seen, gib=20, used=17)
    assert [*want.diff(known, NOW)] == []
    assert codes(want, known) == {"scaling-outside": Severity.WARNING}
    (one,) = want.proposals(known, NOW)
    assert one.change == Edit(("plan", "max"), "care-40")
    alone = account(above=None)
    (found,) = alone.findings(known, NOW)
    assert "nothing larger is" in found.message
    assert [*alone.proposals(known, NOW)] == []


def test_a_single_plan_becomes_a_range() -> None:
    ten = Rung("care-10", {"disk": 10.0 * GIB}, price("8.00 EUR/month"))
    want = account(plan="care-5", ladder=LADDER[:1], above=ten)
    (one,) = want.proposals(have(), NOW)
    assert one.change == Edit(("plan",), {"min": "care-5", "max": "care-10"})


def test_less_is_proposed_as_a_smaller_range() -> None:
    calm = {"probability": 0.0, "current": 0.1, "peak": 0.1, "past": [0.1] * 30,
            "ahead": [0.1], "worst": [0.1]}  # fmt: skip
    known = have(book(foreseen(limit=20.0 * GIB, **calm)), gib=20, used=1.8)
    want = account()
    assert [*want.diff(known, NOW)] == []
    (one,) = want.proposals(known, NOW)
    assert one.change == Edit(("plan",), "care-5")
    down = account(policy=rules(down="approve"))
    (change,) = down.diff(known, NOW)
    assert (change.needs_proof, change.crowd) == (True, "made smaller")
    assert "down: approve" in (change.hold or "")
    full = {SERVER: live(gib=20, used=7.0), BOOK: known[BOOK]}
    (change,) = down.diff(full, NOW)
    assert "it does not fit: uses 7GiB of disk" in (change.hold or "")


# -- what the records keep -----------------------------------------------------------------


def test_a_move_is_remembered_and_the_next_one_waits() -> None:
    want, facts = account(), {}
    (change,) = want.diff(have(), NOW)
    for status in ("failed", "not_applied"):
        assert want.remembers(change, Ended(status, NOW, 1), {}) == {}
    facts.update(want.remembers(change, Ended("applied", NOW, 1), {}))
    (one,) = recalled(facts)
    assert (one.way, one.was, one.to, str(one.rise)) == (
        "up", "care-5", "care-10", "3.00 EUR",
    )  # fmt: skip
    later = NOW + timedelta(days=2)
    more = book(foreseen(limit=10.0 * GIB), at=later)
    known = {SERVER: live(gib=10, used=8), BOOK: more}
    (change,) = account(recorded=facts).diff(known, later)
    assert change.not_before == NOW + timedelta(days=7)
    (chapter,) = account(recorded=facts).story(known, later)
    assert "now on care-10" in chapter.title
    assert "up from care-5 to care-10, 3.00 EUR a month more" in chapter.lines[0]


def test_a_change_of_plan_that_git_asks_for_is_no_scaling() -> None:
    want = account()
    (change,) = want.diff(have(package="by-hand"), NOW)
    assert want.remembers(change, Ended("applied", NOW, 1), {}) == {}


def test_a_burst_goes_back_to_where_it_began() -> None:
    """Also where a second burst came on top of the first."""
    policy = rules(burst={"lasts": "2d", "most": 3}, coolDown="1h")
    cores = [{"cpu": f"{n}00%"} for n in (1, 2, 4)]
    ladder = [
        {**step, "limits": more} for step, more in zip(LADDER, cores, strict=True)
    ]
    facts: dict = {}

    def one(number, moment, **more):
        want = account(policy=policy, recorded=facts, ladder=ladder)
        seen = foreseen("cpu", 100.0 * number, **more)
        state = live(gib=5 * number, limits={"cpu": 100.0 * number})
        known = {SERVER: state, BOOK: book(seen, at=moment)}
        (change,) = want.diff(known, moment)
        facts.update(want.remembers(change, Ended("applied", moment, 1), {}))
        return change

    day = timedelta(days=1)
    assert one(1, NOW).details["way"] == "burst"
    second = one(2, NOW + day)
    assert (second.details["from"], second.details["to"]) == ("care-5", "care-20")
    calm = {"probability": 0.0, "current": 0.1, "past": [0.1] * 9, "worst": [0.1]}
    back = one(4, NOW + 4 * day, **calm)
    assert (back.details["way"], back.details["package"]) == ("back", "p_5")
    assert back.needs_proof
    assert [move.way for move in recalled(facts)] == ["burst", "burst", "back"]


# -- through a plan, with the rules no file takes away ----------------------------------------


class Panel(Driver):
    """Whoever could do it."""

    can: ClassVar = {"change-plan": OpClass.PROBE}

    def __init__(self):
        pass

    def identity(self):
        return None

    def observe(self, wants):
        raise AssertionError(wants)

    def apply(self, want, change, key):
        raise AssertionError(want)


def planned(wants, states, outlooks, proof=None):
    world = World({SERVER: Observation(states), BOOK: Observation(outlooks)})
    facts = context(now=NOW, held_by=len(wants))
    facts = facts._replace(proof=proof) if proof else facts
    situation = Situation(
        "main", wants, {w.ref: w for w in wants}, judge=lambda p: judge(p, [], facts)
    )
    return plan(situation, world, Accounts({SERVER: Panel()}, {}), now=NOW)


def crowd(count, outlook, gib=5, used=4.2, policy=None):
    wants = [account(f"s{n:02}.example", policy) for n in range(count)]
    states = {w.name: live(w, gib, used) for w in wants}
    return wants, states, {w.name: outlook for w in wants}


def test_one_account_is_scaled_by_itself() -> None:
    found = planned(*crowd(1, book(foreseen())))
    (action,) = found.actions
    assert action.decision is Decision.ALLOW
    assert not found.findings


def test_a_storm_of_scaling_stops_and_is_an_incident() -> None:
    found = planned(*crowd(12, book(foreseen())))
    assert Counter(a.decision for a in found.actions) == {Decision.HOLD: 12}
    (alarm,) = [f for f in found.findings if f.severity is Severity.CRITICAL]
    assert alarm.code == "many-at-once"
    assert "12 of 12 at whm-1 would be scaled in one run" in alarm.message


def test_a_mass_of_downgrades_stops_even_where_every_backup_is_proven() -> None:
    calm = {"probability": 0.0, "current": 0.1, "peak": 0.1, "past": [0.1] * 30,
            "ahead": [0.1], "worst": [0.1]}  # fmt: skip
    seen = book(foreseen(limit=20.0 * GIB, **calm))

    def proven(ref, now):
        return Proof(now, now, str(ref))

    found = planned(
        *crowd(12, seen, gib=20, used=1.8, policy=rules(down="approve")), proof=proven
    )
    assert Counter(a.decision for a in found.actions) == {Decision.HOLD: 12}
    assert [f.code for f in found.findings] == ["many-at-once"]
    assert "made smaller" in found.findings[0].message


def full(share, **more):
    """A metric that stands at *share* of its target, and has for long."""
    fields = {"current": share, "peak": share, "past": [share] * 40,
              "ahead": [share], "worst": [share], "reached": 24 if share >= 1 else 0}  # fmt: skip
    return foreseen(probability=float(share >= 1), **{**fields, **more})


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (book(full(0.0), doubt="all zeros"), "zeros"),
        (book(full(1.2), doubt="all 100%"), "all 100%"),
        (book(foreseen(), doubt="alike on 12 accounts"), "alike"),
        (book(foreseen(), at=NOW - timedelta(hours=27)), "old"),
        (Unknown(why="nobody measured it"), "unknown"),
    ],
)
@pytest.mark.parametrize("gib", [5, 10])
def test_a_wrong_source_scales_nothing(seen, why, gib) -> None:
    """At the bottom of the range and above it: neither up nor down."""
    if isinstance(seen, OutlookState):
        moved = [
            one.model_copy(update={"limit": float(gib * GIB)}) for one in seen.outlooks
        ]
        seen = seen.model_copy(update={"outlooks": tuple(moved)})
    found = planned(*crowd(12, seen, gib, policy=rules(down="approve")))
    assert found.actions == (), why
    assert found.deferred == ()


def test_a_wrong_source_that_nobody_doubts_yet_is_stopped_as_a_crowd() -> None:
    for share, gib in ((1.2, 5), (0.0, 20)):
        seen = book(full(share, limit=float(gib * GIB)))
        found = planned(*crowd(12, seen, gib, policy=rules(down="approve")))
        assert found.actions
        assert {a.decision for a in found.actions} == {Decision.HOLD}
        assert "many-at-once" in {f.code for f in found.findings}
