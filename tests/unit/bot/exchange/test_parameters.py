"""From the parameters of a request to a value, and every way in which they can be wrong."""

from collections.abc import Callable

import pytest

from bot.core.orders import BUY, SELL
from bot.exchange.order_parameters import (
    cancel_order,
    cancel_replace,
    history_query,
    list_ref,
    new_oco,
    new_order,
    order_ref,
    reply_kind,
)
from bot.exchange.orders import Kind, NewOrder, SelfTrade, TimeInForce
from bot.exchange.parameters import Parameters, merged
from bot.exchange.requests import (
    CancelOrder,
    HistoryQuery,
    ListRef,
    OrderRef,
    ReplaceMode,
    ReplyKind,
    Restriction,
)
from tests.unit.bot.exchange.trading_desk import d, refused

DECIMAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
CLIENT_ID = "^[a-zA-Z0-9-_]{1,36}$"


def asked(**sent: str) -> Parameters:
    return Parameters({"timestamp": "1", "signature": "ff", **sent})


def limit(**changed: str) -> Parameters:
    sent = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "2", "timeInForce": "GTC"}
    return asked(**{**sent, **changed})


def market(**changed: str) -> Parameters:
    return asked(**{"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "1", **changed})


def mandatory(name: str) -> str:
    return f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."


def test_a_limit_order_is_read() -> None:
    params = limit(newClientOrderId="mine", timeInForce="IOC", selfTradePreventionMode="NONE", newOrderRespType="ACK")
    assert new_order(params) == NewOrder(
        "BTCUSDT",
        BUY,
        Kind.LIMIT,
        d(1),
        price=d(2),
        time_in_force=TimeInForce.IOC,
        client_order_id="mine",
        self_trade=SelfTrade.NONE,
    )
    assert reply_kind(params, Kind.LIMIT) is ReplyKind.ACK
    params.done()


def test_a_market_order_states_a_quantity_or_an_amount() -> None:
    assert new_order(market()) == NewOrder("BTCUSDT", SELL, Kind.MARKET, d(1))
    assert new_order(market(quantity="", quoteOrderQty="10.5")).quote_quantity == d("10.5")
    with refused(-1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!"):
        new_order(market(quantity=""))
    with refused(-1128, "Combination of optional parameters invalid."):
        new_order(market(quoteOrderQty="10"))


@pytest.mark.parametrize(
    ("kind", "needed"),
    [
        ("LIMIT", "timeInForce price quantity"),
        ("LIMIT_MAKER", "price quantity"),
        ("STOP_LOSS", "stopPrice quantity"),
        ("STOP_LOSS_LIMIT", "timeInForce price stopPrice quantity"),
        ("TAKE_PROFIT", "stopPrice quantity"),
        ("TAKE_PROFIT_LIMIT", "timeInForce price stopPrice quantity"),
    ],
)
def test_each_type_has_parameters_that_must_and_others_that_must_not_be_there(kind: str, needed: str) -> None:
    values = {"timeInForce": "GTC", "price": "2", "stopPrice": "3", "quantity": "1"}
    names = needed.split()
    sent = {"symbol": "BTCUSDT", "side": "BUY", "type": kind} | {name: values[name] for name in names}
    new_order(asked(**sent))
    for name in names:
        with refused(-1102, mandatory(name)):
            new_order(asked(**{**sent, name: ""}))
    for name in values.keys() - set(names):
        with refused(-1106, f"Parameter '{name}' sent when not required."):
            new_order(asked(**sent, **{name: values[name]}))


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        (limit(symbol=""), -1102, mandatory("symbol")),
        (limit(side=""), -1102, mandatory("side")),
        (limit(type=""), -1102, mandatory("type")),
        (limit(side="buy"), -1117, "Invalid side."),
        (limit(type="limit"), -1116, "Invalid orderType."),
        (limit(timeInForce="GTX"), -1115, "Invalid timeInForce."),
        (
            limit(quantity="1e-5"),
            -1100,
            f"Illegal characters found in parameter 'quantity'; legal range is '{DECIMAL}'.",
        ),
        (limit(quantity="-1"), -1100, f"Illegal characters found in parameter 'quantity'; legal range is '{DECIMAL}'."),
        (limit(price="nan"), -1100, f"Illegal characters found in parameter 'price'; legal range is '{DECIMAL}'."),
        (limit(price="2.123456789"), -1111, "Parameter 'price' has too much precision."),
        (limit(price=""), -1102, mandatory("price")),
        (
            limit(newClientOrderId="x" * 37),
            -1100,
            f"Illegal characters found in parameter 'newClientOrderId'; legal range is '{CLIENT_ID}'.",
        ),
        (
            limit(newClientOrderId="a.b"),
            -1100,
            f"Illegal characters found in parameter 'newClientOrderId'; legal range is '{CLIENT_ID}'.",
        ),
        (limit(selfTradePreventionMode="X"), -1130, "Data sent for parameter 'selfTradePreventionMode' is not valid."),
        (limit(strategyType="5"), -1134, "`strategyType` was less than 1000000."),
        (limit(icebergQty="1"), -1013, "Iceberg orders are not supported for this symbol."),
        (limit(trailingDelta="1"), -1013, "Trailing stop orders are not supported for this symbol."),
        (market(timeInForce="GTC"), -1106, "Parameter 'timeInForce' sent when not required."),
        (market(price="2"), -1106, "Parameter 'price' sent when not required."),
    ],
)
def test_an_order_that_is_badly_written_is_refused(params: Parameters, code: int, text: str) -> None:
    with refused(code, text):
        new_order(params)


@pytest.mark.parametrize(
    ("kind", "reply"),
    [
        (Kind.MARKET, ReplyKind.FULL),
        (Kind.LIMIT, ReplyKind.FULL),
        (Kind.LIMIT_MAKER, ReplyKind.ACK),
        (Kind.STOP_LOSS, ReplyKind.ACK),
    ],
)
def test_only_market_and_limit_orders_are_answered_in_full_by_default(kind: Kind, reply: ReplyKind) -> None:
    assert reply_kind(asked(), kind) is reply


def test_a_parameter_that_nobody_reads_is_refused() -> None:
    params = limit(stopLoss="{'triggerPrice': 1}")
    new_order(params)
    with refused(-1104, "Not all sent parameters were read; read '8' parameter(s) but was sent '9'."):
        params.done()


def test_the_query_string_goes_before_the_body() -> None:
    assert merged([("a", "1")], [("a", "2"), ("b", "3")]) == {"a": "1", "b": "3"}


@pytest.mark.parametrize("place", [0, 1])
def test_a_parameter_is_sent_once_in_each_place(place: int) -> None:
    parts: list[list[tuple[str, str]]] = [[], []]
    parts[place] = [("a", "1"), ("a", "1")]
    with refused(-1101, "Duplicate values for a parameter detected."):
        merged(parts[0], parts[1])


def test_an_order_is_named_by_its_number_its_client_id_or_both() -> None:
    assert order_ref(asked(symbol="X", orderId="7")) == OrderRef("X", 7)
    assert order_ref(asked(symbol="X", origClientOrderId="a", orderId="7")) == OrderRef("X", 7, "a")
    with refused(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"):
        order_ref(asked(symbol="X"))
    with refused(-1100, "Illegal characters found in parameter 'orderId'; legal range is '^[0-9]{1,20}$'."):
        order_ref(asked(symbol="X", orderId="abc"))


def test_a_cancel_is_read() -> None:
    params = asked(symbol="X", orderId="7", newClientOrderId="bye", cancelRestrictions="ONLY_NEW")
    assert cancel_order(params) == CancelOrder(OrderRef("X", 7), "bye", Restriction.ONLY_NEW)
    params.done()
    with refused(-1145, "Invalid cancelRestrictions"):
        cancel_order(asked(symbol="X", orderId="7", cancelRestrictions="ONLY_OLD"))


def test_a_cancel_and_replace_is_read() -> None:
    params = limit(cancelReplaceMode="ALLOW_FAILURE", cancelOrderId="7", cancelNewClientOrderId="bye")
    request = cancel_replace(params)
    params.done()
    assert request.cancel == CancelOrder(OrderRef("BTCUSDT", 7), "bye")
    assert (request.order.kind, request.mode) == (Kind.LIMIT, ReplaceMode.ALLOW_FAILURE)
    with refused(-1102, mandatory("cancelReplaceMode")):
        cancel_replace(limit(cancelOrderId="7"))


PAIR = {
    "symbol": "X",
    "side": "SELL",
    "quantity": "2",
    "listClientOrderId": "both",
    "aboveType": "LIMIT_MAKER",
    "abovePrice": "105",
    "aboveClientOrderId": "up",
    "belowType": "STOP_LOSS_LIMIT",
    "belowPrice": "94",
    "belowStopPrice": "95",
    "belowTimeInForce": "GTC",
}


def test_a_pair_is_read() -> None:
    params = asked(**PAIR)
    pair = new_oco(params)
    params.done()
    assert pair.client_list_id == "both"
    assert pair.above == NewOrder("X", SELL, Kind.LIMIT_MAKER, d(2), price=d(105), client_order_id="up")
    assert pair.below == NewOrder("X", SELL, Kind.STOP_LOSS_LIMIT, d(2), price=d(94), stop_price=d(95))


@pytest.mark.parametrize("name", ["quantity", "aboveType", "abovePrice", "belowStopPrice", "belowTimeInForce"])
def test_a_pair_needs_what_its_orders_need(name: str) -> None:
    with refused(-1102, mandatory(name)):
        new_oco(asked(**{**PAIR, name: ""}))


def test_a_pair_has_no_more_than_its_orders_have() -> None:
    with refused(-1106, "Parameter 'aboveTimeInForce' sent when not required."):
        new_oco(asked(**PAIR, aboveTimeInForce="GTC"))


@pytest.mark.parametrize(
    ("read", "name"),
    [(list_ref, "origClientOrderId"), (lambda params: list_ref(params, "listClientOrderId"), "listClientOrderId")],
)
def test_a_pair_is_named_by_its_number_or_client_id(read: Callable[[Parameters], ListRef], name: str) -> None:
    assert read(asked(orderListId="0")) == ListRef(list_id=0)
    assert read(asked(**{name: "both"})) == ListRef(client_list_id="both")
    with refused(-1102, f"Param '{name}' or 'orderListId' must be sent, but both were empty/null!"):
        read(asked())


def test_a_history_is_asked_for_by_time_or_by_number() -> None:
    assert history_query(asked(symbol="X", limit="5000")) == HistoryQuery("X", limit=1_000)
    with refused(-1128, "Combination of optional parameters invalid."):
        history_query(asked(symbol="X", fromId="1", startTime="1"))
    with refused(-1127, "More than 24 hours between startTime and endTime."):
        history_query(asked(symbol="X", startTime="0", endTime="86400001"))
