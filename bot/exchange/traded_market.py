"""
One market as an account meets it: whether it is open, what its rules say, and what an order needs to get in.

Between the requests of accounts and the floor, which takes only what was vetted here.
"""

from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Final

from msgspec.structs import replace

from bot.core.errors import ConfigError
from bot.core.orders import BUY, SELL
from bot.exchange.accounts import Ledger
from bot.exchange.depth import Tick
from bot.exchange.floor import Floor
from bot.exchange.order_lists import NewOco, OrderList, check_legs, shared_reserve
from bot.exchange.order_rules import MarketRules, Standing
from bot.exchange.orders import NO_LIST, ZERO, Kind, NewOrder, SelfTrade, VenueOrder
from bot.exchange.refusals import insufficient_funds, market_closed, rejected

_DECIMALS: Final = 8
_ID_LENGTH: Final = 22


class MarketStatus(StrEnum):
    """Whether a market trades; in all but the first nothing is placed and nothing moves."""

    TRADING = "TRADING"
    END_OF_DAY = "END_OF_DAY"
    HALT = "HALT"
    BREAK = "BREAK"
    CANCEL_ONLY = "CANCEL_ONLY"

    may_cancel: bool

    def __init__(self, value: str) -> None:
        self.may_cancel = value in ("TRADING", "CANCEL_ONLY")


