"""
The one door between a wish and an order: an intent is approved here, or denied with a reason.

Getting out is let through wherever it is possible at all; getting in has to pass every limit. Pure: whatever must be
known of the account comes in an `AccountView`. Nothing else in the program makes an `Approved`.
"""

from decimal import ROUND_UP, Decimal
from enum import StrEnum
from math import inf
from typing import Final

from msgspec import Struct

from bot.core.market import Instrument
from bot.core.matching import BPS, FEE_STEP, execute
from bot.core.orders import LIMIT, SELL, STOP, Approved, Denied, Intent, Purpose
from risk.breakers import TradingState
from risk.limits import RiskLimits

PROTECTION: Final = frozenset({Purpose.STOP, Purpose.BREAKER, Purpose.OPERATOR})
"""Why something may be sold while trading is halted."""

_ACTIVE: Final = TradingState.ACTIVE

ROUNDING: Final = 1e-9
"""How far a float64 ratio may be above its limit: a size that was cut to the limit must not fail by its last bit."""


class Denial(StrEnum):
    """Why an intent was denied, for machines. Every one is a rule of this file."""

    WRONG_MARKET = "wrong_market"
    QUANTITY = "quantity"
    LOT_GRID = "lot_grid"
    PRICES = "prices"
    TICK_GRID = "tick_grid"
    HALTED = "halted"
    REDUCING = "reducing"
    NOT_HELD = "not_held"
    HELD_BY_ORDERS = "held_by_orders"
    STOP_WOULD_TRIGGER = "stop_would_trigger"
    DUST = "dust"
    MARKET_NOT_TRADABLE = "market_not_tradable"
    COOLDOWN = "cooldown"
    ORDERS_PER_DAY = "orders_per_day"
    NO_PRICE = "no_price"
    NO_EQUITY = "no_equity"
    PRICE_COLLAR = "price_collar"
    MIN_QUANTITY = "min_quantity"
    MIN_NOTIONAL = "min_notional"
    MAX_POSITION = "max_position"
    MAX_EXPOSURE = "max_exposure"
    CASH = "cash"


class AccountView(Struct, frozen=True, gc=False):
    """
    What the gate sees of the account and of the intent's market, at one moment.

    Attributes:
        state: What may be traded.
        state_reason: Why that is so, for the sentence of a denial.
        equity: Marked equity, quote currency.
        available_cash: Cash less what working buys reserve.
        position: Quantity held of the intent's market.
        sellable: Position less what working sells hold.
        position_notional: Marked value of this market's holding and working buys.
        exposure_notional: The same for all markets, this one included.
        price: Last price at the place of execution.
        market_problem: Why the market is not tradable (warming up, a gap, suspended, a filled bar), or None.
        candles_since_stop: Candles closed since this market was stopped out, or None where it never was.
        orders_today: Orders submitted in this UTC day.
        protective_stop: Where the stop of what is bought will rest; None where nothing is known of one.
    """

    state: TradingState
    state_reason: str
    equity: float
    available_cash: Decimal
    position: Decimal
    sellable: Decimal
    position_notional: float
    exposure_notional: float
    price: float
    market_problem: str | None
    candles_since_stop: int | None
    orders_today: int
    protective_stop: Decimal | None = None


def review(intent: Intent, instrument: Instrument, account: AccountView, limits: RiskLimits) -> Approved | Denied:
    """
    Approve an intent, or deny it with the first rule that it breaks.

    Whatever it is for, an intent must be well formed and allowed by the trading state. A sell must be covered by what
    is held and be worth something to the venue; no limit of the account ever keeps a holding from being sold. A buy
    has to pass every limit.

    Args:
        intent: The wish, its figures on the instrument's grid.
        instrument: The market's rules and costs.
        account: The account at this moment.
        limits: What may be risked.
    """
    denied = _malformed(intent, instrument)
    if denied is None and account.state is not _ACTIVE:
        denied = _barred_by_state(intent, account)
    if denied is None:
        market = Decimal(repr(float(account.price))) if 0.0 < account.price < inf else None
        if intent.side is SELL:
            denied = _bad_sell(intent, instrument, account, market)
        else:
            denied = _untimely(intent, account, limits) or _bad_buy(intent, instrument, account, limits, market)
    return Approved(intent) if denied is None else denied


