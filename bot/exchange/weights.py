"""
How much a client may ask: the weight of each request, the counters of an address, and those of an account's orders.

Windows are fixed and aligned to the clock, as Binance's are. Who goes on asking after a 429 is banned, each time for
twice as long. Knows nothing of HTTP: a refusal carries its own `Retry-After`, the other headers are handed out.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from bot.core.market import DAY_MS, MINUTE_MS
from bot.exchange.refusals import banned, too_many_orders, too_many_requests, too_much_weight

_WEIGHTS: Final[dict[tuple[str, str], int]] = {
    ("GET", "ping"): 1,
    ("GET", "time"): 1,
    ("GET", "exchangeInfo"): 20,
    ("GET", "klines"): 2,
    ("GET", "avgPrice"): 2,
    ("GET", "trades"): 25,
    ("POST", "order"): 1,
    ("POST", "order/test"): 1,
    ("POST", "order/cancelReplace"): 1,
    ("DELETE", "order"): 1,
    ("GET", "order"): 4,
    ("DELETE", "openOrders"): 1,
    ("GET", "allOrders"): 20,
    ("POST", "orderList/oco"): 1,
    ("DELETE", "orderList"): 1,
    ("GET", "orderList"): 4,
    ("GET", "openOrderList"): 6,
    ("GET", "allOrderList"): 20,
    ("GET", "account"): 20,
    ("GET", "account/commission"): 20,
    ("GET", "rateLimit/order"): 40,
}
_FREE_WHEN_DONE: Final = frozenset(
    {"order", "order/cancelReplace", "openOrders", "orderList", "orderList/oco"},
)
_DEPTHS: Final = ((100, 5), (500, 25), (1_000, 50))
_DEEPEST: Final = 250
_UNKNOWN: Final = 1


def weight_of(method: str, endpoint: str, params: Mapping[str, str]) -> int:
    """
    What a request costs, by Binance's tables.

    Args:
        method: Of HTTP.
        endpoint: What follows `/api/v3/`, such as `order`.
        params: A missing symbol or another limit changes some prices.
    """
    if endpoint == "openOrders" and method == "GET":
        return 6 if "symbol" in params else 80
    if endpoint == "myTrades":
        return 5 if "orderId" in params else 20
    if endpoint in ("ticker/price", "ticker/bookTicker"):
        return 2 if "symbol" in params else 4
    if endpoint == "depth":
        limit = int(params["limit"]) if params.get("limit", "").isdecimal() else 100
        return next((weight for most, weight in _DEPTHS if limit <= most), _DEEPEST)
    return _WEIGHTS.get((method, endpoint), _UNKNOWN)


def is_free_when_done(method: str, endpoint: str) -> bool:
    """Whether a request costs nothing when it succeeds, as placing and cancelling do."""
    return method != "GET" and endpoint in _FREE_WHEN_DONE


class Limit(Struct, frozen=True):
    """A number that may be used up in a window; `interval` and `count` name the window on the wire."""

    kind: str
    interval: str
    count: int
    limit: int
    window_ms: int

    @property
    def per(self) -> str:
        """The window in the words of a refusal, such as `1 MINUTE`."""
        return f"{self.count} {self.interval}"


class Limits(Struct, frozen=True):
    """The limits of one exchange, Binance's unless told otherwise; the first is refused in words of weight."""

    weight: Limit = Limit("REQUEST_WEIGHT", "MINUTE", 1, 6_000, MINUTE_MS)
    orders: tuple[Limit, ...] = (
        Limit("ORDERS", "SECOND", 10, 50, 10_000),
        Limit("ORDERS", "DAY", 1, 160_000, DAY_MS),
    )
    requests: Limit = Limit("RAW_REQUESTS", "MINUTE", 5, 300_000, 5 * MINUTE_MS)
    patience: int = 5
    """Requests after a 429, in its window, that are answered with another; the next one is a ban."""
    first_ban_ms: int = 2 * MINUTE_MS
    longest_ban_ms: int = 3 * DAY_MS

    @property
    def all(self) -> tuple[Limit, ...]:
        """Every limit, in the order of `exchangeInfo`."""
        return (self.weight, *self.orders, self.requests)


