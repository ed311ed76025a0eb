"""Trading over REST on loopback, with ccxt as it comes."""

import asyncio
from decimal import Decimal
from urllib.parse import urlencode

import ccxt.async_support as ccxt  # type: ignore[import-untyped]
import pytest
from msgspec.structs import replace
from yarl import URL

from bot.core.market import Timeframe
from bot.exchange.depth import Depth
from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import Lag
from bot.exchange.market import SeededMarket
from bot.exchange.occasions import Where
from bot.exchange.order_rules import MarketRules
from bot.exchange.orders import Status
from bot.exchange.pace import Paced
from bot.exchange.server import ExchangeServer
from bot.exchange.signing import Credentials, sign
from bot.exchange.trade_desk import Terms
from bot.exchange.venue import Venue
from tests.unit.bot.exchange.trading_exchange import (
    BTC,
    CUSTOMER,
    FROM_MS,
    MAIN,
    MINUTE,
    SECRET,
    Box,
    HeldTime,
    bare,
    binance,
    trading_exchange,
)

pytestmark = pytest.mark.asyncio


async def test_a_market_order_is_placed_filled_and_paid_for() -> None:
    async with trading_exchange() as box, binance(box) as client:
        order = await client.create_order(BTC, "market", "buy", 0.5, None, {"clientOrderId": "mine"})
        assert (order["status"], order["filled"], order["clientOrderId"]) == ("closed", 0.5, "mine")
        trades = await client.fetch_my_trades(BTC)
        assert sum(Decimal(str(trade["amount"])) for trade in trades) == Decimal("0.5")
        assert {trade["fee"]["currency"] for trade in trades} == {"BTC"}
        balance = await client.fetch_balance()
        assert balance["BTC"]["total"] == pytest.approx(2.4995)
        assert await client.fetch_order_trades(order["id"], BTC) == trades
        assert [one.status for one in box.orders()] == [Status.FILLED]


async def test_a_limit_order_rests_and_is_found_listed_and_cancelled_by_its_own_id() -> None:
    async with trading_exchange() as box, binance(box) as client:
        price = float(box.last()) * 0.9
        await client.create_order(BTC, "limit", "buy", 0.1, price, {"clientOrderId": "rests"})
        found = await client.fetch_order(None, BTC, {"clientOrderId": "rests"})
        assert (found["status"], found["filled"]) == ("open", 0.0)
        assert [order["clientOrderId"] for order in await client.fetch_open_orders(BTC)] == ["rests"]
        assert (await client.fetch_balance())["USDT"]["used"] > 0
        gone = await client.cancel_order(None, BTC, {"clientOrderId": "rests"})
        assert gone["status"] == "canceled"
        assert await client.fetch_open_orders(BTC) == []
        with pytest.raises(ccxt.OrderNotFound):
            await client.cancel_order(None, BTC, {"clientOrderId": "rests"})


async def test_a_post_only_order_rests_or_is_refused() -> None:
    async with trading_exchange() as box, binance(box) as client:
        last = float(box.last())
        resting = await client.create_order(BTC, "limit", "buy", 0.1, last * 0.99, {"postOnly": True})
        assert resting["type"] == "limit"
        with pytest.raises(ccxt.OrderImmediatelyFillable):
            await client.create_order(BTC, "limit", "buy", 0.1, last * 1.01, {"postOnly": True})
        assert len(box.orders()) == 1


async def test_a_stop_is_triggered_between_two_requests_by_the_price_of_the_candles() -> None:
    async with trading_exchange() as box, binance(box) as client:
        candles = [SeededMarket(7, BTC, Timeframe.M1).at(FROM_MS + number * MINUTE) for number in range(30)]
        low = min(candle.low for candle in candles if candle)
        stop = await client.create_order(BTC, "market", "sell", 0.2, None, {"stopLossPrice": low * 1.0001})
        assert stop["status"] == "open"
        pace = box.server.pace
        assert isinstance(pace, HeldTime)
        pace.set(FROM_MS + 30 * MINUTE)
        found = await client.fetch_order(stop["id"], BTC)
        assert found["status"] == "closed"
        (order,) = box.orders()
        assert FROM_MS < order.update_ms <= FROM_MS + 30 * MINUTE


