"""
Answers that do not arrive as they should: bodies that say something else, and bytes that are no whole answer.

Knows nothing of when an answer breaks.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import web

from bot.exchange.line import reset
from bot.exchange.rest_faults import HowBroken

HTML: Final = "<html><head><title>Sorry</title></head><body><h1>Bad Gateway</h1></body></html>"

_JSON: Final = "application/json"
_LOOK_EVERY_S: Final = 0.01
_DRIPS: Final = 10


async def broken(request: web.Request, body: bytes, how: HowBroken, over_s: float) -> web.StreamResponse:
    """
    Send something else than an answer.

    Args:
        request: What is answered.
        body: What should have been sent.
        how: What is done to it.
        over_s: How long it takes where it comes in drops.

    Returns:
        What is left to be sent: for whatever was written by hand, an answer to a connection that has ended.
    """
    if how in _BODIES:
        text, kind = _BODIES[how](body), "text/html" if how == "html" else _JSON
        return web.Response(body=text, content_type=kind)
    whole = web.Response(body=body, content_type=_JSON)
    transport = request.transport
    if transport is None:
        return whole
    if how == "reset":
        reset(transport)
        return whole
    if how == "drip":
        await _drip(transport, _RAW[how](body), over_s)
    elif how != "close":
        transport.write(_RAW[how](body))
    if how == "stall":
        await _until_gone(transport)
    transport.close()
    return whole


async def _until_gone(transport: asyncio.Transport) -> None:
    while not transport.is_closing():  # noqa: ASYNC110 - a handler is not told that its client has gone
        await asyncio.sleep(_LOOK_EVERY_S)


async def _drip(transport: asyncio.Transport, raw: bytes, over_s: float) -> None:
    """Write a tenth at a time."""
    size = max(1, len(raw) // _DRIPS)
    for start in range(0, len(raw), size):
        if not transport.is_closing():
            transport.write(raw[start : start + size])
            await asyncio.sleep(over_s / _DRIPS)


def _head(*headers: str) -> bytes:
    lines = ("HTTP/1.1 200 OK", f"Content-Type: {_JSON}", *headers, "", "")
    return "\r\n".join(lines).encode()


_Change = Callable[[bytes], bytes]

_BODIES: Final[dict[str, _Change]] = {
    "html": lambda _: HTML.encode(),
    "empty": lambda _: b"",
    "object": lambda _: b"{}",
    "null": lambda _: b"null",
    "cut json": lambda body: body[: len(body) // 2],
}
"""Answers with another body."""

_RAW: Final[dict[str, _Change]] = {
    "cut headers": lambda _: b"HTTP/1.1 200 OK\r\nContent-Ty",
    "short body": lambda body: _head(f"Content-Length: {len(body) + 100}") + body,
    "bad chunk": lambda body: _head("Transfer-Encoding: chunked") + b"zz\r\n" + body + b"\r\n",
    "bad gzip": lambda body: _head("Content-Encoding: gzip", f"Content-Length: {len(body)}") + body,
    "stall": lambda body: _head(f"Content-Length: {len(body)}") + body[: len(body) // 2],
    "drip": lambda body: _head(f"Content-Length: {len(body)}") + body,
}
"""Answers that are written by hand; the connection ends with them."""
