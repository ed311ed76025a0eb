"""
What everything in this process may ask of a venue together, and when.

Counts before it asks and believes the venue where that has counted more. Once the venue wants silence, nothing is
granted until that is over. Sans-I/O: requests, answers and the venue's time in, grants and waits out.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from bot.adapters.rate_limits import BANNED, Quiet, RateLimits, WindowLimit, quiet_asked_by, told_by
from bot.adapters.request_weights import RequestCost, Urgency
from bot.core.market import DAY_MS, MINUTE_MS

SHARES: Final[Mapping[Urgency, float]] = {Urgency.BACKGROUND: 0.5, Urgency.NORMAL: 0.8, Urgency.URGENT: 1.0}
"""How much of a limit may be used by what: history leaves half of it, and a fifth is for cancels, exits and stops."""

LONGEST_SILENCE_MS: Final = 3 * DAY_MS
"""Binance bans for up to three days. What asks for more is wrong, and would silence us for ever."""

UNSTATED_BAN_MS: Final = 2 * MINUTE_MS
"""A ban of which nobody says how long it is: the shortest of Binance's."""


_DONE: Final = range(200, 300)


class Grant(Struct, frozen=True):
    """A request may be sent. Afterwards it is `heard`, `lost` or given back, once."""

    cost: RequestCost
    taken_ms: int


class Wait(Struct, frozen=True):
    """Nothing may be sent before `until_ms`, by the venue's clock."""

    until_ms: int
    reason: str


class RateBudget:
    """
    The budget.

    Args:
        limits: Of the venue.
        settle_ms: How far into a window is waited for it, by the venue's clock, since clocks are never quite equal.
    """

    def __init__(self, limits: RateLimits = RateLimits(), settle_ms: int = 250) -> None:  # noqa: B008 - frozen
        self._settle_ms = settle_ms
        self._silence: Wait | None = None
        self._order_silence: Wait | None = None
        self._weight = _Window(limits.weight)
        self._requests = _Window(limits.requests)
        self._orders = [_Window(limit) for limit in limits.orders]

    def learn(self, limits: RateLimits) -> None:
        """Go by other limits from now on; what is used up of a window of the same length stays used."""
        known = {window.limit.window_ms: window for window in self._orders}
        self._weight.limit = limits.weight
        self._requests.limit = limits.requests
        self._orders = [known.get(limit.window_ms, _Window(limit)) for limit in limits.orders]
        for window, limit in zip(self._orders, limits.orders, strict=True):
            window.limit = limit

    def used_weight(self, now_ms: int) -> int:
        """What is used up of this minute, as far as anybody knows."""
        return self._weight.used(now_ms)

    def silent_until_ms(self, now_ms: int) -> int | None:
        """When the venue may be asked anything again; None where it may be now."""
        silence = self._kept(self._silence, now_ms)
        return silence.until_ms if silence else None

    def take(self, cost: RequestCost, now_ms: int) -> Grant | Wait:
        """Enter a request that is about to be sent, or say until when it has to wait."""
        self._silence = self._kept(self._silence, now_ms)
        self._order_silence = self._kept(self._order_silence, now_ms)
        if self._silence:
            return self._silence
        if self._order_silence and cost.orders:
            return self._order_silence
        share = SHARES[cost.urgency]
        wanted = self._charged(cost)
        full = [window for window, amount in wanted if not window.takes(amount, share, now_ms)]
        if full:
            longest = max(full, key=lambda window: window.end_ms(now_ms))
            reason = f"{longest.limit.most} in {longest.limit.window_ms // 1_000} s are used up"
            return Wait(longest.end_ms(now_ms) + self._settle_ms, reason)
        for window, amount in wanted:
            window.send(amount, now_ms)
        return Grant(cost, now_ms)

    def give_back(self, grant: Grant, now_ms: int) -> None:
        """Take a request out again that was not sent."""
        self._arrived(grant, now_ms)
        for window, amount in self._charged(grant.cost):
            window.give_back(amount, now_ms, grant.taken_ms)

    def lost(self, grant: Grant, now_ms: int) -> None:
        """Nobody answered: the venue may well have counted it."""
        self._arrived(grant, now_ms)

    def heard(self, grant: Grant, status: int, headers: Mapping[str, str], body: bytes, now_ms: int) -> Wait | None:
        """
        Take an answer.

        Args:
            grant: Of the request.
            status: Of HTTP.
            headers: With names that are looked up whatever their case.
            body: As far as it is known; it matters for 429 and 418 alone.
            now_ms: The venue's time.

        Returns:
            How long the venue is not to be asked anything, where it wants that.
        """
        self._arrived(grant, now_ms)
        cost, since_ms = grant.cost, grant.taken_ms
        if cost.is_free_when_done and status in _DONE:
            self._weight.give_back(cost.weight, now_ms, since_ms)
        told = told_by(headers)
        weight = told.weight.get(self._weight.limit.window_ms)
        if weight is not None:
            # What is still on its way may be in the venue's figure or not: count it, in doubt.
            used = max(weight + self._weight.on_way, self._weight.used(now_ms))
            self._weight.correct(used, now_ms, since_ms)
        for window in self._orders:
            orders = told.orders.get(window.limit.window_ms)
            if orders is not None:
                # The venue's figure may be the lower one, since it takes filled orders off.
                window.correct(orders + window.on_way, now_ms, since_ms)
        quiet = quiet_asked_by(status, headers, body)
        return self._hush(quiet, status, now_ms) if quiet else None

    def be_silent(self, until_ms: int, reason: str, now_ms: int) -> Wait:
        """Grant nothing before `until_ms`, nor for longer than any ban lasts."""
        until_ms = min(until_ms, now_ms + LONGEST_SILENCE_MS) + self._settle_ms
        if self._silence is None or self._silence.until_ms < until_ms:
            self._silence = Wait(until_ms, reason)
        return self._silence

    def _hush(self, quiet: Quiet, status: int, now_ms: int) -> Wait | None:
        said = [] if quiet.wait_ms is None else [now_ms + quiet.wait_ms]
        said += [] if quiet.until_ms is None else [quiet.until_ms]
        if quiet.orders_alone:
            until_ms = max(said, default=min(window.end_ms(now_ms) for window in self._orders))
            until_ms = min(until_ms, now_ms + LONGEST_SILENCE_MS) + self._settle_ms
            self._order_silence = Wait(until_ms, "too many new orders")
            return None
        usual_ms = now_ms + UNSTATED_BAN_MS if status == BANNED else self._weight.end_ms(now_ms)
        return self.be_silent(max(said, default=usual_ms), quiet.reason, now_ms)

    def _charged(self, cost: RequestCost) -> list[tuple["_Window", int]]:
        """The windows that a request is counted in, and with how much."""
        charged = [(self._weight, cost.weight), (self._requests, 1)]
        return charged + [(window, cost.orders) for window in self._orders if cost.orders]

    def _arrived(self, grant: Grant, now_ms: int) -> None:
        for window, amount in self._charged(grant.cost):
            window.arrive(amount, now_ms)

    @staticmethod
    def _kept(wait: Wait | None, now_ms: int) -> Wait | None:
        """Drop a silence that is over: later it must not come back, even if the clock does."""
        return wait if wait and now_ms < wait.until_ms else None


