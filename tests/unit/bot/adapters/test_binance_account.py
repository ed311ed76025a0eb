"""Binance's private stream: what each message means, by messages of our own and by recorded ones where they are."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.api_keys import Credentials
from bot.adapters.order_messages import Balance, VenueStatus
from bot.adapters.venues import Ignored, Refused, ShuttingDown
from bot.adapters.venues.account_messages import (
    AccountEnded,
    AccountRefused,
    AccountSubscribed,
    BalanceMoved,
    BalancesTold,
    OrderListTold,
    OrderTold,
)
from bot.adapters.venues.binance_account import account_url, subscribe_request
from tests.unit.bot.adapters.binance_reports import ACCOUNT, AT, REPORT, meaning

SHARED = Path(__file__).resolve().parents[4].parent / "shared" / "data" / "fixtures" / "nautilus" / "binance"


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
