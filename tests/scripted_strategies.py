"""Strategies and models that want and foresee what a test writes down."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from bot.core.commands import RequestForecast
from bot.core.events import ForecastFailed, ForecastReady
from bot.core.forecast import Forecast
from bot.core.window import FeatureSet
from strategies.strategy import MarketView, Signal
from tests.hourly_bars import BTC, HOUR, T0


class Scripted(Struct, frozen=True):
    """Wants what `plan` says for each market and bar; the last level goes on. Needs no forecast."""

    plan: Mapping[str, Sequence[float]]

    @property
    def needs_forecast(self) -> bool:
        return False

    def wanted(self, view: MarketView, forecast: Forecast | None) -> Signal:
        levels = self.plan[view.symbol]
        number = (view.close_time_ms - T0) // HOUR - 1
        return Signal(levels[min(number, len(levels) - 1)], "scripted")


class FollowsForecast(Struct, frozen=True):
    """Wants the forecast's probability of a rise as its exposure."""

    @property
    def needs_forecast(self) -> bool:
        return True

    def wanted(self, view: MarketView, forecast: Forecast | None) -> Signal:
        assert forecast is not None
        return Signal(forecast.p_up, "as foreseen", forecast.expected_return * 1e4, 0.0)


def always(level: float, *symbols: str) -> Scripted:
    """Want one level, from the first bar on."""
    return Scripted(dict.fromkeys(symbols or (BTC,), (level,)))


def foreseen(symbol: str, p_up: float) -> Forecast:
    """A forecast of which only the probability matters."""
    return Forecast(symbol, p_up, 0.01, -0.01, 0.03, 0.0)


class ScriptedModel:
    """Answers from a function of market and close time, and remembers what it was asked."""

    name = "scripted"

    def __init__(self, p_up: Callable[[str, int], float]) -> None:
        self._p_up = p_up
        self.asked: list[RequestForecast] = []

    def forecast(self, request: RequestForecast) -> ForecastReady | ForecastFailed:
        self.asked.append(request)
        close_ms = request.close_time_ms
        return ForecastReady(close_ms, close_ms, tuple(foreseen(s, self._p_up(s, close_ms)) for s in request.symbols))


def no_model(symbol: str, close_ms: int) -> float:
    """For strategies that never ask."""
    raise AssertionError(f"a forecast for {symbol} at {close_ms} was asked for")


def _step(state: Any, opened: float, high: float, low: float, close: float, volume: float, at: int, row: Any) -> None:
    row[0] = close / state[0] - 1.0 if state[0] else 0.0
    row[1] = volume
    state[0] = close


def two_features(warm_up: int = 2) -> FeatureSet:
    """The return since the last close, and the volume."""
    return FeatureSet("two", "0", ("return", "volume"), warm_up, _step, lambda: [0.0], lambda: [0.0, 0.0])