def cash_needed(intent: Intent, instrument: Instrument, market: Decimal) -> Decimal:
    """
    Compute the most that a buy can cost at the stated costs: price, half spread, slippage and fee, quote currency.

    A limit order is taken at its limit, with the dearer of the two fees: one that meets the market pays the taker's.
    """
    quantity = intent.quantity
    execution = execute(instrument, intent, _own_price(intent, market), quantity)
    amount = execution.price * quantity
    if intent.type is not LIMIT:
        return amount + execution.fee
    dearer = max(instrument.costs.maker_fee_bps, instrument.costs.taker_fee_bps)
    return amount + (amount * dearer / BPS).quantize(FEE_STEP, ROUND_UP)


def _deny(intent: Intent, code: Denial, reason: str) -> Denied:
    return Denied(intent, code.value, reason)


def _own_price(intent: Intent, market: Decimal) -> Decimal:
    """Return the price that the order itself names, or the market's."""
    return intent.limit_price or intent.stop_price or market


def _malformed(intent: Intent, instrument: Instrument) -> Denied | None:
    quantity = intent.quantity
    if intent.symbol != instrument.symbol:
        reason = f"the order is for {intent.symbol}, the rules are those of {instrument.symbol}"
        return _deny(intent, Denial.WRONG_MARKET, reason)
    if not quantity.is_finite() or quantity <= 0:
        return _deny(intent, Denial.QUANTITY, f"a quantity of {quantity} cannot be traded: it must be above 0")
    if quantity % instrument.lot_step:
        reason = f"quantity {quantity} is not a multiple of the lot step {instrument.lot_step}"
        return _deny(intent, Denial.LOT_GRID, reason)
    limit, stop = intent.limit_price, intent.stop_price
    if (limit is not None) is not (intent.type is LIMIT) or (stop is not None) is not (intent.type is STOP):
        reason = (
            f"a {intent.type} order cannot have limit price {limit} and stop price {stop}: "
            f"a limit order has the first, a stop order the second, a market order neither"
        )
        return _deny(intent, Denial.PRICES, reason)
    for price in (limit, stop):
        if price is not None and (not price.is_finite() or price <= 0 or price % instrument.tick_size):
            reason = f"price {price} is not a multiple, above 0, of the tick size {instrument.tick_size}"
            return _deny(intent, Denial.TICK_GRID, reason)
    return None


def _barred_by_state(intent: Intent, account: AccountView) -> Denied | None:
    sells = intent.side is SELL
    if account.state is TradingState.REDUCING:
        if sells:
            return None
        reason = f"trading is reducing ({account.state_reason}): only what cuts exposure is traded"
        return _deny(intent, Denial.REDUCING, reason)
    if sells and intent.purpose in PROTECTION:
        return None
    reason = f"trading is halted ({account.state_reason}): only stops, breakers and the operator may sell"
    return _deny(intent, Denial.HALTED, reason)


def _bad_sell(intent: Intent, instrument: Instrument, account: AccountView, market: Decimal | None) -> Denied | None:
    """Apply the rules of a sell. An unknown market price hinders none: what is held can always be sold."""
    quantity = intent.quantity
    if quantity > account.position:
        reason = f"cannot sell {quantity} {instrument.base}: {account.position} are held"
        return _deny(intent, Denial.NOT_HELD, reason)
    if quantity > account.sellable:
        reason = (
            f"cannot sell {quantity} {instrument.base}: of {account.position} held, "
            f"{account.sellable} are not held by other orders"
        )
        return _deny(intent, Denial.HELD_BY_ORDERS, reason)
    if market is None:
        return None
    stop = intent.stop_price
    if stop is not None and stop >= market:
        reason = f"a sell stop at {stop} would trigger at once: the market is at {market}"
        return _deny(intent, Denial.STOP_WOULD_TRIGGER, reason)
    amount = quantity * _own_price(intent, market)
    if quantity < instrument.min_quantity or amount < instrument.min_notional:
        reason = (
            f"{quantity} {instrument.base}, worth {amount:.2f} {instrument.quote}, is too small to be sold: "
            f"the venue's least is {instrument.min_quantity} {instrument.base} and "
            f"{instrument.min_notional} {instrument.quote}"
        )
        return _deny(intent, Denial.DUST, reason)
    return None


def _untimely(intent: Intent, account: AccountView, limits: RiskLimits) -> Denied | None:
    """Apply the rules of an entry that do not depend on its size."""
    if account.market_problem is not None:
        reason = f"{intent.symbol} is not tradable: {account.market_problem}"
        return _deny(intent, Denial.MARKET_NOT_TRADABLE, reason)
    since = account.candles_since_stop
    if since is not None and since < limits.cooldown_candles:
        reason = f"{since} candles since {intent.symbol} was stopped out, {limits.cooldown_candles} must pass"
        return _deny(intent, Denial.COOLDOWN, reason)
    if account.orders_today >= limits.max_orders_per_day:
        reason = f"{account.orders_today} orders today, {limits.max_orders_per_day} are allowed"
        return _deny(intent, Denial.ORDERS_PER_DAY, reason)
    return None


