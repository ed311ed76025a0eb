"""
A venue whose frames are short lists, and candles that are a function of market and time.

Minutes are counted from `T0`; bar `n` opens `n` minutes after it.
"""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from zlib import crc32

from bot.adapters.history_rows import Row
from bot.adapters.venues import (
    Alive,
    ClosedCandle,
    FormingCandle,
    Ignored,
    KeepAlive,
    Refused,
    ShuttingDown,
    StreamMessage,
    Subscribed,
    Subscription,
    SubscriptionRefused,
)
from bot.core.market import Candle, Timeframe

MINUTE = 60_000
T0 = 28_000_000 * MINUTE
BTC, ETH = "BTC/USDT", "ETH/USDT"


def opens(bar: int) -> int:
    """When a bar opens."""
    return T0 + bar * MINUTE


def bar_of(open_ms: int) -> int:
    """Which bar opens then."""
    return (open_ms - T0) // MINUTE


def truth(symbol: str, bar: int) -> Candle:
    """What a bar has become when it has ended."""
    return forming(symbol, bar, MINUTE)


def forming(symbol: str, bar: int, elapsed_ms: int) -> Candle:
    """What a bar has become after some of its time: prices wander, and the volume grows with every second."""
    path = _path(symbol, bar)[: 1 + elapsed_ms // 1_000]
    return Candle(opens(bar), path[0], max(path), min(path), path[-1], float(len(path)))


@lru_cache(maxsize=4096)
def _path(symbol: str, bar: int) -> list[float]:
    return [99.0 + crc32(f"{symbol} {bar} {second}".encode()) % 201 / 100 for second in range(61)]


def row(candle: Candle) -> Row:
    """A candle as history gives it."""
    return (candle.open_time_ms, candle.open, candle.high, candle.low, candle.close, candle.volume)


def closed_frame(symbol: str, bar: int, candle: Candle | None = None, *, late_ms: int = 50) -> bytes:
    """The venue calls a bar final, a moment after its end."""
    return _frame("closed", symbol, opens(bar + 1) + late_ms, *row(candle or truth(symbol, bar)))


def forming_frame(symbol: str, bar: int, elapsed_ms: int, candle: Candle | None = None) -> bytes:
    """The venue shows a bar as it stands."""
    return _frame("forming", symbol, opens(bar) + elapsed_ms, *row(candle or forming(symbol, bar, elapsed_ms)))


def confirmed_frame(*keys: str) -> bytes:
    """The venue confirms subscriptions."""
    return _frame("confirmed", *keys)


def refused_frame(text: str) -> bytes:
    """The venue refuses a subscription."""
    return _frame("refused", text)


SHUTDOWN = b'["shutdown"]'
HEARTBEAT = b'["heartbeat"]'


class FakeStream:
    """A venue as a test wants it; every symbol is a key that has to be confirmed, unless nothing has to."""

    def __init__(
        self,
        symbols: Sequence[str] = (BTC,),
        *,
        url: str = "ws://127.0.0.1:1",
        says_closed: bool = True,
        only_trades: bool = False,
        confirms: bool = True,
        keep_alive: KeepAlive | None = None,
    ) -> None:
        self.stream_url = url
        self.symbols = tuple(symbols)
        self.timeframe = Timeframe.M1
        self.says_closed = says_closed
        self.only_trades = only_trades
        self.keep_alive = keep_alive
        self._confirms = confirms

    def subscription(self) -> Subscription:
        """One request for each market."""
        frames = tuple(json.dumps(["subscribe", symbol]) for symbol in self.symbols)
        return Subscription(frames, frozenset(self.symbols if self._confirms else ()))

    def parse(self, frame: bytes) -> Sequence[StreamMessage]:
        """Say what a frame means."""
        try:
            kind, *rest = json.loads(frame)
        except ValueError:
            return (Refused("malformed", "not JSON"),)
        return (_MEANINGS[kind](rest) if kind in _MEANINGS else Ignored(kind),)


_MEANINGS: dict[str, Callable[[list], StreamMessage]] = {
    "closed": lambda rest: ClosedCandle(rest[0], rest[1], Candle(*rest[2:])),
    "forming": lambda rest: FormingCandle(rest[0], rest[1], Candle(*rest[2:])),
    "confirmed": lambda rest: Subscribed(tuple(rest)),
    "refused": lambda rest: SubscriptionRefused(None, "1", rest[0]),
    "shutdown": lambda _: ShuttingDown(),
    "heartbeat": lambda _: Alive(),
}


def _frame(kind: str, *rest: object) -> bytes:
    return json.dumps([kind, *rest]).encode()
