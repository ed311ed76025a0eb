"""
REST answers that do not arrive as they should, by the plan.

A middleware: it lets the exchange answer, and then breaks the answer, holds it up or says something else; or it does
so without letting anything be done. Knows nothing of what is asked.
"""

import asyncio
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from bot.exchange.broken_answers import HTML, broken
from bot.exchange.edits import edited
from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import Ban, BreakAnswer, CutList, Latency, RefuseRequest, RewriteAnswer
from bot.exchange.occasions import Occasion
from bot.exchange.pace import Pace
from bot.exchange.refusals import banned, too_much_weight
from bot.exchange.rest_faults import Phase
from bot.exchange.rest_request import API, SentRequest, sent_in
from bot.exchange.weighing import answered, refused
from bot.exchange.weights import Limits
from bot.exchange.wire import error_body

_SIGNATURE: Final = re.compile("signature=[^&]*")
_WORDS: Final = {
    -1000: "An unknown error occurred while processing the request.",
    -1001: "Internal error; unable to process your request. Please try again.",
    -1002: "You are not authorized to execute this request.",
    -1003: "Too many requests queued.",
    -1006: "An unexpected response was received from the message bus. Execution status unknown.",
    -1007: "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
    -1008: "Server is currently overloaded with other requests. Please try again in a few minutes.",
    -1015: "Too many new orders.",
    -1016: "This service is no longer available.",
    -1021: "Timestamp for this request is outside of the recvWindow.",
    -1022: "Signature for this request is not valid.",
    -2013: "Order does not exist.",
    -2014: "API-key format invalid.",
    -2015: "Invalid API-key, IP, or permissions for action.",
    -2026: "Order was canceled or expired with no executed qty over 90 days ago and has been archived.",
}
"""What Binance says with a code, where a rule gives no words of its own."""


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
            return await answered(request, handler)
        sent = await sent_in(request)
        occasion = sent.occasion(self._pace.now_ms())
        self._plan.log.tell(occasion.at_ms, "request", _told(sent))
        answer = await self._answer(request, handler, occasion)
        self._plan.log.tell(self._pace.now_ms(), "answer", f"{answer.status} {_body(answer).decode()}")
        return answer

    async def _answer(self, request: web.Request, handler: Handler, occasion: Occasion) -> web.StreamResponse:
        plan = self._plan
        ban = self._ban(occasion)
        if ban:
            return ban
        late = plan.every(Latency, occasion)
        refusal = plan.first(RefuseRequest, occasion)
        breach = None if refusal else plan.first(BreakAnswer, occasion)
        await self._wait(late, "before")
        if refusal and refusal.phase == "before":
            return _refuse(refusal)
        if breach and breach.phase == "before":
            return await broken(request, b'{"code":0}', breach.how, self._pace.real_s(breach.over_ms))
        answer = self._rewritten(await answered(request, handler), occasion)
        await self._wait(late, "after")
        if refusal:
            return _refuse(refusal)
        if breach:
            return await broken(request, _body(answer), breach.how, self._pace.real_s(breach.over_ms))
        return answer

    async def _wait(self, rules: Sequence[Latency], phase: Phase) -> None:
        late_ms = sum(rule.ms + rule.jitter_ms * self._plan.dice.random() for rule in rules if rule.phase == phase)
        if late_ms:
            await asyncio.sleep(self._pace.real_s(late_ms))

    def _rewritten(self, answer: web.StreamResponse, occasion: Occasion) -> web.StreamResponse:
        """A good answer as the plan wants it; a refusal is left alone."""
        if answer.status != HTTPStatus.OK or not isinstance(answer, web.Response):
            return answer
        for rewrite in self._plan.every(RewriteAnswer, occasion):
            answer.text = edited(_body(answer).decode(), rewrite.edit)
        for cut in self._plan.every(CutList, occasion):
            answer.text = _cut(_body(answer), cut)
        return answer

    def _ban(self, occasion: Occasion) -> web.Response | None:
        """The answer to a client that is banned, or is banned from now on."""
        if occasion.at_ms < self._banned_until_ms:
            self._ban_s *= 2
            self._banned_until_ms = occasion.at_ms + self._ban_s * 1_000
            self._plan.log.tell(occasion.at_ms, "request while banned", occasion.endpoint)
            return refused(banned(self._banned_until_ms, self._ban_s))
        ban = self._plan.first(Ban, occasion)
        if not ban:
            return None
        self._ban_s = ban.retry_after_s
        self._banned_until_ms = occasion.at_ms + self._ban_s * 1_000
        weight = Limits().weight
        return refused(too_much_weight(weight.limit, weight.per, self._ban_s))


def _refuse(rule: RefuseRequest) -> web.Response:
    headers = {} if rule.retry_after_s is None else {"Retry-After": str(rule.retry_after_s)}
    if rule.location:
        headers["Location"] = rule.location
    if rule.body == "html":
        return web.Response(text=HTML, content_type="text/html", status=rule.status, headers=headers)
    words = rule.text or _WORDS.get(rule.code, "An error occurred.")
    return web.json_response(error_body(rule.code, words), status=rule.status, headers=headers)


def _cut(body: bytes, rule: CutList) -> str:
    said = msgspec.json.decode(body)
    if rule.of:
        said[rule.of] = said[rule.of][: rule.rows]
    else:
        said = said[: rule.rows]
    return msgspec.json.encode(said).decode()


def _body(answer: web.StreamResponse) -> bytes:
    return answer.body if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else b""


def _told(sent: SentRequest) -> str:
    """A request as the log has it: whole, but for the signature."""
    query = f"?{sent.query}" if sent.query else ""
    return _SIGNATURE.sub("signature=…", f"{sent.method} {API}{sent.endpoint}{query} {sent.body}".strip())
