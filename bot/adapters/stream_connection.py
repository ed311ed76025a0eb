"""
One connection to a stream: dialled, subscribed, read and left.

Hands on what it receives as it is, and never comes back by itself. Knows nothing of what frames mean.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bot.adapters.feed_inbox import FeedInbox
from bot.adapters.feed_inputs import Connected, Disconnected, FrameReceived
from bot.adapters.feed_outputs import GiveUp
from bot.adapters.patience import Patience
from bot.adapters.venues import VenueStream
from bot.core.errors import VenueError
from bot.core.ports import Clock

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_NORMAL_CLOSE: Final = 1000
_ENDS: Final = (ConnectionClosed, OSError, VenueError)


class Socket(Protocol):
    """Something that messages come out of: a websocket, or a library that keeps one."""

    async def recv(self) -> bytes:
        """The next message. Raises `ConnectionClosed`, `OSError` or `VenueError` when no more will come."""
        ...

    async def send(self, text: str) -> None:
        """Send a message. Raises as `recv` does."""
        ...

    async def close(self) -> None:
        """Say goodbye; what was received already can still be read."""
        ...

    async def release(self) -> None:
        """Free everything at once, goodbye or not. May be called again."""
        ...


Dial = Callable[[VenueStream], Awaitable[Socket]]
"""Connects a stream. Raises `OSError`, `WebSocketException` or `VenueError`."""

LatestTime = Callable[[], int | None]
"""The latest time that a venue can name now; None where nobody knows but its stream."""


def nobody_knows() -> int | None:
    """There is no clock but the stream's own."""
    return None


class WebSocket:
    """A websocket of our own."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def recv(self) -> bytes:
        """The next message, text or not."""
        return await self._connection.recv(decode=False)

    async def send(self, text: str) -> None:
        """Send text."""
        await self._connection.send(text, text=True)

    async def close(self) -> None:
        """Say goodbye and wait for the answer, up to the time that was set when connecting."""
        await self._connection.close()

    async def release(self) -> None:
        """Cut the line."""
        self._connection.transport.abort()


class straight_connect(connect):  # noqa: N801 - used like the function that it narrows
    """Goes nowhere else than it was told to."""

    def process_redirect(self, exc: Exception) -> Exception:
        """Take a redirect for the refusal that it is to us: another host is another venue."""
        return exc


async def dial_websocket(stream: VenueStream, patience: Patience) -> Socket:
    """
    Connect to where a stream is.

    Raises:
        OSError: Nobody is there, or not in time.
        WebSocketException: The handshake failed.
    """
    url = stream.stream_url
    connection = await straight_connect(
        url,
        # A proxy of the environment is for the outside world.
        proxy=None if urlsplit(url).hostname in _LOOPBACK else True,
        compression=None,
        open_timeout=patience.connect_ms / 1_000,
        close_timeout=patience.close_ms / 1_000,
        # Silence is judged by data: a pong behind a long queue of candles says nothing.
        ping_interval=None,
    )
    return WebSocket(connection)


class StreamConnection:
    """
    A connection that stands. `start` it once, `drop` it or wait for `ended`.

    `ready` is set, by whoever knows, when its subscriptions are confirmed; `wish` holds why it should be replaced.
    """

    def __init__(
        self,
        number: int,
        stream: VenueStream,
        socket: Socket,
        inbox: FeedInbox,
        clock: Clock,
        latest_ms: LatestTime,
        patience: Patience,
    ) -> None:
        self.number = number
        self.stream = stream
        self.ready = asyncio.Event()
        self.wish: asyncio.Future[GiveUp] = asyncio.get_running_loop().create_future()
        self._socket = socket
        self._inbox = inbox
        self._clock = clock
        self._latest_ms = latest_ms
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
        await self._socket.release()
        await self._reader

    def abandon(self) -> None:
        """Hang up at once, at the end of everything."""
        self._reader.cancel()

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
                frame = await socket.recv()
                await self._inbox.put_frame(FrameReceived(self._clock.now_ms(), self.number, frame, self._latest_ms()))
        except _ENDS as error:
            ending = error
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await socket.release()
            reason = self._dropped_because or str(ending)
            self._inbox.put(Disconnected(self._clock.now_ms(), self.number, reason))
        return ending

    async def _subscribe(self) -> None:
        with suppress(*_ENDS):
            for position, request in enumerate(self.stream.subscription().frames):
                if position:
                    await asyncio.sleep(self._patience.request_gap_ms / 1_000)
                await self._socket.send(request)

    async def _keep_alive(self, frame: str, every_s: float) -> None:
        with suppress(*_ENDS):
            while True:
                await asyncio.sleep(every_s)
                await self._socket.send(frame)


def is_normal_close(ending: Exception, reason: str) -> bool:
    """Whether a venue said goodbye in order, with this reason."""
    return (
        isinstance(ending, ConnectionClosed)
        and ending.rcvd is not None
        and ending.rcvd.code == _NORMAL_CLOSE
        and ending.rcvd.reason == reason
    )
