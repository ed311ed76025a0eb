"""Instants of a session: markets that arrive in any order or stay away, and candles that the stream lost."""

import asyncio
from collections.abc import Sequence

import pytest

from bot.core.commands import Backfill, Decided
from bot.core.events import CandleClosed, OrderFilled, PriceUpdated, TimerFired
from bot.instant_assembler import InstantAssembler
from tests.hourly_bars import BTC, ETH, bar, closed, closes, opens
from tests.scripted_strategies import Scripted, always
from tests.unit.bot.played_session import Emit, Past, Session, streaming


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
