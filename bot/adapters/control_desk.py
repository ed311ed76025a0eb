"""
What a bot does for its operator, done on the bot's own thread whenever that comes round to it.

Pictures of the engine are kept, so that one can be shown while the thread is busy. Knows no socket.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import TypeVar, assert_never

from msgspec import Struct

from bot.adapters.control_messages import AskDeed, AskFlatten, AskHalt, AskResume, OperatorEvent
from bot.adapters.decision_board import DecisionBoard
from bot.core.events import Flatten, Halt, Resume
from bot.core.ports import Clock
from bot.core.status import EngineStatus

_T = TypeVar("_T")


class Picture(Struct, frozen=True):
    """How the engine stood, and when that was, by `time.monotonic`."""

    status: EngineStatus
    taken_s: float

    @property
    def age_ms(self) -> int:
        """How old it is."""
        return _ms_since(self.taken_s)


class NotDone(Struct, frozen=True):
    """Why a deed was not, and will not be, done."""

    reason: str


class ControlDesk:
    """
    The bot's side of the control socket. Made on the bot's thread, while its loop runs.

    Args:
        look: Says how the engine stands; called on the bot's thread alone.
        post: Puts an operator's event before everything else that the session has to do; likewise.
        board: What the session's journal is written through.
        clock: The market's time, for the events.
        keeps_s: The age up to which the last picture is kept while nobody asks for one: a bot of many markets has
            better things to do.
    """

    def __init__(
        self,
        *,
        look: Callable[[], EngineStatus],
        post: Callable[[OperatorEvent], None],
        board: DecisionBoard,
        clock: Clock,
        keeps_s: float = 5.0,
    ) -> None:
        self._look = look
        self._post = post
        self._board = board
        self._clock = clock
        self._keeps_s = keeps_s
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._waiting: list[asyncio.Future[int | NotDone]] = []
        self._alive_s = monotonic()
        self._beat_is_due = True
        self._events = board.events
        self._picture = Picture(look(), monotonic())

    # From here on: called by the control thread.

    @property
    def picture(self) -> Picture:
        """The newest picture."""
        return self._picture

    @property
    def busy_ms(self) -> int:
        """For how long the bot's thread has given no sign of life."""
        return _ms_since(self._alive_s)

    def beat(self) -> None:
        """Have the bot show that it is alive, and take a picture where the last one is old and something happened."""
        # One at a time: a busy thread would find a heap of them.
        if self._beat_is_due:
            self._beat_is_due = False
            self._soon(self._on_beat)

    def fresh_picture(self) -> "asyncio.Future[Picture]":
        """Have a picture taken of this moment."""
        answer: asyncio.Future[Picture] = asyncio.get_running_loop().create_future()
        self._soon(lambda: _give(answer, self._take_picture()))
        return answer

    def do(self, asked: AskDeed) -> "asyncio.Future[int | NotDone]":
        """Have a deed done; the answer is when, in the market's time, once the journal holds it."""
        answer: asyncio.Future[int | NotDone] = asyncio.get_running_loop().create_future()
        self._soon(lambda: self._hand_over(asked, answer))
        return answer

    def _soon(self, work: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(work)

    # From here on: called on the bot's thread.

    def close(self) -> None:
        """Say to everybody who waits for a deed that this session will not do it."""
        self._closed = True
        waiting, self._waiting = self._waiting, []
        for answer in waiting:
            _give(answer, NotDone("the session ended before it came to it"))

    def _on_beat(self) -> None:
        self._alive_s = monotonic()
        self._beat_is_due = True
        if self._board.events != self._events and monotonic() - self._picture.taken_s >= self._keeps_s:
            self._take_picture()

    def _take_picture(self) -> Picture:
        self._alive_s = monotonic()
        self._events = self._board.events
        self._picture = Picture(self._look(), monotonic())
        return self._picture

    def _hand_over(self, asked: AskDeed, answer: "asyncio.Future[int | NotDone]") -> None:
        self._alive_s = monotonic()
        if self._closed:
            _give(answer, NotDone("the session has ended"))
            return
        event = _event_of(asked, self._clock.now_ms())
        self._waiting.append(answer)

        def told() -> None:
            if answer in self._waiting:
                self._waiting.remove(answer)
                _give(answer, event.at_ms)

        self._board.when_durable(event, told)
        try:
            self._post(event)
        except Exception as error:  # noqa: BLE001 - whatever it is, the operator must hear of it
            self._waiting.remove(answer)
            _give(answer, NotDone(f"the session could not take it: {error}"))


def _give(answer: "asyncio.Future[_T]", value: _T) -> None:
    with suppress(RuntimeError):  # the control thread has ended: nobody waits any more
        answer.get_loop().call_soon_threadsafe(_settle, answer, value)


def _settle(answer: "asyncio.Future[_T]", value: _T) -> None:
    if not answer.done():
        answer.set_result(value)


def _event_of(asked: AskDeed, at_ms: int) -> OperatorEvent:
    match asked:
        case AskHalt():
            return Halt(at_ms, asked.reason)
        case AskResume():
            return Resume(at_ms, asked.reason)
        case AskFlatten():
            return Flatten(at_ms, asked.reason)
        case _:
            assert_never(asked)


def _ms_since(moment_s: float) -> int:
    return int((monotonic() - moment_s) * 1_000)
