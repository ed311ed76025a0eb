"""A session in real time: one consumer, an ordered end, nothing lost, and a fault that is heard."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal

import pytest

from bot import runner
from bot.adapters.paper_broker import PaperBroker
from bot.core.commands import Backfill, Decided
from bot.core.errors import VenueError, VenueUnavailable
from bot.core.events import AnyEvent, Backfilled, CandleClosed, OrderFilled, PriceUpdated, TimerFired
from bot.core.market import Candle
from bot.flows import PaperFlow
from bot.instant_assembler import InstantAssembler
from bot.paper_play import PaperPlay
from bot.pump import Pump
from bot.replay import Checkpoints, begin_session
from bot.runner import INBOX_SIZE, Questions
from bot.runner import Session as RunnerSession
from strategies.strategy import Strategy
from tests.builders import (
    BTC,
    BUDGET,
    ETH,
    HOUR,
    T0,
    MemoryJournal,
    Scripted,
    ScriptedModel,
    always,
    bar,
    closed,
    closes,
    engine,
    instrument,
    no_model,
    opens,
)
from tests.heard_clock import HeardClock

Emit = Callable[[AnyEvent], Awaitable[None]]
Stream = Callable[[Emit], Awaitable[None]]


class Past:
    """History that knows some candles."""

    def __init__(self, *candles: Candle) -> None:
        self.candles = candles
        self.asked: list[Backfill] = []
        self.answered = asyncio.Event()

    async def backfill(self, request: Backfill) -> Backfilled:
        self.asked.append(request)
        found = tuple(one for one in self.candles if request.from_ms <= one.open_time_ms < request.to_ms)
        self.answered.set()
        return Backfilled(request.to_ms, request.symbol, request.from_ms, request.to_ms, found)


class Session:
    """A paper session with everything that it needs."""

    def __init__(self, strategy: Strategy, *symbols: str, until_ms: int | None = None) -> None:
        markets = [instrument(symbol) for symbol in symbols or (BTC,)]
        self.engine = engine(strategy, markets=markets)
        self.journal = MemoryJournal()
        self.clock = HeardClock()
        self.seen: list[tuple[int, int]] = []
        self.broker = PaperBroker({one.symbol: one for one in markets}, BUDGET, Decimal(1))
        questions = Questions()
        self.pump = Pump(
            self.engine,
            self.journal,
            self.broker,
            ScriptedModel(no_model),
            backfill=questions.ask,
            measures_latency=False,
        )
        checkpoints = Checkpoints(self.engine, self.journal, 10**9)
        flow = PaperFlow(
            self.pump,
            PaperPlay(self.pump, self.broker, HOUR),
            InstantAssembler([one.symbol for one in markets], 10_000),
            checkpoints,
            commit=self.journal.commit,
            progress=lambda count, at_ms: self.seen.append((count, at_ms)),
        )
        self.session = RunnerSession(
            self.pump,
            questions,
            flow,
            checkpoints,
            clock=self.clock,
            until_ms=until_ms,
        )
        begin_session(self.pump, T0, None)

    async def run(self, stream: Stream, history: Past | None = None) -> bool:
        return await asyncio.wait_for(self.session.run(stream, history or Past()), 20)

    @property
    def candles(self) -> list[tuple[str, int]]:
        return [(event.symbol, event.at_ms) for event in self.journal.of(CandleClosed)]


def streaming(*events: AnyEvent) -> Stream:
    async def stream(emit: Emit) -> None:
        for event in events:
            await emit(event)

    return stream


def bars(count: int, symbol: str = BTC) -> list[CandleClosed]:
    return [closed(bar(number, 100.0), symbol) for number in range(count)]


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
async def test_history_that_cannot_be_reached_before_the_session_begins_ends_it() -> None:
    session = Session(always(0.0))
    session.pump.feed(closed(bar(0, 100.0)))
    session.pump.feed(closed(bar(3, 100.0)))

    class Broken(Past):
        async def backfill(self, request: Backfill) -> Backfilled:
            raise VenueUnavailable(f"no history of {request.symbol}")

    with pytest.raises(VenueUnavailable, match="no history"):
        await session.run(streaming(), Broken())


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [VenueUnavailable("no history"), VenueError("the row is no candle")])
async def test_history_that_fails_during_a_session_is_asked_again_and_the_session_goes_on(
    error: VenueError, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A venue that comes back after an outage often answers its history last: stops must be seen to meanwhile."""
    monkeypatch.setattr(runner, "HISTORY_PAUSE_S", 0.0)
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


@pytest.mark.asyncio
async def test_the_instant_at_a_session_s_end_waits_for_its_last_market() -> None:
    session = Session(always(0.0, BTC, ETH), BTC, ETH, until_ms=closes(0))

    async def stream(emit: Emit) -> None:
        await emit(closed(bar(0, 100.0), BTC))
        for _ in range(20):
            await asyncio.sleep(0)
        await emit(closed(bar(0, 10.0), ETH))
        await asyncio.Event().wait()

    assert await session.run(stream) is True
    assert session.candles == [(BTC, closes(0)), (ETH, closes(0))]


