"""The filters of a market: what passes, what does not, and the code and words of each refusal."""

import pytest

from bot.core.orders import BUY, SELL
from bot.exchange.listing import listing_of
from bot.exchange.order_rules import (
    LotSize,
    MarketLotSize,
    MarketRules,
    MaxNumAlgoOrders,
    MaxNumOrders,
    MaxPosition,
    MinNotional,
    Notional,
    PercentPriceBySide,
    PriceFilter,
    Standing,
    default_rules,
)
from bot.exchange.orders import Kind, NewOrder, SelfTrade
from tests.unit.bot.exchange.trading_desk import COIN, Desk, d, limit, order, refused, sell_pair, stop

AT_100 = Standing(average=d(100))


def market(quantity: str = "1") -> NewOrder:
    return order(BUY, Kind.MARKET, quantity)


PRICE = PriceFilter(min_price=d("0.5"), max_price=d(1_000), tick_size=d("0.05"))
LOT = LotSize(min_qty=d("0.1"), max_qty=d(50), step_size=d("0.1"))
MARKET_LOT = MarketLotSize(min_qty=d(0), max_qty=d(20), step_size=d(0))
NOTIONAL = Notional(min_notional=d(10), max_notional=d(500), apply_max_to_market=True)
BY_SIDE = PercentPriceBySide(
    bid_multiplier_up=d("1.2"), bid_multiplier_down=d("0.2"), ask_multiplier_up=d(5), ask_multiplier_down=d("0.8")
)


@pytest.mark.parametrize(
    ("rule", "placed", "passes"),
    [
        (PRICE, limit(BUY, "100.05"), True),
        (PRICE, limit(BUY, "100.01"), False),
        (PRICE, limit(BUY, "0.45"), False),
        (PRICE, limit(BUY, "1000.05"), False),
        (PRICE, limit(BUY, "0"), False),
        (PRICE, stop(SELL, "99.95", price="99.90"), True),
        (PRICE, stop(SELL, "99.99", price="99.90"), False),
        (PRICE, stop(SELL, "99.99"), False),
        (PRICE, market(), True),
        (PriceFilter(min_price=d(0), max_price=d(0), tick_size=d(0)), limit(BUY, "0.123"), True),
        (LOT, limit(BUY, "100", "0.1"), True),
        (LOT, limit(BUY, "100", "0.15"), False),
        (LOT, limit(BUY, "100", "0"), False),
        (LOT, limit(BUY, "100", "50.1"), False),
        (LotSize(min_qty=d("0.15"), max_qty=d(50), step_size=d("0.1")), limit(BUY, "100", "0.2"), True),
        (LOT, market("0.15"), False),
        (LOT, NewOrder(COIN, BUY, Kind.MARKET, quote_quantity=d("7.7")), True),
        (MARKET_LOT, market("20"), True),
        (MARKET_LOT, market("20.1"), False),
        (MARKET_LOT, limit(BUY, "100", "20.1"), True),
        (NOTIONAL, limit(BUY, "100", "0.1"), True),
        (NOTIONAL, limit(BUY, "99", "0.1"), False),
        (NOTIONAL, limit(BUY, "100", "5.1"), False),
        (NOTIONAL, market("0.09"), False),
        (NOTIONAL, market("5.1"), False),
        (NOTIONAL, NewOrder(COIN, BUY, Kind.MARKET, quote_quantity=d("9.99")), False),
        (Notional(min_notional=d(10), max_notional=d(500)), market("5.1"), True),
        (Notional(min_notional=d(10), max_notional=d(500), apply_min_to_market=False), market("0.01"), True),
        (MinNotional(min_notional=d(10)), limit(BUY, "99", "0.1"), False),
        (MinNotional(min_notional=d(10)), limit(BUY, "100", "5.1"), True),
        (MinNotional(min_notional=d(10), apply_to_market=False), market("0.01"), True),
        (BY_SIDE, limit(BUY, "120"), True),
        (BY_SIDE, limit(BUY, "120.05"), False),
        (BY_SIDE, limit(BUY, "19.95"), False),
        (BY_SIDE, limit(SELL, "120.05"), True),
        (BY_SIDE, limit(SELL, "79.95"), False),
        (BY_SIDE, limit(SELL, "500.05"), False),
        (BY_SIDE, market(), True),
    ],
)
def test_a_filter_compares_exactly_and_a_bound_of_0_is_none(rule, placed: NewOrder, passes: bool) -> None:
    assert rule.passes(placed, AT_100) is passes


