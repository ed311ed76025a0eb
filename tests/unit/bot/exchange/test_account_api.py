"""Signed requests, from the text that was sent to the answer."""

from typing import Any
from urllib.parse import urlencode

import pytest

from bot.exchange.account_api import AccountApi, Answer, Request
from bot.exchange.signing import Credentials, Keyring, sign
from bot.exchange.weights import Limit, Limits
from tests.unit.bot.exchange.trading_desk import ALICE, COIN, Desk

KEY = "k" * 64
READER = "r" * 64
SECRET = "not a real secret"  # noqa: S105 - of a test
LIMIT = {"symbol": COIN, "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "98", "timeInForce": "GTC"}
PAIR = {
    "symbol": COIN,
    "side": "SELL",
    "quantity": "1",
    "aboveType": "LIMIT_MAKER",
    "abovePrice": "105",
    "belowType": "STOP_LOSS",
    "belowStopPrice": "95",
}


class Client:
    """Signs as the documentation says and asks."""

    def __init__(self, desk: Desk | None = None) -> None:
        self.desk = desk or Desk()
        self.lag_ms = 0
        keys = Keyring([Credentials(KEY, SECRET, ALICE), Credentials(READER, SECRET, ALICE, may_trade=False)])
        self.api = AccountApi(self.desk.venue, keys)

    def ask(self, method: str, endpoint: str, key: str = KEY, **sent: str) -> Answer:
        now_ms = self.desk.tick()
        signed = urlencode({"timestamp": str(now_ms), "recvWindow": "10000", **sent})
        text = f"{signed}&signature={sign(SECRET, signed)}"
        query, body = ("", text) if method == "POST" else (text, "")
        return self.api.answer(Request(method, endpoint, query, body, key, now_ms, now_ms - self.lag_ms))

    def done(self, method: str, endpoint: str, **sent: str) -> Any:
        answer = self.ask(method, endpoint, **sent)
        assert answer.status == 200, answer.body
        return answer.body


def test_an_order_is_placed_shown_listed_and_cancelled() -> None:
    client = Client()
    placed = client.done("POST", "order", **LIMIT, newClientOrderId="mine")
    assert (placed["status"], placed["fills"]) == ("NEW", [])
    number = str(placed["orderId"])
    assert client.done("GET", "order", symbol=COIN, orderId=number)["clientOrderId"] == "mine"
    assert len(client.done("GET", "openOrders")) == 1
    gone = client.done("DELETE", "order", symbol=COIN, origClientOrderId="mine", newClientOrderId="bye")
    assert (gone["status"], gone["clientOrderId"]) == ("CANCELED", "bye")
    assert client.done("GET", "openOrders", symbol=COIN) == []
    assert [row["status"] for row in client.done("GET", "allOrders", symbol=COIN)] == ["CANCELED"]


def test_a_market_order_leads_to_trades_and_balances() -> None:
    client = Client()
    client.done("POST", "order", symbol=COIN, side="BUY", type="MARKET", quantity="2")
    assert [row["qty"] for row in client.done("GET", "myTrades", symbol=COIN)] == ["2.00000000"]
    balances = {row["asset"]: row for row in client.done("GET", "account")["balances"]}
    assert balances["COIN"]["free"] == "101.99800000"


def test_empty_balances_may_be_left_out() -> None:
    client = Client()
    client.done("POST", "order", symbol=COIN, side="SELL", type="MARKET", quantity="20")
    client.desk.venue.deposit(ALICE, "COIN", -client.desk.free("COIN"), client.desk.tick())
    shown = client.done("GET", "account", omitZeroBalances="true")["balances"]
    assert [row["asset"] for row in shown] == ["USDT"]


def test_a_pair_is_placed_shown_listed_and_cancelled() -> None:
    client = Client()
    placed = client.done("POST", "orderList/oco", **PAIR)
    number = str(placed["orderListId"])
    assert client.done("GET", "orderList", orderListId=number)["listOrderStatus"] == "EXECUTING"
    assert len(client.done("GET", "openOrderList")) == 1
    ended = client.done("DELETE", "orderList", symbol=COIN, listClientOrderId=placed["listClientOrderId"])
    assert [report["status"] for report in ended["orderReports"]] == ["CANCELED", "CANCELED"]
    assert client.done("GET", "openOrderList") == []


def test_all_orders_of_a_market_are_cancelled() -> None:
    client = Client()
    client.done("POST", "order", **LIMIT)
    client.done("POST", "orderList/oco", **PAIR)
    assert len(client.done("DELETE", "openOrders", symbol=COIN)) == 2


def test_an_order_is_replaced() -> None:
    client = Client()
    client.done("POST", "order", **LIMIT)
    sent = {**LIMIT, "price": "97", "cancelReplaceMode": "STOP_ON_FAILURE"}
    assert client.done("POST", "order/cancelReplace", **sent, cancelOrderId="1")["newOrderResult"] == "SUCCESS"
    failed = client.ask("POST", "order/cancelReplace", **sent, cancelOrderId="1")
    assert (failed.status, failed.body["code"]) == (400, -2022)


def test_a_test_order_is_vetted_and_not_placed() -> None:
    client = Client()
    assert client.done("POST", "order/test", **LIMIT) == {}
    assert client.ask("POST", "order/test", **{**LIMIT, "price": "98.001"}).body["code"] == -1013
    assert client.done("GET", "openOrders", symbol=COIN) == []


def test_rates_and_counts_are_told() -> None:
    client = Client()
    assert client.done("GET", "account/commission", symbol=COIN)["symbol"] == COIN
    answer = client.ask("POST", "order", **LIMIT)
    assert answer.headers["X-MBX-ORDER-COUNT-1D"] == "1"
    assert [row["count"] for row in client.done("GET", "rateLimit/order")] == [1, 1]


def test_too_many_orders_are_told_how_long_to_wait() -> None:
    client = Client(Desk(limits=Limits(orders=(Limit("ORDERS", "DAY", 1, 1, 86_400_000),))))
    client.done("POST", "order", **LIMIT)
    answer = client.ask("POST", "order", **LIMIT)
    assert (answer.status, answer.body["code"]) == (429, -1015)
    assert int(answer.headers["Retry-After"]) > 86_000


def test_a_venue_that_is_behind_does_not_know_the_order_yet() -> None:
    client = Client()
    client.done("POST", "order", **LIMIT, newClientOrderId="mine")
    client.lag_ms = 5_000
    behind = client.ask("GET", "order", symbol=COIN, origClientOrderId="mine")
    assert (behind.status, behind.body["code"]) == (400, -2013)
    assert client.ask("GET", "openOrders", symbol=COIN).body == []


@pytest.mark.parametrize(
    ("method", "endpoint", "sent"),
    [
        ("POST", "order", {**LIMIT, "stopLoss": "{'triggerPrice': 1}"}),
        ("DELETE", "order", {"symbol": COIN, "orderId": "1", "x": "1"}),
        ("GET", "order", {"symbol": COIN, "orderId": "1", "x": "1"}),
        ("GET", "openOrders", {"x": "1"}),
        ("GET", "account", {"x": "1"}),
        ("GET", "myTrades", {"symbol": COIN, "x": "1"}),
        ("POST", "orderList/oco", {**PAIR, "x": "1"}),
    ],
)
def test_a_parameter_too_many_is_refused_before_anything_is_done(method: str, endpoint: str, sent: dict) -> None:
    client = Client()
    assert client.ask(method, endpoint, **sent).body["code"] == -1104
    assert client.done("GET", "openOrders", symbol=COIN) == []


def test_a_key_that_may_only_read_places_nothing() -> None:
    client = Client()
    assert client.ask("GET", "account", key=READER).status == 200
    answer = client.ask("POST", "order", key=READER, **LIMIT)
    assert (answer.status, answer.body["code"]) == (401, -2015)


def test_a_request_that_was_changed_on_its_way_is_refused() -> None:
    client = Client()
    now_ms = client.desk.tick()
    signed = f"symbol={COIN}&timestamp={now_ms}"
    query = f"{signed}&signature={sign(SECRET, signed)}".replace(COIN, "XUSDT")
    answer = client.api.answer(Request("GET", "openOrders", query, "", KEY, now_ms, now_ms))
    assert (answer.status, answer.body["code"]) == (400, -1022)


def test_what_is_sent_in_the_query_and_in_the_body_is_signed_together() -> None:
    client = Client()
    now_ms = client.desk.tick()
    query, body = urlencode(LIMIT), f"timestamp={now_ms}"
    body += f"&signature={sign(SECRET, query + body)}"
    assert client.api.answer(Request("POST", "order", query, body, KEY, now_ms, now_ms)).status == 200


def test_it_knows_what_it_can_answer() -> None:
    api = Client().api
    assert api.knows("POST", "order")
    assert not api.knows("GET", "klines")
    assert not api.knows("PUT", "order")
