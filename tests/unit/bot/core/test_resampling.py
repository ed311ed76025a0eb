"""Long candles are what the exchange's own would be, to the last bit; what is not whole is left out."""

from collections.abc import Sequence
from decimal import Decimal
from math import fsum
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bot.adapters.candle_files import read_candles
from bot.core.errors import ConfigError, DataError
from bot.core.market import Timeframe
from bot.core.resampling import exact_sum, resample
from tests.command_line import SHARED

MINUTE = Timeframe.M1.ms


def candles(times: Sequence[int], rows: Sequence[tuple[float, ...]]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return np.array(times, dtype=np.int64), np.array(rows, dtype=np.float64).reshape(-1, 5)


def test_open_of_the_first_highest_lowest_close_of_the_last_and_all_the_volume():
    rows = [(5.0, 6.0, 4.0, 5.5, 0.1), (5.5, 9.0, 5.0, 8.0, 0.2), (8.0, 8.5, 2.0, 3.0, 0.3)]
    made = resample(*candles([0, MINUTE, 2 * MINUTE], rows), Timeframe.M1, Timeframe.M3)
    assert made.open_time_ms.tolist() == [0]
    assert made.ohlcv.tolist() == [[5.0, 9.0, 2.0, 3.0, 0.6]]
    assert 0.1 + 0.2 + 0.3 == 0.6000000000000001


def test_what_is_not_whole_is_left_out_and_named():
    times = [number * MINUTE for number in (1, 2, 3, 4, 5, 6, 8, 9, 10, 11)]
    made = resample(*candles(times, [(1.0, 1.0, 1.0, 1.0, 1.0)] * 10), Timeframe.M1, Timeframe.M3)
    assert made.open_time_ms.tolist() == [3 * MINUTE, 9 * MINUTE]
    assert made.incomplete_ms.tolist() == [0, 6 * MINUTE]


def test_nothing_makes_nothing():
    made = resample(*candles([], []), Timeframe.M1, Timeframe.D1)
    assert (len(made.open_time_ms), made.ohlcv.shape, len(made.incomplete_ms)) == (0, (0, 5), 0)


@pytest.mark.parametrize(
    ("source", "target"), [(Timeframe.H1, Timeframe.H1), (Timeframe.H1, Timeframe.M1), (Timeframe.M3, Timeframe.M5)]
)
def test_lengths_have_to_go_into_each_other(source, target):
    with pytest.raises(ConfigError, match="no multiple"):
        resample(*candles([], []), source, target)


@pytest.mark.parametrize("times", [[MINUTE, 0], [0, 0], [1, MINUTE]])
def test_candles_that_are_out_of_order_or_off_the_grid_are_refused(times):
    with pytest.raises(DataError, match="ascend"):
        resample(*candles(times, [(1.0, 1.0, 1.0, 1.0, 1.0)] * 2), Timeframe.M1, Timeframe.M3)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="expected"):
        resample(np.zeros(2, dtype=np.int64), np.zeros((3, 5)), Timeframe.M1, Timeframe.M3)


@given(st.lists(st.integers(0, 10**15 - 1), max_size=60), st.integers(0, 12))
def test_volumes_are_added_as_they_were_printed(printed, decimals):
    numbers = [Decimal(number).scaleb(-decimals) for number in printed]
    assert exact_sum([float(number) for number in numbers]) == float(sum(numbers, Decimal(0)))


@given(st.lists(st.floats(0.0, allow_infinity=False), max_size=4))
def test_no_sum_of_any_two_sizes_loses_a_digit(values):
    if sum(map(Decimal, values)) < Decimal("1.7e308"):
        assert exact_sum(values) == pytest.approx(fsum(values))


@pytest.mark.skipif(not SHARED.exists(), reason="real candles are not there")
def test_hours_made_of_five_minutes_are_the_exchange_s_own_hours_bit_for_bit():
    folder = Path(SHARED) / "candles/binance"
    (short,) = read_candles([folder / "BTC_USDT-5m_2024-01_2025-06.parquet"])
    (long,) = read_candles([folder / "BTC_USDT-1h_2020-12_2025-06.parquet"])
    made = resample(short.open_time_ms, short.ohlcv, short.timeframe, long.timeframe)
    _, here, there = np.intersect1d(made.open_time_ms, long.open_time_ms, return_indices=True)
    assert len(here) == 12_408
    assert (made.ohlcv[here] == long.ohlcv[there]).all()
