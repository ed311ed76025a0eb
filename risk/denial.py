"""Why an intent can be denied."""

from enum import StrEnum

from bot.core.orders import Denied, Intent


class Denial(StrEnum):
    """Why an intent was denied, for machines. Every one is a rule of `gate` or of `buying`."""

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
    MAX_QUANTITY = "max_quantity"
    STOP_DISTANCE = "stop_distance"


def deny(intent: Intent, code: Denial, reason: str) -> Denied:
    """Deny an intent, in a sentence that a person understands."""
    return Denied(intent, code.value, reason)
