"""The shipped features against TA-Lib and plain reasoning."""

from math import exp, log, pi, sin, sqrt

import numpy as np
import pytest
import talib
from numpy.typing import NDArray

from strategies.forecasting.feature_memory import RESTART
from strategies.forecasting.features import NAMES, SHIPPED, SMALLEST, step
from tests.unit.strategies.forecasting.feature_histories import DAY_MS, HOUR_MS, MONDAY_MS, Rows, exact, history


def one(opened: int, open_: float, high: float, low: float, close: float, volume: float) -> dict[str, float]:
    """The row of a first candle."""
    row = SHIPPED.new_row()
    step(SHIPPED.new_state(), open_, high, low, close, volume, opened, row)
    return dict(zip(NAMES, row, strict=True))


@pytest.fixture(scope="module")
def walk() -> tuple[NDArray[np.float64], Rows]:
    """The logarithms of a walk's prices, `(n, 4)`, and its columns; several restarts long."""
    open_time_ms, ohlcv = history(5 * RESTART)
    return np.log(ohlcv[:, :4]), exact(open_time_ms, ohlcv)


def agree(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> None:
    warm = slice(SHIPPED.warm_up, None)
    np.testing.assert_allclose(ours[warm], theirs[warm], rtol=0.0, atol=1e-7)


def test_rsi_is_talibs_brought_to_plus_and_minus_one(walk: tuple[NDArray[np.float64], Rows]) -> None:
    prices, columns = walk
    agree(columns["rsi"], talib.RSI(prices[:, 3].copy(), timeperiod=14) / 50.0 - 1.0)


def test_macd_and_its_histogram_are_talibs_in_volatilities(walk: tuple[NDArray[np.float64], Rows]) -> None:
    prices, columns = walk
    macd, _, histogram = talib.MACD(prices[:, 3].copy(), fastperiod=12, slowperiod=26, signalperiod=9)
    sigma = np.exp(columns["log_sigma"])
    agree(columns["macd"], macd / sigma)
    agree(columns["macd_histogram"], histogram / sigma)


def test_mean_distance_and_bollinger_stand_on_talibs_mean_and_bands(walk: tuple[NDArray[np.float64], Rows]) -> None:
    prices, columns = walk
    close = prices[:, 3].copy()
    mean = talib.SMA(close, timeperiod=20)
    upper, _, lower = talib.BBANDS(close, timeperiod=20, nbdevup=2.0, nbdevdn=2.0)
    agree(columns["mean_distance"], (close - mean) / (np.exp(columns["log_sigma"]) * sqrt(20.0)))
    agree(columns["bollinger"], (close - mean) / ((upper - lower) / 2.0))


def test_donchian_and_true_range_stand_on_talibs_extremes(walk: tuple[NDArray[np.float64], Rows]) -> None:
    prices, columns = walk
    high, low, close = (prices[:, column].copy() for column in (1, 2, 3))
    top, bottom = talib.MAX(high, timeperiod=20), talib.MIN(low, timeperiod=20)
    agree(columns["donchian"], 2.0 * (close - bottom) / (top - bottom) - 1.0)
    agree(columns["true_range"], talib.TRANGE(high, low, close) / np.exp(columns["log_sigma"]))


@pytest.mark.parametrize("span", [1, 3, 6, 12, 24, 72])
def test_a_return_is_in_standard_deviations_of_a_walk_over_its_span(
    walk: tuple[NDArray[np.float64], Rows], span: int
) -> None:
    prices, columns = walk
    change = prices[span:, 3] - prices[:-span, 3]
    sigma = np.exp(columns["log_sigma"][span:])
    np.testing.assert_allclose(columns[f"return_{span}"][span:], change / (sigma * sqrt(span)), rtol=1e-12)


def test_the_volatility_of_a_walk_is_found_and_its_returns_are_of_unit_size(
    walk: tuple[NDArray[np.float64], Rows],
) -> None:
    columns = walk[1]
    assert np.mean(np.exp(columns["log_sigma"][RESTART:])) == pytest.approx(0.01, rel=0.1)
    assert np.std(columns["return_1"][RESTART:]) == pytest.approx(1.0, abs=0.1)
    assert np.std(columns["turnover_z"][RESTART:]) == pytest.approx(1.0, abs=0.1)


def test_the_parts_of_a_candle_add_up_to_its_range() -> None:
    row = one(MONDAY_MS, 100.0, 103.0, 98.0, 101.0, 5.0)
    whole = row["upper_wick"] + abs(row["body"]) + row["lower_wick"]
    assert whole == pytest.approx(log(103.0 / 98.0) / exp(row["log_sigma"]))


def test_a_first_candle_speaks_of_nothing_but_its_shape_its_volatility_and_its_time() -> None:
    row = one(MONDAY_MS, 100.0, 103.0, 98.0, 101.0, 5.0)
    shape = {"body", "upper_wick", "lower_wick", "true_range", "donchian"}
    volatility = {"log_sigma", "volatility_ratio"}
    assert {name for name, value in row.items() if value != 0.0} == shape | volatility | {"hour_cos", "weekday_cos"}


def test_a_market_that_stands_still_without_volume_says_nothing_but_its_smallest_volatility() -> None:
    length = SHIPPED.warm_up + 50
    ohlcv = np.tile((0.07, 0.07, 0.07, 0.07, 0.0), (length, 1))
    columns = exact(MONDAY_MS + HOUR_MS * np.arange(length, dtype=np.int64), ohlcv)
    assert np.all(columns["log_sigma"] == log(SMALLEST))
    for name in set(NAMES) - {"log_sigma", "hour_sin", "hour_cos", "weekday_sin", "weekday_cos"}:
        np.testing.assert_allclose(columns[name], 0.0, atol=1e-8, err_msg=name)


def test_volume_moves_turnover_and_nothing_else() -> None:
    open_time_ms, ohlcv = history(200)
    more = ohlcv.copy()
    more[100, 4] *= 50.0
    before, after = exact(open_time_ms, ohlcv), exact(open_time_ms, more)
    moved = {name for name in NAMES if not np.array_equal(before[name], after[name])}
    assert moved == {"turnover_z", "turnover_trend"}
    assert after["turnover_z"][100] > before["turnover_z"][100]


def test_prices_in_another_unit_give_the_same_picture() -> None:
    open_time_ms, ohlcv = history(200)
    cents = ohlcv * (100.0, 100.0, 100.0, 100.0, 0.01)
    before, after = exact(open_time_ms, ohlcv), exact(open_time_ms, cents)
    for name in NAMES:
        np.testing.assert_allclose(after[name], before[name], atol=1e-8, err_msg=name)


@pytest.mark.parametrize(
    ("opened", "hour", "weekday"),
    [
        (MONDAY_MS, 0.0, 0.0),
        (MONDAY_MS + 6 * HOUR_MS, 1 / 4, 1 / 28),
        (MONDAY_MS + 3 * DAY_MS + 12 * HOUR_MS, 1 / 2, 1 / 2),
        (MONDAY_MS + 7 * DAY_MS, 0.0, 0.0),
    ],
)
def test_the_calendar_is_that_of_the_candles_open(opened: int, hour: float, weekday: float) -> None:
    row = one(opened, 1.0, 1.0, 1.0, 1.0, 0.0)
    assert row["hour_sin"] == pytest.approx(sin(2 * pi * hour), abs=1e-12)
    assert row["hour_cos"] == pytest.approx(sin(2 * pi * hour + pi / 2), abs=1e-12)
    assert row["weekday_sin"] == pytest.approx(sin(2 * pi * weekday), abs=1e-12)
    assert row["weekday_cos"] == pytest.approx(sin(2 * pi * weekday + pi / 2), abs=1e-12)


def test_warm_up_and_a_window_fit_into_the_720_bars_that_some_venues_give() -> None:
    assert SHIPPED.warm_up + 60 <= 720


def test_a_state_holds_only_floats_so_that_it_can_be_written_down() -> None:
    state, row = SHIPPED.new_state(), SHIPPED.new_row()
    step(state, 1.0, 2.0, 0.5, 1.5, 10.0, MONDAY_MS, row)
    assert {type(value) for value in state} | {type(value) for value in row} == {float}
    assert len(row) == len(NAMES) == len(set(NAMES))