def test_open_orders_and_the_position_are_bounded() -> None:
    full = Standing(average=d(100), open_orders=2, open_algos=1, position=d(3))
    assert not MaxNumOrders(max_num_orders=2).passes(market(), full)
    assert MaxNumOrders(max_num_orders=3).passes(market(), full)
    assert not MaxNumAlgoOrders(max_num_algo_orders=1).passes(stop(SELL, "99"), full)
    assert MaxNumAlgoOrders(max_num_algo_orders=1).passes(limit(SELL, "101"), full)
    assert not MaxPosition(max_position=d("3.5")).passes(market(), full)
    assert MaxPosition(max_position=d("3.5")).passes(order(SELL, Kind.MARKET), full)


@pytest.mark.parametrize(
    ("rule", "code", "name"),
    [
        (PRICE, -1013, "PRICE_FILTER"),
        (LOT, -1013, "LOT_SIZE"),
        (MARKET_LOT, -1013, "MARKET_LOT_SIZE"),
        (NOTIONAL, -1013, "NOTIONAL"),
        (MinNotional(min_notional=d(10)), -1013, "MIN_NOTIONAL"),
        (BY_SIDE, -1013, "PERCENT_PRICE_BY_SIDE"),
        (MaxNumOrders(max_num_orders=2), -2010, "MAX_NUM_ORDERS"),
        (MaxNumAlgoOrders(max_num_algo_orders=1), -2010, "MAX_NUM_ALGO_ORDERS"),
        (MaxPosition(max_position=d(1)), -2010, "MAX_POSITION"),
    ],
)
def test_a_refusal_names_its_filter(rule, code: int, name: str) -> None:
    assert rule.refusal().body == {"code": code, "msg": f"Filter failure: {name}"}
    assert rule.refusal().status == 400


def test_the_first_filter_that_is_broken_is_the_one_that_is_named() -> None:
    rules = MarketRules(filters=(PRICE, LOT))
    with refused(-1013, "Filter failure: PRICE_FILTER"):
        rules.check(limit(BUY, "100.01", "0.15"), AT_100)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.STOP_LOSS, "Stop loss orders are not supported for this symbol."),
        (Kind.TAKE_PROFIT_LIMIT, "Take profit limit orders are not supported for this symbol."),
        (Kind.MARKET, "Market orders are not supported for this symbol."),
        (Kind.LIMIT_MAKER, "Unsupported order combination"),
    ],
)
def test_a_market_may_leave_types_out(kind: Kind, text: str) -> None:
    with refused(-1013, text):
        MarketRules(filters=(), kinds=(Kind.LIMIT,)).check(order(BUY, kind), AT_100)


def test_a_market_may_leave_modes_of_self_trade_prevention_out() -> None:
    rules = MarketRules(filters=(), self_trades=(SelfTrade.NONE,))
    with refused(-1013, "This symbol does not allow the specified self-trade prevention mode."):
        rules.check(order(BUY, Kind.MARKET, self_trade=SelfTrade.EXPIRE_BOTH), AT_100)


def test_stops_are_counted_and_those_of_pairs_with_them() -> None:
    desk = Desk(rules=MarketRules(filters=(MaxNumAlgoOrders(max_num_algo_orders=2),)))
    desk.place(stop(SELL, "95"))
    desk.place_pair(sell_pair())
    with refused(-2010, "Filter failure: MAX_NUM_ALGO_ORDERS"):
        desk.place(stop(SELL, "95"))
    with refused(-2010, "Filter failure: MAX_NUM_ALGO_ORDERS"):
        desk.place_pair(sell_pair())
    desk.place(limit(SELL, "105"))


def test_a_pair_counts_as_two_orders() -> None:
    desk = Desk(rules=MarketRules(filters=(MaxNumOrders(max_num_orders=3),)))
    desk.place_pair(sell_pair())
    with refused(-2010, "Filter failure: MAX_NUM_ORDERS"):
        desk.place_pair(sell_pair())
    desk.place(limit(SELL, "105"))
    with refused(-2010, "Filter failure: MAX_NUM_ORDERS"):
        desk.place(limit(SELL, "105"))


def test_filters_may_change_while_orders_are_open() -> None:
    desk = Desk()
    desk.place(limit(BUY, "98.01"))
    desk.venue.market(COIN).rules = MarketRules(filters=(PRICE,))
    with refused(-1013, "Filter failure: PRICE_FILTER"):
        desk.place(limit(BUY, "98.01"))
    assert desk.cancel(1).order_id == 1


def test_a_listing_has_filters_on_its_own_grid() -> None:
    rules = default_rules(listing_of("BTC/USDT"))
    good = NewOrder("BTCUSDT", BUY, Kind.LIMIT, d("0.00017"), price=d("30000.01"))
    rules.check(good, Standing(average=d(30_000)))
    with refused(-1013, "Filter failure: NOTIONAL"):
        rules.check(
            NewOrder("BTCUSDT", BUY, Kind.LIMIT, d("0.00016"), price=d("30000.01")), Standing(average=d(30_000))
        )
