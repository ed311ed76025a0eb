"""Positions without a working stop: how long they may be so, and what happens then."""

from bot.core.commands import CancelTimer, Notify, WakeAt
from bot.core.events import (
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    OrderUnknown,
    PriceUpdated,
    SessionStarted,
    TimerFired,
)
from bot.core.orders import Intent, Purpose
from bot.engine.guard import DOUBT_TIMER, GUARD_TIMER
from tests.engine_driver import Driver, cancels, submits
from tests.engine_world import engine
from tests.hourly_bars import BTC, bar, closes
from tests.made_orders import approve
from tests.scripted_strategies import always

PATIENCE = 10_000
TIMER = GUARD_TIMER + BTC


def guarded() -> Driver:
    return Driver(engine(always(1.0), unprotected_ms=PATIENCE))


def bought(driver: Driver) -> Intent:
    """Have an entry filled; return the stop that is on its way."""
    (entry,) = submits(driver.close(bar(0, 100.0)))
    driver.feed(OrderAccepted(closes(0), entry.client_order_id, "v1"))
    (stop,) = submits(driver.filled(entry, "100"))
    return stop


def bare_since(driver: Driver) -> int:
    return driver.engine.state.markets[BTC].bare_since_ms


def run_out(driver: Driver, after_ms: int = PATIENCE) -> list[Intent]:
    return submits(driver.feed(TimerFired(closes(0) + after_ms, TIMER)))


def test_the_time_runs_from_the_first_fill_until_the_stop_rests() -> None:
    driver = guarded()
    stop = bought(driver)
    assert WakeAt(TIMER, closes(0) + PATIENCE) in driver.commands
    assert CancelTimer(TIMER) in driver.feed(OrderAccepted(closes(0) + 5, stop.client_order_id, "v2"))
    assert bare_since(driver) == -1


def test_a_stop_of_which_nobody_knows_does_not_protect() -> None:
    driver = guarded()
    stop = bought(driver)
    driver.feed(OrderUnknown(closes(0) + 5, stop.client_order_id, "no answer"))
    assert bare_since(driver) == closes(0)
    # The unknown stop holds the coins: it is asked back, and the exit waits until its fate is known.
    assert run_out(driver) == []
    assert cancels(driver.commands) == [stop.client_order_id]
    (exit_,) = submits(driver.feed(OrderCancelled(closes(0) + 20_000, stop.client_order_id, "cancelled")))
    assert (exit_.purpose, exit_.quantity) == (Purpose.STOP, driver.held())


def test_a_position_that_stays_bare_is_an_alarm_and_an_exit() -> None:
    driver = guarded()
    stop = bought(driver)
    driver.engine.state.markets[BTC].exit_id = "busy"  # an exit that nobody answers keeps the next one away
    driver.feed(OrderCancelled(closes(0) + 5, stop.client_order_id, "expired"))
    assert run_out(driver) == []
    driver.engine.state.markets[BTC].exit_id = ""
    (exit_,) = run_out(driver, 2 * PATIENCE)
    assert exit_.purpose is Purpose.STOP
    alarms = [told for told in driver.commands if isinstance(told, Notify) and told.code == "bare_position"]
    assert len(alarms) == 2
    assert "20 s" in alarms[-1].text


def test_an_exit_that_found_no_buyer_is_not_repeated_in_a_circle() -> None:
    driver = guarded()
    stop = bought(driver)
    (exit_,) = submits(driver.feed(OrderRejected(closes(0) + 5, stop.client_order_id, "would trigger")))
    driver.engine.state.markets[BTC].mark = 50.0  # far below the stop: a new one would trigger at once
    assert submits(driver.feed(OrderCancelled(closes(0) + 10, exit_.client_order_id, "expired"))) == []
    (again,) = run_out(driver)
    assert again.client_order_id != exit_.client_order_id


def test_an_exit_without_a_buyer_and_a_stop_that_would_trigger_do_not_follow_each_other_in_a_circle() -> None:
    driver = guarded()
    (exit_,) = submits(driver.feed(OrderRejected(closes(0) + 5, bought(driver).client_order_id, "would trigger")))
    # Here the price seems to be above the stop, at the venue it is not.
    (stop,) = submits(driver.feed(OrderCancelled(closes(0) + 10, exit_.client_order_id, "expired")))
    assert stop.purpose is Purpose.STOP
    assert submits(driver.feed(OrderRejected(closes(0) + 15, stop.client_order_id, "would trigger"))) == []
    assert len(run_out(driver)) == 1


