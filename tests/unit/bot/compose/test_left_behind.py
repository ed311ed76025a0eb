"""What is said of a run that ends with something held, or with an order that is not over."""

from decimal import Decimal

import pytest

from bot.compose.left_behind import left_behind
from bot.core.events import AnyEvent, OrderAccepted, OrderUnknown
from bot.core.orders import WATCHED, Intent
from tests.engine_driver import Driver, submits
from tests.engine_world import engine
from tests.hourly_bars import bar, closes
from tests.scripted_strategies import always

NOW_MS = closes(0) + 10_000
STOP = "run000002"


def asked() -> tuple[Driver, Intent]:
    driver = Driver(engine(always(1.0)))
    (entry,) = submits(driver.close(bar(0, 100.0)))
    return driver, entry


def held(*then: AnyEvent) -> Driver:
    driver, entry = asked()
    driver.filled(entry, "100")
    driver.feed(*then)
    return driver


def said(driver: Driver) -> list[str]:
    return [notice.text for notice in left_behind(driver.engine)]


def test_a_holding_that_no_later_run_will_know_is_named_with_its_stop() -> None:
    (notice,) = left_behind(held(OrderAccepted(NOW_MS, STOP, "7")).engine)
    assert notice.code == "left_behind"
    assert "50.000 of it are still held" in notice.text
    assert "protected by stop run000002 at 90.00" in notice.text


@pytest.mark.parametrize("then", [(), (OrderUnknown(NOW_MS, STOP, "no answer in time"),)])
def test_a_stop_that_the_venue_has_not_confirmed_protects_nothing(then: tuple[AnyEvent, ...]) -> None:
    (text,) = said(held(*then))
    assert "maybe bare, since nobody knows what became of stop run000002" in text
    assert "protected" not in text


def test_a_stop_that_was_watched_here_ends_with_the_run() -> None:
    (text,) = said(held(OrderAccepted(NOW_MS, STOP, WATCHED)))
    assert "bare, since stop run000002 at 90.00 was watched by the run itself" in text


def test_an_entry_of_which_nobody_knows_is_named() -> None:
    driver, entry = asked()
    driver.feed(OrderUnknown(NOW_MS, entry.client_order_id, "no answer in time"))
    (text,) = said(driver)
    assert "order run000001 is not (unknown), which was to buy 50.000" in text
    assert "look for it at the venue" in text


def test_an_order_beside_the_stop_of_a_holding_is_named_as_well() -> None:
    driver, entry = asked()
    driver.filled(entry, "100", str(entry.quantity - Decimal(10)))
    driver.feed(OrderAccepted(NOW_MS, STOP, "7"))
    of_holding, of_entry = said(driver)
    assert "40.000 of it are still held" in of_holding
    assert "order run000001 is not (partially_filled), which was to buy 10" in of_entry


def test_what_is_flat_or_dust_is_left_without_a_word() -> None:
    driver = held()
    (stop,) = (order.intent for order in driver.engine.state.orders.values())
    driver.filled(stop, "90", "49.999")
    driver.cancelled(stop.client_order_id)
    assert said(driver) == []
