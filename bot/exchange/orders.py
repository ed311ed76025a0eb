"""
An order as the exchange keeps it: what was asked for, how far it has come, and its trades.

All values are frozen: a change is a new value, so that a report never changes after it was made. Amounts are exact, in
base where they are quantities and in quote where they are amounts. Knows nothing of books, balances or JSON.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from bot.core.orders import Side

ZERO: Final = Decimal(0)
NO_LIST: Final = -1
NOT_WORKING: Final = -1
"""What Binance says of an order that is in no list, or that waits for its stop price."""


class Kind(StrEnum):
    """The types of order. `is_algo` ones wait for a price, `has_limit` ones have a worst price."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    LIMIT_MAKER = "LIMIT_MAKER"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"

    is_algo: bool
    has_limit: bool

    def __init__(self, value: str) -> None:
        self.is_algo = value.startswith(("STOP", "TAKE"))
        self.has_limit = "LIMIT" in value


class TimeInForce(StrEnum):
    """How long an order works: until cancelled, for what it gets at once, or at once and whole."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class Status(StrEnum):
    """
    Where an order stands. `is_open` says that something may still happen to it.

    PENDING_CANCEL and REJECTED are words of Binance's that are never said here: a cancel is done at once, and what is
    turned down never becomes an order.
    """

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    PENDING_CANCEL = "PENDING_CANCEL"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"

    is_open: bool

    def __init__(self, value: str) -> None:
        self.is_open = value in ("NEW", "PARTIALLY_FILLED")


class ExpiryReason(StrEnum):
    """Why an order ended without its owner wanting it."""

    EXCHANGE_CANCELED = "EXCHANGE_CANCELED"
    OCO_TRIGGER = "OCO_TRIGGER"
    UNFILLED_IOC = "UNFILLED_IOC_QUANTITY_EXPIRED"
    UNFILLED_FOK = "UNFILLED_FOK_ORDER_EXPIRED"
    NO_LIQUIDITY = "INSUFFICIENT_LIQUIDITY"


class SelfTrade(StrEnum):
    """Which of two orders of one account gives way when they would trade with each other; the taker's word counts."""

    NONE = "NONE"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"


class NewOrder(Struct, frozen=True):
    """
    A request for an order, well-formed but not vetted.

    `quantity` is in base; a market order may have a `quote_quantity` in its place. What the kind does not have is 0.
    An empty `client_order_id` lets the exchange choose one; `self_trade` None leaves it to the market's rules.
    """

    symbol: str
    side: Side
    kind: Kind
    quantity: Decimal = ZERO
    price: Decimal = ZERO
    stop_price: Decimal = ZERO
    quote_quantity: Decimal = ZERO
    time_in_force: TimeInForce = TimeInForce.GTC
    client_order_id: str = ""
    self_trade: SelfTrade | None = None
    strategy_id: int | None = None
    strategy_type: int | None = None


class VenueOrder(Struct, frozen=True, kw_only=True):
    """
    An order in the exchange's books.

    `order_id` is unique within the market. `working_ms` is -1 as long as a stop waits for its price. `prevented` is
    the quantity that self-trade prevention took away. `update_ms` is when this value came to be.
    """

    account: str
    symbol: str
    order_id: int
    client_order_id: str
    side: Side
    kind: Kind
    quantity: Decimal
    self_trade: SelfTrade
    time_ms: int
    update_ms: int
    price: Decimal = ZERO
    stop_price: Decimal = ZERO
    quote_quantity: Decimal = ZERO
    time_in_force: TimeInForce = TimeInForce.GTC
    strategy_id: int | None = None
    strategy_type: int | None = None
    list_id: int = NO_LIST
    status: Status = Status.NEW
    executed: Decimal = ZERO
    amount: Decimal = ZERO
    prevented: Decimal = ZERO
    prevented_match_id: int | None = None
    expiry: ExpiryReason | None = None
    working_ms: int = NOT_WORKING

    @property
    def is_open(self) -> bool:
        """Whether something may still happen to it."""
        return self.status.is_open

    @property
    def is_working(self) -> bool:
        """Whether it takes part in trading, or did."""
        return self.working_ms != NOT_WORKING

    @property
    def remaining(self) -> Decimal:
        """Quantity that can still be filled."""
        return self.quantity - self.executed - self.prevented

    @property
    def limit(self) -> Decimal | None:
        """The worst price that it accepts, where it has one."""
        return self.price if self.kind.has_limit else None

    @property
    def reserve(self) -> Decimal:
        """What of the account is set aside for one unit of base: base for a sell, quote for a buy."""
        if self.side is Side.SELL:
            return Decimal(1)
        if self.kind.has_limit:
            return self.price
        # A stop that buys at the market sets its stop price aside and, once triggered, pays what the market asks, as
        # a market order does from the beginning.
        return ZERO if self.is_working else self.stop_price

    @property
    def reserved(self) -> Decimal:
        """What of the account is set aside for all that remains, its list apart."""
        return self.reserve * self.remaining if self.is_open else ZERO

    def triggers_at(self, last: Decimal) -> bool:
        """Whether a last price of `last` sets a waiting order to work."""
        rises = (self.side is Side.BUY) == (self.kind in _STOP_LOSSES)
        return last >= self.stop_price if rises else last <= self.stop_price

    def accepts(self, price: Decimal) -> bool:
        """Whether it would trade at `price`."""
        limit = self.limit
        if limit is None:
            return True
        return price <= limit if self.side is Side.BUY else price >= limit

    def begun(self, now_ms: int) -> "VenueOrder":
        """The order from when it takes part in trading."""
        return replace(self, working_ms=now_ms, update_ms=now_ms)

    def filled(self, quantity: Decimal, price: Decimal, now_ms: int) -> "VenueOrder":
        """The order after a trade."""
        status = Status.FILLED if quantity == self.remaining else Status.PARTIALLY_FILLED
        return replace(
            self,
            status=status,
            executed=self.executed + quantity,
            amount=self.amount + quantity * price,
            update_ms=now_ms,
        )

    def ended(self, status: Status, now_ms: int, expiry: ExpiryReason | None = None) -> "VenueOrder":
        """The order when nothing more can happen to it."""
        return replace(self, status=status, expiry=expiry, update_ms=now_ms)

    def given_way(self, match_id: int, now_ms: int) -> "VenueOrder":
        """The order when self-trade prevention has taken what remained of it."""
        return replace(
            self,
            status=Status.EXPIRED_IN_MATCH,
            prevented=self.prevented + self.remaining,
            prevented_match_id=match_id,
            update_ms=now_ms,
        )


class Trade(Struct, frozen=True):
    """One account's side of a trade. `commission` was taken from the account in `commission_asset`."""

    account: str
    symbol: str
    trade_id: int
    order_id: int
    list_id: int
    side: Side
    price: Decimal
    quantity: Decimal
    commission: Decimal
    commission_asset: str
    is_maker: bool
    time_ms: int

    @property
    def amount(self) -> Decimal:
        """What changed hands, in quote."""
        return self.price * self.quantity


_STOP_LOSSES: Final = (Kind.STOP_LOSS, Kind.STOP_LOSS_LIMIT)
