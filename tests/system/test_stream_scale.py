"""A thousand markets in one process: every candle once, and queues and memory that stay as they are."""

import asyncio
import gc
import tracemalloc
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import psutil
import pytest

from bot.adapters.candle_feed import CandleFeed
from bot.adapters.candle_stream import INBOX_PER_MARKET, LEAST_INBOX, CandleStreams, Emit
from bot.adapters.feed_inputs import AnyFeedInput, Connected, FrameReceived
from bot.adapters.feed_outputs import EngineEvent
from bot.adapters.history_rows import RowSource
from bot.adapters.patience import Patience
from bot.adapters.venues import ClosedCandle, FormingCandle, VenueStream
from bot.core.events import PriceUpdated
from bot.core.market import Candle, Timeframe
from bot.core.ports import Clock
from bot.exchange.faults import AnyFault, HangUp
from bot.exchange.listing import listing_of
from bot.exchange.market import ORIGIN_MS
from bot.exchange.occasions import Where
from tests.command_line import say
from tests.market_time import run
from tests.stream_scenarios import FROM_MS, MINUTE, Session, klines, minute, session

MARKETS = tuple(f"C{number}/USDT" for number in range(1_000))
CONNECTIONS = 5
PUSH_MS = 20_000
INSTANTS = MINUTE // PUSH_MS
SPEED = PUSH_MS / 1_000
"""An instant a second: two of forming candles, then one of closed ones."""

INBOX = max(LEAST_INBOX, INBOX_PER_MARKET * len(MARKETS))
RARE = 100
"""Ticks, answers and the lives of connections are let in when the inbox is full."""

MEGABYTE = 1 << 20


