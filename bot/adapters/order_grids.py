"""
How orders have to be written in each market now, and what that makes of one that was written otherwise.

A run keeps the grid that it began with; the venue does not. What is bought must then not be bought, but what ends or
protects a position still has to get there: it is cut to what the venue takes. Sans-I/O.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from math import lcm
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from bot.adapters.order_messages import RulesHeard
from bot.adapters.order_outputs import OrderOutput
from bot.core.events import BoundsChanged
from bot.core.market import Instrument
from bot.core.orders import BUY, MARKET, ZERO, Intent, Side


class MarketGrid(Struct, frozen=True):
    """
    The steps and bounds of one market.

    `least` is the smallest order there; `most_at_market` bounds orders at the market, where it is not 0.
    """

    lot: Decimal
    tick: Decimal
    least: Decimal
    most_at_market: Decimal

    @classmethod
    def of(cls, heard: RulesHeard) -> Self:
        """The grid that keeps all of the rules."""
        lot = common_step(heard.lot_steps)
        most = heard.most_at_market // lot * lot
        return cls(lot, common_step(heard.tick_sizes), max(lot, heard.least), most)

    def within(self, least: Decimal, most: Decimal) -> tuple[Decimal, Decimal]:
        """The bounds of an order that is to keep to these as well; a most of 0 is none."""
        return max(self.least, least), min(filter(None, (self.most_at_market, most)), default=ZERO)

    def fitted(self, intent: Intent) -> Intent:
        """
        The most of an order that the venue takes; its quantity is 0 where that is nothing.

        A sell's price is moved down and a buy's up, by less than a tick. A stop that does not touch the market stays
        clear of it, where the other way it could be refused for touching; a limit gets no harder to execute.
        """
        most = (self.most_at_market if intent.type is MARKET else ZERO) or intent.quantity
        lots = min(intent.quantity, most) // self.lot * self.lot
        fitted = replace(
            intent,
            quantity=lots if lots >= self.least else ZERO,
            limit_price=self._moved(intent.limit_price, intent.side),
            stop_price=self._moved(intent.stop_price, intent.side),
        )
        return intent if fitted == intent else fitted

    def _moved(self, price: Decimal | None, side: Side) -> Decimal | None:
        if price is None:
            return None
        below = price // self.tick * self.tick
        # At 0 there is no price: the lowest is one tick.
        return below + self.tick if side is BUY and below < price else max(below, self.tick)


class OrderGrids:
    """
    The grids of our markets, as the venue told them last.

    Args:
        instruments: Our markets as the run has them, by symbol.
    """

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._own = {symbol: _bounds(one) for symbol, one in instruments.items()}
        self._told = dict(self._own)
        self._grids: dict[str, MarketGrid] = {}

    def hear(self, heard: RulesHeard, now: int, out: list[OrderOutput]) -> None:
        """Go by these rules, and tell the engine where they change how much an order may have."""
        symbol = heard.symbol
        if symbol not in self._own:
            return
        grid = self._grids[symbol] = MarketGrid.of(heard)
        bounds = grid.within(*self._own[symbol])
        if bounds != self._told[symbol]:
            self._told[symbol] = bounds
            out.append(BoundsChanged(now, symbol, *bounds))

    def of(self, symbol: str) -> MarketGrid | None:
        """The grid of a market; None where nothing has been heard of it."""
        return self._grids.get(symbol)


def _bounds(instrument: Instrument) -> tuple[Decimal, Decimal]:
    return max(instrument.lot_step, instrument.min_quantity), instrument.max_quantity or ZERO


def common_step(steps: Iterable[Decimal]) -> Decimal:
    """The smallest amount that is a multiple of all steps, each above 0, of which there is one at least."""
    stated = tuple(steps)
    finest = Decimal(1).scaleb(min(step.adjusted() - len(step.as_tuple().digits) for step in stated))
    return lcm(*(int(step / finest) for step in stated)) * finest
