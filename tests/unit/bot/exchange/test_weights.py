"""The weight of requests, the counters of an address and those of an account's orders."""

import pytest

from bot.exchange.refusals import Limited
from bot.exchange.weights import Limit, Limits, OrderMeter, RequestMeter, is_free_when_done, weight_of
from tests.unit.bot.exchange.trading_desk import refused

TEXT = (
    "Too much request weight used; current limit is 10 request weight per 1 MINUTE. "
    "Please use WebSocket Streams for live updates to avoid polling the API."
)
SMALL = Limits(
    weight=Limit("REQUEST_WEIGHT", "MINUTE", 1, 10, 60_000),
    orders=(Limit("ORDERS", "SECOND", 10, 2, 10_000), Limit("ORDERS", "DAY", 1, 3, 86_400_000)),
    patience=2,
)


def limited(meter: RequestMeter, weight: int, now_ms: int) -> Limited:
    with pytest.raises(Limited) as caught:
        meter.enter(weight, now_ms)
    return caught.value


@pytest.mark.parametrize(
    ("method", "endpoint", "params", "weight"),
    [
        ("GET", "ping", {}, 1),
        ("GET", "exchangeInfo", {}, 20),
        ("GET", "klines", {"symbol": "X"}, 2),
        ("POST", "order", {}, 1),
        ("DELETE", "order", {}, 1),
        ("GET", "order", {}, 4),
        ("GET", "openOrders", {"symbol": "X"}, 6),
        ("GET", "openOrders", {}, 80),
        ("DELETE", "openOrders", {"symbol": "X"}, 1),
        ("GET", "account", {}, 20),
        ("GET", "myTrades", {"symbol": "X"}, 20),
        ("GET", "myTrades", {"symbol": "X", "orderId": "1"}, 5),
        ("GET", "allOrders", {}, 20),
        ("GET", "rateLimit/order", {}, 40),
        ("GET", "depth", {}, 5),
        ("GET", "depth", {"limit": "500"}, 25),
        ("GET", "depth", {"limit": "5000"}, 250),
        ("GET", "ticker/price", {"symbol": "X"}, 2),
        ("GET", "ticker/price", {}, 4),
    ],
)
def test_a_request_weighs_what_binances_tables_say(method: str, endpoint: str, params: dict, weight: int) -> None:
    assert weight_of(method, endpoint, params) == weight


def test_placing_and_cancelling_are_free_when_they_succeed() -> None:
    assert is_free_when_done("POST", "order")
    assert is_free_when_done("DELETE", "openOrders")
    assert not is_free_when_done("GET", "order")
    assert not is_free_when_done("POST", "order/test")


def test_weight_is_counted_in_the_headers_and_forgotten_with_the_minute() -> None:
    meter = RequestMeter(SMALL)
    meter.enter(4, 59_000)
    meter.enter(3, 59_999)
    assert meter.headers(59_999)["X-MBX-USED-WEIGHT-1M"] == "7"
    assert meter.headers(60_000)["X-MBX-USED-WEIGHT-1M"] == "0"


def test_weight_that_was_given_back_is_not_used() -> None:
    meter = RequestMeter(SMALL)
    meter.enter(1, 0)
    meter.give_back(1, 0)
    assert meter.headers(0)["X-MBX-USED-WEIGHT"] == "0"


def test_too_much_weight_is_refused_until_the_minute_ends() -> None:
    meter = RequestMeter(SMALL)
    meter.enter(10, 30_000)
    with refused(-1003, TEXT, 429):
        meter.enter(1, 30_000)
    assert limited(meter, 1, 30_500).retry_after_s == 30
    meter.enter(1, 60_000)


def test_who_goes_on_is_banned_and_for_longer_each_time() -> None:
    meter = RequestMeter(SMALL)
    now_ms, bans_s = 0, []
    for _ in range(3):
        meter.enter(10, now_ms)
        statuses = [limited(meter, 1, now_ms).status for _ in range(3)]
        assert statuses == [429, 429, 418]
        bans_s.append((meter.banned_until_ms - now_ms) // 1_000)
        now_ms = meter.banned_until_ms
    assert bans_s == [120, 240, 480]


def test_a_banned_address_is_told_until_when() -> None:
    meter = RequestMeter(SMALL)
    meter.enter(10, 0)
    for _ in range(3):
        limited(meter, 1, 0)
    text = (
        "Way too much request weight used; IP banned until 120000. "
        "Please use WebSocket Streams for live updates to avoid bans."
    )
    with refused(-1003, text, 418):
        meter.enter(1, 60_500)
    assert limited(meter, 1, 60_500).retry_after_s == 60
    assert meter.while_banned == 2
    meter.enter(1, 120_000)


def test_a_ban_is_never_longer_than_three_days() -> None:
    meter = RequestMeter(SMALL)
    now_ms = 0
    for _ in range(30):
        meter.enter(10, now_ms)
        for _ in range(3):
            limited(meter, 1, now_ms)
        longest_ms, now_ms = meter.banned_until_ms - now_ms, meter.banned_until_ms // 60_000 * 60_000 + 60_000
    assert longest_ms == 3 * 86_400_000


def test_requests_are_counted_as_well_as_weight() -> None:
    meter = RequestMeter(Limits(requests=Limit("RAW_REQUESTS", "MINUTE", 5, 2, 300_000)))
    meter.enter(1, 0)
    meter.enter(1, 0)
    text = (
        "Too many requests; current limit is 2 requests per 5 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API."
    )
    with refused(-1003, text, 429):
        meter.enter(1, 0)


def test_orders_count_until_they_are_filled() -> None:
    meter = OrderMeter(SMALL)
    meter.placed(2, 0)
    assert limited_orders(meter, 0).retry_after_s == 10
    meter.filled(0)
    meter.check(1, 0)
    assert meter.headers(0) == {"X-MBX-ORDER-COUNT-10S": "1", "X-MBX-ORDER-COUNT-1D": "1"}


def test_the_count_of_a_day_outlives_that_of_ten_seconds() -> None:
    meter = OrderMeter(SMALL)
    for now_ms in (0, 10_000, 20_000):
        meter.placed(1, now_ms)
    with refused(-1015, "Too many new orders; current limit is 3 orders per 1 DAY.", 429):
        meter.check(1, 30_000)
    meter.check(2, 86_400_000)


def test_fills_never_make_a_credit() -> None:
    meter = OrderMeter(SMALL)
    for _ in range(5):
        meter.filled(0)
    meter.placed(2, 0)
    assert limited_orders(meter, 0).status == 429


def limited_orders(meter: OrderMeter, now_ms: int) -> Limited:
    with pytest.raises(Limited) as caught:
        meter.check(1, now_ms)
    return caught.value
