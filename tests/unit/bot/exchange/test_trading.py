"""The trading venue: the life of every type of order, cancels, questions, money and closed markets."""

import pytest

from bot.core.orders import BUY, SELL
from bot.exchange.account_events import BalancesEvent, DepositEvent, Execution, OrderEvent
from bot.exchange.accounts import FeeSchedule
from bot.exchange.depth import Depth, Tick
from bot.exchange.orders import ExpiryReason, Kind, NewOrder, SelfTrade, Status, TimeInForce
from bot.exchange.requests import (
    CancelOrder,
    CancelReplace,
    HistoryQuery,
    OrderRef,
    ReplaceMode,
    Restriction,
)
from bot.exchange.traded_market import MarketStatus
from bot.exchange.weights import Limit, Limits
from bot.exchange.wire import Refusal
from tests.unit.bot.exchange.trading_desk import ALICE, BOB, COIN, Desk, d, limit, order, refused, sell_pair, stop

FREE = FeeSchedule(maker=d(0), taker=d(0))
NOBODY = Depth(levels=0)
INSUFFICIENT = "Account has insufficient balance for requested action."


def market(side, quantity: str = "1", **more) -> NewOrder:
    return order(side, Kind.MARKET, quantity, **more)


def for_amount(side, amount: str) -> NewOrder:
    return NewOrder(COIN, side, Kind.MARKET, quote_quantity=d(amount))


# Orders that take.


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


# Orders with a limit.


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


# Orders that wait for a price.


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


# Self-trade prevention.


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


# Client ids.


def test_a_client_id_is_unique_among_the_open_orders_only() -> None:
    desk = Desk()
    again = limit(BUY, "98", client_order_id="mine")
    first = desk.place(again).order
    with refused(-2010, "Duplicate order sent."):
        desk.place(again)
    desk.cancel(first.order_id)
    second = desk.place(again).order
    assert second.order_id > first.order_id


def test_a_market_order_that_is_sent_twice_with_one_client_id_trades_twice() -> None:
    desk = Desk()
    for _ in range(2):
        assert desk.place(market(BUY, client_order_id="mine")).order.status is Status.FILLED
    assert len(desk.venue.inquiries.my_trades(ALICE, HistoryQuery(COIN), desk.now_ms)) == 2


def test_accounts_may_use_the_same_client_ids() -> None:
    desk = Desk()
    desk.place(limit(BUY, "98", client_order_id="mine"))
    assert desk.place(limit(BUY, "98", client_order_id="mine"), BOB).order.status is Status.NEW


def test_of_several_orders_with_one_client_id_the_newest_is_shown() -> None:
    desk = Desk()
    desk.place(market(BUY, client_order_id="mine"))
    newest = desk.place(market(SELL, client_order_id="mine")).order
    assert desk.venue.inquiries.order(ALICE, OrderRef(COIN, client_order_id="mine"), desk.now_ms) == newest


