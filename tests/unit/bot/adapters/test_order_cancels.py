"""A wish to cancel lasts until the order itself says that it is over; and when open orders are looked at."""

from bot.adapters.order_messages import (
    AskTrades,
    TakeBack,
    Unresolved,
    VenueStatus,
)
from bot.core.events import OrderCancelled
from bot.core.orders import SELL
from tests.order_script import NOT_FOUND, T0, OrderScript, names, of, report, stop, trade

FILLED, PARTLY = VenueStatus.FILLED, VenueStatus.PARTIALLY_FILLED
EXPIRED, CANCELLED, REJECTED = VenueStatus.EXPIRED, VenueStatus.CANCELLED, VenueStatus.REJECTED
NO_ANSWER = Unresolved("no answer")


def test_a_cancel_ends_with_the_orders_own_state():
    script = OrderScript()
    script.submit(stop())
    script.placed(stop(), report(stop()))
    assert of(TakeBack, script.cancel(stop()))
    assert names(script.taken_back(stop(), report(stop(), CANCELLED))) == ["OrderCancelled"]


def test_a_cancel_that_finds_nothing_asks_and_the_order_decides():
    script = OrderScript()
    script.submit(stop())
    script.placed(stop(), report(stop()))
    script.cancel(stop())
    assert names(script.taken_back(stop(), NOT_FOUND)) == ["AskOrder"]
    said = script.looked_up(stop(), report(stop(), FILLED, "1", trade("1", side=SELL)))
    assert names(said) == ["OrderFilled"]


def test_a_cancel_whose_answer_is_lost_is_sent_again_while_the_order_is_open():
    script = OrderScript()
    script.submit(stop())
    script.placed(stop(), report(stop()))
    script.cancel(stop())
    assert names(script.taken_back(stop(), NO_ANSWER)) == ["AskOrder"]
    script.looked_up(stop(), report(stop()))
    assert of(TakeBack, script.later(500))


def test_a_wish_that_comes_before_the_answer_is_kept():
    script = OrderScript()
    script.submit(stop())
    assert not of(TakeBack, script.cancel(stop()))
    assert of(TakeBack, script.placed(stop(), report(stop())))


def test_an_order_in_doubt_is_taken_back_at_once_and_the_cancel_may_resolve_it():
    script = OrderScript()
    script.submit(stop())
    script.placed(stop(), NO_ANSWER)
    assert of(TakeBack, script.cancel(stop()))
    assert names(script.taken_back(stop(), report(stop(), CANCELLED))) == ["OrderAccepted", "OrderCancelled"]


def test_what_fills_while_it_is_taken_back_counts():
    script = OrderScript()
    script.submit(stop())
    script.placed(stop(), report(stop()))
    script.cancel(stop())
    script.heard(report(stop(), PARTLY, "0.4", trade("0.4", side=SELL)))
    said = script.taken_back(stop(), report(stop(), CANCELLED, "0.4"))
    assert names(said) == ["OrderCancelled"]


def test_without_a_stream_open_orders_are_looked_at_every_few_seconds_and_beneath_one_every_minute():
    script = OrderScript()
    script.submit(stop())
    script.placed(stop(), report(stop()))
    assert script.tracker.next_look_ms == T0 + 5_000
    assert names(script.stream(live=True)) == ["AskOrder", "AskAccount"]
    script.looked_up(stop(), report(stop()))
    script.account(report(stop()))
    assert script.tracker.next_look_ms == T0 + 60_000


def test_an_order_that_is_missing_from_a_list_is_asked_for_and_one_that_is_younger_than_the_list_is_not():
    script = OrderScript()
    script.submit(stop())
    script.placed(stop(), report(stop()))
    script.later(5_000)
    assert not script.account(asked_ms=T0 - 1)
    assert names(script.account(asked_ms=T0 + 5_000)) == ["AskOrder"]
    assert not of(OrderCancelled, script.looked_up(stop(), report(stop())))


def test_nothing_is_asked_where_nothing_is_open():
    script = OrderScript()
    script.stream(live=True)
    script.account()
    assert script.tracker.next_look_ms is None


def test_an_order_that_the_venue_has_lost_is_over_after_the_same_patience_and_a_look_at_its_trades():
    script = OrderScript()
    script.submit(stop())
    script.placed(stop(), report(stop()))
    said = script.live(60_000)
    assert not of(OrderCancelled, said)
    said = script.live(30_000)
    assert of(AskTrades, said)
    assert of(OrderCancelled, said)[0].reason == "the venue does not know it any more"
