"""
Exchanges through ccxt, opened for public data: no key ever comes here.

ccxt takes two seconds to import, so it is imported when an exchange is opened. Knows nothing of what is asked.
"""

import difflib
import json
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from bot.core.errors import ConfigError

if TYPE_CHECKING:
    from aiohttp import ClientSession

_SPOT_ALONE: Final[Mapping[str, Mapping[str, object]]] = {
    "binance": {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False},
    "bybit": {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "defaultType": "spot"},
    "okx": {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False},
}
"""Options that keep ccxt from loading what is not traded here."""

_NAMES_AT_ONCE: Final = 200
"""Names in one request: about 4,000 bytes of address, of the 8,190 that servers commonly take."""

_LARGEST_PAGE: Final = 1_000
_UNSTATED_PAGE: Final = 100
"""Candles to ask for at once where ccxt does not know how many an exchange gives: few enough for every one of them."""

_SANDBOXES: Final = frozenset({"binance-testnet", "bybit-testnet", "okx-demo"})
_DEMOS: Final = frozenset({"binance-demo"})


def open_exchange(
    venue: str, url: str | None = None, *, streams: bool = False, session: "ClientSession | None" = None
) -> Any:
    """
    Open an exchange; whoever gets it closes it.

    Args:
        venue: ccxt's name, which `-testnet` or `-demo` can follow where there is one.
        url: Scheme, host and port to ask over REST instead of the exchange's own.
        streams: Whether it is to stream as well.
        session: Carries its requests and counts them, in place of ccxt's own session and limiter.

    Raises:
        ConfigError: There is no such exchange, or no such practice ground of it.
    """
    name, _, ground = venue.partition("-")
    ccxt = _ccxt(streams=streams)
    if name not in ccxt.exchanges or (ground and venue not in _SANDBOXES | _DEMOS):
        near = difflib.get_close_matches(venue, [*ccxt.exchanges, *_SANDBOXES, *_DEMOS], n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ": use ccxt's name of it, such as binance"
        raise ConfigError(f"there is no exchange {venue!r}{hint}")
    # At DEBUG ccxt writes every header and body, the keys of other connections included.
    logging.getLogger("ccxt").setLevel(logging.INFO)
    carried = {"session": session, "enableRateLimit": False} if session is not None else {}
    exchange = getattr(ccxt, name)({"options": dict(_SPOT_ALONE.get(name, {})), **carried})
    if venue in _SANDBOXES:
        exchange.set_sandbox_mode(True)
    if venue in _DEMOS:
        exchange.enable_demo_trading(enable=True)
    if url is not None:
        exchange.urls["api"] = _moved(exchange.urls["api"], url)
    return exchange


async def load_markets(exchange: Any, symbols: Sequence[str]) -> None:
    """Load the rules of some markets, or of all where an exchange cannot be asked for some."""
    if exchange.id == "binance":
        # The whole list of Binance is tens of megabytes of text. ccxt's own loading stays around ours, so that
        # those who ask at the same time share it.
        exchange.fetch_markets = partial(_fetch_markets, exchange, [symbol.replace("/", "") for symbol in symbols])
    await exchange.load_markets()


def candles_a_page(exchange: Any) -> int:
    """How many candles one answer of an exchange can hold."""
    known = ((exchange.features or {}).get("spot") or {}).get("fetchOHLCV") or {}
    return min(int(known.get("limit") or _UNSTATED_PAGE), _LARGEST_PAGE)


async def _fetch_markets(exchange: Any, names: Sequence[str], _params: Mapping[str, object]) -> list[Any]:
    """Ask for Binance's markets by name, as many at a time as fit into an address."""
    found: list[Any] = []
    for first in range(0, len(names), _NAMES_AT_ONCE):
        wanted = json.dumps(names[first : first + _NAMES_AT_ONCE], separators=(",", ":"))
        found += await type(exchange).fetch_markets(exchange, {"symbols": wanted})
    return found


def _ccxt(*, streams: bool) -> Any:
    if streams:
        import ccxt.pro  # type: ignore[import-untyped]

        return ccxt.pro
    import ccxt.async_support  # type: ignore[import-untyped]

    return ccxt.async_support


def _moved(urls: Any, base: str) -> Any:
    """The same REST addresses on another host."""
    if isinstance(urls, str):
        scheme, host, *_ = urlsplit(base)
        return urlunsplit((scheme, host, *urlsplit(urls)[2:]))
    return {name: each if name == "ws" else _moved(each, base) for name, each in urls.items()}
