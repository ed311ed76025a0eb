"""
What every broker promises to the engine, whatever it executes against.

A second implementation joins by a `Place` of its own in `PLACES`: how to make it, and how to have its market
trade at a price.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

import pytest

from bot.adapters.paper_broker import PaperBroker
from bot.core.commands import CancelOrder, Reconcile, SubmitOrder
from bot.core.events import (
    AccountReconciled,
    AnyEvent,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from bot.core.orders import Intent, Order, OrderStatus, OrderType, Side
from bot.core.ports import Broker
from tests.hourly_bars import BTC, T0, bar, closed, closes
from tests.made_orders import approve, instrument, intent

START = Reconcile((), Decimal(10_000), {BTC: Decimal(2)}, ())
BUY = intent(Side.BUY, OrderType.MARKET, "1", order_id="run00000b")
STOP = intent(Side.SELL, OrderType.STOP, "2", stop="90", order_id="run00000s")


class Place(NamedTuple):
    """A broker under test, and a way to let its market trade down to a price and back within hour `n`."""

    make: Callable[[], Broker]
    market_trades: Callable[[Broker, int, float], Sequence[AnyEvent]]


def paper() -> Broker:
    return PaperBroker({BTC: instrument()}, Decimal(10_000), Decimal(1))


def paper_market(broker: Broker, hour: int, low: float) -> Sequence[AnyEvent]:
    assert isinstance(broker, PaperBroker)
    candle = closed(bar(hour, 100.0, 100.0, low, 100.0))
    return list(broker.trade([candle])) if broker.is_met([candle]) else []


PLACES = {"paper": Place(paper, paper_market)}


@pytest.fixture(params=list(PLACES))
def place(request: pytest.FixtureRequest) -> Place:
    return PLACES[request.param]


@pytest.fixture
def broker(place: Place) -> Broker:
    one = place.make()
    one.reconcile(START, T0)
    return one


def submit(broker: Broker, wish: Intent, at_ms: int = T0) -> list[AnyEvent]:
    return list(broker.submit(SubmitOrder(approve(wish)), at_ms))


def ids(events: Sequence[AnyEvent]) -> set[str]:
    named = (OrderAccepted, OrderRejected, OrderUnknown, OrderCancelled)
    return {event.client_order_id for event in events if isinstance(event, named)}


def test_it_says_whether_it_moves_money(broker: Broker) -> None:
    """Invariant 8 rests on this."""
    assert isinstance(broker.moves_money, bool)


def test_reconciling_ends_with_the_word_that_the_books_agree(place: Place) -> None:
    """Invariant 9."""
    events = place.make().reconcile(START, T0)
    assert events[-1] == AccountReconciled(T0)
    assert sum(isinstance(event, AccountReconciled) for event in events) == 1


def test_an_order_is_answered_under_its_own_id(broker: Broker) -> None:
    events = submit(broker, BUY)
    assert ids(events) == {BUY.client_order_id}
    assert isinstance(events[0], OrderAccepted | OrderUnknown | OrderRejected)


def test_answers_carry_a_time_that_is_not_before_the_question(broker: Broker) -> None:
    """Invariant 3."""
    assert all(event.at_ms >= T0 for event in submit(broker, BUY))


def test_an_id_that_is_working_is_never_taken_twice(place: Place, broker: Broker) -> None:
    """Invariant 7."""
    submit(broker, STOP)
    again = submit(broker, STOP)
    assert not any(isinstance(event, OrderAccepted) for event in again)
    sold = [event.fill for event in place.market_trades(broker, 0, 85.0) if isinstance(event, OrderFilled)]
    assert sum(done.quantity for done in sold) == STOP.quantity


def test_fills_add_up_to_the_order_and_have_ids_of_their_own(place: Place, broker: Broker) -> None:
    submit(broker, BUY)
    done = [event.fill for event in place.market_trades(broker, 0, 99.0) if isinstance(event, OrderFilled)]
    assert sum(one.quantity for one in done) == BUY.quantity
    assert len({one.trade_id for one in done}) == len(done)
    assert {(one.client_order_id, one.symbol, one.side) for one in done} == {(BUY.client_order_id, BTC, Side.BUY)}


def test_amounts_are_exact_and_costs_explain_the_price(place: Place, broker: Broker) -> None:
    """Invariant 11."""
    submit(broker, BUY)
    for event in place.market_trades(broker, 0, 99.0):
        if isinstance(event, OrderFilled):
            one = event.fill
            assert all(isinstance(value, Decimal) for value in (one.quantity, one.price, one.fee))
            assert (one.price - one.reference_price) * one.quantity == one.spread_cost + one.slippage_cost
            assert one.fee_asset in ("BTC", "USDT")


def test_a_stop_rests_until_its_price_is_touched(place: Place, broker: Broker) -> None:
    submit(broker, STOP)
    assert place.market_trades(broker, 0, 90.01) == []
    events = place.market_trades(broker, 1, 90.0)
    assert sum(event.fill.quantity for event in events if isinstance(event, OrderFilled)) == STOP.quantity


def test_a_cancelled_order_never_fills(place: Place, broker: Broker) -> None:
    submit(broker, STOP)
    assert ids(list(broker.cancel(CancelOrder(STOP.client_order_id, BTC), T0))) == {STOP.client_order_id}
    assert place.market_trades(broker, 0, 50.0) == []


def test_cancelling_what_is_gone_raises_nothing_and_fills_nothing(place: Place, broker: Broker) -> None:
    events = list(broker.cancel(CancelOrder("run00000x", BTC), T0))
    assert not any(isinstance(event, OrderFilled) for event in events)


def test_more_than_is_owned_is_never_sold(place: Place, broker: Broker) -> None:
    """Invariant 12: the budget and what our fills bought; nothing else is there."""
    much = intent(Side.SELL, OrderType.MARKET, "3", order_id="run00000m")
    events = submit(broker, much)
    assert [type(event) for event in events] == [OrderRejected]
    assert place.market_trades(broker, 0, 99.0) == []


def test_a_restarted_broker_works_what_it_is_known_to_hold(place: Place) -> None:
    one = place.make()
    one.reconcile(Reconcile((Order(STOP, OrderStatus.ACCEPTED),), Decimal(0), {BTC: Decimal(2)}, ()), T0)
    events = place.market_trades(one, 0, 85.0)
    assert sum(event.fill.quantity for event in events if isinstance(event, OrderFilled)) == STOP.quantity


def test_a_restarted_broker_works_only_what_was_left_of_an_order(place: Place) -> None:
    one = place.make()
    part = Order(STOP, OrderStatus.PARTIALLY_FILLED, Decimal("0.5"))
    one.reconcile(Reconcile((part,), Decimal(0), {BTC: Decimal("1.5")}, ()), T0)
    events = [*place.market_trades(one, 0, 85.0), *place.market_trades(one, 1, 85.0)]
    assert sum(event.fill.quantity for event in events if isinstance(event, OrderFilled)) == Decimal("1.5")


def test_deeds_without_an_answer_are_answered_in_their_order(place: Place) -> None:
    """Invariant 9: what was asked before the stop of the process gets its answer after it."""
    one = place.make()
    sell = intent(Side.SELL, OrderType.MARKET, "2", order_id="run00000e")
    deeds = (CancelOrder(STOP.client_order_id, BTC), SubmitOrder(approve(sell)))
    known = (Order(STOP, OrderStatus.ACCEPTED),)
    events = one.reconcile(Reconcile(known, Decimal(0), {BTC: Decimal(2)}, deeds), closes(0))
    named = [event.client_order_id for event in events if isinstance(event, OrderCancelled | OrderAccepted)]
    assert named == [STOP.client_order_id, sell.client_order_id]
