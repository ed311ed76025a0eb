"""
What can be asked of the trading venue besides an order: values, well-formed but not vetted.

What was not given is None, or empty where it is an id that the exchange may choose.
"""

from enum import StrEnum

from msgspec import Struct

from bot.exchange.orders import NewOrder, Trade, VenueOrder
from bot.exchange.wire import Refusal


class ReplyKind(StrEnum):
    """How much the answer to a new order says."""

    ACK = "ACK"
    RESULT = "RESULT"
    FULL = "FULL"


class Restriction(StrEnum):
    """The state in which an order must be to be cancelled."""

    ONLY_NEW = "ONLY_NEW"
    ONLY_PARTIALLY_FILLED = "ONLY_PARTIALLY_FILLED"


class ReplaceMode(StrEnum):
    """Whether a new order is placed although the old one could not be cancelled."""

    STOP_ON_FAILURE = "STOP_ON_FAILURE"
    ALLOW_FAILURE = "ALLOW_FAILURE"


class OrderRef(Struct, frozen=True):
    """An order by its number, by its client id, or by both, which then have to agree."""

    symbol: str
    order_id: int | None = None
    client_order_id: str | None = None


class CancelOrder(Struct, frozen=True):
    """A request to end an order. `cancel_id` names the request itself."""

    ref: OrderRef
    cancel_id: str = ""
    restriction: Restriction | None = None


class CancelReplace(Struct, frozen=True):
    """A request to end an order and to place another on the same market."""

    cancel: CancelOrder
    order: NewOrder
    mode: ReplaceMode


class ListRef(Struct, frozen=True):
    """A pair of orders by its number or its client id; to end it, also by its market."""

    list_id: int | None = None
    client_list_id: str | None = None
    symbol: str = ""
    cancel_id: str = ""


class HistoryQuery(Struct, frozen=True):
    """Which orders or trades of a market to list; `from_id` is inclusive, as are both times."""

    symbol: str
    order_id: int | None = None
    from_id: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    limit: int = 500


class Placed(Struct, frozen=True):
    """An order that was accepted, as it stands now, and the trades that it has made."""

    order: VenueOrder
    trades: tuple[Trade, ...] = ()


class Cancelled(Struct, frozen=True):
    """Orders that were ended by a request of this id; the one that was meant comes first."""

    orders: tuple[VenueOrder, ...]
    cancel_id: str
    at_ms: int


class Replaced(Struct, frozen=True):
    """What became of a cancel and a new order; `placed` is None where it was not attempted."""

    cancelled: Cancelled | Refusal
    placed: Placed | Refusal | None
