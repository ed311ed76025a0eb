"""
The handshake of a websocket: granted, refused or never answered, as the plan wants it.

Knows nothing of what the connection is for.
"""

import asyncio
from contextlib import suppress
from typing import Final

from aiohttp import web

from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import IgnoreHandshake, RefuseHandshake
from bot.exchange.occasions import Occasion

_LOOK_EVERY_S: Final = 0.01
_GOODBYE_WITHIN_S: Final = 60.0


async def greeted(request: web.Request, plan: FaultPlan, occasion: Occasion) -> web.WebSocketResponse | web.Response:
    """
    Answer a handshake.

    Returns:
        The connection, whose pings and pongs are left to its owner, or the answer in place of one.
    """
    refusal = plan.first(RefuseHandshake, occasion)
    if refusal:
        headers = {} if refusal.retry_after_s is None else {"Retry-After": str(refusal.retry_after_s)}
        return web.Response(status=refusal.status, headers=headers)
    if plan.first(IgnoreHandshake, occasion):
        await _until_gone(request)
        return web.Response()
    websocket = web.WebSocketResponse(autoping=False, timeout=_GOODBYE_WITHIN_S, compress=False, writer_limit=1)
    await websocket.prepare(request)
    return websocket


async def _until_gone(request: web.Request) -> None:
    """Wait until the client has given up."""
    with suppress(ConnectionError, web.RequestPayloadError):
        while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - see below
            # aiohttp tells a handler that its client has gone only when it writes.
            await asyncio.sleep(_LOOK_EVERY_S)
