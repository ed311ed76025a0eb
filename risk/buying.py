"""
What a buy has to pass: the right moment, a price, and every limit of the account.

`gate` asks; nothing here approves. Pure.
"""

from decimal import ROUND_UP, Decimal
from math import inf
from typing import Final

from bot.core.market import Instrument
from bot.core.matching import BPS, FEE_STEP, execute
from bot.core.orders import LIMIT, Denied, Intent
from risk.account_view import AccountView
from risk.denial import Denial, deny
from risk.limits import RiskLimits

ROUNDING: Final = 1e-9
"""How far a float64 ratio may be above its limit: a size that was cut to the limit must not fail by its last bit."""

_LEAST_TICKS: Final = 3
"""How far below the market a stop must rest: nearer than that, what rounding does to it is most of its distance."""


def untimely(intent: Intent, account: AccountView, limits: RiskLimits) -> Denied | None:
    """Apply the rules of an entry that do not depend on its size."""
    if account.market_problem is not None:
        reason = f"{intent.symbol} is not tradable: {account.market_problem}"
        return deny(intent, Denial.MARKET_NOT_TRADABLE, reason)
    since = account.candles_since_stop
    if since is not None and since < limits.cooldown_candles:
        reason = f"{since} candles since {intent.symbol} was stopped out, {limits.cooldown_candles} must pass"
        return deny(intent, Denial.COOLDOWN, reason)
    if account.orders_today >= limits.max_orders_per_day:
        reason = f"{account.orders_today} orders today, {limits.max_orders_per_day} are allowed"
        return deny(intent, Denial.ORDERS_PER_DAY, reason)
    return None


def bad_buy(
    intent: Intent, instrument: Instrument, account: AccountView, limits: RiskLimits, market: Decimal | None
) -> Denied | None:
    """Apply the rules of an entry that depend on its price and its size."""
    if market is None:
        reason = f"the last price of {intent.symbol} is {account.price}: nothing is bought without a price"
        return deny(intent, Denial.NO_PRICE, reason)
    own = own_price(intent, market)
    amount = intent.quantity * own
    return (
        (_bad_price(intent, limits, market, own) if own is not market else None)
        or _beyond_most(intent, instrument, account)
        or _too_small(intent, instrument, account, amount)
        or _unprotectable(intent, instrument, account, market)
        or _too_large(intent, account, limits, amount)
        or _unpaid(intent, instrument, account, market)
    )


def cash_needed(intent: Intent, instrument: Instrument, market: Decimal) -> Decimal:
    """
    Compute the most that a buy can cost at the stated costs: price, half spread, slippage and fee, quote currency.

    A limit order is taken at its limit, with the dearer of the two fees: one that meets the market pays the taker's.
    """
    quantity = intent.quantity
    execution = execute(instrument, intent, own_price(intent, market), quantity)
    amount = execution.price * quantity
    if intent.type is not LIMIT:
        return amount + execution.fee
    dearer = max(instrument.costs.maker_fee_bps, instrument.costs.taker_fee_bps)
    return amount + (amount * dearer / BPS).quantize(FEE_STEP, ROUND_UP)


def own_price(intent: Intent, market: Decimal) -> Decimal:
    """Return the price that the order itself names, or the market's."""
    return intent.limit_price or intent.stop_price or market


def _bad_price(intent: Intent, limits: RiskLimits, market: Decimal, own: Decimal) -> Denied | None:
    """Apply the rules of the price that an entry names."""
    collar = market * Decimal(repr(float(limits.price_collar_frac)))
    if abs(own - market) > collar:
        reason = (
            f"the order's price {own} is not between {market - collar} and {market + collar}, "
            f"the market's price with {limits.price_collar_frac:.2%} on both sides"
        )
        return deny(intent, Denial.PRICE_COLLAR, reason)
    if intent.stop_price is not None and intent.stop_price <= market:
        reason = f"a buy stop at {intent.stop_price} would trigger at once: the market is at {market}"
        return deny(intent, Denial.STOP_WOULD_TRIGGER, reason)
    return None


