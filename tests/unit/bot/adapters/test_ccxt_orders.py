"""What is sent to a venue through the real ccxt, to the last parameter, and what is made of its answers."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.adapters.ccxt_orders import CcxtOrders
from bot.adapters.order_messages import (
    Answered,
    NotSent,
    Outcome,
    Refusal,
    Refused,
    Unresolved,
    VenueStatus,
)
from bot.adapters.order_requests import order_arguments
from bot.core.errors import VenueError
from bot.core.orders import BUY, LIMIT, MARKET, SELL, STOP, Intent, Purpose
from tests import market_time
from tests.scripted_venue import (
    NOW_MS,
    Answer,
    Heard,
    ScriptedVenue,
    accepted,
    done,
    order_body,
    refused,
    sent,
    told,
    trading,
)

ENTRY = Intent("c1", "BTC/USDT", BUY, LIMIT, Decimal("0.010"), Purpose.ENTRY, 0, limit_price=Decimal("50000.10"))
AT_MARKET = replace(ENTRY, type=MARKET, limit_price=None)
STOP_LOSS = replace(ENTRY, client_order_id="c2", type=STOP, side=SELL, limit_price=None, stop_price=Decimal("4.9E4"))
TARGET = replace(ENTRY, side=SELL)


@pytest.mark.parametrize(
    ("intent", "post_only", "expected"),
    [
        (ENTRY, False, {"type": "LIMIT", "price": "50000.1", "timeInForce": "GTC"}),
        (ENTRY, True, {"type": "LIMIT_MAKER", "price": "50000.1"}),
        (AT_MARKET, False, {"type": "MARKET"}),
        (replace(AT_MARKET, limit_price=Decimal(50_000)), False, {"type": "MARKET"}),
        (replace(STOP_LOSS, client_order_id="c1"), False, {"type": "STOP_LOSS", "side": "SELL", "stopPrice": "49000"}),
        (
            replace(STOP_LOSS, client_order_id="c1", limit_price=Decimal(48_900)),
            False,
            {
                "type": "STOP_LOSS_LIMIT",
                "side": "SELL",
                "stopPrice": "49000",
                "price": "48900",
                "timeInForce": "GTC",
            },
        ),
    ],
)
def test_each_type_of_order_is_sent_with_its_own_parameters_and_no_others(intent, post_only, expected):
    outcome, venue = done(accepted(), lambda orders: orders.place(intent, post_only=post_only))
    assert isinstance(outcome, Answered)
    common = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.01", "newClientOrderId": "c1"}
    assert sent(venue, "POST") == {**common, "newOrderRespType": "FULL", **expected}


@pytest.mark.parametrize(
    ("intent", "post_only"),
    [
        (ENTRY, False),
        (ENTRY, True),
        (AT_MARKET, False),
        (STOP_LOSS, False),
        (replace(STOP_LOSS, limit_price=Decimal(48_900)), False),
    ],
)
def test_an_order_is_sent_in_the_very_words_of_ccxts_own_call(intent, post_only):
    _, ours = done(accepted(), lambda orders: orders.place(intent, post_only=post_only))
    arguments = order_arguments(intent, post_only=post_only)
    _, theirs = done(accepted(), lambda orders: orders._exchange.create_order(*arguments))
    assert sent(ours, "POST") == sent(theirs, "POST")


def test_fills_of_an_order_are_told_exactly():
    fills = [
        {"price": "50000.10", "qty": "0.00400000", "commission": "0.00000400", "commissionAsset": "BTC", "tradeId": 56},
        {"price": "50000.20", "qty": "0.00600000", "commission": "1e-8", "commissionAsset": "BNB", "tradeId": 57},
    ]
    outcome, _ = done(
        accepted(status="FILLED", executedQty="0.01000000", fills=fills), lambda orders: orders.place(AT_MARKET)
    )
    assert isinstance(outcome, Answered)
    report = outcome.report
    assert (report.status, report.executed, report.venue_order_id) == (VenueStatus.FILLED, Decimal("0.01"), "28")
    assert [(trade.trade_id, trade.quantity, trade.price, trade.fee, trade.fee_asset) for trade in report.trades] == [
        ("56", Decimal("0.004"), Decimal("50000.1"), Decimal("0.000004"), "BTC"),
        ("57", Decimal("0.006"), Decimal("50000.2"), Decimal("1e-8"), "BNB"),
    ]
    assert {trade.client_order_id for trade in report.trades} == {"c1"}
    assert {trade.side for trade in report.trades} == {BUY}


@pytest.mark.parametrize(
    ("intent", "words"),
    [
        (replace(ENTRY, quantity=Decimal("0.000001")), "below the smallest"),
        (replace(ENTRY, quantity=Decimal("0.0100001")), "multiple"),
        (replace(ENTRY, limit_price=Decimal("50000.001")), "multiple"),
        (replace(STOP_LOSS, stop_price=Decimal("49000.005")), "multiple"),
        (replace(ENTRY, quantity=Decimal("0.00001")), "amount"),
    ],
)
def test_what_breaks_a_rule_is_refused_here_and_costs_no_request(intent, words):
    outcome, venue = done(accepted(), lambda orders: orders.place(intent))
    assert isinstance(outcome, Refused)
    assert outcome.refusal is Refusal.RULES
    assert words in outcome.reason
    assert not venue.heard


def test_a_market_whose_rules_are_not_loaded_is_not_asked_for_anything():
    async def deed(orders: CcxtOrders) -> list[Outcome]:
        with pytest.raises(VenueError, match="ETH/USDT"):
            await orders.trades("ETH/USDT", "1")
        with pytest.raises(VenueError, match="ETH/USDT"):
            await orders.account(["BTC/USDT", "ETH/USDT"])
        return [
            await orders.place(replace(ENTRY, symbol="ETH/USDT")),
            await orders.cancel("ETH/USDT", "c1"),
            await orders.order("ETH/USDT", "c1"),
        ]

    outcomes, venue = done(accepted(), deed)
    assert all(isinstance(outcome, NotSent) for outcome in outcomes)
    assert not venue.heard


def pair_body(*legs: dict[str, Any]) -> dict[str, Any]:
    return {"orderListId": 7, "contingencyType": "OCO", "orders": [], "orderReports": list(legs)}


def test_a_pair_is_sent_as_one_and_told_of_as_two():
    body = pair_body(
        order_body(orderId=2, clientOrderId="c2", type="STOP_LOSS", side="SELL", workingTime=-1),
        order_body(orderId=1, side="SELL", type="LIMIT_MAKER"),
    )
    outcomes, venue = done(lambda _: told(200, body), lambda orders: orders.place_pair(TARGET, STOP_LOSS))
    assert sent(venue, "POST", "/api/v3/orderList/oco") == {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "quantity": "0.01",
        "listClientOrderId": "c1-pair",
        "aboveType": "LIMIT_MAKER",
        "aboveClientOrderId": "c1",
        "abovePrice": "50000.1",
        "belowType": "STOP_LOSS",
        "belowClientOrderId": "c2",
        "belowStopPrice": "49000",
        "newOrderRespType": "RESULT",
    }
    assert [isinstance(each, Answered) and each.report.venue_order_id for each in outcomes] == ["1", "2"]


def test_a_pair_that_buys_has_its_stop_above():
    limit, stop = replace(TARGET, side=BUY), replace(STOP_LOSS, side=BUY, stop_price=Decimal(51_000))
    limited = replace(stop, limit_price=Decimal(51_100))
    _, venue = done(lambda _: told(200, "{}"), lambda orders: orders.place_pair(limit, limited))
    parameters = sent(venue, "POST", "/api/v3/orderList/oco")
    assert parameters["aboveType"] == "STOP_LOSS_LIMIT"
    assert parameters["abovePrice"] == "51100"
    assert parameters["aboveTimeInForce"] == "GTC"
    assert parameters["belowPrice"] == "50000.1"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refused(400, -2010, "Order would trigger immediately."), Refused),
        (Answer(), Unresolved),
        (told(200, pair_body(order_body(side="SELL"))), Unresolved),
    ],
)
def test_what_becomes_of_a_pair_becomes_of_both(answer, expected):
    outcomes, _ = done(lambda _: answer, lambda orders: orders.place_pair(TARGET, STOP_LOSS))
    assert [type(outcome) for outcome in outcomes] == [expected, expected]


def test_half_a_pair_that_breaks_a_rule_stops_both():
    stop = replace(STOP_LOSS, stop_price=Decimal("49000.001"))
    outcomes, venue = done(lambda _: told(200, "{}"), lambda orders: orders.place_pair(TARGET, stop))
    assert [type(outcome) for outcome in outcomes] == [Refused, Refused]
    assert not venue.heard


@pytest.mark.parametrize(
    "stop",
    [TARGET, replace(STOP_LOSS, side=BUY), replace(STOP_LOSS, quantity=Decimal(1)), replace(STOP_LOSS, symbol="A/B")],
)
def test_two_orders_that_do_not_fit_are_no_pair(stop):
    with pytest.raises(ValueError, match="no pair"):
        done(accepted(), lambda orders: orders.place_pair(TARGET, stop))


def test_a_cancel_names_the_order_by_our_id_and_tells_what_was_executed():
    body = order_body(clientOrderId="the cancel's own", origClientOrderId="c1", status="CANCELED", executedQty="0.004")
    outcome, venue = done(lambda _: told(200, body), lambda orders: orders.cancel("BTC/USDT", "c1"))
    assert sent(venue, "DELETE") == {"symbol": "BTCUSDT", "origClientOrderId": "c1"}
    assert isinstance(outcome, Answered)
    assert (outcome.report.client_order_id, outcome.report.executed) == ("c1", Decimal("0.004"))
    assert outcome.report.status is VenueStatus.CANCELLED


def test_the_answer_to_a_cancel_of_another_order_is_no_answer():
    body = order_body(clientOrderId="c1", origClientOrderId="another", status="CANCELED")
    outcome, _ = done(lambda _: told(200, body), lambda orders: orders.cancel("BTC/USDT", "c1"))
    assert isinstance(outcome, Unresolved)


def test_an_order_is_looked_up_by_our_id():
    outcome, venue = done(accepted(status="PARTIALLY_FILLED", executedQty="0.001"), lambda o: o.order("BTC/USDT", "c1"))
    assert sent(venue, "GET") == {"symbol": "BTCUSDT", "origClientOrderId": "c1"}
    assert isinstance(outcome, Answered)
    assert outcome.report.status is VenueStatus.PARTIALLY_FILLED


def test_a_timestamp_that_is_refused_is_mended_once_and_the_same_order_sent_again():
    async def story() -> tuple[Outcome, ScriptedVenue]:
        def script(heard: Heard) -> Answer:
            if heard.sent["timestamp"] == str(NOW_MS):
                return refused(400, -1021, "Timestamp for this request is outside of the recvWindow.")
            return told(200, order_body())

        async with trading(script) as (orders, venue):
            venue.time_ms = NOW_MS + 60_000
            return await orders.place(ENTRY), venue

    outcome, venue = market_time.run(story())
    first, second = venue.asked("POST")
    assert isinstance(outcome, Answered)
    assert second.sent["timestamp"] == str(NOW_MS + 60_000)
    changing = {"timestamp", "signature"}
    assert {k: v for k, v in first.sent.items() if k not in changing} == {
        k: v for k, v in second.sent.items() if k not in changing
    }


def test_a_timestamp_that_is_refused_twice_is_told():
    words = "Timestamp for this request was 1000ms ahead of the server's time."
    outcome, venue = done(lambda _: refused(400, -1021, words), lambda orders: orders.place(ENTRY))
    assert isinstance(outcome, Refused)
    assert outcome.refusal is Refusal.CLOCK
    assert len(venue.asked("POST")) == 2


def test_orders_that_are_refused_together_for_their_timestamp_have_the_clock_measured_once():
    async def deed(orders: CcxtOrders) -> list[Outcome]:
        return await asyncio.gather(*(orders.place(ENTRY) for _ in range(3)))

    outcomes, venue = done(lambda _: refused(400, -1021, "Timestamp."), deed)
    assert all(isinstance(outcome, Refused) for outcome in outcomes)
    assert len(venue.asked("POST")) == 6
    assert len(venue.asked("GET", "/api/v3/time")) == 5  # the samples of one measurement


def test_an_order_is_not_sent_again_where_the_right_clock_says_that_it_is_too_late():
    async def story(until_ms: int) -> int:
        async with trading(lambda _: refused(400, -1021, "Timestamp.")) as (orders, venue):
            venue.time_ms = NOW_MS + 60_000
            assert isinstance(await orders.place(ENTRY, until_ms=until_ms), Refused)
            return len(venue.asked("POST"))

    assert [market_time.run(story(NOW_MS + late_ms)) for late_ms in (5_000, 65_000)] == [1, 2]


def test_an_order_is_not_sent_again_where_the_clock_cannot_be_measured():
    async def story() -> tuple[Outcome, ScriptedVenue]:
        async with trading(lambda _: refused(400, -1021, "Timestamp.")) as (orders, venue):
            venue.time_ms = -1
            return await orders.place(ENTRY), venue

    outcome, venue = market_time.run(story())
    assert isinstance(outcome, Refused)
    assert len(venue.asked("POST")) == 1


def test_answers_to_calls_at_the_same_time_are_not_mixed_up():
    def script(heard: Heard) -> Answer:
        number = int(heard.sent["newClientOrderId"].removeprefix("n"))
        if number % 3 == 1:
            return refused(400, -2010, f"Reason {number}.")
        return Answer() if number % 3 == 2 else told(200, order_body(clientOrderId=f"n{number}", orderId=number))

    async def deed(orders: CcxtOrders) -> list[Outcome]:
        return await asyncio.gather(*(orders.place(replace(ENTRY, client_order_id=f"n{n}")) for n in range(12)))

    outcomes, _ = done(script, deed)
    for number, outcome in enumerate(outcomes):
        match number % 3:
            case 0:
                assert isinstance(outcome, Answered)
                assert outcome.report.venue_order_id == str(number)
            case 1:
                assert isinstance(outcome, Refused)
                assert f"Reason {number}." in outcome.reason
            case _:
                assert isinstance(outcome, Unresolved)
