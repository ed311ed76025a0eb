"""The hand on accounts and markets, over real sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt  # type: ignore[import-untyped]
import pytest
from aiohttp import ClientSession
from msgspec import Struct

from bot.exchange.account_events import DepositEvent, Execution, OrderEvent
from bot.exchange.control import ControlDesk
from tests.unit.bot.exchange.trading_exchange import (
    BTC,
    FROM_MS,
    KEY,
    MAIN,
    MINUTE,
    SECRET,
    Box,
    HeldTime,
    binance,
    trading_exchange,
)

pytestmark = pytest.mark.asyncio


class Stage(Struct):
    """An exchange, a client of it and a hand on it."""

    box: Box
    client: Any
    hand: ClientSession

    async def tell(self, method: str, path: str, **said: object) -> str:
        """Say something to the control endpoint; the sentence that it answers, or nothing."""
        async with self.hand.request(method, f"/control/{path}", json=said) as answer:
            return str((await answer.json()).get("error", ""))

    async def truth(self) -> dict[str, Any]:
        async with self.hand.get(f"/control/orders?account={MAIN}") as answer:
            found: dict[str, Any] = await answer.json()
            return found

    def wait_until(self, at_ms: int) -> None:
        pace = self.box.server.pace
        assert isinstance(pace, HeldTime)
        pace.set(at_ms)


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    async with trading_exchange() as box:
        desk = ControlDesk(box.server)
        port = await desk.start()
        try:
            async with ClientSession(f"http://127.0.0.1:{port}") as hand, binance(box) as client:
                yield Stage(box, client, hand)
        finally:
            await desk.stop()


async def test_the_truth_is_all_orders_trades_and_balances() -> None:
    async with stage() as on:
        await on.client.create_order(BTC, "market", "buy", 0.5, None, {"clientOrderId": "mine"})
        truth = await on.truth()
        assert [order["client_order_id"] for order in truth["orders"]] == ["mine"]
        assert sum(Decimal(trade["quantity"]) for trade in truth["trades"]) == Decimal("0.5")
        assert truth["balances"]["BTC"] == {"free": "2.49950000", "locked": "0"}
        assert (truth["epoch"], truth["now_ms"]) == (0, FROM_MS)


async def test_money_comes_and_goes_and_is_told() -> None:
    async with stage() as on:
        told: list[object] = []
        on.box.server.trading.on_events(told.extend)
        assert not await on.tell("POST", "deposit", account=MAIN, asset="BTC", amount="-1.5")
        assert not await on.tell("POST", "deposit", account=MAIN, asset="ETH", amount="3")
        assert (await on.client.fetch_balance())["total"] == {"BTC": 0.5, "ETH": 3.0, "USDT": 100_000.0}
        assert [event.amount for event in told if isinstance(event, DepositEvent)] == [Decimal("-1.5"), Decimal(3)]
        assert "insufficient balance" in await on.tell("POST", "deposit", account=MAIN, asset="BTC", amount="-9")


async def test_an_account_is_barred_and_pays_other_fees() -> None:
    async with stage() as on:
        assert not await on.tell("PUT", "account", account=MAIN, may_trade=False)
        assert (await on.client.fetch_balance())["info"]["canTrade"] is False
        with pytest.raises(ccxt.ExchangeError, match="may not place"):
            await on.client.create_order(BTC, "market", "buy", 0.5)
        assert not await on.tell("PUT", "account", account=MAIN, may_trade=True, fees={"taker_bps": "0"})
        order = await on.client.create_order(BTC, "market", "buy", 0.5)
        assert {trade["fee"]["cost"] for trade in order["trades"]} == {0.0}


async def test_keys_are_given_and_taken_away() -> None:
    async with stage() as on:
        other = "n" * 64
        assert not await on.tell("PUT", "keys", account=MAIN, api_key=other, secret=SECRET)
        async with binance(on.box, other) as client:
            await client.fetch_balance()
        assert not await on.tell("DELETE", f"keys/{KEY}")
        with pytest.raises(ccxt.AuthenticationError):
            await on.client.fetch_balance()
        assert "64 letters" in await on.tell("PUT", "keys", account=MAIN, api_key="short", secret=SECRET)


async def test_the_exchange_ends_an_order_of_its_own_accord() -> None:
    async with stage() as on:
        told: list[object] = []
        on.box.server.trading.on_events(told.extend)
        price = float(on.box.last()) * 0.9
        await on.client.create_order(BTC, "limit", "buy", 0.1, price, {"clientOrderId": "rests"})
        assert not await on.tell("POST", "expire", account=MAIN, symbol="BTCUSDT", client_order_id="rests")
        assert (await on.client.fetch_order(None, BTC, {"clientOrderId": "rests"}))["status"] == "expired"
        ended = [event for event in told if isinstance(event, OrderEvent)][-1]
        assert ended.execution is Execution.EXPIRED
        assert "Unknown order" in await on.tell("POST", "expire", account=MAIN, symbol="BTCUSDT", order_id=1)


@pytest.mark.parametrize("status", ["BREAK", "HALT", "CANCEL_ONLY", "END_OF_DAY"])
async def test_a_market_closes_and_opens_where_the_price_is_then(status: str) -> None:
    async with stage() as on:
        price = float(on.box.last()) * 0.9
        resting = await on.client.create_order(BTC, "limit", "buy", 0.1, price)
        assert not await on.tell("PUT", "market", symbol="BTCUSDT", status=status)
        assert not (await on.client.load_markets(reload=True))[BTC]["active"]
        assert (await on.client.fetch_order_book(BTC))["asks"] == []
        with pytest.raises(ccxt.ExchangeError, match="Market is closed"):
            await on.client.create_order(BTC, "market", "buy", 0.1)
        if status == "CANCEL_ONLY":
            await on.client.cancel_order(resting["id"], BTC)
        on.wait_until(FROM_MS + MINUTE)
        assert not await on.tell("PUT", "market", symbol="BTCUSDT", status="TRADING")
        assert (await on.client.create_order(BTC, "market", "buy", 0.1))["status"] == "closed"


async def test_filters_change_and_the_book_becomes_thin() -> None:
    async with stage() as on:
        await on.client.load_markets()
        rules = [{"filterType": "LOT_SIZE", "minQty": "0.5", "maxQty": "9", "stepSize": "0.5"}]
        assert not await on.tell("PUT", "market", symbol="BTCUSDT", filters=rules)
        with pytest.raises(ccxt.InvalidOrder, match="LOT_SIZE"):
            await on.client.create_order(BTC, "market", "buy", 0.1)
        depth = {"half_spread_bps": "1", "step_bps": "1", "levels": 1, "level_amount": "10000"}
        assert not await on.tell("PUT", "market", symbol="BTCUSDT", depth=depth)
        order = await on.client.create_order(BTC, "market", "buy", 0.5)
        assert order["status"] == "expired"
        assert 0 < order["filled"] < 0.5


async def test_the_venue_begins_anew_with_whole_balances_and_the_same_keys() -> None:
    async with stage() as on:
        price = float(on.box.last()) * 0.9
        await on.client.create_order(BTC, "limit", "buy", 0.1, price, {"clientOrderId": "rests"})
        await on.client.create_order(BTC, "market", "buy", 0.5)
        assert not await on.tell("POST", "reset")
        assert (await on.client.fetch_balance())["total"] == {"BTC": 2.0, "USDT": 100_000.0}
        assert await on.client.fetch_open_orders(BTC) == []
        with pytest.raises(ccxt.OrderNotFound):
            await on.client.fetch_order(None, BTC, {"clientOrderId": "rests"})
        await on.client.create_order(BTC, "market", "buy", 0.1)
        truth = await on.truth()
        assert (truth["epoch"], len(truth["orders"])) == (1, 1)


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("GET", "orders", {}),
        ("GET", "orders?account=nobody", {}),
        ("POST", "deposit", {"account": "nobody", "asset": "BTC", "amount": "1"}),
        ("POST", "deposit", {"account": MAIN, "asset": "BTC", "amount": "much"}),
        ("PUT", "market", {"symbol": "NOPE"}),
        ("PUT", "market", {"symbol": "BTCUSDT", "status": "CLOSED"}),
        ("PUT", "market", {"symbol": "BTCUSDT", "mood": "bad"}),
        ("PUT", "account", {"account": MAIN, "fees": {"maker_bps": "20000"}}),
    ],
)
async def test_what_cannot_be_done_is_a_sentence(method: str, path: str, said: dict[str, object]) -> None:
    async with stage() as on:
        assert await on.tell(method, path, **said)
