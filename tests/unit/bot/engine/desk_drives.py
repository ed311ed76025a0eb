"""Engines driven to where an order desk has something to decide."""

from bot.core.commands import Notify
from bot.core.events import OrderAccepted
from bot.core.orders import Intent
from tests.engine_driver import Driver, cancels, submits
from tests.engine_world import engine
from tests.hourly_bars import BTC, bar, closes
from tests.scripted_strategies import Scripted


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
