"""Trading starts halted; what makes it active, and what ends it (invariant 9)."""

from itertools import permutations

from bot.core.commands import Backfill, BreakerTripped, Decided, Reconcile, Verdict
from bot.core.events import (
    AccountReconciled,
    AnyEvent,
    Backfilled,
    Halt,
    ModelReady,
    PriceUpdated,
    Resume,
    SessionStarted,
    SettingsChanged,
)
from risk.breakers import TradingState
from tests.builders import (
    BTC,
    ETH,
    HOUR,
    T0,
    Driver,
    FollowsForecast,
    always,
    bar,
    cancels,
    closed,
    closes,
    deeds,
    engine,
    instrument,
    limits,
    opens,
    state_of,
    submits,
    two_features,
)


def test_an_engine_begins_halted() -> None:
    """Invariant 9."""
    core = engine(always(1.0))
    assert state_of(core) is TradingState.HALTED
    core.process(SessionStarted(T0))
    assert state_of(core) is TradingState.HALTED


def test_it_is_active_once_the_model_is_proven_and_the_account_reconciled_in_either_order() -> None:
    """Invariant 9."""
    proofs: list[AnyEvent] = [ModelReady(T0, "b"), AccountReconciled(T0)]
    for first, second in permutations(proofs):
        core = engine(FollowsForecast())
        core.process(SessionStarted(T0))
        core.process(first)
        assert state_of(core) is TradingState.HALTED
        core.process(second)
        assert state_of(core) is TradingState.ACTIVE


def test_a_strategy_without_a_model_waits_for_the_account_alone() -> None:
    core = engine(always(1.0))
    core.process(SessionStarted(T0))
    core.process(AccountReconciled(T0))
    assert state_of(core) is TradingState.ACTIVE


def test_nothing_is_entered_before_the_account_is_reconciled() -> None:
    """Invariant 9."""
    core = engine(always(1.0))
    core.process(SessionStarted(T0))
    core.process(Backfilled(T0, BTC, 0, T0, ()))
    commands = core.process(closed(bar(0, 100.0)))
    assert deeds(commands) == []
    (row,) = [command for command in commands if isinstance(command, Decided)]
    assert row.verdict is Verdict.DENIED
    assert "not reconciled" in row.reason


def test_every_session_has_to_be_proven_anew() -> None:
    """Invariant 9: start-up and recovery are one path."""
    driver = Driver(engine(FollowsForecast()), bundle="b")
    assert state_of(driver.engine) is TradingState.ACTIVE
    commands = driver.feed(SessionStarted(opens(1)))
    assert state_of(driver.engine) is TradingState.HALTED
    assert any(isinstance(command, Reconcile) for command in commands)


def test_a_session_asks_history_for_the_warm_up_of_every_market() -> None:
    """Invariant 9: the window is warm before anything is traded."""
    core = engine(
        FollowsForecast(), markets=[instrument(BTC), instrument(ETH)], features=two_features(warm_up=7), window=3
    )
    asked = [command for command in core.process(SessionStarted(T0 + 5)) if isinstance(command, Backfill)]
    assert asked == [Backfill(symbol, T0 - 10 * HOUR, T0) for symbol in (BTC, ETH)]


def test_a_session_asks_history_for_the_time_away() -> None:
    driver = Driver(engine(always(0.0)))
    driver.close(bar(0, 100.0))
    asked = [c for c in driver.feed(SessionStarted(opens(5) + 7)) if isinstance(c, Backfill)]
    assert asked == [Backfill(BTC, opens(1), opens(5))]


def test_what_closed_while_it_was_away_is_not_traded_on() -> None:
    driver = Driver(engine(always(1.0)))
    driver.feed(SessionStarted(opens(5) + 7), AccountReconciled(opens(5) + 7))
    commands = driver.feed(Backfilled(opens(5), BTC, 0, opens(5), tuple(bar(n, 100.0) for n in range(5))))
    assert deeds(commands) == []
    assert len(submits(driver.close(bar(5, 100.0)))) == 1


