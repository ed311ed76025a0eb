r"""
Orders from wish to fill: intents, what risk says of them, and the life of an order.

    Intent -- risk --> Approved -- broker --> SUBMITTED -> ACCEPTED -> PARTIALLY_FILLED -> FILLED
                 \-> Denied                       |-> REJECTED     |-> CANCELLED
                                                   |-> UNKNOWN -> (whatever the venue says)

Denied never left us. Rejected is the venue's proven no. Unknown is asked for, never sent again.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Final

from msgspec import Struct

ZERO: Final = Decimal(0)


class Side(StrEnum):
    """Which way an order trades."""

    BUY = "buy"
    SELL = "sell"


BUY: Final = Side.BUY
SELL: Final = Side.SELL
"""The sides under short names. Python 3.11 looks a member up in its class in a tenth of a microsecond, a name in a
hundredth: what is asked for every order, or every candle, is asked by name."""


class OrderType(StrEnum):
    """How an order finds its price. A stop becomes a market order when its price is touched."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"


MARKET: Final = OrderType.MARKET
LIMIT: Final = OrderType.LIMIT
STOP: Final = OrderType.STOP


class Purpose(StrEnum):
    """Why an order exists; the reason that a fill carries into the reports."""

    ENTRY = "entry"
    EXIT = "exit"
    STOP = "stop"
    BREAKER = "breaker"
    OPERATOR = "operator"


class OrderStatus(StrEnum):
    """Where an order stands. `is_final` says that nothing more can happen to it."""

    SUBMITTED = "submitted"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"

    is_final: bool

    def __init__(self, value: str) -> None:
        self.is_final = value in ("filled", "cancelled", "rejected")


ACCEPTED: Final = OrderStatus.ACCEPTED
_FILLED: Final = OrderStatus.FILLED
_PARTIALLY_FILLED: Final = OrderStatus.PARTIALLY_FILLED


WATCHED: Final = "watched"
"""What stands for a venue's id while a stop cannot rest there, and is held by us instead."""


class Intent(Struct, frozen=True, array_like=True, gc=False):
    """
    An exchange-ready wish: quantities and prices on the instrument's grid.

    `client_order_id` is a function of the run and the sequence of the decision, `[a-z0-9]{1,18}`.
    `decided_ms` is the close time of the candle (or the time of the fill) that it answers.
    """

    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    purpose: Purpose
    decided_ms: int
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


class Approved(Struct, frozen=True, array_like=True, gc=False):
    """An intent that passed risk. Only `risk.gate` makes one; only this can be submitted."""

    intent: Intent


class Denied(Struct, frozen=True):
    """An intent that risk refused: `code` for machines, `reason` for people."""

    intent: Intent
    code: str
    reason: str


class Fill(Struct, frozen=True, array_like=True, gc=False):
    """
    One execution. Amounts are exact; costs are in quote currency.

    `price * quantity` differs from `reference_price * quantity` by `spread_cost + slippage_cost`, against the
    trader. `trade_id` is the venue's, unique within the market.
    """

    client_order_id: str
    trade_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    reference_price: Decimal
    spread_cost: Decimal = ZERO
    slippage_cost: Decimal = ZERO


class Order(Struct, frozen=True, array_like=True, gc=False):
    """An approved intent and what the venue has said of it so far."""

    intent: Intent
    status: OrderStatus = OrderStatus.SUBMITTED
    filled: Decimal = ZERO
    venue_order_id: str = ""

    @property
    def remaining(self) -> Decimal:
        """Quantity not filled yet."""
        return self.intent.quantity - self.filled

    @property
    def is_open(self) -> bool:
        """Whether the venue may still fill it."""
        return not self.status.is_final

    def moved_to(self, status: OrderStatus, venue_order_id: str = "") -> "Order":
        """The order in another status; a final status is never left, a fill never undone."""
        if self.status.is_final:
            return self
        if status is ACCEPTED and self.filled > 0:
            status = _PARTIALLY_FILLED
        return Order(self.intent, status, self.filled, venue_order_id or self.venue_order_id)

    def with_fill(self, quantity: Decimal) -> "Order":
        """
        The order after a further fill of `quantity`.

        A fill is a fact also where a cancel or a rejection was heard first: the quantity always counts.
        """
        filled = self.filled + quantity
        status = self.status
        if filled >= self.intent.quantity:
            status = _FILLED
        elif not status.is_final:
            status = _PARTIALLY_FILLED
        return Order(self.intent, status, filled, self.venue_order_id)
