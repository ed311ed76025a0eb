"""
Holds every forecast until its truth arrives.

A forecast made at a close is judged by the log return to the next close, if that next candle opened then and was
really traded: a bar that stands in for a missing one has no return. Pure bookkeeping; knows no model.
"""

from collections.abc import Iterable
from math import log

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.events import CandleClosed, ForecastReady
from bot.core.forecast import Forecast


class Truth(Struct, frozen=True, eq=False):
    """
    A forecast and what followed it, as known at the close `at_ms`.

    `row` is the `(F,)` feature row behind the forecast, None where nobody saw it.
    """

    at_ms: int
    forecast: Forecast
    outcome: float
    row: NDArray[np.float32] | None


class _Open(Struct, frozen=True, eq=False):
    """A forecast that waits, made at the close `close_ms`, at the price `close`."""

    close_ms: int
    close: float
    forecast: Forecast
    row: NDArray[np.float32] | None


class Scorekeeper:
    """Puts forecasts and outcomes together, market by market, in constant memory."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, float]] = {}
        self._rows: dict[str, tuple[int, NDArray[np.float32]]] = {}
        self._open: dict[str, _Open] = {}

    def seen(self, close_ms: int, symbols: Iterable[str], windows: NDArray[np.float32]) -> None:
        """Remember the last rows of the `(B, T, F)` windows that a model is asked about."""
        if windows.shape[1]:
            self._rows.update(
                (symbol, (close_ms, window[-1].copy())) for symbol, window in zip(symbols, windows, strict=True)
            )

    def told(self, event: ForecastReady) -> None:
        """Take forecasts; each waits for its market's next candle."""
        for forecast in event.forecasts:
            symbol, close_ms = forecast.symbol, event.close_time_ms
            last_ms, close = self._last.get(symbol, (-1, 0.0))
            if last_ms == close_ms:
                row_ms, row = self._rows.pop(symbol, (-1, None))
                known = row if row_ms == close_ms else None
                self._open[symbol] = _Open(close_ms, close, forecast, known)

    def closed(self, event: CandleClosed) -> Truth | None:
        """Take a candle; it is the truth of the forecast that was made when it opened, if there is one."""
        candle = event.candle
        waiting = self._open.pop(event.symbol, None)
        self._last[event.symbol] = (event.at_ms, candle.close)
        if waiting is None or waiting.close_ms != candle.open_time_ms or candle.filled:
            return None
        return Truth(event.at_ms, waiting.forecast, log(candle.close / waiting.close), waiting.row)
