"""Signals from one venue, execution at another: prices of execution decide about money (invariant 13)."""

from bot.core.commands import AnyCommand, Decided, Marked, Verdict
from bot.core.events import PriceUpdated
from tests.engine_driver import Driver, deeds, submits
from tests.engine_world import engine
from tests.hourly_bars import BTC, bar, closes
from tests.made_orders import instrument, limits
from tests.scripted_strategies import always

APART = instrument(signal_venue="there", execution_venue="here")


def driver(**risk: float) -> Driver:
    return Driver(engine(always(1.0), markets=[APART], risk=limits(price_collar_frac=0.02, **risk)))


def price(one: Driver, last: float, at: int = 0) -> list[AnyCommand]:
    return one.feed(PriceUpdated(max(one.engine.time_ms, closes(0)) + at, BTC, last, last, last))


def test_a_candle_from_elsewhere_does_not_move_the_mark() -> None:
    """Invariant 13."""
    one = driver()
    price(one, 100.0)
    one.close(bar(0, 101.0))
    market = one.engine.state.markets[BTC]
    assert (market.mark, market.signal_price) == (100.0, 101.0)


def test_nothing_is_entered_before_the_place_of_execution_has_a_price() -> None:
    """Invariant 13: a mark of nothing is no price."""
    one = driver()
    commands = one.close(bar(0, 100.0))
    assert deeds(commands) == []
    (row,) = [command for command in commands if isinstance(command, Decided)]
    assert row.verdict in (Verdict.NOT_TRADABLE, Verdict.DENIED)


def test_sizing_uses_the_price_of_execution() -> None:
    """Invariant 13."""
    one = driver()
    price(one, 100.0)
    (entry,) = submits(one.close(bar(0, 101.0)))
    assert entry.quantity == 50


def test_the_account_is_marked_at_the_price_of_execution() -> None:
    """Invariant 13."""
    one = driver()
    price(one, 100.0)
    (entry,) = submits(one.close(bar(0, 101.0)))
    one.filled(entry, "100")
    price(one, 102.0)
    commands = one.close(bar(1, 103.0))
    (mark,) = [command for command in commands if isinstance(command, Marked)]
    assert mark.equity == 5000.0 + 50 * 102.0


def test_a_spread_between_the_two_beyond_the_collar_stops_entries() -> None:
    """Invariant 13."""
    one = driver()
    price(one, 100.0)
    commands = one.close(bar(0, 103.0))
    assert deeds(commands) == []
    (row,) = [command for command in commands if isinstance(command, Decided)]
    assert "too far apart" in row.reason


def test_a_stop_is_set_from_what_was_paid_at_the_place_of_execution() -> None:
    """Invariant 13."""
    one = driver()
    price(one, 100.0)
    (entry,) = submits(one.close(bar(0, 101.0)))
    (stop,) = submits(one.filled(entry, "99.5"))
    assert stop.stop_price == instrument().quantize_price(99.5 * 0.9, up=False)


def test_where_both_are_one_place_a_candle_is_a_price() -> None:
    one = Driver(engine(always(1.0)))
    one.close(bar(0, 100.0))
    assert one.engine.state.markets[BTC].mark == 100.0
