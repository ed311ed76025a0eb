"""
A feed without sockets or clocks: what it is told, and what it says.

Time is the venue's, in milliseconds since `T0`; the machine's clock is an hour ahead.
"""

import json
from typing import Any

from bot.adapters.candle_feed import CandleFeed
from bot.adapters.feed_inputs import (
    Connected,
    Disconnected,
    FrameReceived,
    HistoryAnswered,
    HistoryFailed,
    Tick,
)
from bot.adapters.feed_outputs import AskHistory, FeedOutput
from bot.adapters.history_rows import Row
from bot.core.events import CandleClosed
from tests.feed_fakes import (
    BTC,
    T0,
    FakeStream,
    bar_of,
    forming,
    opens,
    row,
    truth,
)


class Desk:
    """Feeds a feed. Time is the venue's, in milliseconds since `T0`; the machine's clock is an hour ahead."""

    def __init__(self, stream: FakeStream | None = None, *, feed: CandleFeed | None = None) -> None:
        self.stream = stream or FakeStream(confirms=False)
        self.feed = feed or CandleFeed([self.stream])
        self.now = opens(10) - T0
        self.connection = 0
        self.ahead_ms = 3_600_000
        self.said: list[FeedOutput] = []
        self.connect()

    @property
    def at_ms(self) -> int:
        return T0 + self.now + self.ahead_ms

    def tell(self, given) -> list[FeedOutput]:
        outputs = self.feed.take(given)
        self.said += outputs
        return outputs

    def connect(self) -> list[FeedOutput]:
        self.connection += 1
        return self.tell(Connected(self.at_ms, self.connection, self.stream.symbols))

    def cut(self, reason: str = "cut") -> None:
        self.tell(Disconnected(self.at_ms, self.connection, reason))

    def hear(self, *frames: bytes) -> list[FeedOutput]:
        """Receive frames, none before the venue can have sent it; what they bring."""
        return [one for frame in frames for one in self._hear(frame)]

    def _hear(self, frame: bytes) -> list[FeedOutput]:
        kind, *rest = json.loads(frame)
        if kind in {"closed", "forming"}:
            self.now = max(self.now, rest[1] - T0)
        return self.tell(FrameReceived(self.at_ms, self.connection, frame))

    def wait(self, seconds: float, *, step: float = 1.0) -> list[FeedOutput]:
        """Let time pass; what the ticks on the way bring."""
        outputs = []
        for _ in range(round(seconds / step)):
            self.now += round(step * 1_000)
            outputs += self.tell(Tick(self.at_ms))
        return outputs

    def until(self, bar: int, elapsed_s: float) -> list[FeedOutput]:
        return self.wait((opens(bar) - T0 - self.now) / 1_000 + elapsed_s)

    def answer(self, asked: AskHistory, rows: list[Row], venue_ms: int = 0) -> list[FeedOutput]:
        span = (asked.symbol, asked.from_ms, asked.to_ms)
        return self.tell(HistoryAnswered(self.at_ms, *span, venue_ms or T0 + self.now, tuple(rows)))

    def fail(self, asked: AskHistory) -> list[FeedOutput]:
        return self.tell(HistoryFailed(self.at_ms, asked.symbol, asked.from_ms, asked.to_ms, "HTTP 503"))


def rows_of(*bars: int, symbol: str = BTC) -> list[Row]:
    return [row(truth(symbol, bar)) for bar in bars]


def open_row(bar: int, elapsed_ms: int, symbol: str = BTC) -> Row:
    return row(forming(symbol, bar, elapsed_ms))


def bars(outputs: list[FeedOutput]) -> list[int]:
    return [bar_of(one.candle.open_time_ms) for one in outputs if isinstance(one, CandleClosed)]


def only(outputs: list[FeedOutput], kind: type | tuple[type, ...]) -> list[Any]:
    return [one for one in outputs if isinstance(one, kind)]


def asked_in(outputs: list[FeedOutput]) -> AskHistory:
    (question,) = (one for one in outputs if isinstance(one, AskHistory))
    return question


def kline_only() -> FakeStream:
    """A venue that never says that a bar is closed, nor speaks of bars without trades."""
    return FakeStream(says_closed=False, only_trades=True, confirms=False)
