"""Orders and what becomes of them, event by event: no position without a stop, nothing sent twice."""

import re
from decimal import Decimal

import pytest

from bot.core.commands import CancelOrder, Notify, SubmitOrder
from bot.core.events import Halt, OrderAccepted, OrderCancelled, OrderFilled, OrderUnknown, PriceUpdated
from bot.core.orders import OrderType, Purpose, Side
from tests.engine_driver import Driver, cancels, deeds, submits
from tests.engine_world import engine
from tests.hourly_bars import BTC, bar, closes
from tests.made_orders import fill, instrument, limits
from tests.scripted_strategies import Scripted, always
from tests.unit.bot.engine.desk_drives import entered, protected, told


def test_client_order_ids_fit_every_venue_and_count_up() -> None:
    """Invariant 7: `[a-z0-9]{1,18}`, a function of the run and the sequence of the decision, never used again."""
    driver = Driver(engine(Scripted({BTC: (1.0, 0.0) * 50})))
    for number in range(100):
        for order in submits(driver.close(bar(number, 100.0))):
            for stop in submits(driver.filled(order, "100")):
                assert stop.purpose is Purpose.STOP
        for order_id in cancels(driver.commands[-4:]):
            for order in submits(driver.cancelled(order_id)):
                driver.filled(order, "100")
    ids = [order.client_order_id for order in submits(driver.commands)]
    assert len(ids) >= 100
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z0-9]{1,18}", order_id) and order_id.startswith("run00000") for order_id in ids)
    again = Driver(engine(Scripted({BTC: (1.0, 0.0) * 50})))
    assert submits(again.close(bar(0, 100.0)))[0].client_order_id == ids[0]


def test_an_id_still_fits_after_a_billion_decisions() -> None:
    """Invariant 7."""
    core = engine(always(1.0))
    core.state.sequence = 36**9
    (entry,) = submits(Driver(core).close(bar(0, 100.0)))
    assert re.fullmatch(r"[a-z0-9]{18}", entry.client_order_id)


def test_an_unknown_order_is_never_sent_again() -> None:
    """Invariant 7: a timeout is Unknown: ask the exchange, never send again."""
    driver = Driver(engine(always(1.0)))
    (entry,) = submits(driver.close(bar(0, 100.0)))
    driver.feed(OrderUnknown(closes(0), entry.client_order_id, "timeout"))
    for number in range(1, 10):
        assert deeds(driver.close(bar(number, 100.0))) == []
    assert told(driver) == ["order_unknown"]
    assert [order.client_order_id for order in submits(driver.filled(entry, "100"))] != [entry.client_order_id]
    assert driver.held() == entry.quantity


def test_an_unknown_order_that_the_venue_never_had_lets_the_next_one_go() -> None:
    driver = Driver(engine(always(1.0)))
    (entry,) = submits(driver.close(bar(0, 100.0)))
    driver.feed(OrderUnknown(closes(0), entry.client_order_id, "timeout"))
    driver.rejected(entry.client_order_id)
    (second,) = submits(driver.close(bar(1, 100.0)))
    assert second.client_order_id != entry.client_order_id


def test_each_partial_fill_is_protected_at_once() -> None:
    driver = Driver(engine(always(1.0)))
    entry = entered(driver)
    (first,) = submits(driver.filled(entry, "100", "20"))
    assert first.quantity == 20
    assert cancels(driver.filled(entry, "100", "30")) == [first.client_order_id]
    (second,) = submits(driver.cancelled(first.client_order_id))
    assert second.quantity == driver.held() == 50


def test_a_repeated_fill_is_counted_once() -> None:
    driver = Driver(engine(always(1.0)))
    entry = entered(driver)
    driver.filled(entry, "100", trade_id="t7")
    cash = driver.engine.state.portfolio.cash
    assert driver.filled(entry, "100", trade_id="t7") == []
    assert driver.held() == entry.quantity
    assert driver.engine.state.portfolio.cash == cash


def test_a_fill_of_somebody_elses_order_is_never_counted() -> None:
    """Invariant 12: what our own fills did not buy is foreign."""
    driver = Driver(engine(always(1.0)))
    commands = driver.feed(OrderFilled(closes(0), fill(Side.BUY, "7", "100", order_id="somebody")))
    assert [command.code for command in commands if isinstance(command, Notify)] == ["foreign_fill"]
    assert driver.held() == 0
    assert driver.engine.state.portfolio.cash == 10_000


def test_a_halt_takes_a_working_entry_back_and_keeps_the_stop() -> None:
    driver = Driver(engine(always(1.0)))
    entry = entered(driver)
    (stop,) = submits(driver.filled(entry, "100", "20"))
    commands = driver.feed(Halt(closes(0), "lunch"))
    assert cancels(commands) == [entry.client_order_id]
    assert driver.engine.state.markets[BTC].stop_id == stop.client_order_id


