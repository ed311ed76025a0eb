"""
A whole live session against a whole exchange, in real sockets and TLS, in a time that jumps (`tests.market_time`).

The bot is `run_live` as the command line calls it, ccxt is what PyPI ships, and every duration is production's. What
the bot believes in the end is held against what the exchange knows: the invariants are in `tests.live_invariants`.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from msgspec import Struct

from bot.adapters.account_places import account_place
from bot.adapters.api_keys import Credentials
from bot.adapters.ban_file import BanFile
from bot.adapters.ccxt_account import open_account
from bot.adapters.ccxt_orders import CcxtOrders
from bot.adapters.market_standings import MarketStandings
from bot.adapters.narrator import Told
from bot.adapters.rate_budget import RateBudget
from bot.adapters.request_gate import RequestGate
from bot.adapters.venue_clock import VenueClock
from bot.adapters.venue_peers import LoopbackPeer, VenuePeers
from bot.adapters.venue_session import open_session
from bot.compose.account import Account, AccountRequest
from bot.compose.live_run import LiveRequest, run_live
from bot.compose.market_source import MarketSource
from bot.core.market import DAY_MS, Timeframe
from bot.exchange.accounts_file import Customer
from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import AnyFault
from bot.exchange.market import ORIGIN_MS, MarketModel, SeededMarket
from bot.exchange.pace import Paced
from bot.exchange.server import END_OF_MARKET, ExchangeServer
from bot.exchange.tls import Certified, certify
from bot.exchange.trade_desk import Terms
from bot.exchange.venue import Venue

MINUTE = Timeframe.M1.ms
FROM_MS = ORIGIN_MS + 500 * MINUTE
MAIN = "bot"
API_KEY = "canarykey" + "k" * 55
SECRET = "canary-of-a-secret-that-must-never-be-seen"  # noqa: S105 - of a test
CASH = Decimal(100_000)
SYMBOLS = ("BTC/USDT", "ETH/USDT")
WARM_UP = 800
"""Candles before the first one of a session that are enough for any shipped model."""

SWINGS = '''
from strategies.strategy import Signal

class Swings:
    """Wants a quarter of equity for {on} candles, nothing for {off}, each market at another time."""

    needs_forecast = False

    def wanted(self, view, forecast):
        candle = view.close_time_ms // 60000 + (0 if view.symbol.startswith("BTC") else {on})
        return Signal(1.0 if candle % {period} < {on} else 0.0, "swings")

def strategy():
    return Swings()
'''
"""A strategy that trades every few candles, whatever the market does."""


class Exchange(Struct):
    """
    An exchange that runs, where it listens and how it is trusted. It outlives the bots that trade there.

    `began_ms` is when it began anew, if it did.
    """

    server: ExchangeServer
    plain_port: int
    secure_port: int
    certified: Certified
    began_ms: int = 0

    @property
    def now_ms(self) -> int:
        return self.server.pace.now_ms()


@asynccontextmanager
async def running_exchange(
    folder: Path,
    *faults: AnyFault,
    balances: Mapping[str, Decimal] | None = None,
    symbols: Sequence[str] = SYMBOLS,
    minutes: int | None = None,
    seed: int = 7,
    model: MarketModel | None = None,
    before: int = 500,
) -> AsyncIterator[Exchange]:
    """Run an exchange with one customer and so many candles `before`, at the pace of the loop's time."""
    from_ms = FROM_MS - before * MINUTE
    markets = [SeededMarket(seed, symbol, Timeframe.M1, model or MarketModel(), from_ms) for symbol in symbols]
    venue = Venue(markets, FROM_MS, 2_000, minutes)
    until_ms = None if minutes is None else FROM_MS + (minutes + 1) * MINUTE
    customer = Customer(MAIN, API_KEY, SECRET, dict(balances or {"USDT": CASH}))
    pace = Paced(FROM_MS, 1.0, until_ms)
    server = ExchangeServer(venue, pace, FaultPlan(faults, seed=seed), terms=Terms((customer,)))
    certified = certify(folder / "tls", datetime.now(UTC) - timedelta(days=1))
    plain = await server.start()
    try:
        yield Exchange(server, plain, await server.open_also(certified.context), certified)
    finally:
        await server.stop()


