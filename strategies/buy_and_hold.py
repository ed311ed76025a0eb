"""
The strategy that every other one must beat: buy once, hold.

Needs no model, so it also is the simplest thing that drives the whole machine.
"""

from typing import Final

from msgspec import Struct

from bot.core.forecast import Forecast
from strategies.strategy import MarketView, Signal

ALWAYS_HELD: Final = Signal(1.0, "always held")


class BuyAndHold(Struct, frozen=True):
    """Want every market, always. Implements `Strategy`."""

    @property
    def needs_forecast(self) -> bool:
        """Never."""
        return False

    def wanted(self, view: MarketView, forecast: Forecast | None) -> Signal:  # noqa: ARG002
        """Want the full exposure, whatever is shown."""
        return ALWAYS_HELD