def test_a_tripped_daily_breaker_takes_a_working_entry_back() -> None:
    driver = Driver(engine(always(1.0), risk=limits(daily_loss_frac=0.05, stop_distance_frac=0.9)))
    entry = entered(driver)
    driver.filled(entry, "100", "40")
    commands = driver.feed(PriceUpdated(closes(0) + 1, BTC, 80.0, 80.0, 80.0))
    assert entry.client_order_id in cancels(commands)


def test_an_entry_that_fills_after_the_drawdown_trip_is_sold_as_well() -> None:
    driver = Driver(engine(always(1.0), risk=limits(drawdown_frac=0.05, stop_distance_frac=0.9)))
    entry = entered(driver)
    (stop,) = submits(driver.filled(entry, "100", "40"))
    tripped = driver.feed(PriceUpdated(closes(0) + 1, BTC, 80.0, 80.0, 80.0))
    assert set(cancels(tripped)) == {entry.client_order_id, stop.client_order_id}
    orders = submits(driver.cancelled(stop.client_order_id))
    orders += submits(driver.filled(entry, "80", "10"))
    for number in range(1, 4):
        for order in [*orders]:
            if order.type is OrderType.MARKET:
                orders.remove(order)
                orders += submits(driver.filled(order, "80"))
        commands = driver.close(bar(number, 80.0))
        orders += submits(commands)
        for order_id in cancels(commands):
            orders += submits(driver.cancelled(order_id))
    assert driver.held() == 0, "everything is sold"


def test_an_intent_that_risk_denies_is_never_submitted() -> None:
    """Invariant 6: only an approved intent leaves; the engine's own wish is not enough."""
    driver = Driver(engine(always(1.0), markets=[instrument(min_notional=Decimal(1_000_000))]))
    assert deeds(driver.close(bar(0, 100.0))) == []


def test_what_the_venue_holds_is_handed_to_it_for_comparison() -> None:
    driver = Driver(engine(always(1.0)))
    entry, stop = protected(driver)
    reconcile = driver.engine._books.reconcile()
    assert [order.intent for order in reconcile.orders] == [stop]
    assert reconcile.unanswered == ()
    assert reconcile.holdings == {BTC: entry.quantity}
    assert reconcile.cash == 5000


def test_deeds_without_an_answer_are_handed_over_in_their_order() -> None:
    driver = Driver(engine(Scripted({BTC: (1.0, 0.0)})))
    _, stop = protected(driver)
    driver.close(bar(1, 100.0))
    (cancel,) = driver.engine._books.reconcile().unanswered
    assert cancel == CancelOrder(stop.client_order_id, BTC)
    (sold,) = submits(driver.cancelled(stop.client_order_id))
    (submit,) = driver.engine._books.reconcile().unanswered
    assert isinstance(submit, SubmitOrder)
    assert submit.approved.intent == sold


def test_a_position_and_its_orders_do_not_pile_up() -> None:
    driver = Driver(engine(Scripted({BTC: (1.0, 0.0) * 400})))
    for number in range(600):
        for order in submits(driver.close(bar(number, 100.0))):
            driver.filled(order, "100")
        market = driver.engine.state.markets[BTC]
        if market.pending_exit is not None:
            for order in submits(driver.cancelled(market.stop_id)):
                driver.filled(order, "100")
    state = driver.engine.state
    assert len(state.finished) < 512
    assert len(state.trades_seen) < 512
    assert len(state.orders) <= 1
    assert len(state.unanswered) <= 1


def test_a_trade_is_known_by_its_order_too() -> None:
    """A venue that begins anew counts from 1 again, and nobody may have noticed that it did."""
    driver = Driver(engine(Scripted({BTC: (1.0, 0.0, 1.0)})))
    entry, stop = protected(driver)
    first = next(iter(driver.engine.state.trades_seen))
    again = fill(Side.SELL, "10", "95", order_id=stop.client_order_id, trade_id=first.split()[1])
    driver.feed(OrderFilled(closes(0) + 1, again))
    driver.feed(OrderFilled(closes(0) + 2, again))
    assert driver.held() == entry.quantity - again.quantity


@pytest.mark.parametrize("last", [float("nan"), 0.0, -1.0, float("inf")])
def test_a_price_that_cannot_be_true_is_refused(last: float) -> None:
    driver = Driver(engine(always(1.0), risk=limits(drawdown_frac=0.5)))
    protected(driver)
    with pytest.raises(Exception, match="price"):
        driver.feed(PriceUpdated(closes(0) + 1, BTC, last, last, last))


def test_an_order_unknown_to_the_engine_changes_nothing() -> None:
    driver = Driver(engine(always(1.0)))
    for event in (
        OrderAccepted(closes(0), "somebody", "v"),
        OrderCancelled(closes(0), "somebody", "gone"),
        OrderUnknown(closes(0), "somebody", "lost"),
    ):
        assert driver.feed(event) == []
    assert driver.rejected("somebody") == []
