"""
REST answers that do not arrive as they should, by the plan.

A middleware: it lets the exchange answer, and then breaks the answer, holds it up or says something else. Knows
nothing of what is asked.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import Ban, BreakAnswer, Latency, RefuseRequest
from bot.exchange.line import reset
from bot.exchange.occasions import Occasion
from bot.exchange.pace import Pace
from bot.exchange.rest import API, occasion_of
from bot.exchange.wire import Refusal, error_body

_HTML: Final = "<html><head><title>Sorry</title></head><body><h1>Bad Gateway</h1></body></html>"
_BANNED: Final = 418
_LIMITED: Final = 429
_LOOK_EVERY_S: Final = 0.01
_DRIPS: Final = 10


class FaultyRest:
    """
    What comes between a request and its answer.

    Args:
        plan: What goes wrong, and the log of requests and answers.
        pace: The market's clock.
    """

    def __init__(self, plan: FaultPlan, pace: Pace) -> None:
        self._plan = plan
        self._pace = pace
        self._banned_until_ms = 0
        self._ban_s = 0

    @web.middleware
    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request, well or badly; what is not REST is none of ours."""
        if not request.path.startswith(API):
            return await handler(request)
        if self._plan.is_idle:
            return await _answered(request, handler)
        occasion = occasion_of(request, self._pace.now_ms())
        self._plan.log.tell(occasion.at_ms, "request", request.path_qs)
        answer = await self._answer(request, handler, occasion)
        body = answer.text if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else ""
        self._plan.log.tell(self._pace.now_ms(), "answer", f"{answer.status} {body}")
        return answer

    async def _answer(self, request: web.Request, handler: Handler, occasion: Occasion) -> web.StreamResponse:
        plan = self._plan
        refusal = self._ban(occasion)
        if refusal:
            return refusal
        latency_ms = sum(rule.ms + rule.jitter_ms * plan.dice.random() for rule in plan.every(Latency, occasion))
        if latency_ms:
            await asyncio.sleep(self._pace.real_s(latency_ms))
        refused = plan.first(RefuseRequest, occasion)
        if refused:
            return _refuse(refused)
        broken = plan.first(BreakAnswer, occasion)
        answer = await _answered(request, handler)
        return await self._break(request, answer, broken) if broken else answer

    def _ban(self, occasion: Occasion) -> web.Response | None:
        """The answer to a client that is banned, or is banned from now on."""
        if occasion.at_ms < self._banned_until_ms:
            self._ban_s *= 2
            self._plan.log.tell(occasion.at_ms, "request while banned", occasion.endpoint)
            return self._banned(_BANNED, occasion.at_ms)
        ban = self._plan.first(Ban, occasion)
        if not ban:
            return None
        self._ban_s = ban.retry_after_s
        return self._banned(_LIMITED, occasion.at_ms)

    def _banned(self, status: int, now_ms: int) -> web.Response:
        self._banned_until_ms = now_ms + self._ban_s * 1_000
        body = error_body(-1003, f"Too much request weight used; IP banned until {self._banned_until_ms}.")
        return web.json_response(body, status=status, headers={"Retry-After": str(self._ban_s)})

    async def _break(self, request: web.Request, answer: web.StreamResponse, rule: BreakAnswer) -> web.StreamResponse:
        """Spoil a good answer. What is written by hand ends the connection."""
        body = answer.body if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else b""
        match rule.how:
            case "html":
                return web.Response(text=_HTML, content_type="text/html")
            case "empty":
                return web.Response(content_type="application/json")
            case "cut json":
                return web.Response(body=body[: len(body) // 2], content_type="application/json")
        transport = request.transport
        if transport is None:
            return answer
        if rule.how == "reset":
            reset(transport)
            return answer
        raw = _BROKEN[rule.how](body)
        if rule.how == "drip":
            await _drip(transport, raw, self._pace.real_s(rule.over_ms))
        else:
            transport.write(raw)
        if rule.how == "stall":
            await _until_gone(transport)
        transport.close()
        return answer


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The exchange's own answer, a refusal included."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return web.json_response(refusal.body, status=refusal.status)


def _refuse(rule: RefuseRequest) -> web.Response:
    headers = {} if rule.retry_after_s is None else {"Retry-After": str(rule.retry_after_s)}
    if rule.body == "html":
        return web.Response(text=_HTML, content_type="text/html", status=rule.status, headers=headers)
    return web.json_response(error_body(-1000, "An unknown error occurred."), status=rule.status, headers=headers)


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
    lines = ("HTTP/1.1 200 OK", "Content-Type: application/json", *headers, "", "")
    return "\r\n".join(lines).encode()


_BROKEN: Final[dict[str, Callable[[bytes], bytes]]] = {
    "cut headers": lambda _: b"HTTP/1.1 200 OK\r\nContent-Ty",
    "short body": lambda body: _head(f"Content-Length: {len(body) + 100}") + body,
    "bad chunk": lambda body: _head("Transfer-Encoding: chunked") + b"zz\r\n" + body + b"\r\n",
    "bad gzip": lambda body: _head("Content-Encoding: gzip", f"Content-Length: {len(body)}") + body,
    "stall": lambda body: _head(f"Content-Length: {len(body)}") + body[: len(body) // 2],
    "drip": lambda body: _head(f"Content-Length: {len(body)}") + body,
}