def test_a_restart_keeps_the_operators_halt() -> None:
    driver = Driver(engine(always(1.0)))
    driver.feed(Halt(T0, "storm"), SessionStarted(T0), AccountReconciled(T0))
    assert state_of(driver.engine) is TradingState.HALTED


def test_a_halt_stops_entries_and_exits_until_resumed() -> None:
    driver = Driver(engine(always(1.0)))
    driver.feed(Halt(T0, "storm"))
    assert deeds(driver.close(bar(0, 100.0))) == []
    (row,) = [command for command in driver.commands if isinstance(command, Decided)]
    assert "storm" in row.reason
    driver.feed(Resume(closes(0), "calm"))
    assert state_of(driver.engine) is TradingState.ACTIVE
    assert len(submits(driver.close(bar(1, 100.0)))) == 1


def test_a_halt_lets_a_stop_fill_and_be_booked() -> None:
    driver = Driver(engine(always(1.0)))
    (entry,) = submits(driver.close(bar(0, 100.0)))
    (stop,) = submits(driver.filled(entry, "100"))
    assert stop.client_order_id not in cancels(driver.feed(Halt(closes(0), "storm")))
    driver.filled(stop, "90")
    assert driver.held() == 0


def test_a_position_that_is_filled_while_halted_is_protected() -> None:
    driver = Driver(engine(always(1.0)))
    (entry,) = submits(driver.close(bar(0, 100.0)))
    driver.feed(Halt(closes(0), "storm"))
    (stop,) = submits(driver.filled(entry, "100"))
    assert stop.stop_price == 90


def drawn_down() -> Driver:
    driver = Driver(engine(always(1.0), risk=limits(drawdown_frac=0.1, stop_distance_frac=0.9)))
    (entry,) = submits(driver.close(bar(0, 100.0)))
    (stop,) = submits(driver.filled(entry, "100"))
    driver.feed(PriceUpdated(closes(0) + 1, BTC, 70.0, 70.0, 70.0))
    (sold,) = submits(driver.cancelled(stop.client_order_id))
    driver.filled(sold, "70")
    return driver


def test_a_tripped_drawdown_breaker_outlives_a_restart_and_ends_with_a_resume() -> None:
    driver = drawn_down()
    driver.feed(SessionStarted(closes(0) + 2), AccountReconciled(closes(0) + 2))
    assert state_of(driver.engine) is TradingState.HALTED
    driver.feed(Resume(closes(0) + 3, "seen"))
    assert state_of(driver.engine) is TradingState.ACTIVE
    assert driver.close(bar(1, 70.0)) != []
    assert len([c for c in driver.commands if isinstance(c, BreakerTripped)]) == 1


def test_a_resume_counts_the_drawdown_from_where_the_account_stands() -> None:
    driver = drawn_down()
    driver.feed(Resume(closes(0) + 3, "seen"))
    assert driver.engine.state.breakers.peak_equity == 8500.0


def test_a_resume_after_a_plain_halt_forgets_nothing_of_the_drawdown() -> None:
    driver = Driver(engine(always(1.0), risk=limits(drawdown_frac=0.1, stop_distance_frac=0.9)))
    (entry,) = submits(driver.close(bar(0, 100.0)))
    driver.filled(entry, "100")
    driver.feed(PriceUpdated(closes(0) + 1, BTC, 85.0, 85.0, 85.0))
    driver.feed(Halt(closes(0) + 2, "lunch"), Resume(closes(0) + 3, "back"))
    driver.feed(PriceUpdated(closes(0) + 4, BTC, 79.0, 79.0, 79.0))
    assert [c.breaker for c in driver.commands if isinstance(c, BreakerTripped)] == ["drawdown"]


def test_new_settings_never_loosen_a_stop() -> None:
    driver = Driver(engine(always(1.0)))
    (entry,) = submits(driver.close(bar(0, 100.0)))
    (stop,) = submits(driver.filled(entry, "100"))
    assert deeds(driver.feed(SettingsChanged(closes(0), {}, {}))) == []
    assert driver.engine.state.markets[BTC].stop_price == stop.stop_price
