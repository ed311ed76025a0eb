"""
The life of a venue's connections: opened within a budget, replaced before they die, come back to when they break.

The shell around `CandleFeed`: it holds sockets, REST and the clock, gives the feed everything that happens as one
ordered sequence, and does what the feed asks for. Knows nothing of wire formats nor of what becomes of the events.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, assert_never

from websockets.exceptions import WebSocketException

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
from bot.adapters.reconnect import ConnectBudget, Fatal, retry_delay_s, retry_or_fatal
from bot.adapters.stream_connection import StreamConnection, dial, is_normal_close
from bot.adapters.venues import StreamMessage, VenueStream
from bot.core.errors import VenueError
from bot.core.events import CandleClosed, MarketRestored, MarketSuspended, PriceUpdated
from bot.core.ports import Clock

HISTORY_AT_ONCE: Final = 4
"""Questions to REST that are on their way at the same time."""

LEAST_INBOX: Final = 256
INBOX_PER_MARKET: Final = 4

_log = logging.getLogger(__name__)

Emit = Callable[[EngineEvent], Awaitable[None]]
"""Where events go. Awaited for each, so that a slow reader slows the connections and not the memory."""


class _Shard:
    """The connections of one stream, one after another: how often they failed in a row."""

    def __init__(self, stream: VenueStream) -> None:
        self.stream = stream
        self.failures = 0


class CandleStreams:
    """
    The candles and prices of a venue's markets, for as long as the bot runs.

    Args:
        streams: One for each connection, with its markets.
        feed: Makes events out of what arrives; of the same streams.
        history: Where the feed's questions are answered.
        emit: Takes each event; what it raises ends `run`.
        clock: Stamps what arrives. It has to pass in real time, whatever the market's own does.
        tap: Sees every input before the feed does.
        on_difference: Hears of what was said otherwise after a candle was emitted.
        end_reason: Reason of a normal close (code 1000) after which the venue's market is over; None for one that
            never is.
        patience: Time limits; the feed's should be the same.
        budget: Connections that may be dialled; shared by whatever dials the same venue.
        sleep: Waits between two tries.
        jitter: A number in [0, 1) for each try.
    """

    def __init__(
        self,
        streams: Sequence[VenueStream],
        feed: CandleFeed,
        history: RowSource,
        emit: Emit,
        clock: Clock,
        *,
        tap: Callable[[AnyFeedInput], None] | None = None,
        on_difference: Callable[[Difference], None] | None = None,
        end_reason: str | None = None,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        budget: ConnectBudget | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._shards = [_Shard(stream) for stream in streams]
        self._feed = feed
        self._history = history
        self._emit = emit
        self._clock = clock
        self._tap = tap
        self._on_difference = on_difference
        self._end_reason = end_reason
        self._patience = patience
        self._budget = budget or ConnectBudget()
        self._sleep = sleep
        self._jitter = jitter
        markets = sum(len(stream.symbols) for stream in streams)
        self._inbox = FeedInbox(max(LEAST_INBOX, INBOX_PER_MARKET * markets), self._parse, self.counts)
        self._questions: asyncio.Queue[AskHistory] = asyncio.Queue()
        self._connections: dict[int, tuple[_Shard, StreamConnection]] = {}
        self._dialled = 0
        self._tick_waits = False
        self._over = asyncio.Event()
        self._gives_up = False

    async def run(self) -> None:
        """
        Stream until cancelled, or until the market ends.

        Raises:
            VenueError: The venue refuses us in a way that waiting does not mend.
        """
        consumer = asyncio.create_task(self._consume(), name="feed")
        markets = asyncio.create_task(self._keep_all(), name="connections")
        others = [asyncio.create_task(self._keep_time(), name="ticks")]
        others += [asyncio.create_task(self._ask(), name="history") for _ in range(HISTORY_AT_ONCE)]
        tasks = [consumer, markets, *others]
        try:
            while not consumer.done():
                running = [task for task in tasks if not task.done()]
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            for _, connection in self._connections.values():
                connection.abandon()
            await asyncio.gather(*tasks, return_exceptions=True)

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
        return self._over.is_set() and not self._inbox and (self._feed.is_settled or self._gives_up)

    async def _act(self, output: FeedOutput, given: AnyFeedInput) -> None:
        match output:
            case CandleClosed() | PriceUpdated():
                self._praise(given)
                await self._emit(output)
            case MarketSuspended() | MarketRestored():
                await self._emit(output)
            case AskHistory():
                self._questions.put_nowait(output)
            case GiveUp():
                self._connections[output.connection][1].replace(output)
            case Ready():
                self._connections[output.connection][1].ready.set()
            case Difference():
                self.counts["differences"] += 1
                _log.warning(
                    "%s: %s says %s of the candle emitted as %s",
                    output.symbol,
                    output.source,
                    output.said,
                    output.emitted,
                )
                if self._on_difference:
                    self._on_difference(output)
            case CannotSubscribe():
                raise VenueError(output.reason)
            case _:
                assert_never(output)

    def _praise(self, given: AnyFeedInput) -> None:
        # News: only this clears the record of failures.
        if type(given) is FrameReceived:
            self._connections[given.connection][0].failures = 0

    def _differs(self, difference: Difference) -> None:
        self.counts["differences"] += 1
        _log.warning(
            "%s: %s says %s of the candle emitted as %s",
            difference.symbol,
            difference.source,
            difference.said,
            difference.emitted,
        )
        if self._on_difference:
            self._on_difference(difference)

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(self._patience.tick_ms / 1_000)
            if not self._tick_waits:
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
                answer = HistoryAnswered(self._clock.now_ms(), *span, said.venue_ms, said.rows)
            except (VenueError, TimeoutError) as error:
                answer = HistoryFailed(self._clock.now_ms(), *span, str(error) or "no answer in time")
            self._inbox.put(answer)

    async def _keep_all(self) -> None:
        """Keep every shard connected until the market is over for all of them."""
        keepers = [asyncio.create_task(self._keep(shard), name="shard") for shard in self._shards]
        try:
            for keeper in asyncio.as_completed(keepers):
                await keeper
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
        self._over.set()
        self._inbox.put(Tick(self._clock.now_ms()))
        # What is still to be proven of the last candles gets the time that any candle gets.
        await asyncio.sleep(self._patience.prove_ms / 1_000)
        _log.warning("the market has ended, and not all of its last candles could be proven")
        self._gives_up = True
        self._inbox.put(Tick(self._clock.now_ms()))

    async def _keep(self, shard: _Shard) -> None:
        """One connection after another, without a pause between them where the old one still speaks."""
        connection = await self._open(shard)
        while True:
            either: list[asyncio.Future[Any]] = [connection.ended, connection.wish]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if connection.ended.done():
                ending = connection.ended.result()
                if self._end_reason is not None and is_normal_close(ending, self._end_reason):
                    return
                await self._pause(shard, retry_or_fatal(ending).reason)
                connection = await self._open(shard)
                continue
            wish = connection.wish.result()
            if wish.still_speaks:
                connection = await self._hand_over(shard, connection, wish.reason)
            else:
                await connection.drop(wish.reason)
                await self._pause(shard, wish.reason)
                connection = await self._open(shard)

    async def _hand_over(self, shard: _Shard, old: StreamConnection, reason: str) -> StreamConnection:
        """Open the successor, and leave the old connection when the new one is confirmed, or the old one is lost."""
        _log.info("a connection is replaced because of %s", reason)
        while True:
            new = await self._open(shard)
            confirmed = asyncio.ensure_future(new.ready.wait())
            any_of: list[asyncio.Future[Any]] = [confirmed, new.ended, new.wish, old.ended]
            await asyncio.wait(any_of, return_when=asyncio.FIRST_COMPLETED)
            confirmed.cancel()
            if new.ready.is_set() or old.ended.done():
                await old.drop(reason)
                return new
            await new.drop("it was not confirmed")
            await self._pause(shard, "the successor was not confirmed")

    async def _open(self, shard: _Shard) -> StreamConnection:
        """Dial until somebody answers."""
        loop = asyncio.get_running_loop()
        while True:
            await self._sleep_until(self._budget.spend(loop.time()))
            try:
                socket = await dial(shard.stream.stream_url, self._patience)
            except (OSError, WebSocketException) as error:
                verdict = retry_or_fatal(error)
                if isinstance(verdict, Fatal):
                    url = shard.stream.stream_url
                    raise VenueError(f"the stream {url} cannot be used: {verdict.reason}") from error
                await self._pause(shard, verdict.reason, verdict.after_s)
                continue
            self._dialled += 1
            connection = StreamConnection(self._dialled, shard.stream, socket, self._inbox, self._clock, self._patience)
            self._connections[connection.number] = (shard, connection)
            return connection

    async def _sleep_until(self, at_s: float) -> None:
        wait_s = at_s - asyncio.get_running_loop().time()
        if wait_s > 0.0:
            _log.warning("too many connections of late, waiting for %.1f s", wait_s)
            await self._sleep(wait_s)

    async def _pause(self, shard: _Shard, reason: str, after_s: float = 0.0) -> None:
        patience = self._patience
        usual_s = retry_delay_s(
            shard.failures, patience.first_retry_ms / 1_000, patience.longest_retry_ms / 1_000, self._jitter()
        )
        shard.failures += 1
        delay_s = max(after_s, usual_s)
        _log.warning("stream lost (%s), connecting again in %.1f s", reason, delay_s)
        await self._sleep(delay_s)

    def _parse(self, given: FrameReceived) -> Sequence[StreamMessage]:
        known = self._connections.get(given.connection)
        return known[0].stream.parse(given.frame) if known else ()
