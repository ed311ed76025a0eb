"""
What the bot owns: cash and holdings, exact to the last unit of `Decimal`.

Only fills change them. The float64 figures (marks, equity, exposure) are derived and never fed back.
"""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from bot.core.errors import DataError
from bot.core.market import Instrument
from bot.core.orders import BUY, ZERO, Fill


class Position(Struct, frozen=True, array_like=True, gc=False):
    """A holding of one instrument: `quantity` of base, bought at `average_price` without fees."""

    quantity: Decimal = ZERO
    average_price: Decimal = ZERO


FLAT = Position()


class Portfolio(Struct):
    """The stated budget and what our own fills made of it. Foreign money is not in here."""

    cash: Decimal
    positions: dict[str, Position] = {}

    def position(self, symbol: str) -> Position:
        """What is held of `symbol`."""
        return self.positions.get(symbol, FLAT)

    def apply(self, fill: Fill, instrument: Instrument) -> Position:
        """
        Book a fill and return the new position. A fee in base comes out of what was bought.

        A fee in a third asset, such as the venue's own coin, is paid by money that is not in here.

        Raises:
            DataError: The fill sells more than is held.
        """
        symbol, quantity = fill.symbol, fill.quantity
        held = self.positions.get(symbol, FLAT)
        amount = fill.price * quantity
        base_fee = quote_fee = ZERO
        if fill.fee_asset == instrument.quote:
            quote_fee = fill.fee
        elif fill.fee_asset == instrument.base:
            base_fee = fill.fee
        if fill.side is BUY:
            bought = held.quantity + quantity
            after = Position(bought - base_fee, (held.average_price * held.quantity + amount) / bought)
            paid = amount + quote_fee
        else:
            after = Position(held.quantity - quantity - base_fee, held.average_price)
            paid = quote_fee - amount
        if after.quantity < 0:
            raise DataError(f"fill {fill.trade_id} sells {quantity} {instrument.base} of {held.quantity} held")
        self.cash -= paid
        if not after.quantity:
            self.positions.pop(symbol, None)
            return FLAT
        self.positions[symbol] = after
        return after

    def holdings_value(self, marks: Mapping[str, float]) -> float:
        """Quote value of all holdings at these prices, float64."""
        return sum(float(position.quantity) * marks[symbol] for symbol, position in self.positions.items())
