"""
The venues that can be streamed, and what each calls our markets: the way from names in settings to parsers.

Here alone is known which venues there are. Whatever a venue cannot do is a `ConfigError` that says what it can.
"""

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Final

from msgspec import Struct

from bot.adapters.candle_names import EXPECTED_SYMBOL, read_symbol
from bot.adapters.venues import VenueStream, binance, bybit, kraken, okx
from bot.adapters.venues.limits import batches
from bot.core.errors import ConfigError
from bot.core.market import Timeframe


class _Words(Struct, frozen=True):
    """What servers of one kind understand: `parting` stands between the base and the quote of a market's name."""

    make: Callable[[Mapping[str, str], Timeframe, str], VenueStream]
    parting: str
    intervals: Mapping[Timeframe, str]
    max_markets: int


class _Venue(Struct, frozen=True):
    words: _Words
    url: str


_BINANCE: Final = _Words(binance.BinanceKlines, "", binance.INTERVALS, binance.MAX_MARKETS)
_BYBIT: Final = _Words(bybit.BybitKlines, "", bybit.INTERVALS, bybit.MAX_MARKETS)
_OKX: Final = _Words(okx.OkxCandles, "-", okx.INTERVALS, okx.MAX_MARKETS)
_KRAKEN: Final = _Words(kraken.KrakenCandles, "/", kraken.INTERVALS, kraken.MAX_MARKETS)

_VENUES: Final = {
    "binance": _Venue(_BINANCE, binance.LIVE_URL),
    "binance-testnet": _Venue(_BINANCE, binance.TESTNET_URL),
    "binance-demo": _Venue(_BINANCE, binance.DEMO_URL),
    "bybit": _Venue(_BYBIT, bybit.LIVE_URL),
    "bybit-testnet": _Venue(_BYBIT, bybit.TESTNET_URL),
    "okx": _Venue(_OKX, okx.LIVE_URL),
    "okx-demo": _Venue(_OKX, okx.DEMO_URL),
    "kraken": _Venue(_KRAKEN, kraken.LIVE_URL),
}

VENUE_NAMES: Final = tuple(_VENUES)
"""The venues that have a parser of their own."""


def timeframes(name: str) -> tuple[Timeframe, ...]:
    """The timeframes in which a venue streams candles, shortest first."""
    return tuple(_venue(name).words.intervals)


def markets_per_connection(name: str) -> int:
    """How many markets one connection to a venue carries."""
    return _venue(name).words.max_markets


def market_names(name: str, symbols: Sequence[str]) -> dict[str, str]:
    """
    Our symbols by the venue's names of them, such as `{"BTC-USDT": "BTC/USDT"}` for OKX.

    Raises:
        ConfigError: An unknown venue, a symbol that is not of the form BASE/QUOTE, or two that the venue would call
            the same.
    """
    parting = _venue(name).words.parting
    markets: dict[str, str] = {}
    for symbol in symbols:
        if read_symbol(symbol) != symbol or "/" not in symbol:
            raise ConfigError(f"{symbol!r} is no market: write it as {EXPECTED_SYMBOL}")
        market = symbol.replace("/", parting)
        if market in markets:
            raise ConfigError(f"{name} cannot tell {symbol} from {markets[market]}: name only one of them")
        markets[market] = symbol
    return markets


def stream_venue(name: str, symbols: Sequence[str], timeframe: Timeframe, url: str | None = None) -> VenueStream:
    """
    The candle streams of some markets of a venue, on one connection.

    Args:
        name: One of `VENUE_NAMES`.
        symbols: Our symbols, each named once.
        timeframe: Length of the candles.
        url: Scheme, host and port of another server that speaks the same words; None is the venue's own.

    Raises:
        ConfigError: An unknown venue or symbol, a timeframe that the venue does not have, or more markets than one
            connection carries.
    """
    venue = _venue(name)
    return venue.words.make(market_names(name, symbols), timeframe, venue.url if url is None else url)


def stream_venues(
    name: str, symbols: Sequence[str], timeframe: Timeframe, url: str | None = None
) -> tuple[VenueStream, ...]:
    """
    Streams of any number of markets, on as few connections as carry them, with as even a load as can be.

    Raises:
        ConfigError: As `stream_venue`, and for no symbols at all.
    """
    market_names(name, symbols)
    connections = max(1, ceil(len(symbols) / markets_per_connection(name)))
    shares = batches(symbols, max(1, ceil(len(symbols) / connections))) or [symbols]
    return tuple(stream_venue(name, share, timeframe, url) for share in shares)


def _venue(name: str) -> _Venue:
    venue = _VENUES.get(name)
    if venue is None:
        raise ConfigError(f"no stream of {name!r} is known: choose one of {', '.join(VENUE_NAMES)}")
    return venue
