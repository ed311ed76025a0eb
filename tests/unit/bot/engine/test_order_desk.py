"""Orders and what becomes of them, event by event: no position without a stop, nothing sent twice."""

import re
from decimal import Decimal

import pytest

from bot.core.commands import CancelOrder, Notify, SubmitOrder
from bot.core.events import Halt, OrderAccepted, OrderCancelled, OrderFilled, OrderRejected, OrderUnknown, PriceUpdated
from bot.core.orders import Intent, OrderType, Purpose, Side
from tests.builders import (
    BTC,
    Driver,
    Scripted,
    always,
    bar,
    cancels,
    closes,
    deeds,
    engine,
    fill,
    instrument,
    limits,
    submits,
)


def entered(driver: Driver) -> Intent:
    """Close bar 0 and return the entry that follows."""
    (entry,) = submits(driver.close(bar(0, 100.0)))
    driver.feed(OrderAccepted(closes(0), entry.client_order_id, "v1"))
    return entry


def protected(driver: Driver) -> tuple[Intent, Intent]:
    """Have an entry filled; return it and its stop."""
    entry = entered(driver)
    (stop,) = submits(driver.filled(entry, "100"))
    driver.feed(OrderAccepted(closes(0), stop.client_order_id, "v2"))
    return entry, stop


def exiting(plan: tuple[float, ...] = (1.0, 0.0)) -> tuple[Driver, Intent]:
    """A driver whose exit waits for its stop to be taken back; and that stop."""
    driver = Driver(engine(Scripted({BTC: plan})))
    _, stop = protected(driver)
    assert cancels(driver.close(bar(1, 100.0))) == [stop.client_order_id]
    return driver, stop


def told(driver: Driver) -> list[str]:
    return [command.code for command in driver.commands if isinstance(command, Notify)]


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


def test_flattening_sells_what_our_fills_bought_and_no_more() -> None:
    """Invariant 12: foreign holdings are never sold, also not by `flatten`."""
    driver = Driver(engine(always(1.0), risk=limits(drawdown_frac=0.1, stop_distance_frac=0.9)))
    entry, stop = protected(driver)
    driver.feed(OrderFilled(closes(0), fill(Side.BUY, "7", "100", order_id="somebody", trade_id="f")))
    assert cancels(driver.feed(PriceUpdated(closes(0) + 1, BTC, 70.0, 70.0, 70.0))) == [stop.client_order_id]
    (sold,) = submits(driver.cancelled(stop.client_order_id))
    assert (sold.purpose, sold.quantity) == (Purpose.BREAKER, entry.quantity)


def test_an_exit_waits_for_the_answer_to_its_cancel() -> None:
    driver, stop = exiting()
    assert deeds(driver.close(bar(2, 100.0))) == []
    (sold,) = submits(driver.cancelled(stop.client_order_id))
    assert (sold.side, sold.type, sold.quantity) == (Side.SELL, OrderType.MARKET, Decimal(50))
    assert deeds(driver.filled(sold, "100")) == []
    assert driver.engine.state.orders == {}


def test_a_stop_that_fills_while_it_is_taken_back_ends_the_exit() -> None:
    driver, stop = exiting()
    assert deeds(driver.filled(stop, "90")) == []
    assert driver.held() == 0
    assert deeds(driver.cancelled(stop.client_order_id)) == []
    market = driver.engine.state.markets[BTC]
    assert not market.busy
    assert market.stop_id == ""


def test_a_stop_that_sells_a_part_while_it_is_taken_back_leaves_the_rest_to_the_exit() -> None:
    driver, stop = exiting()
    assert deeds(driver.filled(stop, "90", "20")) == []
    (sold,) = submits(driver.cancelled(stop.client_order_id))
    assert sold.quantity == driver.held() == 30
    assert sold.purpose is Purpose.EXIT


def test_a_cancel_that_is_answered_twice_changes_nothing_the_second_time() -> None:
    driver, stop = exiting()
    driver.cancelled(stop.client_order_id)
    assert driver.cancelled(stop.client_order_id) == []


def test_a_rejected_entry_is_forgotten_and_may_be_tried_again() -> None:
    driver = Driver(engine(always(1.0)))
    entry = entered(driver)
    assert deeds(driver.rejected(entry.client_order_id)) == []
    assert told(driver) == ["order_rejected"]
    assert len(submits(driver.close(bar(1, 100.0)))) == 1


def test_a_rejected_stop_sells_the_position() -> None:
    driver = Driver(engine(always(1.0)))
    _, stop = protected(driver)
    (sold,) = submits(driver.rejected(stop.client_order_id))
    assert (sold.type, sold.purpose, sold.quantity) == (OrderType.MARKET, Purpose.STOP, Decimal(50))


