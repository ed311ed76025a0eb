"""A trading exchange over real sockets, a market clock that is set by hand, and ccxt as it comes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt  # type: ignore[import-untyped]
from aiohttp import ClientSession
from msgspec import Struct

from bot.core.market import Timeframe
from bot.exchange.accounts_file import Customer
from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import AnyFault
from bot.exchange.market import ORIGIN_MS, SeededMarket
from bot.exchange.orders import Trade, VenueOrder
from bot.exchange.pace import LockStep, Pace
from bot.exchange.server import ExchangeServer
from bot.exchange.trade_desk import Terms
from bot.exchange.venue import Market, Venue

MINUTE = Timeframe.M1.ms
FROM_MS = ORIGIN_MS + 50 * MINUTE
MAIN = "main"
BTC = "BTC/USDT"
KEY = "k" * 64
SECRET = "not a real secret"  # noqa: S105 - of a test
CUSTOMER = Customer(MAIN, KEY, SECRET, {"BTC": Decimal(2), "USDT": Decimal(100_000)})


class HeldTime(LockStep):
    """Stands still until it is set."""

    def set(self, at_ms: int) -> None:
        self._now_ms = at_ms


class Box(Struct):
    """An exchange that runs, and where."""

    server: ExchangeServer
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def orders(self) -> list[VenueOrder]:
        """All orders, as the exchange has them."""
        venue = self.server.trading.venue
        return [
            order
            for market in venue.markets.values()
            for order in market.floor.records.orders(MAIN, self.server.pace.now_ms())
        ]

    def trades(self) -> list[Trade]:
        """All trades, as the exchange has them."""
        venue = self.server.trading.venue
        return [
            trade
            for market in venue.markets.values()
            for trade in market.floor.records.trades(MAIN, self.server.pace.now_ms())
        ]

    def last(self) -> Decimal:
        """The price of the market now."""
        self.server.trading.move(["BTCUSDT"])
        return self.server.trading.venue.market("BTCUSDT").last_price()


@asynccontextmanager
async def trading_exchange(
    *faults: AnyFault,
    terms: Terms | None = None,
    pace: Pace | None = None,
    markets: Sequence[Market] | None = None,
    from_ms: int = FROM_MS,
) -> AsyncIterator[Box]:
    """Run an exchange with one customer."""
    listed = markets or [SeededMarket(7, BTC, Timeframe.M1)]
    venue = Venue(listed, from_ms, MINUTE // 4)
    server = ExchangeServer(venue, pace or HeldTime(from_ms), FaultPlan(faults), terms=terms or Terms((CUSTOMER,)))
    port = await server.start()
    try:
        yield Box(server, port)
    finally:
        await server.stop()


@asynccontextmanager
async def binance(box: Box, key: str = KEY, **options: Any) -> AsyncIterator[Any]:
    """Unmodified ccxt, told where the exchange is; `options` go to its constructor."""
    api = f"{box.url}/api/v3"
    async with ClientSession() as session:
        client = ccxt.binance(
            {
                "apiKey": key,
                "secret": SECRET,
                "session": session,
                "urls": {"api": {"public": api, "private": api}},
                "enableRateLimit": False,
                "timeout_on_exit": 0,
                "options": {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False},
                **options,
            }
        )
        yield client
        await client.close()


@asynccontextmanager
async def bare(box: Box) -> AsyncIterator[ClientSession]:
    """A client that signs nothing."""
    async with ClientSession(box.url) as client:
        yield client
