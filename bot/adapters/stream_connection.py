"""
One connection to a stream: dialled, subscribed, read and left.

Hands on what it receives as it is, and never comes back by itself. Knows nothing of what frames mean.
"""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bot.adapters.feed_inbox import FeedInbox
from bot.adapters.feed_inputs import Connected, Disconnected, FrameReceived
from bot.adapters.feed_outputs import GiveUp
from bot.adapters.patience import Patience
from bot.adapters.venues import VenueStream
from bot.core.ports import Clock

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_NORMAL_CLOSE: Final = 1000

_log = logging.getLogger(__name__)


async def dial(url: str, patience: Patience) -> ClientConnection:
    """
    Connect.

    Raises:
        OSError: Nobody is there, or not in time.
        WebSocketException: The handshake failed.
    """
    return await connect(
        url,
        # A proxy of the environment is for the outside world.
        proxy=None if urlsplit(url).hostname in _LOOPBACK else True,
        compression=None,
        open_timeout=patience.connect_ms / 1_000,
        close_timeout=patience.close_ms / 1_000,
        # Silence is judged by data: a pong behind a long queue of candles says nothing.
        ping_interval=None,
    )


class StreamConnection:
    """
    A connection that stands. `start` it once, `drop` it or wait for `ended`.

    `ready` is set, by whoever knows, when its subscriptions are confirmed; `wish` holds why it should be replaced.
    """

    def __init__(
        self,
        number: int,
        stream: VenueStream,
        socket: ClientConnection,
        inbox: FeedInbox,
        clock: Clock,
        patience: Patience,
    ) -> None:
        self.number = number
        self.stream = stream
        self.ready = asyncio.Event()
        self.wish: asyncio.Future[GiveUp] = asyncio.get_running_loop().create_future()
        self._socket = socket
        self._inbox = inbox
        self._clock = clock
        self._patience = patience
        self._dropped_because = ""
        self._reader: asyncio.Task[Exception] = asyncio.create_task(self._read(), name=f"read {number}")

    @property
    def ended(self) -> asyncio.Task[Exception]:
        """Done when nothing more will come; its result is what ended the connection."""
        return self._reader

    def replace(self, wish: GiveUp) -> None:
        """Take a wish; one that cannot wait overrules one that can."""
        if self.wish.done():
            self.wish = asyncio.get_running_loop().create_future()
        self.wish.set_result(wish)

    async def drop(self, reason: str) -> None:
        """Say goodbye, with little patience, and hear what was already received."""
        self._dropped_because = reason
        with suppress(TimeoutError):
            async with asyncio.timeout(2 * self._patience.close_ms / 1_000):
                await self._socket.close()
        self._socket.transport.abort()
        await self._reader

    def abandon(self) -> None:
        """Hang up at once, at the end of everything."""
        self._reader.cancel()
        self._socket.transport.abort()

    async def _read(self) -> Exception:
        stream, socket = self.stream, self._socket
        duties: list[Coroutine[Any, Any, None]] = [self._subscribe()]
        if stream.keep_alive:
            duties.append(self._keep_alive(stream.keep_alive.frame, stream.keep_alive.every_s))
        self._inbox.put(Connected(self._clock.now_ms(), self.number, stream.symbols))
        tasks = [asyncio.create_task(duty) for duty in duties]
        ending: Exception = ConnectionAbortedError("hung up")
        try:
            while True:
                frame = await socket.recv(decode=False)
                await self._inbox.put_frame(FrameReceived(self._clock.now_ms(), self.number, frame))
        except ConnectionClosed as error:
            ending = error
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            reason = self._dropped_because or str(ending)
            self._inbox.put(Disconnected(self._clock.now_ms(), self.number, reason))
        return ending

    async def _subscribe(self) -> None:
        with suppress(ConnectionClosed):
            for position, request in enumerate(self.stream.subscription().frames):
                if position:
                    await asyncio.sleep(self._patience.request_gap_ms / 1_000)
                await self._socket.send(request, text=True)

    async def _keep_alive(self, frame: str, every_s: float) -> None:
        with suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(every_s)
                await self._socket.send(frame, text=True)


def is_normal_close(ending: Exception, reason: str) -> bool:
    """Whether a venue said goodbye in order, with this reason."""
    return (
        isinstance(ending, ConnectionClosed)
        and ending.rcvd is not None
        and ending.rcvd.code == _NORMAL_CLOSE
        and ending.rcvd.reason == reason
    )
