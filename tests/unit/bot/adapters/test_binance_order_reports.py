"""Binance's reports of orders: what each field means, exactly, and which reports are refused."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.order_messages import OrderReport, TradeReport, VenueStatus
from bot.adapters.venues import Ignored, Refused
from bot.adapters.venues.account_messages import OrderTold
from bot.core.orders import BUY, SELL
from tests.unit.bot.adapters.binance_reports import ACCOUNT, AT, REPORT, TRADE, meaning, told


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
