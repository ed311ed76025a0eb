"""
How a working order meets a price path. The one fill rule of the house.

A path is a sequence of spans. A candle is two of them, its open and its range; a book level is one whose
prices are all the same. What a span leaves open (which of its prices came first) is decided against the
trader.
"""

from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import Final

from msgspec import Struct

from bot.core.market import Candle, Costs, Instrument
from bot.core.orders import BUY, LIMIT, MARKET, STOP, ZERO, Intent

BPS: Final = Decimal(10_000)
FEE_STEP: Final = Decimal("1e-8")
"""Exchanges book fees to eight decimals; ours round up."""


class Span(Struct, frozen=True):
    """A stretch of a price path: it begins at `first` and visits everything between `low` and `high`."""

    first: Decimal
    low: Decimal
    high: Decimal


def candle_spans(candle: Candle) -> tuple[Span, Span]:
    """A candle's path: its open, then its range."""
    opened = Decimal(repr(candle.open))
    return Span(opened, opened, opened), Span(opened, Decimal(repr(candle.low)), Decimal(repr(candle.high)))


def reference_price(intent: Intent, span: Span) -> Decimal | None:
    """
    The path's price at which the order executes inside the span, before spread and slippage.

    Market orders take the first price of a point and the worst price of a range. A stop works when its price
    is touched, a limit only when its price is passed.

    Returns:
        The price, always inside the span; None when the order does not execute there.
    """
    buys = intent.side is BUY
    if intent.type is MARKET:
        return span.high if buys else span.low
    if intent.type is STOP:
        stop = _required(intent.stop_price)
        if buys:
            return max(stop, span.first) if span.high >= stop else None
        return min(stop, span.first) if span.low <= stop else None
    limit = _required(intent.limit_price)
    if buys:
        return min(limit, span.first) if span.low < limit else None
    return max(limit, span.first) if span.high > limit else None


class Execution(Struct, frozen=True):
    """What one fill costs: its price, the fee, and how the price came to differ from the reference."""

    price: Decimal
    fee: Decimal
    spread_cost: Decimal
    slippage_cost: Decimal


def execute(instrument: Instrument, intent: Intent, reference: Decimal, quantity: Decimal) -> Execution:
    """
    Price a fill of `quantity` at `reference`, costs in quote currency.

    Orders that take liquidity pay half the spread and the slippage; the price is then rounded to the tick
    grid against the trader, and the rounding counts as slippage. A limit order pays the maker fee only.
    """
    costs = instrument.costs
    buys = intent.side is BUY
    if intent.type is LIMIT:
        price = reference
        spread_cost = ZERO
    else:
        half_spread = reference * costs.half_spread_bps / BPS
        penalty = half_spread + reference * costs.slippage_bps / BPS
        price = instrument.quantize_price(reference + penalty if buys else reference - penalty, up=buys)
        if price <= 0:
            price = instrument.tick_size
        # Rounded to what is booked: the two parts must add up exactly, whatever the number of digits.
        spread_cost = (half_spread * quantity).quantize(FEE_STEP, ROUND_DOWN)
    total_cost = (price - reference if buys else reference - price) * quantity
    spread_cost = min(spread_cost, total_cost)
    return Execution(price, fee(costs, intent, price * quantity), spread_cost, total_cost - spread_cost)


def fee(costs: Costs, intent: Intent, amount: Decimal) -> Decimal:
    """The fee for trading `amount` of quote, rounded up to eight decimals."""
    rate = costs.maker_fee_bps if intent.type is LIMIT else costs.taker_fee_bps
    return (amount * rate / BPS).quantize(FEE_STEP, ROUND_UP)


def affordable(instrument: Instrument, intent: Intent, reference: Decimal, cash: Decimal) -> Decimal:
    """The largest quantity of a buy at `reference` that `cash` pays for, costs and fee included."""
    unit = execute(instrument, intent, reference, Decimal(1))
    # Fees round up once an order, not once a unit: one fee step is kept back.
    return instrument.quantize_quantity(max(cash - FEE_STEP, ZERO) / (unit.price + unit.fee))


def _required(price: Decimal | None) -> Decimal:
    if price is None:
        raise ValueError("a stop order needs a stop price and a limit order a limit price")
    return price