def _bad_buy(
    intent: Intent, instrument: Instrument, account: AccountView, limits: RiskLimits, market: Decimal | None
) -> Denied | None:
    """Apply the rules of an entry that depend on its price and its size."""
    if market is None:
        reason = f"the last price of {intent.symbol} is {account.price}: nothing is bought without a price"
        return _deny(intent, Denial.NO_PRICE, reason)
    own = _own_price(intent, market)
    amount = intent.quantity * own
    return (
        (_bad_price(intent, limits, market, own) if own is not market else None)
        or _too_small(intent, instrument, amount)
        or _unprotectable(intent, instrument, account)
        or _too_large(intent, account, limits, amount)
        or _unpaid(intent, instrument, account, market)
    )


def _bad_price(intent: Intent, limits: RiskLimits, market: Decimal, own: Decimal) -> Denied | None:
    """Apply the rules of the price that an entry names."""
    collar = market * Decimal(repr(float(limits.price_collar_frac)))
    if abs(own - market) > collar:
        reason = (
            f"the order's price {own} is not between {market - collar} and {market + collar}, "
            f"the market's price with {limits.price_collar_frac:.2%} on both sides"
        )
        return _deny(intent, Denial.PRICE_COLLAR, reason)
    if intent.stop_price is not None and intent.stop_price <= market:
        reason = f"a buy stop at {intent.stop_price} would trigger at once: the market is at {market}"
        return _deny(intent, Denial.STOP_WOULD_TRIGGER, reason)
    return None


def _too_small(intent: Intent, instrument: Instrument, amount: Decimal) -> Denied | None:
    quantity = intent.quantity
    if quantity < instrument.min_quantity:
        reason = f"quantity {quantity} is below the venue's least of {instrument.min_quantity} {instrument.base}"
        return _deny(intent, Denial.MIN_QUANTITY, reason)
    if amount < instrument.min_notional:
        reason = (
            f"an order of {amount:.2f} {instrument.quote} is below the venue's least of "
            f"{instrument.min_notional} {instrument.quote}"
        )
        return _deny(intent, Denial.MIN_NOTIONAL, reason)
    return None


def _unprotectable(intent: Intent, instrument: Instrument, account: AccountView) -> Denied | None:
    """Buy nothing that the venue would find too small at the price of its own stop, after a fee in what is bought."""
    stop = account.protective_stop
    if stop is None:
        return None
    left = intent.quantity * (1 - instrument.costs.taker_fee_bps / BPS)
    lots = left - left % instrument.lot_step
    if lots >= instrument.min_quantity and lots * stop >= instrument.min_notional:
        return None
    reason = (
        f"{intent.quantity} {instrument.base} would be too small to be sold at their stop of {stop}: the venue's least "
        f"is {instrument.min_quantity} {instrument.base} and {instrument.min_notional} {instrument.quote}"
    )
    return _deny(intent, Denial.MIN_NOTIONAL, reason)


def _too_large(intent: Intent, account: AccountView, limits: RiskLimits, amount: Decimal) -> Denied | None:
    if not 0.0 < account.equity < inf:
        return _deny(intent, Denial.NO_EQUITY, f"equity is {account.equity}: there is nothing to buy with")
    added = float(amount)
    position = (account.position_notional + added) / account.equity
    # "Not within" instead of "beyond": a notional that is not a number is denied too.
    if not position <= limits.max_position_frac * (1.0 + ROUNDING):
        reason = f"{intent.symbol} would be {position:.2%} of equity, {limits.max_position_frac:.2%} is allowed"
        return _deny(intent, Denial.MAX_POSITION, reason)
    exposure = (account.exposure_notional + added) / account.equity
    if not exposure <= limits.max_exposure_frac * (1.0 + ROUNDING):
        reason = f"all markets would be {exposure:.2%} of equity, {limits.max_exposure_frac:.2%} is allowed"
        return _deny(intent, Denial.MAX_EXPOSURE, reason)
    return None


def _unpaid(intent: Intent, instrument: Instrument, account: AccountView, market: Decimal) -> Denied | None:
    needed = cash_needed(intent, instrument, market)
    if needed > account.available_cash:
        reason = (
            f"the order needs {needed:f} {instrument.quote} with fee, spread and slippage, "
            f"{account.available_cash:f} are available"
        )
        return _deny(intent, Denial.CASH, reason)
    return None