def test_an_order_without_a_client_id_is_given_one_that_is_always_the_same() -> None:
    ids = [Desk().place(limit(BUY, "98")).order.client_order_id for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 22


# Cancels.


def test_a_cancelled_order_gives_back_what_it_had_set_aside() -> None:
    desk = Desk()
    resting = desk.place(limit(SELL, "105", "3")).order
    assert desk.locked("COIN") == d(3)
    assert desk.cancel(resting.order_id).status is Status.CANCELED
    assert (desk.free("COIN"), desk.locked("COIN")) == (d(100), 0)


def test_a_partly_filled_order_that_is_cancelled_keeps_what_it_got() -> None:
    desk = Desk()
    resting = desk.place(limit(BUY, "100.10", "15")).order
    done = desk.cancel(resting.order_id)
    assert (done.status, done.executed) == (Status.CANCELED, d("9.99"))
    assert desk.locked("USDT") == 0


@pytest.mark.parametrize("why", ["filled", "cancelled", "never there", "somebody else's", "another client id"])
def test_what_is_not_open_cannot_be_cancelled(why: str) -> None:
    desk = Desk()
    ref = OrderRef(COIN, 1)
    if why == "filled":
        desk.place(market(BUY))
    elif why == "cancelled":
        desk.cancel(desk.place(limit(BUY, "98")).order.order_id)
    elif why == "somebody else's":
        desk.place(limit(BUY, "98"), BOB)
    elif why == "another client id":
        desk.place(limit(BUY, "98", client_order_id="mine"))
        ref = OrderRef(COIN, 1, "other")
    with refused(-2011, "Unknown order sent."):
        desk.venue.cancel(ALICE, CancelOrder(ref), desk.tick())


def test_a_cancel_may_be_restricted_to_a_state() -> None:
    desk = Desk()
    untouched = desk.place(limit(BUY, "98")).order
    started = desk.place(limit(BUY, "100.10", "15")).order
    text = "Order was not canceled due to cancel restrictions."
    with refused(-2011, text):
        desk.cancel(started.order_id, restriction=Restriction.ONLY_NEW)
    with refused(-2011, text):
        desk.cancel(untouched.order_id, restriction=Restriction.ONLY_PARTIALLY_FILLED)
    assert desk.cancel(untouched.order_id, restriction=Restriction.ONLY_NEW).status is Status.CANCELED


def test_all_orders_of_a_market_are_cancelled_at_once() -> None:
    desk = Desk()
    desk.place(limit(BUY, "98"))
    desk.place_pair(sell_pair())
    desk.place(limit(BUY, "98"), BOB)
    answers = desk.venue.cancel_all(ALICE, COIN, desk.tick())
    assert [len(done.orders) for done in answers] == [1, 2]
    assert desk.venue.inquiries.open_orders(ALICE, COIN, desk.now_ms) == []
    assert len(desk.venue.inquiries.open_orders(BOB, COIN, desk.now_ms)) == 1
    with refused(-2011, "Unknown order sent."):
        desk.venue.cancel_all(ALICE, COIN, desk.tick())


# Cancel and replace.


def replace_order(desk: Desk, old_id: int, new: NewOrder, mode: ReplaceMode = ReplaceMode.STOP_ON_FAILURE):
    return desk.venue.cancel_replace(ALICE, CancelReplace(CancelOrder(OrderRef(COIN, old_id)), new, mode), desk.tick())


def test_an_order_is_replaced_by_one_of_the_same_client_id_with_the_same_funds() -> None:
    desk = Desk(funds={"COIN": d(1)})
    old = desk.place(limit(SELL, "105", client_order_id="mine")).order
    done = replace_order(desk, old.order_id, limit(SELL, "106", client_order_id="mine"))
    assert not isinstance(done.cancelled, Refusal)
    assert done.placed is not None
    assert not isinstance(done.placed, Refusal)
    assert done.placed.order.price == d(106)
    assert desk.order(old.order_id).status is Status.CANCELED


@pytest.mark.parametrize(("mode", "tried"), [(ReplaceMode.STOP_ON_FAILURE, False), (ReplaceMode.ALLOW_FAILURE, True)])
def test_the_new_order_is_placed_after_a_failed_cancel_only_where_that_is_allowed(
    mode: ReplaceMode, tried: bool
) -> None:
    desk = Desk()
    done = replace_order(desk, 77, limit(SELL, "106"), mode)
    assert isinstance(done.cancelled, Refusal)
    assert (done.placed is not None) == tried
    assert desk.venue.meter(ALICE).usage(desk.now_ms)[0][1] == 1


def test_the_old_order_stays_cancelled_when_the_new_one_fails() -> None:
    desk = Desk()
    old = desk.place(limit(SELL, "105")).order
    done = replace_order(desk, old.order_id, limit(SELL, "106", "1000"))
    assert isinstance(done.placed, Refusal)
    assert desk.order(old.order_id).status is Status.CANCELED
    assert desk.locked("COIN") == 0


def test_a_replacement_that_breaks_a_filter_leaves_the_old_order_alone() -> None:
    desk = Desk()
    old = desk.place(limit(SELL, "105")).order
    with refused(-1013, "Filter failure: PRICE_FILTER"):
        replace_order(desk, old.order_id, limit(SELL, "106.001"))
    assert desk.order(old.order_id).is_open


# Money.


def test_a_commission_is_taken_out_of_what_is_received() -> None:
    desk = Desk()
    bought = desk.place(market(BUY)).trades[0]
    sold = desk.place(market(SELL)).trades[0]
    assert (bought.commission, bought.commission_asset) == (d("0.001"), "COIN")
    assert (sold.commission, sold.commission_asset) == (d("0.0999"), "USDT")
    assert desk.free("COIN") == d("99.999")


def test_all_that_was_bought_cannot_be_sold_because_of_the_commission() -> None:
    desk = Desk(funds={"USDT": d(1_000)})
    desk.place(market(BUY, "1"))
    with refused(-2010, INSUFFICIENT):
        desk.place(market(SELL, "1"))


def test_a_maker_pays_the_makers_commission() -> None:
    desk = Desk(fees=FeeSchedule(maker=d(0), taker=d("0.01")))
    resting = desk.place(limit(BUY, "98")).order
    desk.price("97.80")
    made = desk.venue.inquiries.my_trades(ALICE, HistoryQuery(COIN, order_id=resting.order_id), desk.now_ms)
    assert [(trade.is_maker, trade.commission) for trade in made] == [(True, 0)]


@pytest.mark.parametrize(("bnb", "asset", "commission"), [("1", "BNB", "0.00025025"), ("0.0001", "COIN", "0.001")])
def test_a_commission_is_taken_in_bnb_as_long_as_there_is_enough(bnb: str, asset: str, commission: str) -> None:
    desk = Desk(funds={"USDT": d(1_000), "BNB": d(bnb)}, fees=FeeSchedule(bnb_price=d(300)))
    trade = desk.place(market(BUY)).trades[0]
    assert (trade.commission_asset, trade.commission) == (asset, d(commission))


def test_the_commission_may_change_between_two_trades() -> None:
    desk = Desk()
    desk.place(market(BUY))
    desk.venue.ledger.accounts[ALICE].fees = FREE
    assert desk.place(market(BUY)).trades[0].commission == 0


def test_money_comes_and_goes_from_outside() -> None:
    desk = Desk()
    desk.venue.deposit(ALICE, "USDT", d("12.5"), desk.tick())
    desk.venue.deposit(ALICE, "COIN", d(-40), desk.tick())
    assert (desk.free("USDT"), desk.free("COIN")) == (d("100012.5"), d(60))
    with refused(-2010, INSUFFICIENT):
        desk.venue.deposit(ALICE, "COIN", d(-61), desk.tick())
    told = [event.amount for event in desk.venue.drain() if isinstance(event, DepositEvent)]
    assert told == [d("12.5"), d(-40)]


def test_nothing_is_made_or_lost_in_a_trade() -> None:
    desk = Desk()
    before = desk.venue.ledger.totals()
    desk.place(market(BUY, "20"))
    desk.place(limit(BUY, "98", "15"))
    desk.place(stop(SELL, "99", "7"))
    desk.price("97.5")
    assert desk.venue.ledger.totals() == before


# Closed markets and accounts.


@pytest.mark.parametrize("status", [status for status in MarketStatus if status is not MarketStatus.TRADING])
def test_a_market_that_does_not_trade_takes_no_orders(status: MarketStatus) -> None:
    desk = Desk()
    resting = desk.place(limit(BUY, "98")).order
    desk.venue.set_status(COIN, status)
    with refused(-1013, "Market is closed."):
        desk.place(market(BUY))
    desk.price("90")
    assert desk.order(resting.order_id).status is Status.NEW
    if status.may_cancel:
        assert desk.cancel(resting.order_id).status is Status.CANCELED
    else:
        with refused(-1013, "Market is closed."):
            desk.cancel(resting.order_id)


def test_a_market_that_opens_again_jumps_to_where_the_price_is() -> None:
    desk = Desk()
    waiting = desk.place(stop(SELL, "99")).order
    desk.venue.set_status(COIN, MarketStatus.BREAK)
    desk.price("95")
    desk.venue.set_status(COIN, MarketStatus.TRADING)
    desk.price("94")
    assert desk.order(waiting.order_id).amount == d("93.9")


def test_an_account_may_be_barred_from_trading() -> None:
    desk = Desk()
    desk.venue.ledger.accounts[ALICE].may_trade = False
    with refused(-2010, "This account may not place or cancel orders."):
        desk.place(market(BUY))
    assert desk.place(market(BUY), BOB).order.status is Status.FILLED


def test_an_unknown_market_is_refused() -> None:
    with refused(-1121, "Invalid symbol."):
        Desk().place(NewOrder("XUSDT", BUY, Kind.MARKET, d(1)))


def test_an_exchange_may_end_an_order_without_a_reason() -> None:
    desk = Desk()
    resting = desk.place(limit(SELL, "105")).order
    desk.venue.expire(ALICE, OrderRef(COIN, resting.order_id), desk.tick())
    gone = desk.order(resting.order_id)
    assert (gone.status, gone.expiry) == (Status.EXPIRED, ExpiryReason.EXCHANGE_CANCELED)
    assert desk.locked("COIN") == 0


# Limits on the number of orders.


def test_too_many_unfilled_orders_are_refused_until_the_window_ends() -> None:
    desk = Desk(limits=Limits(orders=(Limit("ORDERS", "SECOND", 10, 3, 10_000),)))
    desk.now_ms = 10_000
    for _ in range(3):
        desk.place(limit(BUY, "98"))
    with refused(-1015, "Too many new orders; current limit is 3 orders per 10 SECOND.", 429):
        desk.place(limit(BUY, "98"))
    desk.now_ms = 20_000
    assert desk.place(limit(BUY, "98")).order.status is Status.NEW


def test_orders_that_trade_do_not_count() -> None:
    desk = Desk(limits=Limits(orders=(Limit("ORDERS", "SECOND", 10, 1, 10_000),)))
    desk.now_ms = 10_000
    for _ in range(4):
        assert desk.place(market(BUY)).order.status is Status.FILLED


# Questions.


def test_an_order_that_never_was_is_not_shown() -> None:
    desk = Desk()
    desk.place(limit(BUY, "98"), BOB)
    with refused(-2013, "Order does not exist."):
        desk.order(1)


def test_a_number_and_a_client_id_have_to_agree() -> None:
    desk = Desk()
    desk.place(limit(BUY, "98", client_order_id="mine"))
    with refused(-2039, "Client order ID is not correct for this order ID."):
        desk.venue.inquiries.order(ALICE, OrderRef(COIN, 1, "other"), desk.now_ms)


def test_a_venue_that_is_behind_answers_as_of_a_moment_ago() -> None:
    desk = Desk()
    resting = desk.place(limit(BUY, "98")).order
    placed_ms = desk.now_ms
    desk.price("97.80")
    ask = desk.venue.inquiries
    ref = OrderRef(COIN, resting.order_id)
    with refused(-2013, "Order does not exist."):
        ask.order(ALICE, ref, placed_ms - 1)
    assert ask.order(ALICE, ref, placed_ms).status is Status.NEW
    assert [one.status for one in ask.open_orders(ALICE, COIN, placed_ms)] == [Status.NEW]
    assert ask.my_trades(ALICE, HistoryQuery(COIN), placed_ms) == []
    assert ask.balances(ALICE, placed_ms)[1]["USDT"].locked == d(98)
    assert ask.order(ALICE, ref, desk.now_ms).status is Status.FILLED
    assert ask.open_orders(ALICE, COIN, desk.now_ms) == []
    assert ask.balances(ALICE, desk.now_ms)[1]["USDT"].locked == 0


def test_trades_are_found_by_order_number_time_and_count() -> None:
    desk = Desk()
    for _ in range(4):
        desk.place(market(BUY))

    def found(**asked) -> list[int]:
        query = HistoryQuery(COIN, **asked)
        return [trade.trade_id for trade in desk.venue.inquiries.my_trades(ALICE, query, desk.now_ms)]

    times = [trade.time_ms for trade in desk.venue.inquiries.my_trades(ALICE, HistoryQuery(COIN), desk.now_ms)]
    assert found() == [1, 2, 3, 4]
    assert found(order_id=3) == [3]
    assert found(from_id=3) == [3, 4]
    assert found(limit=2) == [3, 4]
    assert found(from_id=1, limit=2) == [1, 2]
    assert found(start_ms=times[1], end_ms=times[2]) == [2, 3]


def test_orders_are_listed_from_a_number_on_or_the_newest() -> None:
    desk = Desk()
    for _ in range(4):
        desk.place(market(BUY))

    def found(**asked) -> list[int]:
        query = HistoryQuery(COIN, **asked)
        return [one.order_id for one in desk.venue.inquiries.all_orders(ALICE, query, desk.now_ms)]

    assert (found(), found(limit=1), found(order_id=2, limit=2)) == ([1, 2, 3, 4], [4], [2, 3])


def test_an_order_can_be_vetted_without_being_placed() -> None:
    desk = Desk()
    desk.venue.vet(ALICE, market(BUY), desk.now_ms)
    with refused(-1013, "Filter failure: LOT_SIZE"):
        desk.venue.vet(ALICE, market(BUY, "0"), desk.now_ms)
    assert desk.venue.inquiries.all_orders(ALICE, HistoryQuery(COIN), desk.now_ms) == []


# What is told.


def test_every_step_of_an_order_is_told_once_and_then_the_balances() -> None:
    desk = Desk()
    desk.venue.drain()
    desk.place(market(BUY, "12"))
    events = desk.venue.drain()
    steps = [(event.execution, event.order.status) for event in events if isinstance(event, OrderEvent)]
    assert steps == [
        (Execution.NEW, Status.NEW),
        (Execution.TRADE, Status.PARTIALLY_FILLED),
        (Execution.TRADE, Status.FILLED),
    ]
    last = events[-1]
    assert isinstance(last, BalancesEvent)
    assert set(last.balances) == {"COIN", "USDT"}
    assert desk.venue.drain() == []


def test_a_cancel_is_told_with_its_own_id() -> None:
    desk = Desk()
    resting = desk.place(limit(BUY, "98", client_order_id="mine")).order
    desk.venue.drain()
    desk.cancel(resting.order_id, cancel_id="bye")
    told = next(event for event in desk.venue.drain() if isinstance(event, OrderEvent))
    assert (told.execution, told.cancel_id, told.order.client_order_id) == (Execution.CANCELED, "bye", "mine")


def test_a_gap_is_a_jump_even_where_no_order_waits() -> None:
    desk = Desk()
    desk.venue.move(COIN, Tick(desk.tick(), d(50), gap=True))
    assert desk.place(market(BUY)).trades[0].price == d("50.05")
