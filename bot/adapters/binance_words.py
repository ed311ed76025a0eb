"""Binance's words for what its REST answers and its private stream tell alike, and what we call them."""

from collections.abc import Mapping
from typing import Final

from bot.adapters.order_messages import VenueStatus
from bot.core.orders import BUY, SELL, Side

STATUSES: Final[Mapping[str, VenueStatus]] = {
    "NEW": VenueStatus.NEW,
    "PENDING_NEW": VenueStatus.NEW,
    "PARTIALLY_FILLED": VenueStatus.PARTIALLY_FILLED,
    "FILLED": VenueStatus.FILLED,
    "CANCELED": VenueStatus.CANCELLED,
    "REJECTED": VenueStatus.REJECTED,
    "EXPIRED": VenueStatus.EXPIRED,
    "EXPIRED_IN_MATCH": VenueStatus.EXPIRED,
}
"""A word that is not among them is `VenueStatus.OTHER`."""

SIDES: Final[Mapping[str, Side]] = {"BUY": BUY, "SELL": SELL}
