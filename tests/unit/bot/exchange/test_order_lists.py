"""Pairs of orders of which one cancels the other."""

import pytest
from msgspec.structs import replace

from bot.core.orders import BUY, SELL
from bot.exchange.account_events import ListEvent
from bot.exchange.order_lists import ListStatus, NewOco, check_legs
from bot.exchange.orders import ExpiryReason, Kind, Status
from bot.exchange.requests import ListRef
from tests.unit.bot.exchange.trading_desk import ALICE, COIN, Desk, buy_pair, d, order, refused, sell_pair, stop

MAKER = Kind.LIMIT_MAKER
LAST = d(100)


def profit(side, price: str):
    return order(side, Kind.TAKE_PROFIT, stop_price=d(price))


def maker(side, price: str):
    return order(side, MAKER, price=d(price))


@pytest.mark.parametrize(
    "pair",
    [
        sell_pair(),
        buy_pair(),
        NewOco(profit(SELL, "105"), stop(SELL, "95", price="94")),
        NewOco(stop(BUY, "105", price="106"), profit(BUY, "95")),
    ],
)
def test_a_stop_on_one_side_and_a_gain_on_the_other_make_a_pair(pair: NewOco) -> None:
    check_legs(pair, LAST)


@pytest.mark.parametrize(
    ("pair", "code", "text"),
    [
        (NewOco(order(SELL, Kind.MARKET), stop(SELL, "95")), -1158, "Order type not supported in OCO."),
        (NewOco(maker(SELL, "105"), maker(SELL, "95")), -1168, "At least one OCO order must be contingent."),
        (NewOco(profit(SELL, "105"), maker(SELL, "95")), -1166, "A limit order in a sell OCO must be above."),
        (NewOco(maker(BUY, "105"), profit(BUY, "95")), -1165, "A limit order in a buy OCO must be below."),
        (NewOco(stop(SELL, "105"), stop(SELL, "95")), -1197, "A stop loss order in a sell OCO must be below."),
        (NewOco(stop(BUY, "105"), stop(BUY, "95")), -1196, "A stop loss order in a buy OCO must be above."),
        (NewOco(maker(SELL, "105"), profit(SELL, "95")), -1199, "A take profit order in a sell OCO must be above."),
        (NewOco(profit(BUY, "105"), maker(BUY, "95")), -1198, "A take profit order in a buy OCO must be below."),
    ],
)
def test_a_pair_of_the_wrong_types_is_refused(pair: NewOco, code: int, text: str) -> None:
    with refused(code, text):
        check_legs(pair, LAST)


@pytest.mark.parametrize(
    "pair", [sell_pair("100", "95"), sell_pair("105", "100"), sell_pair("95", "90"), buy_pair("100")]
)
def test_the_last_price_lies_between_the_two(pair: NewOco) -> None:
    with refused(-2010, "The relationship of the prices for the orders is not correct."):
        check_legs(pair, LAST)


def test_a_sell_pair_sets_its_quantity_aside_once() -> None:
    desk = Desk()
    desk.place_pair(sell_pair(quantity="60"))
    assert (desk.free("COIN"), desk.locked("COIN")) == (d(40), d(60))


def test_a_buy_pair_sets_the_dearer_of_the_two_aside() -> None:
    desk = Desk()
    desk.place_pair(buy_pair(quantity="2"))
    assert desk.locked("USDT") == d(210)


def test_the_stop_of_a_pair_waits_and_the_limit_works() -> None:
    below, above = Desk().place_pair(sell_pair())
    assert (below.is_working, above.is_working) == (False, True)
    assert below.list_id == above.list_id == 0


def test_a_triggered_stop_ends_the_limit() -> None:
    desk = Desk()
    below, above = desk.place_pair(sell_pair())
    desk.price("94")
    assert desk.order(below.order_id).status is Status.FILLED
    gone = desk.order(above.order_id)
    assert (gone.status, gone.expiry) == (Status.EXPIRED, ExpiryReason.OCO_TRIGGER)
    assert desk.locked("COIN") == 0


