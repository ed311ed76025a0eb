"""
Everybody who listens to the streams: their handshakes, what each is sent, and their goodbyes.

Knows nothing of REST, nor of when the market does what.
"""

import asyncio
from collections import deque
from typing import Final

from aiohttp import web

from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import HangUpAtOnce
from bot.exchange.faulty_stream import FaultyStream, Said
from bot.exchange.house_rules import HouseRules
from bot.exchange.line import Line, reset
from bot.exchange.occasions import Occasion
from bot.exchange.pace import Pace
from bot.exchange.subscriber import Subscriber
from bot.exchange.venue import Update
from bot.exchange.wire import combined, kline_event, stream_name
from bot.exchange.ws_greeting import greeted

END_OF_MARKET: Final = "end of market"
"""Reason of the close frame, code 1000, when the last candle has been sent."""

_NORMAL: Final = 1000
_REPLAYABLE: Final = 200
"""Events that are remembered to be said again."""


class Audience:
    """
    The websockets of one exchange.

    `listening` is set while somebody listens to one of `streams`; `dismiss` ends the market for all, also for who
    comes later.

    Args:
        streams: Names of the streams that exist.
        pace: The market's clock.
        plan: What goes wrong.
        rules: What is demanded of a connection.
    """

    def __init__(self, streams: frozenset[str], pace: Pace, plan: FaultPlan, rules: HouseRules) -> None:
        self.listening = asyncio.Event()
        self._streams = streams
        self._pace = pace
        self._plan = plan
        self._rules = rules
        self._listeners: dict[Subscriber, FaultyStream] = {}
        self._handshakes = 0
        self._said: deque[Said] = deque(maxlen=_REPLAYABLE)
        self._is_over = False

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Take the handshakes of an application."""
        router.add_get("/ws", self._raw)
        router.add_get("/ws/{streams:.+}", self._raw)
        router.add_get("/stream", self._combined)

    def __len__(self) -> int:
        return len(self._listeners)

    async def live(self, at_ms: int) -> None:
        """Let an instant pass: what the plan does to connections happens now."""
        if not self._plan.is_idle:
            for stream in tuple(self._listeners.values()):
                await stream.live(at_ms)

    async def hear(self, update: Update) -> None:
        """Tell a market's candle to everybody who listens to it."""
        name = stream_name(update.listing, update.timeframe.value)
        event = kline_event(update)
        for listener, stream in tuple(self._listeners.items()):
            if not listener.listens_to(name):
                continue
            if self._plan.is_idle:
                await listener.line.say(combined(name, event) if stream.is_combined else event)
            else:
                symbol = update.listing.venue_symbol
                occasion = Occasion(update.at_ms, listener.number, symbol, closing=update.closed)
                await stream.send(name, event, occasion)

    def count(self) -> None:
        """See who is still there."""
        if any(map(self._hears_us, self._listeners)):
            self.listening.set()
        else:
            self.listening.clear()

    async def dismiss(self) -> None:
        """Say that the market has ended."""
        self._is_over = True
        await asyncio.gather(*(_goodbye(listener) for listener in self._listeners))

    def scatter(self) -> None:
        """Drop everybody without a word."""
        for listener in tuple(self._listeners):
            listener.line.reset()

    def _hears_us(self, listener: Subscriber) -> bool:
        return not (listener.line.is_dark or self._streams.isdisjoint(listener.streams))

    async def _raw(self, request: web.Request) -> web.StreamResponse:
        return await self._greet(request, request.match_info.get("streams", ""), is_combined=False)

    async def _combined(self, request: web.Request) -> web.StreamResponse:
        return await self._greet(request, request.query.get("streams", ""), is_combined=True)

    async def _greet(self, request: web.Request, streams: str, *, is_combined: bool) -> web.StreamResponse:
        """A handshake, granted or not."""
        self._handshakes += 1
        occasion = Occasion(self._pace.now_ms(), self._handshakes)
        self._note("handshake", request.path_qs, occasion.connection)
        answer = await greeted(request, self._plan, occasion)
        if isinstance(answer, web.WebSocketResponse) and request.transport is not None:
            await self._listen(answer, request.transport, streams, occasion, is_combined=is_combined)
        return answer

    async def _listen(
        self,
        websocket: web.WebSocketResponse,
        transport: asyncio.Transport,
        streams: str,
        occasion: Occasion,
        *,
        is_combined: bool,
    ) -> None:
        """One websocket, from its handshake to its end."""
        if self._pace.waits_for_readers:
            # Nothing waits in this process: a frame is sent when the socket has taken it.
            transport.set_write_buffer_limits(high=0)
        number = occasion.connection
        line = Line(websocket, transport, waits=self._pace.waits_for_readers)
        names = [name for name in streams.split("/") if name]
        listener = Subscriber(line, number, names, self._rules, self._plan, self._pace)
        stream = FaultyStream(self._plan, line, self._pace, number, self._said, is_combined=is_combined)
        self._listeners[listener] = stream
        pings = asyncio.create_task(listener.pulse.beat(), name="pings")
        pings.add_done_callback(lambda _: reset(transport) if not pings.cancelled() else None)
        try:
            await self._converse(listener, occasion)
        finally:
            pings.cancel()
            line.end()
            del self._listeners[listener]
            self.count()
            self._note("gone", connection=number)

    async def _converse(self, listener: Subscriber, occasion: Occasion) -> None:
        rude = self._plan.first(HangUpAtOnce, occasion)
        if rude:
            if rude.code is None:
                listener.line.reset()
            else:
                await listener.line.hang_up(rude.code)
        self.count()
        while not (self._is_over and self._hears_us(listener)) and await listener.receive():
            self.count()
        if self._is_over:
            await _goodbye(listener)

    def _note(self, what: str, text: str = "", connection: int = 0) -> None:
        if not self._plan.is_idle:
            self._plan.log.tell(self._pace.now_ms(), what, text, connection)


async def _goodbye(listener: Subscriber) -> None:
    await listener.line.hang_up(_NORMAL, END_OF_MARKET)
    await listener.line.closed()
