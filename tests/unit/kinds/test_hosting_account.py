"""Hosting accounts: what follows from which state."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.kinds.hosting_account import (
    HostingAccount,
    HostingState,
    Step,
    Suspend,
    Unsuspend,
)
from reconciler.model import Absent, OnDrift, Risk, Unknown
from tests.support.contract import NOW

Wanted = Literal["follow", "active", "suspended"]


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


def test_the_package_is_compared_with_every_plan_of_the_range() -> None:
    steps = (Step(plan="a", package="care_5g"), Step(plan="b", package="care_10g"))
    for ladder, package, says in (
        ((), "anything", []),
        (steps, "care_5g", []),
        (steps, "care_10g", []),
        (steps, "care_20g", ["package-drift"]),
        (steps[:1], "care_10g", ["package-drift"]),
        (steps, "", ["package-drift"]),
    ):
        want = account(ladder=ladder)
        found = [*want.findings({want.share: live(package=package)}, NOW)]
        assert [one.code for one in found] == says
        assert all("not changed from here" in one.message for one in found)
    want = account(ladder=steps)
    (found,) = want.findings({want.share: live(package="x")}, NOW)
    assert "wanted is care_5g or care_10g" in found.message


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