class SteadyMarket:
    """A market that costs nothing to make: every candle follows from its number and its symbol."""

    end_ms = None
    begin_ms = ORIGIN_MS
    timeframe = Timeframe.M1

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.listing = listing_of(symbol)
        self._level = 50_000 + 37 * sum(symbol.encode())

    def at(self, open_ms: int) -> Candle | None:
        number = (open_ms - ORIGIN_MS) // MINUTE
        first, last = (self._level + (bar * bar * 7) % 101 for bar in (number, number + 1))
        high, low = max(first, last) + number % 5, min(first, last) - number % 3
        return Candle(open_ms, first / 1_000, high / 1_000, low / 1_000, last / 1_000, 10.0 + number % 17)

    def toss(self, open_ms: int) -> float:
        return (open_ms // MINUTE) % 2 / 2


class WatchedStreams(CandleStreams):
    """Streams whose feed is watched: how many frames reach it, and how much waits for it."""

    def __init__(
        self,
        streams: Sequence[VenueStream],
        feed: CandleFeed,
        history: RowSource,
        emit: Emit,
        clock: Clock,
        **more: Any,
    ) -> None:
        super().__init__(streams, feed, history, emit, clock, tap=self._see, **more)
        self.most_waiting = 0
        self.frames = 0

    def _see(self, given: AnyFeedInput) -> None:
        # The one that was just taken has waited as well.
        self.most_waiting = max(self.most_waiting, len(self._inbox) + 1)
        if type(given) is FrameReceived:
            self.frames += 1


class SlowlyReadStreams(WatchedStreams):
    """The same, for somebody who takes two seconds for the prices of an instant."""

    def __init__(
        self,
        streams: Sequence[VenueStream],
        feed: CandleFeed,
        history: RowSource,
        emit: Emit,
        clock: Clock,
        **more: Any,
    ) -> None:
        async def take(event: EngineEvent) -> None:
            await emit(event)
            if type(event) is PriceUpdated:
                await asyncio.sleep(2.0 / len(MARKETS))

        super().__init__(streams, feed, history, take, clock, **more)
        self.closed: dict[str, list[Candle]] = {symbol: [] for symbol in MARKETS}
        self.last_shown_ms: dict[tuple[str, int], int] = {}
        self._streams = {stream.symbols: stream for stream in streams}
        self._stream_of: dict[int, VenueStream] = {}

    def _see(self, given: AnyFeedInput) -> None:
        super()._see(given)
        if type(given) is Connected:
            self._stream_of[given.connection] = self._streams[given.symbols]
        elif type(given) is FrameReceived:
            for message in self._stream_of[given.connection].parse(given.frame):
                if type(message) is ClosedCandle:
                    self.closed[message.symbol].append(message.candle)
                elif type(message) is FormingCandle and message.event_ms is not None:
                    self.last_shown_ms[message.symbol, message.candle.open_time_ms] = message.event_ms


def connections(url: str) -> list[VenueStream]:
    """The markets, spread evenly."""
    return [klines(MARKETS[number::CONNECTIONS], url) for number in range(CONNECTIONS)]


def thousand_markets(
    *faults: AnyFault, streams_class: type[WatchedStreams] = WatchedStreams
) -> AbstractAsyncContextManager[Session]:
    """A session of them all."""
    return session(
        *faults,
        symbols=MARKETS,
        patience=Patience().scaled(1.0 / SPEED),
        streams_of=connections,
        streams_class=streams_class,
        push_ms=PUSH_MS,
        speed=SPEED,
        market_of=SteadyMarket,
    )


def have_emitted(run_: Session, candles: int) -> bool:
    """Whether there were so many candles, of all markets together."""
    return run_.feed.counts["candles"] >= candles


async def sustain(bars: int, at_a_time: int) -> list[tuple[int, int]]:
    """See so many candles of each market; resident and traced bytes after each lot of them."""
    memory = []
    async with thousand_markets() as run_:
        streams = run_.streams
        assert isinstance(streams, WatchedStreams)
        for begun in range(0, bars, at_a_time):
            ended = begun + at_a_time
            await run_.until(partial(have_emitted, run_, ended * len(MARKETS)))
            for symbol in MARKETS:
                assert run_.candles.pop(symbol) == run_.truth(symbol)[begun:ended], symbol
            run_.events.clear()
            run_.log.events.clear()
            gc.collect()
            memory.append((psutil.Process().memory_info().rss, tracemalloc.get_traced_memory()[0]))
        say(
            f"{run_.feed.counts['candles']} candles of {len(MARKETS)} markets by {run_.feed.counts['connections']} "
            f"connections, {streams.frames} frames, {streams.counts['dropped']} dropped, at most "
            f"{streams.most_waiting} of {INBOX} places taken, {run_.feed.counts['questions']} questions, "
            f"(resident, traced) bytes {memory}"
        )
        assert run_.feed.counts["connections"] == CONNECTIONS
        assert streams.most_waiting <= INBOX + RARE
        assert not run_.suspended
    return memory


def test_a_thousand_markets_have_every_candle_once_and_queues_stay_bounded() -> None:
    run(sustain(bars=12, at_a_time=4))


def test_a_slow_reader_loses_only_what_newer_frames_have_overtaken() -> None:
    bars = 8

    async def story() -> None:
        async with thousand_markets(streams_class=SlowlyReadStreams) as run_:
            streams, counts = run_.streams, run_.feed.counts
            assert isinstance(streams, SlowlyReadStreams)
            await run_.until(partial(have_emitted, run_, bars * len(MARKETS)))
            dropped = streams.counts["dropped"]
            say(f"{streams.frames} frames taken, {dropped} dropped, at most {streams.most_waiting} of {INBOX} waited")
            assert dropped > len(MARKETS)
            assert streams.most_waiting <= INBOX + RARE
            assert not counts["questions"]
            last_before_close = [FROM_MS + bar * MINUTE + (INSTANTS - 1) * PUSH_MS for bar in range(bars)]
            for symbol in MARKETS:
                truth = run_.truth(symbol)[:bars]
                assert streams.closed[symbol] == run_.candles[symbol] == truth
                shown = [streams.last_shown_ms[symbol, candle.open_time_ms] for candle in truth]
                assert shown == last_before_close, "a frame was dropped that nothing newer stood in for"

    run(story())


def test_a_thousand_markets_are_repaired_when_every_connection_is_lost_before_a_close() -> None:
    lost_ms = minute(2)

    async def story() -> None:
        async with thousand_markets(HangUp(None, where=Where(from_ms=lost_ms, until_ms=lost_ms + PUSH_MS))) as run_:
            counts = run_.feed.counts
            await run_.until(lambda: have_emitted(run_, 2 * len(MARKETS)) and not run_.suspended)
            for symbol in MARKETS:
                emitted = run_.candles[symbol]
                assert emitted == run_.truth(symbol)[: len(emitted)], symbol
            say(f"repaired {counts['repaired']} in {counts['questions']} questions by {run_.market_ms - lost_ms} ms")
            assert run_.log.strikes("hang up") == CONNECTIONS
            assert counts["repaired"] >= len(MARKETS)

    run(story())


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_a_thousand_markets_are_sustained_without_growth() -> None:
    resident = [bytes_ for bytes_, _ in run(sustain(bars=60, at_a_time=15))]
    assert resident[-1] - resident[0] < 8 * MEGABYTE
    # Tracing takes memory of its own, so that what is resident says nothing any more.
    tracemalloc.start()
    try:
        traced = [bytes_ for _, bytes_ in run(sustain(bars=32, at_a_time=8))]
    finally:
        tracemalloc.stop()
    assert traced[-1] - traced[1] < MEGABYTE // 4
