"""
Bybit's v5 spot kline streams, without a socket: the address, the subscriptions, and bytes in, values out.

A frame carries one bar or more, each marked as final or not by `confirm`. Whatever arrives, the parser answers with
values: what cannot be believed is a `Refused`, never an exception and never a price. Unknown topics and unknown
fields are passed over. Shapes and limits are those of Bybit's v5 websocket documentation.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from bot.adapters.venues import (
    Alive,
    Ignored,
    KeepAlive,
    Refused,
    StreamMessage,
    Subscribed,
    Subscription,
    SubscriptionRefused,
)
from bot.adapters.venues.bars import NOT_JSON, BarReader, TimeMs, quote, read_numbers
from bot.adapters.venues.limits import batches, check_market_count, interval_name
from bot.core.market import Timeframe

LIVE_URL: Final = "wss://stream.bybit.com"
TESTNET_URL: Final = "wss://stream-testnet.bybit.com"

INTERVALS: Final = {
    Timeframe.M1: "1",
    Timeframe.M3: "3",
    Timeframe.M5: "5",
    Timeframe.M15: "15",
    Timeframe.M30: "30",
    Timeframe.H1: "60",
    Timeframe.H2: "120",
    Timeframe.H4: "240",
    Timeframe.H6: "360",
    Timeframe.H12: "720",
    Timeframe.D1: "D",
}
"""Bybit's names of the timeframes; it has no bars of eight hours."""

MAX_MARKETS: Final = 500
"""Markets on one connection: topics of up to 42 characters stay within the 21,000 that all of them may have."""

TOPICS_PER_REQUEST: Final = 10
"""Topics in one request for spot markets."""

_TOPIC: Final = "kline."


class _Bar(Struct, gc=False):
    start: TimeMs
    end: TimeMs
    interval: str
    open: str
    high: str
    low: str
    close: str
    volume: str
    confirm: bool


class _Frame(Struct):
    """Data of a topic, or the answer to a request, which has no topic."""

    topic: str = ""
    ts: TimeMs = 0
    data: list[_Bar] = []
    op: str = ""
    success: bool | UnsetType = UNSET
    ret_msg: str = ""
    req_id: str = ""


class _FrameName(Struct):
    topic: str = ""
    op: str = ""


class BybitKlines:
    """
    The kline streams of some spot markets in one timeframe.

    Args:
        markets: Our symbols by Bybit's, such as `{"BTCUSDT": "BTC/USDT"}`; at most `MAX_MARKETS`.
        timeframe: Length of the candles; a bar of another interval is refused.
        url: Scheme, host and port of the stream server, without a path.

    Raises:
        ConfigError: No markets, more than one connection may carry, or a timeframe that Bybit does not have.
    """

    says_closed: Final = True
    only_trades: Final = False
    keep_alive: Final = KeepAlive('{"op":"ping"}', every_s=20.0)

    def __init__(self, markets: Mapping[str, str], timeframe: Timeframe, url: str = LIVE_URL) -> None:
        check_market_count("Bybit", markets, MAX_MARKETS)
        self.symbols: Final = tuple(markets.values())
        self.timeframe: Final = timeframe
        self.stream_url: Final = f"{url.rstrip('/')}/v5/public/spot"
        self._interval = interval_name("Bybit", INTERVALS, timeframe)
        self._topics = [f"{_TOPIC}{self._interval}.{market}" for market in markets]
        self._bars = BarReader(markets, timeframe)
        self._decode = msgspec.json.Decoder(_Frame).decode
        self._decode_name = msgspec.json.Decoder(_FrameName).decode

    def subscription(self) -> Subscription:
        """The requests that subscribe every market; each is answered as a whole, by its id."""
        frames = {
            str(number): msgspec.json.encode({"req_id": str(number), "op": "subscribe", "args": topics}).decode()
            for number, topics in enumerate(batches(self._topics, TOPICS_PER_REQUEST), start=1)
        }
        return Subscription(tuple(frames.values()), frozenset(frames))

    def parse(self, frame: bytes) -> tuple[StreamMessage, ...]:
        """Say what a frame means. Never raises, whatever the bytes."""
        try:
            said = self._decode(frame)
        except msgspec.ValidationError as error:
            return (self._misshapen(frame, error),)
        except NOT_JSON as error:
            return (Refused("malformed", f"not JSON: {error}"),)
        if not said.topic:
            return (_answer(said),)
        if not said.topic.startswith(_TOPIC):
            return (Ignored(quote(said.topic)),)
        if not said.data:
            return (Refused("malformed", f"no bar inside {quote(said.topic)!r}"),)
        interval, _, market = said.topic.removeprefix(_TOPIC).partition(".")
        return tuple(self._bar(interval, market, said.ts, bar) for bar in said.data)

    def _bar(self, interval: str, market: str, event_ms: int, bar: _Bar) -> StreamMessage:
        if interval != self._interval or bar.interval != self._interval:
            return Refused("wrong interval", f"{quote(market)}: {quote(interval)!r}, inside {quote(bar.interval)!r}")
        numbers = read_numbers(bar.open, bar.high, bar.low, bar.close, bar.volume)
        return self._bars.read(market, event_ms, bar.start, bar.end + 1, numbers, closed=bar.confirm)

    def _misshapen(self, frame: bytes, error: msgspec.ValidationError) -> StreamMessage:
        """Valid JSON of another shape: nothing of ours if it is of another name, damaged if it is a kline."""
        try:
            said = self._decode_name(frame)
        except NOT_JSON:
            return Refused("malformed", f"no message: {error}")
        name = said.topic or said.op
        if not name or name == "subscribe" or name.startswith(_TOPIC):
            return Refused("malformed", f"not a kline: {error}")
        return Ignored(quote(name))


def _answer(said: _Frame) -> StreamMessage:
    """The meaning of a message that is of no topic. Bybit numbers no errors; a refusal often lacks the id as well."""
    if said.op == "subscribe" and said.success is False:
        return SubscriptionRefused(quote(said.req_id) or None, "", quote(said.ret_msg))
    if said.op == "subscribe" and said.success is True and said.req_id:
        return Subscribed((quote(said.req_id),))
    if said.op == "pong" or said.ret_msg == "pong":
        return Alive()
    return Ignored(quote(said.op) or "unknown message")
