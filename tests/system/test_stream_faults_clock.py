"""
Rows C1 to C3 of the fault table: the machine's clock and the exchange's, against a real exchange in real sockets.

Daylight saving, time zones and leap seconds (C2) are steps of the machine's clock like any other: every time is
milliseconds UTC, and what a leap second does to a machine is a step of one second.
"""

import asyncio
from collections.abc import Callable
from unittest.mock import patch

import pytest

from bot.adapters.candle_feed import CandleFeed
from bot.core.events import CandleClosed
from bot.exchange.faults import AnyFault, Edit, HangUp, RefuseRequest, Rewrite, Silence, WrongTime
from bot.exchange.occasions import Where
from tests.market_time import run
from tests.stream_scenarios import MINUTE, Session, during, minute, once, session

HOUR_MS = 60 * MINUTE
LOST = Silence(where=once(2, symbol="BTCUSDT", closing=True), name="a close is lost")
GONE = HangUp(None, where=once(1.5), name="the connection is lost")


@pytest.mark.parametrize("error_ms", [500, -500, 120_000, -120_000, HOUR_MS, -HOUR_MS])
def test_c1_a_machine_whose_clock_is_off_gets_every_candle(error_ms: int) -> None:
    async def story() -> None:
        async with session(GONE, LOST, clock_error_ms=error_ms) as run_:
            await run_.until_emitted(5)

    run(story())


@pytest.mark.parametrize("drift", [0.05, -0.05])
def test_c1_a_machine_whose_clock_drifts_gets_every_candle(drift: float) -> None:
    async def story() -> None:
        async with session(GONE, LOST) as run_:
            for number in range(1, 40):
                await run_.until(lambda number=number: run_.market_ms >= minute(number * 0.1))  # type: ignore[misc]
                run_.clock.error_ms = int(drift * number * 0.1 * MINUTE)
            await run_.until_emitted(6)

    run(story())


STEPS = [1_000, -1_000, 90_000, -90_000, 2 * HOUR_MS, -2 * HOUR_MS, -10 * HOUR_MS]


@pytest.mark.parametrize("step_ms", STEPS)
def test_c2_a_clock_that_steps_changes_no_candle_and_stops_no_market_for_long(step_ms: int) -> None:
    async def story() -> None:
        async with session(Silence(where=once(3, symbol="BTCUSDT", closing=True))) as run_:
            await run_.until(lambda: run_.has_emitted(2))
            run_.clock.error_ms = step_ms
            await run_.until_emitted(6)
            await run_.until(lambda: not run_.suspended)

    run(story())


def test_c2_a_feed_that_took_its_own_clock_for_elapsed_time_would_wait_for_hours() -> None:
    """The defence: a clock that goes back adds nothing to elapsed time, and takes nothing from it."""

    def by_the_clock(self: CandleFeed, at_ms: int) -> int:
        self._first_ms = getattr(self, "_first_ms", at_ms)  # type: ignore[attr-defined]
        return at_ms - self._first_ms  # type: ignore[attr-defined,no-any-return]

    async def story() -> None:
        async with session(Silence(where=during(3, 4.5, connection=1))) as run_:
            await run_.until(lambda: run_.has_emitted(2))
            run_.clock.error_ms = -2 * HOUR_MS
            await run_.until_emitted(6)

    run(story())
    with patch.object(CandleFeed, "_pass_time", by_the_clock), pytest.raises(AssertionError, match="not within"):
        run(story())


@pytest.mark.parametrize("minutes", [20, pytest.param(120, marks=pytest.mark.proof)])
def test_c2_a_machine_that_slept_repairs_what_it_missed_before_it_goes_on(minutes: int) -> None:
    """Nothing is handled for so long: what was received waits, and what was not is gone."""

    async def story() -> None:
        async with session(HangUp(1001, where=once(minutes - 5))) as run_:
            awake = asyncio.Event()

            async def take(event: object) -> None:
                if isinstance(event, CandleClosed) and len(run_.candles["BTC/USDT"]) == 2 and not awake.is_set():
                    await asyncio.sleep(minutes * 60)
                    awake.set()
                await run_.take(event)  # type: ignore[arg-type]

            run_.streams._emit = take
            await run_.until_emitted(minutes + 5, within=minutes + 20)
            assert awake.is_set()

    run(story())


WRONG_TIMES: dict[str, Callable[[Where], AnyFault]] = {
    "C3 down": lambda where: RefuseRequest(500, where=where),
    "C3 behind by an hour": lambda where: WrongTime(-HOUR_MS, where=where),
    "C3 behind by a second": lambda where: WrongTime(-1_000, where=where),
    "C3 ahead by half a second": lambda where: WrongTime(500, where=where),
    "C3 ahead by an hour": lambda where: WrongTime(HOUR_MS, where=where),
    "C3 drifting ahead": lambda where: WrongTime(drift_frac=0.2, where=where),
    "C1 microseconds": lambda where: WrongTime(microseconds=True, where=where),
}


@pytest.mark.parametrize("row", WRONG_TIMES)
def test_a_server_time_that_cannot_be_trusted_for_a_while_closes_no_bar_early(row: str) -> None:
    async def story() -> None:
        wrong = WRONG_TIMES[row](during(1.5, 4, endpoint="time"))
        async with session(wrong, GONE, LOST) as run_:
            await run_.until_emitted(8)
            await run_.until(lambda: not run_.suspended)

    run(story())


@pytest.mark.parametrize("row", WRONG_TIMES)
def test_a_server_time_that_is_always_wrong_closes_no_bar_early_or_suspends_the_market(row: str) -> None:
    async def story() -> None:
        wrong = WRONG_TIMES[row](Where(endpoint="time"))
        async with session(wrong, Silence(where=during(1.5, 3.2, symbol="BTCUSDT"), name="no frames")) as run_:
            await run_.until(lambda: run_.has_emitted(6) or is_waiting_with_a_reason(run_))
            run_.assert_true()

    run(story())


def is_waiting_with_a_reason(run_: Session) -> bool:
    return bool(run_.suspended.get("BTC/USDT"))


def test_c1_event_times_in_microseconds_are_refused_and_history_answers() -> None:
    async def story() -> None:
        odd = Rewrite(Edit(scale={"E": 1_000.0}), where=during(1.9, 2.1))
        async with session(odd) as run_:
            await run_.until_emitted(5)
            assert run_.feed.counts.total() > 0

    run(story())


@pytest.mark.parametrize("ahead_ms", [5_000, 10 * MINUTE])
def test_c1_an_event_time_of_the_future_closes_no_bar_early(ahead_ms: int) -> None:
    async def story() -> None:
        early = Rewrite(Edit(add={"E": ahead_ms}), where=during(1.5, 1.6))
        async with session(early, LOST) as run_:
            await run_.until_emitted(6)
            await run_.until(lambda: not run_.suspended)

    run(story())
