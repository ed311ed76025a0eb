"""The rules of a market as a venue tells them, and what they say of an order."""

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.adapters.exchange_info import read_rules
from bot.adapters.order_messages import Refusal
from bot.adapters.venue_filters import Standing
from bot.adapters.venue_rules import VenueRules, check, check_filters, heard, instrument
from bot.core.errors import DataError
from bot.core.market import Costs
from bot.core.orders import BUY, LIMIT, MARKET, SELL, STOP, Intent, Purpose
from tests.scripted_venue import MARKET as BTC

RECORDED = Path(__file__).parents[5] / "shared/data/ws/cryptofeed/BINANCE.0.gz"

BID = Intent("c1", "BTC/USDT", BUY, LIMIT, Decimal(1), Purpose.ENTRY, 0, limit_price=Decimal(100))
ASK = replace(BID, side=SELL)
AT_MARKET = replace(BID, type=MARKET, limit_price=None)
STOPPED = replace(BID, type=STOP, side=SELL, limit_price=None, stop_price=Decimal(90))


def rules(*filters: dict[str, Any], **changes: Any) -> VenueRules:
    market = {**BTC, "filters": list(filters), **changes}
    return read_rules(json.dumps({"symbols": [market]}), ["BTC/USDT"])["BTC/USDT"]


PRICES = {"filterType": "PRICE_FILTER", "minPrice": "10", "maxPrice": "1000", "tickSize": "0.5"}
LOTS = {"filterType": "LOT_SIZE", "minQty": "0.1", "maxQty": "50", "stepSize": "0.1"}
MARKET_LOTS = {"filterType": "MARKET_LOT_SIZE", "minQty": "0.3", "maxQty": "5", "stepSize": "0"}
MIN_NOTIONAL = {"filterType": "MIN_NOTIONAL", "minNotional": "20", "applyToMarket": False, "avgPriceMins": 5}
NOTIONAL = {
    "filterType": "NOTIONAL",
    "minNotional": "20",
    "applyMinToMarket": True,
    "maxNotional": "200",
    "applyMaxToMarket": False,
    "avgPriceMins": 5,
}
PERCENT = {"filterType": "PERCENT_PRICE", "multiplierUp": "1.1", "multiplierDown": "0.9", "avgPriceMins": 5}
BY_SIDE = {
    "filterType": "PERCENT_PRICE_BY_SIDE",
    "bidMultiplierUp": "1.2",
    "bidMultiplierDown": "0.2",
    "askMultiplierUp": "5",
    "askMultiplierDown": "0.8",
    "avgPriceMins": 1,
}
ORDERS = {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 3}
STOPS = {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 2}
POSITION = {"filterType": "MAX_POSITION", "maxPosition": "5"}

AT_100 = Standing(price=Decimal(100))


def of(intent: Intent, **changes: Any) -> Intent:
    return replace(intent, **{name: Decimal(text) for name, text in changes.items()})


