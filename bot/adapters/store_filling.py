"""
More candles for a store from what is on disk already: out of files, and out of its own shorter candles.

What the store holds has to agree with what comes: nothing is replaced.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.adapters.candle_series import CandleSeries
from bot.adapters.candle_store import CandleStore
from bot.adapters.stored_series import SeriesKey, series_key
from bot.core.errors import DataError
from bot.core.market import Timeframe
from bot.core.resampling import resample


class Filled(Struct, frozen=True):
    """What came to a series: how many candles, how many it has now, and which long ones were left out as not whole."""

    key: SeriesKey
    added: int
    candles: int
    incomplete_ms: tuple[int, ...] = ()


def import_series(store: CandleStore, venue: str, series: CandleSeries) -> Filled:
    """
    Put candles out of files into the store, as those of a venue.

    Raises:
        ConfigError: The venue's name is none.
        DataError: The store tells one of the candles differently.
        StorageError: The store cannot be written.
    """
    key = series_key(venue, series.symbol, series.timeframe.value)
    return _fill(store, key, series.open_time_ms, series.ohlcv, "the files")


def sources(keys: Sequence[SeriesKey], target: Timeframe) -> tuple[SeriesKey, ...]:
    """
    Of these series the longest of each market, of which candles of the target's length can be made.

    Raises:
        DataError: There is none.
    """
    fitting = [key for key in keys if key.timeframe.ms < target.ms and not target.ms % key.timeframe.ms]
    if not fitting:
        raise DataError(f"the store has no shorter candles of which {target.value} candles can be made")
    longest = {(key.venue, key.symbol): key for key in sorted(fitting, key=lambda key: key.timeframe.ms)}
    return tuple(longest[market] for market in sorted(longest))


def resample_series(store: CandleStore, source: SeriesKey, target: Timeframe) -> Filled:
    """
    Make long candles of the store out of shorter ones, exactly; one that is not whole is left out.

    Raises:
        DataError: The store tells one of them differently, or holds something that a store never writes.
        StorageError: The store cannot be written.
    """
    short = store.load(source)
    made = resample(short.open_time_ms, short.ohlcv, source.timeframe, target)
    key = SeriesKey(source.venue, source.symbol, target)
    filled = _fill(store, key, made.open_time_ms, made.ohlcv, f"{source.timeframe.value} candles")
    return Filled(key, filled.added, filled.candles, tuple(made.incomplete_ms.tolist()))


def _fill(
    store: CandleStore, key: SeriesKey, times: NDArray[np.int64], ohlcv: NDArray[np.float64], source: str
) -> Filled:
    with store.writing(key.venue):
        before = store.load(key)
        after = before.extended(times, ohlcv, source)
        if len(after) > len(before):
            store.save(after)
    return Filled(key, len(after) - len(before), len(after))
