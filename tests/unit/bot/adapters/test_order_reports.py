"""What is read out of a venue's answers, whatever they hold."""

import json
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters import order_reports as reports
from bot.adapters.order_messages import VenueStatus
from bot.adapters.wire_numbers import exact, plain
from bot.core.errors import DataError
from tests.scripted_venue import NOW_MS, order_body

RECORDED = Path(__file__).parents[5] / "shared/data/fixtures/nautilus/binance/crate/spot/http_json"


def shown(**changes: Any):
    return reports.shown(json.dumps(order_body(**changes)), "BTC/USDT", "c1")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("NEW", VenueStatus.NEW),
        ("PENDING_NEW", VenueStatus.NEW),
        ("PARTIALLY_FILLED", VenueStatus.PARTIALLY_FILLED),
        ("CANCELED", VenueStatus.CANCELLED),
        ("REJECTED", VenueStatus.REJECTED),
        ("EXPIRED", VenueStatus.EXPIRED),
        ("EXPIRED_IN_MATCH", VenueStatus.EXPIRED),
        ("PENDING_CANCEL", VenueStatus.OTHER),
        ("SOMETHING_NEW", VenueStatus.OTHER),
        ("", VenueStatus.OTHER),
    ],
)
def test_each_word_for_a_status_is_known_or_proves_nothing(word, status):
    assert shown(status=word, executedQty="0.001").status is status


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("executedQty", "NaN"),
        ("executedQty", ""),
        ("executedQty", "-0.001"),
        ("executedQty", "Infinity"),
        ("executedQty", "1e999999"),
        ("executedQty", "1_0"),
        ("executedQty", " 1"),
        ("executedQty", "0x1"),
        ("executedQty", "١"),  # noqa: RUF001 - a digit, and not one of ours
        ("executedQty", 0.001),
        ("executedQty", None),
        ("executedQty", "0.011"),
        ("origQty", True),
        ("orderId", -1),
        ("orderId", "28"),
        ("orderId", 28.0),
        ("orderId", True),
        ("status", None),
        ("status", 3),
        ("symbol", "btcusdt"),
        ("clientOrderId", "C1"),
        ("clientOrderId", ["c1"]),
        ("side", "HOLD"),
        ("updateTime", "yesterday"),
        ("updateTime", -1),
        ("updateTime", NOW_MS // 1_000),
        ("updateTime", NOW_MS * 1_000),
    ],
)
def test_what_cannot_be_true_is_no_report(name, value):
    with pytest.raises(DataError):
        shown(**{name: value})


@pytest.mark.parametrize("name", ["orderId", "clientOrderId", "status", "origQty", "executedQty", "updateTime"])
def test_a_field_that_is_missing_makes_it_no_report(name):
    body = {key: value for key, value in order_body().items() if key != name}
    with pytest.raises(DataError):
        reports.shown(json.dumps(body), "BTC/USDT", "c1")


def test_an_order_that_is_filled_without_an_execution_is_no_report():
    with pytest.raises(DataError, match="without an execution"):
        shown(status="FILLED")


def test_small_amounts_exponents_and_long_ids_are_exact():
    report = shown(origQty="1E-7", executedQty="1e-8", orderId=99_999_999_999_999_999_999)
    assert (report.quantity, report.executed) == (Decimal("0.0000001"), Decimal("0.00000001"))
    assert report.venue_order_id == "99999999999999999999"


def test_unknown_fields_are_passed_over_and_the_reason_of_an_end_is_told():
    report = shown(status="EXPIRED", expiryReason="OCO_TRIGGER", surprise={"deep": [None, 10**30]})
    assert report.reason == "OCO_TRIGGER"


def test_an_order_for_an_amount_of_money_has_no_quantity_yet():
    assert shown(origQty="0.00000000", executedQty="0.5").executed == Decimal("0.5")


FILL = {"price": "1.0", "qty": "0.005", "commission": "0.1", "commissionAsset": "BNB", "tradeId": 1}


