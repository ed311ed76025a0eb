"""The answers of the exchange: which fields they have, against what Binance itself has written and said."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from bot.core.orders import BUY, SELL
from bot.exchange.account_events import AccountEvent
from bot.exchange.depth import Depth
from bot.exchange.market_replies import average_price, book_ticker, depth_shown, exchange_info, price_ticker
from bot.exchange.orders import Kind
from bot.exchange.requests import (
    CancelOrder,
    CancelReplace,
    HistoryQuery,
    ListRef,
    OrderRef,
    ReplaceMode,
    ReplyKind,
)
from bot.exchange.rest_replies import (
    account_shown,
    all_cancelled,
    cancelled,
    commission_shown,
    list_cancelled,
    list_placed,
    list_shown,
    order_shown,
    order_usage,
    placed,
    replaced,
    trade_shown,
)
from bot.exchange.user_stream import told, wrapped
from bot.exchange.weights import Limits
from tests.unit.bot.exchange.trading_desk import ALICE, COIN, Desk, d, limit, order, sell_pair, stop

SHARED = Path(__file__).resolve().parents[5] / "shared" / "data"
DOCUMENTED = SHARED / "fixtures" / "nautilus" / "binance" / "crate" / "spot"
RECORDED = SHARED / "ws" / "cryptofeed" / "BINANCE.0.gz"
NOT_OFFERED = ("sors", "orderReports.icebergQty")
"""Beginnings of fields for what this exchange does not have: smart order routing and iceberg orders."""


def documented(path: str) -> Any:
    file = DOCUMENTED / path
    if not file.exists():
        pytest.skip(f"no test data at {file.relative_to(SHARED.parents[1])}")
    return json.loads(file.read_text())


def keys(value: Any) -> set[str]:
    """The names of all fields, with those of the objects inside."""
    if isinstance(value, list):
        return set().union(*(keys(item) for item in value))
    if not isinstance(value, dict):
        return set()
    nested = (f"{name}.{inner}" for name, item in value.items() for inner in keys(item))
    return set(value) | set(nested)


def same_keys(ours: Any, path: str, *without: str) -> None:
    theirs = {name for name in keys(documented(path)) if not name.startswith(NOT_OFFERED)}
    assert {name for name in keys(ours) if not name.startswith(without or ("-",))} == theirs


def bought(desk: Desk):
    return desk.place(order(BUY, Kind.MARKET, "12"))


def test_a_new_order_is_answered_in_full() -> None:
    same_keys(placed(bought(Desk()), ReplyKind.FULL), "http_json/new_order_full_response.json")


def test_a_short_answer_has_five_fields_and_the_middle_one_no_fills() -> None:
    done = bought(Desk())
    ack = ["symbol", "orderId", "orderListId", "clientOrderId", "transactTime"]
    assert list(placed(done, ReplyKind.ACK)) == ack
    assert "fills" not in placed(done, ReplyKind.RESULT)


def test_an_order_is_shown() -> None:
    desk = Desk()
    same_keys(order_shown(desk.place(limit(BUY, "98")).order), "http_json/order_response.json")


def test_the_amounts_of_an_order_have_eight_decimals() -> None:
    shown = order_shown(bought(Desk()).order)
    assert shown["executedQty"] == "12.00000000"
    assert shown["cummulativeQuoteQty"] == "1201.40100000"
    assert shown["side"] == "BUY"


def test_a_stop_shows_its_price_and_that_it_waits() -> None:
    done = Desk().place(stop(SELL, "95"))
    full = placed(done, ReplyKind.FULL)
    assert (full["stopPrice"], full["workingTime"], full["fills"]) == ("95.00000000", -1, [])
    assert order_shown(done.order)["isWorking"] is False


def test_an_order_that_expired_says_why() -> None:
    done = Desk(Depth(levels=0)).place(order(BUY, Kind.MARKET))
    assert placed(done, ReplyKind.RESULT)["expiryReason"] == "INSUFFICIENT_LIQUIDITY"


def test_a_cancel_has_two_ids() -> None:
    desk = Desk()
    resting = desk.place(limit(BUY, "98", client_order_id="mine")).order
    done = desk.venue.cancel(ALICE, CancelOrder(OrderRef(COIN, resting.order_id), "bye"), desk.tick())
    shown = cancelled(done, done.orders[0])
    assert (shown["origClientOrderId"], shown["clientOrderId"]) == ("mine", "bye")
    same_keys(shown, "http_json/cancel_order_response.json")


def test_a_cancel_of_all_shows_orders_and_pairs() -> None:
    desk = Desk()
    desk.place(limit(BUY, "98"))
    desk.place_pair(sell_pair())
    answers = desk.venue.cancel_all(ALICE, COIN, desk.tick())
    known = {pair.list_id: pair for pair in desk.venue.lists.of(ALICE)}
    shown = all_cancelled(answers, known)
    assert [row.get("contingencyType") for row in shown] == [None, "OCO"]
    assert shown[1]["listOrderStatus"] == "ALL_DONE"
    same_keys(shown, "http_json/cancel_open_orders_response.json")


def test_a_pair_is_shown_with_both_orders() -> None:
    desk = Desk()
    legs = desk.place_pair(sell_pair())
    pair = desk.venue.inquiries.order_list(ALICE, ListRef(list_id=0))
    shown = list_placed(pair, legs)
    assert shown["listStatusType"] == "EXEC_STARTED"
    assert [report["type"] for report in shown["orderReports"]] == ["STOP_LOSS", "LIMIT_MAKER"]
    assert [report["workingTime"] for report in shown["orderReports"]] == [-1, legs[1].working_ms]
    assert "orderReports" not in list_shown(pair, legs)
    ended, done = desk.venue.cancel_pair(ALICE, ListRef(list_id=0, symbol=COIN), desk.tick())
    assert list_cancelled(ended, done)["listStatusType"] == "ALL_DONE"


@pytest.mark.parametrize(
    ("old_id", "quantity", "mode", "status", "code", "results"),
    [
        (1, "1", "STOP_ON_FAILURE", 200, None, ("SUCCESS", "SUCCESS")),
        (9, "1", "STOP_ON_FAILURE", 400, -2022, ("FAILURE", "NOT_ATTEMPTED")),
        (9, "1", "ALLOW_FAILURE", 409, -2021, ("FAILURE", "SUCCESS")),
        (1, "9999", "STOP_ON_FAILURE", 409, -2021, ("SUCCESS", "FAILURE")),
        (9, "9999", "ALLOW_FAILURE", 400, -2022, ("FAILURE", "FAILURE")),
    ],
)
def test_a_replacement_succeeds_fails_or_does_both(
    old_id: int, quantity: str, mode: str, status: int, code: int | None, results: tuple[str, str]
) -> None:
    desk = Desk()
    desk.place(limit(SELL, "105"))
    request = CancelReplace(CancelOrder(OrderRef(COIN, old_id)), limit(SELL, "106", quantity), ReplaceMode(mode))
    answered, body = replaced(desk.venue.cancel_replace(ALICE, request, desk.tick()), ReplyKind.FULL)
    data = body if code is None else body["data"]
    assert (answered, body.get("code")) == (status, code)
    assert (data["cancelResult"], data["newOrderResult"]) == results


def test_trades_are_shown() -> None:
    desk = Desk()
    bought(desk)
    trades = desk.venue.inquiries.my_trades(ALICE, HistoryQuery(COIN), desk.now_ms)
    same_keys([trade_shown(trade) for trade in trades], "http_json/account_trades_response.json")


def test_an_account_is_shown() -> None:
    desk = Desk()
    since_ms, balances = desk.venue.inquiries.balances(ALICE, desk.now_ms)
    shown = account_shown(desk.venue.ledger.accounts[ALICE], balances, since_ms)
    assert shown["balances"][0] == {"asset": "COIN", "free": "100.00000000", "locked": "0.00000000"}
    assert (shown["makerCommission"], shown["commissionRates"]["maker"]) == (10, "0.00100000")
    same_keys(shown, "http_json/account_response.json")


def test_rates_and_counts_are_shown() -> None:
    desk = Desk()
    fees = desk.venue.ledger.accounts[ALICE].fees
    assert commission_shown(COIN, fees)["standardCommission"]["taker"] == "0.00100000"
    usage = order_usage(desk.venue.meter(ALICE).usage(desk.now_ms))
    assert usage[0] == {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 50, "count": 0}


def test_what_is_listed_is_told_as_documented() -> None:
    shown = exchange_info(Desk().venue.markets.values(), Limits(), 5)
    same_keys(shown, "http_json/exchange_info_response.json", "symbols.filters.", "rateLimits.")


def test_what_is_listed_is_told_as_recorded() -> None:
    if not RECORDED.exists():
        pytest.skip(f"no test data at {RECORDED.relative_to(SHARED.parents[1])}")
    with gzip.open(RECORDED, "rt") as lines:
        answer = next(lines).partition(": ")[2]
    recorded = json.loads(answer)
    ours = exchange_info(Desk().venue.markets.values(), Limits(), 5)
    assert recorded.keys() <= ours.keys()
    symbol = next(one for one in recorded["symbols"] if one["symbol"] == "BTCUSDT")
    assert symbol.keys() <= ours["symbols"][0].keys()
    assert recorded["rateLimits"][0].keys() == ours["rateLimits"][0].keys()
    shapes = {one["filterType"]: one.keys() for one in symbol["filters"]}
    for shown in ours["symbols"][0]["filters"]:
        assert shown.keys() == shapes.get(shown["filterType"], shown.keys())


def test_filters_are_written_as_they_are_meant() -> None:
    filters = exchange_info(Desk().venue.markets.values(), Limits(), 5)["symbols"][0]["filters"]
    assert filters[0] == {
        "filterType": "PRICE_FILTER",
        "minPrice": "0.01000000",
        "maxPrice": "1000000.00000000",
        "tickSize": "0.01000000",
    }


def test_the_book_is_shown() -> None:
    desk = Desk()
    market = desk.venue.market(COIN)
    book = depth_shown(market.floor.book, 1, update_id=3)
    assert book == {
        "lastUpdateId": 3,
        "bids": [["99.90000000", "10.01000000"]],
        "asks": [["100.10000000", "9.99000000"]],
    }
    same_keys(book_ticker(market), "http_json/book_ticker_response.json")
    same_keys(price_ticker(market), "http_json/ticker_price_response.json")
    same_keys(average_price(market, 5), "http_json/avg_price_response.json")


def events_of(desk: Desk) -> list[dict[str, Any]]:
    events: list[AccountEvent] = desk.venue.drain()
    return [told(event, number, desk.now_ms) for number, event in enumerate(events)]


def test_a_report_of_an_order_has_the_documented_fields() -> None:
    desk = Desk()
    desk.venue.drain()
    desk.place(limit(BUY, "98"))
    report = wrapped(events_of(desk)[0], 0)
    assert (report["event"]["x"], report["event"]["w"]) == ("NEW", True)
    same_keys(report, "user_data_json/execution_report_wrapped.json")


def test_a_report_of_a_trade_tells_price_quantity_and_commission() -> None:
    desk = Desk()
    desk.venue.drain()
    desk.place(order(BUY, Kind.MARKET))
    trade = events_of(desk)[1]
    assert {name: trade[name] for name in "xXlLznNtm"} == {
        "x": "TRADE",
        "X": "FILLED",
        "l": "1.00000000",
        "L": "100.10000000",
        "z": "1.00000000",
        "n": "0.00100000",
        "N": "COIN",
        "t": 1,
        "m": False,
    }


def test_a_report_of_a_cancel_has_the_orders_id_in_another_place() -> None:
    desk = Desk()
    resting = desk.place(limit(BUY, "98", client_order_id="mine")).order
    desk.venue.drain()
    desk.cancel(resting.order_id, cancel_id="bye")
    report = events_of(desk)[0]
    assert (report["c"], report["C"], report["x"], report["w"]) == ("bye", "mine", "CANCELED", False)


def test_pairs_balances_and_deposits_are_told() -> None:
    desk = Desk()
    desk.venue.drain()
    desk.place_pair(sell_pair())
    desk.venue.deposit(ALICE, "USDT", d("0.5"), desk.tick())
    events = {event["e"]: event for event in events_of(desk)}
    same_keys(wrapped(events["listStatus"], 0), "user_data_json/list_status_wrapped.json")
    same_keys(wrapped(events["outboundAccountPosition"], 0), "user_data_json/account_position_wrapped.json")
    same_keys(wrapped(events["balanceUpdate"], 0), "user_data_json/balance_update_wrapped.json")
    assert events["balanceUpdate"]["d"] == "0.50000000"
