"""From sockets, REST and a clock to events: in order, bounded, and to the end."""

import asyncio
import logging

import pytest
from msgspec.structs import replace
from websockets.asyncio.server import ServerConnection

from bot.adapters.feed_inputs import Connected, Disconnected, FrameReceived, HistoryAnswered, HistoryFailed
from bot.adapters.feed_outputs import EngineEvent
from bot.adapters.patience import Patience
from bot.adapters.venues import KeepAlive
from bot.core.errors import StorageError, VenueError, VenueUnavailable
from bot.core.events import CandleClosed, MarketRestored, MarketSuspended, PriceUpdated
from tests.feed_fakes import (
    BTC,
    ETH,
    MINUTE,
    T0,
    bar_of,
    closed_frame,
    forming_frame,
    opens,
    truth,
)
from tests.stream_venue import CALM, END, QUICK, accept, breaks, sends, venue_of


def shown(bar: int) -> list[bytes]:
    return [forming_frame(BTC, bar, elapsed_ms) for elapsed_ms in range(2_000, 60_000, 2_000)]


@pytest.mark.asyncio
async def test_every_market_is_subscribed_and_candles_and_prices_come_out() -> None:
    asked: list[str] = []

    async def script(connection: ServerConnection) -> None:
        asked.extend(await accept(connection, 2))
        await connection.send(forming_frame(BTC, 10, 30_000))
        await connection.send(closed_frame(BTC, 10))
        await connection.close(1000, END)

    async with venue_of(script, markets=[(BTC, ETH)]) as (_, listener):
        await listener.run()
    price, candle = listener.events
    assert asked == [BTC, ETH]
    assert isinstance(price, PriceUpdated)
    assert (price.at_ms, price.symbol, price.bid == price.ask == price.last) == (opens(10) + 30_000, BTC, True)
    assert candle == CandleClosed(opens(11), BTC, truth(BTC, 10))
    assert listener.pauses == []


@pytest.mark.asyncio
async def test_neither_the_stream_nor_history_names_a_later_time_than_the_clock_does() -> None:
    frames = (closed_frame(BTC, 10), forming_frame(BTC, 900, 1_000), closed_frame(BTC, 12))
    async with venue_of(sends(*frames)) as (_, listener):
        listener.latest_ms = lambda: opens(13) + 10_000
        listener.past.venue_bar = 900
        await listener.run()
    assert listener.bars == [(BTC, 10), (BTC, 11), (BTC, 12)]
    assert not [one for one in listener.events if isinstance(one, PriceUpdated)]
    assert {one.venue_ms for one in listener.inputs if isinstance(one, HistoryAnswered)} == {opens(13) + 10_000}
    assert {one.latest_ms for one in listener.inputs if isinstance(one, FrameReceived)} == {opens(13) + 10_000}


@pytest.mark.asyncio
async def test_history_mends_what_a_broken_connection_missed_before_the_next_candle() -> None:
    async with venue_of(breaks(closed_frame(BTC, 10)), sends(closed_frame(BTC, 14))) as (_, listener):
        await listener.run()
    assert listener.bars == [(BTC, bar) for bar in range(10, 15)]
    assert all(one.candle == truth(BTC, bar_of(one.candle.open_time_ms)) for one in listener.events)
    # From the candle that was last, which is compared, to the one that is open.
    assert listener.past.asked == [(BTC, 10, 16)]


@pytest.mark.asyncio
async def test_history_that_cannot_be_asked_is_asked_again() -> None:
    patience = replace(CALM, ask_again_ms=10)
    async with venue_of(sends(closed_frame(BTC, 10), closed_frame(BTC, 12)), patience=patience) as (_, listener):
        listener.past.venue_bar = listener.past.knows = 13
        listener.past.failures = [VenueUnavailable("HTTP 503"), VenueError("nonsense"), TimeoutError()]
        await listener.run()
    assert listener.bars == [(BTC, 10), (BTC, 11), (BTC, 12)]
    failures = [one.reason for one in listener.inputs if isinstance(one, HistoryFailed)]
    assert failures == ["HTTP 503", "nonsense", "no answer in time"]


@pytest.mark.asyncio
async def test_a_market_that_ends_unproven_ends_all_the_same_and_says_so(caplog) -> None:
    async with venue_of(sends(closed_frame(BTC, 10), closed_frame(BTC, 12)), patience=QUICK) as (_, listener):
        listener.past.knows = 10
        with caplog.at_level(logging.WARNING):
            await listener.run()
    assert listener.bars == [(BTC, 10)]
    assert "not all of its last candles could be proven" in caplog.text


@pytest.mark.asyncio
async def test_a_thousand_markets_over_four_connections_come_out_whole() -> None:
    names = [f"M{number}/USDT" for number in range(1_000)]
    shards = [names[start : start + 250] for start in range(0, 1_000, 250)]

    async def script(connection: ServerConnection) -> None:
        symbols = await accept(connection, 250)
        for bar in (10, 11, 12):
            for symbol in symbols:
                await connection.send(forming_frame(symbol, bar, 30_000))
            for symbol in symbols:
                await connection.send(closed_frame(symbol, bar))
        await connection.close(1000, END)

    async with venue_of(script, markets=shards, patience=replace(CALM, request_gap_ms=0)) as (venue, listener):
        await listener.run()
    assert venue.connections == 4
    assert sorted(listener.bars) == sorted((name, bar) for name in names for bar in (10, 11, 12))
    assert listener.past.asked == []