class Window:
    """What was used of a limit since the window began."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._number = 0
        self._used = 0

    def used(self, now_ms: int) -> int:
        """What is used now."""
        if now_ms // self.limit.window_ms != self._number:
            self._number, self._used = now_ms // self.limit.window_ms, 0
        return self._used

    def use(self, amount: int, now_ms: int) -> None:
        """Use some, or with a negative amount give it back; never below nothing."""
        self._used = max(self.used(now_ms) + amount, 0)

    def takes(self, amount: int, now_ms: int) -> bool:
        """Whether so much more may be used."""
        return self.used(now_ms) + amount <= self.limit.limit

    def left_s(self, now_ms: int) -> int:
        """Whole seconds until the window ends, at least 1."""
        return max(-(-(self.limit.window_ms - now_ms % self.limit.window_ms) // 1_000), 1)


class RequestMeter:
    """
    The counters of one address.

    `while_banned` counts the requests that came although the address was banned.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._weight = Window(limits.weight)
        self._requests = Window(limits.requests)
        self._ignored = Window(limits.weight)
        self._bans = 0
        self.banned_until_ms = 0
        self.while_banned = 0

    def enter(self, weight: int, now_ms: int) -> None:
        """
        Let a request in and count it.

        Raises:
            Limited: Too much was asked (429), or the address is banned (418).
        """
        if now_ms < self.banned_until_ms:
            self.while_banned += 1
            raise self._banned(now_ms)
        if not self._requests.takes(1, now_ms):
            self._refused(now_ms)
            raise too_many_requests(
                self._limits.requests.limit, self._limits.requests.per, self._requests.left_s(now_ms)
            )
        if not self._weight.takes(weight, now_ms):
            self._refused(now_ms)
            raise too_much_weight(self._limits.weight.limit, self._limits.weight.per, self._weight.left_s(now_ms))
        self._requests.use(1, now_ms)
        self._weight.use(weight, now_ms)

    def give_back(self, weight: int, now_ms: int) -> None:
        """Take the weight of a request back that turned out to be free."""
        self._weight.use(-weight, now_ms)

    def headers(self, now_ms: int) -> dict[str, str]:
        """What is used, as every answer says it."""
        used = str(self._weight.used(now_ms))
        return {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}

    def _refused(self, now_ms: int) -> None:
        """Count a refusal; one too many in a window is a ban, longer than the one before."""
        self._ignored.use(1, now_ms)
        if self._ignored.used(now_ms) <= self._limits.patience:
            return
        for_ms = min(self._limits.first_ban_ms << min(self._bans, 20), self._limits.longest_ban_ms)
        self._bans += 1
        self.banned_until_ms = now_ms + for_ms
        raise self._banned(now_ms)

    def _banned(self, now_ms: int) -> Exception:
        return banned(self.banned_until_ms, -(-(self.banned_until_ms - now_ms) // 1_000))


class OrderMeter:
    """The unfilled orders of one account: an order counts until it is filled for the first time."""

    def __init__(self, limits: Limits) -> None:
        self._windows = [Window(limit) for limit in limits.orders]

    def check(self, orders: int, now_ms: int) -> None:
        """
        See that so many more orders may be placed.

        Raises:
            Limited: They may not (429).
        """
        for window in self._windows:
            if not window.takes(orders, now_ms):
                raise too_many_orders(window.limit.limit, window.limit.per, window.left_s(now_ms))

    def placed(self, orders: int, now_ms: int) -> None:
        """Count orders that were accepted."""
        for window in self._windows:
            window.use(orders, now_ms)

    def filled(self, now_ms: int) -> None:
        """Take an order off that was filled for the first time, whenever it was placed."""
        for window in self._windows:
            window.use(-1, now_ms)

    def usage(self, now_ms: int) -> list[tuple[Limit, int]]:
        """Each limit and what is used of it."""
        return [(window.limit, window.used(now_ms)) for window in self._windows]

    def headers(self, now_ms: int) -> dict[str, str]:
        """What is used, as the answer to an accepted order says it."""
        return {f"X-MBX-ORDER-COUNT-{limit.count}{limit.interval[0]}": str(used) for limit, used in self.usage(now_ms)}
