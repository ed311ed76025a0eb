"""What is said of a run that ends with something held."""

from bot.compose.live_run import left_behind
from tests.builders import Driver, always, bar, engine, submits


def held(price: str = "100") -> Driver:
    driver = Driver(engine(always(1.0)))
    (entry,) = submits(driver.close(bar(0, 100.0)))
    driver.filled(entry, price)
    return driver


def test_a_holding_that_no_later_run_will_know_is_named_with_its_stop() -> None:
    (notice,) = left_behind(held().engine)
    assert notice.code == "left_behind"
    assert "50.000 of it are still held" in notice.text
    assert "protected by stop run000002 at 90.00" in notice.text


def test_what_is_flat_or_dust_is_left_without_a_word() -> None:
    driver = held()
    (stop,) = (order.intent for order in driver.engine.state.orders.values())
    driver.filled(stop, "90", "49.999")
    assert left_behind(driver.engine) == []
    driver.filled(stop, "90", "0.001")
    assert left_behind(driver.engine) == []
