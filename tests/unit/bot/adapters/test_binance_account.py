"""Binance's private stream: what each message means, by messages of our own and by recorded ones where they are."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.api_keys import Credentials
from bot.adapters.order_messages import Balance, OrderReport, TradeReport, VenueStatus
from bot.adapters.venues import Ignored, Refused, ShuttingDown
from bot.adapters.venues.account_messages import (
    AccountEnded,
    AccountMessage,
    AccountRefused,
    AccountSubscribed,
    BalanceMoved,
    BalancesTold,
    OrderListTold,
    OrderTold,
)
from bot.adapters.venues.binance_account import BinanceAccount, account_url, subscribe_request
from bot.core.orders import BUY, SELL

SHARED = Path(__file__).resolve().parents[4].parent / "shared" / "data" / "fixtures" / "nautilus" / "binance"
MARKETS = {"BTCUSDT": "BTC/USDT", "ETHUSDT": "ETH/USDT", "ETHBTC": "ETH/BTC"}
AT = 1_759_347_763_167
ACCOUNT = BinanceAccount(MARKETS)
REPORT = {
    "e": "executionReport",
    "E": AT + 1,
    "s": "BTCUSDT",
    "c": "k7d2",
    "S": "BUY",
    "o": "LIMIT",
    "f": "GTC",
    "q": "0.50000000",
    "p": "25000.00000000",
    "P": "0.00000000",
    "F": "0.00000000",
    "g": -1,
    "C": "",
    "x": "NEW",
    "X": "NEW",
    "r": "NONE",
    "i": 41,
    "l": "0.00000000",
    "z": "0.00000000",
    "L": "0.00000000",
    "n": "0",
    "N": None,
    "T": AT,
    "t": -1,
    "I": 9,
    "w": True,
    "m": False,
    "M": False,
    "O": AT,
    "Z": "0.00000000",
    "Y": "0.00000000",
    "Q": "0.00000000",
    "W": AT,
    "V": "NONE",
}
TRADE = {
    "x": "TRADE",
    "X": "PARTIALLY_FILLED",
    "l": "0.20",
    "z": "0.30",
    "L": "24999.9",
    "n": "0.0002",
    "N": "BTC",
    "t": 7,
    "Y": "4999.98",
}


def meaning(event: Any, **fields: object) -> AccountMessage:
    """What an event means, with some of its fields changed; it comes wrapped, as the WebSocket API sends it."""
    return ACCOUNT.parse(json.dumps({"subscriptionId": 0, "event": {**event, **fields}}).encode())


def told(**fields: object) -> OrderReport:
    message = meaning(REPORT, **fields)
    assert isinstance(message, OrderTold), message
    return message.report


def test_a_new_order_is_told_exactly() -> None:
    assert told() == OrderReport(
        symbol="BTC/USDT",
        client_order_id="k7d2",
        venue_order_id="41",
        status=VenueStatus.NEW,
        quantity=Decimal("0.5"),
        executed=Decimal(0),
        at_ms=AT,
    )


def test_a_trade_comes_with_the_report_of_what_was_executed_in_all() -> None:
    report = told(**TRADE)
    assert (report.status, report.executed) == (VenueStatus.PARTIALLY_FILLED, Decimal("0.3"))
    assert report.trades == (
        TradeReport(
            symbol="BTC/USDT",
            venue_order_id="41",
            trade_id="7",
            side=BUY,
            quantity=Decimal("0.2"),
            price=Decimal("24999.9"),
            fee=Decimal("0.0002"),
            fee_asset="BTC",
            at_ms=AT,
            client_order_id="k7d2",
        ),
    )


def test_a_sale_is_a_sale_and_a_trade_can_be_free() -> None:
    (trade,) = told(**{**TRADE, "S": "SELL", "n": "0", "N": None}).trades
    assert (trade.side, trade.fee, trade.fee_asset) == (SELL, Decimal(0), "")


def test_the_id_of_a_cancelled_order_is_its_own_and_not_that_of_the_cancel() -> None:
    report = told(x="CANCELED", X="CANCELED", c="cancel1", C="k7d2", z="0.10")
    assert (report.client_order_id, report.status, report.executed) == ("k7d2", VenueStatus.CANCELLED, Decimal("0.1"))


def test_an_order_cancelled_by_the_venue_keeps_its_id_where_it_was() -> None:
    assert told(x="CANCELED", X="CANCELED").client_order_id == "k7d2"


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("PENDING_NEW", VenueStatus.NEW),
        ("CANCELED", VenueStatus.CANCELLED),
        ("REJECTED", VenueStatus.REJECTED),
        ("EXPIRED", VenueStatus.EXPIRED),
        ("EXPIRED_IN_MATCH", VenueStatus.EXPIRED),
        ("PENDING_CANCEL", VenueStatus.OTHER),
        ("SOMETHING_NEW", VenueStatus.OTHER),
        ("", VenueStatus.OTHER),
    ],
)
def test_an_unknown_status_proves_nothing(word, status) -> None:
    assert told(X=word).status is status


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"r": "INSUFFICIENT_BALANCE"}, "INSUFFICIENT_BALANCE"),
        ({"eR": "INSUFFICIENT_LIQUIDITY"}, "INSUFFICIENT_LIQUIDITY"),
        ({"r": "ONE", "eR": "TWO"}, "ONE, TWO"),
        ({"r": "NONE", "eR": None}, ""),
    ],
)
def test_the_reason_of_a_refusal_or_an_expiry_is_told_in_the_venue_s_words(fields, reason) -> None:
    assert told(**fields).reason == reason


@pytest.mark.parametrize("word", ["CANCELED", "REPLACED", "REJECTED", "EXPIRED", "TRADE_PREVENTION", "CALCULATED"])
def test_only_an_execution_of_the_kind_trade_is_one(word) -> None:
    assert told(**{**TRADE, "x": word}).trades == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"l": "0"},
        {"L": "0.00"},
        {"t": -1},
        {"t": "7"},
        {"n": "-0.1"},
        {"n": "0.1", "N": None},
        {"l": "0.31"},
        {"l": "NaN"},
        {"L": ""},
        {"L": None},
        {"L": "25000"},
        {"Y": "1E+3"},
        {"n": None},
        {"n": ""},
        {"n": "0.21"},
        {"n": "5000", "N": "USDT"},
    ],
    ids=str,
)
def test_a_trade_that_cannot_be_true_is_left_out_and_what_was_executed_still_told(fields) -> None:
    report = told(**{**TRADE, **fields})
    assert (report.trades, report.executed) == ((), Decimal("0.3"))


def test_a_fee_in_a_coin_of_no_side_can_be_any() -> None:
    (trade,) = told(**{**TRADE, "n": "1000", "N": "BNB"}).trades
    assert (trade.fee, trade.fee_asset) == (Decimal(1000), "BNB")


def test_a_new_order_has_executed_nothing() -> None:
    assert isinstance(meaning(REPORT, z="1E-20"), Refused)


@pytest.mark.parametrize(
    "amount", ["", "-1", "NaN", "Infinity", "1_0", " 1", "1e999", "0x1", "\u0661", "1" * 31, None, 1, 0.5]
)
@pytest.mark.parametrize("name", ["q", "z"])
def test_an_amount_that_is_none_is_refused(name, amount) -> None:
    assert isinstance(meaning(REPORT, **{name: amount}), Refused)


@pytest.mark.parametrize(
    "fields",
    [
        {"z": "0.6"},
        {"X": "FILLED"},
        {"S": "BOTH"},
        {"i": -1},
        {"i": "41"},
        {"i": None},
        {"T": AT * 1_000},
        {"T": -5},
        {"T": "today"},
        {"s": 5},
        {"c": None},
    ],
    ids=str,
)
def test_a_report_that_cannot_be_true_is_refused(fields) -> None:
    message = meaning(REPORT, **fields)
    assert isinstance(message, Refused)
    assert len(message.reason) <= 200


@pytest.mark.parametrize("name", ["s", "c", "S", "q", "z", "X", "i", "T"])
def test_a_report_that_lacks_what_matters_is_refused(name) -> None:
    event = {key: value for key, value in REPORT.items() if key != name}
    assert isinstance(ACCOUNT.parse(json.dumps({"event": event}).encode()), Refused)


def test_small_large_and_exponential_numbers_stay_exact() -> None:
    report = told(q="123456789012345678.00000001", z="1e-8", x="TRADE", i=12345678901234567890)
    assert report.quantity == Decimal("123456789012345678.00000001")
    assert report.executed == Decimal("0.00000001")
    assert report.venue_order_id == "12345678901234567890"


def test_an_order_for_an_amount_of_money_has_no_quantity_of_its_own() -> None:
    assert told(q="0.00000000", z="0.4", x="TRADE", X="PARTIALLY_FILLED").executed == Decimal("0.4")


def test_what_happens_in_other_markets_is_no_business_of_ours() -> None:
    assert meaning(REPORT, s="DOGEUSDT") == Ignored("an order in DOGEUSDT")
    pair = {"e": "listStatus", "s": "DOGEUSDT", "g": 2, "L": "EXECUTING", "T": AT}
    assert meaning(pair) == Ignored("a pair of orders in DOGEUSDT")


def test_balances_are_told_exactly() -> None:
    rows = [{"a": "BTC", "f": "1.00000001", "l": "0.2"}, {"a": "USDT", "f": "0", "l": "0.00"}]
    assert meaning({"e": "outboundAccountPosition", "E": AT, "u": AT, "B": rows}) == BalancesTold(
        AT, {"BTC": Balance(Decimal("1.00000001"), Decimal("0.2")), "USDT": Balance()}
    )


def test_money_that_comes_and_goes_and_money_that_is_locked_are_told_apart() -> None:
    moved = {"E": AT, "a": "BTC", "d": "-0.5", "T": AT}
    assert meaning({"e": "balanceUpdate", **moved}) == BalanceMoved(AT, "BTC", Decimal("-0.5"))
    assert meaning({"e": "externalLockUpdate", **moved}) == BalanceMoved(AT, "BTC", Decimal("-0.5"), is_lock=True)


@pytest.mark.parametrize("amount", ["", "NaN", "--1", "-", "+1"])
def test_a_movement_of_no_amount_is_refused(amount) -> None:
    assert isinstance(meaning({"e": "balanceUpdate", "a": "BTC", "d": amount, "T": AT}), Refused)


def test_a_pair_of_orders_is_told() -> None:
    pair = {"e": "listStatus", "s": "BTCUSDT", "g": 2, "L": "ALL_DONE", "l": "ALL_DONE", "T": AT, "O": []}
    assert meaning(pair) == OrderListTold(AT, "BTC/USDT", "2", "ALL_DONE")


def test_the_end_of_the_stream_and_of_the_server_are_told() -> None:
    assert meaning({"e": "eventStreamTerminated", "E": AT}) == AccountEnded()
    assert meaning({"e": "serverShutdown", "E": AT}) == ShuttingDown()


def test_unknown_events_are_passed_over() -> None:
    assert meaning({"e": "somethingNew", "q": -1}) == Ignored("somethingNew")
    assert meaning({"q": 1}) == Ignored("")
    assert ACCOUNT.parse(b"{}") == Ignored("unknown message")


def test_an_event_without_its_envelope_means_the_same() -> None:
    assert ACCOUNT.parse(json.dumps(REPORT).encode()) == meaning(REPORT)


def test_a_granted_subscription_is_told_by_the_id_of_its_request() -> None:
    answer = {"id": "account-1", "status": 200, "result": {"subscriptionId": 0}, "rateLimits": []}
    assert ACCOUNT.parse(json.dumps(answer).encode()) == AccountSubscribed("account-1")


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (
            {"id": None, "status": 401, "error": {"code": -2015, "msg": "Invalid API-key, IP, or permissions."}},
            AccountRefused(None, 401, -2015, "Invalid API-key, IP, or permissions."),
        ),
        (
            {"id": "a", "status": 418, "error": {"code": -1003, "msg": "banned", "data": {"retryAfter": AT}}},
            AccountRefused("a", 418, -1003, "banned", AT),
        ),
        (
            {"id": 5, "status": 400, "error": {"code": -1021, "msg": "ahead", "data": {"serverTime": AT}}},
            AccountRefused("5", 400, -1021, "ahead"),
        ),
        ({"id": "a", "status": 500}, AccountRefused("a", 500, 0, "")),
        ({"status": 200, "result": {}}, AccountRefused(None, 200, 0, "")),
    ],
)
def test_a_refusal_is_told_with_its_code_and_until_when_to_keep_away(answer, refusal) -> None:
    assert ACCOUNT.parse(json.dumps(answer).encode()) == refusal


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_raise(frame) -> None:
    ACCOUNT.parse(frame)


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(["event", "bare"]), st.dictionaries(st.sampled_from(sorted(REPORT)), _ANYTHING, max_size=4))
def test_no_spoiled_report_raises_and_none_that_is_told_is_impossible(kind, spoilt) -> None:
    event = {**REPORT, **TRADE, **spoilt}
    message = ACCOUNT.parse(json.dumps({"event": event} if kind == "event" else event).encode())
    if isinstance(message, OrderTold):
        report = message.report
        assert report.executed >= 0
        assert not report.executed > report.quantity > 0
        assert sum(trade.quantity for trade in report.trades) <= report.executed


@pytest.mark.parametrize(
    "frame", [b"[" * 50_000, b'{"event":' * 50_000, b'{"e":"\\ud800"}', b"\xff"], ids=lambda frame: frame[:8]
)
def test_deep_and_broken_frames_are_refused(frame) -> None:
    assert isinstance(ACCOUNT.parse(frame), Refused)


def test_the_request_is_signed_over_its_parameters_in_alphabetical_order() -> None:
    """The signature was computed with another tool: openssl dgst -sha256 -hmac."""
    key = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
    secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"  # noqa: S105 - Binance's own example
    request = json.loads(subscribe_request(Credentials(key, secret), "account-1", 1_499_827_319_559, 5_000))
    assert request == {
        "id": "account-1",
        "method": "userDataStream.subscribe.signature",
        "params": {
            "apiKey": key,
            "timestamp": 1_499_827_319_559,
            "recvWindow": 5_000,
            "signature": "e272787f858fe175d42f29d9b855d65a49dddfccb3f79f6ff5f8827b5208545d",
        },
    }


def test_without_a_window_the_venue_s_own_is_asked_for() -> None:
    request = json.loads(subscribe_request(Credentials("k" * 64, "s" * 64), "a", 1))
    assert set(request["params"]) == {"apiKey", "timestamp", "signature"}


def test_the_address_is_that_of_the_host() -> None:
    assert account_url("ws-api.binance.com") == "wss://ws-api.binance.com/ws-api/v3"


def recorded(name: str) -> Any:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path.name} of the shared data is not here")
    event = json.loads(path.read_text("utf-8"))
    return event.get("data", event) if "stream" in event else event


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("account_position", BalancesTold),
        ("account_position_wrapped", BalancesTold),
        ("balance_update", BalanceMoved),
        ("balance_update_wrapped", BalanceMoved),
        ("execution_report_canceled", VenueStatus.CANCELLED),
        ("execution_report_expired", VenueStatus.EXPIRED),
        ("execution_report_new", VenueStatus.NEW),
        ("execution_report_stop_loss", VenueStatus.NEW),
        ("execution_report_trade", VenueStatus.FILLED),
        ("execution_report_wrapped", VenueStatus.NEW),
        ("list_status_wrapped", OrderListTold),
    ],
)
def test_recorded_messages_are_understood(name, expected) -> None:
    message = ACCOUNT.parse(json.dumps(recorded(f"crate/spot/user_data_json/{name}.json")).encode())
    if isinstance(expected, VenueStatus):
        assert isinstance(message, OrderTold)
        assert message.report.status is expected
        assert bool(message.report.trades) is (name == "execution_report_trade")
    else:
        assert isinstance(message, expected)


@pytest.mark.parametrize(
    ("name", "status", "trades"),
    [
        ("calculated", VenueStatus.FILLED, 0),
        ("canceled", VenueStatus.CANCELLED, 0),
        ("custom_client_id", VenueStatus.PARTIALLY_FILLED, 1),
        ("empty_client_id", VenueStatus.PARTIALLY_FILLED, 1),
        ("expired", VenueStatus.EXPIRED, 0),
        ("new", VenueStatus.NEW, 0),
        ("new_limit_if_touched_price_match", VenueStatus.NEW, 0),
        ("new_stop_limit_price_match", VenueStatus.NEW, 0),
        ("pending_cancel", VenueStatus.OTHER, 0),
        ("rejected", VenueStatus.REJECTED, 0),
        ("trade", VenueStatus.PARTIALLY_FILLED, 1),
        ("trade_l_zero", VenueStatus.FILLED, 0),
        ("trade_l_zero_canceled", VenueStatus.CANCELLED, 0),
        ("trade_l_zero_partial", VenueStatus.PARTIALLY_FILLED, 0),
        ("trade_prevention", VenueStatus.EXPIRED, 0),
    ],
)
def test_other_recorded_reports_are_understood(name, status, trades) -> None:
    message = ACCOUNT.parse(json.dumps(recorded(f"py/ws_messages/ws_spot_execution_report_{name}.json")).encode())
    assert isinstance(message, OrderTold)
    assert (message.report.status, len(message.report.trades)) == (status, trades)