@pytest.mark.parametrize(
    ("rule", "intent", "standing", "complaint"),
    [
        (PRICES, of(BID, limit_price="10"), AT_100, None),
        (PRICES, of(BID, limit_price="1000"), AT_100, None),
        (PRICES, of(BID, limit_price="9.5"), AT_100, "below"),
        (PRICES, of(BID, limit_price="1000.5"), AT_100, "above"),
        (PRICES, of(BID, limit_price="100.25"), AT_100, "multiple of 0.5"),
        (PRICES, of(STOPPED, stop_price="90.25"), AT_100, "stop price"),
        (PRICES, of(STOPPED, limit_price="90.25"), AT_100, "limit"),
        (PRICES, AT_MARKET, AT_100, None),
        ({**PRICES, "minPrice": "0", "maxPrice": "0", "tickSize": "0"}, of(BID, limit_price="0.123"), AT_100, None),
        (LOTS, of(BID, quantity="0.1"), AT_100, None),
        (LOTS, of(BID, quantity="50"), AT_100, None),
        (LOTS, of(BID, quantity="0.09"), AT_100, "below"),
        (LOTS, of(BID, quantity="50.1"), AT_100, "above"),
        (LOTS, of(AT_MARKET, quantity="0.15"), AT_100, "multiple"),
        # The grid begins at 0, not at the smallest quantity.
        ({**LOTS, "minQty": "0.25"}, of(BID, quantity="0.3"), AT_100, None),
        (MARKET_LOTS, of(AT_MARKET, quantity="0.2"), AT_100, "below"),
        (MARKET_LOTS, of(AT_MARKET, quantity="5.1"), AT_100, "above"),
        (MARKET_LOTS, of(AT_MARKET, quantity="0.31"), AT_100, None),
        (MARKET_LOTS, of(BID, quantity="6"), AT_100, None),
        (MARKET_LOTS, of(STOPPED, quantity="6"), AT_100, None),
        (MIN_NOTIONAL, of(BID, quantity="0.1"), AT_100, "amount of 10"),
        (MIN_NOTIONAL, of(BID, quantity="0.2"), AT_100, None),
        (MIN_NOTIONAL, of(AT_MARKET, quantity="0.1"), AT_100, None),
        ({**MIN_NOTIONAL, "applyToMarket": True}, of(AT_MARKET, quantity="0.1"), AT_100, "amount"),
        (NOTIONAL, of(AT_MARKET, quantity="0.1"), AT_100, "below the smallest of 20"),
        (NOTIONAL, of(STOPPED, quantity="0.1"), AT_100, "below"),
        (NOTIONAL, of(AT_MARKET, quantity="0.1"), Standing(), None),
        (NOTIONAL, of(BID, quantity="2.1"), AT_100, "above the largest of 200"),
        (NOTIONAL, of(AT_MARKET, quantity="2.1"), AT_100, None),
        ({**NOTIONAL, "applyMaxToMarket": True}, of(AT_MARKET, quantity="2.1"), AT_100, "above"),
        ({**NOTIONAL, "applyMinToMarket": False}, of(AT_MARKET, quantity="0.1"), AT_100, None),
        (PERCENT, of(BID, limit_price="110"), AT_100, None),
        (PERCENT, of(BID, limit_price="110.5"), AT_100, "from 90.0 to 110.0"),
        (PERCENT, of(ASK, limit_price="89.5"), AT_100, "too far"),
        (PERCENT, of(ASK, limit_price="1"), Standing(), None),
        (PERCENT, AT_MARKET, AT_100, None),
        (BY_SIDE, of(BID, limit_price="121"), AT_100, "too far"),
        (BY_SIDE, of(ASK, limit_price="121"), AT_100, None),
        (BY_SIDE, of(BID, limit_price="79"), AT_100, None),
        (BY_SIDE, of(ASK, limit_price="79"), AT_100, "too far"),
        (ORDERS, BID, Standing(open_orders=2), None),
        (ORDERS, BID, Standing(open_orders=3), "3 orders of 3"),
        (STOPS, STOPPED, Standing(open_stops=1), None),
        (STOPS, STOPPED, Standing(open_stops=2), "MAX_NUM_ALGO_ORDERS"),
        (STOPS, BID, Standing(open_stops=2), None),
        (POSITION, BID, Standing(position=Decimal(4)), None),
        (POSITION, BID, Standing(position=Decimal("4.1")), "would be 5.1"),
        (POSITION, ASK, Standing(position=Decimal(9)), None),
    ],
)
def test_each_filter_says_what_it_asks_and_no_more(rule, intent, standing, complaint):
    refused = check(intent, rules(rule), standing)
    if complaint is None:
        assert refused is None
    else:
        assert refused is not None
        assert refused.refusal is Refusal.RULES
        assert complaint in refused.reason
        assert refused.reason.startswith("BTC/USDT: ")


@pytest.mark.parametrize(
    ("intent", "post_only", "complaint"),
    [
        (STOPPED, False, "STOP_LOSS"),
        (of(STOPPED, limit_price="80"), False, "STOP_LOSS_LIMIT"),
        (BID, True, "LIMIT_MAKER"),
        (AT_MARKET, False, "MARKET"),
        (BID, False, None),
    ],
)
def test_only_types_of_order_that_are_offered_are_sent(intent, post_only, complaint):
    refused = check(intent, rules(orderTypes=["LIMIT"]), AT_100, post_only=post_only)
    assert (refused is None) if complaint is None else (refused is not None and complaint in refused.reason)


@pytest.mark.parametrize(
    "intent",
    [
        replace(BID, limit_price=None),
        replace(STOPPED, stop_price=None),
        of(BID, quantity="0"),
        of(BID, quantity="-1"),
        of(BID, quantity="0.123456789"),
        of(BID, limit_price="100.123456789"),
        of(STOPPED, stop_price="90.123456789"),
    ],
)
def test_an_order_that_cannot_be_written_is_refused_without_any_filter(intent):
    refused = check(intent, rules(), AT_100)
    assert refused is not None
    assert refused.refusal is Refusal.RULES


@pytest.mark.parametrize("status", ["BREAK", "HALT", "END_OF_DAY", "CANCEL_ONLY", "SOMETHING_NEW"])
def test_a_market_that_does_not_trade_is_closed_whatever_the_filters_say(status):
    closed = rules(status=status)
    refused = check(BID, closed, AT_100)
    assert refused is not None
    assert refused.refusal is Refusal.MARKET_CLOSED
    assert status in refused.reason
    assert check_filters(BID, closed, AT_100) is None


