"""Ways in which money could stay at risk longer than anybody wants, and what is done about each."""

from decimal import Decimal

from bot.core.commands import Notify
from bot.core.events import Flatten, OrderAccepted, OrderFilled, OrderRejected, OrderUnknown, PriceUpdated
from bot.core.orders import Intent, Purpose, Side
from tests.engine_driver import Driver, submits
from tests.engine_world import engine
from tests.hourly_bars import BTC, bar, closes
from tests.made_orders import fill, instrument, limits
from tests.scripted_strategies import always

PATIENCE = 10_000
NOW = closes(0) + 5


def entered(driver: Driver) -> Intent:
    (entry,) = submits(driver.close(bar(0, 100.0)))
    driver.feed(OrderAccepted(closes(0), entry.client_order_id, "v1"))
    return entry


def protected(driver: Driver) -> tuple[Intent, Intent]:
    entry = entered(driver)
    (stop,) = submits(driver.filled(entry, "100"))
    driver.feed(OrderAccepted(closes(0), stop.client_order_id, "v2"))
    return entry, stop


def guarded() -> Driver:
    return Driver(engine(always(1.0), unprotected_ms=PATIENCE))


def test_what_an_entry_in_flight_buys_during_a_flattening_is_sold_at_once() -> None:
    driver = guarded()
    entry = entered(driver)
    driver.feed(Flatten(NOW, "now"))
    answers = driver.filled(entry, "100", "20") + driver.cancelled(entry.client_order_id)
    assert Purpose.OPERATOR in [sold.purpose for sold in submits(answers)]


def test_the_rest_of_a_flattening_is_sold_when_the_market_had_time_to_fill_up() -> None:
    driver = guarded()
    _, stop = protected(driver)
    driver.feed(Flatten(NOW, "now"))
    (sale,) = submits(driver.cancelled(stop.client_order_id))
    driver.filled(sale, "100", "20")
    (again,) = submits(driver.cancelled(sale.client_order_id))
    driver.feed(OrderAccepted(NOW, again.client_order_id, "v3"))
    driver.feed(PriceUpdated(NOW + 2 * PATIENCE, BTC, 100.0, 100.0, 100.0))
    driver.cancelled(again.client_order_id)
    assert [sold.purpose for sold in submits(driver.commands)].count(Purpose.OPERATOR) == 2


def test_a_stop_that_fills_after_it_was_given_up_is_an_alarm_and_no_end() -> None:
    driver = guarded()
    _, stop = protected(driver)
    driver.feed(OrderUnknown(NOW, stop.client_order_id, "no answer"))
    (sale,) = submits(driver.feed(OrderRejected(NOW + 61_000, stop.client_order_id, "it never reached the venue")))
    driver.filled(sale, "100")
    commands = driver.filled(stop, "90")
    assert [told for told in commands if isinstance(told, Notify)]
    assert driver.held() == 0


def test_what_is_bought_is_large_enough_for_its_stop_to_be_taken() -> None:
    driver = Driver(engine(always(1.0), budget=Decimal("10.4"), unprotected_ms=PATIENCE))
    for entry in submits(driver.close(bar(0, 100.0))):
        assert submits(driver.filled(entry, "100")), "bought, and too small at its stop's price to be protected"


def test_less_than_a_lot_is_dust_and_no_alarm_for_ever() -> None:
    market = instrument(lot_step=Decimal(1), min_quantity=Decimal(1))
    driver = Driver(engine(always(1.0), markets=[market], unprotected_ms=PATIENCE))
    entry = entered(driver)
    bought = fill(
        Side.BUY, str(entry.quantity), "100", order_id=entry.client_order_id, fee="0.05", fee_asset=market.base
    )
    (stop,) = submits(driver.feed(OrderFilled(closes(0), bought)))
    driver.feed(OrderAccepted(closes(0), stop.client_order_id, "v2"))
    driver.filled(stop, "90")
    assert driver.held() == Decimal("0.95")
    assert driver.engine.state.markets[BTC].bare_since_ms == -1


def test_one_high_price_does_not_make_the_next_ordinary_one_a_drawdown() -> None:
    driver = Driver(engine(always(1.0), risk=limits(drawdown_frac=0.15), unprotected_ms=PATIENCE))
    protected(driver)
    driver.feed(PriceUpdated(NOW, BTC, 150.0, 150.0, 150.0))
    driver.feed(PriceUpdated(NOW + 1, BTC, 100.0, 100.0, 100.0))
    assert not driver.engine.state.breakers.drawdown_tripped
