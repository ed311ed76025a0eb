"""
What a client of Binance asks, told as stories, and the embedded exchange's answers, without HTTP.

Every call is written down as it was sent and answered.
"""

from typing import Any, Final
from urllib.parse import urlencode

from bot.exchange.account_api import AccountApi, Request
from bot.exchange.market_replies import average_price, book_ticker, depth_shown, exchange_info, price_ticker
from bot.exchange.signing import Credentials, Keyring, sign
from bot.exchange.weights import Limit, Limits
from tests.binance_description import Call
from tests.unit.bot.exchange.trading_desk import ALICE, COIN, Desk

KEY: Final = "k" * 64
READER: Final = "r" * 64
SECRET: Final = "not a real secret"  # noqa: S105 - of a test
LIMIT: Final = {"symbol": COIN, "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "98", "timeInForce": "GTC"}
MARKET: Final = {"symbol": COIN, "side": "BUY", "type": "MARKET", "quantity": "2"}
STOP: Final = {"symbol": COIN, "side": "SELL", "type": "STOP_LOSS", "quantity": "1", "stopPrice": "95"}
PAIR: Final = {
    "symbol": COIN,
    "side": "SELL",
    "quantity": "1",
    "aboveType": "LIMIT_MAKER",
    "abovePrice": "105",
    "belowType": "STOP_LOSS",
    "belowStopPrice": "95",
}
MINUTE: Final = Limit("ORDERS", "MINUTE", 1, 2, 60_000)


class Client:
    """Signs, asks, and writes down what it has asked and heard."""

    def __init__(self, desk: Desk | None = None) -> None:
        self.desk = desk or Desk()
        self.calls: list[Call] = []
        keys = Keyring([Credentials(KEY, SECRET, ALICE), Credentials(READER, SECRET, ALICE, may_trade=False)])
        self._api = AccountApi(self.desk.venue, keys)

    def ask(self, method: str, endpoint: str, api_key: str | None = KEY, **sent: str | None) -> Any:
        """Ask with a key and a signature; a parameter of None is not sent."""
        now_ms = self.desk.tick()
        wanted = {"timestamp": str(now_ms), "recvWindow": "10000", **sent}
        params = {name: value for name, value in wanted.items() if value is not None}
        if "signature" not in sent:
            params["signature"] = sign(SECRET, urlencode(params))
        text = urlencode(params)
        query, body = ("", text) if method == "POST" else (text, "")
        answer = self._api.answer(Request(method, endpoint, query, body, api_key, now_ms, now_ms))
        self.calls.append(Call(method, endpoint, params, api_key, answer.status, answer.body))
        return answer.body

    def heard(self, endpoint: str, body: Any, **sent: str) -> None:
        """What is said about a market, which needs no signature."""
        self.calls.append(Call("GET", endpoint, sent, None, 200, body))


def orders_of_every_kind() -> Client:
    client = Client()
    for answer in ("ACK", "RESULT", "FULL"):
        client.ask("POST", "order", **LIMIT, newOrderRespType=answer)
        client.ask("POST", "order", **MARKET, newOrderRespType=answer)
    client.ask("POST", "order", **LIMIT, newClientOrderId="mine", strategyId="7", strategyType="1000000")
    client.ask("POST", "order", **{**LIMIT, "price": "100.10", "quantity": "12"})
    client.ask("POST", "order", **{**LIMIT, "price": "100.10", "quantity": "50", "timeInForce": "IOC"})
    client.ask("POST", "order", **{**LIMIT, "quantity": "50", "timeInForce": "FOK"})
    client.ask("POST", "order", symbol=COIN, side="SELL", type="MARKET", quoteOrderQty="250.5")
    client.ask("POST", "order", symbol=COIN, side="SELL", type="LIMIT_MAKER", quantity="1", price="110")
    for answer in ("ACK", "RESULT", "FULL"):
        client.ask("POST", "order", **STOP, newOrderRespType=answer)
    waiting = {"symbol": COIN, "side": "SELL", "quantity": "1", "stopPrice": "120"}
    client.ask("POST", "order", **waiting, type="TAKE_PROFIT", newOrderRespType="RESULT")
    client.ask("POST", "order", **waiting, type="TAKE_PROFIT_LIMIT", price="119", timeInForce="GTC")
    client.ask("POST", "order/test", **LIMIT)
    return client


def questions_about_orders() -> Client:
    client = orders_of_every_kind()
    client.ask("POST", "orderList/oco", **PAIR)
    client.desk.price("97")
    client.desk.price("90")
    for number in range(1, 22):
        client.ask("GET", "order", symbol=COIN, orderId=str(number))
    client.ask("GET", "order", symbol=COIN, origClientOrderId="mine")
    client.ask("GET", "order", symbol=COIN, orderId="7", origClientOrderId="mine")
    client.ask("GET", "openOrders")
    client.ask("GET", "openOrders", symbol=COIN)
    client.ask("GET", "allOrders", symbol=COIN)
    client.ask("GET", "allOrders", symbol=COIN, orderId="3", limit="2")
    client.ask("GET", "allOrders", symbol=COIN, startTime="0", endTime="60000")
    client.ask("GET", "myTrades", symbol=COIN)
    client.ask("GET", "myTrades", symbol=COIN, orderId="2")
    client.ask("GET", "myTrades", symbol=COIN, fromId="2", limit="1")
    client.ask("GET", "myTrades", symbol=COIN, startTime="0", endTime="60000")
    return client


def cancels() -> Client:
    client = Client()
    number = str(client.ask("POST", "order", **LIMIT)["orderId"])
    client.ask("DELETE", "order", symbol=COIN, orderId=number, newClientOrderId="bye", cancelRestrictions="ONLY_NEW")
    client.ask("POST", "order", **LIMIT, newClientOrderId="mine", strategyId="7", strategyType="1000000")
    client.ask("DELETE", "order", symbol=COIN, origClientOrderId="mine")
    number = str(client.ask("POST", "order", **STOP)["orderId"])
    client.ask("DELETE", "order", symbol=COIN, orderId=number)
    client.ask("POST", "order", **LIMIT)
    client.ask("POST", "order", **STOP)
    client.ask("POST", "orderList/oco", **PAIR)
    client.ask("DELETE", "openOrders", symbol=COIN)
    return client


def pairs() -> Client:
    client = Client()
    first = client.ask("POST", "orderList/oco", **PAIR, listClientOrderId="pair", newOrderRespType="RESULT")
    client.ask("GET", "orderList", orderListId=str(first["orderListId"]))
    client.ask("GET", "orderList", origClientOrderId="pair")
    client.ask("GET", "openOrderList")
    client.ask("DELETE", "orderList", symbol=COIN, listClientOrderId="pair", newClientOrderId="bye")
    client.ask("GET", "orderList", orderListId=str(first["orderListId"]))
    bought = {"symbol": COIN, "side": "BUY", "quantity": "1", "aboveType": "STOP_LOSS_LIMIT", "abovePrice": "106"}
    more = {"aboveStopPrice": "105", "aboveTimeInForce": "GTC", "belowType": "LIMIT_MAKER", "belowPrice": "95"}
    second = client.ask("POST", "orderList/oco", **bought, **more)
    client.ask("DELETE", "order", symbol=COIN, orderId=str(second["orders"][0]["orderId"]))
    client.ask("DELETE", "orderList", symbol=COIN, orderListId="99")
    client.ask("GET", "orderList", orderListId="99")
    return client


def replacements() -> Client:
    client = Client()
    sent = {**LIMIT, "price": "97"}
    client.ask("POST", "order", **LIMIT)
    for mode, old, quantity in (
        ("STOP_ON_FAILURE", "1", "1"),
        ("STOP_ON_FAILURE", "99", "1"),
        ("ALLOW_FAILURE", "99", "1"),
        ("ALLOW_FAILURE", "2", "2000"),
        ("ALLOW_FAILURE", "99", "2000"),
    ):
        client.ask(
            "POST",
            "order/cancelReplace",
            **{**sent, "quantity": quantity},
            cancelReplaceMode=mode,
            cancelOrderId=old,
        )
    for kind in ("ACK", "RESULT"):
        last = str(client.ask("GET", "openOrders", symbol=COIN)[-1]["orderId"])
        chosen = {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": last, "newOrderRespType": kind}
        client.ask("POST", "order/cancelReplace", **sent, **chosen)
    market = {**MARKET, "cancelReplaceMode": "ALLOW_FAILURE", "cancelRestrictions": "ONLY_NEW"}
    client.ask("POST", "order/cancelReplace", **market, cancelOrigClientOrderId="none", cancelNewClientOrderId="bye")
    last = str(client.ask("GET", "openOrders", symbol=COIN)[-1]["orderId"])
    client.ask("POST", "order/cancelReplace", **market, cancelOrderId=last)
    return client


def own_orders_that_meet() -> Client:
    client = Client()
    for mode in ("EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", "NONE"):
        client.ask("POST", "order", **{**LIMIT, "price": "99.95"})
        met = client.ask("POST", "order", **{**LIMIT, "side": "SELL", "price": "99.95"}, selfTradePreventionMode=mode)
        client.ask("GET", "order", symbol=COIN, orderId=str(met["orderId"]))
        client.ask("GET", "order", symbol=COIN, orderId=str(met["orderId"] - 1))
        client.ask("DELETE", "openOrders", symbol=COIN)
    return client


def accounts() -> Client:
    client = Client()
    client.ask("GET", "account")
    client.ask("GET", "account", api_key=READER, omitZeroBalances="true")
    client.ask("GET", "account/commission", symbol=COIN)
    client.ask("GET", "rateLimit/order")
    return client


def refusals() -> Client:
    client = Client(Desk(limits=Limits(orders=(MINUTE,))))
    client.ask("POST", "order", **{**LIMIT, "symbol": "NONE"})
    client.ask("POST", "order", **{**LIMIT, "price": "98.001"})
    client.ask("POST", "order", **{**LIMIT, "quantity": "9999"})
    client.ask("POST", "order/test", **{**LIMIT, "quantity": "0.0001"})
    client.ask("POST", "order", api_key=READER, **LIMIT)
    client.ask("POST", "order", api_key="x" * 64, **LIMIT)
    client.ask("GET", "account", timestamp="1")
    client.ask("GET", "account", recvWindow="60001")
    client.ask("GET", "order", symbol=COIN, orderId="99")
    client.ask("GET", "order", symbol=COIN)
    client.ask("DELETE", "order", symbol=COIN, orderId="99")
    client.ask("DELETE", "openOrders", symbol=COIN)
    client.ask("POST", "orderList/oco", **{**PAIR, "abovePrice": "94"})
    client.ask("POST", "order/cancelReplace", **LIMIT, cancelReplaceMode="ALLOW_FAILURE")
    client.ask("GET", "allOrders", symbol="NONE")
    client.ask("GET", "myTrades", symbol=COIN, startTime="0", endTime="86400001")
    client.ask("GET", "account/commission", symbol="NONE")
    client.ask("GET", "openOrders", symbol="NONE")
    for _ in range(3):
        client.ask("POST", "order", **LIMIT)
    return client


def market_data() -> Client:
    client = Client()
    market, now_ms = client.desk.venue.market(COIN), client.desk.now_ms
    client.heard("exchangeInfo", exchange_info(client.desk.venue.markets.values(), Limits(), now_ms))
    client.heard("depth", depth_shown(market.floor.book, 5, 1), symbol=COIN, limit="5")
    client.heard("avgPrice", average_price(market, now_ms), symbol=COIN)
    client.heard("ticker/bookTicker", book_ticker(market), symbol=COIN)
    client.heard("ticker/bookTicker", [book_ticker(market)])
    client.heard("ticker/price", price_ticker(market), symbol=COIN)
    client.heard("ticker/price", [price_ticker(market)])
    return client


STORIES: Final = (
    orders_of_every_kind,
    questions_about_orders,
    cancels,
    pairs,
    replacements,
    own_orders_that_meet,
    accounts,
    refusals,
    market_data,
)


BASES: Final[dict[tuple[str, str], dict[str, str]]] = {
    ("POST", "order"): LIMIT,
    ("POST", "order/test"): LIMIT,
    ("POST", "order/cancelReplace"): {**LIMIT, "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": "1"},
    ("POST", "orderList/oco"): PAIR,
    ("DELETE", "order"): {"symbol": COIN, "orderId": "1"},
    ("DELETE", "openOrders"): {"symbol": COIN},
    ("DELETE", "orderList"): {"symbol": COIN, "orderListId": "0"},
    ("GET", "order"): {"symbol": COIN, "orderId": "1"},
    ("GET", "openOrders"): {"symbol": COIN},
    ("GET", "allOrders"): {"symbol": COIN},
    ("GET", "myTrades"): {"symbol": COIN},
    ("GET", "orderList"): {"orderListId": "0"},
    ("GET", "openOrderList"): {},
    ("GET", "account"): {},
    ("GET", "account/commission"): {"symbol": COIN},
    ("GET", "rateLimit/order"): {},
}
"""One request for each signed call, which is answered as soon as there are an order and a pair."""


def prepared() -> Client:
    """A client with an order and a pair in the market."""
    client = Client()
    client.ask("POST", "order", **LIMIT)
    client.ask("POST", "orderList/oco", **PAIR)
    return client
