"""Candles of one close time are one decision, in the order of the instruments (invariants 3 and 5)."""

from itertools import permutations

from bot.core.commands import AnyCommand, CancelTimer, Decided, Marked, Verdict, WakeAt
from bot.core.events import MarketRestored, MarketSuspended, PriceUpdated, TimerFired
from tests.engine_driver import Driver, submits
from tests.engine_world import engine
from tests.hourly_bars import BTC, ETH, SOL, bar, closed, closes
from tests.made_orders import instrument, limits
from tests.scripted_strategies import always

ALL = (BTC, ETH, SOL)
MARKETS = [instrument(symbol) for symbol in ALL]
DEADLINE = 10_000


def three(**risk: float) -> Driver:
    return Driver(engine(always(1.0, *ALL), markets=MARKETS, risk=limits(**risk)))


def decided(commands: list[AnyCommand]) -> list[str]:
    return [command.symbol for command in commands if isinstance(command, Decided)]


def test_nothing_is_decided_before_every_market_has_reported() -> None:
    """Invariant 5."""
    driver = three()
    assert decided(driver.close(bar(0, 100.0), SOL)) == []
    assert decided(driver.close(bar(0, 100.0), BTC)) == []
    assert decided(driver.close(bar(0, 100.0), ETH)) == [BTC, ETH, SOL]


def test_whoever_arrives_first_does_not_get_the_cash() -> None:
    """Invariant 5: cash goes by the order of the instruments, whatever the order of arrival."""
    outcomes = set()
    for order in permutations(ALL):
        driver = three(fraction=0.6)
        for symbol in order:
            driver.close(bar(0, 100.0), symbol)
        outcomes.add(tuple((wish.symbol, wish.quantity, wish.client_order_id) for wish in submits(driver.commands)))
    assert len(outcomes) == 1
    assert [symbol for symbol, *_ in outcomes.pop()] == [BTC]


def test_a_market_that_is_late_gets_no_entry_and_the_others_do_not_wait() -> None:
    """Invariant 5: decided when all have reported or a deadline has passed."""
    driver = three(fraction=0.1)
    (wake,) = [c for c in driver.close(bar(0, 100.0), BTC) if isinstance(c, WakeAt)]
    assert wake.at_ms == closes(0) + DEADLINE
    driver.close(bar(0, 100.0), SOL)
    fired = driver.feed(TimerFired(wake.at_ms, wake.timer))
    assert decided(fired) == [BTC, SOL]
    late = driver.close(bar(0, 100.0), ETH)
    assert submits(late) == []
    assert [wish.symbol for wish in submits(driver.commands)] == [BTC, SOL]


def test_a_late_market_takes_part_in_the_next_instant() -> None:
    driver = three(fraction=0.1)
    driver.close(bar(0, 100.0), BTC)
    driver.feed(TimerFired(closes(0) + DEADLINE, "instant"))
    driver.close(bar(0, 100.0), ETH)
    driver.close(bar(0, 100.0), SOL)
    commands: list[AnyCommand] = []
    for symbol in ALL:
        commands += driver.close(bar(1, 100.0), symbol)
    assert decided(commands) == [BTC, ETH, SOL]
    assert {wish.symbol for wish in submits(commands)} == {ETH, SOL}


def test_an_instant_ends_when_the_next_one_begins() -> None:
    driver = three(fraction=0.1)
    driver.close(bar(0, 100.0), BTC)
    commands = driver.close(bar(1, 100.0), BTC)
    assert decided(commands) == [BTC]
    assert [command.time_ms for command in commands if isinstance(command, Marked)] == [closes(0)]
    assert [command.at_ms for command in commands if isinstance(command, WakeAt)] == [closes(1) + DEADLINE]


def test_the_timer_is_cancelled_when_all_have_reported() -> None:
    """Invariant 3: timers are commands answered by events."""
    driver = three()
    driver.close(bar(0, 100.0), BTC)
    driver.close(bar(0, 100.0), ETH)
    commands = driver.close(bar(0, 100.0), SOL)
    assert CancelTimer("instant") in commands


