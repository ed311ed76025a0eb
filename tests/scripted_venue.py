"""
A venue whose answers a test scripts byte for byte, over TLS and under the production names, for the real ccxt.

Every name leads to its port on loopback. It hears one request a connection, so that its answers can be cut, garbled
or withheld as a script wants.
"""

import asyncio
import datetime as dt
import json
import socket
import ssl
import struct
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.adapters.account_places import PLACES
from bot.adapters.api_keys import Credentials
from bot.adapters.ccxt_account import open_account
from bot.adapters.ccxt_orders import CcxtOrders
from bot.adapters.venue_clock import VenueClock
from bot.exchange.tls import certify
from tests import market_time

_T = TypeVar("_T")

_ENVELOPE = frozenset({"timestamp", "recvWindow", "signature"})

KEY = "canaryKey0" + "k" * 54
SECRET = "canarySecret0" + "s" * 51
NOW_MS = 1_750_000_000_000

MARKET: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "baseAssetPrecision": 8,
    "quoteAsset": "USDT",
    "quotePrecision": 8,
    "quoteAssetPrecision": 8,
    "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
    "ocoAllowed": True,
    "isSpotTradingAllowed": True,
    "isMarginTradingAllowed": False,
    "permissions": [],
    "permissionSets": [["SPOT"]],
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01000000"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.00", "stepSize": "0.00001000"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00", "maxQty": "83.5", "stepSize": "0.00000000"},
        {"filterType": "NOTIONAL", "minNotional": "5.0", "maxNotional": "9000000.0", "applyMaxToMarket": False},
        {"filterType": "SOMETHING_NEW", "surprise": [1, {"deep": None}]},
    ],
}


class Heard(NamedTuple):
    """A request as it came in; `sent` holds the parameters of query and body."""

    method: str
    path: str
    sent: dict[str, str]
    headers: dict[str, str]
    host: str


class Answer(NamedTuple):
    """Bytes to send, and what is done with the connection then: it is closed, reset or left open."""

    payload: bytes = b""
    ending: str = "close"


Script = Callable[[Heard], Answer]


