"""
A session in real time: one inbox, one consumer, named tasks, an ordered end.

Everything that happens outside becomes an event in the inbox; the consumer alone touches the engine. A task
that ends without being asked to is a fault, and ends the session.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

from bot.core.commands import Backfill
from bot.core.events import AnyEvent
from bot.core.ports import Clock, History
from bot.history_answers import Answers
from bot.pump import Pump
from bot.replay import Checkpoints, fire_timers

INBOX_SIZE: Final = 4096
"""Events that may wait; a full inbox makes the stream wait, so nothing is lost and nothing grows."""

_AT_A_STRETCH: Final = 64
"""Events that are handled before others get a turn. A stream that runs far ahead would hold up a stop."""

_LEAST_WAIT_S: Final = 0.001

Emit = Callable[[AnyEvent], Awaitable[None]]
Service = Callable[[], Awaitable[None]]
"""Runs beside the stream until it is cancelled."""


class Flow(Protocol):
    """How an event reaches the pump. Some wait for others: until `due_ms`, when `hand_on` is called."""

    @property
    def due_ms(self) -> int | None: ...

    def take(self, event: AnyEvent) -> None: ...

    def hand_on(self) -> None: ...


class Questions:
    """What the engine asked of history and history has not answered yet."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[Backfill] = asyncio.Queue()

    def ask(self, request: Backfill) -> Sequence[AnyEvent]:
        """Pass a question on; the answer comes back through the inbox."""
        self._waiting.put_nowait(request)
        return ()

    def take_all(self) -> list[Backfill]:
        """All that was asked and has not been taken up, the oldest first."""
        return [self._waiting.get_nowait() for _ in range(self._waiting.qsize())]

    async def next(self) -> Backfill:
        """The oldest question."""
        return await self._waiting.get()


