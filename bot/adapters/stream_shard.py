"""
The connections of one stream, one after another: opened, replaced before they die, come back to when they break.

Decides when a connection is dialled and dropped, and why; knows nothing of what frames mean.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.exceptions import WebSocketException

from bot.adapters.patience import Patience
from bot.adapters.reconnect import ConnectBudget, Retry, retry_delay_s, retry_or_fatal
from bot.adapters.stream_connection import Dial, Socket, StreamConnection, is_normal_close
from bot.adapters.venues import VenueStream
from bot.core.errors import VenueError

_log = logging.getLogger(__name__)


class StreamShard:
    """
    Keeps one stream connected.

    Args:
        stream: Address and markets.
        begin: Makes a connection of a socket, and tells everybody of it.
        dial: Opens a socket.
        end_reason: Reason of a normal close (code 1000) after which the market is over; None for one that never is.
        patience: Time limits.
        budget: Dials that may be made, shared with the other shards of the venue.
        sleep: Waits between two tries.
        jitter: A number in [0, 1) for each try.
    """

    def __init__(
        self,
        stream: VenueStream,
        begin: Callable[["StreamShard", Socket], StreamConnection],
        *,
        dial: Dial,
        end_reason: str | None,
        patience: Patience,
        budget: ConnectBudget,
        sleep: Callable[[float], Awaitable[None]],
        jitter: Callable[[], float],
    ) -> None:
        self.stream = stream
        self._begin = begin
        self._dial = dial
        self._end_reason = end_reason
        self._patience = patience
        self._budget = budget
        self._sleep = sleep
        self._jitter = jitter
        self._failures = 0
        self._was_reached = False

    def praise(self) -> None:
        """Clear the record of failures: a connection has brought something new."""
        self._failures = 0

    async def keep(self) -> None:
        """
        Stay connected until the market ends, without a pause between two connections where the old one still speaks.

        Raises:
            VenueError: The venue refuses us in a way that waiting does not mend, and has never let us in.
        """
        connection = await self._open()
        while True:
            either: list[asyncio.Future[Any]] = [connection.ended, connection.wish]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if connection.ended.done():
                ending = connection.ended.result()
                if self._end_reason is not None and is_normal_close(ending, self._end_reason):
                    return
                await self._fail(ending)
                connection = await self._open()
                continue
            wish = connection.wish.result()
            if wish.still_speaks:
                connection = await self._hand_over(connection, wish.reason)
            else:
                await connection.drop(wish.reason)
                await self._pause(wish.reason)
                connection = await self._open()

    async def _hand_over(self, old: StreamConnection, reason: str) -> StreamConnection:
        """Open the successor, and leave the old connection when the new one is confirmed, or the old one is lost."""
        _log.info("a connection is replaced because of %s", reason)
        while True:
            new = await self._open()
            confirmed = asyncio.create_task(new.ready.wait())
            any_of: list[asyncio.Future[Any]] = [confirmed, new.ended, new.wish, old.ended]
            try:
                await asyncio.wait(any_of, return_when=asyncio.FIRST_COMPLETED)
            finally:
                confirmed.cancel()
            if new.ready.is_set() or old.ended.done():
                await old.drop(reason)
                return new
            await new.drop("it was not confirmed")
            await self._pause("the successor was not confirmed")

    async def _open(self) -> StreamConnection:
        """Dial until somebody answers."""
        while True:
            await self._sleep_until(self._budget.spend(asyncio.get_running_loop().time()))
            try:
                socket = await self._dial(self.stream)
            except (OSError, WebSocketException, VenueError) as error:
                await self._fail(error)
                continue
            self._was_reached = True
            return self._begin(self, socket)

    async def _sleep_until(self, at_s: float) -> None:
        wait_s = at_s - asyncio.get_running_loop().time()
        if wait_s > 0.0:
            _log.warning("too many connections of late, waiting for %.1f s", wait_s)
            await self._sleep(wait_s)

    async def _fail(self, error: Exception) -> None:
        """Wait before another try, or give up for good: where nothing was ever reached, the address is wrong."""
        verdict = retry_or_fatal(error)
        if isinstance(verdict, Retry):
            await self._pause(verdict.reason, verdict.after_s)
            return
        url = self.stream.stream_url
        if not self._was_reached:
            raise VenueError(f"the stream {url} cannot be used: {verdict.reason}") from error
        # Whatever stands in the way now was not there before. What is held needs the session more than its candles.
        _log.error("the stream %s refuses us: %s; its markets are suspended when it stays so", url, verdict.reason)
        await self._pause(verdict.reason, self._patience.refused_ms / 1_000)

    async def _pause(self, reason: str, after_s: float = 0.0) -> None:
        patience = self._patience
        first_s, longest_s = patience.first_retry_ms / 1_000, patience.longest_retry_ms / 1_000
        delay_s = max(after_s, retry_delay_s(self._failures, first_s, longest_s, self._jitter()))
        self._failures += 1
        _log.warning("stream lost (%s), connecting again in %.1f s", reason, delay_s)
        await self._sleep(delay_s)
