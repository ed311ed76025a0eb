"""The shared recurrences, judged by TA-Lib where it has them and by their definitions where it has not."""

from math import log

import numpy as np
import pytest
import talib
from numpy.typing import NDArray

from bot.core import indicators

Bars = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

SEEDED = 700
"""Bars after which no seed, TA-Lib's or ours, is left in a float64 at the lengths used here."""


@pytest.fixture(scope="module")
def bars() -> Bars:
    """Highs, lows and closes of a random walk."""
    random = np.random.default_rng(7)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.01, 1_500)))
    opened = np.roll(close, 1)
    opened[0] = 100.0
    high = np.maximum(opened, close) * (1.0 + random.uniform(0.0, 0.005, len(close)))
    low = np.minimum(opened, close) * (1.0 - random.uniform(0.0, 0.005, len(close)))
    return high, low, close


def exponential_mean(values: NDArray[np.float64], span: int) -> NDArray[np.float64]:
    mean, alpha, means = float(values[0]), indicators.ewma_alpha(span), []
    for value in values.tolist():
        mean = indicators.ewma(mean, value, alpha)
        means.append(mean)
    return np.array(means)


def agree(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> None:
    np.testing.assert_allclose(ours[SEEDED:], theirs[SEEDED:], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("span", [9, 12, 26, 50])
def test_an_exponential_mean_agrees_with_talib(bars: Bars, span: int) -> None:
    close = bars[2]
    agree(exponential_mean(close, span), talib.EMA(close, timeperiod=span))


def test_macd_built_from_exponential_means_agrees_with_talib(bars: Bars) -> None:
    close = bars[2]
    macd = exponential_mean(close, 12) - exponential_mean(close, 26)
    theirs, their_signal, _ = talib.MACD(close, fastperiod=12, slowperiod=26, signalperiod=9)
    agree(macd, theirs)
    agree(exponential_mean(macd, 9), their_signal)


def test_wilders_mean_of_the_true_range_agrees_with_talibs_atr(bars: Bars) -> None:
    high, low, close = bars
    atr, previous_close, ours = float(high[0] - low[0]), float(close[0]), []
    for top, bottom, last in zip(high.tolist(), low.tolist(), close.tolist(), strict=True):
        atr = indicators.wilder(atr, indicators.true_range(top, bottom, previous_close), 14.0)
        previous_close = last
        ours.append(atr)
    agree(np.array(ours), talib.ATR(high, low, close, timeperiod=14))


def test_rsi_from_wilders_means_agrees_with_talib(bars: Bars) -> None:
    close = bars[2]
    up = down = 0.0
    ours = []
    for change in np.diff(close, prepend=close[0]).tolist():
        up = indicators.wilder(up, max(change, 0.0), 14.0)
        down = indicators.wilder(down, max(-change, 0.0), 14.0)
        ours.append(indicators.rsi_from_averages(up, down))
    agree(np.array(ours), talib.RSI(close, timeperiod=14))


def test_an_exponential_variance_is_the_weighted_mean_of_squared_deviations(bars: Bars) -> None:
    values = bars[2][:200]
    alpha = indicators.ewma_alpha(10)
    mean, variance = float(values[0]), 0.0
    for value in values[1:].tolist():
        variance = indicators.ewma_variance(variance, value - mean, alpha)
        mean = indicators.ewma(mean, value, alpha)
    weights = alpha * (1.0 - alpha) ** np.arange(len(values) - 1, -1, -1)
    weights[0] /= alpha
    centre = np.sum(weights * values)
    assert mean == pytest.approx(centre, rel=1e-12)
    assert variance == pytest.approx(np.sum(weights * (values - centre) ** 2), rel=1e-10)


@pytest.mark.parametrize("value", [0.1, 1e-8, 64_123.45])
def test_means_that_equal_the_value_stay_equal_to_it_bit_for_bit(value: float) -> None:
    assert indicators.ewma(value, value, indicators.ewma_alpha(64)) == value
    assert indicators.wilder(value, value, 14.0) == value


def test_the_true_range_reaches_to_the_close_before_a_gap() -> None:
    assert indicators.true_range(high=12.0, low=11.0, previous_close=11.5) == 1.0
    assert indicators.true_range(high=12.0, low=11.0, previous_close=9.0) == 3.0
    assert indicators.true_range(high=12.0, low=11.0, previous_close=15.0) == 4.0


def test_rsi_is_neutral_without_moves_and_extreme_without_contradiction() -> None:
    assert indicators.rsi_from_averages(0.0, 0.0) == 50.0
    assert indicators.rsi_from_averages(0.3, 0.0) == 100.0
    assert indicators.rsi_from_averages(0.0, 0.3) == 0.0


def test_parkinsons_variance_is_the_squared_range_over_four_ln_two() -> None:
    assert indicators.parkinson_variance(0.02) == pytest.approx(0.02**2 / (4.0 * log(2.0)), rel=1e-15)


def test_a_position_runs_from_minus_one_to_one_and_is_zero_in_a_channel_without_width() -> None:
    assert indicators.position_between(10.0, 10.0, 20.0) == -1.0
    assert indicators.position_between(15.0, 10.0, 20.0) == 0.0
    assert indicators.position_between(20.0, 10.0, 20.0) == 1.0
    assert indicators.position_between(10.0, 10.0, 10.0) == 0.0


def test_a_volatility_can_always_be_divided_by() -> None:
    assert indicators.volatility(0.0, 1e-6) == 1e-6
    assert indicators.volatility(0.0004, 1e-6) == 0.02
