"""
The one gap policy: what happens where an exchange has no bar.

Training, replay and live trading bridge a missing bar by the same rule, so that a model is served what it was
trained on. Up to the timeframe's limit a missing bar becomes a flat one at the last close, with volume 0 and
marked `filled`; a longer gap splits the series. Nothing here looks at the bar after the gap, whose prices were
not known yet. Knows nothing of files, venues or windows.
"""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.errors import DataError
from bot.core.market import Candle, Timeframe


class Segment(Struct, frozen=True, eq=False):
    """
    Candles of one market without a hole between them.

    `open_time_ms` is (n,) int64, one timeframe apart. `ohlcv` is (n, 5) float64: open, high, low, close, volume.
    `filled` is (n,) bool and marks the flat bars that stand in for missing ones. The arrays are read-only.
    """

    open_time_ms: NDArray[np.int64]
    ohlcv: NDArray[np.float64]
    filled: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.open_time_ms)


def fill_gap(last: Candle, next_open_ms: int, timeframe: Timeframe) -> tuple[Candle, ...] | None:
    """
    Bridge the gap between a candle and the next one that exists.

    Args:
        last: The last candle before the gap.
        next_open_ms: When the next existing candle opens.
        timeframe: The length of both.

    Returns:
        The flat bars that belong between the two, none when they are neighbours; `None` when more bars are
        missing than may be filled, and the series has to begin anew.

    Raises:
        DataError: The next candle does not open a whole number of timeframes, at least one, after `last`.
    """
    steps, rest = divmod(next_open_ms - last.open_time_ms, timeframe.ms)
    if steps < 1 or rest:
        raise DataError(
            f"a {timeframe.value} candle cannot open at {next_open_ms} after one at {last.open_time_ms}: "
            f"candles of one market stand whole timeframes apart, in order"
        )
    if steps - 1 > timeframe.gap_limit:
        return None
    price = last.close
    return tuple(
        Candle(last.open_time_ms + step * timeframe.ms, price, price, price, price, 0.0, filled=True)
        for step in range(1, steps)
    )


def segments(open_time_ms: NDArray[np.int64], ohlcv: NDArray[np.float64], timeframe: Timeframe) -> tuple[Segment, ...]:
    """
    Cut whole columns of candles at the gaps that are too long and fill the others, as `fill_gap` does bar by bar.

    Args:
        open_time_ms: Opening times, (n,) int64, in order.
        ohlcv: Open, high, low, close and volume, (n, 5) float64.
        timeframe: The length of every candle.

    Returns:
        The contiguous pieces in order, none for no candles.

    Raises:
        DataError: The shapes do not fit, or times do not ascend by whole timeframes.
    """
    if open_time_ms.ndim != 1 or ohlcv.shape != (len(open_time_ms), 5):
        raise DataError(f"candles have times {open_time_ms.shape} and values {ohlcv.shape}: expected (n,) and (n, 5)")
    if not len(open_time_ms):
        return ()
    spacing = np.diff(open_time_ms)
    wrong = np.flatnonzero((spacing < timeframe.ms) | (spacing % timeframe.ms != 0))
    if len(wrong):
        before, after = (int(open_time_ms[wrong[0] + offset]) for offset in (0, 1))
        raise DataError(
            f"a {timeframe.value} candle cannot open at {after} after one at {before}: "
            f"candles of one market stand whole timeframes apart, in order"
        )
    cuts = np.flatnonzero(spacing // timeframe.ms - 1 > timeframe.gap_limit) + 1
    return tuple(
        _filled(times, values, timeframe)
        for times, values in zip(np.split(open_time_ms, cuts), np.split(ohlcv, cuts), strict=True)
    )


def _filled(times: NDArray[np.int64], values: NDArray[np.float64], timeframe: Timeframe) -> Segment:
    place = (times - times[0]) // timeframe.ms
    length = int(place[-1]) + 1
    filled = np.ones(length, dtype=np.bool_)
    filled[place] = False
    # The candle that each bar comes from: itself, or the last one before the gap.
    source = np.repeat(np.arange(len(times)), np.diff(place, append=length))
    ohlcv = values[source]
    ohlcv[filled, :4] = values[source[filled], 3, np.newaxis]
    ohlcv[filled, 4] = 0.0
    opens = times[0] + np.arange(length, dtype=np.int64) * timeframe.ms
    for array in (opens, ohlcv, filled):
        array.setflags(write=False)
    return Segment(opens, ohlcv, filled)
