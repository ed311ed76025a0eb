"""How much and how little the venue takes in one order: what cannot be sold is dust, what is too much goes in parts."""

from decimal import Decimal

from bot.core.commands import Decided, Notify
from bot.core.events import (
    AccountReconciled,
    Backfilled,
    BoundsChanged,
    Flatten,
    MarketBarred,
    OrderAccepted,
    OrderCancelled,
    SessionStarted,
)
from bot.core.orders import Intent, Purpose, Side
from tests.engine_driver import Driver, cancels, deeds, submits
from tests.engine_world import engine
from tests.hourly_bars import BTC, T0, bar, closes
from tests.made_orders import instrument
from tests.scripted_strategies import Scripted, always

PATIENCE = 10_000
LEAST = Decimal(30)
NO_BOUND = Decimal(0)


def held(quantity: str, plan: tuple[float, ...] = (1.0,)) -> tuple[Driver, Intent]:
    """A driver that has bought 50, and sold all but so much of it again by its stop; and the stop that rests."""
    driver = Driver(engine(Scripted({BTC: plan}), unprotected_ms=PATIENCE))
    (entry,) = submits(driver.close(bar(0, 100.0)))
    driver.feed(OrderAccepted(closes(0), entry.client_order_id, "v1"))
    (stop,) = submits(driver.filled(entry, "100"))
    driver.feed(OrderAccepted(closes(0), stop.client_order_id, "v2"))
    driver.filled(stop, "90", str(entry.quantity - Decimal(quantity)))
    assert driver.held() == Decimal(quantity)
    return driver, stop


def codes(driver: Driver) -> list[str]:
    return [told.code for told in driver.commands if isinstance(told, Notify)]


def test_what_is_left_of_a_cut_order_is_dust_that_is_told_and_never_asked_for_again() -> None:
    driver, stop = held("20")
    driver.feed(BoundsChanged(closes(0), BTC, LEAST, NO_BOUND))
    before = len(driver.commands)
    after = driver.feed(OrderCancelled(closes(0), stop.client_order_id, "20 of it was not sent"))
    assert deeds(after) == []
    for number in range(1, 20):
        driver.close(bar(number, 100.0))
    driver.feed(Flatten(closes(20), "home"))
    for number in range(21, 30):
        driver.close(bar(number, 100.0))
    sales = [one for one in submits(driver.commands[before:]) if one.side is Side.SELL and one.quantity < LEAST]
    assert sales == []
    assert driver.engine.state.markets[BTC].bare_since_ms == -1
    assert codes(driver).count("bounds_changed") == 1
    holding = driver.engine.status({}).markets[0].holding
    assert holding is not None
    assert holding.is_dust


def test_a_stop_that_rests_already_for_what_is_dust_now_is_left_to_rest() -> None:
    driver, stop = held("20")
    driver.feed(BoundsChanged(closes(0), BTC, LEAST, NO_BOUND))
    driver.close(bar(1, 100.0))
    assert cancels(driver.commands[-5:]) == []
    assert driver.engine.state.markets[BTC].stop_id == stop.client_order_id


def test_what_was_dust_is_protected_again_when_the_venue_takes_it_again() -> None:
    driver, stop = held("20")
    driver.feed(BoundsChanged(closes(0), BTC, LEAST, NO_BOUND))
    driver.feed(OrderCancelled(closes(0), stop.client_order_id, "gone"))
    driver.feed(BoundsChanged(closes(0), BTC, Decimal("0.001"), NO_BOUND))
    (again,) = [one for one in submits(driver.close(bar(1, 100.0))) if one.purpose is Purpose.STOP]
    assert again.quantity == 20


def test_nothing_is_bought_that_is_less_than_the_venue_takes() -> None:
    driver = Driver(engine(always(1.0)))
    driver.feed(BoundsChanged(closes(0), BTC, Decimal(51), NO_BOUND))
    assert submits(driver.close(bar(0, 100.0))) == []
    driver.feed(BoundsChanged(closes(0), BTC, Decimal(45), NO_BOUND))
    assert len(submits(driver.close(bar(1, 100.0)))) == 1


def test_every_session_hears_anew_what_the_venue_takes() -> None:
    driver = Driver(engine(always(1.0)))
    driver.feed(BoundsChanged(T0, BTC, Decimal(51), NO_BOUND), MarketBarred(T0, BTC, "its steps are others"))
    driver.feed(SessionStarted(T0), Backfilled(T0, BTC, 0, T0, ()), AccountReconciled(T0))
    assert len(submits(driver.close(bar(0, 100.0)))) == 1


def test_what_the_venue_takes_is_kept_in_a_snapshot() -> None:
    driver = Driver(engine(always(1.0)))
    driver.feed(BoundsChanged(closes(0), BTC, LEAST, NO_BOUND))
    again = engine(always(1.0))
    again.load(driver.engine.save())
    assert again.state.markets[BTC].least == LEAST


def test_an_entry_is_cut_to_what_one_order_can_sell_and_says_so() -> None:
    driver = Driver(engine(always(1.0), markets=[instrument(max_quantity=Decimal("20.0005"))]))
    (entry,) = submits(driver.close(bar(0, 100.0)))
    assert entry.quantity == 20
    decided = [one for one in driver.commands if isinstance(one, Decided)]
    assert decided[-1].reason.endswith("entry, cut to what one order can sell")


def test_what_the_venue_names_in_mid_run_bounds_what_is_bought_and_sold_from_then_on() -> None:
    driver = Driver(engine(Scripted({BTC: (1.0, 0.0)}), unprotected_ms=PATIENCE))
    driver.feed(BoundsChanged(T0, BTC, Decimal("0.001"), Decimal(20)))
    (entry,) = submits(driver.close(bar(0, 100.0)))
    assert entry.quantity == 20
    (stop,) = submits(driver.filled(entry, "100"))
    driver.feed(OrderAccepted(closes(0), stop.client_order_id, "v1"))
    driver.feed(BoundsChanged(closes(0), BTC, Decimal("0.001"), Decimal(15)))
    driver.close(bar(1, 100.0))
    (sale,) = submits(driver.cancelled(stop.client_order_id))
    assert (sale.purpose, sale.quantity) == (Purpose.EXIT, 15)
    (rest,) = submits(driver.filled(sale, "100"))
    assert (rest.purpose, rest.quantity) == (Purpose.STOP, 5)


def test_more_than_one_order_may_have_is_sold_in_parts_one_after_the_other() -> None:
    driver, stop = held("50")
    # The same books under rules that have become narrower: 50 are held, and 20 can be sold at once.
    narrow = Driver(engine(always(1.0), markets=[instrument(max_quantity=Decimal(20))], unprotected_ms=PATIENCE))
    narrow.engine.load(driver.engine.save())
    narrow.feed(Flatten(closes(0), "home"))
    sold, answers = [], narrow.cancelled(stop.client_order_id)
    while sales := [one for one in submits(answers) if one.purpose is Purpose.OPERATOR]:
        sold.append(sales[0].quantity)
        answers = narrow.filled(sales[0], "100")
    assert sold == [20, 20, 10]
    assert narrow.held() == 0
