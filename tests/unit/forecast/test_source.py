"""A source that is broken is not believed; one whose accounts are idle is."""

from __future__ import annotations

import numpy as np
import pytest

from reconciler.forecast.source import LATEST, doubts


def usage(accounts: int = 50, steps: int = 200) -> np.ndarray:
    return np.random.default_rng(1).uniform(5, 95, (accounts, steps))


def test_a_good_source_is_believed() -> None:
    assert doubts(usage()) == []


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (0.0, "50 of 50 accounts say zero, which they did not before"),
        (100.0, "50 of 50 accounts say 100 or more, which they did not before"),
        (37.5, "50 of 50 accounts say the same as each other"),
    ],
)
def test_one_value_for_everybody_is_not_believed(value, why) -> None:
    rows = usage()
    rows[:, -LATEST:] = value
    assert why in [doubt.why for doubt in doubts(rows)]


def test_everybody_standing_still_is_not_believed() -> None:
    rows = usage()
    rows[:, -LATEST:] = rows[:, -LATEST - 1 : -LATEST]
    (doubt,) = doubts(rows)
    assert doubt.why == "50 of 50 accounts stand still, which they did not before"
    assert (doubt.accounts, doubt.of) == (50, 50)


def test_the_same_numbers_for_everybody_are_not_believed_though_they_move() -> None:
    rows = usage()
    rows[:, -LATEST:] = rows[0, -LATEST:]
    (doubt,) = doubts(rows)
    assert doubt.why.endswith("say the same as each other")


@pytest.mark.parametrize(("broken", "doubted"), [(39, False), (40, True), (49, True)])
def test_most_is_four_of_five(broken, doubted) -> None:
    rows = usage()
    rows[:broken, -LATEST:] = 0
    assert bool(doubts(rows)) is doubted


def test_idle_accounts_are_idle() -> None:
    """They have said zero for ever: that is no news, and no doubt."""
    assert doubts(np.zeros((50, 200))) == []
    assert doubts(np.full((50, 200), 100.0)) == []


def test_one_hour_of_zeros_among_idle_ones_still_counts_who_moved() -> None:
    rows = usage()
    rows[:5] = 0
    rows[:, -LATEST:] = 0
    (doubt,) = (doubt for doubt in doubts(rows) if "say zero" in doubt.why)
    assert doubt.accounts == 45


def test_what_is_unknown_is_not_judged() -> None:
    rows = usage()
    rows[:, -LATEST:] = np.nan
    assert doubts(rows) == []
    rows = usage()
    rows[10:, -LATEST:] = np.nan
    rows[:10, -LATEST:] = 0
    assert {doubt.of for doubt in doubts(rows)} == {10}


@pytest.mark.parametrize("shape", [(0, 0), (0, 50), (4, 50), (50, 0), (50, 3)])
def test_little_is_answered_with_nothing(shape) -> None:
    assert doubts(np.random.default_rng(1).uniform(5, 95, shape)) == []


def test_another_unit() -> None:
    rows = usage() / 100
    rows[:, -LATEST:] = 1.0
    assert "say 1 or more, which they did not before" in doubts(rows, 1.0)[0].why