class Session:
    """
    Runs a pump on a live stream.

    Args:
        pump: Feeds the engine; its questions to history go to `questions`.
        questions: Where the pump asks history.
        flow: The way of each event to the pump.
        checkpoints: Writes snapshots.
        clock: The market's clock: for timers.
        until_ms: Market time at which the session ends; None is never.
    """

    def __init__(
        self,
        pump: Pump,
        questions: Questions,
        flow: Flow,
        checkpoints: Checkpoints,
        *,
        clock: Clock,
        until_ms: int | None,
    ) -> None:
        self._pump = pump
        self._questions = questions
        self._flow = flow
        self._checkpoints = checkpoints
        self._clock = clock
        self._until_ms = until_ms
        # None only wakes the consumer.
        self._inbox: asyncio.Queue[AnyEvent | None] = asyncio.Queue(INBOX_SIZE)
        self._first: deque[AnyEvent] = deque()
        self._stopping = asyncio.Event()
        self._idle = asyncio.Event()
        self._is_ending = False
        self._at_end = False

    def stop(self) -> None:
        """Ask for an ordered end: what is in the inbox is still handled."""
        self._stopping.set()
        self._wake()

    def put_first(self, event: AnyEvent) -> None:
        """Have an event handled before all that wait: an operator's word, or what a venue did with an order."""
        self._first.append(event)
        self._wake()

    async def run(
        self,
        stream: Callable[[Emit], Awaitable[None]],
        history: History,
        services: Mapping[str, Service] | None = None,
        settle: Callable[[], Awaitable[bool]] | None = None,
    ) -> bool:
        """
        Run until the market ends, `until_ms` is reached or `stop` is called.

        Args:
            stream: Delivers events to the callback that it is given; returns when the market has ended.
            history: Answers questions about the past. A market that it cannot tell of is asked for again until it can:
                orders and stops have to be seen to meanwhile, and so have the other markets.
            services: What else runs meanwhile, by name.
            settle: Waits until what is on its way outside has come back; called before the end, again and again as long
                as it says that something was, because what comes back may be answered.

        Returns:
            Whether the session came to its own end, and was not stopped.
        """
        consumer: asyncio.Task[None] | None = None
        try:
            async with asyncio.TaskGroup() as group:
                others = [group.create_task(_serve(name, one), name=name) for name, one in (services or {}).items()]
                consumer = group.create_task(self._consume(), name="consumer")
                feeder = group.create_task(self._feed(stream, history), name="feeds")
                stopper = group.create_task(self._stopping.wait(), name="stop")
                await asyncio.wait([consumer, stopper], return_when=asyncio.FIRST_COMPLETED)
                feeder.cancel()
                # What comes back from outside is handled as ever: a fill at the last moment still gets its stop.
                await self._caught_up(consumer)
                while settle is not None and await settle():
                    await self._caught_up(consumer)
                self._is_ending = True
                self.stop()
                await consumer
                for task in others:
                    task.cancel()
        finally:
            # An operator's word outlives a session that somebody else's fault ends.
            if consumer is not None and not _has_failed(consumer):
                self._hear_first()
        self._checkpoints.write()
        return self._at_end

    def _hear_first(self) -> None:
        while self._first:
            self._handle(self._first.popleft())

    async def _caught_up(self, consumer: asyncio.Task[None]) -> None:
        at_rest = asyncio.create_task(self._at_rest())
        await asyncio.wait([at_rest, consumer], return_when=asyncio.FIRST_COMPLETED)
        at_rest.cancel()

    async def _feed(self, stream: Callable[[Emit], Awaitable[None]], history: History) -> None:
        answers = Answers(history, self._inbox.put)
        async with asyncio.TaskGroup() as group:
            # The past first: a market that runs faster than history answers would be over before it is warm.
            while asked := self._questions.take_all():
                await answers.first_of(asked, group)
                await self._at_rest()
            group.create_task(self._stream(stream), name="stream")
            while True:
                answers.begin(await self._questions.next(), group)

    async def _stream(self, stream: Callable[[Emit], Awaitable[None]]) -> None:
        await stream(self._inbox.put)
        self._at_end = True
        self.stop()

    async def _at_rest(self) -> None:
        self._idle.clear()
        self._wake()
        await self._idle.wait()

    async def _consume(self) -> None:
        handled = 0
        while True:
            event = await self._next()
            if event is not None:
                self._handle(event)
                handled += 1
                if handled % _AT_A_STRETCH == 0:
                    # An operator's word must not wait until a full inbox is empty.
                    await asyncio.sleep(0)
            elif self._is_ending and self._is_empty:
                # At the end of the market nothing more will come; a stopped session hears the rest again.
                if self._at_end:
                    self._flow.hand_on()
                return
            now_ms = self._clock.now_ms()
            due_ms = self._flow.due_ms
            if due_ms is not None and due_ms <= now_ms:
                self._flow.hand_on()
            fire_timers(self._pump, now_ms)
            if self._is_over(now_ms):
                self._at_end = True
                self._stopping.set()

    @property
    def _is_empty(self) -> bool:
        return self._inbox.empty() and not self._first

    def _is_over(self, now_ms: int) -> bool:
        # The last instant belongs to the session: its markets close at its end, and report one after the other.
        waits = self._flow.due_ms is not None
        is_due = self._until_ms is not None and now_ms >= self._until_ms
        return is_due and not waits and self._is_empty and not self._stopping.is_set()

    async def _next(self) -> AnyEvent | None:
        # Wakes for an event, for the next timer, or to end.
        due_ms = self._flow.due_ms
        until_ms = None if self._stopping.is_set() else self._until_ms
        moments = (until_ms if due_ms is None else due_ms, *self._pump.timers.values())
        waits = [at_ms for at_ms in moments if at_ms is not None]
        seconds = max(self._clock.seconds_until(min(waits)), _LEAST_WAIT_S) if waits else None
        if self._first:
            return self._first.popleft()
        if not self._inbox.empty():
            return self._inbox.get_nowait()
        if self._is_ending:
            return None
        self._idle.set()
        try:
            async with asyncio.timeout(seconds):
                return await self._inbox.get()
        except TimeoutError:
            return None

    def _handle(self, event: AnyEvent) -> None:
        self._clock.hear(event.at_ms)
        self._flow.take(event)

    def _wake(self) -> None:
        if self._inbox.empty():
            self._inbox.put_nowait(None)


def _has_failed(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None


async def _serve(name: str, service: Service) -> None:
    await service()
    raise RuntimeError(f"the session's {name} ended by itself")