async def test_two_orders_of_which_one_cancels_the_other() -> None:
    async with trading_exchange() as box, binance(box) as client:
        await client.load_markets()
        last = float(box.last())
        pair = await client.private_post_orderlist_oco(
            {
                "symbol": "BTCUSDT",
                "side": "SELL",
                "quantity": "0.1",
                "aboveType": "LIMIT_MAKER",
                "abovePrice": client.price_to_precision(BTC, last * 1.1),
                "belowType": "STOP_LOSS",
                "belowStopPrice": client.price_to_precision(BTC, last * 0.9),
            }
        )
        assert len(pair["orderReports"]) == 2
        assert len(await client.fetch_open_orders(BTC)) == 2
        await client.cancel_all_orders(BTC)
        assert {order.status for order in box.orders()} == {Status.CANCELED}


async def test_the_playing_market_fills_and_tells_although_nobody_asks() -> None:
    terms = Terms((CUSTOMER,), depth=Depth(half_spread_bps=Decimal("0.1")))
    pace = Paced(FROM_MS, 100_000.0, None)
    async with trading_exchange(terms=terms, pace=pace) as box, binance(box, milliseconds=pace.now_ms) as client:
        client.milliseconds = pace.now_ms
        told: list[str] = []
        filled = asyncio.Event()

        def hear(events) -> None:
            told.extend(type(event).__name__ for event in events)
            if box.trades():
                filled.set()

        box.server.trading.on_events(hear)
        price = float(box.last()) * 0.9999
        await client.create_order(BTC, "limit", "buy", 0.1, price)
        async with asyncio.timeout(20), bare(box) as listener, listener.ws_connect("/ws/btcusdt@kline_1m"):
            await filled.wait()
        assert told[:2] == ["OrderEvent", "BalancesEvent"]


async def test_time_goes_on_for_who_has_asked_for_it() -> None:
    async with trading_exchange(pace=Paced(FROM_MS, 1_000.0, None)) as box, bare(box) as client:

        async def now_ms() -> int:
            async with client.get("/api/v3/time") as answer:
                told: int = (await answer.json())["serverTime"]
                return told

        first = await now_ms()
        async with asyncio.timeout(20):
            while await now_ms() == first:
                pass


async def test_the_published_example_of_a_signature_is_accepted_over_http() -> None:
    now_ms = 1_499_827_319_559
    market = SeededMarket(7, "LTC/BTC", Timeframe.M1, origin_ms=now_ms // MINUTE * MINUTE)
    key = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
    secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"  # noqa: S105 - published
    payload = (
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
    )
    signature = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    customer = replace(CUSTOMER, api_key=key, secret=secret, balances={"BTC": Decimal(1)})
    terms = Terms((customer,), rules={"LTCBTC": MarketRules(filters=())})
    pace = Paced(now_ms, 1.0, None)
    async with (
        trading_exchange(terms=terms, pace=pace, markets=[market], from_ms=market.begin_ms) as box,
        bare(box) as client,
    ):
        headers = {"X-MBX-APIKEY": key, "Content-Type": "application/x-www-form-urlencoded"}
        address = "/api/v3/order"
        async with client.post(address, data=f"{payload}&signature={signature[:-1]}0", headers=headers) as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, -1022)
        async with client.post(address, data=f"{payload}&signature={signature}", headers=headers) as answer:
            assert (answer.status, (await answer.json())["symbol"]) == (200, "LTCBTC")


async def test_a_percent_encoded_parameter_is_signed_as_it_was_sent() -> None:
    async with trading_exchange() as box, bare(box) as client:
        signed = "timestamp=1&symbol=BTCUSDT&origClientOrderId=a%2Fb"
        url = URL(f"{box.url}/api/v3/order?{signed}&signature={sign(SECRET, signed)}", encoded=True)
        async with client.get(url, headers={"X-MBX-APIKEY": CUSTOMER.api_key}) as answer:
            assert (await answer.json())["code"] == -1100


