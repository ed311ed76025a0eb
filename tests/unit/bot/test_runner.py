"""A session in real time: one consumer, an ordered end, nothing lost, and a fault that is heard."""

import asyncio

import pytest

from bot import history_answers
from bot.core.commands import Backfill
from bot.core.errors import VenueError, VenueUnavailable
from bot.core.events import Backfilled
from bot.runner import INBOX_SIZE
from tests.hourly_bars import BTC, T0, bar, closed, closes, opens
from tests.scripted_strategies import always
from tests.unit.bot.played_session import Emit, Past, Session, bars, streaming


@pytest.mark.asyncio
async def test_everything_that_was_streamed_is_handled_before_the_end() -> None:
    session = Session(always(1.0))
    assert await session.run(streaming(*bars(50))) is True
    assert session.candles == [(BTC, closes(number)) for number in range(50)]
    assert session.journal.snapshots == [session.engine.save()]
    assert session.journal.commits >= 50
    assert len(session.seen) == 50


@pytest.mark.asyncio
async def test_a_full_inbox_makes_the_stream_wait_and_loses_nothing() -> None:
    session = Session(always(0.0))
    count = INBOX_SIZE + 100
    assert await session.run(streaming(*bars(count))) is True
    assert len(session.candles) == count


@pytest.mark.asyncio
async def test_the_past_is_told_before_the_stream_begins() -> None:
    session = Session(always(1.0))
    history = Past(bar(-1, 100.0))

    async def stream(emit: Emit) -> None:
        assert session.engine.next_open_ms(BTC) == opens(0)
        await emit(closed(bar(0, 100.0)))

    await session.run(stream, history)
    assert [request.to_ms for request in history.asked] == [T0]


@pytest.mark.asyncio
async def test_a_stream_that_fails_ends_the_session_with_its_error() -> None:
    session = Session(always(0.0))

    async def stream(emit: Emit) -> None:
        await emit(closed(bar(0, 100.0)))
        raise VenueUnavailable("the venue is gone")

    with pytest.raises(ExceptionGroup) as caught:
        await session.run(stream)
    assert caught.group_contains(VenueUnavailable, match="the venue is gone")


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [VenueUnavailable("no history"), VenueError("the row is no candle")])
async def test_history_that_fails_during_a_session_is_asked_again_and_the_session_goes_on(
    error: VenueError, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A venue that comes back after an outage often answers its history last: stops must be seen to meanwhile."""
    monkeypatch.setattr(history_answers, "HISTORY_PAUSE_S", 0.0)
    session = Session(always(0.0))

    class Recovering(Past):
        failures = 0

        async def backfill(self, request: Backfill) -> Backfilled:
            if request.from_ms >= T0 and self.failures < 3:
                self.failures += 1
                raise error
            return await super().backfill(request)

    history = Recovering(bar(1, 100.0), bar(2, 100.0))

    async def stream(emit: Emit) -> None:
        await emit(closed(bar(0, 100.0)))
        await emit(closed(bar(3, 100.0)))
        await history.answered.wait()
        history.answered.clear()
        await history.answered.wait()
        await emit(closed(bar(4, 100.0)))

    await session.run(stream, history)
    assert history.failures == 3
    assert session.engine.next_open_ms(BTC) == opens(5)


@pytest.mark.asyncio
async def test_a_fault_of_the_consumer_ends_the_session_with_its_error() -> None:
    session = Session(always(0.0))

    async def stream(emit: Emit) -> None:
        await emit(closed(bar(0, 100.0)))
        session.engine.process = lambda event: 1 / 0  # type: ignore[assignment, return-value, method-assign]
        await emit(closed(bar(1, 100.0)))
        await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as caught:
        await session.run(stream)
    assert caught.group_contains(ZeroDivisionError)


@pytest.mark.asyncio
async def test_a_stop_handles_what_has_arrived_and_ends_in_order() -> None:
    session = Session(always(0.0))

    async def stream(emit: Emit) -> None:
        for event in bars(5):
            await emit(event)
        session.session.stop()
        await asyncio.Event().wait()

    assert await session.run(stream) is False
    assert len(session.candles) == 5
    assert session.journal.snapshots == [session.engine.save()]


@pytest.mark.asyncio
async def test_a_session_ends_when_its_time_has_come() -> None:
    session = Session(always(0.0), until_ms=closes(3))

    async def stream(emit: Emit) -> None:
        for event in bars(4):
            await emit(event)
        await asyncio.Event().wait()

    assert await session.run(stream) is True
    assert session.candles[-1] == (BTC, closes(3))
