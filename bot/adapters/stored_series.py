"""
What a candle store holds: which candles, the candles themselves, and what the venue has been asked for.

Knows nothing of files. A series is frozen: with more candles it is another one.
"""

import re
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.adapters.candle_names import EXPECTED_SYMBOL, read_symbol, read_timeframe
from bot.adapters.candle_series import utc_text
from bot.core.errors import ConfigError, DataError
from bot.core.market import Timeframe

Span = tuple[int, int]
"""Times in milliseconds: from the first to before the second."""

_VENUE: Final = re.compile(r"[a-z0-9_]{1,40}")


class SeriesKey(Struct, frozen=True, order=True):
    """Which candles: the venue's name, the market as BASE/QUOTE, the length."""

    venue: str
    symbol: str
    timeframe: Timeframe

    def __str__(self) -> str:
        return f"{self.venue} {self.symbol} {self.timeframe.value}"


def series_key(venue: str, symbol: str, timeframe: str) -> SeriesKey:
    """
    Read which candles are meant.

    Raises:
        ConfigError: One of the three cannot be understood.
    """
    if not _VENUE.fullmatch(venue):
        raise ConfigError(f"{venue!r} is no name of an exchange: expected small letters and digits, such as binance")
    market, length = read_symbol(symbol), read_timeframe(timeframe)
    if market is None:
        raise ConfigError(f"symbol {symbol!r} names no market of the store; expected {EXPECTED_SYMBOL}")
    if length is None:
        known = ", ".join(known.value for known in Timeframe)
        raise ConfigError(f"timeframe {timeframe!r} is not known; expected one of {known}")
    return SeriesKey(venue, market, length)


class StoredSeries(Struct, frozen=True, eq=False):
    """
    The candles of one file: `open_time_ms` (n,) int64, `ohlcv` (n, 5) float64, and the spans that were asked for.

    `asked` are ascending, apart from each other, on the grid of the timeframe.
    """

    key: SeriesKey
    open_time_ms: NDArray[np.int64]
    ohlcv: NDArray[np.float64]
    asked: tuple[Span, ...] = ()

    def __len__(self) -> int:
        return len(self.open_time_ms)

    def overlaid(self, times: NDArray[np.int64], ohlcv: NDArray[np.float64]) -> "StoredSeries":
        """The same with these candles in it, (m,) and (m, 5) in any order: the later word on a bar stands."""
        all_times = np.concatenate((self.open_time_ms, times))
        # In the reversed order the first of equal times, which `unique` keeps, is the last that was said.
        kept, place = np.unique(all_times[::-1], return_index=True)
        values = np.concatenate((self.ohlcv, ohlcv))[::-1][place]
        return StoredSeries(self.key, kept, values, self.asked)

    def after_asking(self, span: Span) -> "StoredSeries":
        """The same, with one more span for which the venue has been asked."""
        spans: list[Span] = []
        for begin, end in sorted((*self.asked, span)):
            if spans and begin <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
            else:
                spans.append((begin, end))
        return StoredSeries(self.key, self.open_time_ms, self.ohlcv, tuple(spans))

    def differing(self, times: NDArray[np.int64], ohlcv: NDArray[np.float64]) -> list[tuple[int, int]]:
        """The places, here and in these candles, at which the two tell different things of one bar."""
        if not len(self):
            return []
        here = np.minimum(np.searchsorted(self.open_time_ms, times), len(self) - 1)
        differs = (self.open_time_ms[here] == times) & (self.ohlcv[here] != ohlcv).any(axis=1)
        return [(int(here[there]), there) for there in np.flatnonzero(differs).tolist()]

    def extended(self, times: NDArray[np.int64], ohlcv: NDArray[np.float64], source: str) -> "StoredSeries":
        """
        The same with more candles, (m,) and (m, 5), which must agree with those that are here.

        Raises:
            DataError: One bar is told differently; the sentence names both and `source`.
        """
        if differing := self.differing(times, ohlcv):
            here, there = differing[0]
            raise DataError(
                f"{self.key}: {len(differing)} candles of {source} are not those of the store, the first at "
                f"{utc_text(int(self.open_time_ms[here]))}: {ohlcv[there].tolist()} there and "
                f"{self.ohlcv[here].tolist()} in the store; find out which is wrong, or keep them in another store"
            )
        return self.overlaid(times, ohlcv)


class SeriesFacts(Struct, frozen=True):
    """What a file's own table of contents says: how many candles, the first and last opening time, its size."""

    key: SeriesKey
    candles: int
    first_ms: int
    last_ms: int
    size: int

    @property
    def missing(self) -> int:
        """How many bars there are not between the first and the last."""
        return (self.last_ms - self.first_ms) // self.key.timeframe.ms + 1 - self.candles
