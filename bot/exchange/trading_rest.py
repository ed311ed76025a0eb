"""
What the REST interface answers about trading: rules and books of markets, and the signed requests of accounts.

Knows nothing of candles, nor of answers that go wrong on their way.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from aiohttp import web

from bot.exchange import market_replies as replies
from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import Lag
from bot.exchange.pace import Pace
from bot.exchange.refusals import illegal, missing
from bot.exchange.rest_request import API, sent_in
from bot.exchange.trade_desk import Trading
from bot.exchange.traded_market import TradedMarket
from bot.exchange.wire import parse_symbols

_DEFAULT_LEVELS: Final = 100
_MOST_LEVELS: Final = 5_000
_LEVELS: Final = "^[0-9]{1,4}$"

_Shown = Callable[[TradedMarket], Any]


class TradingRest:
    """
    Answers `GET /api/v3/exchangeInfo /depth /avgPrice /ticker/price /ticker/bookTicker` and all that is signed.

    Args:
        trading: The accounts and their markets.
        pace: The market's clock.
        plan: How far behind the answers are.
    """

    def __init__(self, trading: Trading, pace: Pace, plan: FaultPlan) -> None:
        self._trading = trading
        self._pace = pace
        self._plan = plan

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Take the requests of an application, all that nobody else has taken; to be called last."""
        router.add_get(f"{API}exchangeInfo", self._exchange_info)
        router.add_get(f"{API}depth", self._depth)
        router.add_get(f"{API}avgPrice", self._average_price)
        router.add_get(f"{API}ticker/price", self._price)
        router.add_get(f"{API}ticker/bookTicker", self._book_ticker)
        router.add_route("*", f"{API}{{endpoint:.+}}", self._signed)

    async def _exchange_info(self, request: web.Request) -> web.Response:
        markets = self._trading.venue.markets
        asked = self._asked(request)
        listed = markets.values() if asked is None else [self._trading.venue.market(name) for name in asked]
        return web.json_response(replies.exchange_info(listed, self._trading.limits, self._pace.now_ms()))

    async def _depth(self, request: web.Request) -> web.Response:
        market = self._looked_at(_required(request, "symbol"))
        levels = request.query.get("limit", str(_DEFAULT_LEVELS))
        if not (levels.isascii() and levels.isdigit()):
            raise illegal("limit", _LEVELS)
        now_ms = self._pace.now_ms()
        # The book is a function of what happened up to now: its number need only grow.
        return web.json_response(replies.depth_shown(market.floor.book, min(int(levels), _MOST_LEVELS), now_ms))

    async def _average_price(self, request: web.Request) -> web.Response:
        market = self._looked_at(_required(request, "symbol"))
        return web.json_response(replies.average_price(market, self._pace.now_ms()))

    async def _price(self, request: web.Request) -> web.Response:
        return self._tickers(request, replies.price_ticker)

    async def _book_ticker(self, request: web.Request) -> web.Response:
        return self._tickers(request, replies.book_ticker)

    async def _signed(self, request: web.Request) -> web.Response:
        sent = await sent_in(request)
        if not self._trading.knows(sent.method, sent.endpoint):
            raise web.HTTPNotFound
        now_ms = self._pace.now_ms()
        lag = self._plan.first(Lag, sent.occasion(now_ms)) if sent.method == "GET" else None
        answer = self._trading.answer(sent.signed(now_ms, now_ms - lag.by_ms if lag else now_ms))
        return web.json_response(answer.body, status=answer.status, headers=answer.headers)

    def _tickers(self, request: web.Request, show: _Shown) -> web.Response:
        """One ticker, or a list of those that were asked for, or of all."""
        if "symbol" in request.query:
            return web.json_response(show(self._looked_at(request.query["symbol"])))
        asked = self._asked(request)
        names: Iterable[str] = self._trading.venue.markets if asked is None else asked
        return web.json_response([show(self._looked_at(name)) for name in names])

    def _asked(self, request: web.Request) -> list[str] | None:
        """The markets that a request names, if it names any."""
        if "symbols" in request.query:
            return parse_symbols(request.query["symbols"])
        return [request.query["symbol"]] if "symbol" in request.query else None

    def _looked_at(self, symbol: str) -> TradedMarket:
        """A market as it is now. Raises `Refusal`."""
        self._trading.move([symbol])
        return self._trading.venue.market(symbol)


def _required(request: web.Request, name: str) -> str:
    value = request.query.get(name, "")
    if not value:
        raise missing(name)
    return value
