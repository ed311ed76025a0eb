"""One rule for missing bars, bar by bar and for whole columns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import DataError
from bot.core.gaps import Segment, fill_gap, segments
from bot.core.market import Candle, Timeframe

START_MS = 1_704_067_200_000
HOUR = Timeframe.H1


def candle(hour: int, close: float = 10.0) -> Candle:
    return Candle(START_MS + hour * HOUR.ms, 9.0, 12.0, 8.0, close, 5.0)


def columns(candles: list[Candle]) -> tuple[np.ndarray, np.ndarray]:
    times = np.array([one.open_time_ms for one in candles], dtype=np.int64)
    values = np.array([(one.open, one.high, one.low, one.close, one.volume) for one in candles], dtype=np.float64)
    return times, values.reshape(-1, 5)


def bars_of(segment: Segment) -> list[Candle]:
    return [
        Candle(time, open_, high, low, close, volume, filled)
        for time, (open_, high, low, close, volume), filled in zip(
            segment.open_time_ms.tolist(), segment.ohlcv.tolist(), segment.filled.tolist(), strict=True
        )
    ]


def test_neighbours_need_no_bar_between_them() -> None:
    assert fill_gap(candle(0), candle(1).open_time_ms, HOUR) == ()


def test_a_missing_bar_is_flat_at_the_last_close_without_volume_and_marked() -> None:
    bars = fill_gap(candle(0, close=11.0), candle(3).open_time_ms, HOUR)
    assert bars == (
        Candle(START_MS + HOUR.ms, 11.0, 11.0, 11.0, 11.0, 0.0, filled=True),
        Candle(START_MS + 2 * HOUR.ms, 11.0, 11.0, 11.0, 11.0, 0.0, filled=True),
    )


@pytest.mark.parametrize("timeframe", list(Timeframe))
def test_the_longest_gap_that_is_filled_has_as_many_bars_as_the_limit(timeframe: Timeframe) -> None:
    last = Candle(START_MS, 9.0, 12.0, 8.0, 10.0, 5.0)
    at_limit = fill_gap(last, START_MS + (timeframe.gap_limit + 1) * timeframe.ms, timeframe)
    assert at_limit is not None
    assert len(at_limit) == timeframe.gap_limit
    assert fill_gap(last, START_MS + (timeframe.gap_limit + 2) * timeframe.ms, timeframe) is None


@pytest.mark.parametrize("next_open_ms", [START_MS, START_MS - HOUR.ms, START_MS + HOUR.ms + 1, START_MS + 1])
def test_a_candle_that_does_not_stand_whole_timeframes_later_is_refused(next_open_ms: int) -> None:
    with pytest.raises(DataError, match="whole timeframes apart"):
        fill_gap(candle(0), next_open_ms, HOUR)
    times = np.array([START_MS, next_open_ms], dtype=np.int64)
    with pytest.raises(DataError, match="whole timeframes apart"):
        segments(times, np.ones((2, 5)), HOUR)


def test_no_candles_make_no_segments() -> None:
    assert segments(*columns([]), HOUR) == ()


def test_columns_of_other_shapes_are_refused() -> None:
    with pytest.raises(DataError, match=r"expected \(n,\) and \(n, 5\)"):
        segments(np.zeros(2, dtype=np.int64), np.ones((2, 4)), HOUR)


def test_a_long_gap_splits_and_a_short_one_is_filled() -> None:
    first, second = segments(*columns([candle(0), candle(2), candle(7), candle(8)]), HOUR)
    assert first.filled.tolist() == [False, True, False]
    assert second.filled.tolist() == [False, False]
    assert len(first) == 3
    assert not first.ohlcv.flags.writeable


@given(
    steps=st.lists(st.integers(1, 6), max_size=30),
    closes=st.lists(st.floats(8.0, 12.0), min_size=31, max_size=31),
)
def test_segments_equal_the_filling_of_every_gap_in_turn(steps: list[int], closes: list[float]) -> None:
    hours = np.cumsum([0, *steps]).tolist()
    candles = [candle(hour, close) for hour, close in zip(hours, closes, strict=False)]
    series = [[candles[0]]]
    for one in candles[1:]:
        bars = fill_gap(series[-1][-1], one.open_time_ms, HOUR)
        if bars is None:
            series.append([one])
        else:
            series[-1].extend((*bars, one))
    assert [bars_of(segment) for segment in segments(*columns(candles), HOUR)] == series