def _beyond_most(intent: Intent, instrument: Instrument, account: AccountView) -> Denied | None:
    """Hold no more of a market than one order can sell."""
    most = account.most_of(instrument)
    if most is None or account.position + intent.quantity <= most:
        return None
    reason = (
        f"{account.position} {instrument.base} are held: with {intent.quantity} more it would be above the {most} that "
        f"the venue lets one order have, and could not be sold at once"
    )
    return deny(intent, Denial.MAX_QUANTITY, reason)


def _too_small(intent: Intent, instrument: Instrument, account: AccountView, amount: Decimal) -> Denied | None:
    quantity = intent.quantity
    least = account.least_of(instrument)
    if quantity < least:
        reason = f"quantity {quantity} is below the venue's least of {least} {instrument.base}"
        return deny(intent, Denial.MIN_QUANTITY, reason)
    if amount < instrument.min_notional:
        reason = (
            f"an order of {amount:.2f} {instrument.quote} is below the venue's least of "
            f"{instrument.min_notional} {instrument.quote}"
        )
        return deny(intent, Denial.MIN_NOTIONAL, reason)
    return None


def _unprotectable(intent: Intent, instrument: Instrument, account: AccountView, market: Decimal) -> Denied | None:
    """Buy nothing that its stop could not protect: for its ticks, or because too little would be left to sell."""
    stop = account.protective_stop
    if stop is None:
        return None
    if market - stop < _LEAST_TICKS * instrument.tick_size:
        reason = (
            f"the stop of {intent.symbol} would rest at {stop}, less than {_LEAST_TICKS} ticks of "
            f"{instrument.tick_size} below the market at {market}"
        )
        return deny(intent, Denial.STOP_DISTANCE, reason)
    # After a fee that is taken out of what was bought.
    left = intent.quantity * (1 - instrument.costs.taker_fee_bps / BPS)
    lots = left - left % instrument.lot_step
    least = account.least_of(instrument)
    if lots >= least and lots * stop >= instrument.min_notional:
        return None
    reason = (
        f"{intent.quantity} {instrument.base} would be too small to be sold at their stop of {stop}: the venue's least "
        f"is {least} {instrument.base} and {instrument.min_notional} {instrument.quote}"
    )
    return deny(intent, Denial.MIN_NOTIONAL, reason)


def _too_large(intent: Intent, account: AccountView, limits: RiskLimits, amount: Decimal) -> Denied | None:
    if not 0.0 < account.equity < inf:
        return deny(intent, Denial.NO_EQUITY, f"equity is {account.equity}: there is nothing to buy with")
    added = float(amount)
    position = (account.position_notional + added) / account.equity
    # "Not within" instead of "beyond": a notional that is not a number is denied too.
    if not position <= limits.max_position_frac * (1.0 + ROUNDING):
        reason = f"{intent.symbol} would be {position:.2%} of equity, {limits.max_position_frac:.2%} is allowed"
        return deny(intent, Denial.MAX_POSITION, reason)
    exposure = (account.exposure_notional + added) / account.equity
    if not exposure <= limits.max_exposure_frac * (1.0 + ROUNDING):
        reason = f"all markets would be {exposure:.2%} of equity, {limits.max_exposure_frac:.2%} is allowed"
        return deny(intent, Denial.MAX_EXPOSURE, reason)
    return None


def _unpaid(intent: Intent, instrument: Instrument, account: AccountView, market: Decimal) -> Denied | None:
    needed = cash_needed(intent, instrument, market)
    if needed > account.available_cash:
        reason = (
            f"the order needs {needed:f} {instrument.quote} with fee, spread and slippage, "
            f"{account.available_cash:f} are available"
        )
        return deny(intent, Denial.CASH, reason)
    return None
