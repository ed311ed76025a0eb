"""
Recorded candles as the world of a run: instants to play, and a history that answers at once.

Knows nothing of files; the series were read and checked before.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, groupby, repeat
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from bot.adapters.candle_series import CandleSeries
from bot.core.commands import Backfill
from bot.core.events import Backfilled, CandleClosed
from bot.core.market import Candle

_PIECE = 256
"""Candles turned into Python's own numbers at a time: so few that they stay in the processor's cache until played."""


class ReplayFeed:
    """
    Several series of one timeframe, played side by side.

    Args:
        series: One for each market, in the order of the instruments.
    """

    def __init__(self, series: Sequence[CandleSeries]) -> None:
        self._series = {one.symbol: one for one in series}
        self._timeframe_ms = series[0].timeframe.ms

    @property
    def symbols(self) -> tuple[str, ...]:
        """The markets, in the order of the instruments."""
        return tuple(self._series)

    def backfill(self, request: Backfill) -> list[Backfilled]:
        """Answer with the candles of `[from_ms, to_ms)`; what the files do not hold never was."""
        pieces = self._pieces(request.symbol, request.from_ms, request.to_ms)
        candles = tuple(chain.from_iterable(candles for _, candles in pieces))
        return [Backfilled(request.to_ms, request.symbol, request.from_ms, request.to_ms, candles)]

    def instants(self, begin_ms: Mapping[str, int]) -> Iterator[Sequence[CandleClosed]]:
        """
        Every close time that has a candle, with its candles in the order of the instruments.

        Args:
            begin_ms: For each market the open time of its first candle.
        """
        if len(self._series) == 1:
            (symbol,) = self._series
            return zip(self._closed(symbol, begin_ms[symbol]), strict=False)
        return (tuple(together) for _, together in groupby(self._merged(begin_ms), key=attrgetter("at_ms")))

    def count(self, begin_ms: Mapping[str, int]) -> int:
        """How many candles `instants` will hold."""
        return sum(int((one.open_time_ms >= begin_ms[symbol]).sum()) for symbol, one in self._series.items())

    def _merged(self, begin_ms: Mapping[str, int]) -> Iterator[CandleClosed]:
        # Sorted by open time, and within one instant by market: a stable sort keeps the given order.
        feeds = [self._closed(symbol, begin_ms[symbol]) for symbol in self._series]
        times = [one.open_time_ms[one.open_time_ms >= begin_ms[symbol]] for symbol, one in self._series.items()]
        which = np.concatenate([np.full(len(part), index) for index, part in enumerate(times)])
        for index in which[np.argsort(np.concatenate(times), kind="stable")].tolist():
            yield next(feeds[index])

    def _closed(self, symbol: str, from_ms: int) -> Iterator[CandleClosed]:
        times = self._series[symbol].open_time_ms
        pieces = self._pieces(symbol, from_ms, int(times[-1]) + 1)
        # Made by `map` and `chain`: a generator's step for each candle would cost more than the candle's event.
        return chain.from_iterable(
            map(CandleClosed, (opens + self._timeframe_ms).tolist(), repeat(symbol), candles)
            for opens, candles in pieces
        )

    def _pieces(self, symbol: str, from_ms: int, to_ms: int) -> Iterator[tuple[NDArray[np.int64], Iterator[Candle]]]:
        series = self._series[symbol]
        first, last = np.searchsorted(series.open_time_ms, [from_ms, to_ms]).tolist()
        # A piece at a time: lists of a million floats cost more memory than the arrays that they come from.
        for start in range(first, last, _PIECE):
            stop = min(start + _PIECE, last)
            opens = series.open_time_ms[start:stop]
            yield opens, map(Candle, opens.tolist(), *series.ohlcv[start:stop].T.tolist())