def test_a_venue_that_takes_every_stop_away_is_given_one_more_and_then_sold_to() -> None:
    driver = guarded()
    (second,) = submits(driver.feed(OrderCancelled(closes(0) + 5, bought(driver).client_order_id, "taken away")))
    assert second.stop_price is not None
    driver.feed(OrderAccepted(closes(0) + 10, second.client_order_id, "v3"))
    assert submits(driver.feed(OrderCancelled(closes(0) + 15, second.client_order_id, "taken away"))) == []
    (exit_,) = run_out(driver, 15 + PATIENCE)
    assert (exit_.stop_price, exit_.quantity) == (None, driver.held())


def test_an_exit_that_waits_for_its_stop_to_go_is_an_alarm_when_it_waits_for_long() -> None:
    driver = guarded()
    stop = bought(driver)
    driver.feed(OrderAccepted(closes(0) + 5, stop.client_order_id, "v2"))
    driver.engine.state.markets[BTC].pending_exit = approve(stop)
    driver.feed(PriceUpdated(closes(0) + 10, BTC, 100.0, 100.0, 100.0))
    assert run_out(driver, 10 + PATIENCE) == []
    (alarm,) = [told for told in driver.commands if isinstance(told, Notify) and told.code == "bare_position"]
    assert "as soon as its stop is gone" in alarm.text


def test_the_time_goes_on_in_the_next_process() -> None:
    driver = guarded()
    bought(driver)
    assert WakeAt(TIMER, closes(0) + PATIENCE) in driver.feed(SessionStarted(closes(0) + 1))


def test_what_a_lost_entry_may_have_bought_is_an_alarm_when_it_stays_unknown() -> None:
    driver = guarded()
    (entry,) = submits(driver.close(bar(0, 100.0)))
    timer = DOUBT_TIMER + entry.client_order_id
    lost = OrderUnknown(closes(0) + 5, entry.client_order_id, "no answer")
    assert WakeAt(timer, closes(0) + 5 + PATIENCE) in driver.feed(lost)
    # The next process waits as well.
    assert WakeAt(timer, closes(0) + 6 + PATIENCE) in driver.feed(SessionStarted(closes(0) + 6))
    (alarm,) = driver.feed(TimerFired(closes(0) + 6 + PATIENCE, timer))
    assert isinstance(alarm, Notify)
    assert (alarm.code, BTC in alarm.text) == ("unprotected", True)


def test_an_entry_that_was_found_in_time_is_no_alarm() -> None:
    driver = guarded()
    (entry,) = submits(driver.close(bar(0, 100.0)))
    driver.feed(OrderUnknown(closes(0) + 5, entry.client_order_id, "no answer"))
    driver.feed(OrderAccepted(closes(0) + 6, entry.client_order_id, "v1"))
    assert driver.feed(TimerFired(closes(0) + 5 + PATIENCE, DOUBT_TIMER + entry.client_order_id)) == []


def test_dust_needs_no_stop() -> None:
    driver = guarded()
    bought(driver)
    driver.engine.state.markets[BTC].mark = 1e-9
    driver.close(bar(1, 100.0))
    driver.engine.state.markets[BTC].mark = 1e-9
    driver.feed(OrderUnknown(closes(1), "nobody", ""))
    assert bare_since(driver) == -1


def test_a_broker_inside_the_process_needs_no_guard() -> None:
    driver = Driver(engine(always(1.0)))
    bought(driver)
    assert not any(isinstance(one, WakeAt) and one.timer == TIMER for one in driver.commands)


def test_a_stop_for_a_part_of_what_is_held_leaves_the_rest_bare() -> None:
    driver = guarded()
    (entry,) = submits(driver.close(bar(0, 100.0)))
    (stop,) = submits(driver.filled(entry, "100", "20"))
    driver.feed(OrderAccepted(closes(0) + 1, stop.client_order_id, "v2"))
    assert bare_since(driver) == -1
    assert cancels(driver.filled(entry, "100", "30")) == [stop.client_order_id]
    assert bare_since(driver) == closes(0) + 1
    # The venue never lets the small stop go: that is an alarm, and an exit as soon as it is gone.
    assert run_out(driver) == []
    assert [each.code for each in driver.commands if isinstance(each, Notify)] == ["bare_position"]
    (exit_,) = submits(driver.cancelled(stop.client_order_id))
    assert exit_.quantity == driver.held() == 50


def test_a_stop_that_leaves_less_than_the_venue_takes_protects_all_of_it() -> None:
    driver = guarded()
    (entry,) = submits(driver.close(bar(0, 100.0)))
    (stop,) = submits(driver.filled(entry, "100", "49.96"))
    driver.feed(OrderAccepted(closes(0) + 1, stop.client_order_id, "v2"))
    driver.filled(entry, "100", "0.04")
    assert bare_since(driver) == -1
