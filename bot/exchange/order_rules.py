"""
The rules of a market: its filters, the types of orders that it takes, and what is said to those that break them.

The filters are those of Binance's public description, each with the fields that `exchangeInfo` shows; all comparisons
are exact, and a bound of 0 is no bound. Knows nothing of books and balances: what a filter needs to know of them is
handed in.
"""

from decimal import Decimal
from typing import Final

from msgspec import Struct

from bot.core.orders import BUY
from bot.exchange.listing import Listing
from bot.exchange.orders import ZERO, Kind, NewOrder, SelfTrade
from bot.exchange.refusals import not_placed, rejected
from bot.exchange.wire import Refusal


class Standing(Struct, frozen=True):
    """
    What the filters ask of market and account.

    `average` is the volume-weighted price of the last minutes. `open_orders` and `open_algos` are the account's
    on this market, `position` all that it has or bids for of the base asset.
    """

    average: Decimal
    open_orders: int = 0
    open_algos: int = 0
    position: Decimal = ZERO


class Filter(Struct, frozen=True, tag_field="filterType", rename="camel"):
    """One rule. `name` is what a refusal calls it."""

    @property
    def name(self) -> str:
        """The name on the wire, such as `LOT_SIZE`."""
        return str(self.__struct_config__.tag)

    def refusal(self) -> Refusal:
        """What is said to an order that breaks it: most filters are asked before an order reaches the engine."""
        return not_placed(f"Filter failure: {self.name}")


class PriceFilter(Filter, frozen=True, tag="PRICE_FILTER", rename="camel"):
    """Bounds and grid of a price and of a stop price."""

    min_price: Decimal
    max_price: Decimal
    tick_size: Decimal

    def passes(self, order: NewOrder, standing: Standing) -> bool:
        """Whether the prices that the order has are on the grid."""
        del standing
        stated = [order.price] if order.kind.has_limit else []
        stated += [order.stop_price] if order.kind.is_algo else []
        return all(_fits(price, self.min_price, self.max_price, self.tick_size) for price in stated)


class LotSize(Filter, frozen=True, tag="LOT_SIZE", rename="camel"):
    """Bounds and grid of a quantity."""

    min_qty: Decimal
    max_qty: Decimal
    step_size: Decimal

    def passes(self, order: NewOrder, standing: Standing) -> bool:
        """Whether the quantity is on the grid; an order for an amount has none yet."""
        del standing
        return bool(order.quote_quantity) or _fits(order.quantity, self.min_qty, self.max_qty, self.step_size)


class MarketLotSize(Filter, frozen=True, tag="MARKET_LOT_SIZE", rename="camel"):
    """Bounds and grid of the quantity of a market order."""

    min_qty: Decimal
    max_qty: Decimal
    step_size: Decimal

    def passes(self, order: NewOrder, standing: Standing) -> bool:
        """Whether a market order's quantity is on the grid."""
        del standing
        if order.kind is not Kind.MARKET or order.quote_quantity:
            return True
        return _fits(order.quantity, self.min_qty, self.max_qty, self.step_size)


class MinNotional(Filter, frozen=True, tag="MIN_NOTIONAL", rename="camel"):
    """The smallest amount of an order; the older form of `Notional`."""

    min_notional: Decimal
    apply_to_market: bool = True
    avg_price_mins: int = 5

    def passes(self, order: NewOrder, standing: Standing) -> bool:
        """Whether the order is worth enough."""
        if not order.kind.has_limit and not self.apply_to_market:
            return True
        return amount_of(order, standing) >= self.min_notional


class Notional(Filter, frozen=True, tag="NOTIONAL", rename="camel"):
    """The smallest and the largest amount of an order."""

    min_notional: Decimal
    max_notional: Decimal
    apply_min_to_market: bool = True
    apply_max_to_market: bool = False
    avg_price_mins: int = 5

    def passes(self, order: NewOrder, standing: Standing) -> bool:
        """Whether the order is worth enough and not too much."""
        amount = amount_of(order, standing)
        at_market = not order.kind.has_limit
        enough = amount >= self.min_notional or (at_market and not self.apply_min_to_market)
        return enough and (amount <= self.max_notional or (at_market and not self.apply_max_to_market))


class PercentPriceBySide(Filter, frozen=True, tag="PERCENT_PRICE_BY_SIDE", rename="camel"):
    """How far a limit may be from the average price."""

    bid_multiplier_up: Decimal
    bid_multiplier_down: Decimal
    ask_multiplier_up: Decimal
    ask_multiplier_down: Decimal
    avg_price_mins: int = 5

    def passes(self, order: NewOrder, standing: Standing) -> bool:
        """Whether the limit is near enough."""
        if not order.kind.has_limit:
            return True
        bids = order.side is BUY
        down = self.bid_multiplier_down if bids else self.ask_multiplier_down
        up = self.bid_multiplier_up if bids else self.ask_multiplier_up
        return standing.average * down <= order.price <= standing.average * up