@pytest.mark.parametrize(
    ("speed", "late_ms", "code"),
    [(1.0, 5_001, -1021), (1.0, -2_000, -1021), (1.0, 0, None), (1_000.0, 4_900_000, None), (1_000.0, -900_000, None)],
)
async def test_the_window_of_a_timestamp_is_one_of_the_client_s_time(speed: float, late_ms: int, code) -> None:
    async with trading_exchange(pace=Paced(FROM_MS, speed, None)) as box, bare(box) as client:
        signed = urlencode({"timestamp": FROM_MS - late_ms})
        path = f"/api/v3/account?{signed}&signature={sign(SECRET, signed)}"
        async with client.get(path, headers={"X-MBX-APIKEY": CUSTOMER.api_key}) as answer:
            assert (await answer.json()).get("code") == code


async def test_an_order_is_hidden_from_those_who_ask_while_the_copies_are_behind() -> None:
    lag = Lag(2_000, where=Where(method="GET", endpoint="order"))
    async with trading_exchange(lag) as box, binance(box) as client:
        await client.create_order(BTC, "market", "buy", 0.1, None, {"clientOrderId": "new"})
        with pytest.raises(ccxt.OrderNotFound):
            await client.fetch_order(None, BTC, {"clientOrderId": "new"})
        assert len(await client.fetch_my_trades(BTC)) == 1
        pace = box.server.pace
        assert isinstance(pace, HeldTime)
        pace.set(FROM_MS + 2_000)
        assert (await client.fetch_order(None, BTC, {"clientOrderId": "new"}))["status"] == "closed"


async def test_a_key_that_is_revoked_a_key_that_may_not_trade_and_no_key() -> None:
    async with trading_exchange() as box, binance(box) as client:
        lost: list[str] = []
        box.server.trading.on_revoked(lost.append)
        reader = "r" * 64
        box.server.trading.put_key(Credentials(reader, SECRET, MAIN, may_trade=False))
        async with binance(box, reader) as other:
            await other.fetch_balance()
            with pytest.raises(ccxt.DDoSProtection):
                await other.create_order(BTC, "market", "buy", 0.1)
        box.server.trading.revoke(CUSTOMER.api_key)
        with pytest.raises(ccxt.AuthenticationError):
            await client.fetch_balance()
        async with bare(box) as nobody, nobody.get("/api/v3/account") as answer:
            assert (answer.status, (await answer.json())["code"]) == (401, -2014)
        assert lost == [CUSTOMER.api_key]


async def test_books_and_prices_are_those_of_now() -> None:
    async with trading_exchange() as box, binance(box) as client:
        book = await client.fetch_order_book(BTC, 5)
        assert len(book["bids"]) == len(book["asks"]) == 5
        best = (await client.fetch_bids_asks([BTC]))[BTC]
        assert (best["bid"], best["ask"]) == (book["bids"][0][0], book["asks"][0][0])
        assert book["bids"][0][0] < float(box.last()) < book["asks"][0][0]
        async with bare(box) as nobody:
            for path in ("ticker/price?symbol=BTCUSDT", "avgPrice?symbol=BTCUSDT"):
                async with nobody.get(f"/api/v3/{path}") as answer:
                    assert Decimal((await answer.json())["price"]) == box.last()
            async with nobody.get("/api/v3/ticker/price") as answer:
                assert [row["symbol"] for row in await answer.json()] == ["BTCUSDT"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("depth", 400, -1102),
        ("depth?symbol=NOPE", 400, -1121),
        ("depth?symbol=BTCUSDT&limit=x", 400, -1100),
        ("ticker/price?symbol=NOPE", 400, -1121),
        ("nothing/of/the/kind", 404, None),
    ],
)
async def test_a_question_about_a_market_that_cannot_be_answered(path: str, status: int, code: int | None) -> None:
    async with trading_exchange() as box, bare(box) as client, client.get(f"/api/v3/{path}") as answer:
        assert answer.status == status
        if code:
            assert (await answer.json())["code"] == code


async def test_an_exchange_without_accounts_knows_no_key_and_weighs_nothing() -> None:
    venue = Venue([SeededMarket(7, BTC, Timeframe.M1)], FROM_MS, MINUTE // 4)
    server = ExchangeServer(venue, HeldTime(FROM_MS), FaultPlan())
    box = Box(server, await server.start())
    try:
        async with binance(box) as client:
            with pytest.raises(ccxt.AuthenticationError):
                await client.fetch_balance()
            assert "X-MBX-USED-WEIGHT-1M" not in client.last_response_headers
    finally:
        await server.stop()
