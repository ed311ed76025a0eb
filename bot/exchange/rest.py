"""
The REST half of the exchange: Binance's market data requests, answered from the candles.

Knows nothing of websockets, accounts and books, nor of answers that go wrong on their way.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import Lag, SpoilRows, WrongTime
from bot.exchange.faulty_rows import hidden_since, misread_time, spoiled
from bot.exchange.occasions import Occasion
from bot.exchange.pace import Pace
from bot.exchange.refusals import INTEGER, bad_symbol, illegal, missing
from bot.exchange.rest_request import API
from bot.exchange.venue import Market, Venue
from bot.exchange.wire import DEFAULT_KLINES, MAX_KLINES, Refusal, kline_row

_MAX_DIGITS: Final = 20

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RestDesk:
    """
    Answers `GET /api/v3/ping /time /klines`.

    Args:
        venue: What is listed and what the candles are.
        pace: The market's clock.
        plan: How answers are spoiled.
    """

    def __init__(self, venue: Venue, pace: Pace, plan: FaultPlan) -> None:
        self._venue = venue
        self._pace = pace
        self._plan = plan

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Take the requests of an application."""
        router.add_get(f"{API}ping", self._ping)
        router.add_get(f"{API}time", self._time)
        router.add_get(f"{API}klines", self._klines)

    async def _ping(self, _: web.Request) -> web.Response:
        return web.json_response({})

    async def _time(self, _: web.Request) -> web.Response:
        now_ms = self._pace.now_ms()
        wrong = self._plan.first(WrongTime, Occasion(now_ms, endpoint="time", method="GET"))
        return web.json_response({"serverTime": misread_time(wrong, now_ms) if wrong else now_ms})

    async def _klines(self, request: web.Request) -> web.Response:
        symbol = _required(request, "symbol")
        market = self._market(symbol)
        if _required(request, "interval") != self._venue.timeframe.value:
            raise Refusal(-1120, "Invalid interval.")
        start_ms, end_ms = _integer(request, "startTime"), _integer(request, "endTime")
        limit = _integer(request, "limit")
        now_ms = self._pace.now_ms()
        occasion = Occasion(now_ms, symbol=symbol, endpoint="klines", method="GET")
        spoils = self._plan.every(SpoilRows, occasion)
        if any(spoil.how == "too many" for spoil in spoils):
            start_ms = end_ms = None
            limit = MAX_KLINES
        lag = self._plan.first(Lag, occasion)
        if lag:
            end_ms = hidden_since(now_ms, lag, self._venue.timeframe.ms, end_ms)
        candles = self._venue.klines(
            market,
            now_ms,
            start_ms=start_ms,
            end_ms=end_ms,
            limit=DEFAULT_KLINES if limit is None else min(limit, MAX_KLINES),
        )
        rows = [kline_row(candle, self._venue.timeframe.ms) for candle in candles]
        for spoil in spoils:
            rows = spoiled(rows, spoil)
        return web.json_response(rows)

    def _market(self, name: str) -> Market:
        try:
            return self._venue.markets[name]
        except KeyError:
            raise bad_symbol() from None


def _required(request: web.Request, name: str) -> str:
    value = request.query.get(name, "")
    if not value:
        raise missing(name)
    return value


def _integer(request: web.Request, name: str) -> int | None:
    value = request.query.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS):
        raise illegal(name, INTEGER)
    return int(value)
