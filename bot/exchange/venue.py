"""
The exchange without its sockets: which markets there are, what happens at which instant, what klines to show.

Market time is handed in; nothing here reads a clock. Everything is a function of the markets, the market time
and the settings, so that two servers begun at the same market time send the same candles.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import Final, Protocol, Self

from msgspec import Struct

from bot.core.errors import ConfigError
from bot.core.market import Candle, Timeframe
from bot.exchange.bar_path import forming
from bot.exchange.listing import Listing

CLOSE_LAG_MS: Final = 12
"""How long after a close its frame is stamped; Binance's event times are some milliseconds late as well."""


class Market(Protocol):
    """Where the candles of one symbol come from. `end_ms` is None for a market that never ends."""

    @property
    def listing(self) -> Listing: ...

    @property
    def symbol(self) -> str: ...

    @property
    def timeframe(self) -> Timeframe: ...

    @property
    def begin_ms(self) -> int: ...

    @property
    def end_ms(self) -> int | None: ...

    def at(self, open_ms: int) -> Candle | None:
        """The whole candle that opens at `open_ms`, where there is one."""
        ...

    def toss(self, open_ms: int) -> float:
        """A number in [0, 1) for the candle that opens at `open_ms`: which way its price takes."""
        ...


class Instant(Struct, frozen=True):
    """One moment at which every market sends a frame: of the candle that opened at `open_ms`."""

    at_ms: int
    open_ms: int
    closes: bool


class Update(Struct, frozen=True):
    """A market's candle as it stands at an instant: final when `closed`."""

    listing: Listing
    timeframe: Timeframe
    candle: Candle
    at_ms: int
    closed: bool


class Venue:
    """
    Markets of one timeframe that move together.

    Args:
        markets: One for each symbol, in any order; frames and lists are in symbol order.
        from_ms: Market time of the start, on the grid of the timeframe: the candle that opens then is the
            first to be streamed, those before it are history.
        push_ms: Market time between two updates of a forming candle.
        count: Candles to stream before the market ends; None for as many as there are.

    Raises:
        ConfigError: No or unlike markets, or a start that is off the grid or has nothing to stream.
    """

    def __init__(self, markets: Sequence[Market], from_ms: int, push_ms: int, count: int | None = None) -> None:
        if len({market.timeframe for market in markets}) != 1:
            raise ConfigError("an exchange needs markets, all of one timeframe")
        self.timeframe = markets[0].timeframe
        self.markets: dict[str, Market] = {
            market.listing.venue_symbol: market for market in sorted(markets, key=_symbol)
        }
        if len(self.markets) != len(markets):
            raise ConfigError("a market is listed twice: name each symbol once")
        if from_ms % self.timeframe.ms:
            raise ConfigError(f"the start {from_ms} ms is not a multiple of {self.timeframe.value}")
        if push_ms <= CLOSE_LAG_MS:
            raise ConfigError(f"updates must be more than {CLOSE_LAG_MS} ms of market time apart, got {push_ms}")
        self.from_ms = from_ms
        self._push_ms = push_ms
        self.end_ms = self._end_ms(count)
        if self.end_ms is not None and self.end_ms <= from_ms:
            raise ConfigError(f"no candles to stream: the markets end at {self.end_ms} ms, the start is {from_ms} ms")

    def altered(self, alter: Callable[[Market], Market]) -> Self:
        """The same venue with other markets in the place of its own, of the same names and times."""
        other = copy(self)
        other.markets = {name: alter(market) for name, market in self.markets.items()}
        return other

    def _end_ms(self, count: int | None) -> int | None:
        ends = [market.end_ms for market in self.markets.values()]
        known = [end for end in ends if end is not None]
        last = max(known) if len(known) == len(ends) else None
        if count is None:
            return last
        wanted = self.from_ms + count * self.timeframe.ms
        return wanted if last is None else min(wanted, last)

    def instants(self) -> Iterator[Instant]:
        """Every moment at which frames are sent, in order."""
        open_ms = self.from_ms
        while self.end_ms is None or open_ms < self.end_ms:
            close_ms = open_ms + self.timeframe.ms
            for at_ms in range(open_ms + self._push_ms, close_ms, self._push_ms):
                yield Instant(at_ms, open_ms, closes=False)
            yield Instant(close_ms + CLOSE_LAG_MS, open_ms, closes=True)
            open_ms = close_ms

    def updates(self, instant: Instant) -> Iterator[Update]:
        """What each market sends at an instant, in symbol order; a market without a candle sends nothing."""
        for market in self.markets.values():
            whole = market.at(instant.open_ms)
            if whole is not None:
                candle = whole if instant.closes else self._so_far(market, whole, instant.at_ms)
                yield Update(market.listing, self.timeframe, candle, instant.at_ms, instant.closes)

    def klines(
        self, market: Market, now_ms: int, *, start_ms: int | None, end_ms: int | None, limit: int
    ) -> list[Candle]:
        """
        Candles that have opened by `now_ms`, ascending; the newest is the open one, as far as it has come.

        With a start the first `limit` from there, without one the last `limit`. Both ends are inclusive and
        mean open times.
        """
        newest = now_ms if end_ms is None else min(end_ms, now_ms)
        if market.end_ms is not None:
            newest = min(newest, market.end_ms - 1)
        step = self.timeframe.ms
        oldest = max(market.begin_ms, -(-(start_ms or 0) // step) * step)
        times = range(oldest, newest + 1, step)
        found: list[Candle] = []
        for open_ms in times if start_ms is not None else reversed(times):
            if len(found) == limit:
                break
            whole = market.at(open_ms)
            if whole is not None:
                found.append(whole if open_ms + step <= now_ms else self._so_far(market, whole, now_ms))
        return found if start_ms is not None else found[::-1]

    def _so_far(self, market: Market, whole: Candle, now_ms: int) -> Candle:
        elapsed_frac = (now_ms - whole.open_time_ms) / self.timeframe.ms
        return forming(whole, elapsed_frac, market.listing, market.toss(whole.open_time_ms))


def _symbol(market: Market) -> str:
    return market.symbol
