"""
The CNN-LSTM's strategy: hold a market while the model's expected move pays for it.

Knows neither the model nor how its forecast came about.
"""

from msgspec import Struct

from bot.core.forecast import Forecast
from strategies.signal import SignalRule, decide
from strategies.strategy import MarketView, Signal


class ForecastFollowing(Struct, frozen=True):
    """Follow the forecast under one rule. Implements `Strategy`."""

    rule: SignalRule

    @property
    def needs_forecast(self) -> bool:
        """Always: there is nothing to follow without one."""
        return True

    def wanted(self, view: MarketView, forecast: Forecast | None) -> Signal:
        """
        Apply the rule to the forecast.

        Raises:
            ValueError: No forecast was given; whoever runs a strategy asks `needs_forecast` first.
        """
        if forecast is None:
            raise ValueError(f"{view.symbol} was asked about without a forecast, which this strategy needs")
        return decide(self.rule, view, forecast)
