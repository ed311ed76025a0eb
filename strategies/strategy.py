"""
The strategy port: from one market's closed candle to a wanted exposure.

A strategy is a pure function of what it is shown. It knows nothing of cash, orders or other markets.
"""

from typing import Protocol

from msgspec import Struct

from bot.core.forecast import Forecast


class MarketView(Struct, frozen=True, gc=False):
    """
    What a strategy sees of one market at one close.

    `held` is the exposure held now, as a fraction of equity. `round_trip_bps` is the full cost of buying and
    selling again. `sigma` is the volatility of one candle's log return.
    """

    symbol: str
    close_time_ms: int
    close: float
    held: float
    sigma: float
    round_trip_bps: float


class Signal(Struct, frozen=True, gc=False):
    """
    A wanted exposure: a level in [-1, 1], not an edge.

    `reason` is one constant sentence. The two moves, in basis points, are what was expected and what would
    have been needed to act; `None` where the strategy does not reason in them.
    """

    exposure: float
    reason: str
    expected_move_bps: float | None = None
    needed_move_bps: float | None = None


class Strategy(Protocol):
    """From a view, and a forecast where one is needed, to a signal."""

    @property
    def needs_forecast(self) -> bool:
        """Whether `wanted` must be given a forecast."""
        ...

    def wanted(self, view: MarketView, forecast: Forecast | None) -> Signal:
        """The exposure wanted from this close on."""
        ...
