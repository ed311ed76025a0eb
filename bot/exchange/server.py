"""
The exchange on sockets of loopback: Binance's REST interface, its market streams and its WebSocket API.

A process of its own; the bot never imports it. What is said is decided in `venue`, `trading` and `wire`, when in
`pace`, and what goes wrong by a fault plan.

    GET /api/v3/ping /time /klines, and what `trading_rest` answers
    GET /ws/<stream>[/<stream>...]   /stream?streams=<stream>/<stream>   /ws and /stream with SUBSCRIBE
    GET /ws-api/v3, and what `ws_api` answers there
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web
from aiohttp.typedefs import Handler

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
from bot.exchange.rest_request import API, KEY_HEADER
from bot.exchange.trade_desk import Terms, Trading
from bot.exchange.trading_rest import TradingRest
from bot.exchange.venue import Venue
from bot.exchange.weighing import Scales
from bot.exchange.wire import stream_name
from bot.exchange.ws_api import WsApi

__all__ = ["END_OF_MARKET", "LOOPBACK", "ExchangeServer"]

_STOP_WITHIN_S = 0.5


class ExchangeServer:
    """
    Serves one venue at one pace. `start`, then `stop`; both once.

    Market time moves from the first subscription to a stream that exists; where accounts trade, and the market waits
    for nobody, also from the first request that asks for the time or has a key, because its sender has a clock that
    goes. When the venue's last candle is sent every websocket is closed, and so is each later one that subscribes; REST
    goes on answering.

    Every instant of the market is one of `trading` as well: what rests there is triggered and filled although nobody
    asks.

    Args:
        venue: What is listed and what happens.
        pace: When it happens.
        plan: What goes wrong: nothing, until rules are added to it.
        rules: What is demanded of a connection.
        tls: For an exchange that speaks TLS.
        terms: Who trades, and how. Without terms there are no accounts, and requests are not weighed.
    """

    def __init__(
        self,
        venue: Venue,
        pace: Pace,
        plan: FaultPlan | None = None,
        rules: HouseRules = HouseRules(),  # noqa: B008 - frozen
        tls: ssl.SSLContext | None = None,
        terms: Terms | None = None,
    ) -> None:
        self.plan = plan or FaultPlan()
        self.venue = venue.altered(lambda market: FaultyMarket(market, self.plan))
        self.pace = pace
        self.trading = Trading(self.venue.markets, pace, terms or Terms())
        self._is_weighed = terms is not None
        interval = venue.timeframe.value
        streams = frozenset(stream_name(market.listing, interval) for market in venue.markets.values())
        self.audience = Audience(streams, pace, self.plan, rules)
        self.ws_api = WsApi(self.trading, self.plan, rules)
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=_STOP_WITHIN_S)
        self._doorways = [Doorway(self._speaker, self.plan, pace, tls)]
        self._playing: asyncio.Task[None] | None = None

    async def start(self, port: int = 0) -> int:
        """
        Listen on loopback; port 0 takes a free one. Returns the port.

        Raises:
            ConfigError: The port is taken, or may not be used.
        """
        await self._runner.setup()
        chosen = await self._doorways[0].open(port)
        self._playing = asyncio.create_task(self._play(), name="market")
        return chosen

    async def open_also(self, tls: ssl.SSLContext, port: int = 0) -> int:
        """
        Listen on another port too, where TLS is spoken; to be called once started. Returns the port.

        Raises:
            ConfigError: The port is taken, or may not be used.
        """
        doorway = Doorway(self._speaker, self.plan, self.pace, tls)
        chosen = await doorway.open(port)
        self._doorways.append(doorway)
        return chosen

    def on_failure(self, tell: Callable[[], None]) -> None:
        """Call `tell` when the market stops by an error; `stop` then raises it. To be called once started."""
        if self._playing:
            self._playing.add_done_callback(lambda task: tell() if not task.cancelled() and task.exception() else None)

    async def stop(self) -> None:
        """Hang up on everybody."""
        try:
            if self._playing:
                self._playing.cancel()
                with suppress(asyncio.CancelledError):
                    await self._playing
        finally:
            for doorway in self._doorways:
                doorway.close()
            self.audience.scatter()
            self.ws_api.scatter()
            await self._runner.cleanup()

    def _application(self) -> web.Application:
        middlewares = [FaultyRest(self.plan, self.pace).answer]
        if self._is_weighed:
            middlewares += [self._begin, Scales(self.trading.meter, self.pace, self.plan.log).weigh]
        application = web.Application(middlewares=middlewares)
        RestDesk(self.venue, self.pace, self.plan).add_routes(application.router)
        TradingRest(self.trading, self.pace, self.plan).add_routes(application.router)
        self.audience.add_routes(application.router)
        self.ws_api.add_routes(application.router)
        return application

    @web.middleware
    async def _begin(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let market time begin with who needs it to go on."""
        needs_time = request.path == f"{API}time" or KEY_HEADER in request.headers
        if needs_time and not self.pace.waits_for_readers:
            self.audience.listening.set()
        return await handler(request)

    def _speaker(self) -> asyncio.BaseProtocol:
        server = self._runner.server
        if server is None:
            raise RuntimeError("a connection came in before the exchange was started")
        return server()

    async def _play(self) -> None:
        """Send every frame of the market, each when its time has come."""
        for instant in self.venue.instants():
            await self.pace.reach(instant.at_ms, self.audience.listening)
            await self._mind_the_doors(instant.at_ms)
            self.trading.move()
            await self.audience.live(instant.at_ms)
            await self.ws_api.live(instant.at_ms)
            for update in self.venue.updates(instant):
                await self.audience.hear(update)
            self.audience.count()
        await self.audience.dismiss()

    async def _mind_the_doors(self, at_ms: int) -> None:
        """Shut, open or move the listening sockets, as the plan wants it now."""
        if self.plan.is_idle and all(doorway.is_open for doorway in self._doorways):
            return
        occasion = Occasion(at_ms)
        move = self.plan.first(Move, occasion)
        if move:
            for doorway in self._doorways:
                await doorway.move(move.host)
            self.audience.scatter()
            self.ws_api.scatter()
        if self.plan.covering(RefuseConnections, occasion):
            if any(doorway.is_open for doorway in self._doorways):
                self.plan.first(RefuseConnections, occasion)
                for doorway in self._doorways:
                    doorway.shut()
            return
        for doorway in self._doorways:
            if not doorway.is_open:
                await doorway.open()
