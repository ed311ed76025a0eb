"""
The exchange on a socket: Binance's market data over REST and websockets, on loopback only.

A process of its own; the bot never imports it. What is said is decided in `venue` and `wire`, when in `pace`, and
what goes wrong by a fault plan.

    GET /api/v3/ping /time /exchangeInfo /klines
    GET /ws/<stream>[/<stream>...]   /stream?streams=<stream>/<stream>   /ws and /stream with SUBSCRIBE
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

from bot.exchange.audience import END_OF_MARKET, Audience
from bot.exchange.doorway import LOOPBACK, Doorway
from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import Move, RefuseConnections
from bot.exchange.faulty_market import FaultyMarket
from bot.exchange.faulty_rest import FaultyRest
from bot.exchange.house_rules import HouseRules
from bot.exchange.occasions import Occasion
from bot.exchange.pace import Pace
from bot.exchange.rest import RestDesk
from bot.exchange.venue import Venue
from bot.exchange.wire import stream_name

__all__ = ["END_OF_MARKET", "LOOPBACK", "ExchangeServer"]

_STOP_WITHIN_S = 0.5


class ExchangeServer:
    """
    Serves one venue at one pace. `start`, then `stop`; both once.

    Market time moves from the first subscription to a stream that exists. When the venue's last candle is sent
    every websocket is closed, and so is each later one that subscribes; REST goes on answering.

    Args:
        venue: What is listed and what happens.
        pace: When it happens.
        plan: What goes wrong: nothing, until rules are added to it.
        rules: What is demanded of a connection.
        tls: For an exchange that speaks TLS.
    """

    def __init__(
        self,
        venue: Venue,
        pace: Pace,
        plan: FaultPlan | None = None,
        rules: HouseRules = HouseRules(),  # noqa: B008 - frozen
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.plan = plan or FaultPlan()
        self.venue = venue.altered(lambda market: FaultyMarket(market, self.plan))
        self.pace = pace
        interval = venue.timeframe.value
        streams = frozenset(stream_name(market.listing, interval) for market in venue.markets.values())
        self.audience = Audience(streams, pace, self.plan, rules)
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=_STOP_WITHIN_S)
        self._doorway = Doorway(self._speaker, self.plan, pace, tls)
        self._trading: asyncio.Task[None] | None = None

    async def start(self, port: int = 0) -> int:
        """
        Listen on loopback; port 0 takes a free one. Returns the port.

        Raises:
            ConfigError: The port is taken, or may not be used.
        """
        await self._runner.setup()
        chosen = await self._doorway.open(port)
        self._trading = asyncio.create_task(self._trade(), name="market")
        return chosen

    def on_failure(self, tell: Callable[[], None]) -> None:
        """Call `tell` when the market stops by an error; `stop` then raises it. To be called once started."""
        if self._trading:
            self._trading.add_done_callback(lambda task: tell() if not task.cancelled() and task.exception() else None)

    async def stop(self) -> None:
        """Hang up on everybody."""
        try:
            if self._trading:
                self._trading.cancel()
                with suppress(asyncio.CancelledError):
                    await self._trading
        finally:
            self._doorway.close()
            self.audience.scatter()
            await self._runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[FaultyRest(self.plan, self.pace).answer])
        RestDesk(self.venue, self.pace, self.plan).add_routes(application.router)
        self.audience.add_routes(application.router)
        return application

    def _speaker(self) -> asyncio.BaseProtocol:
        server = self._runner.server
        if server is None:
            raise RuntimeError("a connection came in before the exchange was started")
        return server()

    async def _trade(self) -> None:
        """Send every frame of the market, each when its time has come."""
        for instant in self.venue.instants():
            await self.pace.reach(instant.at_ms, self.audience.listening)
            await self._mind_the_door(instant.at_ms)
            await self.audience.live(instant.at_ms)
            for update in self.venue.updates(instant):
                await self.audience.hear(update)
            self.audience.count()
        await self.audience.dismiss()

    async def _mind_the_door(self, at_ms: int) -> None:
        """Shut, open or move the listening socket, as the plan wants it now."""
        if self.plan.is_idle and self._doorway.is_open:
            return
        occasion = Occasion(at_ms)
        move = self.plan.first(Move, occasion)
        if move:
            await self._doorway.move(move.host)
            self.audience.scatter()
        if self.plan.covering(RefuseConnections, occasion):
            if self._doorway.is_open:
                self.plan.first(RefuseConnections, occasion)
                self._doorway.shut()
        elif not self._doorway.is_open:
            await self._doorway.open()
