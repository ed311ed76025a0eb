"""
The answers about markets, as Binance shapes them: what is listed, by which rules, and what the book looks like.

Names and meanings of fields are those of Binance's public spot documentation. Candles are told elsewhere.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

import msgspec

from bot.core.orders import BUY, SELL
from bot.exchange.book import Book
from bot.exchange.order_rules import AnyFilter
from bot.exchange.orders import Kind
from bot.exchange.rest_replies import Reply, decimals, limit_shown
from bot.exchange.traded_market import TradedMarket
from bot.exchange.weights import Limits

_PRECISION: Final = 8


def exchange_info(markets: Iterable[TradedMarket], limits: Limits, now_ms: int) -> Reply:
    """The answer of `GET exchangeInfo`."""
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": [limit_shown(limit) for limit in limits.all],
        "exchangeFilters": [],
        "symbols": [symbol_info(market) for market in markets],
    }


def symbol_info(market: TradedMarket) -> Reply:
    """What is said of one market."""
    listing, rules = market.floor.listing, market.rules
    return {
        "symbol": listing.venue_symbol,
        "status": market.status.value,
        "baseAsset": listing.base,
        "baseAssetPrecision": _PRECISION,
        "quoteAsset": listing.quote,
        "quotePrecision": _PRECISION,
        "quoteAssetPrecision": _PRECISION,
        "baseCommissionPrecision": _PRECISION,
        "quoteCommissionPrecision": _PRECISION,
        "orderTypes": [kind.value for kind in rules.kinds],
        "icebergAllowed": False,
        "ocoAllowed": Kind.LIMIT_MAKER in rules.kinds,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [filter_shown(rule) for rule in rules.filters],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": rules.self_trade.value,
        "allowedSelfTradePreventionModes": [mode.value for mode in rules.self_trades],
    }


def filter_shown(rule: AnyFilter) -> Reply:
    """One filter: its name and its fields."""
    fields: dict[str, Any] = msgspec.to_builtins(rule, builtin_types=(Decimal,))
    return {name: decimals(value) if isinstance(value, Decimal) else value for name, value in fields.items()}


def depth_shown(book: Book, levels: int, update_id: int) -> Reply:
    """The answer of `GET depth`."""
    return {
        "lastUpdateId": update_id,
        "bids": [[decimals(price), decimals(quantity)] for price, quantity in book.depth(BUY, levels)],
        "asks": [[decimals(price), decimals(quantity)] for price, quantity in book.depth(SELL, levels)],
    }


def book_ticker(market: TradedMarket) -> Reply:
    """The answer of `GET ticker/bookTicker`; a side that is empty is 0."""
    book = market.floor.book
    bid, bid_quantity = next(iter(book.depth(BUY, 1)), (Decimal(0), Decimal(0)))
    ask, ask_quantity = next(iter(book.depth(SELL, 1)), (Decimal(0), Decimal(0)))
    return {
        "symbol": market.floor.listing.venue_symbol,
        "bidPrice": decimals(bid),
        "bidQty": decimals(bid_quantity),
        "askPrice": decimals(ask),
        "askQty": decimals(ask_quantity),
    }


def price_ticker(market: TradedMarket) -> Reply:
    """The answer of `GET ticker/price`. Raises `Refusal` before the first price."""
    return {"symbol": market.floor.listing.venue_symbol, "price": decimals(market.last_price())}


def average_price(market: TradedMarket, now_ms: int) -> Reply:
    """The answer of `GET avgPrice`. Raises `Refusal` before the first price."""
    price = market.floor.prints.average(now_ms) or market.last_price()
    return {"mins": market.floor.prints.minutes, "price": decimals(price), "closeTime": now_ms}
