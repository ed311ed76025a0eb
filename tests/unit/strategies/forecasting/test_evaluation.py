import numpy as np
import pytest
from msgspec.structs import replace

from bot.core.errors import ModelError
from strategies.forecasting.calibration import Calibration
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.evaluation import (
    Scored,
    SuspectedLeak,
    figures,
    pooled,
    refuse_a_leak,
    reversal_rate,
    score,
)


def scored(p_up: list[float], returns: list[float], last: list[float] | None = None) -> Scored:
    count = len(returns)
    zeros = np.zeros(count)
    return Scored(
        np.array(p_up),
        zeros,
        zeros - 0.015,
        zeros + 0.015,
        np.array(returns),
        np.array(last or [0.0] * count),
        zeros + 0.5,
    )


def dataset(last: list[float], following: list[float]) -> Dataset:
    count = len(last)
    rows = np.zeros((count, 1), dtype=np.float32)
    times = np.arange(count, dtype=np.int64)
    sigma, close = np.full(count, 0.01), np.ones(count)
    return Dataset(
        1, rows, times, times, np.array(last), np.array(following), sigma, close, times * 0, times * 0 + 1, ("any",)
    )


def test_zero_moves_have_no_direction_but_count_as_forecasts() -> None:
    judged = figures(scored([0.6, 0.6, 0.4, 0.9], [0.01, 0.0, 0.01, 0.02]))

    assert (judged.forecasts, judged.moves) == (4, 3)
    assert judged.hit_rate == pytest.approx(2 / 3)
    assert judged.always_up_rate == 1.0
    assert judged.brier == pytest.approx((0.4**2 + 0.6**2 + 0.1**2) / 3)
    assert judged.coverage == 0.75


def test_errors_stand_beside_those_of_no_move() -> None:
    judged = figures(replace(scored([0.6, 0.6], [0.01, -0.03]), expected=np.array([0.01, 0.0])))

    assert (judged.mae_bps, judged.persistence_mae_bps) == (pytest.approx(150.0), pytest.approx(200.0))
    assert judged.rmse_bps == pytest.approx(1e4 * 0.03 / np.sqrt(2.0))
    assert judged.persistence_rmse_bps == pytest.approx(1e4 * np.sqrt((0.01**2 + 0.03**2) / 2.0))


def test_the_reversal_rule_bets_against_the_last_candle_with_the_rate_it_was_taught() -> None:
    learnt = dataset([0.01, -0.01, 0.01, -0.01, 0.0], [-0.02, 0.02, -0.02, -0.02, 0.5])
    rate = reversal_rate(learnt)
    judged = score(learnt, np.zeros((5, 2)), Calibration(1.0, 0.0, 0.5, 1.5), rate)

    assert rate == 0.75
    np.testing.assert_allclose(judged.against_last, [0.25, 0.75, 0.25, 0.75, 0.5])
    assert figures(judged).reversal_hit_rate == pytest.approx(3 / 5)


def test_pooling_keeps_the_order() -> None:
    one, two = scored([0.1], [0.01]), scored([0.2, 0.3], [0.02, 0.03])

    np.testing.assert_array_equal(pooled([one, two]).p_up, [0.1, 0.2, 0.3])


def test_a_hit_rate_of_few_moves_is_bounded_by_nothing_and_everything() -> None:
    judged = figures(scored([0.6] * 40, [0.01, -0.01] * 20))

    assert (judged.hit_rate_low, judged.hit_rate_high) == (0.0, 1.0)


def test_a_market_that_never_moves_cannot_be_judged() -> None:
    with pytest.raises(ModelError, match="never moves"):
        figures(scored([0.5], [0.0]))


def seen(hit_rate: float, count: int = 5_000) -> Scored:
    random = np.random.default_rng(3)
    returns = random.normal(0.0, 0.01, count)
    right = random.random(count) < hit_rate
    return scored(np.where((returns > 0) == right, 0.6, 0.4).tolist(), returns.tolist())


def test_what_is_too_good_to_be_true_is_refused_with_its_own_exit_code() -> None:
    with pytest.raises(SuspectedLeak, match="suspected leak") as caught:
        refuse_a_leak(seen(0.65), None)
    assert caught.value.exit_code == 8


def test_honest_rates_and_short_stretches_pass() -> None:
    refuse_a_leak(seen(0.55), None)
    refuse_a_leak(seen(0.9, count=500), None)


def test_a_falling_market_that_is_always_foreseen_to_fall_is_no_leak() -> None:
    returns = np.where(np.random.default_rng(1).random(5_000) < 0.7, -0.01, 0.01)
    rising = scored([0.6] * 5_000, (-returns).tolist())

    refuse_a_leak(rising, None)


def test_an_invented_market_is_judged_by_what_its_maker_says() -> None:
    refuse_a_leak(seen(0.60), 0.60)
    with pytest.raises(SuspectedLeak, match=r"no more than 60\.0%"):
        refuse_a_leak(seen(0.65), 0.60)
