"""What requests to Binance cost."""

import pytest

from bot.adapters.request_weights import DEAREST, RequestCost, Urgency, cost_of

ORDER = {"symbol": "BTCUSDT"}


@pytest.mark.parametrize(
    ("endpoint", "params", "weight"),
    [
        ("ping", {}, 1),
        ("time", {}, 1),
        ("exchangeInfo", {"symbols": "[]"}, 20),
        ("klines", ORDER, 2),
        ("depth", ORDER, 5),
        ("depth", {**ORDER, "limit": "100"}, 5),
        ("depth", {**ORDER, "limit": "101"}, 25),
        ("depth", {**ORDER, "limit": "1000"}, 50),
        ("depth", {**ORDER, "limit": "5000"}, 250),
        ("depth", {**ORDER, "limit": "many"}, 250),
        ("ticker/price", ORDER, 2),
        ("ticker/price", {}, 4),
        ("ticker/24hr", ORDER, 2),
        ("ticker/24hr", {}, 80),
        ("ticker/24hr", {"symbols": '["A","B"]'}, 2),
        ("ticker/24hr", {"symbols": str(["A"] * 21).replace("'", '"')}, 40),
        ("ticker/24hr", {"symbols": str(["A"] * 101).replace("'", '"')}, 80),
        ("ticker/tradingDay", {"symbols": '["A","B"]'}, 8),
        ("ticker", {"symbols": "broken"}, 200),
    ],
)
def test_market_data_weighs_what_binance_says_and_leaves_room_for_all_else(endpoint, params, weight) -> None:
    assert cost_of("GET", f"/api/v3/{endpoint}", params) == RequestCost(weight, urgency=Urgency.BACKGROUND)


@pytest.mark.parametrize(
    ("endpoint", "params", "weight"),
    [
        ("order", ORDER, 4),
        ("openOrders", ORDER, 6),
        ("openOrders", {}, 80),
        ("allOrders", ORDER, 20),
        ("myTrades", ORDER, 20),
        ("myTrades", {**ORDER, "orderId": "1"}, 5),
        ("account", {}, 20),
        ("openOrderList", {}, 6),
        ("rateLimit/order", {}, 40),
    ],
)
def test_questions_about_the_account_weigh_what_binance_says(endpoint, params, weight) -> None:
    assert cost_of("GET", f"/api/v3/{endpoint}", params) == RequestCost(weight)


@pytest.mark.parametrize(
    ("endpoint", "orders"), [("order", 1), ("order/cancelReplace", 1), ("orderList/oco", 2), ("orderList/otoco", 3)]
)
def test_what_places_orders_counts_them_and_is_free_when_it_succeeds(endpoint, orders) -> None:
    assert cost_of("POST", f"/api/v3/{endpoint}", ORDER) == RequestCost(1, orders, is_free_when_done=True)


@pytest.mark.parametrize("endpoint", ["order", "openOrders", "orderList"])
def test_a_cancel_is_urgent_and_free_when_it_succeeds(endpoint) -> None:
    assert cost_of("DELETE", f"/api/v3/{endpoint}", ORDER) == RequestCost(
        1, is_free_when_done=True, urgency=Urgency.URGENT
    )


def test_a_test_order_places_none() -> None:
    assert cost_of("POST", "/api/v3/order/test", ORDER) == RequestCost(1)
    assert cost_of("POST", "/api/v3/order/test", {"computeCommissionRates": "true"}) == RequestCost(20)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v3/somethingNew"),
        ("POST", "/api/v3/somethingNew"),
        ("DELETE", "/api/v3/somethingNew"),
        ("PUT", "/api/v3/order"),
        ("GET", "/api/v1/klines"),
        ("GET", "/sapi/v1/capital/config/getall"),
    ],
)
def test_what_is_unknown_counts_as_the_dearest_there_is(method, path) -> None:
    assert cost_of(method, path, {}) == RequestCost(DEAREST)


def test_the_rights_of_a_key_are_asked_for_elsewhere() -> None:
    assert cost_of("GET", "/sapi/v1/account/apiRestrictions", {}) == RequestCost(1)
