"""What must be true before anything is bought, and what a venue's or an operator's word changes."""

from decimal import Decimal
from typing import Any

from bot.core.commands import Decided, Notify, Reconcile, Verdict, WakeAt
from bot.core.events import (
    AccountDrifted,
    AccountReconciled,
    EpochBegan,
    Flatten,
    Halt,
    MarketBarred,
    ModelDoubted,
    OrderAccepted,
    OrderCancelled,
    Resume,
    SessionStarted,
    TimerFired,
)
from bot.core.forecast import Doubt
from bot.core.orders import Intent, Purpose
from bot.engine.readiness import RECONCILE_TIMER
from risk.breakers import TradingState
from tests.engine_driver import Driver, cancels, state_of, submits
from tests.engine_world import engine
from tests.hourly_bars import BTC, T0, bar, closes
from tests.made_orders import BUDGET
from tests.scripted_strategies import Scripted, always


def holding(**settings: Any) -> tuple[Driver, Intent]:
    """A driver that has bought, and its resting stop."""
    driver = Driver(engine(always(1.0), **settings))
    (entry,) = submits(driver.close(bar(0, 100.0)))
    (stop,) = submits(driver.filled(entry, "100"))
    driver.feed(OrderAccepted(closes(0), stop.client_order_id, "v2"))
    return driver, stop


def told(driver: Driver, code: str) -> list[str]:
    return [one.text for one in driver.commands if isinstance(one, Notify) and one.code == code]


def decided(driver: Driver) -> Decided:
    return [one for one in driver.commands if isinstance(one, Decided)][-1]


def test_books_that_differ_stop_entries_and_let_what_is_held_be_sold() -> None:
    driver = Driver(engine(always(1.0)))
    driver.feed(AccountDrifted(closes(0) - 1, "0.5 BTC are missing"))
    assert state_of(driver.engine) is TradingState.REDUCING
    assert submits(driver.close(bar(0, 100.0))) == []
    assert "0.5 BTC are missing" in decided(driver).reason
    driver.feed(AccountReconciled(closes(0) + 1))
    assert len(submits(driver.close(bar(1, 100.0)))) == 1
    assert told(driver, "account_agrees")


def test_books_that_differ_take_a_working_entry_back() -> None:
    driver = Driver(engine(always(1.0)))
    (entry,) = submits(driver.close(bar(0, 100.0)))
    assert cancels(driver.feed(AccountDrifted(closes(0), "unexplained"))) == [entry.client_order_id]


def test_the_same_difference_is_told_once() -> None:
    driver = Driver(engine(always(1.0)))
    for _ in range(3):
        driver.feed(AccountDrifted(closes(0), "unexplained"))
    assert len(told(driver, "account_drifted")) == 1


def test_the_books_are_compared_again_and_again() -> None:
    driver = Driver(engine(always(1.0), reconcile_ms=60_000))
    assert WakeAt(RECONCILE_TIMER, driver.engine.time_ms + 60_000) in driver.commands
    (asked,) = driver.feed(TimerFired(driver.engine.time_ms + 60_000, RECONCILE_TIMER))
    assert isinstance(asked, Reconcile)


def test_foreign_money_is_watched_and_told_when_it_changes() -> None:
    driver, _ = holding()
    driver.feed(AccountReconciled(closes(0), {"BTC": Decimal(1), "BNB": Decimal(2)}))
    driver.feed(AccountReconciled(closes(0), {"BTC": Decimal(1), "BNB": Decimal(2)}))
    (first,) = told(driver, "foreign_balance")
    assert "BTC from 0 to 1" in first
    driver.feed(AccountReconciled(closes(0), {"BTC": Decimal("0.4"), "BNB": Decimal(2)}))
    assert "BTC from 1 to 0.4" in told(driver, "foreign_balance")[-1]
    assert "BNB" not in told(driver, "foreign_balance")[-1]
    assert driver.held() * 100 < BUDGET


def test_foreign_money_that_moved_around_a_restart_is_told_too() -> None:
    driver, _ = holding()
    driver.feed(AccountReconciled(closes(0), {"BTC": Decimal(1)}))
    driver.feed(SessionStarted(closes(0) + 1))
    driver.feed(AccountReconciled(closes(0) + 2, {"BTC": Decimal("0.4")}))
    assert "BTC from 1 to 0.4" in told(driver, "foreign_balance")[-1]


def test_what_lies_in_the_account_at_the_very_first_look_has_not_changed() -> None:
    core = engine(always(1.0))
    core.process(SessionStarted(T0))
    commands = core.process(AccountReconciled(T0, {"BTC": Decimal(1)}))
    assert not [one for one in commands if isinstance(one, Notify)]


