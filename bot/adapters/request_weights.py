"""
What a REST request to Binance costs: weight for the address, orders for the account, and how much it matters.

Figures are those of Binance's REST documentation. Pure: a request in, its cost out.
"""

import json
from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from msgspec import Struct


class Urgency(IntEnum):
    """What may use how much of a budget: the last part of it is kept for what protects."""

    BACKGROUND = 0
    NORMAL = 1
    URGENT = 2


class RequestCost(Struct, frozen=True):
    """
    The cost of one request.

    `is_free_when_done` says that the weight is given back when the request succeeds; `orders` are those that it may
    place.
    """

    weight: int
    orders: int = 0
    is_free_when_done: bool = False
    urgency: Urgency = Urgency.NORMAL


DEAREST: Final = 250
"""The weight of the dearest request there is, a book of 5,000 rows: what is unknown counts as that."""

STREAM_COST: Final = RequestCost(4)
"""A connection to the WebSocket API, 2, and a subscription to the private stream, 2."""

_API: Final = "/api/v3/"

_MARKET_DATA: Final = {
    "ping": 1,
    "time": 1,
    "exchangeInfo": 20,
    "trades": 25,
    "historicalTrades": 25,
    "aggTrades": 4,
    "klines": 2,
    "uiKlines": 2,
    "avgPrice": 2,
}
_ACCOUNT: Final = {
    "order": 4,
    "orderList": 4,
    "openOrderList": 6,
    "allOrders": 20,
    "allOrderList": 20,
    "account": 20,
    "account/commission": 20,
    "rateLimit/order": 40,
    "myAllocations": 20,
    "myPreventedMatches": 20,
    "order/amendments": 4,
    "myFilters": 40,
}
_PLACES: Final = {
    "order": 1,
    "order/cancelReplace": 1,
    "sor/order": 1,
    "orderList/oco": 2,
    "orderList/oto": 2,
    "orderList/otoco": 3,
}
"""Orders that a POST may place; each of these weighs 1, and nothing when it succeeds (since 2026-04-02)."""

_CANCELS: Final = frozenset({"order", "openOrders", "orderList"})
_TESTS: Final = frozenset({"order/test", "sor/order/test"})
_ELSEWHERE: Final = {("GET", "/sapi/v1/account/apiRestrictions"): RequestCost(1)}

_DEPTHS: Final = ((100, 5), (500, 25), (1_000, 50))
_DAY_TICKERS: Final = ((20, 2), (100, 40))
_ALL_DAY_TICKERS: Final = 80
_PER_TICKER: Final = 4
_MOST_FOR_TICKERS: Final = 200


def cost_of(method: str, path: str, params: Mapping[str, str]) -> RequestCost:
    """
    Say what a request costs at most.

    Args:
        method: Of HTTP, in capitals.
        path: Of the address, such as `/api/v3/order`.
        params: Of the query; a missing symbol or a larger limit changes some prices.
    """
    known = _ELSEWHERE.get((method, path))
    if known:
        return known
    endpoint = path.removeprefix(_API)
    if endpoint == path:
        return RequestCost(DEAREST)
    match method:
        case "POST":
            return _cost_of_order(endpoint, params)
        case "DELETE" if endpoint in _CANCELS:
            return RequestCost(1, is_free_when_done=True, urgency=Urgency.URGENT)
        case "GET":
            return _cost_of_question(endpoint, params)
        case _:
            return RequestCost(DEAREST)


def _cost_of_order(endpoint: str, params: Mapping[str, str]) -> RequestCost:
    if endpoint in _TESTS:
        return RequestCost(20 if "computeCommissionRates" in params else 1)
    orders = _PLACES.get(endpoint)
    return RequestCost(DEAREST) if orders is None else RequestCost(1, orders, is_free_when_done=True)


def _cost_of_question(endpoint: str, params: Mapping[str, str]) -> RequestCost:
    weight = _MARKET_DATA.get(endpoint) or _weight_of_market_data(endpoint, params)
    if weight:
        return RequestCost(weight, urgency=Urgency.BACKGROUND)
    if endpoint == "openOrders":
        return RequestCost(6 if "symbol" in params else 80)
    if endpoint == "myTrades":
        return RequestCost(5 if "orderId" in params else 20)
    return RequestCost(_ACCOUNT.get(endpoint, DEAREST))


def _weight_of_market_data(endpoint: str, params: Mapping[str, str]) -> int | None:
    """The weight of what costs more the more is asked for; None for anything else."""
    match endpoint:
        case "depth":
            text = params.get("limit", "100")
            limit = int(text) if text.isascii() and text.isdecimal() else _DEPTHS[-1][0] + 1
            return next((weight for most, weight in _DEPTHS if limit <= most), DEAREST)
        case "ticker/price" | "ticker/bookTicker":
            return 2 if "symbol" in params else 4
        case "ticker/24hr":
            symbols = _symbols(params)
            if symbols is None:
                return _ALL_DAY_TICKERS
            return next((weight for most, weight in _DAY_TICKERS if symbols <= most), _ALL_DAY_TICKERS)
        case "ticker" | "ticker/tradingDay":
            symbols = _symbols(params)
            return _MOST_FOR_TICKERS if symbols is None else min(_PER_TICKER * symbols, _MOST_FOR_TICKERS)
        case _:
            return None


def _symbols(params: Mapping[str, str]) -> int | None:
    """How many markets a request names; None where it means all of them, or cannot be read."""
    if "symbol" in params:
        return 1
    try:
        names = json.loads(params.get("symbols", ""))
    except ValueError:
        return None
    return len(names) if isinstance(names, list) else None
