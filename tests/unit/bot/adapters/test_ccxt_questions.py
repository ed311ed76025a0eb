"""What a venue is asked through the real ccxt about an account and its markets, and what is made of its answers."""

import json
from decimal import Decimal
from functools import cache
from typing import Any

import ccxt.async_support  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.adapters.order_messages import (
    Answered,
    Balance,
    NotSent,
    Outcome,
    Refusal,
    Refused,
    TradeReport,
)
from bot.adapters.wire_numbers import plain
from bot.core.errors import VenueError, VenueUnavailable
from bot.core.orders import BUY, LIMIT, SELL, Intent, Purpose
from tests import market_time
from tests.scripted_venue import MARKET as BTC
from tests.scripted_venue import (
    NOW_MS,
    Answer,
    Heard,
    Script,
    accepted,
    done,
    order_body,
    refused,
    sent,
    told,
    trading,
)

ENTRY = Intent("c1", "BTC/USDT", BUY, LIMIT, Decimal("0.010"), Purpose.ENTRY, 0, limit_price=Decimal("50000.10"))


def trade(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "id": number,
        "orderId": 28,
        "price": "50000.0",
        "qty": "0.001",
        "commission": "0.05",
        "commissionAsset": "USDT",
        "time": NOW_MS,
        "isBuyer": False,
        **changes,
    }


def test_the_trades_of_an_order_are_asked_for_by_its_number():
    found, venue = done(lambda _: told(200, [trade(7)]), lambda orders: orders.trades("BTC/USDT", "28"))
    assert sent(venue, "GET", "/api/v3/myTrades") == {"symbol": "BTCUSDT", "orderId": "28", "limit": "1000"}
    assert found == (
        TradeReport("BTC/USDT", "28", "7", SELL, Decimal("0.001"), Decimal(50_000), Decimal("0.05"), "USDT", NOW_MS),
    )


def test_more_trades_than_one_answer_holds_are_asked_for_until_there_are_no_more():
    def script(heard: Heard) -> Answer:
        first = int(heard.sent.get("fromId", "1"))
        return told(200, [trade(number) for number in range(first, min(first + 1_000, 1_501))])

    found, venue = done(script, lambda orders: orders.trades("BTC/USDT", "28"))
    assert [int(each.trade_id) for each in found] == list(range(1, 1_501))
    assert [heard.sent.get("fromId") for heard in venue.asked("GET", "/api/v3/myTrades")] == [None, "1001"]


@pytest.mark.parametrize("body", ["{}", "null", "", "<html>", [trade(7, orderId=29)], [trade(7, symbol="ETHUSDT")]])
def test_an_answer_that_is_no_list_of_its_trades_is_not_taken_for_none(body):
    with pytest.raises(VenueUnavailable):
        done(lambda _: told(200, body), lambda orders: orders.trades("BTC/USDT", "28"))


def account(*, orders: object, balances: object) -> Script:
    return lambda heard: told(200, orders if heard.path == "/api/v3/openOrders" else balances)


def test_an_account_is_told_with_foreign_orders_and_money():
    balances = {
        "balances": [
            {"asset": "BTC", "free": "1.00000000", "locked": "0.01000000"},
            {"asset": "USDT", "free": "50000.00000000", "locked": "0.00000000"},
            {"asset": "DUST", "free": "0.00000000", "locked": "0.00000000"},
        ]
    }
    open_orders = [order_body(), order_body(orderId=29, clientOrderId="web_someone")]
    (held, found), venue = done(
        account(orders=open_orders, balances=balances), lambda orders: orders.account(["BTC/USDT"])
    )
    assert sent(venue, "GET", "/api/v3/openOrders") == {"symbol": "BTCUSDT"}
    assert sent(venue, "GET", "/api/v3/account") == {"omitZeroBalances": "true"}
    assert held == {"BTC": Balance(Decimal(1), Decimal("0.01")), "USDT": Balance(Decimal(50_000))}
    assert [report.client_order_id for report in found] == ["c1", "web_someone"]


@pytest.mark.parametrize("orders", ["{}", "null", "", "<html>", [order_body(executedQty="-1")]])
def test_an_answer_that_is_no_list_of_open_orders_is_not_taken_for_none(orders):
    with pytest.raises(VenueUnavailable):
        done(account(orders=orders, balances={"balances": []}), lambda desk: desk.account(["BTC/USDT"]))


@pytest.mark.parametrize("balances", ["{}", "[]", "null", "", {"balances": [{"asset": "BTC", "free": "1"}]}])
def test_an_answer_that_is_no_account_is_not_taken_for_an_empty_one(balances):
    with pytest.raises(VenueUnavailable):
        done(account(orders=[], balances=balances), lambda desk: desk.account(["BTC/USDT"]))


def test_open_orders_of_many_markets_are_asked_for_at_once():
    names = [f"A{number}" for number in range(14)]
    symbols = [f"{name}/USDT" for name in names]

    async def story() -> Any:
        rows = [order_body(symbol="A3USDT"), order_body(symbol="OTHERUSDT")]
        async with trading(account(orders=rows, balances={"balances": []})) as (orders, venue):
            venue.markets = [{**BTC, "symbol": f"{name}USDT", "baseAsset": name} for name in names]
            await orders.rules(symbols)
            _, found = await orders.account(symbols)
            return [report.symbol for report in found], sent(venue, "GET", "/api/v3/openOrders")

    assert market_time.run(story()) == (["A3/USDT"], {})


def test_what_the_venue_refuses_to_tell_is_not_worth_another_try():
    with pytest.raises(VenueError, match="Invalid API-key") as refusal:
        done(
            lambda _: refused(401, -2015, "Invalid API-key, IP, or permissions for action."),
            lambda orders: orders.account(["BTC/USDT"]),
        )
    assert not isinstance(refusal.value, VenueUnavailable)


