"""
The hand on the exchange's faults: rules in, what struck and what is true out, over HTTP on loopback.

A server of its own, so that it can be reached while the exchange refuses connections.

    GET    /control/faults                      the rules
    PUT    /control/faults                      these rules and no others
    POST   /control/faults                      these rules as well
    DELETE /control/faults                      no rules
    GET    /control/log?after=N&wait_s=S        events and faults numbered above N; waits for one if there is none
    GET    /control/truth?symbol=BTCUSDT&from_ms=&until_ms=    closed candles of the market, as it knows them

and what `account_control` adds to it.
"""

import asyncio
from typing import Any, Final

import msgspec
from aiohttp import web

from bot.core.errors import ConfigError
from bot.exchange.account_control import AccountControl
from bot.exchange.doorway import LOOPBACK
from bot.exchange.faults import decode_rules
from bot.exchange.server import ExchangeServer
from bot.exchange.truth import closed_candles

LONGEST_WAIT_S: Final = 30.0
_STOP_WITHIN_S: Final = 0.5


class ControlDesk:
    """The control endpoint of one exchange. `start`, then `stop`; both once."""

    def __init__(self, exchange: ExchangeServer) -> None:
        self._exchange = exchange
        self._plan = exchange.plan
        self._plan.is_watched = True
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=_STOP_WITHIN_S)

    async def start(self, port: int = 0) -> int:
        """
        Listen on loopback; port 0 takes a free one. Returns the port.

        Raises:
            ConfigError: The port is taken, or may not be used.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, LOOPBACK, port).start()
        except OSError as error:
            raise ConfigError(f"cannot be controlled on port {port} ({error.strerror}): choose another, or 0") from None
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Hang up on everybody."""
        await self._runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[_answer_errors])
        router = application.router
        router.add_get("/control/faults", self._rules)
        router.add_put("/control/faults", self._set_rules)
        router.add_post("/control/faults", self._add_rules)
        router.add_delete("/control/faults", self._clear_rules)
        router.add_get("/control/log", self._log)
        router.add_get("/control/truth", self._truth)
        AccountControl(self._exchange.trading).add_routes(router)
        return application

    async def _rules(self, _: web.Request) -> web.Response:
        return _json(self._plan.rules)

    async def _set_rules(self, request: web.Request) -> web.Response:
        rules = decode_rules(await request.read())
        self._plan.clear()
        self._plan.add(rules)
        return _json(self._plan.rules)

    async def _add_rules(self, request: web.Request) -> web.Response:
        self._plan.add(decode_rules(await request.read()))
        return _json(self._plan.rules)

    async def _clear_rules(self, _: web.Request) -> web.Response:
        self._plan.clear()
        return _json([])

    async def _log(self, request: web.Request) -> web.Response:
        log = self._plan.log
        after, wait_s = _number(request, "after", 0), min(_number(request, "wait_s", 0), LONGEST_WAIT_S)
        try:
            async with asyncio.timeout(wait_s):
                await log.until(lambda: log.count > after)
        except TimeoutError:
            pass
        return _json(
            {
                "count": log.count,
                "now_ms": self._exchange.pace.now_ms(),
                "events": [event for event in log.events if event.number > after],
                "struck": [struck for struck in log.struck if struck.number > after],
            }
        )

    async def _truth(self, request: web.Request) -> web.Response:
        name = request.query.get("symbol", "")
        venue = self._exchange.venue
        if name not in venue.markets:
            raise ConfigError(f"no market {name!r} here: there are {', '.join(venue.markets)}")
        now_ms = self._exchange.pace.now_ms()
        from_ms = _number(request, "from_ms", venue.from_ms)
        until_ms = min(_number(request, "until_ms", now_ms), now_ms)
        return _json(closed_candles(venue, name, from_ms, until_ms))


def _json(value: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise ConfigError(f"{name} is {text[:40]!r}: write a whole number")
    return int(text)


@web.middleware
async def _answer_errors(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        answer: web.StreamResponse = await handler(request)
    except ConfigError as error:
        return web.json_response({"error": str(error)}, status=400)
    return answer
