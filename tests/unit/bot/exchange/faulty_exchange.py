"""An exchange on loopback with faults of connections and frames, and what a client hears of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientSession, ClientWebSocketResponse, WSMessage

from bot.core.market import Timeframe
from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import AnyFault, kind_of
from bot.exchange.house_rules import HouseRules
from bot.exchange.market import ORIGIN_MS, SeededMarket
from bot.exchange.pace import LockStep, Pace, Paced
from bot.exchange.server import ExchangeServer
from bot.exchange.venue import Venue

MINUTE = Timeframe.M1.ms
FROM_MS = ORIGIN_MS + 50 * MINUTE
STREAMS = "btcusdt@kline_1m/ethusdt@kline_1m"
SPEED = 600.0
BINANCE = HouseRules()


@asynccontextmanager
async def exchange(
    *faults: AnyFault, count: int = 3, pace: Pace | None = None, rules: HouseRules = BINANCE
) -> AsyncIterator[tuple[ClientSession, ExchangeServer]]:
    markets = [SeededMarket(7, symbol, Timeframe.M1) for symbol in ("ETH/USDT", "BTC/USDT")]
    venue = Venue(markets, FROM_MS, MINUTE // 4, count)
    server = ExchangeServer(venue, pace or LockStep(FROM_MS), FaultPlan(faults), rules)
    port = await server.start()
    try:
        async with asyncio.timeout(20), ClientSession(f"http://127.0.0.1:{port}") as client:
            yield client, server
    finally:
        await server.stop()


def paced() -> Paced:
    return Paced(FROM_MS, SPEED, None)


async def messages(websocket: ClientWebSocketResponse) -> list[WSMessage]:
    """Every message, the goodbye included."""
    found = []
    while not websocket.closed:
        found.append(await websocket.receive())
    return found


async def arrived(websocket: ClientWebSocketResponse) -> list[WSMessage]:
    """Every message that has come already."""
    found = []
    while True:
        try:
            found.append(await websocket.receive(timeout=0.05))
        except TimeoutError:
            return found


async def heard(*faults: AnyFault, path: str = f"/stream?streams={STREAMS}") -> list[dict]:
    """The events of a whole market of three candles under these faults, without their wrapping."""
    async with exchange(*faults) as (client, server), client.ws_connect(path) as ws:
        frames = [json.loads(message.data) async for message in ws]
        assert all(server.plan.log.strikes(kind_of(fault)) for fault in faults)
    return [frame.get("data", frame) for frame in frames]


def closes(events: list[dict]) -> list[tuple[str, int]]:
    """Market and number of each candle that was called closed."""
    return [(event["s"], (event["k"]["t"] - FROM_MS) // MINUTE) for event in events if "k" in event and event["k"]["x"]]


ALL = [(symbol, number) for number in range(3) for symbol in ("BTCUSDT", "ETHUSDT")]
