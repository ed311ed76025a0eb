"""
How a bot stands, as a person asks: the account, the breakers, and for each market why it does or does not trade.

Plain values that go through a socket as JSON. Knows neither the engine that fills them nor who shows them.
"""

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from bot.core.commands import Decided, Verdict
from bot.core.orders import Order, OrderStatus, OrderType, Purpose, Side


class Protection(StrEnum):
    """What stands between a holding and a fall of its price."""

    NONE = "none"
    SENT = "sent"
    RESTS = "rests"
    UNKNOWN = "unknown"
    LEAVING = "leaving"


class BreakerStatus(Struct, frozen=True):
    """
    One circuit breaker, in quote currency and fractions.

    `fall_frac` is how far the equity is below `reference`, the day's first mark or the highest one; the breaker trips
    where it reaches `limit_frac`, at the equity `trips_at`. All are 0 before the first mark.
    """

    name: str
    tripped: bool
    reference: float
    fall_frac: float
    limit_frac: float
    trips_at: float


class OrderView(Struct, frozen=True):
    """An order that may still be filled. `asked_back` says that its cancel waits for an answer."""

    client_order_id: str
    symbol: str
    purpose: Purpose
    side: Side
    type: OrderType
    quantity: Decimal
    filled: Decimal
    status: OrderStatus
    decided_ms: int
    price: Decimal | None = None
    asked_back: bool = False

    @classmethod
    def of(cls, order: Order, *, asked_back: bool) -> "OrderView":
        """An order as it is shown; `price` is the one that it names, of a limit or of a stop."""
        intent = order.intent
        return cls(
            intent.client_order_id,
            intent.symbol,
            intent.purpose,
            intent.side,
            intent.type,
            intent.quantity,
            order.filled,
            order.status,
            intent.decided_ms,
            intent.limit_price or intent.stop_price,
            asked_back,
        )


class DecisionView(Struct, frozen=True):
    """The last decision about a market: exposures as fractions of equity, moves in basis points."""

    close_time_ms: int
    verdict: Verdict
    reason: str
    signal: float | None
    wanted: float | None
    held: float
    expected_move_bps: float | None
    needed_move_bps: float | None

    @classmethod
    def of(cls, row: Decided) -> "DecisionView":
        """A decision as it is shown."""
        return cls(
            row.close_time_ms,
            row.verdict,
            row.reason,
            row.signal,
            row.wanted,
            row.held,
            row.expected_move_bps,
            row.needed_move_bps,
        )


class HoldingView(Struct, frozen=True):
    """
    What is held of a market, at its last price, and what protects it.

    `is_dust` says that the venue would not take it. `bare_since_ms` is since when no stop works, where that is
    watched; `unprotected` is the code of the last refusal of one.
    """

    quantity: Decimal
    average_price: Decimal
    price: float
    value: float
    is_dust: bool
    stop_price: Decimal | None
    protection: Protection
    bare_since_ms: int | None
    unprotected: str


class MarketStatus(Struct, frozen=True):
    """
    One market. `why` says in a sentence why it does or does not trade.

    `next_close_ms` is when the candle closes that must come next; None while any may. `bars` of `bars_needed` candles
    are in the window. `suspended` is what is wrong with its data, `barred` why its place of execution takes no entry.
    """

    symbol: str
    why: str
    last_close: float | None
    last_close_ms: int | None
    next_close_ms: int | None
    bars: int
    bars_needed: int
    suspended: str
    barred: str
    decision: DecisionView | None
    holding: HoldingView | None
    orders: tuple[OrderView, ...]


class EngineStatus(Struct, frozen=True):
    """
    A bot at `time_ms`, the newest time that it has heard of.

    `state` is active, reducing or halted, and `reason` why it is not active. `unknown` are the orders of which nobody
    knows whether the venue has them, `unanswered` all deeds that wait for a first answer. `foreign` is what else lies
    in the account, by asset; it is never touched.
    """

    time_ms: int
    state: str
    reason: str
    operator_halt: str
    flattening: str
    breakers: tuple[BreakerStatus, ...]
    equity: float
    cash: Decimal
    exposure_frac: float
    orders_today: int
    orders_allowed: int
    unknown: tuple[str, ...]
    unanswered: tuple[str, ...]
    forecasts_dropped: int
    foreign: dict[str, Decimal]
    markets: tuple[MarketStatus, ...]
