"""
Binance's spot kline streams, without a socket: the address, the subscriptions, and bytes in, values out.

Whatever arrives, the parser answers with a value: a frame that cannot be believed is a `Refused`, never an
exception and never a price. Unknown events and unknown fields are passed over, since Binance adds both.
Shapes and limits are those of Binance's web-socket-streams documentation.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from bot.adapters.venues import (
    ClosedCandle,
    FormingPrice,
    Ignored,
    Refused,
    ShuttingDown,
    StreamMessage,
    Subscribed,
    SubscriptionRefused,
)
from bot.core.errors import ConfigError
from bot.core.market import Candle, ImpossibleCandle, Timeframe

LIVE_URL: Final = "wss://data-stream.binance.vision"
"""Market data only: no account can be reached through it."""

MAX_STREAMS: Final = 1_024
"""Streams that one connection may carry."""

STREAMS_PER_REQUEST: Final = 256
"""Names in one SUBSCRIBE. A full connection sends four, below the five messages a second (pongs included) after
which Binance hangs up."""

_LONGEST_QUOTE: Final = 200
"""Characters of the venue's that are repeated to a person."""

_NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_Time = Annotated[int, Meta(ge=0, lt=10**13)]
"""Milliseconds; the bound, in the year 2286, also catches a venue that speaks in microseconds."""

_NUMBERS: Final = re.compile(r"[0-9.eE+-]+")
"""What numbers are written with; `float` alone would take `1_0`, blanks and the digits of every script."""


class _Kline(Struct):
    t: _Time
    T: _Time
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
    event_ms: _Time = field(name="E", default=0)
    symbol: str = field(name="s", default="")
    kline: _Kline | UnsetType = field(name="k", default=UNSET)
    result: msgspec.Raw | UnsetType = UNSET
    id: int | str | None = None
    code: int | UnsetType = UNSET
    msg: str = ""
    error: _Error | UnsetType = UNSET


class _Frame(_Event):
    """An event by itself, or wrapped with its stream's name by the combined endpoint."""

    data: _Event | UnsetType = UNSET


class _EventName(Struct, frozen=True):
    e: str = ""


class _FrameName(_EventName, frozen=True):
    data: _EventName = _EventName()


class BinanceKlines:
    """
    The kline streams of some markets in one timeframe.

    Args:
        markets: Our symbols by Binance's, such as `{"BTCUSDT": "BTC/USDT"}`; at most `MAX_STREAMS`.
        timeframe: Length of the candles; a kline of another interval is refused.
        url: Scheme, host and port of the stream server, without a path.

    Raises:
        ConfigError: No markets, or more than one connection may carry.
    """

    def __init__(self, markets: Mapping[str, str], timeframe: Timeframe, url: str = LIVE_URL) -> None:
        if not 0 < len(markets) <= MAX_STREAMS:
            raise ConfigError(f"one connection to Binance carries 1 to {MAX_STREAMS} markets, got {len(markets)}")
        self._markets = dict(markets)
        self._timeframe = timeframe
        self._url = url.rstrip("/")
        self._decode = msgspec.json.Decoder(_Frame).decode
        self._decode_name = msgspec.json.Decoder(_FrameName).decode

    @property
    def stream_url(self) -> str:
        """Where to connect; the subscriptions follow as messages, so that each is answered."""
        return f"{self._url}/stream"

    @property
    def timeframe_ms(self) -> int:
        """Length of the candles."""
        return self._timeframe.ms

    @property
    def symbols(self) -> tuple[str, ...]:
        """Our names of the markets."""
        return tuple(self._markets.values())

    def subscribe_frames(self) -> dict[int, bytes]:
        """The requests that subscribe every market, by the id that the answer will carry."""
        names = [f"{market.lower()}@kline_{self._timeframe.value}" for market in self._markets]
        chunks = [names[start : start + STREAMS_PER_REQUEST] for start in range(0, len(names), STREAMS_PER_REQUEST)]
        return {
            number: msgspec.json.encode({"method": "SUBSCRIBE", "params": chunk, "id": number})
            for number, chunk in enumerate(chunks, start=1)
        }

    def parse(self, frame: bytes) -> StreamMessage:
        """Say what a frame means. Never raises, whatever the bytes."""
        try:
            outer = self._decode(frame)
        except msgspec.ValidationError as error:
            return self._misshapen(frame, error)
        except _NOT_JSON as error:
            return Refused("malformed", f"not JSON: {error}")
        event = outer if outer.data is UNSET else outer.data
        if event.event is UNSET:
            return _answer(event)
        if event.event == "kline":
            return Refused("malformed", "no kline inside") if event.kline is UNSET else self._kline(event, event.kline)
        return ShuttingDown() if event.event == "serverShutdown" else Ignored(event.event[:_LONGEST_QUOTE])

    def _kline(self, event: _Event, kline: _Kline) -> StreamMessage:
        symbol = self._markets.get(kline.s)
        if symbol is None or event.symbol != kline.s:
            return Refused("unknown symbol", f"a kline of {kline.s[:_LONGEST_QUOTE]!r}: nobody asked for it")
        doubt = self._doubt(event.event_ms, kline)
        if doubt:
            return Refused(doubt, f"{symbol}: {doubt}: from {kline.t} to {kline.T}, said at {event.event_ms}")
        try:
            candle = Candle(kline.t, float(kline.o), float(kline.h), float(kline.l), float(kline.c), float(kline.v))
        except (ValueError, ImpossibleCandle) as error:
            return Refused("impossible candle", f"{symbol}: {error}"[:_LONGEST_QUOTE])
        return ClosedCandle(symbol, candle) if kline.x else FormingPrice(symbol, event.event_ms, candle.close)

    def _doubt(self, event_ms: int, kline: _Kline) -> str:
        """Why a kline cannot be meant for us; empty where it can."""
        step_ms = self._timeframe.ms
        if kline.i != self._timeframe.value:
            return "wrong interval"
        if kline.t % step_ms or kline.t + step_ms - 1 != kline.T:
            return "times off the interval's grid"
        if event_ms < kline.t or (kline.x and event_ms <= kline.T):
            return "said before it could be known"
        if not _NUMBERS.fullmatch(kline.o + kline.h + kline.l + kline.c + kline.v):
            return "prices or volume that are no numbers"
        return ""

    def _misshapen(self, frame: bytes, error: msgspec.ValidationError) -> StreamMessage:
        """Valid JSON of another shape: nothing of ours if it is another event, damaged if it is a kline."""
        try:
            name = self._decode_name(frame)
        except _NOT_JSON:
            return Refused("malformed", f"not an event: {error}")
        event = name.data.e or name.e
        if event in {"", "kline"}:
            return Refused("malformed", f"not a kline: {error}")
        return Ignored(event[:_LONGEST_QUOTE])


def _answer(event: _Event) -> StreamMessage:
    """The meaning of a message that is no event."""
    request_id = event.id if isinstance(event.id, int) else None
    if event.code is not UNSET:
        return SubscriptionRefused(request_id, event.code, event.msg[:_LONGEST_QUOTE])
    if event.error is not UNSET:
        return SubscriptionRefused(request_id, event.error.code, event.error.msg[:_LONGEST_QUOTE])
    if event.result is not UNSET and request_id is not None:
        return Subscribed(request_id)
    return Ignored("unknown message")
