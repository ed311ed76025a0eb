"""
The one door between a wish and an order: an intent is approved here, or denied with a reason.

Getting out is let through wherever it is possible at all; getting in has to pass every limit. Pure: whatever must be
known of the account comes in an `AccountView`. Nothing else in the program makes an `Approved`.
"""

from decimal import Decimal
from math import inf
from typing import Final

from msgspec.structs import replace

from bot.core.market import Instrument
from bot.core.orders import LIMIT, MARKET, SELL, STOP, ZERO, Approved, Denied, Intent, Purpose
from risk.account_view import AccountView
from risk.breakers import TradingState
from risk.buying import bad_buy, own_price, untimely
from risk.denial import Denial, deny
from risk.limits import RiskLimits

PROTECTION: Final = frozenset({Purpose.STOP, Purpose.BREAKER, Purpose.OPERATOR})
"""Why something may be sold while trading is halted."""

_ACTIVE: Final = TradingState.ACTIVE


def review(intent: Intent, instrument: Instrument, account: AccountView, limits: RiskLimits) -> Approved | Denied:
    """
    Approve an intent, or deny it with the first rule that it breaks.

    Whatever it is for, an intent must be well formed and allowed by the trading state. A sell must be covered by what
    is held and be worth something to the venue; no limit of the account ever keeps a holding from being sold. A buy
    has to pass every limit.

    Of what is more than one order may have, a part is approved: a sell is cut to that, and what is left is another
    wish; a buy is cut so that one order can sell all that is held then.

    Args:
        intent: The wish, its figures on the instrument's grid.
        instrument: The market's rules and costs.
        account: The account at this moment.
        limits: What may be risked.
    """
    denied = _malformed(intent, instrument)
    if denied is None:
        intent = _cut_to_most(intent, instrument, account)
    if denied is None and account.state is not _ACTIVE:
        denied = _barred_by_state(intent, account)
    if denied is None:
        market = Decimal(repr(float(account.price))) if 0.0 < account.price < inf else None
        if intent.side is SELL:
            denied = _bad_sell(intent, instrument, account, market)
        else:
            denied = untimely(intent, account, limits) or bad_buy(intent, instrument, account, limits, market)
    return Approved(intent) if denied is None else denied


def _cut_to_most(intent: Intent, instrument: Instrument, account: AccountView) -> Intent:
    """Cut an order to the venue's greatest; a buy that has no room at all is left as it is, to be denied for that."""
    # A stop that rests is bounded by another of the venue's rules, and a part of a position is not protected by it.
    bound = account.most_of(instrument)
    if bound is None or (intent.side is SELL and intent.type is not MARKET):
        return intent
    room = bound if intent.side is SELL else max(bound - account.position, ZERO)
    most = instrument.quantize_quantity(room)
    return replace(intent, quantity=most) if ZERO < most < intent.quantity else intent


def _malformed(intent: Intent, instrument: Instrument) -> Denied | None:
    quantity = intent.quantity
    if intent.symbol != instrument.symbol:
        reason = f"the order is for {intent.symbol}, the rules are those of {instrument.symbol}"
        return deny(intent, Denial.WRONG_MARKET, reason)
    if not quantity.is_finite() or quantity <= 0:
        return deny(intent, Denial.QUANTITY, f"a quantity of {quantity} cannot be traded: it must be above 0")
    if quantity % instrument.lot_step:
        reason = f"quantity {quantity} is not a multiple of the lot step {instrument.lot_step}"
        return deny(intent, Denial.LOT_GRID, reason)
    limit, stop = intent.limit_price, intent.stop_price
    if (limit is not None) is not (intent.type is LIMIT) or (stop is not None) is not (intent.type is STOP):
        reason = (
            f"a {intent.type} order cannot have limit price {limit} and stop price {stop}: "
            f"a limit order has the first, a stop order the second, a market order neither"
        )
        return deny(intent, Denial.PRICES, reason)
    for price in (limit, stop):
        if price is not None and (not price.is_finite() or price <= 0 or price % instrument.tick_size):
            reason = f"price {price} is not a multiple, above 0, of the tick size {instrument.tick_size}"
            return deny(intent, Denial.TICK_GRID, reason)
    return None


def _barred_by_state(intent: Intent, account: AccountView) -> Denied | None:
    sells = intent.side is SELL
    if account.state is TradingState.REDUCING:
        if sells:
            return None
        reason = f"trading is reducing ({account.state_reason}): only what cuts exposure is traded"
        return deny(intent, Denial.REDUCING, reason)
    if sells and intent.purpose in PROTECTION:
        return None
    reason = f"trading is halted ({account.state_reason}): only stops, breakers and the operator may sell"
    return deny(intent, Denial.HALTED, reason)


def _bad_sell(intent: Intent, instrument: Instrument, account: AccountView, market: Decimal | None) -> Denied | None:
    """Apply the rules of a sell. An unknown market price hinders none: what is held can always be sold."""
    quantity = intent.quantity
    if quantity > account.position:
        reason = f"cannot sell {quantity} {instrument.base}: {account.position} are held"
        return deny(intent, Denial.NOT_HELD, reason)
    if quantity > account.sellable:
        reason = (
            f"cannot sell {quantity} {instrument.base}: of {account.position} held, "
            f"{account.sellable} are not held by other orders"
        )
        return deny(intent, Denial.HELD_BY_ORDERS, reason)
    if market is None:
        return None
    stop = intent.stop_price
    if stop is not None and stop >= market:
        reason = f"a sell stop at {stop} would trigger at once: the market is at {market}"
        return deny(intent, Denial.STOP_WOULD_TRIGGER, reason)
    amount = quantity * own_price(intent, market)
    least = account.least_of(instrument)
    if quantity < least or amount < instrument.min_notional:
        reason = (
            f"{quantity} {instrument.base}, worth {amount:.2f} {instrument.quote}, is too small to be sold: "
            f"the venue's least is {least} {instrument.base} and "
            f"{instrument.min_notional} {instrument.quote}"
        )
        return deny(intent, Denial.DUST, reason)
    return None
