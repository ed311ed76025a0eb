"""
Every call of unmodified ccxt against the running exchange, judged by Binance's own description of both sides.

Requests and answers are taken from the wire on the client's side, as aiohttp sends and receives them.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl

import ccxt.async_support as ccxt  # type: ignore[import-untyped]
import pytest
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession

from bot.core.market import Timeframe
from bot.exchange.accounts_file import Customer
from bot.exchange.market import ORIGIN_MS, SeededMarket
from bot.exchange.pace import LockStep
from bot.exchange.server import ExchangeServer
from bot.exchange.trade_desk import Terms
from bot.exchange.venue import Venue
from tests.binance_amendments import judge
from tests.binance_description import API, CALLS, Call

MARKET: Final = "BTC/USDT"
FROM_MS: Final = ORIGIN_MS + 50 * Timeframe.H1.ms
FUNDS: Final = {"BTC": Decimal(10), "USDT": Decimal(1_000_000)}
CUSTOMER: Final = Customer("main", "k" * 64, "not a real secret", FUNDS)


class Wire:
    """What has crossed the wire."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    async def listen(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Let a request pass, and write it and its answer down."""
        response = await handler(request)
        body = await request.body.as_bytes() if request.body else b""
        sent = parse_qsl(request.url.raw_query_string) + parse_qsl(body.decode())
        self.calls.append(
            Call(
                request.method,
                request.url.path.removeprefix(API),
                dict(sent),
                request.headers.get("X-MBX-APIKEY"),
                response.status,
                await response.json(),
            )
        )
        return response


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Any, Wire]]:
    """A ccxt client of an exchange of one market, whose time stands still, and what crosses the wire between them."""
    venue = Venue([SeededMarket(7, MARKET, Timeframe.M1)], FROM_MS, Timeframe.M1.ms, 3)
    server, wire = ExchangeServer(venue, LockStep(FROM_MS), terms=Terms((CUSTOMER,))), Wire()
    base = f"http://127.0.0.1:{await server.start()}/api/v3"
    async with ClientSession(middlewares=(wire.listen,)) as session:
        client = ccxt.binance(
            {
                "apiKey": CUSTOMER.api_key,
                "secret": CUSTOMER.secret,
                "session": session,
                "enableRateLimit": False,
                "urls": {"api": {"public": base, "private": base}},
                "options": {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False},
            }
        )
        try:
            await client.load_markets()
            yield client, wire
        finally:
            await client.close()
            await server.stop()


async def look_around(client: Any) -> None:
    """What is public."""
    await client.public_get_ping()
    await client.fetch_time()
    await client.public_get_exchangeinfo({"symbols": '["BTCUSDT"]'})
    await client.fetch_ohlcv(MARKET, "1m", since=FROM_MS - 600_000, limit=5, params={"until": FROM_MS})
    await client.fetch_ohlcv(MARKET, "1m")
    await client.fetch_order_book(MARKET, limit=10)
    await client.public_get_avgprice({"symbol": "BTCUSDT"})
    await client.fetch_bids_asks([MARKET])
    await client.fetch_last_prices([MARKET])
    await client.public_get_ticker_price({"symbol": "BTCUSDT"})


async def place(client: Any, last: float) -> None:
    """Orders of every type, by the words that ccxt has for them."""
    await client.create_order(MARKET, "market", "buy", 0.01)
    await client.create_order(MARKET, "market", "buy", 0.01, last)
    await client.create_order(MARKET, "market", "sell", 0.01, params={"newClientOrderId": "mine"})
    await client.create_order(MARKET, "limit", "buy", 0.01, last * 0.9, {"clientOrderId": "first"})
    await client.create_order(MARKET, "limit", "buy", 0.01, last * 0.9, {"timeInForce": "IOC"})
    await client.create_order(MARKET, "limit", "buy", 30, last * 1.001, {"timeInForce": "FOK"})
    await client.create_order(MARKET, "limit", "sell", 0.01, last * 1.1, {"postOnly": True})
    await client.create_order(MARKET, "limit", "sell", 0.01, last * 0.89, {"stopLossPrice": last * 0.9})
    await client.create_order(MARKET, "limit", "buy", 0.01, last * 1.1, {"triggerPrice": last * 1.1})
    await client.create_order(MARKET, "market", "sell", 0.01, params={"stopLossPrice": last * 0.9})
    await client.create_order(MARKET, "market", "sell", 0.01, params={"takeProfitPrice": last * 1.2})
    await client.create_order(MARKET, "limit", "buy", 0.01, last * 0.9, {"test": True})


