"""Orders at the trading venue: those that take, rest, wait for a price, or would trade with themselves."""

import pytest

from bot.core.orders import BUY, SELL
from bot.exchange.accounts import FeeSchedule
from bot.exchange.depth import Depth
from bot.exchange.orders import ExpiryReason, Kind, NewOrder, SelfTrade, Status, TimeInForce
from bot.exchange.requests import (
    HistoryQuery,
)
from tests.unit.bot.exchange.trading_desk import (
    ALICE,
    BOB,
    COIN,
    Desk,
    d,
    for_amount,
    limit,
    market,
    order,
    refused,
    stop,
)

FREE = FeeSchedule(maker=d(0), taker=d(0))
NOBODY = Depth(levels=0)
INSUFFICIENT = "Account has insufficient balance for requested action."


def test_a_market_order_takes_the_best_prices_first() -> None:
    done = Desk().place(market(BUY, "12"))
    assert [(trade.price, trade.quantity) for trade in done.trades] == [
        (d("100.1"), d("9.99")),
        (d("100.2"), d("2.01")),
    ]
    assert done.order.status is Status.FILLED
    assert done.order.executed == d(12)


def test_a_market_order_larger_than_the_book_expires_with_what_it_got() -> None:
    desk = Desk()
    done = desk.place(market(BUY, "50"))
    assert (done.order.status, done.order.expiry) == (Status.EXPIRED, ExpiryReason.NO_LIQUIDITY)
    assert done.order.executed == sum(trade.quantity for trade in done.trades) == d("29.94")


def test_a_market_order_that_finds_nobody_expires_empty() -> None:
    done = Desk(NOBODY).place(market(SELL))
    assert (done.order.status, done.order.executed) == (Status.EXPIRED, 0)


def test_a_market_order_that_cannot_be_paid_whole_is_refused() -> None:
    desk = Desk(funds={"USDT": d(500)})
    with refused(-2010, INSUFFICIENT):
        desk.place(market(BUY, "5"))
    with refused(-2010, INSUFFICIENT):
        desk.place(market(SELL, "5"))


def test_an_amount_buys_as_many_whole_lots_as_it_pays_for() -> None:
    done = Desk().place(for_amount(BUY, "500"))
    assert done.order.status is Status.FILLED
    assert done.order.executed == done.order.quantity == d("4.995")
    assert done.order.amount == d("499.9995")


def test_an_amount_sells_what_it_takes_to_receive_it() -> None:
    done = Desk().place(for_amount(SELL, "500"))
    assert done.order.amount <= d(500) < done.order.amount + d("0.1")


def test_an_amount_larger_than_the_book_expires_in_part() -> None:
    done = Desk().place(for_amount(BUY, "4000"))
    assert done.order.status is Status.EXPIRED
    assert 0 < done.order.executed < done.order.quantity


def test_an_amount_that_finds_nobody_is_refused() -> None:
    with refused(-2010, "Order book liquidity is less than `LOT_SIZE` filter minimum quantity."):
        Desk(NOBODY).place(for_amount(BUY, "500"))


def test_a_limit_order_takes_what_it_accepts_and_rests_with_the_rest() -> None:
    desk = Desk()
    done = desk.place(limit(BUY, "100.10", "15"))
    assert done.order.status is Status.PARTIALLY_FILLED
    assert done.order.executed == d("9.99")
    assert desk.locked("USDT") == d("100.10") * d("5.01")


def test_a_limit_order_that_gets_a_better_price_has_the_difference_back() -> None:
    desk = Desk(fees=FREE)
    desk.place(limit(BUY, "110", "1"))
    assert (desk.free("USDT"), desk.locked("USDT")) == (d("99899.9"), 0)


