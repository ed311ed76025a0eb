"""
What the gate has to know of the account, put together by whoever keeps its books.

Values only; decides nothing.
"""

from decimal import Decimal

from msgspec import Struct

from bot.core.market import Instrument
from bot.core.orders import ZERO
from risk.breakers import TradingState


class AccountView(Struct, frozen=True, gc=False):
    """
    What the gate sees of the account and of the intent's market, at one moment.

    Attributes:
        state: What may be traded.
        state_reason: Why that is so, for the sentence of a denial.
        equity: Marked equity, quote currency.
        available_cash: Cash less what working buys reserve.
        position: Quantity held of the intent's market.
        sellable: Position less what working sells hold.
        position_notional: Marked value of this market's holding and working buys.
        exposure_notional: The same for all markets, this one included.
        price: Last price at the place of execution.
        market_problem: Why the market is not tradable (warming up, a gap, suspended, a filled bar), or None.
        candles_since_stop: Candles closed since this market was stopped out, or None where it never was.
        orders_today: Orders submitted in this UTC day.
        protective_stop: Where the stop of what is bought will rest; None where nothing is known of one.
        least: The smallest order that the venue takes now, where that is more than the instrument says.
        most: The greatest at the market, where that is less; 0 where the venue has not said so.
    """

    state: TradingState
    state_reason: str
    equity: float
    available_cash: Decimal
    position: Decimal
    sellable: Decimal
    position_notional: float
    exposure_notional: float
    price: float
    market_problem: str | None
    candles_since_stop: int | None
    orders_today: int
    protective_stop: Decimal | None = None
    least: Decimal = ZERO
    most: Decimal = ZERO

    def least_of(self, instrument: Instrument) -> Decimal:
        """The smallest quantity that the venue takes of this market."""
        return max(instrument.min_quantity, self.least)

    def most_of(self, instrument: Instrument) -> Decimal | None:
        """The greatest quantity of one order at the market; None where nothing bounds it."""
        return min(filter(None, (instrument.max_quantity, self.most)), default=None)
