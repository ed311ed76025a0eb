"""
One exchange object of ccxt's, asked and understood: each call is made once and answered by what it proves.

Nothing is asked again but what the venue turned down for its timestamp, and that once, after the clock was measured:
it is the one refusal whose cure is known. Knows nothing of what is asked.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from bot.adapters.ccxt_calls import attempt
from bot.adapters.order_messages import NotSent, Refusal, Refused, Unresolved
from bot.adapters.order_outcome import No, Question, judge
from bot.adapters.order_reports import server_time_ms
from bot.adapters.request_fates import RefusedForNow, RefusedToTell
from bot.adapters.venue_clock import VenueClock
from bot.core.errors import VenueError, VenueUnavailable

_Read = TypeVar("_Read")

_PASSING: Final = frozenset({Refusal.LIMITED, Refusal.CLOCK, Refusal.MAINTENANCE})


class CcxtLine:
    """
    The line to a venue.

    Args:
        exchange: What `open_account` returned; it belongs to this object now.
        clock: The one that its requests are stamped by.
    """

    def __init__(self, exchange: Any, clock: VenueClock) -> None:
        self.exchange = exchange
        self._clock = clock
        self._measuring = asyncio.Lock()
        self._measured = 0

    async def ask(
        self,
        question: Question,
        send: Callable[[], Awaitable[object]],
        read: Callable[[str], _Read],
        until_ms: int | None = None,
    ) -> _Read | No:
        """
        Make a call, and say what it proves.

        Args:
            question: What is asked for.
            send: The call of ccxt.
            read: Makes the answer out of the body of a success, or raises `DataError`.
            until_ms: When it is too late to ask again, by a clock that may turn out to have been slow.
        """
        measured = self._measured
        answer = judge(question, await attempt(send), read, self._clock.now_ms())
        if not (isinstance(answer, Refused) and answer.refusal is Refusal.CLOCK and await self._has_measured(measured)):
            return answer
        if until_ms is not None and self._clock.now_ms() > until_ms:
            return answer
        return judge(question, await attempt(send), read, self._clock.now_ms())

    async def look_up(self, what: str, send: Callable[[], Awaitable[object]], read: Callable[[str], _Read]) -> _Read:
        """
        Ask for something that there is always an answer to; `what` it is is named in the error.

        Raises:
            RefusedToTell: The venue refuses to tell.
            VenueUnavailable: It does not tell now; `RefusedForNow` where it said so.
        """
        answer = await self.ask(Question.LOOK_UP, send, read)
        match answer:
            case Refused(refusal=refusal) if refusal not in _PASSING:
                raise RefusedToTell(f"the venue refused to tell {what}", answer)
            case Refused():
                raise RefusedForNow(f"the venue does not tell {what} now", answer)
            case NotSent(reason=reason) | Unresolved(reason=reason):
                raise VenueUnavailable(f"the venue does not tell {what} now: {reason}")
            case _:
                return answer

    async def time_ms(self) -> int:
        """
        The venue's time.

        Raises:
            VenueError: It does not tell.
        """
        return await self.look_up("the time", self.exchange.fetch_time, server_time_ms)

    async def close(self) -> None:
        """End it; the session that it used stays open."""
        await self.exchange.close()

    async def _has_measured(self, measured: int) -> bool:
        """Measure the clock anew, unless somebody has since the time of that count."""
        async with self._measuring:
            if self._measured == measured:
                try:
                    await self._clock.measure()
                except VenueError:
                    return False
                self._measured += 1
            return True