class TradedMarket:
    """
    A floor and its door.

    Args:
        floor: Where the orders meet.
        rules: What orders must be like; may be changed at any time.
        ledger: The balances.

    Raises:
        ConfigError: Prices times quantities would have more digits than a balance.
    """

    def __init__(self, floor: Floor, rules: MarketRules, ledger: Ledger) -> None:
        listing = floor.listing
        if listing.price_decimals + listing.quantity_decimals > _DECIMALS:
            raise ConfigError(
                f"{listing.symbol} has {listing.price_decimals} + {listing.quantity_decimals} decimals: amounts "
                f"would need more than the {_DECIMALS} of a balance"
            )
        self.floor = floor
        self.rules = rules
        self.status = MarketStatus.TRADING
        self._ledger = ledger
        self._was_closed = False

    def move(self, tick: Tick) -> None:
        """Let the price move; a market that was closed jumps to where it is when it opens."""
        if self.status is not MarketStatus.TRADING:
            self._was_closed = True
            self.floor.withdraw()
            return
        self.floor.move(replace(tick, gap=tick.gap or self._was_closed))
        self._was_closed = False

    def last_price(self) -> Decimal:
        """The last price. Raises `Refusal` where there is none yet."""
        if self.floor.prints.last is None:
            raise market_closed()
        return self.floor.prints.last

    def check(self, account: str, order: NewOrder, now_ms: int, beside: tuple[NewOrder, ...] = ()) -> None:
        """See that the market is open and takes such an order. Raises `Refusal`."""
        if self.status is not MarketStatus.TRADING or self.floor.prints.last is None:
            raise market_closed()
        self.rules.check(order, self._standing(account, now_ms, beside))

    def vet(self, account: str, order: NewOrder, now_ms: int, beside: tuple[NewOrder, ...] = ()) -> VenueOrder:
        """
        See that an order may be placed, but for its funds, and make it one of the exchange's.

        Args:
            account: Who places it.
            order: What is asked for.
            now_ms: Now.
            beside: Orders that come with it and count as open.

        Returns:
            The order, without a number.

        Raises:
            Refusal: It may not, in the venue's words.
        """
        self.check(account, order, now_ms, beside)
        last = self.last_price()
        self._check_id(account, order, beside)
        draft = self._draft(account, order, now_ms)
        if order.kind.is_algo and draft.triggers_at(last):
            raise rejected("Order would trigger immediately.")
        if order.kind is Kind.LIMIT_MAKER and self._would_take(draft):
            raise rejected("Order would immediately match and take.")
        return self._sized(draft) if order.quote_quantity else draft

    def hold(self, order: VenueOrder) -> None:
        """
        Set aside what an order may need; a buy at the market pays at once and only has to be able to.

        Raises:
            Refusal: The account has less.
        """
        if order.kind is not Kind.MARKET or order.side is SELL:
            self.floor.clearing.hold(order, order.reserved)
            return
        swept = self.floor.book.sweep(BUY, order.quantity, without=_own(order))
        if max(swept.amount, order.quote_quantity) > self._ledger.free(order.account, self.floor.listing.quote):
            raise insufficient_funds()

    def place(self, draft: VenueOrder) -> VenueOrder:
        """Send an order to the floor that was vetted and whose reserve is set aside."""
        return self.floor.submit(self._numbered(draft))

    def place_pair(self, account: str, oco: NewOco, list_id: int, now_ms: int) -> OrderList:
        """
        Vet two orders of which one cancels the other, set aside what they share, and send them to the floor.

        Raises:
            Refusal: They may not be placed, in the venue's words.
        """
        check_legs(oco, self.last_price())
        below = self.vet(account, oco.below, now_ms)
        above = self.vet(account, oco.above, now_ms, beside=(oco.below,))
        self.floor.clearing.hold(below, shared_reserve((below, above)))
        legs = tuple(self._numbered(replace(leg, list_id=list_id)) for leg in (below, above))
        pair = OrderList(
            list_id=list_id,
            account=account,
            symbol=oco.symbol,
            client_list_id=oco.client_list_id or chosen_id("list", list_id),
            order_ids=(legs[0].order_id, legs[1].order_id),
            time_ms=now_ms,
        )
        self.floor.submit_pair((legs[0], legs[1]), pair)
        return pair

    def _numbered(self, draft: VenueOrder) -> VenueOrder:
        number = self.floor.next_order_id()
        return replace(
            draft,
            order_id=number,
            client_order_id=draft.client_order_id or chosen_id(draft.symbol, number),
        )

    def _standing(self, account: str, now_ms: int, beside: tuple[NewOrder, ...]) -> Standing:
        listing, floor = self.floor.listing, self.floor
        orders = list(floor.open_orders(account))
        base = self._ledger.accounts[account].balance(listing.base)
        bought = sum((order.remaining for order in orders if order.side is BUY), ZERO)
        return Standing(
            average=floor.prints.average(now_ms) or ZERO,
            open_orders=len(orders) + len(beside),
            open_algos=sum(order.kind.is_algo for order in orders) + sum(order.kind.is_algo for order in beside),
            position=base.free + base.locked + bought,
        )

    def _check_id(self, account: str, order: NewOrder, beside: tuple[NewOrder, ...]) -> None:
        """A client id is unique among the open orders of an account, and among them only."""
        taken = {one.client_order_id for one in self.floor.open_orders(account)}
        if order.client_order_id and order.client_order_id in taken | {one.client_order_id for one in beside}:
            raise rejected("Duplicate order sent.")

    def _draft(self, account: str, order: NewOrder, now_ms: int) -> VenueOrder:
        return VenueOrder(
            account=account,
            symbol=order.symbol,
            order_id=0,
            client_order_id=order.client_order_id,
            side=order.side,
            kind=order.kind,
            quantity=order.quantity,
            self_trade=order.self_trade or self.rules.self_trade,
            time_ms=now_ms,
            update_ms=now_ms,
            price=order.price,
            stop_price=order.stop_price,
            quote_quantity=order.quote_quantity,
            time_in_force=order.time_in_force,
            strategy_id=order.strategy_id,
            strategy_type=order.strategy_type,
            list_id=NO_LIST,
        )

    def _would_take(self, draft: VenueOrder) -> bool:
        best = self.floor.book.best(SELL if draft.side is BUY else BUY)
        return best is not None and draft.accepts(best.price)

    def _sized(self, draft: VenueOrder) -> VenueOrder:
        """A market order for an amount, with the quantity that the book gives for it."""
        step = self.floor.listing.lot_step
        swept = self.floor.book.sweep_amount(draft.side, draft.quote_quantity, step, _own(draft))
        if swept.quantity == 0:
            raise rejected("Order book liquidity is less than `LOT_SIZE` filter minimum quantity.")
        # What the book does not have is asked for at its last price: that part of the order will expire.
        missing = (draft.quote_quantity - swept.amount) / self.last_price() // step * step if swept.exhausted else ZERO
        return replace(draft, quantity=swept.quantity + missing)


def chosen_id(*of: object) -> str:
    """The id that the exchange gives where the client gave none: the same every time for the same thing."""
    return sha256(" ".join(map(str, of)).encode()).hexdigest()[:_ID_LENGTH]


def _own(order: VenueOrder) -> str | None:
    return None if order.self_trade is SelfTrade.NONE else order.account
