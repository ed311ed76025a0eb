"""
Kraken's v2 candle channel, without a socket: the address, the subscriptions, and bytes in, values out.

Kraken marks no bar as final, and sends one only when there was a trade in it: each is given out as forming, and
whoever reads it waits for a successor. The snapshot that follows a subscription goes back some bars; only the newest
is given out, for the close of an older one would pass for news. A bar that comes without the time of its message, as
in some of the documented examples, counts as said when it began, the earliest moment at which it can have been.
Whatever arrives, the parser answers with values: what cannot be believed is a `Refused`, never an
exception and never a price. Unknown channels and fields are passed over. Shapes are those of Kraken's Spot WebSocket
v2 documentation.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

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
from bot.adapters.venues.bars import NOT_JSON, BarReader, quote
from bot.adapters.venues.limits import batches, check_market_count, interval_name
from bot.core.market import MINUTE_MS, Timeframe

LIVE_URL: Final = "wss://ws.kraken.com"

INTERVALS: Final = {
    timeframe: str(timeframe.ms // MINUTE_MS)
    for timeframe in (
        Timeframe.M1,
        Timeframe.M5,
        Timeframe.M15,
        Timeframe.M30,
        Timeframe.H1,
        Timeframe.H4,
        Timeframe.D1,
    )
}
"""Kraken's names of the timeframes: their minutes."""

MAX_MARKETS: Final = 250
"""Markets on one connection. Kraken names no bound: ours keeps what one lost connection costs small."""

MARKETS_PER_REQUEST: Final = 50
"""Markets in one request. Kraken names no bound, but refuses a client that sends many messages at once."""

_CHANNEL: Final = "ohlc"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

_Moment = Annotated[datetime, Meta(tz=True)]
"""RFC 3339; what is finer than a microsecond is rounded."""


class _Bar(Struct, gc=False):
    symbol: str
    interval: int
    interval_begin: _Moment
    open: float
    high: float
    low: float
    close: float
    volume: float


class _Result(Struct, frozen=True):
    channel: str = ""
    symbol: str = ""


_NO_RESULT: Final = _Result()


class _Frame(Struct):
    """Data of a channel, or the answer to a method."""

    channel: str = ""
    timestamp: _Moment | UnsetType = UNSET
    data: list[_Bar] = []
    method: str = ""
    success: bool | UnsetType = UNSET
    result: _Result = _NO_RESULT
    symbol: str = ""
    error: str = ""
    Error: str = ""


class _FrameName(Struct):
    channel: str = ""
    method: str = ""


class KrakenCandles:
    """
    The candle channel of some markets in one timeframe.

    Args:
        markets: Our symbols by Kraken's, which are the same in v2: `{"BTC/USD": "BTC/USD"}`; at most `MAX_MARKETS`.
        timeframe: Length of the candles; a bar of another interval is refused.
        url: Scheme, host and port of the stream server, without a path.

    Raises:
        ConfigError: No markets, more than one connection may carry, or a timeframe that Kraken does not have.
    """

    says_closed: Final = False
    only_trades: Final = True
    # Kraken sends a heartbeat about every second when it has nothing else to say.
    keep_alive: Final[KeepAlive | None] = None

    def __init__(self, markets: Mapping[str, str], timeframe: Timeframe, url: str = LIVE_URL) -> None:
        check_market_count("Kraken", markets, MAX_MARKETS)
        self.symbols: Final = tuple(markets.values())
        self.timeframe: Final = timeframe
        self.stream_url: Final = f"{url.rstrip('/')}/v2"
        self._markets = dict(markets)
        self._minutes = int(interval_name("Kraken", INTERVALS, timeframe))
        self._bars = BarReader(markets, timeframe)
        self._decode = msgspec.json.Decoder(_Frame).decode
        self._decode_name = msgspec.json.Decoder(_FrameName).decode

    def subscription(self) -> Subscription:
        """The requests that subscribe every market; each market is answered by itself."""
        frames = [
            {
                "method": "subscribe",
                "params": {"channel": _CHANNEL, "symbol": markets, "interval": self._minutes, "snapshot": True},
            }
            for markets in batches(list(self._markets), MARKETS_PER_REQUEST)
        ]
        return Subscription(tuple(msgspec.json.encode(frame).decode() for frame in frames), frozenset(self.symbols))

    def parse(self, frame: bytes) -> tuple[StreamMessage, ...]:
        """Say what a frame means. Never raises, whatever the bytes."""
        try:
            said = self._decode(frame)
        except msgspec.ValidationError as error:
            return (self._misshapen(frame, error),)
        except NOT_JSON as error:
            return (Refused("malformed", f"not JSON: {error}"),)
        if said.channel == _CHANNEL:
            return tuple(self._bar(said, bar) for bar in _newest(said.data)) or (Refused("malformed", "no bar inside"),)
        if said.channel == "heartbeat" or said.method == "pong":
            return (Alive(),)
        return (self._answer(said),)

    def _bar(self, said: _Frame, bar: _Bar) -> StreamMessage:
        if bar.interval != self._minutes:
            return Refused("wrong interval", f"{quote(bar.symbol)}: a bar of {bar.interval} minutes")
        open_ms, too_fine = divmod(bar.interval_begin - _EPOCH, _MILLISECOND)
        if too_fine:
            return Refused("times off the interval's grid", f"{quote(bar.symbol)}: from {bar.interval_begin}")
        event_ms = None if said.timestamp is UNSET else (said.timestamp - _EPOCH) // _MILLISECOND
        numbers = (bar.open, bar.high, bar.low, bar.close, bar.volume)
        return self._bars.read(bar.symbol, event_ms, open_ms, open_ms + self.timeframe.ms, numbers, closed=False)

    def _answer(self, said: _Frame) -> StreamMessage:
        """The meaning of a message that is no bar. Kraken numbers no errors."""
        symbol = self._markets.get(said.result.symbol or said.symbol)
        if said.method == "subscribe" and said.success is True and said.result.channel == _CHANNEL and symbol:
            return Subscribed((symbol,))
        refusal = said.error or said.Error
        if said.method in {"", "subscribe"} and (said.success is False or refusal):
            return SubscriptionRefused(symbol, "", quote(refusal))
        return Ignored(quote(said.channel or said.method) or "unknown message")

    def _misshapen(self, frame: bytes, error: msgspec.ValidationError) -> StreamMessage:
        """Valid JSON of another shape: nothing of ours if it is another channel, damaged if it is a bar."""
        try:
            name = self._decode_name(frame)
        except NOT_JSON:
            return Refused("malformed", f"no message: {error}")
        if name.channel in {"", _CHANNEL} and name.method in {"", "subscribe"}:
            return Refused("malformed", f"not a bar: {error}")
        return Ignored(quote(name.channel or name.method))


def _newest(bars: list[_Bar]) -> Iterable[_Bar]:
    """The last bar of each market."""
    newest: dict[str, _Bar] = {}
    for bar in bars:
        known = newest.get(bar.symbol)
        if known is None or known.interval_begin <= bar.interval_begin:
            newest[bar.symbol] = bar
    return newest.values()
