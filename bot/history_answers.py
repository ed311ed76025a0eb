"""
What a session asks of history, each market's question in a task of its own: one sick market holds up no other.

Knows neither what is asked for nor what becomes of the answers.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from bot.core.commands import Backfill
from bot.core.errors import VenueError
from bot.core.events import Backfilled
from bot.core.ports import History

HISTORY_PAUSE_S: Final = 30.0
"""Before history that could not answer a session is asked again, beyond its own patience; it doubles each time."""

HISTORY_LONGEST_PAUSE_S: Final = 480.0
"""The longest pause that doubling leads to."""

HISTORY_AT_ONCE: Final = 8
"""Questions to history that are on their way at the same time, each of another market."""

PAST_FIRST_S: Final = 120.0
"""For history to answer what was asked at the start, before the stream begins without it."""

_log = logging.getLogger(__name__)


class Answers:
    """
    What history answers, each market's question in a task of its own.

    A market that waits for its answer is not traded meanwhile; all others are, and what is held is protected.

    Args:
        history: Is asked.
        emit: Takes each answer.
    """

    def __init__(self, history: History, emit: Callable[[Backfilled], Awaitable[None]]) -> None:
        self._history = history
        self._emit = emit
        self._at_once = asyncio.Semaphore(HISTORY_AT_ONCE)

    def begin(self, request: Backfill, group: asyncio.TaskGroup) -> None:
        """Ask; the answer is emitted when it comes."""
        group.create_task(self._told(request), name=f"history of {request.symbol}")

    async def first_of(self, asked: Sequence[Backfill], group: asyncio.TaskGroup) -> None:
        """
        Ask all of this at once, and emit the answers in the same order.

        What history could not tell at the first try, or not in time, is emitted when it can.
        """
        tries = [group.create_task(self._tried(one), name=f"history of {one.symbol}") for one in asked]
        await asyncio.wait(tries, timeout=PAST_FIRST_S)
        for request, one in zip(asked, tries, strict=True):
            if one.done() and (answer := one.result()) is not None:
                await self._emit(answer)
            else:
                group.create_task(self._told(request, one), name=f"history of {request.symbol}")

    async def _told(self, request: Backfill, begun: "asyncio.Task[Backfilled | None] | None" = None) -> None:
        answer = await (begun or self._tried(request))
        pause_s = HISTORY_PAUSE_S
        while answer is None:
            _log.warning("history of %s is asked again in %.0f s", request.symbol, pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(2.0 * pause_s, HISTORY_LONGEST_PAUSE_S)
            answer = await self._tried(request)
        await self._emit(answer)

    async def _tried(self, request: Backfill) -> Backfilled | None:
        try:
            async with self._at_once:
                return await self._history.backfill(request)
        except VenueError as error:
            _log.warning("history of %s is missing, and the market is not traded: %s", request.symbol, error)
            return None
