"""
Binance's WebSocket API, as far as it tells an account what happens to it.

    GET /ws-api/v3    ping, time, userDataStream.subscribe.signature, userDataStream.unsubscribe, session.subscriptions

Everybody who listens: their handshakes, what each is sent, and their goodbyes. Knows nothing of REST, nor of when the
market does what.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import count
from typing import Final

from aiohttp import web

from bot.core.market import DAY_MS
from bot.exchange.account_events import AccountEvent, OrderEvent
from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import HangUpAtOnce
from bot.exchange.faulty_stream import Said
from bot.exchange.house_rules import HouseRules
from bot.exchange.line import Line, reset
from bot.exchange.occasions import Occasion
from bot.exchange.refusals import Limited
from bot.exchange.trade_desk import Trading
from bot.exchange.user_stream import told
from bot.exchange.ws_client import ApiClient
from bot.exchange.ws_faults import ENDPOINT
from bot.exchange.ws_greeting import greeted
from bot.exchange.ws_session import RETURN_LIMITS

PATH: Final = "/ws-api/v3"

FIRST_CONNECTION: Final = 1_000_001
"""The number of the first connection: those of the market streams count from 1."""

_CONNECTING: Final = 2
"""The weight of a handshake."""

_REPLAYABLE: Final = 200
"""Events that are remembered to be said again."""


class WsApi:
    """
    The connections of one exchange's WebSocket API. It hears of accounts by itself, and of market time by `live`.

    Args:
        trading: The accounts, the keys and the clock.
        plan: What goes wrong.
        rules: What is demanded of a connection; this API counts weights and no messages.
        lifetime_ms: How old a connection may become, in market time; a day of real time if None.
    """

    def __init__(
        self,
        trading: Trading,
        plan: FaultPlan,
        rules: HouseRules = HouseRules(),  # noqa: B008 - frozen
        lifetime_ms: float | None = None,
    ) -> None:
        self._trading = trading
        self._pace = trading.pace
        self._plan = plan
        self._rules = rules
        self._lifetime_ms = DAY_MS * trading.pace.speed if lifetime_ms is None else lifetime_ms
        self._numbers = count(FIRST_CONNECTION)
        self._clients: dict[int, ApiClient] = {}
        self._said: deque[Said] = deque(maxlen=_REPLAYABLE)
        self._executions = 0
        trading.on_events(self.hear)
        trading.on_revoked(self.lose)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Take the handshakes of an application."""
        router.add_get(PATH, self._greet)

    def __len__(self) -> int:
        return len(self._clients)

    def hear(self, events: Sequence[AccountEvent]) -> None:
        """Tell what has happened to accounts to everybody who listens to them, before this returns."""
        sent_ms = self._pace.now_ms()
        for event in events:
            if isinstance(event, OrderEvent):
                self._executions += 1
            if self._clients:
                said = told(event, self._executions, sent_ms)
                for client in tuple(self._clients.values()):
                    client.tell(event.account, said)

    def lose(self, api_key: str) -> None:
        """End what was subscribed with a key that is no longer good; the next request there is refused."""
        for client in tuple(self._clients.values()):
            client.lose(api_key)

    async def live(self, at_ms: int) -> None:
        """Let an instant pass: what age and the plan do to connections happens now."""
        for client in tuple(self._clients.values()):
            await client.live(at_ms, self._lifetime_ms)

    def scatter(self) -> None:
        """Drop everybody without a word."""
        for client in tuple(self._clients.values()):
            client.line.reset()

    async def _greet(self, request: web.Request) -> web.StreamResponse:
        """A handshake, granted or not."""
        occasion = Occasion(self._pace.now_ms(), next(self._numbers), endpoint=ENDPOINT)
        self._note("handshake", request.path, occasion.connection)
        try:
            self._trading.meter.enter(_CONNECTING, occasion.at_ms)
        except Limited as refusal:
            wait = {"Retry-After": str(refusal.retry_after_s)}
            return web.json_response(refusal.body, status=refusal.status, headers=wait)
        answer = await greeted(request, self._plan, occasion)
        if isinstance(answer, web.WebSocketResponse) and request.transport is not None:
            tells_limits = request.query.get(RETURN_LIMITS) != "false"
            await self._listen(answer, request.transport, occasion, tells_limits=tells_limits)
        return answer

    async def _listen(
        self, websocket: web.WebSocketResponse, transport: asyncio.Transport, occasion: Occasion, *, tells_limits: bool
    ) -> None:
        """One websocket, from its handshake to its end."""
        number = occasion.connection
        line = Line(websocket, transport, waits=False)
        client = ApiClient(line, number, self._trading, self._rules, self._plan, self._said, tells_limits=tells_limits)
        self._clients[number] = client
        pings = asyncio.create_task(client.pulse.beat(), name="pings")
        pings.add_done_callback(lambda _: reset(transport) if not pings.cancelled() else None)
        try:
            await self._converse(client, occasion)
        finally:
            pings.cancel()
            line.end()
            del self._clients[number]
            self._note("gone", connection=number)

    async def _converse(self, client: ApiClient, occasion: Occasion) -> None:
        rude = self._plan.first(HangUpAtOnce, occasion)
        if rude is not None and rude.code is None:
            client.line.reset()
        elif rude is not None and rude.code is not None:
            await client.line.hang_up(rude.code)
        while await client.receive():
            pass

    def _note(self, what: str, text: str = "", connection: int = 0) -> None:
        if not self._plan.is_idle:
            self._plan.log.tell(self._pace.now_ms(), what, text, connection)