def test_a_rejected_exit_gets_its_stop_back() -> None:
    driver, stop = exiting()
    (sold,) = submits(driver.cancelled(stop.client_order_id))
    (again,) = submits(driver.rejected(sold.client_order_id))
    assert (again.type, again.stop_price, again.quantity) == (OrderType.STOP, stop.stop_price, Decimal(50))


def test_a_stop_with_nothing_left_to_protect_is_taken_back() -> None:
    driver, stop = exiting()
    (sold,) = submits(driver.cancelled(stop.client_order_id))
    (again,) = submits(driver.rejected(sold.client_order_id))
    # The venue had it after all.
    assert cancels(driver.filled(sold, "100")) == [again.client_order_id]
    assert driver.held() == 0


def test_a_venue_that_rejects_everything_is_not_asked_for_ever() -> None:
    driver = Driver(engine(always(1.0)))
    _, stop = protected(driver)
    waiting, asked = [stop.client_order_id], 0
    while waiting and asked < 20:
        asked += 1
        waiting += [order.client_order_id for order in submits(driver.rejected(waiting.pop(0)))]
    assert asked < 20, "every rejection caused the next order"
    assert len(told(driver)) >= asked


def test_a_position_that_could_not_be_protected_is_tried_again_at_the_next_close() -> None:
    driver = Driver(engine(always(1.0)))
    _, stop = protected(driver)
    (sold,) = submits(driver.rejected(stop.client_order_id))
    waiting = [order.client_order_id for order in submits(driver.rejected(sold.client_order_id))]
    for order_id in waiting:
        driver.rejected(order_id)
    again = [order.side for order in submits(driver.close(bar(1, 100.0)))]
    market = driver.engine.state.markets[BTC]
    assert again == [Side.SELL] or market.stop_id or market.exit_id


def test_a_stop_that_is_rejected_while_an_exit_waits_for_it_lets_the_exit_go_once() -> None:
    driver, stop = exiting()
    (sold,) = submits(driver.rejected(stop.client_order_id))
    assert sold.quantity == 50
    assert deeds(driver.filled(sold, "99", "20")) == []
    assert deeds(driver.filled(sold, "99", "30")) == []
    assert driver.held() == 0
    assert not driver.engine.state.markets[BTC].busy


def test_a_late_fill_of_a_cancelled_entry_counts_and_is_protected() -> None:
    driver = Driver(engine(always(1.0)))
    entry = entered(driver)
    driver.cancelled(entry.client_order_id)
    (stop,) = submits(driver.filled(entry, "100", "20"))
    assert (stop.type, stop.quantity) == (OrderType.STOP, Decimal(20))


def test_an_exit_goes_on_where_the_stop_that_it_waited_for_turns_out_to_be_refused() -> None:
    driver = Driver(engine(Scripted({BTC: (1.0, 0.0)})))
    (stop,) = submits(driver.filled(entered(driver), "100"))
    assert cancels(driver.close(bar(1, 100.0))) == [stop.client_order_id]
    (exit_,) = submits(driver.feed(OrderRejected(closes(1), stop.client_order_id, "PRICE_FILTER")))
    assert (exit_.purpose, exit_.quantity) == (Purpose.EXIT, driver.held())
    driver.filled(exit_, "100")
    assert not driver.engine.state.markets[BTC].busy


def test_a_fee_in_base_leaves_a_position_that_is_protected_and_can_be_sold() -> None:
    driver = Driver(engine(Scripted({BTC: (1.0, 0.0)})))
    entry = entered(driver)
    (stop,) = submits(driver.filled(entry, "100", fee="0.0505", fee_asset="BTC"))
    assert driver.held() == Decimal("49.9495")
    assert (stop.type, stop.quantity) == (OrderType.STOP, Decimal("49.949"))
    driver.close(bar(1, 100.0))
    (sold,) = submits(driver.cancelled(stop.client_order_id))
    assert sold.quantity == Decimal("49.949")
    assert deeds(driver.filled(sold, "100")) == []
    assert not driver.engine.state.markets[BTC].busy


def test_a_fee_in_base_does_not_have_the_stop_replaced_again_and_again() -> None:
    driver = Driver(engine(always(1.0)))
    entry = entered(driver)
    (stop,) = submits(driver.filled(entry, "100", fee="0.0505", fee_asset="BTC"))
    assert deeds(driver.feed(OrderAccepted(closes(0), stop.client_order_id, "v"))) == []
    for number in range(1, 5):
        assert deeds(driver.close(bar(number, 100.0))) == []


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
