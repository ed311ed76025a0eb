"""
What happens to an account, in the order in which it happens: the source of the private stream.

Values only; what they look like on the wire is said elsewhere.
"""

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from bot.exchange.accounts import Balance
from bot.exchange.order_lists import OrderList
from bot.exchange.orders import Trade, VenueOrder


class Execution(StrEnum):
    """What happened to an order."""

    NEW = "NEW"
    CANCELED = "CANCELED"
    TRADE = "TRADE"
    EXPIRED = "EXPIRED"
    TRADE_PREVENTION = "TRADE_PREVENTION"


class OrderEvent(Struct, frozen=True, tag="order"):
    """
    An order after something happened to it. `trade` is there when it traded.

    `cancel_id` is the id of the request that cancelled it, or empty. `in_book` says that it rests in the book now.
    """

    account: str
    at_ms: int
    execution: Execution
    order: VenueOrder
    trade: Trade | None = None
    cancel_id: str = ""
    in_book: bool = False


class ListEvent(Struct, frozen=True, tag="list"):
    """A pair of orders that began or ended, with the ids that its orders were given."""

    account: str
    at_ms: int
    order_list: OrderList
    client_order_ids: tuple[str, ...]


class BalancesEvent(Struct, frozen=True, tag="balances"):
    """The balances that an event may have changed, by asset."""

    account: str
    at_ms: int
    balances: dict[str, Balance]


class DepositEvent(Struct, frozen=True, tag="deposit"):
    """Money that came from outside, or went there."""

    account: str
    at_ms: int
    asset: str
    amount: Decimal


AccountEvent = OrderEvent | ListEvent | BalancesEvent | DepositEvent
