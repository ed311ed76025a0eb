"""
The shell around `CandleFeed`: sockets, REST and the clock.

It gives the feed everything that happens as one ordered sequence, and does what the feed asks for. Knows nothing of
wire formats, nor of what becomes of the events.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, assert_never

from bot.adapters.candle_feed import CandleFeed
from bot.adapters.feed_inbox import FeedInbox
from bot.adapters.feed_inputs import AnyFeedInput, Disconnected, FrameReceived, HistoryAnswered, HistoryFailed, Tick
from bot.adapters.feed_outputs import (
    AskHistory,
    CannotSubscribe,
    Difference,
    EngineEvent,
    FeedOutput,
    GiveUp,
    Ready,
)
from bot.adapters.history_rows import RowSource
from bot.adapters.patience import Patience
from bot.adapters.reconnect import ConnectBudget
from bot.adapters.stream_connection import (
    Dial,
    LatestTime,
    Socket,
    StreamConnection,
    dial_websocket,
    nobody_knows,
)
from bot.adapters.stream_shard import StreamShard
from bot.adapters.venues import StreamMessage, VenueStream
from bot.core.errors import VenueError
from bot.core.events import CandleClosed, MarketRestored, MarketSuspended, PriceUpdated
from bot.core.ports import Clock

HISTORY_AT_ONCE: Final = 4
"""Questions to REST that are on their way at the same time."""

LEAST_INBOX: Final = 256
INBOX_PER_MARKET: Final = 4
"""Inputs that wait for the feed before sockets do: a burst at a close is two for each market."""

_log = logging.getLogger(__name__)

Emit = Callable[[EngineEvent], Awaitable[None]]
"""Where events go. Awaited for each, so that a slow reader slows the connections and not the memory."""


class CandleStreams:
    """
    The candles and prices of a venue's markets, for as long as the bot runs.

    Args:
        streams: One for each connection, with its markets.
        feed: Makes events out of what arrives; of the same streams.
        history: Where the feed's questions are answered.
        emit: Takes each event; what it raises ends `run`.
        clock: Stamps what arrives. It has to pass in real time, whatever the market's own does.
        latest_ms: The latest time that the venue can name, where a clock knows that its stream has no say in. What
            names a later one is not believed, and no event is of a later time.
        tap: Sees every input before the feed does.
        on_difference: Hears of what was said otherwise after a candle was emitted.
        end_reason: Reason of a normal close (code 1000) after which the venue's market is over; None for one that
            never is.
        patience: Time limits; the feed's should be the same.
        budget: Connections that may be dialled; shared by whatever dials the same venue.
        dial: Opens a socket; None opens websockets.
        sleep: Waits between two tries.
        jitter: A number in [0, 1) for each try.

    `counts` has `dropped` frames and `differences`.
    """

    def __init__(
        self,
        streams: Sequence[VenueStream],
        feed: CandleFeed,
        history: RowSource,
        emit: Emit,
        clock: Clock,
        *,
        latest_ms: LatestTime = nobody_knows,
        tap: Callable[[AnyFeedInput], None] | None = None,
        on_difference: Callable[[Difference], None] | None = None,
        end_reason: str | None = None,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        budget: ConnectBudget | None = None,
        dial: Dial | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._feed = feed
        self._history = history
        self._emit = emit
        self._clock = clock
        self._latest_ms = latest_ms
        self._tap = tap
        self._on_difference = on_difference
        self._patience = patience
        budget = budget or ConnectBudget()
        self._shards = [
            StreamShard(
                stream,
                self._begin,
                dial=dial or partial(dial_websocket, patience=patience),
                end_reason=end_reason,
                patience=patience,
                budget=budget,
                sleep=sleep,
                jitter=jitter,
            )
            for stream in streams
        ]
        markets = sum(len(stream.symbols) for stream in streams)
        self._inbox = FeedInbox(max(LEAST_INBOX, INBOX_PER_MARKET * markets), self._parse, self.counts)
        self._questions: asyncio.Queue[AskHistory] = asyncio.Queue()
        self._connections: dict[int, tuple[StreamShard, StreamConnection]] = {}
        self._begun = 0
        self._tick_waits = False
        self._is_over = False
        self._gives_up = False

    async def run(self) -> None:
        """
        Stream until cancelled, or until the market ends.

        Raises:
            VenueError: The venue refuses us in a way that waiting does not mend.
        """
        consumer = asyncio.create_task(self._consume(), name="feed")
        others = [asyncio.create_task(self._keep_all(), name="connections")]
        others += [asyncio.create_task(self._keep_time(), name="ticks")]
        others += [asyncio.create_task(self._ask(), name="history") for _ in range(HISTORY_AT_ONCE)]
        tasks = [consumer, *others]
        try:
            while not consumer.done():
                running = [task for task in tasks if not task.done()]
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            connections = [connection for _, connection in self._connections.values()]
            for connection in connections:
                connection.abandon()
            await asyncio.gather(*tasks, *(connection.ended for connection in connections), return_exceptions=True)

    async def _consume(self) -> None:
        """The one who talks to the feed."""
        while not self._is_done():
            given = await self._inbox.get()
            if type(given) is Tick:
                self._tick_waits = False
            if self._tap:
                self._tap(given)
            for output in self._feed.take(given):
                await self._act(output, given)
            if type(given) is Disconnected:
                del self._connections[given.connection]

    def _is_done(self) -> bool:
        return self._is_over and not self._inbox and (self._feed.is_settled or self._gives_up)

    async def _act(self, output: FeedOutput, given: AnyFeedInput) -> None:
        """Do what the feed wants."""
        match output:
            case CandleClosed() | PriceUpdated():
                if type(given) is FrameReceived:
                    self._connections[given.connection][0].praise()
                await self._emit(output)
            case MarketSuspended() | MarketRestored():
                await self._emit(output)
            case AskHistory():
                self._questions.put_nowait(output)
            case GiveUp():
                self._connections[output.connection][1].replace(output)
            case Ready():
                shard, connection = self._connections[output.connection]
                count = len(shard.stream.symbols)
                _log.info("streaming %d %s", count, "market" if count == 1 else "markets")
                connection.ready.set()
            case Difference():
                self._differs(output)
            case CannotSubscribe():
                raise VenueError(output.reason)
            case _:
                assert_never(output)

    def _differs(self, difference: Difference) -> None:
        self.counts["differences"] += 1
        was, now = difference.emitted, difference.said
        _log.warning("%s: %s now says %s, and the candle was %s", difference.symbol, difference.source, now, was)
        if self._on_difference:
            self._on_difference(difference)

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(self._patience.tick_ms / 1_000)
            if not self._tick_waits:
                self._tick()

    def _tick(self) -> None:
        self._tick_waits = True
        self._inbox.put(Tick(self._clock.now_ms()))

    async def _ask(self) -> None:
        """Answer the feed's questions, one after another."""
        while True:
            asked = await self._questions.get()
            span = (asked.symbol, asked.from_ms, asked.to_ms)
            answer: HistoryAnswered | HistoryFailed
            try:
                async with asyncio.timeout(self._patience.answer_ms / 1_000):
                    said = await self._history.rows(*span)
                venue_ms = said.venue_ms if (latest_ms := self._latest_ms()) is None else min(said.venue_ms, latest_ms)
                answer = HistoryAnswered(self._clock.now_ms(), *span, venue_ms, said.rows)
            except (VenueError, TimeoutError) as error:
                answer = HistoryFailed(self._clock.now_ms(), *span, str(error) or "no answer in time")
            self._inbox.put(answer)

    async def _keep_all(self) -> None:
        """Keep every shard connected until the market is over for all of them."""
        keepers = [asyncio.create_task(shard.keep(), name="shard") for shard in self._shards]
        try:
            for keeper in asyncio.as_completed(keepers):
                await keeper
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
        self._is_over = True
        self._tick()
        # What is still to be proven of the last candles gets the time that any candle gets.
        await asyncio.sleep(self._patience.prove_ms / 1_000)
        _log.warning("the market has ended, and not all of its last candles could be proven")
        self._gives_up = True
        self._tick()

    def _begin(self, shard: StreamShard, socket: Socket) -> StreamConnection:
        self._begun += 1
        connection = StreamConnection(
            self._begun, shard.stream, socket, self._inbox, self._clock, self._latest_ms, self._patience
        )
        self._connections[self._begun] = (shard, connection)
        return connection

    def _parse(self, given: FrameReceived) -> Sequence[StreamMessage]:
        return self._connections[given.connection][0].stream.parse(given.frame)
