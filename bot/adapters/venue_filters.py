"""
The filters of a Binance market: what each asks of an order, and what is said to one that breaks it.

The rules are those of Binance's public description of its filters. All comparisons are exact, and a bound of 0 is no
bound. What only the venue can know (its own average price) is judged by the price that is handed in, and not at all
where there is none. Pure.
"""

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct

from bot.core.orders import BUY, MARKET, STOP, ZERO, Intent


class Standing(Struct, frozen=True):
    """
    How things stand in a market, for the rules that ask.

    Attributes:
        price: A recent price, by which orders without a limit are valued; None where none is known.
        open_orders: Of the account in this market, whoever placed them; the two of a pair count as two.
        open_stops: Those of them that wait for a price.
        position: What the account has of the base asset and what its open buys may still bring.
    """

    price: Decimal | None = None
    open_orders: int = 0
    open_stops: int = 0
    position: Decimal = ZERO


class Grid(Struct, frozen=True):
    """Bounds and step of a number; 0 is no bound."""

    least: Decimal
    most: Decimal
    step: Decimal

    def complaint(self, name: str, value: Decimal) -> str | None:
        """What is wrong with a value, as a sentence; None where it is on the grid."""
        if self.least and value < self.least:
            return f"the {name} {value} is below the smallest of {self.least}"
        if self.most and value > self.most:
            return f"the {name} {value} is above the largest of {self.most}"
        if self.step and value % self.step:
            return f"the {name} {value} is not a multiple of {self.step}"
        return None


class PriceFilter(Struct, frozen=True):
    """PRICE_FILTER: the grid of limits and of stop prices."""

    grid: Grid

    def complaint(self, intent: Intent, standing: Standing) -> str | None:
        """What is wrong with the order's prices."""
        del standing
        return next(filter(None, (self.grid.complaint(name, price) for name, price in _prices(intent))), None)


class LotSize(Struct, frozen=True):
    """LOT_SIZE: the grid of quantities; MARKET_LOT_SIZE where it holds `at_market` alone."""

    grid: Grid
    at_market: bool = False

    def complaint(self, intent: Intent, standing: Standing) -> str | None:
        """What is wrong with the order's quantity."""
        del standing
        if self.at_market:
            return self.grid.complaint("quantity of a market order", intent.quantity) if intent.type is MARKET else None
        return self.grid.complaint("quantity", intent.quantity)


class Notional(Struct, frozen=True):
    """NOTIONAL, and MIN_NOTIONAL, which has no largest amount: what an order is worth in quote."""

    least: Decimal
    most: Decimal
    least_at_market: bool
    most_at_market: bool

    def complaint(self, intent: Intent, standing: Standing) -> str | None:
        """What is wrong with the order's worth; one without a limit is worth what the price says."""
        at_market = intent.limit_price is None
        price = standing.price if at_market else intent.limit_price
        if price is None:
            return None
        amount = intent.quantity * price
        if amount < self.least and (self.least_at_market or not at_market):
            return f"an amount of {amount} is below the smallest of {self.least}"
        if self.most and amount > self.most and (self.most_at_market or not at_market):
            return f"an amount of {amount} is above the largest of {self.most}"
        return None


class PercentPrice(Struct, frozen=True):
    """PERCENT_PRICE and PERCENT_PRICE_BY_SIDE: how far a limit may be from the price, as multiples of it."""

    bid_down: Decimal
    bid_up: Decimal
    ask_down: Decimal
    ask_up: Decimal

    def complaint(self, intent: Intent, standing: Standing) -> str | None:
        """What is wrong with the distance of the order's limit."""
        if intent.limit_price is None or standing.price is None:
            return None
        is_bid = intent.side is BUY
        lowest = standing.price * (self.bid_down if is_bid else self.ask_down)
        highest = standing.price * (self.bid_up if is_bid else self.ask_up)
        if lowest <= intent.limit_price <= highest:
            return None
        return f"the limit {intent.limit_price} is too far from the price: from {lowest} to {highest} are allowed"


class MaxOrders(Struct, frozen=True):
    """MAX_NUM_ORDERS, and MAX_NUM_ALGO_ORDERS where it counts `stops` alone."""

    most: int
    stops: bool = False

    def complaint(self, intent: Intent, standing: Standing) -> str | None:
        """Whether one more is too many."""
        if self.stops and intent.type is not STOP:
            return None
        count = standing.open_stops if self.stops else standing.open_orders
        if count < self.most:
            return None
        # The venue's own word for it: by that it is known that a stop could be held here instead.
        name = "MAX_NUM_ALGO_ORDERS" if self.stops else "MAX_NUM_ORDERS"
        return f"{count} {'stops' if self.stops else 'orders'} of {self.most} are open ({name})"


class MaxPosition(Struct, frozen=True):
    """MAX_POSITION: how much of the base asset an account may have."""

    most: Decimal

    def complaint(self, intent: Intent, standing: Standing) -> str | None:
        """Whether a buy would make it too much."""
        if intent.side is not BUY or standing.position + intent.quantity <= self.most:
            return None
        return f"the position would be {standing.position + intent.quantity}, of which {self.most} are allowed"


Filter = PriceFilter | LotSize | Notional | PercentPrice | MaxOrders | MaxPosition


def _prices(intent: Intent) -> Iterator[tuple[str, Decimal]]:
    if intent.limit_price is not None and intent.type is not MARKET:
        yield "limit", intent.limit_price
    if intent.stop_price is not None and intent.type is STOP:
        yield "stop price", intent.stop_price
