"""Stops that cannot rest at the venue are held here, sent once when they are touched, and survive a restart."""

from decimal import Decimal

import pytest

from bot.adapters.order_messages import (
    AccountLookedUp,
    AskOrder,
    MarketPrice,
    NotSent,
    PlaceOrder,
    Refusal,
    Refused,
    Unresolved,
    VenueStatus,
)
from bot.adapters.watched_stops import at_market, is_touched, lacks_room
from bot.core.events import (
    OrderAccepted,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from bot.core.orders import BUY, SELL, OrderType
from tests.hourly_bars import BTC
from tests.made_orders import intent
from tests.order_script import (
    T0,
    OrderScript,
    entry,
    known,
    names,
    of,
    report,
    stop,
    trade,
)

FILLED, PARTLY, CANCELLED = VenueStatus.FILLED, VenueStatus.PARTIALLY_FILLED, VenueStatus.CANCELLED
HELD = {BTC: "1"}

D = Decimal


@pytest.mark.parametrize(
    ("side", "last", "touched"), [(SELL, 95, True), (SELL, 96, False), (BUY, 95, True), (BUY, 94, False)]
)
def test_a_stop_is_touched_from_its_own_side(side, last, touched):
    assert is_touched(intent(side, OrderType.STOP, stop="95"), D(last)) is touched


def test_an_order_without_a_stop_price_is_never_touched():
    assert not is_touched(entry(), D(1))


def test_a_touched_stop_is_the_same_wish_at_the_market():
    sent = at_market(stop())
    assert (sent.client_order_id, sent.type, sent.stop_price) == (stop().client_order_id, OrderType.MARKET, None)


def test_only_a_stop_lacks_room():
    full = Refused(Refusal.RULES, "Filter failure: MAX_NUM_ALGO_ORDERS (-1013)")
    assert lacks_room(stop(), full)
    assert not lacks_room(entry(), full)
    assert not lacks_room(stop(), Refused(Refusal.RULES, "Filter failure: LOT_SIZE (-1013)"))


def test_where_no_stop_can_rest_it_is_held_here_and_sent_once_when_it_is_touched():
    script = OrderScript(watched=[BTC])
    assert script.submit(stop()) == [OrderAccepted(T0, stop().client_order_id, "watched")]
    assert not script.price("95.01")
    (sent,) = of(PlaceOrder, script.price("95"))
    assert (sent.intent.type, sent.intent.client_order_id) == (OrderType.MARKET, stop().client_order_id)
    assert sent.until_ms is None
    assert not of(PlaceOrder, script.price("90"))
    said = script.placed(stop(), report(stop(), FILLED, "1", trade("1", "94", side=SELL)))
    assert of(OrderFilled, said)[0].fill.reference_price == Decimal(95)
    assert not of(PlaceOrder, script.price("90"))


def test_a_venue_that_has_no_room_for_a_stop_has_it_held_here():
    script = OrderScript()
    script.submit(stop())
    said = script.placed(stop(), Refused(Refusal.RULES, "Filter failure: MAX_NUM_ALGO_ORDERS (-1013)"))
    assert of(OrderAccepted, said) == [OrderAccepted(T0, stop().client_order_id, "watched")]
    assert not of(OrderRejected, said)
    assert of(PlaceOrder, script.price("90"))


def test_a_watched_stop_is_taken_back_here():
    script = OrderScript(watched=[BTC])
    script.submit(stop())
    assert names(script.cancel(stop())) == ["OrderCancelled"]
    assert not script.price("50")


def test_after_a_restart_a_watched_stop_is_proven_unsent_before_it_is_armed():
    script = OrderScript(reconciled=False, watched=[BTC])
    said = script.reconcile(known(stop(), venue_order_id="watched"), holdings=HELD)
    assert names(said) == ["AskOrder", "AskAccount"]
    assert names(script.price("50")) == ["OrderUnknown"]
    said = script.live(90_000)
    assert of(OrderAccepted, said)[0].venue_order_id == "watched"
    assert of(PlaceOrder, script.price("50"))


def test_after_a_restart_a_watched_stop_that_was_sent_is_found():
    script = OrderScript(reconciled=False, watched=[BTC])
    script.reconcile(known(stop(), venue_order_id="watched"), holdings=HELD)
    script.price("50")
    said = script.looked_up(stop(), report(stop(), FILLED, "1", trade("1", side=SELL)))
    assert names(said) == ["OrderAccepted", "OrderFilled"]
    assert not of(PlaceOrder, script.price("50"))


def test_a_touched_stop_whose_fate_is_unknown_is_asked_for():
    script = OrderScript(watched=[BTC])
    script.submit(stop())
    script.price("90")
    script.placed(stop(), Unresolved("no answer"))
    assert not of(PlaceOrder, script.price("80"))
    assert of(AskOrder, script.later(500))


@pytest.mark.parametrize("symbols", [["ETH/USDT"], []])
def test_where_stops_can_rest_they_do(symbols: list[str]):
    script = OrderScript(watched=symbols)
    assert of(PlaceOrder, script.submit(stop())) == [PlaceOrder(stop(), None)]
    assert not of(OrderUnknown, script.price("50"))


@pytest.mark.parametrize("outcome", [NotSent("no connection"), Refused(Refusal.LIMITED, "too many orders", -1015)])
def test_a_touched_stop_that_was_not_sent_does_not_protect_any_more_and_that_is_told_once(outcome):
    script = OrderScript(watched=[BTC])
    script.submit(stop())
    script.price("90")
    (told,) = of(OrderUnknown, script.placed(stop(), outcome))
    assert told.reason == f"its price is touched, but it could not be sent yet: {outcome.reason}"
    for _ in range(5):
        while not of(PlaceOrder, said := script.later(1_000)):
            assert not of(OrderUnknown, said)
        assert not of(OrderUnknown, script.placed(stop(), outcome))
    while not of(PlaceOrder, script.later(1_000)):
        pass
    assert names(script.placed(stop(), report(stop()))) == ["OrderAccepted"]


def test_a_stop_that_is_touched_while_nothing_may_be_sent_does_not_protect_any_more():
    script = OrderScript(watched=[BTC])
    script.submit(stop())
    script.tell(AccountLookedUp(T0, T0, None, None, "", Refused(Refusal.BLOCKED, "HTTP 418", retry_at_ms=T0 + 600_000)))
    (told,) = script.price("90")
    assert isinstance(told, OrderUnknown)
    assert told.reason == "its price is touched, but it could not be sent yet: HTTP 418"
    assert of(PlaceOrder, script.later(600_000))


def test_the_close_of_a_candle_touches_a_stop_as_every_price_does():
    script = OrderScript(watched=[BTC])
    script.submit(stop())
    assert of(PlaceOrder, script.tell(MarketPrice(T0, BTC, D("80"))))


def test_a_stop_that_rests_at_the_venue_is_not_doubted_when_it_could_not_be_sent_at_first():
    script = OrderScript()
    script.submit(stop())
    assert not of(OrderUnknown, script.placed(stop(), NotSent("no connection")))
