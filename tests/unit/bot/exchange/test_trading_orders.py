"""What becomes of orders: their names, cancels and replacements."""

import pytest

from bot.core.orders import BUY, SELL
from bot.exchange.accounts import FeeSchedule
from bot.exchange.depth import Depth
from bot.exchange.orders import NewOrder, Status
from bot.exchange.requests import (
    CancelOrder,
    CancelReplace,
    HistoryQuery,
    OrderRef,
    ReplaceMode,
    Restriction,
)
from bot.exchange.wire import Refusal
from tests.unit.bot.exchange.trading_desk import (
    ALICE,
    BOB,
    COIN,
    Desk,
    d,
    limit,
    market,
    refused,
    sell_pair,
)

FREE = FeeSchedule(maker=d(0), taker=d(0))
NOBODY = Depth(levels=0)
INSUFFICIENT = "Account has insufficient balance for requested action."


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