def test_a_limit_order_trades_only_when_the_price_has_passed_it() -> None:
    desk = Desk()
    resting = desk.place(limit(BUY, "98")).order
    desk.price("98")
    assert desk.order(resting.order_id).status is Status.NEW
    desk.price("97.80")
    done = desk.order(resting.order_id)
    assert (done.status, done.amount) == (Status.FILLED, d(98))


def test_a_large_limit_order_fills_in_parts_as_the_market_comes() -> None:
    desk = Desk()
    resting = desk.place(limit(BUY, "98", "25")).order
    seen = []
    for price in ("97.90", "97.95", "97.90", "97.80"):
        desk.price(price)
        seen.append(desk.order(resting.order_id).executed)
    assert seen == [d("10.204"), d("10.204"), d("20.408"), d(25)]


@pytest.mark.parametrize(("quantity", "executed"), [("5", "5"), ("15", "9.99")])
def test_immediate_or_cancel_takes_what_there_is(quantity: str, executed: str) -> None:
    done = Desk().place(limit(BUY, "100.10", quantity, time_in_force=TimeInForce.IOC)).order
    assert done.executed == d(executed)
    assert (done.status is Status.FILLED) == (done.expiry is None)
    assert done.expiry in (None, ExpiryReason.UNFILLED_IOC)


@pytest.mark.parametrize(("quantity", "executed"), [("9.99", "9.99"), ("10", "0")])
def test_fill_or_kill_takes_all_or_nothing(quantity: str, executed: str) -> None:
    desk = Desk()
    done = desk.place(limit(BUY, "100.10", quantity, time_in_force=TimeInForce.FOK)).order
    assert done.executed == d(executed)
    assert done.expiry in (None, ExpiryReason.UNFILLED_FOK)
    assert desk.locked("USDT") == 0


def test_a_limit_maker_that_would_take_is_refused() -> None:
    desk = Desk()
    with refused(-2010, "Order would immediately match and take."):
        desk.place(order(BUY, Kind.LIMIT_MAKER, price=d("100.10")))
    assert desk.place(order(BUY, Kind.LIMIT_MAKER, price=d("100.09"))).order.status is Status.NEW


def test_the_earlier_of_two_orders_at_one_price_is_served_first() -> None:
    desk = Desk()
    first = desk.place(limit(BUY, "98", "8"), BOB).order
    second = desk.place(limit(BUY, "98", "8")).order
    desk.price("97.90")
    assert desk.order(first.order_id, BOB).status is Status.FILLED
    assert desk.order(second.order_id).status is not Status.FILLED


def test_two_accounts_trade_with_each_other_at_the_price_of_the_one_who_waited() -> None:
    desk = Desk(NOBODY, fees=FREE)
    desk.place(limit(SELL, "99", "2"), BOB)
    done = desk.place(limit(BUY, "101", "1"))
    assert [(trade.price, trade.is_maker) for trade in done.trades] == [(d(99), False)]
    assert (desk.free("USDT", BOB), desk.free("USDT")) == (d(100_099), d(99_901))


@pytest.mark.parametrize(
    ("placed", "moves_to"),
    [
        (stop(SELL, "99"), "98.90"),
        (stop(BUY, "101"), "101.20"),
        (order(SELL, Kind.TAKE_PROFIT, stop_price=d(101)), "101.20"),
        (order(BUY, Kind.TAKE_PROFIT, stop_price=d(99)), "98.90"),
        (stop(SELL, "99", price="98"), "98.90"),
        (order(BUY, Kind.TAKE_PROFIT_LIMIT, price=d(100), stop_price=d(99)), "98.90"),
    ],
)
def test_a_waiting_order_works_when_the_price_has_come(placed: NewOrder, moves_to: str) -> None:
    desk = Desk()
    waiting = desk.place(placed).order
    assert (waiting.status, waiting.is_working) == (Status.NEW, False)
    desk.price(moves_to)
    done = desk.order(waiting.order_id)
    assert done.status is Status.FILLED
    assert done.working_ms == desk.now_ms
    assert (desk.locked("COIN"), desk.locked("USDT")) == (0, 0)


