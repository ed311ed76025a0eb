"""
The scales at the door of the REST interface: every request is weighed before it is answered, and told what is used.

Knows nothing of what the requests ask for.
"""

from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.exchange.pace import Pace
from bot.exchange.refusals import Limited
from bot.exchange.rest_request import API, sent_in
from bot.exchange.weights import RequestMeter, is_free_when_done, weight_of
from bot.exchange.wire import Refusal
from bot.exchange.wire_log import WireLog


class Scales:
    """
    Lets requests in by their weight.

    Args:
        meter: What the address of all clients has used up.
        pace: The market's clock, by which the windows are.
        log: Where it is told that a banned client asks.
    """

    def __init__(self, meter: RequestMeter, pace: Pace, log: WireLog) -> None:
        self._meter = meter
        self._pace = pace
        self._log = log

    @web.middleware
    async def weigh(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request, or refuse it because too much was asked; what is not REST is none of ours."""
        if not request.path.startswith(API):
            return await handler(request)
        sent = await sent_in(request)
        weight = weight_of(sent.method, sent.endpoint, sent.params)
        try:
            self._meter.enter(weight, self._pace.now_ms())
        except Limited as limited:
            if limited.status == HTTPStatus.IM_A_TEAPOT:
                self._log.tell(self._pace.now_ms(), "request while banned", sent.endpoint)
            answer: web.StreamResponse = refused(limited)
        else:
            answer = await answered(request, handler)
            if answer.status == HTTPStatus.OK and is_free_when_done(sent.method, sent.endpoint):
                self._meter.give_back(weight, self._pace.now_ms())
        answer.headers.update(self._meter.headers(self._pace.now_ms()))
        return answer


async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The exchange's own answer, a refusal included."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return refused(refusal)


def refused(refusal: Refusal) -> web.Response:
    """A refusal as an answer; one that says how long to be silent says it in the header."""
    headers = {"Retry-After": str(refusal.retry_after_s)} if isinstance(refusal, Limited) else {}
    return web.json_response(refusal.body, status=refusal.status, headers=headers)
