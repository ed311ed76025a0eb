"""
Stops that cannot rest at the venue: held here, and sent as market orders when their price is touched.

A venue may know no such orders in a market, or take no more of them. The price is that of the place of execution. Pure.
"""

from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from bot.adapters.order_messages import Refused
from bot.core.orders import BUY, MARKET, STOP, Intent

_NO_ROOM: Final = "MAX_NUM_ALGO_ORDERS"
"""Binance's word for a market that takes no more resting stops."""


def lacks_room(intent: Intent, refused: Refused) -> bool:
    """Whether the venue turned a stop down for no fault of its own: it holds as many as it will."""
    return intent.type is STOP and _NO_ROOM in refused.reason


def is_touched(stop: Intent, last: Decimal) -> bool:
    """Whether a price sets a stop off: a sell at or below its stop price, a buy at or above."""
    if stop.stop_price is None:
        return False
    return last >= stop.stop_price if stop.side is BUY else last <= stop.stop_price


def at_market(stop: Intent) -> Intent:
    """What is sent when a stop is touched: the same wish, under the same id, at the market."""
    return replace(stop, type=MARKET, stop_price=None)