@pytest.mark.parametrize("answer", [Answer(), refused(429, -1003, "Too much."), refused(500, -1000, "Unknown.")])
def test_what_the_venue_cannot_tell_now_is_worth_another_try(answer):
    with pytest.raises(VenueUnavailable):
        done(lambda _: answer, lambda orders: orders.account(["BTC/USDT"]))


def test_rules_that_cannot_be_renewed_stay_in_force():
    async def story() -> Any:
        async with trading(accepted()) as (orders, venue):
            outcomes = []
            for markets in ([], [{**BTC, "filters": "none"}], [{**BTC, "symbol": "ETHUSDT"}], [{"symbol": "BTCUSDT"}]):
                venue.markets = markets
                with pytest.raises(VenueError):
                    await orders.rules(["BTC/USDT"])
                await orders.renew_rules("BTC/USDT")
                outcomes.append(await orders.place(ENTRY))
            return outcomes

    assert all(isinstance(outcome, Answered) for outcome in market_time.run(story()))


def test_renewed_rules_count_at_once_and_leave_other_markets_alone():
    async def story() -> Any:
        async with trading(accepted()) as (orders, venue):
            venue.markets = [{**BTC, "symbol": "ETHUSDT", "baseAsset": "ETH"}]
            await orders.rules(["ETH/USDT"])
            coarse = json.loads(json.dumps(BTC).replace("0.00001000", "0.10000000").replace("0.00001", "0.1"))
            venue.markets = [coarse]
            await orders.renew_rules("BTC/USDT")
            ether = replace(ENTRY, symbol="ETH/USDT", quantity=Decimal("0.01"))
            return await orders.place(ENTRY), await orders.place(ether), venue.asked("POST")[-1].sent["symbol"]

    bitcoin, _, asked = market_time.run(story())
    assert isinstance(bitcoin, Refused)
    assert asked == "ETHUSDT"


def test_a_market_that_is_listed_no_more_is_closed_until_its_rules_can_be_loaded_again():
    async def story() -> Any:
        async with trading(lambda _: told(200, [])) as (orders, venue):
            orders.miss("ETH/USDT", "ETH/USDT is gone")
            ether = replace(ENTRY, symbol="ETH/USDT", quantity=Decimal("0.01"))
            closed = await orders.place(ether), await orders.order("ETH/USDT", "c1")
            before = len(venue.asked("GET", "/api/v3/openOrders"))
            with pytest.raises(VenueError, match="balances"):
                await orders.account(["BTC/USDT", "ETH/USDT"])
            asked = [heard.sent["symbol"] for heard in venue.asked("GET", "/api/v3/openOrders")[before:]]
            venue.markets = [{**BTC, "symbol": "ETHUSDT", "baseAsset": "ETH"}]
            await orders.renew_rules("ETH/USDT")
            await orders.place(ether)
            return closed, asked, venue.asked("POST")

    (placed, looked_up), asked, sent_later = market_time.run(story())
    assert placed == Refused(Refusal.MARKET_CLOSED, "ETH/USDT is gone")
    assert isinstance(looked_up, NotSent)
    assert asked == ["BTCUSDT"]
    assert [heard.sent["symbol"] for heard in sent_later] == ["ETHUSDT"]


def test_a_market_that_does_not_trade_is_left_to_the_venue_to_refuse():
    # What is to end a position must not wait for rules that were loaded while the market was closed.
    async def story() -> Any:
        async with trading(accepted()) as (orders, venue):
            venue.markets = [{**BTC, "status": "BREAK"}]
            rules = await orders.rules(["BTC/USDT"])
            return rules["BTC/USDT"].is_trading, await orders.place(ENTRY)

    is_trading, outcome = market_time.run(story())
    assert not is_trading
    assert isinstance(outcome, Answered)


def test_the_venue_tells_its_time():
    assert done(accepted(), lambda orders: orders.time_ms())[0] == NOW_MS


PRICES, LOTS = BTC["filters"][:2]


@pytest.mark.parametrize(
    "filters",
    [[], [PRICES], [LOTS], [PRICES, {**LOTS, "stepSize": "0"}], [{**PRICES, "tickSize": "0"}, LOTS]],
)
def test_a_market_whose_amounts_ccxt_would_round_is_not_loaded(filters):
    async def story() -> Outcome:
        async with trading(accepted()) as (orders, venue):
            venue.markets = [{**BTC, "symbol": "ETHUSDT", "baseAsset": "ETH", "filters": filters}]
            with pytest.raises(VenueError, match=r"ccxt would round the (amount|price) of orders in ETH/USDT"):
                await orders.rules(["ETH/USDT"])
            return await orders.place(replace(ENTRY, symbol="ETH/USDT"))

    assert isinstance(market_time.run(story()), NotSent)


@given(
    step=st.sampled_from(["1", "0.1", "0.00001000", "0.00000001", "5", "0.25", "0.005"]),
    count=st.integers(1, 10**10),
)
def test_ccxt_writes_whatever_is_on_the_grid_as_it_is(step, count):
    exchange = a_ccxt_that_knows(step)
    text = plain(Decimal(step) * count)
    assert exchange.amount_to_precision("BTC/USDT", text) == text
    assert exchange.price_to_precision("BTC/USDT", text) == text


@cache
def a_ccxt_that_knows(step: str) -> Any:
    exchange = ccxt.async_support.binance({"session": None})
    exchange.number = str
    exchange.options |= {"crossMarginPairsData": [], "isolatedMarginPairsData": []}
    filters = [{**PRICES, "tickSize": step}, {**LOTS, "stepSize": step}]
    exchange.set_markets([exchange.parse_market({**BTC, "filters": filters})])
    return exchange