def test_a_new_epoch_forgets_what_the_venue_forgot_and_sells_nothing() -> None:
    driver, stop = holding()
    assert submits(driver.feed(EpochBegan(closes(0) + 1, "every order is unknown there"))) == []
    state = driver.engine.state
    assert (state.portfolio.cash, state.portfolio.positions, state.orders, state.unanswered) == (BUDGET, {}, {}, {})
    driver.filled(stop, "90")
    assert told(driver, "foreign_fill")
    assert (state.portfolio.cash, state.portfolio.positions) == (BUDGET, {})
    assert "5" in told(driver, "epoch_began")[0]
    driver.feed(AccountReconciled(closes(0) + 2))
    (entry,) = submits(driver.close(bar(1, 100.0)))
    assert entry.purpose is Purpose.ENTRY


def test_a_market_that_takes_no_entries_says_why() -> None:
    driver = Driver(engine(always(1.0)))
    driver.feed(MarketBarred(closes(0) - 1, BTC, "the venue has halted it"))
    assert submits(driver.close(bar(0, 100.0))) == []
    assert (decided(driver).verdict, decided(driver).reason) == (Verdict.NOT_TRADABLE, "the venue has halted it")
    driver.feed(MarketBarred(closes(0), BTC, "the venue has halted it"))
    assert told(driver, "market_barred") == [f"{BTC}: no entries any more: the venue has halted it"]
    driver.feed(MarketBarred(closes(0), BTC, ""))
    assert told(driver, "market_open") == [f"{BTC}: entries again"]
    assert len(submits(driver.close(bar(1, 100.0)))) == 1


def test_a_market_that_takes_no_entries_is_left_all_the_same() -> None:
    driver = Driver(engine(Scripted({BTC: (1.0, 0.0)})))
    (entry,) = submits(driver.close(bar(0, 100.0)))
    driver.filled(entry, "100")
    driver.feed(MarketBarred(closes(0) + 1, BTC, "its steps are others"))
    driver.close(bar(1, 100.0))
    (stop,) = cancels(driver.commands)
    driver.feed(OrderCancelled(closes(1), stop, "cancelled"))
    assert submits(driver.commands)[-1].purpose is Purpose.EXIT


def test_a_halt_is_told_once_for_each_reason() -> None:
    driver = Driver(engine(always(1.0)))
    for reason in ("the key is refused", "the key is refused", "lunch"):
        driver.feed(Halt(closes(0), reason))
    assert told(driver, "halted") == ["trading is halted: the key is refused", "trading is halted: lunch"]


def test_flatten_sells_all_of_ours_and_halts() -> None:
    driver, stop = holding()
    held = driver.held()
    assert cancels(driver.feed(Flatten(closes(0) + 1, "enough"))) == [stop.client_order_id]
    (exit_,) = submits(driver.feed(OrderCancelled(closes(0) + 2, stop.client_order_id, "cancelled")))
    assert (exit_.purpose, exit_.quantity) == (Purpose.OPERATOR, held)
    driver.filled(exit_, "100")
    assert submits(driver.close(bar(1, 100.0))) == []
    assert state_of(driver.engine) is TradingState.HALTED
    driver.feed(Resume(closes(1), "go on"))
    assert len(submits(driver.close(bar(2, 100.0)))) == 1


def test_flatten_goes_on_until_nothing_is_left() -> None:
    driver, stop = holding()
    driver.feed(Flatten(closes(0) + 1, "enough"))
    (exit_,) = submits(driver.feed(OrderCancelled(closes(0) + 2, stop.client_order_id, "cancelled")))
    driver.filled(exit_, "100", "20")
    (rest,) = submits(driver.cancelled(exit_.client_order_id))
    assert (rest.purpose, rest.quantity) == (Purpose.OPERATOR, driver.held())


def test_a_model_that_is_doubted_trades_half_and_then_buys_nothing() -> None:
    driver = Driver(engine(always(1.0)))
    driver.feed(ModelDoubted(closes(0) - 1, "", Doubt.CUT, "it was right too seldom"))
    (half,) = submits(driver.close(bar(0, 100.0)))
    driver.cancelled(half.client_order_id)
    driver.feed(ModelDoubted(closes(0), BTC, Doubt.STOP, "it was right too seldom"))
    assert submits(driver.close(bar(1, 100.0))) == []
    assert "it was right too seldom" in decided(driver).reason
    driver.feed(ModelDoubted(closes(1), BTC, Doubt.NONE, "it is right again"))
    (whole,) = submits(driver.close(bar(2, 100.0)))
    assert half.quantity * 2 == whole.quantity
    assert [text.split(":")[0] for text in told(driver, "model_doubted")] == ["every market", BTC, BTC]


def test_a_doubted_model_still_sells_and_stops_stay() -> None:
    driver, stop = holding()
    driver.feed(ModelDoubted(closes(0) + 1, BTC, Doubt.STOP, "drift"))
    driver.close(bar(1, 100.0))
    assert driver.engine.state.markets[BTC].stop_id == stop.client_order_id


def test_a_doubt_takes_a_working_entry_back() -> None:
    driver = Driver(engine(always(1.0)))
    (entry,) = submits(driver.close(bar(0, 100.0)))
    assert cancels(driver.feed(ModelDoubted(closes(0), BTC, Doubt.STOP, "drift"))) == [entry.client_order_id]
