"""
A bundle's answers for candles that are known beforehand, in batches, with the bits of one question at a time.

A replay asks for one window after the other; answering from the whole history costs a third of the time. The
window that the engine built is compared with the row that the answer was made from.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.commands import RequestForecast
from bot.core.errors import ModelError
from bot.core.events import ForecastFailed, ForecastReady
from bot.core.forecast import Forecast
from strategies.forecasting.serving import BundleForecaster

_BLOCK: Final = 2048
"""Windows answered ahead at a time."""


class FeatureHistory(Struct, frozen=True):
    """Contiguous candles of one market: open times `(n,)` int64 and raw feature rows `(n, F)` float32."""

    open_time_ms: NDArray[np.int64]
    rows: NDArray[np.float32]


class HistoryForecaster:
    """
    A `Forecaster` over recorded candles.

    Args:
        forecaster: The bundle, proven.
        histories: For each market its contiguous stretches, oldest first.
        timeframe_ms: Length of a candle.
    """

    def __init__(
        self, forecaster: BundleForecaster, histories: Mapping[str, Sequence[FeatureHistory]], timeframe_ms: int
    ) -> None:
        self._forecaster = forecaster
        self._histories = histories
        self._timeframe_ms = timeframe_ms
        self._answers: dict[str, dict[int, tuple[Forecast, bytes]]] = {s: {} for s in histories}

    @property
    def name(self) -> str:
        """Which bundle answers."""
        return self._forecaster.name

    def forecast(self, request: RequestForecast) -> ForecastReady | ForecastFailed:
        """
        Answer for every symbol of one instant.

        Raises:
            ModelError: The engine's window is not the history's: they would not give the same forecast.
        """
        open_time_ms = request.close_time_ms - self._timeframe_ms
        forecasts = []
        for symbol, window in zip(request.symbols, request.windows, strict=True):
            answers = self._answers[symbol]
            if open_time_ms not in answers:
                answers.clear()
                self._answer_ahead(symbol, open_time_ms, len(window))
            forecast, row = answers[open_time_ms]
            if window[-1].tobytes() != row:
                raise ModelError(f"{symbol} at {open_time_ms}: the engine's window differs from the history's rows")
            forecasts.append(forecast)
        return ForecastReady(request.close_time_ms, request.close_time_ms, tuple(forecasts))

    def _answer_ahead(self, symbol: str, open_time_ms: int, length: int) -> None:
        for history in self._histories[symbol]:
            times = history.open_time_ms
            if not times[0] <= open_time_ms <= times[-1]:
                continue
            end = int((open_time_ms - times[0]) // self._timeframe_ms)
            first = end - length + 1
            rows = history.rows[first : end + _BLOCK]
            found = self._forecaster.forecast_rows(symbol, rows, length - 1)
            ends = range(end, end + len(found))
            self._answers[symbol].update(
                (int(times[at]), (forecast, history.rows[at].tobytes()))
                for at, forecast in zip(ends, found, strict=True)
            )
            return
        raise ModelError(f"{symbol}: the recorded candles hold nothing at {open_time_ms}")
