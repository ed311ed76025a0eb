"""
OKX's v5 candle channels, without a socket: the address, the subscriptions, and bytes in, values out.

Every number and time of a candle is a string, its position says what it is, and the last of them, `confirm`, whether
it is final. A frame carries no time of its own, so the earliest moment stands in at which the venue can have said it:
the end of a final candle, the beginning of one that forms. Whatever arrives, the parser answers with values: what
cannot be believed is a `Refused`, never an exception and never a price. Unknown channels, events and fields are
passed over. OKCoin speaks the same words.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct, field

from bot.adapters.venues import (
    Alive,
    Ignored,
    KeepAlive,
    Refused,
    ShuttingDown,
    StreamMessage,
    Subscribed,
    Subscription,
    SubscriptionRefused,
)
from bot.adapters.venues.bars import NOT_JSON, BarReader, quote, read_numbers
from bot.adapters.venues.limits import batches, check_market_count, interval_name
from bot.core.market import Timeframe

LIVE_URL: Final = "wss://ws.okx.com:8443"
DEMO_URL: Final = "wss://wspap.okx.com:8443"

INTERVALS: Final = {
    Timeframe.M1: "1m",
    Timeframe.M3: "3m",
    Timeframe.M5: "5m",
    Timeframe.M15: "15m",
    Timeframe.M30: "30m",
    Timeframe.H1: "1H",
    Timeframe.H2: "2H",
    Timeframe.H4: "4H",
    Timeframe.H6: "6Hutc",
    Timeframe.H12: "12Hutc",
    Timeframe.D1: "1Dutc",
}
"""OKX's names of the timeframes. Days begin in Hong Kong, eight hours before UTC's; where that moves the bars, those
that are named after UTC are meant. There are none of eight hours."""

MAX_MARKETS: Final = 500
"""Markets on one connection. OKX names no bound for public channels: ours keeps small what a lost connection costs."""

CHANNELS_PER_REQUEST: Final = 100
"""Channels in one request: about 5 KB of the 64 KB that it may have, and five of 480 requests an hour."""

_CHANNEL: Final = "candle"
_SERVICE_UPGRADE: Final = "64008"
_MARKET_NAMED: Final = re.compile(r"\binstId:([^\s,]+)")
"""Where an error names the market: "Wrong URL or channel:candle1m,instId:BTC-USDX doesn't exist"."""

_TIME: Final = re.compile(r"[0-9]{1,13}")
"""Milliseconds, in a string."""


class _Bar(Struct, array_like=True, gc=False):
    """The volumes in quote currency are two because contracts have another unit; of spot markets both are the same."""

    open_ms: str
    open: str
    high: str
    low: str
    close: str
    volume: str
    volume_ccy: str
    volume_quote: str
    confirm: str


class _Channel(Struct, frozen=True):
    name: str = field(name="channel", default="")
    market: str = field(name="instId", default="")


_NO_CHANNEL: Final = _Channel()


class _Frame(Struct):
    """Data of a channel, or an event, which has a name."""

    event: str = ""
    channel: _Channel = field(name="arg", default=_NO_CHANNEL)
    data: list[_Bar] = []
    code: str = ""
    msg: str = ""


class _FrameName(Struct):
    event: str = ""
    channel: _Channel = field(name="arg", default=_NO_CHANNEL)


class OkxCandles:
    """
    The candle channels of some markets in one timeframe.

    Args:
        markets: Our symbols by OKX's, such as `{"BTC-USDT": "BTC/USDT"}`; at most `MAX_MARKETS`.
        timeframe: Length of the candles; one of another channel is refused.
        url: Scheme, host and port of the stream server, without a path.

    Raises:
        ConfigError: No markets, more than one connection may carry, or a timeframe that OKX does not have.
    """

    says_closed: Final = True
    only_trades: Final = False
    # OKX hangs up after 30 seconds in which nothing was said.
    keep_alive: Final = KeepAlive("ping", every_s=20.0)

    def __init__(self, markets: Mapping[str, str], timeframe: Timeframe, url: str = LIVE_URL) -> None:
        check_market_count("OKX", markets, MAX_MARKETS)
        self.symbols: Final = tuple(markets.values())
        self.timeframe: Final = timeframe
        self.stream_url: Final = f"{url.rstrip('/')}/ws/v5/business"
        self._markets = dict(markets)
        self._channel = _CHANNEL + interval_name("OKX", INTERVALS, timeframe)
        self._bars = BarReader(markets, timeframe)
        self._decode = msgspec.json.Decoder(_Frame).decode
        self._decode_name = msgspec.json.Decoder(_FrameName).decode

    def subscription(self) -> Subscription:
        """The requests that subscribe every market; each market is answered by itself."""
        frames = [
            {"op": "subscribe", "args": [{"channel": self._channel, "instId": market} for market in markets]}
            for markets in batches(list(self._markets), CHANNELS_PER_REQUEST)
        ]
        return Subscription(tuple(msgspec.json.encode(frame).decode() for frame in frames), frozenset(self.symbols))

    def parse(self, frame: bytes) -> tuple[StreamMessage, ...]:
        """Say what a frame means. Never raises, whatever the bytes."""
        if frame == b"pong":
            return (Alive(),)
        try:
            said = self._decode(frame)
        except msgspec.ValidationError as error:
            return (self._misshapen(frame, error),)
        except NOT_JSON as error:
            return (Refused("malformed", f"not JSON: {error}"),)
        return (self._event(said),) if said.event else self._candles(said.channel, said.data)

    def _candles(self, channel: _Channel, bars: list[_Bar]) -> tuple[StreamMessage, ...]:
        if not channel.name.startswith(_CHANNEL):
            return (Ignored(quote(channel.name) or "unknown message"),)
        if channel.name != self._channel:
            return (Refused("wrong interval", f"{quote(channel.market)}: {quote(channel.name)!r}"),)
        if not bars:
            return (Refused("malformed", f"no candle of {quote(channel.market)!r} inside"),)
        return tuple(self._bar(channel.market, bar) for bar in bars)

    def _bar(self, market: str, bar: _Bar) -> StreamMessage:
        if bar.confirm not in {"0", "1"} or not _TIME.fullmatch(bar.open_ms):
            return Refused("malformed", f"{quote(market)}: at {quote(bar.open_ms)!r}, confirm {quote(bar.confirm)!r}")
        closed = bar.confirm == "1"
        open_ms = int(bar.open_ms)
        end_ms = open_ms + self.timeframe.ms
        numbers = read_numbers(bar.open, bar.high, bar.low, bar.close, bar.volume)
        return self._bars.read(market, None, open_ms, end_ms, numbers, closed=closed)

    def _event(self, said: _Frame) -> StreamMessage:
        if said.event == "error":
            named = _MARKET_NAMED.search(said.msg)
            key = self._markets.get(named[1] if named else said.channel.market)
            return SubscriptionRefused(key, quote(said.code), quote(said.msg))
        if said.event == "notice" and said.code == _SERVICE_UPGRADE:
            return ShuttingDown()
        symbol = self._markets.get(said.channel.market)
        if said.event == "subscribe" and said.channel.name == self._channel and symbol is not None:
            return Subscribed((symbol,))
        return Ignored(quote(said.event))

    def _misshapen(self, frame: bytes, error: msgspec.ValidationError) -> StreamMessage:
        """Valid JSON of another shape: nothing of ours if it is another channel, damaged if it is a candle."""
        try:
            name = self._decode_name(frame)
        except NOT_JSON:
            return Refused("malformed", f"no message: {error}")
        said = name.event or name.channel.name
        if not said or said in {"subscribe", "error", "notice"} or said.startswith(_CHANNEL):
            return Refused("malformed", f"not a candle: {error}")
        return Ignored(quote(said))