def told(status: int, body: object, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer of HTTP; a body that is no text is sent as JSON."""
    text = body if isinstance(body, str) else json.dumps(body)
    lines = {"Content-Type": "application/json", "Content-Length": str(len(text.encode())), "Connection": "close"}
    lines |= dict(headers or {})
    head = f"HTTP/1.1 {status} Status\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return Answer(f"{head}\r\n{text}".encode())


def refused(status: int, code: int, words: str, **headers: str) -> Answer:
    """An error as Binance words it."""
    return told(status, {"code": code, "msg": words}, {name.replace("_", "-"): text for name, text in headers.items()})


def order_body(**changes: Any) -> dict[str, Any]:
    """The body of an answer about order `c1`, which is open."""
    return {
        "symbol": "BTCUSDT",
        "orderId": 28,
        "orderListId": -1,
        "clientOrderId": "c1",
        "transactTime": NOW_MS,
        "price": "50000.00000000",
        "origQty": "0.01000000",
        "executedQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "time": NOW_MS,
        "updateTime": NOW_MS,
        **changes,
    }


class ScriptedVenue:
    """The venue; `script` answers everything but the questions for rules and time."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.port = 0
        self.heard: list[Heard] = []
        self.markets = [MARKET]
        self.time_ms = NOW_MS
        self._writers: set[asyncio.StreamWriter] = set()

    def asked(self, method: str, path: str = "/api/v3/order") -> list[Heard]:
        """The requests of one kind, in order."""
        return [heard for heard in self.heard if (heard.method, heard.path) == (method, path)]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hear one request, and answer it."""
        self._writers.add(writer)
        try:
            heard = await _request(reader)
            self.heard.append(heard)
            answer = self._answer(heard)
            writer.write(answer.payload)
            await writer.drain()
            if answer.ending == "hang":
                await reader.read()
            if answer.ending == "reset":
                connection = writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def hang_up(self) -> None:
        """Cut every connection that is left."""
        for writer in self._writers:
            writer.transport.abort()

    def _answer(self, heard: Heard) -> Answer:
        if heard.path == "/api/v3/exchangeInfo":
            return told(200, {"symbols": self.markets})
        if heard.path == "/api/v3/time":
            return told(200, {"serverTime": self.time_ms})
        return self.script(heard)


def still_clock() -> VenueClock:
    """The venue's clock, on which no time passes; it is right until the venue's differs."""
    return VenueClock(monotonic_s=lambda: 0.0, wall_s=lambda: NOW_MS / 1_000)


class LoopbackResolver(AbstractResolver):
    """Every name is a port of this machine."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del port, family
        return [
            ResolveResult(hostname=host, host="127.0.0.1", port=self._port, family=socket.AF_INET, proto=0, flags=0)
        ]

    async def close(self) -> None:
        """Nothing to give back."""


@asynccontextmanager
async def venue_of(script: Script) -> AsyncIterator[ScriptedVenue]:
    """A venue that listens."""
    venue = ScriptedVenue(script)
    server_side, _ = _tls()
    server = await asyncio.start_server(venue.serve, "127.0.0.1", 0, ssl=server_side)
    venue.port = server.sockets[0].getsockname()[1]
    async with server:
        yield venue
        venue.hang_up()


@asynccontextmanager
async def session_to(port: int) -> AsyncIterator[aiohttp.ClientSession]:
    """A session for which every name leads to this port, and which trusts our certificates alone."""
    _, client_side = _tls()
    connector = aiohttp.TCPConnector(resolver=LoopbackResolver(port), ssl=client_side)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


@asynccontextmanager
async def trading(script: Script, place: str = "embedded") -> AsyncIterator[tuple[CcxtOrders, ScriptedVenue]]:
    """An account at such a venue, with the rules of BTC/USDT loaded."""
    clock = still_clock()
    async with venue_of(script) as venue, session_to(venue.port) as session:
        exchange = open_account(PLACES[place], Credentials(KEY, SECRET), session, clock)
        orders = CcxtOrders(exchange, clock)
        clock.ask_by(orders.time_ms)
        await orders.rules(["BTC/USDT"])
        venue.heard.clear()
        try:
            yield orders, venue
        finally:
            await orders.close()


def done(script: Script, deed: Callable[[CcxtOrders], Awaitable[_T]]) -> tuple[_T, ScriptedVenue]:
    """What comes of a deed at such a venue, and the venue afterwards."""

    async def story() -> tuple[_T, ScriptedVenue]:
        async with trading(script) as (orders, venue):
            return await deed(orders), venue

    return market_time.run(story())


def accepted(**changes: Any) -> Script:
    """The venue does whatever it is asked for."""
    return lambda _: told(200, order_body(**changes))


def sent(venue: ScriptedVenue, method: str, path: str = "/api/v3/order") -> dict[str, str]:
    """The parameters of the one request of a kind, which was stamped and signed as it should be."""
    (heard,) = venue.asked(method, path)
    assert heard.headers["x-mbx-apikey"] == KEY
    assert heard.sent["timestamp"] == str(NOW_MS)
    assert heard.sent["recvWindow"] == "5000"
    return {name: text for name, text in heard.sent.items() if name not in _ENVELOPE}


async def _request(reader: asyncio.StreamReader) -> Heard:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    body = (await reader.readexactly(int(headers.get("content-length", "0")))).decode()
    sent = dict(parse_qsl(query, keep_blank_values=True) + parse_qsl(body, keep_blank_values=True))
    return Heard(method, path, sent, headers, headers.get("host", ""))


@cache
def _tls() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What the venue shows, and what trusts it alone."""
    with tempfile.TemporaryDirectory() as folder:
        certified = certify(Path(folder), dt.datetime.now(dt.UTC))
        return certified.context, ssl.create_default_context(cafile=certified.ca_file)