@pytest.mark.asyncio
async def test_a_slow_reader_loses_no_closed_candle_and_the_memory_stays_bounded() -> None:
    bars = range(10, 600)
    frames = [frame for bar in bars for frame in (*shown(bar), closed_frame(BTC, bar))]
    longest = 0
    async with venue_of(sends(*frames), patience=replace(CALM, stale_ms=10**9)) as (_, listener):
        taken = listener.take

        async def slowly(event: EngineEvent) -> None:
            nonlocal longest
            longest = max(longest, len(listener.streams._inbox))
            await asyncio.sleep(0)
            await taken(event)

        listener.take = slowly
        await listener.run()
    assert [bar for _, bar in listener.bars] == list(bars)
    assert listener.streams.counts["dropped"] > 0
    assert longest <= 300


@pytest.mark.asyncio
async def test_a_market_whose_bars_cannot_be_proven_is_suspended_and_comes_back() -> None:
    proven = asyncio.Event()

    async def script(connection: ServerConnection) -> None:
        await accept(connection)
        await connection.send(closed_frame(BTC, 10))
        elapsed_ms = 0
        while not proven.is_set():
            elapsed_ms += 1
            await connection.send(forming_frame(BTC, 12, elapsed_ms))
            await asyncio.sleep(0.01)
        await connection.close(1000, END)

    async with venue_of(script, patience=QUICK) as (_, listener):
        taken = listener.take
        listener.past.venue_bar, listener.past.knows = 12, 10

        async def take(event: EngineEvent) -> None:
            await taken(event)
            if isinstance(event, MarketSuspended):
                listener.past.knows = 12
            if isinstance(event, MarketRestored):
                proven.set()

        listener.take = take
        await listener.run()
    events = [event for event in listener.events if not isinstance(event, PriceUpdated)]
    assert [type(event) for event in events] == [CandleClosed, MarketSuspended, CandleClosed, MarketRestored]
    assert listener.bars == [(BTC, 10), (BTC, 11)]
    assert "history has not come to the candle" in events[1].reason


@pytest.mark.asyncio
async def test_what_the_venue_wants_to_hear_is_said_as_often_as_it_wants() -> None:
    async def script(connection: ServerConnection) -> None:
        await accept(connection)
        assert [await connection.recv() for _ in range(3)] == ["ping"] * 3
        await connection.send(closed_frame(BTC, 10))
        await connection.close(1000, END)

    async with venue_of(script, keep_alive=KeepAlive("ping", 0.01)) as (_, listener):
        await listener.run()
    assert listener.bars == [(BTC, 10)]


@pytest.mark.asyncio
async def test_the_tap_sees_what_the_feed_sees_and_a_second_feed_says_the_same() -> None:
    scripts = (breaks(forming_frame(BTC, 10, 2_000), closed_frame(BTC, 10)), sends(closed_frame(BTC, 13)))
    async with venue_of(*scripts) as (_, listener):
        await listener.run()
    again = listener.make_feed()
    said = [output for given in listener.inputs for output in again.take(given)]
    events = (CandleClosed, PriceUpdated, MarketSuspended, MarketRestored)
    assert [output for output in said if isinstance(output, events)] == listener.events
    assert sum(isinstance(given, Connected) for given in listener.inputs) == 2
    assert sum(isinstance(given, Disconnected) for given in listener.inputs) == 2


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [StorageError("the disk is full"), OSError(28, "the disk is full")])
async def test_an_error_of_the_reader_ends_the_streams_and_is_not_taken_for_the_network_s(error) -> None:
    async def full(event: EngineEvent) -> None:
        raise error

    async with venue_of(sends(closed_frame(BTC, 10))) as (venue, listener):
        listener.take = full
        with pytest.raises(type(error), match="the disk is full"):
            await listener.run()
    assert venue.connections == 1
    assert listener.pauses == []


@pytest.mark.asyncio
async def test_a_cancelled_run_leaves_nothing_behind() -> None:
    async def script(connection: ServerConnection) -> None:
        await accept(connection)
        await connection.send(closed_frame(BTC, 10))
        await connection.wait_closed()

    async with venue_of(script, markets=[(BTC,), (ETH,)], end_reason=None) as (_, listener):
        something = asyncio.Event()

        async def take(_: EngineEvent) -> None:
            something.set()

        listener.take = take
        running = asyncio.create_task(listener.run())
        async with asyncio.timeout(20):
            await something.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


def test_the_patience_of_a_test_is_everything_but_the_venue_s_own_time() -> None:
    usual = Patience()
    scaled = usual.scaled(0.01)
    assert (scaled.settle_ms, scaled.stale_ms) == (usual.settle_ms, usual.stale_ms)
    assert (scaled.silence_ms, scaled.tick_ms) == (usual.silence_ms // 100, usual.tick_ms // 100)
    assert T0 % MINUTE == 0
