"""An exchange on loopback with two customers, and a client of each of its two ways: signed requests, and the stream."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bot.core.market import Timeframe
from bot.exchange.accounts_file import Customer
from bot.exchange.depth import Depth
from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import AnyFault
from bot.exchange.house_rules import HouseRules
from bot.exchange.market import ORIGIN_MS, SeededMarket
from bot.exchange.occasions import Where
from bot.exchange.pace import Pace, Paced
from bot.exchange.server import ExchangeServer
from bot.exchange.signing import sign, websocket_payload
from bot.exchange.trade_desk import Terms
from bot.exchange.venue import Venue
from bot.exchange.ws_session import SUBSCRIBE

MINUTE = Timeframe.M1.ms
FROM_MS = ORIGIN_MS + 50 * MINUTE
BTC = "BTCUSDT"
KEY = "m" * 64
OTHER_KEY = "o" * 64
SECRET = "not a real secret"  # noqa: S105 - of a test
MONEY = {"BTC": Decimal(1), "USDT": Decimal(100_000)}
CUSTOMERS = (Customer("main", KEY, SECRET, MONEY), Customer("other", OTHER_KEY, SECRET, MONEY))
THIN = Depth(half_spread_bps=Decimal(10), step_bps=Decimal(10), levels=3, level_amount=Decimal(3_000))
"""About a tenth of a coin at each of three prices."""

BINANCE = HouseRules()
REPORTS = "executionReport"
ANY_CONNECTION = Where(endpoint="ws-api", times=1)
MARKET = {"symbol": BTC, "side": "BUY", "type": "MARKET"}
LIMIT = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1", "price": "20000"}
PAIR = {
    "symbol": BTC,
    "side": "SELL",
    "quantity": "0.1",
    "aboveType": "LIMIT_MAKER",
    "abovePrice": "40000",
    "belowType": "STOP_LOSS",
    "belowStopPrice": "20000",
}


def signed(now_ms: int, key: str = KEY, secret: str = SECRET, **params: Any) -> dict[str, Any]:
    """Parameters of the WebSocket API with their signature."""
    sent = {"apiKey": key, "timestamp": now_ms, **params}
    return {**sent, "signature": sign(secret, websocket_payload(sent))}


class Listener:
    """A client of the WebSocket API; events that come before an answer wait in `events`."""

    def __init__(self, websocket: ClientConnection, server: ExchangeServer) -> None:
        self.websocket = websocket
        self.server = server
        self.events: list[dict] = []
        self._asked = 0

    async def hear(self) -> dict:
        """The next frame."""
        frame: dict = json.loads(await self.websocket.recv())
        return frame

    async def say(self, method: str, **params: Any) -> int:
        """Send a request and return its id."""
        self._asked += 1
        await self.websocket.send(json.dumps({"id": self._asked, "method": method, "params": params}))
        return self._asked

    async def ask(self, method: str, **params: Any) -> dict:
        """Send a request; the frame that is no event is its answer."""
        await self.say(method, **params)
        while "event" in (frame := await self.hear()):
            self.events.append(frame)
        return frame

    async def subscribe(self, key: str = KEY, **params: Any) -> dict:
        return await self.ask(SUBSCRIBE, **signed(self.server.pace.now_ms(), key, **params))

    async def told(self, count: int) -> list[dict]:
        """The next events, without their envelopes."""
        while len(self.events) < count:
            self.events.append(await self.hear())
        first, self.events = self.events[:count], self.events[count:]
        return [frame["event"] for frame in first]

    async def goodbye(self) -> tuple[int, str] | None:
        """How the exchange hangs up: code and reason, or without a word."""
        with pytest.raises(ConnectionClosed) as caught:
            await self.hear()
        return (caught.value.rcvd.code, caught.value.rcvd.reason) if caught.value.rcvd else None

    async def all(self) -> list[dict]:
        """The events that have come already: they come before the answer to what is asked after them."""
        await self.ask("ping")
        return await self.told(len(self.events))


class Exchange:
    """An exchange that runs, and whoever talks to it."""

    def __init__(self, server: ExchangeServer, port: int, http: ClientSession) -> None:
        self.server = server
        self.log = server.plan.log
        self._port = port
        self._http = http

    async def instant(self, after_ms: int = 0) -> None:
        """Let the connections live through an instant that is so long after the beginning."""
        await self.server.ws_api.live(FROM_MS + after_ms)

    def address(self, path: str) -> str:
        """Where a websocket is opened."""
        return f"ws://127.0.0.1:{self._port}{path}"

    async def order(self, method: str, endpoint: str, key: str = KEY, **params: str) -> dict:
        """The answer to a signed request."""
        query = urlencode({**params, "timestamp": str(self.server.pace.now_ms())})
        address = f"/api/v3/{endpoint}?{query}&signature={sign(SECRET, query)}"
        async with self._http.request(method, address, headers={"X-MBX-APIKEY": key}) as answer:
            said: dict = await answer.json()
            return said

    async def buy(self, quantity: str = "0.15", **params: str) -> dict:
        return await self.order("POST", "order", **MARKET, quantity=quantity, **params)

    @asynccontextmanager
    async def connection(self, query: str = "", **options: Any) -> AsyncIterator[Listener]:
        """A connection that has not subscribed to anything."""
        address = self.address(f"/ws-api/v3{query}")
        async with connect(address, proxy=None, ping_interval=None, compression=None, **options) as websocket:
            yield Listener(websocket, self.server)

    @asynccontextmanager
    async def listener(self, key: str = KEY, **options: Any) -> AsyncIterator[Listener]:
        """A connection that listens to an account."""
        async with self.connection(**options) as listener:
            assert (await listener.subscribe(key))["result"] == {"subscriptionId": 0}
            yield listener


class Standing(Paced):
    """A clock that never moves, by which timestamps are as fresh as in real time."""

    def __init__(self) -> None:
        super().__init__(FROM_MS, 1.0, None)

    async def reach(self, at_ms: int, audience: asyncio.Event) -> None:
        """Wait for ever."""
        del at_ms, audience
        await asyncio.Event().wait()


@asynccontextmanager
async def exchange(
    *faults: AnyFault, pace: Pace | None = None, rules: HouseRules = BINANCE, within_s: float = 20.0, minutes: int = 3
) -> AsyncIterator[Exchange]:
    venue = Venue([SeededMarket(7, "BTC/USDT", Timeframe.M1)], FROM_MS, MINUTE // 4, minutes)
    server = ExchangeServer(venue, pace or Standing(), FaultPlan(faults), rules, terms=Terms(CUSTOMERS, THIN))
    server.plan.is_watched = True
    port = await server.start()
    try:
        async with asyncio.timeout(within_s), ClientSession(f"http://127.0.0.1:{port}") as http:
            yield Exchange(server, port, http)
    finally:
        await server.stop()