@pytest.mark.parametrize(
    "fill",
    [
        {**FILL, "qty": "0.011"},
        {**FILL, "qty": "0"},
        {**FILL, "price": "0.0"},
        {**FILL, "price": "nan"},
        {**FILL, "commission": "-0.1"},
        {**FILL, "tradeId": -1},
        {**FILL, "commissionAsset": None},
        {**FILL, "commissionAsset": "BTC"},
        {**FILL, "commissionAsset": "USDT"},
    ],
)
def test_fills_that_cannot_be_true_are_no_report(fill):
    body = order_body(status="FILLED", executedQty="0.01", fills=[fill])
    with pytest.raises(DataError):
        reports.placed(json.dumps(body), "BTC/USDT", "c1")


def test_fills_may_be_fewer_than_what_was_executed():
    body = order_body(status="FILLED", executedQty="0.01", fills=[FILL])
    assert reports.placed(json.dumps(body), "BTC/USDT", "c1").trades[0].quantity == Decimal("0.005")


TRADE_ROW = {
    "symbol": "BTCUSDT",
    "id": 1,
    "orderId": 28,
    "price": "100.5",
    "qty": "0.005",
    "quoteQty": "0.50250000",
    "commission": "0.000005",
    "commissionAsset": "BTC",
    "time": NOW_MS,
    "isBuyer": True,
}


@pytest.mark.parametrize("lie", [{}, {"price": "1E+3"}, {"qty": "0.00500001"}, {"quoteQty": ""}, {"commission": "1"}])
def test_what_is_said_of_a_trade_goes_together(lie):
    body = json.dumps([{**TRADE_ROW, **lie}])
    if lie:
        with pytest.raises(DataError):
            reports.trades(body, "BTC/USDT", "28")
    else:
        assert reports.trades(body, "BTC/USDT", "28")[0].fee == Decimal("0.000005")


def test_a_pair_without_one_of_its_orders_is_no_answer():
    body = json.dumps({"orderReports": [order_body(), order_body(clientOrderId="c3")]})
    with pytest.raises(DataError, match="c2"):
        reports.pair_placed(body, "BTC/USDT", ("c1", "c2"))


def test_a_balance_that_is_told_twice_is_no_answer():
    row = {"asset": "BTC", "free": "1", "locked": "0"}
    with pytest.raises(DataError, match="two balances"):
        reports.balances(json.dumps({"balances": [row, row]}))


@pytest.mark.parametrize("body", ["", "null", "[]", "{}", "<html>", '{"serverTime": "1"}', '{"serverTime": 1}'])
def test_what_is_no_time_is_no_answer(body):
    with pytest.raises(DataError):
        reports.server_time_ms(body)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_whatever_the_body_is_it_is_a_report_or_a_data_error(body):
    for read in (
        lambda: reports.placed(body, "BTC/USDT", "c1"),
        lambda: reports.cancelled(body, "BTC/USDT", "c1"),
        lambda: reports.trades(body, "BTC/USDT", "28"),
        lambda: reports.balances(body),
    ):
        with suppress(DataError):
            read()


@given(st.decimals(min_value=0, max_value=10**20, places=12))
def test_an_amount_is_written_so_that_it_reads_back_the_same(amount):
    text = plain(amount)
    assert "e" not in text.lower()
    assert exact(text) == amount


@pytest.mark.skipif(not RECORDED.exists(), reason="no recorded answers beside the checkout")
def test_documented_answers_are_understood():
    def body(name: str) -> str:
        return (RECORDED / f"{name}.json").read_text()

    placed = reports.placed(body("new_order_full_response"), "BTC/USDT", "6gCrw2kRUAF9CvJDGP16IP")
    assert placed.executed == sum(trade.quantity for trade in placed.trades) == Decimal(10)
    assert reports.cancelled(body("cancel_order_response"), "LTC/BTC", "myOrder1").status is VenueStatus.CANCELLED
    assert reports.shown(body("order_response"), "LTC/BTC", "myOrder1").quantity == 1
    assert reports.trades(body("account_trades_response"), "BNB/BTC", "100234")[0].fee_asset == "BNB"
    assert reports.balances(body("account_response"))
    assert reports.open_orders(body("open_orders_response"), ["LTC/BTC"])
    assert reports.server_time_ms(body("server_time_response")) > 0
