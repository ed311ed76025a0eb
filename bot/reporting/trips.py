"""
What trading made and what it cost, in exact amounts: round trips and the sums over fills.

Knows fills and instruments; nothing of candles, marks or forecasts.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec import Struct

from bot.core.market import Instrument
from bot.core.orders import ZERO, Side
from bot.reporting.own_fills import FilledOrder


class RoundTrip(Struct, frozen=True):
    """From flat to a position and back, in one market. `profit` is in quote currency, after every cost."""

    symbol: str
    opened_ms: int
    closed_ms: int
    profit: Decimal


class TradedAmounts(Struct, frozen=True):
    """
    Sums over fills, in quote currency.

    `traded` counts both sides, `price * quantity`. A fee in base is valued at the price of its fill. The spread and
    slippage are what the price of a fill was worse than its reference price by.
    """

    traded: Decimal = ZERO
    fees: Decimal = ZERO
    spread: Decimal = ZERO
    slippage: Decimal = ZERO

    @property
    def costs(self) -> Decimal:
        """Everything that the run would have kept in a market without costs."""
        return self.fees + self.spread + self.slippage


def traded_amounts(fills: Iterable[FilledOrder], instruments: Mapping[str, Instrument]) -> TradedAmounts:
    """Sum up what was traded and what it cost. A fee in a third asset is other money's, at a price that nobody told."""
    traded = fees = spread = slippage = ZERO
    for filled in fills:
        fill = filled.fill
        instrument = instruments[fill.symbol]
        traded += fill.price * fill.quantity
        if fill.fee_asset == instrument.base:
            fees += fill.fee * fill.price
        elif fill.fee_asset == instrument.quote:
            fees += fill.fee
        spread += fill.spread_cost
        slippage += fill.slippage_cost
    return TradedAmounts(traded, fees, spread, slippage)


def round_trips(fills: Iterable[FilledOrder], instruments: Mapping[str, Instrument]) -> tuple[RoundTrip, ...]:
    """
    Every closed round trip, in the order of their ends.

    The profit is what came in less what went out between flat and flat, so it needs no cost-basis rule. A rest that
    is below the smallest quantity that the market trades counts as flat: a fee in base leaves such rests behind.
    A position that is still open is no round trip.
    """
    trips: list[RoundTrip] = []
    open_trips: dict[str, _OpenTrip] = {}
    for filled in fills:
        symbol = filled.fill.symbol
        trip = open_trips.setdefault(symbol, _OpenTrip(filled.at_ms))
        instrument = instruments[symbol]
        trip.take(filled, instrument)
        if trip.quantity < max(instrument.lot_step, instrument.min_quantity):
            trips.append(RoundTrip(symbol, trip.opened_ms, filled.at_ms, trip.cash))
            del open_trips[symbol]
    return tuple(trips)


class _OpenTrip(Struct):
    opened_ms: int
    quantity: Decimal = ZERO
    cash: Decimal = ZERO

    def take(self, filled: FilledOrder, instrument: Instrument) -> None:
        fill = filled.fill
        direction = 1 if fill.side is Side.BUY else -1
        in_base, in_quote = fill.fee_asset == instrument.base, fill.fee_asset == instrument.quote
        self.quantity += direction * fill.quantity - (fill.fee if in_base else ZERO)
        self.cash -= direction * fill.price * fill.quantity + (fill.fee if in_quote else ZERO)