@pytest.mark.parametrize(
    "placed",
    [
        stop(SELL, "100"),
        stop(BUY, "99"),
        order(SELL, Kind.TAKE_PROFIT, stop_price=d(99)),
        order(BUY, Kind.TAKE_PROFIT_LIMIT, price=d(100), stop_price=d(101)),
    ],
)
def test_an_order_that_would_trigger_at_once_is_refused(placed: NewOrder) -> None:
    with refused(-2010, "Order would trigger immediately."):
        Desk().place(placed)


def test_a_stop_works_at_its_price_where_the_market_comes_by_and_lower_where_it_jumps() -> None:
    gentle, sudden = Desk(), Desk()
    for desk, gap in ((gentle, False), (sudden, True)):
        waiting = desk.place(stop(SELL, "99")).order
        desk.price("95", gap=gap)
        assert desk.order(waiting.order_id).status is Status.FILLED
    assert gentle.venue.inquiries.my_trades(ALICE, HistoryQuery(COIN), gentle.now_ms)[0].price == d("98.90")
    assert sudden.venue.inquiries.my_trades(ALICE, HistoryQuery(COIN), sudden.now_ms)[0].price == d("94.90")


def test_a_stop_limit_that_is_jumped_over_rests_unfilled() -> None:
    desk = Desk()
    waiting = desk.place(stop(SELL, "99", price="98")).order
    desk.price("95", gap=True)
    stuck = desk.order(waiting.order_id)
    assert (stuck.status, stuck.is_working, stuck.executed) == (Status.NEW, True, 0)
    assert desk.locked("COIN") == d(1)


def test_a_stop_that_is_larger_than_the_book_expires_in_part() -> None:
    desk = Desk()
    waiting = desk.place(stop(SELL, "99", "50")).order
    desk.price("98")
    done = desk.order(waiting.order_id)
    assert done.status is Status.EXPIRED
    assert 0 < done.executed < d(50)
    assert desk.locked("COIN") == 0


def test_a_large_order_moves_the_price_and_triggers_stops() -> None:
    desk = Desk()
    waiting = desk.place(stop(BUY, "100.20")).order
    desk.place(market(BUY, "15"), BOB)
    assert desk.order(waiting.order_id).status is Status.FILLED


def test_a_stop_that_buys_spends_no_more_than_there_is() -> None:
    desk = Desk(funds={"USDT": d(1_010)}, fees=FREE)
    waiting = desk.place(stop(BUY, "101", "10")).order
    desk.price("105", gap=True)
    done = desk.order(waiting.order_id)
    assert done.status is Status.EXPIRED
    assert done.executed == d("9.608")
    assert 0 <= desk.free("USDT") < d("0.2")


@pytest.mark.parametrize(
    ("mode", "maker", "taker"),
    [
        (SelfTrade.EXPIRE_MAKER, Status.EXPIRED_IN_MATCH, Status.NEW),
        (SelfTrade.EXPIRE_TAKER, Status.NEW, Status.EXPIRED_IN_MATCH),
        (SelfTrade.EXPIRE_BOTH, Status.EXPIRED_IN_MATCH, Status.EXPIRED_IN_MATCH),
        (SelfTrade.NONE, Status.FILLED, Status.FILLED),
    ],
)
def test_orders_of_one_account_do_not_trade_unless_told_so(mode: SelfTrade, maker: Status, taker: Status) -> None:
    desk = Desk(NOBODY)
    rests = desk.place(limit(SELL, "101")).order
    takes = desk.place(limit(BUY, "101", self_trade=mode)).order
    assert (desk.order(rests.order_id).status, takes.status) == (maker, taker)
    traded = bool(desk.venue.inquiries.my_trades(ALICE, HistoryQuery(COIN), desk.now_ms))
    assert traded == (mode is SelfTrade.NONE)
