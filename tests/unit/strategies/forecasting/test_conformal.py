import numpy as np
import pytest

from bot.core.errors import DataError
from strategies.forecasting.conformal import STRETCHES, Conformal, fit_conformal, held
from strategies.forecasting.regimes import volatility_terciles


def clustered(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Heavy-tailed returns whose volatility comes in waves, and that volatility."""
    random = np.random.default_rng(seed)
    log_sigma = np.empty(count)
    last = 0.0
    for at, shock in enumerate(random.standard_normal(count)):
        last = 0.98 * last + 0.12 * shock
        log_sigma[at] = last
    sigma = 0.005 * np.exp(log_sigma)
    return sigma * random.standard_t(4, count), sigma


def test_the_width_is_the_ranked_error_in_units_of_volatility() -> None:
    sigma = np.full(19, 0.02)
    fitted = fit_conformal(np.full(19, 0.01), 0.01 + sigma * np.arange(1.0, 20.0), sigma, 0.9)

    # The 18th of 19: (19 + 1) · 0.9.
    assert fitted.half_width == pytest.approx(18.0)
    lower, upper = fitted.bounds(np.array([0.01]), np.array([0.001]))
    assert (lower[0], upper[0]) == (pytest.approx(0.01 - 0.018), pytest.approx(0.01 + 0.018))


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95])
def test_new_errors_of_the_same_kind_are_held_as_promised(coverage: float) -> None:
    shares = []
    for seed in range(200):
        errors = np.random.default_rng(seed).standard_t(3, 400)
        lower, upper = fit_conformal(np.zeros(200), errors[:200], np.ones(200), coverage).bounds(
            np.zeros(200), np.ones(200)
        )
        shares.append(held(lower, upper, errors[200:], coverage).share)

    assert np.mean(shares) == pytest.approx(coverage, abs=4 * np.std(shares) / 200**0.5 + 1 / 201)


def test_calm_and_storm_are_held_alike_only_when_widths_follow_volatility() -> None:
    returns, sigma = clustered(20_000, 1)
    none, one = np.zeros(10_000), np.ones(10_000)
    early, late = slice(0, 10_000), slice(10_000, None)

    def shares(scale_early: np.ndarray, scale_late: np.ndarray) -> list[float]:
        lower, upper = fit_conformal(none, returns[early], scale_early).bounds(none, scale_late)
        return [
            held(lower[third.chosen], upper[third.chosen], returns[late][third.chosen]).share
            for third in volatility_terciles(sigma[late])
        ]

    assert shares(sigma[early], sigma[late]) == pytest.approx([0.9, 0.9, 0.9], abs=0.025)
    assert max(shares(one, one)) - min(shares(one, one)) > 0.15


def test_too_few_errors_promise_nothing() -> None:
    assert fit_conformal(np.zeros(9), np.arange(9.0), np.ones(9), 0.9).half_width == 8.0
    with pytest.raises(DataError, match="cannot promise"):
        fit_conformal(np.zeros(8), np.zeros(8), np.ones(8), 0.9)


@pytest.mark.parametrize("coverage", [0.0, 1.0, -0.1])
def test_a_share_that_nothing_can_hold_is_refused(coverage: float) -> None:
    with pytest.raises(DataError, match="cannot promise"):
        fit_conformal(np.zeros(99), np.zeros(99), np.ones(99), coverage)


def test_intervals_are_judged_by_hand() -> None:
    returns = np.array([0.0, 0.03, -0.05, 0.01])
    found = held(np.full(4, -0.02), np.full(4, 0.02), returns, 0.9)

    assert (found.share, found.worst) == (0.5, 0.0)
    assert found.low <= found.share <= found.high
    assert found.width_bps == pytest.approx(400.0)
    # Fell outside by 0.01 and by 0.03: 20 times the mean of those over four.
    assert found.score_bps == pytest.approx(400.0 + 20.0 * 100.0)


def test_a_width_that_is_not_needed_costs_score() -> None:
    returns, sigma = clustered(4_000, 2)
    none = np.zeros(4_000)
    fitting, wide = fit_conformal(none, returns, sigma), Conformal(30.0)

    assert held(*wide.bounds(none, sigma), returns).share > 0.99
    assert held(*wide.bounds(none, sigma), returns).score_bps > held(*fitting.bounds(none, sigma), returns).score_bps


def test_bounds_themselves_hold() -> None:
    assert held(np.zeros(4), np.ones(4), np.array([0.0, 1.0, 0.0, 1.0])).share == 1.0


def test_nothing_cannot_be_judged() -> None:
    few = np.zeros(STRETCHES - 1)
    with pytest.raises(DataError, match="cannot be judged"):
        held(few, few, few)
