"""
What passes between the order tracker, which knows what became of each order, and those who talk to a venue.

    deeds, answers, reports, ticks ── AnyOrderInput ─▶ OrderTracker.take ── engine events, AnyOrderRequest ─▶

Values only, neutral between venues. Times are the venue's, in milliseconds UTC; amounts are exact.
"""

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from bot.core.commands import CancelOrder, Reconcile, SubmitOrder
from bot.core.orders import ZERO, Intent, Side


class VenueStatus(StrEnum):
    """Where a venue says that an order stands. `OTHER` is a word that we do not know: it proves nothing."""

    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    OTHER = "other"

    @property
    def is_final(self) -> bool:
        """Whether nothing more can happen to it."""
        return self in (VenueStatus.FILLED, VenueStatus.CANCELLED, VenueStatus.EXPIRED, VenueStatus.REJECTED)


class TradeReport(Struct, frozen=True):
    """
    One execution as the venue tells it; `trade_id` is unique within the market.

    `client_order_id` is empty where the source names the venue's order id alone.
    """

    symbol: str
    venue_order_id: str
    trade_id: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    at_ms: int
    client_order_id: str = ""


class OrderReport(Struct, frozen=True):
    """
    What the venue says of one order, by whatever way.

    `client_order_id` is the order's own, never that of a cancel. `executed` is the cumulative quantity, which rules
    over `status`; `trades` are those that came with the report and may be fewer than what was executed.
    """

    symbol: str
    client_order_id: str
    venue_order_id: str
    status: VenueStatus
    quantity: Decimal
    executed: Decimal
    at_ms: int
    reason: str = ""
    trades: tuple[TradeReport, ...] = ()


class Balance(Struct, frozen=True):
    """What an account has of one asset, foreign money included."""

    free: Decimal = ZERO
    locked: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.free + self.locked


class Refusal(StrEnum):
    """Why a venue refused, as far as it matters for what is done next."""

    NOT_FOUND = "not_found"
    DUPLICATE = "duplicate"
    FUNDS = "funds"
    WOULD_TRIGGER = "would_trigger"
    RULES = "rules"
    CLOCK = "clock"
    LIMITED = "limited"
    CREDENTIALS = "credentials"
    MARKET_CLOSED = "market_closed"
    MAINTENANCE = "maintenance"
    BLOCKED = "blocked"
    OTHER = "other"


class Answered(Struct, frozen=True):
    """The venue has done what it was asked, or has told what it was asked for."""

    report: OrderReport


class Refused(Struct, frozen=True):
    """
    The venue's definite no: what was asked has not been done and will not be.

    `retry_at_ms` is when it may be asked again, where the venue said so.
    """

    refusal: Refusal
    reason: str
    code: int | None = None
    retry_at_ms: int | None = None


class NotSent(Struct, frozen=True):
    """The request never left this process, or was never connected: nothing can have come of it."""

    reason: str
    retry_at_ms: int | None = None


class Unresolved(Struct, frozen=True):
    """Nobody can say whether it was done."""

    reason: str


Outcome = Answered | Refused | NotSent | Unresolved


# What the tracker hears.


class OrderInput(Struct, frozen=True, tag=True):
    """Something that the tracker hears at `at_ms`."""

    at_ms: int


class Asked(OrderInput, frozen=True, tag=True):
    """The engine wants something done."""

    command: SubmitOrder | CancelOrder | Reconcile


class Placed(OrderInput, frozen=True, tag=True):
    """What became of a `PlaceOrder`."""

    client_order_id: str
    outcome: Outcome


class CancelAnswered(OrderInput, frozen=True, tag=True):
    """What became of a `TakeBack`."""

    client_order_id: str
    outcome: Outcome


class OrderLookedUp(OrderInput, frozen=True, tag=True):
    """What became of an `AskOrder`; `Refused` with `NOT_FOUND` is one miss, which proves nothing by itself."""

    client_order_id: str
    outcome: Outcome


class TradesLookedUp(OrderInput, frozen=True, tag=True):
    """
    What became of an `AskTrades`: all trades of the order that the venue shows now, or None where it failed.

    `refused` is the venue's definite no, where that is why.
    """

    client_order_id: str
    trades: tuple[TradeReport, ...] | None
    reason: str = ""
    refused: Refused | None = None


class AccountLookedUp(OrderInput, frozen=True, tag=True):
    """
    What became of an `AskAccount`.

    `balances` are by asset; `open_orders` are all that are open in our markets, foreign ones included. None for
    both is a failure, and `refused` the venue's definite no where that is why. `asked_at_ms` is when the question was
    sent: what is younger than that is not in the answer.
    """

    asked_at_ms: int
    balances: dict[str, Balance] | None
    open_orders: tuple[OrderReport, ...] | None
    reason: str = ""
    refused: Refused | None = None


class OrderHeard(OrderInput, frozen=True, tag=True):
    """The private stream told of an order; it may be anybody's, old, repeated or out of order."""

    report: OrderReport


class StreamChanged(OrderInput, frozen=True, tag=True):
    """The private stream is (again) subscribed and live, or is not."""

    is_live: bool
    reason: str = ""


class RulesHeard(OrderInput, frozen=True, tag=True):
    """
    How orders have to be written in a market now: in multiples of all these steps, and whether stops may rest.

    `least` is the smallest quantity, `most_at_market` the greatest of an order at the market; 0 is no bound.
    """

    symbol: str
    lot_steps: tuple[Decimal, ...]
    tick_sizes: tuple[Decimal, ...]
    takes_stops: bool
    least: Decimal = ZERO
    most_at_market: Decimal = ZERO


class MarketPrice(OrderInput, frozen=True, tag=True):
    """A price at the place of execution: stops that cannot rest there are watched with it."""

    symbol: str
    last: Decimal


class TimePassed(OrderInput, frozen=True, tag=True):
    """It is `at_ms` now."""


AnyOrderInput = (
    Asked
    | Placed
    | CancelAnswered
    | OrderLookedUp
    | TradesLookedUp
    | AccountLookedUp
    | OrderHeard
    | StreamChanged
    | RulesHeard
    | MarketPrice
    | TimePassed
)


# What the tracker asks for, beside the events that it has for the engine.


class PlaceOrder(Struct, frozen=True, tag=True):
    """
    Send this order, once. It is answered by `Placed`.

    After `until_ms` it is not to be sent any more; an entry must not wait out a ban, what protects may.
    """

    intent: Intent
    until_ms: int | None


class TakeBack(Struct, frozen=True, tag=True):
    """Cancel an order by its client order id; harmless when sent twice. It is answered by `CancelAnswered`."""

    symbol: str
    client_order_id: str


class AskOrder(Struct, frozen=True, tag=True):
    """Look an order up by its client order id. It is answered by `OrderLookedUp`."""

    symbol: str
    client_order_id: str


class AskTrades(Struct, frozen=True, tag=True):
    """Look up the trades of an order. It is answered by `TradesLookedUp`."""

    symbol: str
    client_order_id: str
    venue_order_id: str


class AskAccount(Struct, frozen=True, tag=True):
    """Look up balances and open orders of our markets. It is answered by `AccountLookedUp`."""

    symbols: tuple[str, ...]


class RenewRules(Struct, frozen=True, tag=True):
    """The venue's rules of a market are not what we think: load them anew, for `RulesHeard`."""

    symbol: str


AnyOrderRequest = PlaceOrder | TakeBack | AskOrder | AskTrades | AskAccount | RenewRules
