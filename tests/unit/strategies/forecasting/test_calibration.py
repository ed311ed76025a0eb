import math

import numpy as np
import pytest

from bot.core.errors import DataError
from strategies.forecasting.calibration import (
    Calibration,
    conformal_half_width,
    fit_calibration,
    fit_platt,
    sigmoid,
)


def test_a_forecast_is_the_sigmoid_scaled_by_the_volatility() -> None:
    forecast = Calibration(scale=2.0, shift=0.0, typical_move=0.5, half_width=1.5).forecast("BTC/USDT", 0.5, 0.01)

    assert forecast.p_up == sigmoid(1.0)
    assert forecast.expected_return == pytest.approx((2.0 * sigmoid(1.0) - 1.0) * 0.5 * 0.01)
    assert forecast.upper - forecast.expected_return == pytest.approx(0.015)
    assert forecast.expected_return - forecast.lower == pytest.approx(0.015)
    assert forecast.break_even_bps == pytest.approx(1e4 * abs(forecast.expected_return))


@pytest.mark.parametrize("extreme", [-1e6, 1e6])
def test_no_logit_is_too_large(extreme: float) -> None:
    assert sigmoid(extreme) == (1.0 if extreme > 0 else 0.0)


def test_overconfident_logits_are_brought_down_when_there_is_enough_to_learn_from() -> None:
    random = np.random.default_rng(3)
    logits = random.normal(0.0, 1.0, 40_000)
    ups = random.random(40_000) < 1.0 / (1.0 + np.exp(-0.5 * logits))

    scale, shift = fit_platt(logits, ups)

    assert scale == pytest.approx(0.5, abs=0.05)
    assert shift == pytest.approx(0.0, abs=0.02)


def test_a_few_hundred_moves_do_not_overrule_the_network() -> None:
    random = np.random.default_rng(4)
    logits = random.normal(0.0, 0.2, 400)
    scale, shift = fit_platt(logits, random.random(400) < 0.55)

    assert scale == pytest.approx(1.0, abs=0.1)
    assert abs(shift) < 0.05


def test_a_network_that_is_always_wrong_is_silenced_not_reversed() -> None:
    logits = np.random.default_rng(5).normal(0.0, 3.0, 20_000)

    assert fit_platt(logits, logits < 0.0)[0] == 0.0


def test_the_interval_holds_what_it_promises_on_exchangeable_residuals() -> None:
    random = np.random.default_rng(6)
    held = [
        float(
            (np.abs(random.standard_t(4, 500)) <= conformal_half_width(np.abs(random.standard_t(4, 500)), 0.9)).mean()
        )
        for _ in range(200)
    ]

    assert np.mean(held) == pytest.approx(0.9, abs=0.01)


def test_the_half_width_is_one_of_the_residuals_even_when_they_are_few() -> None:
    assert conformal_half_width(np.array([3.0, 1.0, 2.0]), 0.9) == 3.0


def test_volatility_clusters_do_not_break_the_interval_because_moves_are_in_units_of_it() -> None:
    random = np.random.default_rng(7)
    sigma = np.exp(np.repeat(random.normal(-5.0, 0.7, 40), 250))
    returns = sigma * random.standard_normal(10_000)
    logits = np.zeros(10_000)

    fitted = fit_calibration(logits[:5_000], (returns / sigma)[:5_000])
    covered = np.abs(returns[5_000:]) <= fitted.half_width * sigma[5_000:]

    assert covered.mean() == pytest.approx(0.9, abs=0.015)


def test_zero_moves_have_no_direction() -> None:
    moves = np.concatenate([np.full(100, 1.0), np.full(100, -1.0), np.zeros(5_000)])

    assert fit_calibration(np.zeros(5_200), moves).shift == 0.0


def test_too_few_moves_are_refused() -> None:
    with pytest.raises(DataError, match="found 3"):
        fit_calibration(np.zeros(10), np.array([1.0, -1.0, 2.0, 0, 0, 0, 0, 0, 0, 0]))


def test_probabilities_are_never_certain_for_usual_logits() -> None:
    assert 0.0 < sigmoid(-30.0) < sigmoid(30.0) < 1.0
    assert math.isclose(sigmoid(-2.0) + sigmoid(2.0), 1.0)