@pytest.mark.parametrize(
    "broken",
    [
        {**LOTS, "stepSize": "NaN"},
        {**LOTS, "stepSize": 0.1},
        {**LOTS, "minQty": "-1"},
        {"filterType": "LOT_SIZE"},
        {**ORDERS, "maxNumOrders": "many"},
        {"filterType": 7},
        "LOT_SIZE",
    ],
)
def test_a_rule_that_cannot_be_understood_is_an_error_and_no_guess(broken):
    with pytest.raises(DataError):
        rules(broken)


@pytest.mark.parametrize(
    "body", ["", "null", "{}", "<html>", '{"symbols": []}', '{"symbols": {}}', '{"symbols": [{"symbol": "BTCUSDT"}]}']
)
def test_an_answer_without_the_market_is_an_error(body):
    with pytest.raises(DataError):
        read_rules(body, ["BTC/USDT"])


def test_unknown_filters_are_passed_over():
    assert rules({"filterType": "T_PLUS_SELL", "endTime": 1}, LOTS).filters == rules(LOTS).filters


def made(*filters: dict[str, Any]):
    return instrument(rules(*filters), Costs(), "binance", "embedded")


def test_an_instrument_has_the_steps_of_its_filters():
    market = made(PRICES, LOTS, {**MARKET_LOTS, "stepSize": "0.04", "maxQty": "4.9"}, NOTIONAL)
    assert market.symbol == "BTC/USDT"
    assert market.tick_size == Decimal("0.5")
    # 0.2 is the smallest that is a multiple of 0.1 and of 0.04.
    assert market.lot_step == Decimal("0.2")
    assert market.min_quantity == Decimal("0.3")
    assert market.min_notional == 20
    # 4.9 is the most at the market, and no multiple of 0.2.
    assert market.max_quantity == Decimal("4.8")


def test_an_instrument_has_the_most_that_any_filter_of_quantities_takes_at_the_market():
    assert made(LOTS).max_quantity == 50
    assert made(LOTS, {**MARKET_LOTS, "maxQty": "0"}).max_quantity == 50
    assert made(LOTS, {**MARKET_LOTS, "maxQty": "90"}).max_quantity == 50
    assert made({**LOTS, "maxQty": "0"}).max_quantity is None
    assert made().max_quantity is None


def test_what_the_tracker_hears_are_all_steps_and_bounds():
    told = heard(rules(PRICES, LOTS, MARKET_LOTS), 7)
    unit = Decimal("1e-8")
    steps = ((unit, Decimal("0.1")), (unit, Decimal("0.5")))
    assert (told.at_ms, told.symbol, told.lot_steps, told.tick_sizes) == (7, "BTC/USDT", *steps)
    assert (told.least, told.most_at_market) == (Decimal("0.3"), 5)
    bare = heard(rules(), 7)
    assert (bare.lot_steps, bare.least, bare.most_at_market) == ((unit,), 0, 0)


def test_an_instrument_without_filters_has_the_digits_of_its_assets():
    market = made()
    assert (market.tick_size, market.lot_step, market.min_quantity) == (Decimal("1e-8"),) * 3
    assert market.min_notional == 0


@given(
    quantity=st.decimals("0.001", "60", places=4),
    price=st.decimals("5", "1200", places=3),
    step=st.sampled_from(["0.1", "0.04", "0.25", "1"]),
)
def test_what_an_instrument_quantizes_breaks_no_grid(quantity, price, step):
    told = rules(PRICES, LOTS, {**MARKET_LOTS, "stepSize": step})
    market = instrument(told, Costs(), "binance", "embedded")
    wanted = replace(
        AT_MARKET,
        type=LIMIT,
        quantity=market.quantize_quantity(quantity),
        limit_price=market.quantize_price(price, up=False),
    )
    for intent in (wanted, replace(wanted, type=MARKET, limit_price=None)):
        refused = check(intent, told, Standing())
        assert refused is None or "multiple" not in refused.reason


@pytest.mark.skipif(not RECORDED.exists(), reason="no recorded answers beside the checkout")
def test_the_rules_of_a_whole_venue_are_understood_as_they_were_recorded():
    with gzip.open(RECORDED, "rt") as lines:
        body = (
            next(line for line in lines if "exchangeInfo -> " in line)
            .partition("exchangeInfo -> ")[2]
            .partition(": ")[2]
        )
    symbols = [f"{market['baseAsset']}/{market['quoteAsset']}" for market in json.loads(body)["symbols"]]
    found = read_rules(body, symbols)
    assert len(found) > 1_000
    for told in found.values():
        market = instrument(told, Costs(), "binance", "embedded")
        assert market.tick_size > 0
        assert 0 < market.lot_step <= market.min_quantity
