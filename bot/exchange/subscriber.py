"""
One websocket of the exchange: what it listens to, what it asks for, and whether it is still there.

Speaks Binance's control messages. Knows nothing of markets or of market time.
"""

import asyncio
from typing import Any, Final

import msgspec
from aiohttp import WSMsgType, web

from bot.exchange.wire import combined, error_body

PING_EVERY_S: Final = 20.0
PONG_WITHIN_S: Final = 60.0
"""Binance pings every 20 seconds and hangs up on a client whose pong is a minute late."""


class _Request(msgspec.Struct):
    """A control message. `id` is what the answer repeats."""

    method: str
    params: list[str] = []
    id: int | str | None = None


class Subscriber:
    """
    A client of the streams.

    Args:
        websocket: The prepared connection, whose pings and pongs arrive as messages.
        streams: Stream names of the address, subscribed from the start.
        is_combined: Whether events are wrapped with the name of their stream.
    """

    def __init__(self, websocket: web.WebSocketResponse, streams: list[str], *, is_combined: bool) -> None:
        self._websocket = websocket
        self._streams = dict.fromkeys(streams)
        self._is_combined = is_combined
        self._pong = asyncio.Event()

    @property
    def streams(self) -> list[str]:
        """Names of the streams it listens to, oldest first."""
        return list(self._streams)

    def listens_to(self, stream: str) -> bool:
        """Whether events of `stream` go to it."""
        return stream in self._streams

    async def send(self, stream: str, event: str) -> None:
        """Send one event and wait until the connection has taken it; a connection that is gone takes anything."""
        try:
            await self._websocket.send_str(combined(stream, event) if self._is_combined else event)
        except ConnectionResetError:
            self._streams.clear()

    async def close(self, reason: str) -> None:
        """Say goodbye: close code 1000."""
        await self._websocket.close(code=1000, message=reason.encode())

    async def receive(self) -> bool:
        """Handle one message of the client; False when it has hung up."""
        message = await self._websocket.receive()
        if message.type is WSMsgType.TEXT or message.type is WSMsgType.BINARY:
            await self._websocket.send_str(msgspec.json.encode(self._answer(message.data)).decode())
        elif message.type is WSMsgType.PING:
            await self._websocket.pong(message.data)
        elif message.type is WSMsgType.PONG:
            self._pong.set()
        return message.type not in {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}

    async def keep_alive(self) -> None:
        """Ping for ever; returns when a pong did not come in time."""
        while True:
            await asyncio.sleep(PING_EVERY_S)
            self._pong.clear()
            try:
                await self._websocket.ping(b"candlewick")
                await asyncio.wait_for(self._pong.wait(), PONG_WITHIN_S)
            except (TimeoutError, ConnectionResetError):
                return

    def _answer(self, data: str | bytes) -> dict[str, Any]:
        """The answer to one control message, after having done what it asks."""
        try:
            request = msgspec.json.decode(data, type=_Request)
        except msgspec.ValidationError as error:
            return error_body(2, f"Invalid request: {error}")
        except msgspec.DecodeError as error:
            return error_body(3, f"Invalid JSON: {error}")
        result = None
        if request.method == "SUBSCRIBE":
            self._streams.update(dict.fromkeys(request.params))
        elif request.method == "UNSUBSCRIBE":
            for stream in request.params:
                self._streams.pop(stream, None)
        elif request.method == "LIST_SUBSCRIPTIONS":
            result = self.streams
        else:
            return error_body(2, f"Invalid request: unknown variant `{request.method}`") | {"id": request.id}
        return {"result": result, "id": request.id}
