"""A venue's house of the private stream over real sockets, whose connections do what a script says."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from bot.adapters.account_connection import AccountPatience
from bot.adapters.account_stream import AccountStream
from bot.adapters.api_keys import Credentials
from bot.adapters.order_messages import OrderHeard, StreamChanged
from bot.adapters.rate_budget import RateBudget
from bot.adapters.reconnect import ConnectBudget
from bot.adapters.request_gate import RequestGate
from bot.adapters.venue_clock import VenueClock
from bot.adapters.venue_peers import LoopbackPeer, VenuePeers
from bot.adapters.venues.account_messages import AccountNews
from bot.adapters.venues.binance_account import BinanceAccount
from tests.market_time import run

NOON_MS = 1_700_000_000_000
KEY = Credentials("k" * 63 + "1", "s" * 63 + "1")
Script = Callable[[ServerConnection], Awaitable[None]]


def event(number: int) -> str:
    """An order of this number, new."""
    report = {"e": "executionReport", "s": "BTCUSDT", "c": f"order{number}", "S": "BUY", "q": "1", "z": "0", "X": "NEW"}
    return json.dumps({"subscriptionId": 0, "event": {**report, "i": number, "T": NOON_MS, "x": "NEW"}})


SHUTDOWN = json.dumps({"event": {"e": "serverShutdown", "E": NOON_MS}})
ENDED = json.dumps({"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": NOON_MS}})


async def grant(connection: ServerConnection) -> Any:
    request: dict[str, Any] = json.loads(await connection.recv())
    await connection.send(json.dumps({"id": request["id"], "status": 200, "result": {"subscriptionId": 0}}))
    return request["params"]


def tells(*frames: str, after_s: float = 0.0, then: str | None = None) -> Script:
    """Grants, says these frames after a while, and hangs up for a reason, or stays."""

    async def script(connection: ServerConnection) -> None:
        await grant(connection)
        await asyncio.sleep(after_s)
        for frame in frames:
            await connection.send(frame)
        if then is not None:
            await connection.close(1001, then)

    return script


def refuses(status: int, code: int, **data: int) -> Script:
    async def script(connection: ServerConnection) -> None:
        request = json.loads(await connection.recv())
        error = {"code": code, "msg": "no", "data": data}
        await connection.send(json.dumps({"id": request["id"], "status": status, "error": error}))

    return script


async def says_nothing(connection: ServerConnection) -> None:
    await connection.recv()


STAYS = tells()


class House:
    """A venue that plays one script a connection, the last one again and again, and a stream that listens to it."""

    def __init__(self, scripts: Sequence[Script], refusals: Sequence[tuple[int, dict[str, str]]]) -> None:
        self.loop = asyncio.get_running_loop()
        self.scripts = list(scripts)
        self.refusals = list(refusals)
        self.dialled: list[float] = []
        self.left: list[float] = []
        self.told: list[tuple[float, OrderHeard | StreamChanged]] = []
        self.news: list[AccountNews] = []
        self.clock = VenueClock(monotonic_s=self.loop.time, wall_s=lambda: NOON_MS / 1_000 + self.loop.time())
        self.gate = RequestGate(RateBudget(), self.clock)

    def judge(self, connection: ServerConnection, request: Request) -> Response | None:
        self.dialled.append(round(self.loop.time(), 1))
        if not self.refusals:
            return None
        status, headers = self.refusals.pop(0)
        response = connection.respond(HTTPStatus(status), "")
        response.headers.update(headers)
        return response

    async def play(self, connection: ServerConnection) -> None:
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        try:
            await script(connection)
            await connection.wait_closed()
        except ConnectionClosed:
            pass
        self.left.append(round(self.loop.time(), 1))

    def listen(self, port: int, patience: AccountPatience) -> AccountStream:
        self.stream = AccountStream(
            f"ws://127.0.0.1:{port}/ws-api/v3",
            BinanceAccount({"BTCUSDT": "BTC/USDT"}),
            KEY,
            lambda given: self.told.append((round(self.loop.time(), 1), given)),
            clock=self.clock,
            gate=self.gate,
            peers=VenuePeers({"127.0.0.1": LoopbackPeer(port, is_tls=False)}),
            tls=None,
            on_news=self.news.append,
            patience=patience,
            budget=ConnectBudget(),
            jitter=lambda: 0.0,
        )
        return self.stream

    @property
    def changes(self) -> list[tuple[float, bool]]:
        return [(at_s, given.is_live) for at_s, given in self.told if isinstance(given, StreamChanged)]

    @property
    def reasons(self) -> list[str]:
        return [given.reason for _, given in self.told if isinstance(given, StreamChanged) and not given.is_live]

    @property
    def orders(self) -> list[str]:
        return [given.report.client_order_id for _, given in self.told if isinstance(given, OrderHeard)]


@asynccontextmanager
async def house_of(
    *scripts: Script,
    refusals: Sequence[tuple[int, dict[str, str]]] = (),
    patience: AccountPatience = AccountPatience(),  # noqa: B008 - frozen
    ping_s: float | None = 20.0,
    banned_s: float = 0.0,
) -> AsyncIterator[House]:
    """A stream that runs while the test waits; afterwards nothing of it is left."""
    house = House(scripts, refusals)
    if banned_s:
        house.gate.be_silent(NOON_MS + round(banned_s * 1_000), "banned")
    options: dict[str, Any] = {"ping_interval": ping_s, "ping_timeout": None, "close_timeout": 1}
    server = await serve(house.play, "127.0.0.1", 0, process_request=house.judge, **options)
    before = asyncio.all_tasks()
    running = asyncio.create_task(house.listen(server.sockets[0].getsockname()[1], patience).run())
    try:
        yield house
        assert not running.done(), running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        left = [task for task in asyncio.all_tasks() - before if "account" in repr(task) and not task.done()]
        server.close()
        await server.wait_closed()
    assert not left


def after(seconds: float, *scripts: Script, **options: Any) -> House:
    """What has become of a stream after so long."""

    async def story() -> House:
        async with house_of(*scripts, **options) as house:
            await asyncio.sleep(seconds)
        return house

    return run(story())
