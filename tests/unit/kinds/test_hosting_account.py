"""Hosting accounts: what follows from which state."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.kinds.hosting_account import (
    ChangePlan,
    Create,
    HostingAccount,
    HostingState,
    SetLimits,
    Step,
    Suspend,
    Terminate,
    Unsuspend,
)
from reconciler.kinds.hosting_account.steps import user_name
from reconciler.model import Absent, OnDrift, PlanLimits, Risk, Unknown
from tests.support.contract import NOW

Wanted = Literal["follow", "active", "suspended", "terminated"]


def account(state: Wanted = "follow", **spec: Any) -> HostingAccount:
    whole = {"provider": "whm-1", "plan": "care-5", "state": state, **spec}
    return HostingAccount.model_validate(
        {"metadata": {"name": "bakker.example"}, "spec": whole}
    )


def live(**fields: Any) -> HostingState:
    usual = {"account": "bakker", "domain": "bakker.example", "package": "care_5g"}
    return HostingState.model_validate({**usual, **fields})


RUNS = live()
OURS = live(suspended=True, ours=True, since=NOW)
THEIRS = live(suspended=True, since=NOW)
LOCKED = live(suspended=True, locked=True)


def verbs(want: HostingAccount, state: Any) -> list[str]:
    return [change.verb for change in want.diff({want.share: state}, NOW)]


def codes(want: HostingAccount, state: Any) -> list[tuple[str, str]]:
    found = want.findings({want.share: state}, NOW)
    return [(one.code, str(one.severity)) for one in found]


LEFT = ("suspended-by-others", "warning")


@pytest.mark.parametrize(
    ("wanted", "state", "does", "says"),
    [
        ("follow", RUNS, [], []),
        ("follow", OURS, [], [("suspension-left", "warning")]),
        ("follow", THEIRS, [], [LEFT]),
        ("active", RUNS, [], []),
        ("active", OURS, ["unsuspend"], []),
        ("active", THEIRS, [], [("suspended-by-others", "error")]),
        ("active", LOCKED, [], [("suspended-by-others", "error")]),
        ("suspended", RUNS, ["suspend"], []),
        ("suspended", OURS, [], []),
        ("suspended", THEIRS, [], [LEFT]),
    ],
)
def test_what_follows(
    wanted: Wanted, state: HostingState, does: list[str], says: list[tuple[str, str]]
) -> None:
    assert verbs(account(wanted), state) == does
    assert codes(account(wanted), state) == says


def test_risk_and_drift_of_a_suspension() -> None:
    want = account("suspended")
    (change,) = want.diff({want.share: RUNS}, NOW)
    assert isinstance(change, Suspend)
    assert change.risk is Risk.DISRUPTIVE
    assert change.reversible
    (field,) = change.fields
    assert (field.field, field.before, field.after) == (
        "spec.state",
        "active",
        "suspended",
    )
    assert field.on_drift is OnDrift.HOLD
    (lift,) = account("active").diff({want.share: OURS}, NOW)
    assert isinstance(lift, Unsuspend)
    assert lift.risk is Risk.NONE
    assert lift.fields[0].on_drift is OnDrift.HOLD


@pytest.mark.parametrize("wanted", ["follow", "active", "suspended"])
@pytest.mark.parametrize("state", [Absent(), Unknown(why="no"), None])
def test_nothing_is_done_where_nothing_is_seen(wanted: Wanted, state: Any) -> None:
    want = account(wanted)
    have = {} if state is None else {want.share: state}
    assert [*want.diff(have, NOW)] == []
    found = [one.code for one in want.findings(have, NOW)]
    assert found == (["account-missing"] if isinstance(state, Absent) else [])


@pytest.mark.parametrize("wanted", ["active", "suspended"])
def test_nothing_is_done_to_another_account(wanted: Wanted) -> None:
    want = account(wanted, account="bakker")
    for fields in ({"domain": "sold.example"}, {"account": "other"}):
        for state in (RUNS, OURS):
            other = state.model_copy(update=fields)
            assert verbs(want, other) == []
            assert codes(want, other) == [("account-differs", "error")]


DISK = {n: PlanLimits.model_validate({"disk": f"{n}GiB"}) for n in (5, 10)}
SMALL = Step(plan="a", package="care_5g", limits=DISK[5])
LARGE = Step(plan="b", package="care_10g", limits=DISK[10])
GIB = 1024.0**3


@pytest.mark.parametrize(
    ("ladder", "state", "to"),
    [
        ((), {"package": "anything"}, None),
        ((SMALL, LARGE), {"package": "care_5g"}, None),
        ((SMALL, LARGE), {"package": "care_10g"}, None),
        ((SMALL, LARGE), {"package": "x", "limits": {"disk": 4 * GIB}}, "a"),
        ((SMALL, LARGE), {"package": "x", "limits": {"disk": 6 * GIB}}, "b"),
        ((SMALL, LARGE), {"package": "", "limits": {"disk": None}}, "b"),
        ((SMALL,), {"package": "care_10g", "limits": {"disk": 10 * GIB}}, "a"),
    ],
)
def test_the_package_is_compared_with_every_plan_of_the_range(
    ladder: tuple[Step, ...], state: dict[str, Any], to: str | None
) -> None:
    """Within a range any plan is right; else the smallest one that takes nothing."""
    want = account(ladder=ladder)
    moves = [
        change
        for change in want.diff({want.share: live(**state)}, NOW)
        if isinstance(change, ChangePlan)
    ]
    assert [move.fields[0].after for move in moves] == ([to] if to else [])


def test_a_move_to_less_room_says_so_and_needs_a_proof() -> None:
    want = account(ladder=(SMALL,))
    full = {"limits": {"disk": 10 * GIB}, "used": {"disk": 6 * GIB}}
    (move,) = want.diff({want.share: live(package="care_10g", **full)}, NOW)
    assert isinstance(move, ChangePlan)
    assert move.smaller
    assert move.needs_proof
    assert move.risk == "disruptive"
    assert move.crowd == "made smaller"
    assert move.hold == "it does not fit: uses 6GiB of disk, allowed are 5GiB"


def test_nobody_knows_whether_a_plan_without_limits_is_smaller() -> None:
    want = account(ladder=(Step(plan="a", package="care_5g"),))
    (move,) = want.diff({want.share: live(package="care_10g")}, NOW)
    assert isinstance(move, ChangePlan)
    assert move.needs_proof


def test_limits_of_its_own_win_over_those_of_its_plan() -> None:
    want = account(ladder=(SMALL,), limits={"inodes": 1000})
    state = live(package="care_5g", limits={"disk": 5 * GIB, "inodes": None})
    (change,) = want.diff({want.share: state}, NOW)
    assert isinstance(change, SetLimits)
    assert change.details == {"limits": {"inodes": 1000.0}, "smaller": True}
    done = live(package="care_5g", limits={"disk": 5 * GIB, "inodes": 1000.0})
    assert want.done(change, {want.share: done}) is True
    assert want.done(change, {want.share: state}) is False


def test_an_account_that_is_not_there_is_made_on_its_smallest_plan() -> None:
    want = account(ladder=(SMALL, LARGE))
    (made,) = want.diff({want.share: Absent()}, NOW)
    assert isinstance(made, Create)
    assert made.details["package"] == "care_5g"
    assert made.once
    assert want.done(made, {want.share: Absent()}) is False
    assert want.done(made, {want.share: live(package="care_5g")}) is True


@pytest.mark.parametrize(
    ("domain", "name"),
    [
        ("bakker.example", "bakkerex"),
        ("3fietsen.example", "fietsene"),
        ("1.2", "site12"),
        ("xn--caf-dma.example", "cafdmaex"),
    ],
)
def test_a_user_name_is_what_every_panel_takes(domain: str, name: str) -> None:
    assert user_name(domain) == name


def test_an_account_ends_for_good_only_by_a_word_of_its_own() -> None:
    want = account("terminated", ladder=(SMALL,))
    (end,) = want.diff({want.share: live(package="x")}, NOW)
    assert isinstance(end, Terminate)
    assert (end.two_person, end.needs_proof, end.reversible) == (True, True, False)
    assert want.done(end, {want.share: Absent()}) is True
    assert [*want.diff({want.share: Absent()}, NOW)] == []


def test_while_its_server_works_on_it_nothing_else_is_begun() -> None:
    want = account("suspended", ladder=(SMALL,))
    busy = {want.share: live(package="x", busy="a move to care_5g")}
    assert [*want.diff(busy, NOW)] == []
    change = Suspend(share=want.share, fields=(), because="b")
    assert want.done(change, busy) is None
    assert want.pending(change, busy) == "whm-1 still works on it: a move to care_5g"


@pytest.mark.parametrize(
    ("own", "held"),
    [({}, True), ({"limits": {"disk": "9GiB"}}, False), ({"php": "8.3"}, False)],
)
def test_an_account_that_was_customised_is_moved_by_a_person_alone(
    own: dict[str, Any], held: bool
) -> None:
    want = account("active", ladder=(SMALL,), **own)
    state = live(package="x", limits={"disk": None}, customised=True)
    (move,) = (
        c for c in want.diff({want.share: state}, NOW) if c.verb == "change-plan"
    )
    assert ("customised" in (move.hold or "")) is held
    said = ("account-customised", "warning") in codes(want, state)
    assert said is held


def test_a_mark_that_was_left_behind_is_told() -> None:
    left = ("suspension-mark-left", "warning")
    assert left in codes(account("active"), live(mark_left=True))
    assert left not in codes(account("active"), RUNS)


def test_what_proves_that_it_was_done() -> None:
    want = account("suspended")
    (suspend,) = want.diff({want.share: RUNS}, NOW)
    (lift,) = account("active").diff({want.share: OURS}, NOW)
    for change, state, done in (
        (suspend, RUNS, False),
        (suspend, OURS, True),
        (suspend, THEIRS, False),
        (suspend, live(domain="sold.example"), None),
        (suspend, Unknown(why="no"), None),
        (suspend, Absent(), None),
        (lift, OURS, False),
        (lift, RUNS, True),
        (lift, THEIRS, None),
    ):
        assert want.done(change, {want.share: state}) is done


@given(
    wanted=st.sampled_from(["follow", "active", "suspended"]),
    suspended=st.booleans(),
    ours=st.booleans(),
    locked=st.booleans(),
)
def test_after_doing_what_it_says_it_says_nothing(
    wanted: Wanted,
    suspended: bool,
    ours: bool,
    locked: bool,
) -> None:
    """And nothing that somebody else suspended ever runs again."""
    mine = suspended and ours and not locked
    before = live(suspended=suspended, ours=mine, locked=locked)
    want = account(wanted)
    after = before
    for change in want.diff({want.share: before}, NOW):
        stops = isinstance(change, Suspend)
        after = live(suspended=stops, ours=stops)
        assert want.done(change, {want.share: after}) is True
    assert [*want.diff({want.share: after}, NOW)] == []
    if suspended and not mine:
        assert after is before


def test_names_are_domains_in_one_spelling() -> None:
    made = {"spec": {"provider": "whm-1", "plan": "p", "domain": "BÄCKER.example"}}
    want = HostingAccount.model_validate(
        {"metadata": {"name": "bäcker.example"}, **made}
    )
    assert want.name == want.domain == "xn--bcker-gra.example"
    assert account().domain == "bakker.example"
