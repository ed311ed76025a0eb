"""Weights, their windows and bans over REST."""

import pytest

from bot.core.market import MINUTE_MS
from bot.exchange.trade_desk import Terms
from bot.exchange.weights import Limit, Limits
from tests.unit.bot.exchange.trading_exchange import BTC, CUSTOMER, FROM_MS, HeldTime, bare, binance, trading_exchange

pytestmark = pytest.mark.asyncio

SMALL = Terms((CUSTOMER,), limits=Limits(weight=Limit("REQUEST_WEIGHT", "MINUTE", 1, 5, MINUTE_MS), patience=1))


async def test_every_answer_says_what_is_used_and_what_succeeds_is_free() -> None:
    async with trading_exchange() as box, binance(box) as client:

        def used() -> int:
            return int(client.last_response_headers["X-MBX-USED-WEIGHT-1M"])

        await client.load_markets()
        assert used() == 20
        await client.create_order(BTC, "market", "buy", 0.1, None, {"clientOrderId": "one"})
        assert used() == 20
        await client.fetch_order(None, BTC, {"clientOrderId": "one"})
        assert used() == 24
        await client.fetch_open_orders(BTC)
        assert used() == 30
        await client.fetch_ohlcv(BTC, "1m")
        assert used() == 32
        async with bare(box) as nobody, nobody.delete("/api/v3/order") as answer:
            assert (answer.status, answer.headers["X-MBX-USED-WEIGHT-1M"]) == (401, "33")


async def test_market_data_is_weighed_as_well_and_who_goes_on_is_banned() -> None:
    async with trading_exchange(terms=SMALL) as box, bare(box) as client:
        pace = box.server.pace
        assert isinstance(pace, HeldTime)
        begin_ms = FROM_MS // MINUTE_MS * MINUTE_MS
        seen = []
        for at_s in (0, 0, 1, 2, 3, 121, 123):
            pace.set(begin_ms + at_s * 1_000)
            async with client.get("/api/v3/klines?symbol=BTCUSDT&interval=1m") as answer:
                seen.append((answer.status, answer.headers.get("Retry-After")))
        assert seen == [
            (200, None),
            (200, None),
            (429, "59"),
            (418, "120"),
            (418, "119"),
            (418, "1"),
            (200, None),
        ]
        assert len(box.server.plan.log.told("request while banned")) == 3


async def test_too_many_orders_are_refused_until_the_window_ends() -> None:
    limits = Limits(orders=(Limit("ORDERS", "SECOND", 10, 1, 10_000),))
    async with trading_exchange(terms=Terms((CUSTOMER,), limits=limits)) as box, binance(box) as client:
        price = float(box.last()) * 0.9
        await client.create_order(BTC, "limit", "buy", 0.1, price)
        with pytest.raises(Exception, match="-1015"):
            await client.create_order(BTC, "limit", "buy", 0.1, price)
        assert client.last_response_headers["Retry-After"] == "10"
        pace = box.server.pace
        assert isinstance(pace, HeldTime)
        pace.set(FROM_MS + 10_000)
        await client.create_order(BTC, "limit", "buy", 0.1, price)