async def pair(client: Any, last: float) -> None:
    """Two orders of which one cancels the other: ccxt has the names of the requests, and nothing else."""
    legs = {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "quantity": "0.01",
        "aboveType": "LIMIT_MAKER",
        "abovePrice": client.price_to_precision(MARKET, last * 1.1),
        "belowType": "STOP_LOSS_LIMIT",
        "belowStopPrice": client.price_to_precision(MARKET, last * 0.9),
        "belowPrice": client.price_to_precision(MARKET, last * 0.89),
        "belowTimeInForce": "GTC",
    }
    placed = await client.private_post_orderlist_oco(legs)
    await client.private_get_orderlist({"orderListId": placed["orderListId"]})
    await client.private_get_openorderlist()
    await client.private_delete_orderlist({"symbol": "BTCUSDT", "orderListId": placed["orderListId"]})
    await client.private_post_orderlist_oco(legs)


async def ask_and_cancel(client: Any, last: float) -> None:
    """Questions about orders and the account, and the ends of orders."""
    first = await client.fetch_order(None, MARKET, {"clientOrderId": "first"})
    await client.fetch_order(first["id"], MARKET)
    await client.fetch_orders(MARKET)
    await client.fetch_open_orders(MARKET)
    client.options["fetchOpenOrders"] = {"warnWithoutSymbol": False}
    await client.fetch_open_orders()
    await client.fetch_my_trades(MARKET, since=FROM_MS, limit=10)
    await client.fetch_order_trades("1", MARKET)
    await client.fetch_balance()
    await client.private_get_account_commission({"symbol": "BTCUSDT"})
    await client.private_get_ratelimit_order()
    moved = await client.edit_order(first["id"], MARKET, "limit", "buy", 0.01, last * 0.91)
    await client.cancel_order(moved["id"], MARKET)
    await client.create_order(MARKET, "limit", "buy", 0.01, last * 0.9, {"clientOrderId": "second"})
    await client.cancel_order(None, MARKET, {"clientOrderId": "second"})
    await client.cancel_all_orders(MARKET)


@pytest.mark.asyncio
async def test_every_call_of_ccxt_and_every_answer_to_it_is_as_described() -> None:
    async with connected() as (client, wire):
        await look_around(client)
        last = (await client.fetch_last_prices([MARKET]))[MARKET]["price"]
        await place(client, last)
        await pair(client, last)
        await ask_and_cancel(client, last)
    assert [wrong for call in wire.calls for wrong in judge().of_call(call)] == []
    assert {(call.method, call.endpoint) for call in wire.calls if call.status == 200} == set(CALLS)


REFUSED: Final = {
    "more than there is": (ccxt.InsufficientFunds, -2010, lambda client: buy(client, "limit", 60, 20_000.0)),
    "a stop on the wrong side": (
        ccxt.OrderImmediatelyFillable,
        -2010,
        lambda client: buy(client, "limit", 0.01, 20_000.0, {"stopLossPrice": 20_000.0}),
    ),
    "a maker that would take": (
        ccxt.OrderImmediatelyFillable,
        -2010,
        lambda client: buy(client, "limit", 0.01, 100_000.0, {"postOnly": True}),
    ),
    "too small": (ccxt.BadRequest, -1013, lambda client: buy(client, "limit", 0.0001, 20_000.0)),
    "too far away": (ccxt.InvalidOrder, -1013, lambda client: buy(client, "limit", 0.01, 1_000.0)),
    "what nobody knows": (ccxt.BadRequest, -1104, lambda client: buy(client, "market", 0.01, None, {"stopLoss": {}})),
    "a cancel of nothing": (ccxt.OrderNotFound, -2011, lambda client: client.cancel_order("99", MARKET)),
    "a question for nothing": (ccxt.OrderNotFound, -2013, lambda client: client.fetch_order("99", MARKET)),
    "no market": (ccxt.BadSymbol, -1121, lambda client: client.public_get_depth({"symbol": "NONE"})),
    "no interval": (
        ccxt.BadRequest,
        -1120,
        lambda client: client.public_get_klines({"symbol": "BTCUSDT", "interval": "7m"}),
    ),
}


def buy(client: Any, kind: str, amount: float, price: float | None, more: dict[str, Any] | None = None) -> Any:
    return client.create_order(MARKET, kind, "buy", amount, price, more or {})


@pytest.mark.asyncio
@pytest.mark.parametrize("why", REFUSED)
async def test_a_refusal_is_as_described_and_as_ccxt_understands_it(why: str) -> None:
    error, code, ask = REFUSED[why]
    async with connected() as (client, wire):
        with pytest.raises(error):
            await ask(client)
    assert wire.calls[-1].body["code"] == code
    assert judge().of_answer(wire.calls[-1]) == []


@pytest.mark.asyncio
async def test_a_key_that_nobody_knows_is_refused_as_described() -> None:
    async with connected() as (client, wire):
        client.apiKey = "x" * 64
        with pytest.raises(ccxt.AuthenticationError):
            await client.fetch_balance()
    assert (wire.calls[-1].status, wire.calls[-1].body["code"]) == (401, -2015)
    assert judge().of_call(wire.calls[-1]) == []
