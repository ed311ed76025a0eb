"""Exits, stops and cancels that cross each other: no position without a stop, nothing sold twice."""

from decimal import Decimal

from bot.core.events import OrderAccepted, OrderFilled, OrderRejected, PriceUpdated
from bot.core.orders import OrderType, Purpose, Side
from tests.engine_driver import Driver, cancels, deeds, submits
from tests.engine_world import engine
from tests.hourly_bars import BTC, bar, closes
from tests.made_orders import fill, limits
from tests.scripted_strategies import Scripted, always
from tests.unit.bot.engine.desk_drives import entered, exiting, protected, told


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
