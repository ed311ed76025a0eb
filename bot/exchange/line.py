"""
The line to one client of the streams: everything that is written to its socket passes here, and may be held up.

A clear line hands frames to the websocket at once. A congested one writes the same bytes itself, later and in the
same order. Knows nothing of what the frames say, nor of why the line is as it is.
"""

import asyncio
from collections import deque
from socket import SO_LINGER, SOL_SOCKET
from struct import pack
from typing import Final

from aiohttp import web

from bot.exchange.frames import NO_CODE, PING, PONG, TEXT, close_frame, frame

OVERFLOW: Final = 8 << 20
"""Bytes that may wait for a client."""

_SPOONFUL: Final = 64
"""Bytes that are written at a time when they trickle."""


def reset(transport: asyncio.BaseTransport) -> None:
    """Drop a connection so that the other side sees it reset: what was not yet sent is lost."""
    socket = transport.get_extra_info("socket")
    if socket is not None and not transport.is_closing():
        socket.setsockopt(SOL_SOCKET, SO_LINGER, pack("ii", 1, 0))
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


class Line:
    """
    What can be done to the connection of one client. `end` it when the connection is done with.

    A connection that is gone takes anything; `is_dark` tells that this one takes nothing and says nothing.

    Args:
        websocket: The prepared connection.
        transport: What is under it.
        waits: Whether saying something waits for the client to have room for it. Where it does not, a client that
            reads too slowly is reset when `OVERFLOW` bytes wait for it.
    """

    def __init__(self, websocket: web.WebSocketResponse, transport: asyncio.Transport, *, waits: bool) -> None:
        self.websocket = websocket
        self._waits = waits
        self._transport = transport
        self.is_dark = False
        self._held: deque[tuple[float, bytes]] = deque()
        self._held_until = 0.0
        self._bytes_per_s: float | None = None
        self._writing: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[bool] | None = None

    async def say(self, text: str, late_s: float = 0.0) -> None:
        """Send a text frame."""
        if self.is_dark:
            return
        if late_s or not self._waits or self._is_congested():
            await self.write(frame(TEXT, text.encode()), late_s)
            return
        try:
            await self.websocket.send_str(text)
        except ConnectionResetError:
            self.is_dark = True

    async def write(self, data: bytes, late_s: float = 0.0) -> None:
        """Send frames that were made by hand, or what goes for frames."""
        if self.is_dark:
            return
        if late_s or self._is_congested():
            self._hold(data, late_s)
        else:
            self._write_if_it_can(data)

    async def ping(self, payload: bytes) -> None:
        """Send a ping."""
        await self.write(frame(PING, payload))

    async def pong(self, payload: bytes) -> None:
        """Answer a ping."""
        await self.write(frame(PONG, payload))

    def stall(self, for_s: float) -> None:
        """Hold back everything for so long."""
        self._held_until = max(self._held_until, asyncio.get_running_loop().time() + for_s)

    def throttle(self, bytes_per_s: float) -> None:
        """Let bytes trickle from now on."""
        self._bytes_per_s = bytes_per_s

    def go_dark(self) -> None:
        """Neither read nor write any more, and leave the socket as it is."""
        self.is_dark = True
        self._transport.pause_reading()

    def reset(self) -> None:
        """Drop the connection without a close frame."""
        self.is_dark = True
        reset(self._transport)

    async def hang_up(self, code: int, reason: str = "") -> None:
        """Say goodbye, behind whatever is still held up, and wait for the answer in the background."""
        if self.is_dark:
            return
        if self._is_congested() or code == NO_CODE:
            await self.write(close_frame(code, reason))
        elif self._closing is None:
            self._closing = asyncio.create_task(self.websocket.close(code=code, message=reason.encode()))
            # The frame is written before anybody else has a turn.
            await asyncio.sleep(0)

    async def closed(self) -> None:
        """Wait until a goodbye was answered, if one was said."""
        if self._closing:
            await self._closing

    def end(self) -> None:
        """Forget what was not sent."""
        self.is_dark = True
        for task in (self._writing, self._closing):
            if task:
                task.cancel()

    def _is_congested(self) -> bool:
        if self._held or self._bytes_per_s is not None:
            return True
        return self._held_until > 0.0 and asyncio.get_running_loop().time() < self._held_until

    def _hold(self, data: bytes, late_s: float) -> None:
        due = max(self._held_until, asyncio.get_running_loop().time() + late_s)
        self._held_until = due
        self._held.append((due, data))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_held(), name="held frames")

    async def _write_held(self) -> None:
        loop = asyncio.get_running_loop()
        while self._held and not self._transport.is_closing():
            due, data = self._held[0]
            await asyncio.sleep(due - loop.time())
            await self._write_slowly(data)
            self._held.popleft()

    async def _write_slowly(self, data: bytes) -> None:
        if self._bytes_per_s is None:
            self._write_if_it_can(data)
            return
        for start in range(0, len(data), _SPOONFUL):
            self._write_if_it_can(data[start : start + _SPOONFUL])
            await asyncio.sleep(_SPOONFUL / self._bytes_per_s)

    def _write_if_it_can(self, data: bytes) -> None:
        if self.is_dark or self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > OVERFLOW:
            self.reset()