@pytest.mark.asyncio
async def test_markets_that_arrive_in_any_order_are_handled_in_the_order_of_the_instruments() -> None:
    """Invariant 5."""
    session = Session(always(0.2, BTC, ETH), BTC, ETH)
    await session.run(streaming(closed(bar(0, 10.0), ETH), closed(bar(0, 100.0), BTC)))
    assert session.candles == [(BTC, closes(0)), (ETH, closes(0))]
    assert [row.symbol for row in session.journal.of(Decided)] == [BTC, ETH]


@pytest.mark.asyncio
async def test_a_market_that_stays_away_is_not_waited_for_beyond_the_deadline() -> None:
    """Invariants 3 and 5."""
    session = Session(always(0.2, BTC, ETH), BTC, ETH)

    deadline_ms = closes(0) + 10_000
    passing = PriceUpdated(deadline_ms, BTC, 100.0, 100.0, 100.0)

    await session.run(streaming(closed(bar(0, 100.0), BTC), passing))
    assert session.candles == [(BTC, closes(0))]
    assert [row.symbol for row in session.journal.of(Decided)] == [BTC]
    (fired,) = session.journal.of(TimerFired)
    assert fired.at_ms == deadline_ms


@pytest.mark.asyncio
async def test_candles_that_wait_for_the_rest_of_their_instant_are_handled_at_the_end() -> None:
    session = Session(always(0.0, BTC, ETH), BTC, ETH)
    await session.run(streaming(closed(bar(0, 100.0), BTC)))
    assert session.candles == [(BTC, closes(0))]


@pytest.mark.asyncio
async def test_a_gap_in_the_stream_is_asked_for_and_closed() -> None:
    session = Session(always(0.0))
    history = Past(bar(1, 101.0), bar(2, 102.0))

    async def stream(emit: Emit) -> None:
        history.answered.clear()
        await emit(closed(bar(0, 100.0)))
        await emit(closed(bar(3, 103.0)))
        await history.answered.wait()

    await session.run(stream, history)
    assert history.asked[-1] == Backfill(BTC, opens(1), opens(3))


@pytest.mark.asyncio
async def test_a_stop_that_was_touched_in_a_candle_the_stream_lost_has_been_touched() -> None:
    session = Session(Scripted({BTC: (1.0, 1.0, 0.0)}))
    history = Past(bar(2, 100.0, 100.0, 80.0, 100.0))

    async def stream(emit: Emit) -> None:
        history.answered.clear()
        for event in (closed(bar(0, 100.0)), closed(bar(1, 100.0)), closed(bar(3, 100.0))):
            await emit(event)
        await history.answered.wait()

    await session.run(stream, history)
    sold = [event for event in session.journal.of(OrderFilled) if event.fill.side.value == "sell"]
    assert [(event.at_ms, float(event.fill.price)) for event in sold] == [(closes(2), 90.0)]


@pytest.mark.asyncio
async def test_a_candle_that_history_and_the_stream_both_tell_meets_the_orders_once() -> None:
    session = Session(always(1.0))
    history = Past(bar(1, 100.0, 100.0, 95.0, 100.0), bar(2, 100.0))

    async def stream(emit: Emit) -> None:
        history.answered.clear()
        await emit(closed(bar(0, 100.0)))
        await emit(closed(bar(3, 100.0)))
        await history.answered.wait()
        await emit(closed(bar(3, 100.0, 130.0, 95.0, 100.0)))

    await session.run(stream, history)
    assert {float(event.fill.price) for event in session.journal.of(OrderFilled)} == {100.0}


def instants(assembler: InstantAssembler, *events: CandleClosed) -> list[list[tuple[str, int]]]:
    complete: list[Sequence[CandleClosed]] = []
    for event in events:
        complete += assembler.add(event)
    return [[(event.symbol, event.at_ms) for event in instant] for instant in complete]


def test_an_instant_is_complete_when_every_market_has_reported() -> None:
    assembler = InstantAssembler([BTC, ETH], 10_000)
    assert instants(assembler, closed(bar(0, 10.0), ETH)) == []
    assert assembler.due_ms == closes(0) + 10_000
    assert instants(assembler, closed(bar(0, 100.0), BTC)) == [[(BTC, closes(0)), (ETH, closes(0))]]
    assert assembler.take() == []
    empty = InstantAssembler([BTC, ETH], 10_000)
    assert empty.due_ms is None


def test_an_instant_is_handed_on_when_a_later_one_begins() -> None:
    assembler = InstantAssembler([BTC, ETH], 10_000)
    events = closed(bar(0, 10.0), ETH), closed(bar(1, 10.0), ETH), closed(bar(1, 100.0), BTC)
    assert instants(assembler, *events) == [[(ETH, closes(0))], [(BTC, closes(1)), (ETH, closes(1))]]


def test_a_repeated_candle_does_not_stand_in_for_a_market_that_is_missing() -> None:
    assembler = InstantAssembler([BTC, ETH], 10_000)
    assert instants(assembler, closed(bar(0, 10.0), ETH), closed(bar(0, 10.0), ETH)) == []