class _Counted(Filter, frozen=True):
    """A filter that the engine asks: its refusal is the engine's."""

    def refusal(self) -> Refusal:
        """What the engine says; users have reported it as a rejection of the order."""
        return rejected(f"Filter failure: {self.name}")


class MaxNumOrders(_Counted, frozen=True, tag="MAX_NUM_ORDERS", rename="camel"):
    """How many orders an account may have open on a market."""

    max_num_orders: int

    def passes(self, order: NewOrder, standing: Standing) -> bool:
        """Whether one more is allowed."""
        del order
        return standing.open_orders < self.max_num_orders


class MaxNumAlgoOrders(_Counted, frozen=True, tag="MAX_NUM_ALGO_ORDERS", rename="camel"):
    """How many stops and take-profits an account may have open on a market."""

    max_num_algo_orders: int

    def passes(self, order: NewOrder, standing: Standing) -> bool:
        """Whether one more is allowed."""
        return not order.kind.is_algo or standing.open_algos < self.max_num_algo_orders


class MaxPosition(_Counted, frozen=True, tag="MAX_POSITION", rename="camel"):
    """How much of the base asset an account may have."""

    max_position: Decimal

    def passes(self, order: NewOrder, standing: Standing) -> bool:
        """Whether a buy stays within it; one for an amount is judged by the average price."""
        quantity = order.quantity or order.quote_quantity / standing.average
        return order.side is not BUY or standing.position + quantity <= self.max_position


AnyFilter = (
    PriceFilter
    | LotSize
    | MarketLotSize
    | MinNotional
    | Notional
    | PercentPriceBySide
    | MaxNumOrders
    | MaxNumAlgoOrders
    | MaxPosition
)

_UNSUPPORTED: Final = {
    Kind.MARKET: "Market orders",
    Kind.STOP_LOSS: "Stop loss orders",
    Kind.STOP_LOSS_LIMIT: "Stop loss limit orders",
    Kind.TAKE_PROFIT: "Take profit orders",
    Kind.TAKE_PROFIT_LIMIT: "Take profit limit orders",
}


class MarketRules(Struct, frozen=True):
    """What one market takes."""

    filters: tuple[AnyFilter, ...]
    kinds: tuple[Kind, ...] = tuple(Kind)
    self_trade: SelfTrade = SelfTrade.EXPIRE_MAKER
    self_trades: tuple[SelfTrade, ...] = tuple(SelfTrade)

    def check(self, order: NewOrder, standing: Standing) -> None:
        """
        Ask the filters, in their order.

        Raises:
            Refusal: The first that the order breaks, in the venue's words.
        """
        if order.kind not in self.kinds:
            named = _UNSUPPORTED.get(order.kind)
            raise not_placed(
                f"{named} are not supported for this symbol." if named else "Unsupported order combination"
            )
        if order.self_trade is not None and order.self_trade not in self.self_trades:
            raise not_placed("This symbol does not allow the specified self-trade prevention mode.")
        for rule in self.filters:
            if not rule.passes(order, standing):
                raise rule.refusal()


def default_rules(listing: Listing) -> MarketRules:
    """The rules of a listing, with the bounds that Binance has on its larger markets."""
    tick, step = listing.tick_size, listing.lot_step
    return MarketRules(
        filters=(
            PriceFilter(min_price=tick, max_price=Decimal(1_000_000), tick_size=tick),
            LotSize(min_qty=step, max_qty=Decimal(9_000_000), step_size=step),
            MarketLotSize(min_qty=ZERO, max_qty=Decimal(1_000_000), step_size=ZERO),
            PercentPriceBySide(
                bid_multiplier_up=Decimal(5),
                bid_multiplier_down=Decimal("0.2"),
                ask_multiplier_up=Decimal(5),
                ask_multiplier_down=Decimal("0.2"),
            ),
            Notional(min_notional=listing.min_notional, max_notional=Decimal(9_000_000)),
            MaxNumOrders(max_num_orders=200),
            MaxNumAlgoOrders(max_num_algo_orders=5),
        )
    )


def amount_of(order: NewOrder, standing: Standing) -> Decimal:
    """What an order is worth in quote: at its limit, or at the average price where it has none."""
    if order.quote_quantity:
        return order.quote_quantity
    return order.quantity * (order.price if order.kind.has_limit else standing.average)


def _fits(value: Decimal, least: Decimal, most: Decimal, step: Decimal) -> bool:
    return (
        (not least or value >= least) and (not most or value <= most) and (not step or value % step == 0) and value > 0
    )