def test_a_filled_limit_ends_the_stop() -> None:
    desk = Desk()
    below, above = desk.place_pair(sell_pair())
    desk.price("106")
    assert desk.order(above.order_id).status is Status.FILLED
    assert desk.order(below.order_id).expiry is ExpiryReason.OCO_TRIGGER
    assert desk.locked("COIN") == 0


def test_a_limit_that_is_filled_in_part_leaves_the_rest_without_a_stop() -> None:
    desk = Desk()
    below, above = desk.place_pair(sell_pair(quantity="30"))
    desk.price("105.20")
    half = desk.order(above.order_id)
    assert half.status is Status.PARTIALLY_FILLED
    assert desk.order(below.order_id).status is Status.EXPIRED
    assert desk.locked("COIN") == half.remaining
    assert [pair.list_id for pair in desk.venue.inquiries.open_lists(ALICE)] == [0]


def test_a_buy_pair_frees_what_only_the_other_order_needed() -> None:
    desk = Desk()
    below, _ = desk.place_pair(buy_pair(quantity="30"))
    desk.price("94.90")
    assert desk.locked("USDT") == 95 * desk.order(below.order_id).remaining > 0


def test_a_stop_that_buys_pays_what_the_market_asks() -> None:
    desk = Desk()
    _, above = desk.place_pair(buy_pair(quantity="1"))
    desk.price("107", gap=True)
    bought = desk.order(above.order_id)
    assert bought.status is Status.FILLED
    assert bought.amount == d("107.11")
    assert desk.locked("USDT") == 0


def test_the_cancel_of_one_ends_both() -> None:
    desk = Desk()
    below, above = desk.place_pair(sell_pair())
    desk.cancel(above.order_id)
    assert desk.order(below.order_id).status is Status.CANCELED
    assert desk.locked("COIN") == 0


def test_a_pair_is_cancelled_by_its_client_id() -> None:
    desk = Desk()
    desk.place_pair(replace(sell_pair(), client_list_id="mine"))
    ref = ListRef(client_list_id="mine", symbol=COIN, cancel_id="bye")
    pair, done = desk.venue.cancel_pair(ALICE, ref, desk.tick())
    assert pair.status is ListStatus.ALL_DONE
    assert (done.cancel_id, [one.status for one in done.orders]) == ("bye", [Status.CANCELED] * 2)
    with refused(-2011, "Unknown order sent."):
        desk.venue.cancel_pair(ALICE, ref, desk.tick())


def test_an_id_of_a_pair_is_unique_among_the_open_ones_only() -> None:
    desk = Desk()
    named = replace(sell_pair(), client_list_id="mine")
    below, _ = desk.place_pair(named)
    with refused(-2010, "Duplicate order sent."):
        desk.place_pair(named)
    desk.cancel(below.order_id)
    desk.place_pair(named)


def test_the_two_orders_of_a_pair_need_different_ids() -> None:
    desk = Desk()
    pair = sell_pair()
    same = NewOco(replace(pair.above, client_order_id="x"), replace(pair.below, client_order_id="x"))
    with refused(-2010, "Duplicate order sent."):
        desk.place_pair(same)
    assert desk.locked("COIN") == 0


def test_a_pair_without_the_funds_leaves_nothing_behind() -> None:
    desk = Desk()
    with refused(-2010, "Account has insufficient balance for requested action."):
        desk.place_pair(sell_pair(quantity="101"))
    assert desk.venue.inquiries.open_orders(ALICE, None, desk.now_ms) == []
    assert desk.venue.inquiries.open_lists(ALICE) == []


def test_a_pair_is_told_when_it_begins_and_when_all_is_done() -> None:
    desk = Desk()
    desk.place_pair(sell_pair())
    desk.price("94")
    told = [event for event in desk.venue.drain() if isinstance(event, ListEvent)]
    assert [event.order_list.status for event in told] == [ListStatus.EXECUTING, ListStatus.ALL_DONE]
    assert told[0].client_order_ids == told[1].client_order_ids


def test_a_pair_that_nobody_knows_is_not_shown() -> None:
    with refused(-2018, "Order list does not exist."):
        Desk().venue.inquiries.order_list(ALICE, ListRef(list_id=7))