def test_a_timer_that_was_cancelled_changes_nothing() -> None:
    driver = three()
    for symbol in ALL:
        driver.close(bar(0, 100.0), symbol)
    assert driver.feed(TimerFired(closes(0) + DEADLINE, "instant")) == []


def test_a_timer_of_an_earlier_instant_does_not_decide_the_next() -> None:
    driver = three()
    for symbol in ALL:
        driver.close(bar(0, 100.0), symbol)
    driver.close(bar(1, 100.0), BTC)
    assert driver.feed(TimerFired(closes(0) + DEADLINE, "instant")) == []


def test_a_timer_of_another_name_changes_nothing() -> None:
    driver = three()
    driver.close(bar(0, 100.0), BTC)
    assert driver.feed(TimerFired(closes(0) + DEADLINE, "other")) == []


def test_a_single_market_needs_no_timer() -> None:
    driver = Driver(engine(always(1.0)))
    assert not [command for command in driver.close(bar(0, 100.0)) if isinstance(command, WakeAt)]


def test_the_time_is_the_newest_that_any_event_carried() -> None:
    """Invariant 3: the engine has no clock."""
    driver = three()
    driver.close(bar(0, 100.0), BTC)
    assert driver.engine.time_ms == closes(0)
    driver.feed(PriceUpdated(closes(0) + 5, BTC, 100.0, 100.0, 100.0))
    assert driver.engine.time_ms == closes(0) + 5
    driver.close(bar(0, 100.0), ETH)
    assert driver.engine.time_ms == closes(0) + 5


def test_a_repeated_candle_changes_nothing() -> None:
    driver = three()
    driver.close(bar(0, 100.0), BTC)
    before = driver.engine.save()
    assert driver.close(bar(0, 100.0), BTC) == []
    assert driver.engine.save() == before


def test_a_suspended_market_is_not_waited_for_and_gets_no_entry() -> None:
    driver = three(fraction=0.1)
    driver.feed(MarketSuspended(closes(0), ETH, "its checksum does not hold"))
    driver.close(bar(0, 100.0), BTC)
    commands = driver.close(bar(0, 100.0), SOL)
    assert decided(commands) == [BTC, SOL]
    driver.feed(MarketRestored(closes(0) + 1, ETH))
    driver.close(bar(0, 100.0), ETH)
    for symbol in ALL:
        commands = driver.close(bar(1, 100.0), symbol)
    assert decided(commands) == [BTC, ETH, SOL]


def test_a_suspended_market_that_still_reports_does_not_starve_the_others() -> None:
    """Invariant 5: arrival order never decides who may trade."""
    for order in permutations(ALL):
        driver = three(fraction=0.1)
        driver.feed(MarketSuspended(closes(0), ETH, "its checksum does not hold"))
        for symbol in order:
            driver.close(bar(0, 100.0), symbol)
        driver.feed(TimerFired(closes(0) + DEADLINE, "instant"))
        rows = [command for command in driver.commands if isinstance(command, Decided)]
        assert {row.symbol for row in rows if row.verdict is Verdict.SUBMITTED} == {BTC, SOL}, order


def test_a_market_that_is_suspended_last_does_not_hold_up_the_instant() -> None:
    driver = three(fraction=0.1)
    driver.close(bar(0, 100.0), BTC)
    driver.close(bar(0, 100.0), SOL)
    commands = driver.feed(MarketSuspended(closes(0), ETH, "gone"))
    commands += driver.feed(TimerFired(closes(0) + DEADLINE, "instant"))
    assert decided(commands) == [BTC, SOL]


def test_the_whole_account_is_marked_once_an_instant() -> None:
    driver = three(fraction=0.1)
    for number in range(3):
        for symbol in ALL:
            driver.feed(closed(bar(number, 100.0), symbol))
    marks = [command.time_ms for command in driver.commands if isinstance(command, Marked)]
    assert marks == [closes(0), closes(1), closes(2)]
