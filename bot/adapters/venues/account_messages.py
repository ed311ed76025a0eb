"""
What a venue's private stream says of an account, in our own words.

Values only. `venues.ShuttingDown`, `Ignored` and `Refused` mean here what they mean of candles.
"""

from decimal import Decimal

from msgspec import Struct

from bot.adapters.order_messages import Balance, OrderReport
from bot.adapters.venues import Ignored, Refused, ShuttingDown


class AccountSubscribed(Struct, frozen=True):
    """The request of this id was granted: from now on the account is heard."""

    request_id: str


class AccountRefused(Struct, frozen=True):
    """
    A request was refused, or, without an id, the connection as a whole.

    `status` is HTTP's and `code` the venue's own. `retry_at_ms`, by the venue's clock, is when it may be tried again,
    where the venue said so.
    """

    request_id: str | None
    status: int
    code: int
    text: str
    retry_at_ms: int | None = None


class OrderTold(Struct, frozen=True):
    """Something happened to an order; it may be anybody's."""

    report: OrderReport


class BalancesTold(Struct, frozen=True):
    """What the account has now of the assets that an event may have changed."""

    at_ms: int
    balances: dict[str, Balance]


class BalanceMoved(Struct, frozen=True):
    """Money came from outside or went there; `is_lock` says that it was locked, or freed, and stayed."""

    at_ms: int
    asset: str
    amount: Decimal
    is_lock: bool = False


class OrderListTold(Struct, frozen=True):
    """A pair of orders changed as a whole."""

    at_ms: int
    symbol: str
    list_id: str
    status: str


class AccountEnded(Struct, frozen=True):
    """The venue has ended the subscription."""


AccountNews = BalancesTold | BalanceMoved | OrderListTold
"""What happens to an account beside its orders."""

News = OrderTold | AccountNews | Ignored | Refused
"""What a connection hands on."""

AccountMessage = News | AccountSubscribed | AccountRefused | AccountEnded | ShuttingDown
