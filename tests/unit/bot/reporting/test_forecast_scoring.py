from math import log, sqrt

import numpy as np
import pytest

from bot.reporting.reading import read_columns
from bot.reporting.scoring import match_outcomes, score

T0 = 1_704_067_200_000
HOUR = 3_600_000


def scored(run):
    return match_outcomes(read_columns(run))


def test_a_forecast_is_scored_with_the_next_close_to_close_return(new_run):
    run = new_run()
    run.candle(0, 100.0)
    run.forecast(0, 0.6, 0.01)
    run.candle(1, 102.0)
    outcomes = scored(run)
    assert list(outcomes.close_ms) == [T0 + HOUR]
    assert outcomes.realised == pytest.approx([log(1.02)])


def test_a_forecast_of_the_last_candle_has_no_outcome(new_run):
    run = new_run()
    run.candle(0, 100.0)
    run.forecast(0, 0.6, 0.01)
    assert len(scored(run)) == 0


def test_a_bar_that_fills_a_gap_is_no_outcome(new_run):
    run = new_run()
    run.candle(0, 100.0)
    run.forecast(0, 0.6, 0.01)
    run.candle(1, 102.0, filled=True)
    assert len(scored(run)) == 0


def test_a_candle_after_a_gap_is_no_outcome(new_run):
    run = new_run()
    run.candle(0, 100.0)
    run.forecast(0, 0.6, 0.01)
    run.candle(2, 102.0)
    assert len(scored(run)) == 0


def test_a_forecast_whose_own_candle_is_missing_has_no_outcome(new_run):
    run = new_run()
    run.candle(0, 100.0)
    run.forecast(1, 0.6, 0.01)
    run.candle(2, 102.0)
    assert len(scored(run)) == 0


def test_markets_are_scored_by_their_own_candles_in_order_of_time(new_run):
    run = new_run("BTC/USDT", "ETH/USDT")
    for hour, close in enumerate((100.0, 101.0, 102.0)):
        run.candle(hour, close)
        run.candle(hour, 200.0 - close, symbol="ETH/USDT")
        run.forecast(hour, 0.9, 0.0)
        run.forecast(hour, 0.1, 0.0, symbol="ETH/USDT")
    outcomes = scored(run)
    assert list(outcomes.close_ms) == [T0 + HOUR, T0 + HOUR, T0 + 2 * HOUR, T0 + 2 * HOUR]
    assert list(np.sign(outcomes.realised)) == [1, -1, 1, -1]
    assert score(outcomes).directional_accuracy == 1.0


def test_the_errors_of_three_forecasts_by_hand(new_run):
    run = new_run()
    closes = (100.0, 101.0, 101.0, 99.99)
    forecasts = ((0.6, 0.005), (0.8, 0.001), (0.7, 0.002))
    for hour, close in enumerate(closes):
        run.candle(hour, close)
        if hour < len(forecasts):
            run.forecast(hour, *forecasts[hour])
    first, last = log(1.01), log(99.99 / 101.0)
    figures = score(scored(run))
    assert (figures.scored, figures.moves) == (3, 2)
    # Up was right, down was called up; the move of zero has no direction.
    assert figures.directional_accuracy == 0.5
    assert figures.always_up == 0.5
    assert figures.brier == pytest.approx((0.4**2 + 0.7**2) / 2)
    errors = (0.005 - first, 0.001, 0.002 - last)
    assert figures.mae_bps == pytest.approx(sum(map(abs, errors)) / 3 * 1e4)
    assert figures.naive_mae_bps == pytest.approx((first - last) / 3 * 1e4)
    assert figures.rmse_bps == pytest.approx(sqrt(sum(e * e for e in errors) / 3) * 1e4)
    assert figures.naive_rmse_bps == pytest.approx(sqrt((first**2 + last**2) / 3) * 1e4)
    # Intervals reach 0.01 to both sides: the last one, at 0.002, misses a fall of 0.01005.
    assert figures.coverage == pytest.approx(2 / 3)


def test_a_forecast_of_one_half_takes_no_side(new_run):
    run = new_run()
    run.candle(0, 100.0)
    run.forecast(0, 0.5, 0.0)
    run.candle(1, 101.0)
    figures = score(scored(run))
    assert figures.directional_accuracy is None
    assert figures.brier == pytest.approx(0.25)


def test_without_an_outcome_no_figure_is_defined(new_run):
    figures = score(scored(new_run()))
    assert figures.scored == 0
    assert figures.mae_bps is None
    assert figures.brier is None
    assert figures.directional_accuracy is None


def test_a_forecast_is_of_the_time_of_the_training_when_the_candle_it_foresees_touches_the_span(new_run):
    run = new_run("BTC/USDT", "ETH/USDT")
    run.label(
        bundle_trained_from_ms=str(T0), bundle_trained_until_ms=str(T0 + 2 * HOUR), bundle_symbols="BTC/USDT, SOL/USDT"
    )
    for hour in range(4):
        run.candle(hour, 100.0 + hour)
        run.candle(hour, 100.0 + hour, symbol="ETH/USDT")
        run.forecast(hour, 0.6, 0.0)
        run.forecast(hour, 0.6, 0.0, symbol="ETH/USDT")
    # Candle 1 ends with the span, 2 and 3 lie behind it. ETH was never trained on, but moves with what was.
    assert list(scored(run).in_span) == [True, True, False, False, False, False]
