"""The combined forecast: weights, skill, quantiles, paths."""

from __future__ import annotations

import numpy as np
import pytest

from reconciler.forecast.combined import DRAWN, LEAST_HOURS, combined
from reconciler.forecast.members import DAY

HOURS = np.arange(30 * DAY)


def busy(seed: int, noise: float = 3.0) -> np.ndarray:
    chance = np.random.default_rng(seed)
    wave = 50 + 20 * np.sin(2 * np.pi * HOURS / DAY)
    return wave + chance.normal(0, noise, len(HOURS))


def test_a_day_has_skill_and_the_weights_are_one() -> None:
    found = combined(busy(1), DAY)
    assert found.skill
    assert found.mase < 0.9 * found.naive_mase
    assert sum(weight for _, weight in found.weights) == pytest.approx(1)
    assert len(found.median) == DAY


def test_where_yesterday_says_less_than_now_only_two_take_part() -> None:
    """A walk by chance that is far from where it was a day ago."""
    drift = 500 + np.cumsum(np.random.default_rng(1).normal(2, 1, len(HOURS)))
    found = combined(drift, DAY)
    assert {name for name, _ in found.weights} == {"theta", "naive"}


def test_luck_is_not_taken_for_skill() -> None:
    """The weights of a round come from the others: with its own, it would look better."""
    for seed in range(4):
        values = np.random.default_rng(seed).normal(50, 10, 20 * DAY)
        found = combined(values, DAY)
        scale = np.abs(values[DAY:] - values[:-DAY]).mean()
        own = np.abs(found.errors[-3:]).mean() / scale
        assert found.mase > own


@pytest.mark.parametrize("value", [0.0, 42.0])
def test_a_constant_is_no_skill_and_no_error(value) -> None:
    found = combined(np.full(LEAST_HOURS, value), DAY)
    assert not found.skill
    assert found.median == pytest.approx(np.full(DAY, value), abs=1e-6)
    assert np.isfinite(found.mase)


def test_too_little_is_refused() -> None:
    with pytest.raises(ValueError, match="are too few"):
        combined(np.ones(LEAST_HOURS - 1), DAY)


@pytest.mark.parametrize("horizon", [1, 24, 25, 48, 24 * 14, 24 * 90])
def test_any_horizon_is_answered_whole(horizon) -> None:
    found = combined(busy(2)[: 10 * DAY], horizon)
    assert found.median.shape == found.quantile(0.95).shape == (horizon,)
    assert found.paths(np.random.default_rng(0)).shape == (DRAWN, horizon)
    assert np.isfinite(found.median).all()
    assert np.isfinite(found.errors).all()


def test_the_quantile_holds_what_it_says() -> None:
    """Over eight series of noise that is really the same every day."""
    under = []
    for seed in range(8):
        values = busy(seed)
        quantile = combined(values[:-DAY], DAY).quantile(0.95)
        under.append((values[-DAY:] <= quantile).mean())
    assert 0.9 <= np.mean(under) <= 0.995


def test_a_wider_noise_makes_a_wider_band() -> None:
    narrow, wide = (combined(busy(3, noise), DAY) for noise in (1.0, 6.0))
    widths = [float((f.quantile(0.95) - f.median).mean()) for f in (narrow, wide)]
    assert widths[1] > 3 * widths[0]


def test_paths_lie_about_the_median_and_repeat_with_their_seed() -> None:
    found = combined(busy(4), DAY)
    one, two, other = (found.paths(np.random.default_rng(n)) for n in (1, 1, 2))
    assert (one == two).all()
    assert not (one == other).all()
    assert np.abs(np.median(one, axis=0) - found.median).max() < 5


def test_only_the_last_sixty_days_count() -> None:
    old = np.concatenate([np.full(40 * DAY, 9e6), busy(5), busy(6)])
    assert (
        combined(old, DAY).median.tolist()
        == combined(old[40 * DAY :], DAY).median.tolist()
    )
