"""What a session asks of history: one sick market holds up neither the others, nor orders, nor an operator."""

import asyncio

import pytest

from bot import history_answers
from bot.core.commands import Backfill
from bot.core.errors import VenueError, VenueUnavailable
from bot.core.events import Backfilled, Halt
from bot.history_answers import HISTORY_LONGEST_PAUSE_S, HISTORY_PAUSE_S, Answers
from tests.hourly_bars import BTC, ETH, T0, bar, closed, closes, opens
from tests.scripted_strategies import always
from tests.unit.bot.played_session import Emit, Past, Session, streaming

SICK = VenueError("history of BTC/USDT: HTTP 400")


class Sick(Past):
    """History that never tells anything of one market."""

    async def backfill(self, request: Backfill) -> Backfilled:
        if request.symbol == BTC:
            raise SICK
        return await super().backfill(request)


async def never(*_: object) -> None:
    await asyncio.Event().wait()


@pytest.mark.asyncio
async def test_a_market_without_history_at_the_start_holds_up_no_other() -> None:
    """What is held has to be seen to, and could not be sold by a session that does not begin."""
    session = Session(always(0.0, BTC, ETH), BTC, ETH)
    await session.run(streaming(closed(bar(0, 10.0), ETH)), Sick(bar(-1, 10.0)))
    assert [event.symbol for event in session.journal.of(Backfilled)] == [ETH]
    assert session.candles == [(ETH, closes(0))]
    assert session.engine.next_open_ms(ETH) == opens(1)


@pytest.mark.asyncio
async def test_a_market_whose_gap_history_never_fills_holds_up_no_other() -> None:
    session = Session(always(0.0, BTC, ETH), BTC, ETH)
    history = Sick(bar(1, 10.0), bar(2, 10.0))

    async def stream(emit: Emit) -> None:
        history.answered.clear()
        for number in (0, 3):
            await emit(closed(bar(number, 10.0), BTC))
            await emit(closed(bar(number, 10.0), ETH))
        await history.answered.wait()
        await never()

    running = asyncio.create_task(session.run(stream, history))
    while session.engine.next_open_ms(ETH) != opens(4):  # noqa: ASYNC110 - nobody is told of what the engine knows
        await asyncio.sleep(0)
    session.session.stop()
    await running
    assert history.asked[-1] == Backfill(ETH, opens(1), opens(3))


@pytest.mark.asyncio
async def test_what_is_asked_at_the_start_is_told_in_the_order_of_the_questions() -> None:
    """Two sessions that hear the same write the same."""
    session = Session(always(0.0, BTC, ETH), BTC, ETH)
    eth_is_told = asyncio.Event()

    class Uneven(Past):
        async def backfill(self, request: Backfill) -> Backfilled:
            if request.symbol == BTC:
                await eth_is_told.wait()
            eth_is_told.set()
            return await super().backfill(request)

    await session.run(streaming(), Uneven(bar(-1, 10.0)))
    assert [event.symbol for event in session.journal.of(Backfilled)] == [BTC, ETH]


@pytest.mark.asyncio
async def test_an_operator_is_heard_while_history_is_silent() -> None:
    session = Session(always(0.0))

    class Silent(Past):
        async def backfill(self, request: Backfill) -> Backfilled:
            session.session.put_first(Halt(T0, "operator"))
            session.session.stop()
            await never()
            raise AssertionError

    assert await session.run(never, Silent()) is False
    assert [event.reason for event in session.journal.of(Halt)] == ["operator"]


@pytest.mark.asyncio
async def test_what_serves_a_session_runs_while_history_is_silent() -> None:
    """Orders and the private stream come first."""
    session = Session(always(0.0))
    served = asyncio.Event()

    class Silent(Past):
        async def backfill(self, request: Backfill) -> Backfilled:
            await served.wait()
            return await super().backfill(request)

    async def serve() -> None:
        served.set()
        await never()

    await asyncio.wait_for(session.session.run(streaming(), Silent(), services={"orders": serve}), 20)
    assert len(session.journal.of(Backfilled)) == 1


@pytest.mark.asyncio
async def test_a_history_that_says_nothing_at_all_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_answers, "PAST_FIRST_S", 0.01)
    session = Session(always(0.0, BTC, ETH), BTC, ETH)

    class Hanging(Past):
        async def backfill(self, request: Backfill) -> Backfilled:
            if request.symbol == BTC:
                await never()
            return await super().backfill(request)

    await session.run(streaming(closed(bar(0, 10.0), ETH)), Hanging(bar(-1, 10.0)))
    assert session.candles == [(ETH, closes(0))]


@pytest.mark.asyncio
async def test_an_operator_s_word_is_written_though_somebody_else_s_fault_ends_the_session() -> None:
    """It was accepted."""
    session = Session(always(0.0))

    async def stream(_: Emit) -> None:
        session.session.put_first(Halt(T0, "operator"))
        raise VenueUnavailable("the venue is gone")

    with pytest.raises(ExceptionGroup):
        await session.run(stream)
    assert [event.reason for event in session.journal.of(Halt)] == ["operator"]


@pytest.mark.asyncio
async def test_pauses_between_two_tries_double_up_to_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    told: list[Backfilled] = []

    class Recovering(Past):
        async def backfill(self, request: Backfill) -> Backfilled:
            if len(pauses) < 7:
                raise SICK
            return await super().backfill(request)

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    async def emit(event: Backfilled) -> None:
        told.append(event)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    async with asyncio.TaskGroup() as group:
        Answers(Recovering(), emit).begin(Backfill(BTC, 0, T0), group)
    assert pauses == [HISTORY_PAUSE_S * factor for factor in (1, 2, 4, 8, 16, 16, 16)]
    assert pauses[-1] == HISTORY_LONGEST_PAUSE_S
    assert len(told) == 1
