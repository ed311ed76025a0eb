"""
Two orders of which one cancels the other: what makes a valid pair, and how far each pair has come.

One of the two waits above the market, one below; as soon as one of them trades or is triggered the other expires.
Knows nothing of books and balances.
"""

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from bot.core.orders import BUY, SELL, Side
from bot.exchange.orders import Kind, NewOrder, VenueOrder
from bot.exchange.refusals import rejected
from bot.exchange.wire import Refusal

_STOP_LOSSES: Final = (Kind.STOP_LOSS, Kind.STOP_LOSS_LIMIT)
_TAKE_PROFITS: Final = (Kind.TAKE_PROFIT, Kind.TAKE_PROFIT_LIMIT)
_LEGS: Final = (Kind.LIMIT_MAKER, *_STOP_LOSSES, *_TAKE_PROFITS)


class ListStatus(StrEnum):
    """Where a pair stands, as Binance's `listOrderStatus`."""

    EXECUTING = "EXECUTING"
    ALL_DONE = "ALL_DONE"


class NewOco(Struct, frozen=True):
    """
    A request for a pair, well-formed but not vetted: `above` and `below` have one market, side and quantity.

    An empty `client_list_id` lets the exchange choose one.
    """

    above: NewOrder
    below: NewOrder
    client_list_id: str = ""

    @property
    def symbol(self) -> str:
        """The market of both legs."""
        return self.above.symbol

    @property
    def side(self) -> Side:
        """The side of both legs."""
        return self.above.side


class OrderList(Struct, frozen=True):
    """A pair in the exchange's books, the order below the market first."""

    list_id: int
    account: str
    symbol: str
    client_list_id: str
    order_ids: tuple[int, int]
    time_ms: int
    status: ListStatus = ListStatus.EXECUTING

    @property
    def is_open(self) -> bool:
        """Whether an order of it is open."""
        return self.status is ListStatus.EXECUTING

    def other(self, order_id: int) -> int:
        """The order that gives way to `order_id`."""
        first, second = self.order_ids
        return second if order_id == first else first


def check_legs(oco: NewOco, last: Decimal) -> None:
    """
    See that the types and prices of a pair belong together.

    A sell has its take-profit above the last price and its stop below, a buy the other way round.

    Raises:
        Refusal: They do not, in the venue's words.
    """
    kinds = (oco.above.kind, oco.below.kind)
    if any(kind not in _LEGS for kind in kinds):
        raise Refusal(-1158, "Order type not supported in OCO.")
    if all(kind is Kind.LIMIT_MAKER for kind in kinds):
        raise Refusal(-1168, "At least one OCO order must be contingent.")
    wins, loses = (oco.above, oco.below) if oco.side is SELL else (oco.below, oco.above)
    if wins.kind in _STOP_LOSSES:
        raise _stop_on_the_wrong_side(oco.side)
    if loses.kind is Kind.LIMIT_MAKER:
        raise _limit_on_the_wrong_side(oco.side)
    if loses.kind in _TAKE_PROFITS:
        raise _profit_on_the_wrong_side(oco.side)
    if not _waits_at(oco.below) < last < _waits_at(oco.above):
        raise rejected("The relationship of the prices for the orders is not correct.")


def shared_reserve(legs: tuple[VenueOrder, VenueOrder]) -> Decimal:
    """What a pair sets aside: only one of them will ever need it."""
    return max(leg.reserved for leg in legs)


class OrderLists:
    """All pairs of the exchange, by number."""

    def __init__(self) -> None:
        self._lists: dict[int, OrderList] = {}

    @property
    def next_id(self) -> int:
        """The number of the next pair."""
        return len(self._lists)

    def add(self, pair: OrderList) -> None:
        """Note a new pair."""
        self._lists[pair.list_id] = pair

    def get(self, list_id: int) -> OrderList | None:
        """A pair by its number."""
        return self._lists.get(list_id)

    def close(self, list_id: int) -> OrderList:
        """Note that no order of a pair is open any more."""
        closed = self._lists[list_id] = replace(self._lists[list_id], status=ListStatus.ALL_DONE)
        return closed

    def of(self, account: str) -> Iterator[OrderList]:
        """The pairs of an account, oldest first."""
        return (pair for pair in self._lists.values() if pair.account == account)

    def find(self, account: str, list_id: int | None, client_list_id: str | None) -> OrderList | None:
        """The newest pair of an account with this number and this client id, as far as they are given."""
        for pair in reversed(list(self.of(account))):
            if list_id in (None, pair.list_id) and client_list_id in (None, pair.client_list_id):
                return pair
        return None


def _waits_at(order: NewOrder) -> Decimal:
    return order.stop_price if order.kind.is_algo else order.price


def _stop_on_the_wrong_side(side: Side) -> Refusal:
    if side is BUY:
        return Refusal(-1196, "A stop loss order in a buy OCO must be above.")
    return Refusal(-1197, "A stop loss order in a sell OCO must be below.")


def _limit_on_the_wrong_side(side: Side) -> Refusal:
    if side is BUY:
        return Refusal(-1165, "A limit order in a buy OCO must be below.")
    return Refusal(-1166, "A limit order in a sell OCO must be above.")


def _profit_on_the_wrong_side(side: Side) -> Refusal:
    if side is BUY:
        return Refusal(-1198, "A take profit order in a buy OCO must be below.")
    return Refusal(-1199, "A take profit order in a sell OCO must be above.")
