"""
Binance's spot kline streams, without a socket: the address, the subscriptions, and bytes in, values out.

Whatever arrives, the parser answers with a value: a frame that cannot be believed is a `Refused`, never an
exception and never a price. Unknown events and unknown fields are passed over, since Binance adds both.
Shapes and limits are those of Binance's web-socket-streams documentation.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from bot.adapters.venues import (
    Ignored,
    KeepAlive,
    Refused,
    ShuttingDown,
    StreamMessage,
    Subscribed,
    Subscription,
    SubscriptionRefused,
)
from bot.adapters.venues.bars import NOT_JSON, BarReader, TimeMs, quote, read_numbers
from bot.adapters.venues.limits import batches, check_market_count, interval_name
from bot.core.market import Timeframe

LIVE_URL: Final = "wss://data-stream.binance.vision"
"""Market data only: no account can be reached through it."""

TESTNET_URL: Final = "wss://stream.testnet.binance.vision"
"""The spot testnet, with books and prices of its own."""

DEMO_URL: Final = "wss://demo-stream.binance.com"
"""Demo mode: books of its own, near the live ones, under the live limits."""

INTERVALS: Final = {timeframe: timeframe.value for timeframe in Timeframe}
"""Binance's names of the timeframes, which are ours."""

MAX_MARKETS: Final = 1_024
"""Streams that one connection may carry."""

STREAMS_PER_REQUEST: Final = 256
"""Names in one SUBSCRIBE. A full connection sends four, below the five messages a second (pongs included) after
which Binance hangs up."""


class _Kline(Struct, gc=False):
    t: TimeMs
    T: TimeMs
    s: str
    i: str
    o: str
    h: str
    l: str  # noqa: E741 - the field's name on the wire
    c: str
    v: str
    x: bool


class _Error(Struct):
    code: int = 0
    msg: str = ""


class _Event(Struct):
    """A market event, or the answer to a request; which one is told by the fields that are there."""

    event: str | UnsetType = field(name="e", default=UNSET)
    event_ms: TimeMs = field(name="E", default=0)
    symbol: str = field(name="s", default="")
    kline: _Kline | UnsetType = field(name="k", default=UNSET)
    result: msgspec.Raw | UnsetType = UNSET
    id: int | str | None = None
    code: int | UnsetType = UNSET
    msg: str = ""
    error: _Error | UnsetType = UNSET


class _Frame(_Event):
    """An event by itself, or wrapped with its stream's name by the combined endpoint."""

    stream: str | UnsetType = UNSET
    data: _Event | UnsetType = UNSET


class _EventName(Struct, frozen=True):
    e: str = ""


class _FrameName(_EventName, frozen=True):
    data: _EventName = _EventName()


class BinanceKlines:
    """
    The kline streams of some markets in one timeframe.

    Args:
        markets: Our symbols by Binance's, such as `{"BTCUSDT": "BTC/USDT"}`; at most `MAX_MARKETS`.
        timeframe: Length of the candles; a kline of another interval is refused.
        url: Scheme, host and port of the stream server, without a path.

    Raises:
        ConfigError: No markets, or more than one connection may carry.
    """

    says_closed: Final = True
    only_trades: Final = False
    keep_alive: Final[KeepAlive | None] = None

    def __init__(self, markets: Mapping[str, str], timeframe: Timeframe, url: str = LIVE_URL) -> None:
        check_market_count("Binance", markets, MAX_MARKETS)
        self.symbols: Final = tuple(markets.values())
        self.timeframe: Final = timeframe
        # Subscriptions follow as messages, not in the address, so that each is answered.
        self.stream_url: Final = f"{url.rstrip('/')}/stream"
        self._interval = interval_name("Binance", INTERVALS, timeframe)
        self._streams = {market: f"{market.lower()}@kline_{self._interval}" for market in markets}
        self._bars = BarReader(markets, timeframe)
        self._decode = msgspec.json.Decoder(_Frame).decode
        self._decode_name = msgspec.json.Decoder(_FrameName).decode

    def subscription(self) -> Subscription:
        """The requests that subscribe every market; each is answered by its id."""
        frames = {
            str(number): msgspec.json.encode({"method": "SUBSCRIBE", "params": names, "id": number}).decode()
            for number, names in enumerate(batches(list(self._streams.values()), STREAMS_PER_REQUEST), start=1)
        }
        return Subscription(tuple(frames.values()), frozenset(frames))

    def parse(self, frame: bytes) -> tuple[StreamMessage]:
        """Say what a frame means, which with Binance is always one thing. Never raises, whatever the bytes."""
        return (self._meaning(frame),)

    def _meaning(self, frame: bytes) -> StreamMessage:
        try:
            outer = self._decode(frame)
        except msgspec.ValidationError as error:
            return self._misshapen(frame, error)
        except NOT_JSON as error:
            return Refused("malformed", f"not JSON: {error}")
        event = outer if outer.data is UNSET else outer.data
        if event.event is UNSET:
            return _answer(event)
        if event.event == "kline":
            return self._kline(event, event.kline, outer.stream)
        return ShuttingDown() if event.event == "serverShutdown" else Ignored(quote(event.event))

    def _kline(self, event: _Event, kline: _Kline | UnsetType, stream: str | UnsetType) -> StreamMessage:
        if kline is UNSET:
            return Refused("malformed", "no kline inside")
        if stream is not UNSET and stream != self._streams.get(event.symbol, stream):
            return Refused("unknown symbol", f"a kline of {quote(event.symbol)!r} in {quote(stream)!r}")
        if event.symbol != kline.s:
            return Refused("unknown symbol", f"one kline of {quote(event.symbol)!r} and of {quote(kline.s)!r}")
        if kline.i != self._interval:
            return Refused("wrong interval", f"{quote(kline.s)}: a kline of {quote(kline.i)!r}")
        numbers = read_numbers(kline.o, kline.h, kline.l, kline.c, kline.v)
        return self._bars.read(kline.s, event.event_ms, kline.t, kline.T + 1, numbers, closed=kline.x)

    def _misshapen(self, frame: bytes, error: msgspec.ValidationError) -> StreamMessage:
        """Valid JSON of another shape: nothing of ours if it is another event, damaged if it is a kline."""
        try:
            name = self._decode_name(frame)
        except NOT_JSON:
            return Refused("malformed", f"not an event: {error}")
        event = name.data.e or name.e
        return Refused("malformed", f"not a kline: {error}") if event in {"", "kline"} else Ignored(quote(event))


def _answer(event: _Event) -> StreamMessage:
    """The meaning of a message that is no event."""
    key = None if event.id is None else quote(str(event.id))
    if event.code is not UNSET:
        return SubscriptionRefused(key, quote(str(event.code)), quote(event.msg))
    if event.error is not UNSET:
        return SubscriptionRefused(key, quote(str(event.error.code)), quote(event.error.msg))
    if event.result is not UNSET and key is not None:
        return Subscribed((key,))
    return Ignored("unknown message")
