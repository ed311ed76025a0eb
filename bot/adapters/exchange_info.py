"""
The rules of markets, read out of the answer to Binance's `GET exchangeInfo`.

Filters that are not known are passed over: the venue asks them itself. A known one that cannot be understood is an
error, because what is sent would be guessed. Pure.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Raw, Struct

from bot.adapters.order_answers import decoded
from bot.adapters.rate_limits import RateLimits, limits_of
from bot.adapters.venue_filters import (
    Filter,
    Grid,
    LotSize,
    MaxOrders,
    MaxPosition,
    Notional,
    PercentPrice,
    PriceFilter,
)
from bot.adapters.venue_rules import VenueRules
from bot.adapters.wire_numbers import exact
from bot.core.errors import DataError
from bot.core.orders import ZERO


def read_rules(body: str, symbols: Sequence[str]) -> dict[str, VenueRules]:
    """
    The rules of some markets, out of the body of `GET exchangeInfo`.

    Args:
        body: As it came.
        symbols: The markets that must be in it.

    Raises:
        DataError: It is no such answer, a market is missing, or a rule cannot be understood.
    """
    listed = {market.symbol: market for market in decoded(body, _Info, "exchangeInfo").symbols}
    missing = [symbol for symbol in symbols if symbol.replace("/", "") not in listed]
    if missing:
        raise DataError(f"the venue tells no rules of {', '.join(missing)}")
    return {symbol: _rules(symbol, listed[symbol.replace("/", "")]) for symbol in symbols}


def read_limits(body: str) -> RateLimits:
    """The limits of requests and orders, out of the same body. Raises `DataError` where they cannot be true."""
    return limits_of(decoded(body, _Info, "exchangeInfo").rate_limits)


_Digits = Annotated[int, Meta(ge=0, le=30)]
"""Digits after the point."""


class _Market(Struct, rename="camel"):
    """One market of `exchangeInfo`."""

    symbol: str
    status: str
    base_asset_precision: _Digits
    quote_asset_precision: _Digits
    order_types: tuple[str, ...]
    filters: tuple[Raw, ...]
    oco_allowed: bool = False


class _Info(Struct):
    """The answer to `GET exchangeInfo`."""

    symbols: tuple[_Market, ...]
    rate_limits: Any = msgspec.field(name="rateLimits", default=())


class _Named(Struct):
    """Any filter."""

    filter_type: str = msgspec.field(name="filterType")


class _Prices(Struct, rename="camel"):
    min_price: str
    max_price: str
    tick_size: str


class _Quantities(Struct, rename="camel"):
    min_qty: str
    max_qty: str
    step_size: str


class _MinNotional(Struct, rename="camel"):
    min_notional: str
    apply_to_market: bool = True


class _Notional(Struct, rename="camel"):
    min_notional: str
    max_notional: str
    apply_min_to_market: bool = True
    apply_max_to_market: bool = False


class _Percent(Struct, rename="camel"):
    multiplier_up: str
    multiplier_down: str


class _PercentBySide(Struct, rename="camel"):
    bid_multiplier_up: str
    bid_multiplier_down: str
    ask_multiplier_up: str
    ask_multiplier_down: str


class _MaxOrders(Struct, rename="camel"):
    max_num_orders: int


class _MaxStops(Struct, rename="camel"):
    max_num_algo_orders: int


class _MaxPosition(Struct, rename="camel"):
    max_position: str


def _lot(raw: Raw, name: str, *, at_market: bool) -> LotSize:
    told = decoded(raw, _Quantities, name)
    return LotSize(Grid(exact(told.min_qty), exact(told.max_qty), exact(told.step_size)), at_market)


def _price(raw: Raw, name: str) -> PriceFilter:
    told = decoded(raw, _Prices, name)
    return PriceFilter(Grid(exact(told.min_price), exact(told.max_price), exact(told.tick_size)))


def _min_notional(raw: Raw, name: str) -> Notional:
    told = decoded(raw, _MinNotional, name)
    return Notional(exact(told.min_notional), ZERO, told.apply_to_market, most_at_market=False)


def _notional(raw: Raw, name: str) -> Notional:
    told = decoded(raw, _Notional, name)
    least, most = exact(told.min_notional), exact(told.max_notional)
    return Notional(least, most, told.apply_min_to_market, told.apply_max_to_market)


def _percent(raw: Raw, name: str) -> PercentPrice:
    told = decoded(raw, _Percent, name)
    down, up = exact(told.multiplier_down), exact(told.multiplier_up)
    return PercentPrice(down, up, down, up)


def _percent_by_side(raw: Raw, name: str) -> PercentPrice:
    told = decoded(raw, _PercentBySide, name)
    return PercentPrice(
        bid_down=exact(told.bid_multiplier_down),
        bid_up=exact(told.bid_multiplier_up),
        ask_down=exact(told.ask_multiplier_down),
        ask_up=exact(told.ask_multiplier_up),
    )


_READERS: Final[Mapping[str, Callable[[Raw, str], Filter]]] = {
    "PRICE_FILTER": _price,
    "LOT_SIZE": lambda raw, name: _lot(raw, name, at_market=False),
    "MARKET_LOT_SIZE": lambda raw, name: _lot(raw, name, at_market=True),
    "MIN_NOTIONAL": _min_notional,
    "NOTIONAL": _notional,
    "PERCENT_PRICE": _percent,
    "PERCENT_PRICE_BY_SIDE": _percent_by_side,
    "MAX_NUM_ORDERS": lambda raw, name: MaxOrders(decoded(raw, _MaxOrders, name).max_num_orders),
    "MAX_NUM_ALGO_ORDERS": lambda raw, name: MaxOrders(decoded(raw, _MaxStops, name).max_num_algo_orders, stops=True),
    "MAX_POSITION": lambda raw, name: MaxPosition(exact(decoded(raw, _MaxPosition, name).max_position)),
}


def _rules(symbol: str, market: _Market) -> VenueRules:
    named = [(decoded(raw, _Named, f"a filter of {symbol}").filter_type, raw) for raw in market.filters]
    return VenueRules(
        symbol=symbol,
        status=market.status,
        order_types=frozenset(market.order_types),
        base_unit=Decimal(1).scaleb(-market.base_asset_precision),
        quote_unit=Decimal(1).scaleb(-market.quote_asset_precision),
        takes_pairs=market.oco_allowed,
        filters=tuple(_READERS[name](raw, f"{name} of {symbol}") for name, raw in named if name in _READERS),
    )
