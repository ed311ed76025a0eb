"""Contiguous, once, in order: gaps are asked for, then filled by the one policy, and never guessed before."""

import pytest

from bot.core.commands import AnyCommand, Backfill, Decided, Marked, Notify, Verdict
from bot.core.errors import DataError
from bot.core.events import Backfilled, CandleClosed, MarketSuspended, PriceUpdated, SessionStarted
from bot.core.market import Candle
from tests.engine_driver import Driver, submits
from tests.engine_world import engine, started
from tests.hourly_bars import BTC, bar, closed, closes, opens
from tests.scripted_strategies import Scripted, always


def answer(driver: Driver, first: int, last: int, *candles: Candle) -> list[AnyCommand]:
    """History's answer for the bars from `first` up to, and without, `last`."""
    return driver.feed(Backfilled(opens(last), BTC, opens(first), opens(last), candles))


def asked(commands: list[AnyCommand]) -> list[Backfill]:
    return [command for command in commands if isinstance(command, Backfill)]


def bars(driver: Driver) -> int:
    return driver.engine._windows[BTC].bars


def test_a_gap_is_asked_for_and_nothing_is_decided_meanwhile() -> None:
    driver = Driver(engine(always(1.0)))
    driver.close(bar(0, 100.0))
    assert driver.close(bar(3, 110.0)) == [Backfill(BTC, opens(1), opens(3))]
    assert driver.close(bar(4, 111.0)) == []
    assert driver.engine.next_open_ms(BTC) == opens(1)


def test_what_history_knows_is_taken_and_the_newest_candle_decided() -> None:
    driver = Driver(engine(always(1.0)))
    driver.close(bar(0, 100.0))
    driver.close(bar(3, 110.0))
    commands = answer(driver, 1, 3, bar(1, 101.0), bar(2, 102.0))
    rows = [command for command in commands if isinstance(command, Decided)]
    assert [row.close_time_ms for row in rows] == [closes(3)]
    assert driver.engine.next_open_ms(BTC) == opens(4)
    assert bars(driver) == 4


def test_a_short_gap_is_bridged_flat_at_the_last_close() -> None:
    driver = Driver(engine(always(0.0)))
    driver.close(bar(0, 100.0, 120.0, 90.0, 105.0))
    driver.close(bar(4, 110.0))
    answer(driver, 1, 4)
    assert bars(driver) == 5
    # Three flat bars move nothing; the fourth moves from 105, the last close before the gap.
    assert driver.engine.state.markets[BTC].atr < 30.0


def test_no_mark_or_decision_of_an_earlier_close_knows_a_later_price() -> None:
    """Causality: what is said of a close is said with the prices of that close."""
    driver = Driver(engine(always(1.0)))
    (entry,) = submits(driver.close(bar(0, 100.0)))
    driver.filled(entry, "100")
    driver.close(bar(3, 150.0))
    commands = answer(driver, 1, 3, bar(1, 100.0), bar(2, 100.0))
    for mark in (command for command in commands if isinstance(command, Marked)):
        expected = 5000.0 + 50.0 * (150.0 if mark.time_ms == closes(3) else 100.0)
        assert mark.equity == expected, f"the mark of {mark.time_ms}"


def test_a_filled_bar_allows_no_entry() -> None:
    """The gap policy: a filled bar is never a label and never allows an entry."""
    driver = Driver(engine(always(1.0)))
    driver.close(bar(0, 100.0, filled=True))
    (row,) = [command for command in driver.commands if isinstance(command, Decided)]
    assert row.verdict is Verdict.NOT_TRADABLE
    assert submits(driver.commands) == []


def test_a_stop_still_acts_in_a_bar_that_decides_nothing() -> None:
    world = started(always(1.0)).play(bar(0, 100.0), bar(1, 100.0))
    world.feed(MarketSuspended(closes(1), BTC, "no data can be proven"))
    world.play(bar(2, 100.0, 100.0, 80.0, 85.0))
    assert world.held() == 0


def test_no_row_of_a_gap_submits_anything() -> None:
    driver = Driver(engine(Scripted({BTC: (0.0, 1.0, 1.0, 1.0, 0.0)})))
    driver.close(bar(0, 100.0))
    driver.close(bar(4, 110.0))
    assert submits(answer(driver, 1, 4)) == []


