"""
The exchange on a socket: Binance's market data over REST and websockets, on loopback only.

A process of its own; the bot never imports it. What is said is decided in `venue` and `wire`, when in `pace`.

    GET /api/v3/ping /time /exchangeInfo /klines
    GET /ws/<stream>[/<stream>...]   /stream?streams=<stream>/<stream>   /ws and /stream with SUBSCRIBE
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from aiohttp import web

from bot.core.errors import ConfigError
from bot.exchange.pace import Pace
from bot.exchange.subscriber import Subscriber
from bot.exchange.venue import Market, Venue
from bot.exchange.wire import (
    DEFAULT_KLINES,
    MAX_KLINES,
    Refusal,
    exchange_info,
    kline_event,
    kline_row,
    parse_symbols,
    stream_name,
)

LOOPBACK: Final = "127.0.0.1"
END_OF_MARKET: Final = "end of market"
"""Reason of the close frame, code 1000, when the last candle has been sent."""

_GOODBYE_WITHIN_S: Final = 60.0
_MAX_DIGITS: Final = 20

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ExchangeServer:
    """
    Serves one venue at one pace. `start`, then `stop`; both once.

    Market time moves from the first subscription to a stream that exists. When the venue's last candle is sent
    every websocket is closed, and so is each later one that subscribes; REST goes on answering.
    """

    def __init__(self, venue: Venue, pace: Pace) -> None:
        self._venue = venue
        self._pace = pace
        interval = venue.timeframe.value
        self._stream_of = {name: stream_name(market.listing, interval) for name, market in venue.markets.items()}
        self._streams = frozenset(self._stream_of.values())
        self._subscribers: list[Subscriber] = []
        self._audience = asyncio.Event()
        self._is_over = False
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.5)
        self._trading: asyncio.Task[None] | None = None

    async def start(self, port: int = 0) -> int:
        """
        Listen on loopback; port 0 takes a free one. Returns the port.

        Raises:
            ConfigError: The port is taken, or may not be used.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, LOOPBACK, port).start()
        except OSError as error:
            raise ConfigError(f"cannot listen on port {port} ({error.strerror}): choose another, or 0") from None
        self._trading = asyncio.create_task(self._trade(), name="market")
        chosen: int = self._runner.addresses[0][1]
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
            await self._runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[_answer_refusals])
        application.router.add_get("/api/v3/ping", self._ping)
        application.router.add_get("/api/v3/time", self._time)
        application.router.add_get("/api/v3/exchangeInfo", self._exchange_info)
        application.router.add_get("/api/v3/klines", self._klines)
        application.router.add_get("/ws", self._raw)
        application.router.add_get("/ws/{streams:.+}", self._raw)
        application.router.add_get("/stream", self._combined)
        return application

    async def _trade(self) -> None:
        """Send every frame of the market, each when its time has come."""
        for instant in self._venue.instants():
            await self._pace.reach(instant.at_ms, self._audience)
            for update in self._venue.updates(instant):
                stream = self._stream_of[update.listing.venue_symbol]
                event = kline_event(update)
                for subscriber in tuple(self._subscribers):
                    if subscriber.listens_to(stream):
                        await subscriber.send(stream, event)
            self._count_audience()
        self._is_over = True
        await asyncio.gather(*(subscriber.close(END_OF_MARKET) for subscriber in self._subscribers))

    def _is_listening(self, subscriber: Subscriber) -> bool:
        return not self._streams.isdisjoint(subscriber.streams)

    def _count_audience(self) -> None:
        if any(map(self._is_listening, self._subscribers)):
            self._audience.set()
        else:
            self._audience.clear()

    async def _raw(self, request: web.Request) -> web.WebSocketResponse:
        streams = request.match_info.get("streams", "")
        return await self._listen(request, streams, is_combined=False)

    async def _combined(self, request: web.Request) -> web.WebSocketResponse:
        return await self._listen(request, request.query.get("streams", ""), is_combined=True)

    async def _listen(self, request: web.Request, streams: str, *, is_combined: bool) -> web.WebSocketResponse:
        """One websocket, from its handshake to its end."""
        websocket = web.WebSocketResponse(autoping=False, timeout=_GOODBYE_WITHIN_S, compress=False, writer_limit=1)
        await websocket.prepare(request)
        transport = request.transport
        if transport is None:
            return websocket
        # Nothing waits in this process: a frame is sent when the socket has taken it, which keeps lock step.
        transport.set_write_buffer_limits(high=0)
        subscriber = Subscriber(websocket, [name for name in streams.split("/") if name], is_combined=is_combined)
        self._subscribers.append(subscriber)
        pings = asyncio.create_task(subscriber.keep_alive(), name="pings")
        pings.add_done_callback(lambda _: transport.abort() if not pings.cancelled() else None)
        try:
            self._count_audience()
            while not (self._is_over and self._is_listening(subscriber)) and await subscriber.receive():
                self._count_audience()
            if self._is_over:
                await subscriber.close(END_OF_MARKET)
        finally:
            pings.cancel()
            self._subscribers.remove(subscriber)
            self._count_audience()
        return websocket

    async def _ping(self, _: web.Request) -> web.Response:
        return web.json_response({})

    async def _time(self, _: web.Request) -> web.Response:
        return web.json_response({"serverTime": self._pace.now_ms()})

    async def _exchange_info(self, request: web.Request) -> web.Response:
        names = list(self._venue.markets)
        if "symbols" in request.query:
            names = parse_symbols(request.query["symbols"])
        elif "symbol" in request.query:
            names = [request.query["symbol"]]
        listings = [self._market(name).listing for name in names]
        return web.json_response(exchange_info(listings, self._pace.now_ms()))

    async def _klines(self, request: web.Request) -> web.Response:
        market = self._market(_required(request, "symbol"))
        if _required(request, "interval") != self._venue.timeframe.value:
            raise Refusal(-1120, "Invalid interval.")
        limit = _integer(request, "limit")
        candles = self._venue.klines(
            market,
            self._pace.now_ms(),
            start_ms=_integer(request, "startTime"),
            end_ms=_integer(request, "endTime"),
            limit=DEFAULT_KLINES if limit is None else min(limit, MAX_KLINES),
        )
        return web.json_response([kline_row(candle, self._venue.timeframe.ms) for candle in candles])

    def _market(self, name: str) -> Market:
        try:
            return self._venue.markets[name]
        except KeyError:
            raise Refusal(-1121, "Invalid symbol.") from None


@web.middleware
async def _answer_refusals(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as refusal:
        return web.json_response(refusal.body, status=refusal.status)


def _required(request: web.Request, name: str) -> str:
    value = request.query.get(name, "")
    if not value:
        raise Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    return value


def _integer(request: web.Request, name: str) -> int | None:
    value = request.query.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS):
        raise Refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
    return int(value)
