"""
The shapes of Binance's spot REST answers about orders, trades and balances, as far as they are read.

Only what is needed is named, so that new fields are no surprise. Amounts stay text until they are checked.
"""

from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from bot.adapters.wire_numbers import WireId, WireTime
from bot.core.errors import DataError

_Body = TypeVar("_Body")


class OrderAnswer(Struct, rename="camel"):
    """What all answers say of an order."""

    symbol: str
    order_id: WireId
    client_order_id: str
    side: Literal["BUY", "SELL"]
    status: str
    orig_qty: str
    executed_qty: str
    expiry_reason: str = ""


class FillLine(Struct, rename="camel"):
    """One line of `fills`."""

    price: str
    qty: str
    commission: str
    commission_asset: str
    trade_id: WireId


class PlacedAnswer(OrderAnswer, rename="camel", kw_only=True):
    """The answer to `POST order`, and one report of a pair."""

    transact_time: WireTime
    fills: tuple[FillLine, ...] = ()


class CancelledAnswer(OrderAnswer, rename="camel", kw_only=True):
    """The answer to `DELETE order`: the order's own client id is the original one, the other is the cancel's."""

    orig_client_order_id: str
    transact_time: WireTime


class ShownOrder(OrderAnswer, rename="camel", kw_only=True):
    """The answer to `GET order`, and one row of `GET openOrders`."""

    update_time: WireTime


class PairAnswer(Struct, rename="camel"):
    """The answer to `POST orderList/oco`."""

    order_reports: tuple[PlacedAnswer, ...]


class TradeRow(Struct, rename="camel"):
    """One row of `GET myTrades`."""

    symbol: str
    id: WireId
    order_id: WireId
    price: str
    qty: str
    commission: str
    commission_asset: str
    time: WireTime
    is_buyer: bool
    quote_qty: str | None = None


class HoldingRow(Struct):
    """What an account has of an asset."""

    asset: str
    free: str
    locked: str


class AccountAnswer(Struct):
    """The answer to `GET account`."""

    balances: tuple[HoldingRow, ...]


class TimeAnswer(Struct, rename="camel"):
    """The answer to `GET time`."""

    server_time: WireTime


def decoded(body: str | msgspec.Raw, shape: type[_Body], name: str = "the answer") -> _Body:
    """
    A JSON text of this shape.

    Args:
        body: The text.
        shape: What it must be.
        name: What it is called where it is not that.

    Raises:
        DataError: It is not.
    """
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, RecursionError) as error:
        raise DataError(f"{name} is not of its documented shape ({error!s:.120})") from None