def test_a_long_gap_splits_the_series_and_says_so() -> None:
    driver = Driver(engine(always(0.0)))
    driver.close(bar(0, 100.0))
    driver.close(bar(5, 110.0))
    commands = answer(driver, 1, 5)
    (told,) = [command for command in commands if isinstance(command, Notify)]
    assert told.code == "series_split"
    assert "4 candles are missing" in told.text
    assert bars(driver) == 1


def test_a_split_series_forgets_its_volatility() -> None:
    driver = Driver(engine(always(0.0)))
    driver.close(bar(0, 100.0))
    driver.close(bar(1, 300.0))
    driver.close(bar(9, 110.0, 112.0, 109.0, 111.0))
    answer(driver, 2, 9)
    market = driver.engine.state.markets[BTC]
    assert market.sigma_squared == 0.0
    assert market.atr == 3.0


def test_candles_that_arrive_while_history_is_asked_wait_for_it() -> None:
    driver = Driver(engine(always(0.0)))
    driver.close(bar(0, 100.0))
    driver.close(bar(2, 102.0))
    assert driver.close(bar(3, 103.0)) == []
    answer(driver, 1, 2, bar(1, 101.0))
    assert bars(driver) == 4
    assert driver.engine.state.markets[BTC].held_back == []


def test_a_candle_that_both_history_and_the_stream_tell_is_taken_once() -> None:
    driver = Driver(engine(always(0.0)))
    driver.close(bar(0, 100.0))
    driver.close(bar(2, 102.0))
    answer(driver, 1, 3, bar(1, 101.0), bar(2, 102.0))
    assert bars(driver) == 3
    assert driver.close(bar(2, 102.0)) == []


def test_a_hole_among_the_candles_that_waited_is_asked_for_before_it_is_filled() -> None:
    """The gap policy: a missing bar is never guessed before history has answered."""
    driver = Driver(engine(always(0.0)))
    driver.close(bar(0, 100.0))
    driver.close(bar(2, 102.0))
    driver.close(bar(4, 104.0))
    commands = answer(driver, 1, 2, bar(1, 101.0))
    assert asked(commands) == [Backfill(BTC, opens(3), opens(4))]
    answer(driver, 3, 4, bar(3, 103.0))
    assert bars(driver) == 5


def test_a_question_lost_at_a_crash_is_asked_again_with_the_same_span() -> None:
    driver = Driver(engine(always(0.0)))
    driver.close(bar(0, 100.0))
    (question,) = asked(driver.close(bar(3, 103.0)))
    assert asked(driver.feed(SessionStarted(closes(3)))) == [question]


def test_a_warm_up_lost_at_a_crash_is_asked_again_with_the_same_span() -> None:
    core = engine(always(0.0))
    first = asked(core.process(SessionStarted(opens(0))))
    assert asked(core.process(SessionStarted(opens(0)))) == first


def test_a_live_candle_waits_for_the_warm_up() -> None:
    core = engine(always(0.0))
    core.process(SessionStarted(opens(5)))
    assert core.process(closed(bar(5, 105.0))) == []
    core.process(Backfilled(opens(5), BTC, opens(4), opens(5), (bar(4, 104.0),)))
    assert core._windows[BTC].bars == 2


def test_an_answer_of_old_candles_changes_nothing() -> None:
    driver = Driver(engine(always(0.0)))
    driver.close(bar(0, 100.0))
    driver.close(bar(1, 100.0))
    before = bars(driver)
    answer(driver, 0, 2, bar(0, 500.0), bar(1, 500.0))
    assert bars(driver) == before
    assert driver.engine.state.markets[BTC].mark == 100.0


def test_a_market_that_is_not_traded_here_is_refused_by_name() -> None:
    driver = Driver(engine(always(0.0)))
    with pytest.raises(DataError, match="DOGE/USDT"):
        driver.feed(CandleClosed(closes(0), "DOGE/USDT", bar(0, 1.0)))
    with pytest.raises(DataError, match="DOGE/USDT"):
        driver.feed(PriceUpdated(closes(0), "DOGE/USDT", 1.0, 1.0, 1.0))


def test_prices_between_closes_move_no_window() -> None:
    """Invariant 3: `PriceUpdated` moves marks, never windows."""
    driver = Driver(engine(always(0.0)))
    driver.close(bar(0, 100.0))
    before = driver.engine._windows[BTC].save()
    driver.feed(PriceUpdated(closes(0) + 1, BTC, 120.0, 120.0, 120.0))
    assert driver.engine._windows[BTC].save() == before
    assert driver.engine.state.markets[BTC].mark == 120.0
    assert driver.engine.state.markets[BTC].last == bar(0, 100.0)