@asynccontextmanager
async def account_at(exchange: Exchange, folder: Path) -> AsyncIterator[Account]:
    """Open the bot's account there, as the composition root does, with the loop's time for the machine's."""
    place = account_place("embedded")
    loop = asyncio.get_running_loop()
    secure = LoopbackPeer(exchange.secure_port)
    plain = LoopbackPeer(exchange.plain_port, is_tls=False)
    peers = VenuePeers({place.rest_host: secure, place.socket_host: secure, plain.address: plain})
    credentials = Credentials(API_KEY, SECRET)
    clock = VenueClock(expected_ms=FROM_MS, monotonic_s=loop.time, wall_s=lambda: FROM_MS / 1_000 + loop.time())
    gate = RequestGate(
        RateBudget(), clock, BanFile(folder / "silence"), wall_ms=lambda: FROM_MS + int(loop.time() * 1_000)
    )
    async with AsyncExitStack() as held:
        session = await held.enter_async_context(open_session(peers, gate, ca_file=exchange.certified.ca_file))
        standings = MarketStandings()
        orders = CcxtOrders(open_account(place, credentials, session, clock), clock, standings)
        held.push_async_callback(orders.close)
        clock.ask_by(orders.time_ms)
        await clock.measure()
        url = f"http://{plain.address}:{plain.port}"
        source = MarketSource(
            clock, "a test", "binance", "ws" + url.removeprefix("http"), url, END_OF_MARKET, feed_clock=clock
        )
        ca_file = exchange.certified.ca_file
        yield Account(place, credentials, peers, ca_file, session, gate, clock, orders, standings, source, 1.0)


class Bot:
    """
    One run of the bot, which can be started, killed and started again.

    Args:
        folder: Its own: the run's folder and the strategy's file are in it.
        exchange: Where it trades.
        on: Candles that it holds.
        off: Candles that it does not.
        overrides: Settings.
        symbols: Its markets.
        bundle: A model without whose answer its strategy wants nothing; it does not care what the answer is.

    `left_ms` is when it was asked to end: what the exchange does after that it need not have heard.
    """

    def __init__(
        self,
        folder: Path,
        exchange: Exchange,
        *,
        on: int = 2,
        off: int = 2,
        overrides: Mapping[str, str] | None = None,
        symbols: Sequence[str] = SYMBOLS,
        bundle: Path | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.run_folder = folder / "run"
        self._folder = folder
        self._exchange = exchange
        strategy = folder / "swings.py"
        text = SWINGS.format(on=on, off=off, period=on + off)
        strategy.write_text(text.replace("needs_forecast = False", "needs_forecast = True") if bundle else text)
        self.request = LiveRequest(
            self.run_folder,
            account=AccountRequest(),
            symbols=tuple(symbols),
            timeframe="1m",
            bundle=bundle,
            strategy=str(strategy),
            profile="lively",
            overrides={"stop.atr_multiple": "1.5", "stop.cooldown_candles": "0", **(overrides or {})},
        )
        self.told: list[Told] = []
        self.candles = 0
        self.left_ms = 2**62
        self._running: asyncio.Task[bool] | None = None
        self._moved = asyncio.Event()

    def start(self) -> None:
        """Start it, for the first time or again."""
        self._running = asyncio.create_task(self._run())

    async def kill(self) -> None:
        """End it as a crash does, as far as one process allows: no goodbye is said, nothing is settled."""
        assert self._running is not None
        self._running.cancel()
        await asyncio.wait([self._running])

    async def stop(self) -> bool:
        """Ask it to end, as SIGTERM does, and wait; tells whether the run is finished."""
        assert self._running is not None
        self.left_ms = self._exchange.now_ms
        os.kill(os.getpid(), signal.SIGTERM)
        return await self._running

    async def for_candles(self, count: int, within_minutes: float = 120.0) -> None:
        """Wait until it has been told so many further candles."""
        wanted = self.candles + count
        assert self._running is not None
        async with asyncio.timeout(within_minutes * 60.0):
            while self.candles < wanted:
                self._moved.clear()
                moved = asyncio.create_task(self._moved.wait())
                await asyncio.wait([moved, self._running], return_when=asyncio.FIRST_COMPLETED)
                moved.cancel()
                if self._running.done():
                    self._running.result()
                    raise AssertionError(f"the bot ended after {self.candles} candles")

    async def ended(self) -> bool:
        """Wait until it ends by itself."""
        assert self._running is not None
        return await self._running

    async def _run(self) -> bool:
        return await run_live(
            self.request, self.told.append, self._progress, lambda *_: account_at(self._exchange, self._folder)
        )

    def _progress(self, count: int, _at_ms: int) -> None:
        self.candles += count
        self._moved.set()


def day(number: float) -> int:
    """Market time, so many days after the first candle."""
    return FROM_MS + int(number * DAY_MS)
