"""
An account at a venue through ccxt: Binance spot, opened with a key, at one of our places and nowhere else.

ccxt's own limiter, retries and clock are off: whoever owns the session counts requests, an order is never sent twice,
and the time is the venue's. Knows nothing of what is asked.
"""

import logging
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import ClientSession

from bot.adapters.account_places import AccountPlace
from bot.adapters.api_keys import Credentials
from bot.adapters.ccxt_calls import WatchedSession, listen
from bot.adapters.venue_clock import VenueClock
from bot.core.errors import ConfigError

_SECTIONS: Final = ("public", "private")
"""The parts of Binance's interface that are used; ccxt is left without the addresses of all others."""

_OPTIONS: Final = {
    "fetchMarkets": {"types": ["spot"]},
    "fetchCurrencies": False,
    "fetchMargins": False,
    "createOrder": {"quoteOrderQty": False},
    "warnOnFetchOpenOrdersWithoutSymbol": False,
    "adjustForTimeDifference": False,
    "maxRetriesOnFailure": 0,
}


def preload() -> None:
    """Import ccxt now: it takes two seconds, which a market that runs already would not wait for."""
    import ccxt.async_support  # type: ignore[import-untyped]  # noqa: F401


def open_account(
    place: AccountPlace,
    credentials: Credentials,
    session: ClientSession,
    clock: VenueClock,
    *,
    timeout_ms: int = 10_000,
    window_ms: int = 5_000,
) -> Any:
    """
    Open an account; whoever gets the exchange object closes it, the session stays its owner's.

    Args:
        place: Where the account is.
        credentials: Its key.
        session: Carries every request.
        clock: The venue's, by which requests are stamped.
        timeout_ms: How long an answer may take.
        window_ms: How old a request may be when the venue reads it. It ends before the timeout does, so that an order
            that got no answer by then cannot come into being any more.

    Raises:
        ConfigError: ccxt would send to another host than that of the place, or the window outlives the timeout.
    """
    from ccxt.async_support import binance

    if window_ms > timeout_ms:
        raise ConfigError(f"a request that may be {window_ms} ms old outlives its timeout of {timeout_ms} ms")
    # At DEBUG ccxt writes every header and body, the key included.
    logging.getLogger("ccxt").setLevel(max(logging.INFO, logging.getLogger("ccxt").level))
    exchange = binance(
        {
            "apiKey": credentials.api_key,
            "secret": credentials.secret,
            # None keeps ccxt from making one of its own.
            "session": None,
            "enableRateLimit": False,
            "timeout": timeout_ms,
            "options": {**_OPTIONS, "recvWindow": window_ms},
        }
    )
    exchange.number = str
    exchange.timeout_on_exit = 0
    exchange.milliseconds = clock.venue_ms
    _move(exchange, place)
    listen(exchange)
    exchange.session = WatchedSession(session)
    return exchange


def _move(exchange: Any, place: AccountPlace) -> None:
    """Have ccxt talk to the place, and make sure that it does: its switches can fail in silence."""
    if place.name == "binance-testnet":
        exchange.set_sandbox_mode(True)
    elif place.name == "binance-demo":
        exchange.enable_demo_trading(enable=True)
    addresses = {section: exchange.urls["api"].get(section) for section in _SECTIONS}
    for section, address in addresses.items():
        parts = urlsplit(address or "")
        if parts.scheme != "https" or parts.netloc != place.rest_host or not parts.path.startswith("/api/"):
            raise ConfigError(
                f"ccxt would send {section} requests of {place.name} to {parts.netloc or 'nowhere'} instead of "
                f"{place.rest_host}: nothing was sent"
            )
    exchange.urls["api"] = addresses