class _Window:
    """
    What is used of a limit since its window began.

    What is on its way when a window begins may be counted there by the venue, and is by us.
    """

    def __init__(self, limit: WindowLimit) -> None:
        self.limit = limit
        self.on_way = 0
        self._number = 0
        self._used = 0

    def used(self, now_ms: int) -> int:
        number = now_ms // self.limit.window_ms
        if number != self._number:
            self._number, self._used = number, self.on_way
        return self._used

    def end_ms(self, now_ms: int) -> int:
        return (now_ms // self.limit.window_ms + 1) * self.limit.window_ms

    def takes(self, amount: int, share: float, now_ms: int) -> bool:
        """Whether so much more may be used of a share; what is larger than that goes when nothing else did."""
        used = self.used(now_ms)
        return used == 0 or used + amount <= share * self.limit.most

    def send(self, amount: int, now_ms: int) -> None:
        self._used = self.used(now_ms) + amount
        self.on_way += amount

    def arrive(self, amount: int, now_ms: int) -> None:
        self.used(now_ms)
        # A limit that was learnt meanwhile has not seen it go.
        self.on_way = max(self.on_way - amount, 0)

    def give_back(self, amount: int, now_ms: int, since_ms: int) -> None:
        """Take off what was used at `since_ms`, as far as that is in this window."""
        if self._is_same(since_ms, now_ms):
            self._used = max(self.used(now_ms) - amount, 0)

    def correct(self, used: int, now_ms: int, since_ms: int) -> None:
        """Believe a figure about what was used, unless it may be that of the window before."""
        if self._is_same(since_ms, now_ms):
            self._used = used

    def _is_same(self, since_ms: int, now_ms: int) -> bool:
        return since_ms // self.limit.window_ms == now_ms // self.limit.window_ms
