"""
A session in real time: one inbox, one consumer, named tasks, an ordered end.

Everything that happens outside becomes an event in the inbox; the consumer alone touches the engine. A task
that ends without being asked to is a fault, and ends the session.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from bot.core.commands import Backfill
from bot.core.events import AnyEvent, Backfilled, CandleClosed
from bot.core.ports import Clock, History
from bot.paper_play import PaperPlay
from bot.pump import Pump
from bot.replay import Checkpoints, fire_timers

INBOX_SIZE: Final = 4096
"""Events that may wait; a full inbox makes the stream wait, so nothing is lost and nothing grows."""

Emit = Callable[[AnyEvent], Awaitable[None]]


class Questions:
    """What the engine asked of history and history has not answered yet."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[Backfill] = asyncio.Queue()

    def ask(self, request: Backfill) -> Sequence[AnyEvent]:
        """Pass a question on; the answer comes back through the inbox."""
        self._waiting.put_nowait(request)
        return ()

    @property
    def is_empty(self) -> bool:
        """Whether everything that was asked has been taken up."""
        return self._waiting.empty()

    async def next(self) -> Backfill:
        """The oldest question."""
        return await self._waiting.get()


class InstantAssembler:
    """
    Collects the candles of one close time, as a paper market must see them together.

    They are handed on when every market has reported, when a later instant begins, or when `due_ms` has passed.
    """

    def __init__(self, markets: Sequence[str], deadline_ms: int) -> None:
        self._order = {symbol: index for index, symbol in enumerate(markets)}
        self._deadline_ms = deadline_ms
        self._instant_ms = -1
        self._waiting: dict[str, CandleClosed] = {}

    @property
    def due_ms(self) -> int | None:
        """When the instant is handed on though a market is missing; None while nothing waits."""
        return self._instant_ms + self._deadline_ms if self._waiting else None

    def add(self, event: CandleClosed) -> list[Sequence[CandleClosed]]:
        """Take a candle; return the instants that are complete now, oldest first."""
        complete = self.take() if event.at_ms != self._instant_ms else []
        self._instant_ms = event.at_ms
        self._waiting.setdefault(event.symbol, event)
        return complete + self.take() if len(self._waiting) == len(self._order) else complete

    def take(self) -> list[Sequence[CandleClosed]]:
        """Hand on what waits."""
        waiting, self._waiting = self._waiting, {}
        return [sorted(waiting.values(), key=lambda event: self._order[event.symbol])] if waiting else []


class PaperSession:
    """
    Runs a pump on a live stream, with orders executed by a paper market.

    Args:
        pump: Feeds the engine; its questions to history go to `questions`.
        questions: Where the pump asks history.
        plays: Shows candles to the paper market and to the engine.
        assembler: Collects instants.
        checkpoints: Writes snapshots.
        commit: Makes what happened so far durable; called after every instant.
        clock: The market's clock: for timers.
        progress: Called with the number of candles of each instant and its close time.
        until_ms: Market time at which the session ends; None is never.
    """

    def __init__(
        self,
        pump: Pump,
        questions: Questions,
        plays: PaperPlay,
        assembler: InstantAssembler,
        checkpoints: Checkpoints,
        *,
        commit: Callable[[], None],
        clock: Clock,
        progress: Callable[[int, int], None],
        until_ms: int | None,
    ) -> None:
        self._pump = pump
        self._questions = questions
        self._plays = plays
        self._assembler = assembler
        self._checkpoints = checkpoints
        self._commit = commit
        self._clock = clock
        self._progress = progress
        self._until_ms = until_ms
        # None only wakes the consumer.
        self._inbox: asyncio.Queue[AnyEvent | None] = asyncio.Queue(INBOX_SIZE)
        self._stopping = asyncio.Event()
        self._at_end = False

    def stop(self) -> None:
        """Ask for an ordered end: what is in the inbox is still handled."""
        self._stopping.set()
        if self._inbox.empty():
            self._inbox.put_nowait(None)

    async def run(self, stream: Callable[[Emit], Awaitable[None]], history: History) -> bool:
        """
        Run until the market ends, `until_ms` is reached or `stop` is called.

        Args:
            stream: Delivers events to the callback that it is given; returns when the market has ended.
            history: Answers questions about the past.

        Returns:
            Whether the session came to its own end, and was not stopped.
        """
        # The past first: a market that runs faster than history answers would be over before it is warm.
        while not self._questions.is_empty:
            self._handle(await history.backfill(await self._questions.next()))
        async with asyncio.TaskGroup() as group:
            feeders = [
                group.create_task(self._stream(stream), name="stream"),
                group.create_task(self._answer(history), name="history"),
            ]
            consumer = group.create_task(self._consume(), name="consumer")
            stopper = group.create_task(self._stopping.wait(), name="stop")
            await asyncio.wait([consumer, stopper], return_when=asyncio.FIRST_COMPLETED)
            for task in feeders:
                task.cancel()
            self.stop()
            await consumer
        self._checkpoints.write()
        return self._at_end

    async def _stream(self, stream: Callable[[Emit], Awaitable[None]]) -> None:
        await stream(self._inbox.put)
        self._at_end = True
        self.stop()

    async def _answer(self, history: History) -> None:
        while True:
            request = await self._questions.next()
            await self._inbox.put(await history.backfill(request))

    async def _consume(self) -> None:
        while True:
            event = await self._next()
            if event is not None:
                self._handle(event)
            elif self._stopping.is_set() and self._inbox.empty():
                # At the end of the market nothing more will come; a stopped session hears the rest again.
                self._play(self._assembler.take() if self._at_end else [])
                return
            now_ms = self._clock.now_ms()
            due_ms = self._assembler.due_ms
            if due_ms is not None and due_ms <= now_ms:
                self._play(self._assembler.take())
            fire_timers(self._pump, now_ms)
            if self._is_over(now_ms):
                self._at_end = True
                return

    def _is_over(self, now_ms: int) -> bool:
        # The last instant belongs to the session: its markets close at its end, and report one after the other.
        due_ms = self._assembler.due_ms
        return self._until_ms is not None and now_ms >= self._until_ms and due_ms is None and self._inbox.empty()

    async def _next(self) -> AnyEvent | None:
        # Wakes for an event, for the next timer, or to end.
        due_ms = self._assembler.due_ms
        moments = (self._until_ms if due_ms is None else due_ms, *self._pump.timers.values())
        waits = [at_ms for at_ms in moments if at_ms is not None]
        seconds = max(min(waits) - self._clock.now_ms(), 1) / 1000 if waits else None
        if not self._inbox.empty():
            return self._inbox.get_nowait()
        if self._stopping.is_set():
            return None
        try:
            async with asyncio.timeout(seconds):
                return await self._inbox.get()
        except TimeoutError:
            return None

    def _handle(self, event: AnyEvent) -> None:
        self._clock.hear(event.at_ms)
        if isinstance(event, CandleClosed):
            self._play(self._assembler.add(event))
            return
        if isinstance(event, Backfilled):
            self._plays.answer(event)
        else:
            self._pump.feed(event)
        self._commit()

    def _play(self, instants: Sequence[Sequence[CandleClosed]]) -> None:
        for closed in instants:
            self._plays.play(closed)
            self._commit()
            self._checkpoints.when_due()
            self._progress(len(closed), closed[0].at_ms)
