"""
How an order is sent: not too late, at the market where it is a stop that was touched here, and no more than there is.

Whether it may be sent is for its fate to say. Pure.
"""

from decimal import Decimal

from msgspec.structs import replace

from bot.adapters.order_grids import MarketGrid
from bot.adapters.order_messages import PlaceOrder
from bot.adapters.order_patience import OrderPatience
from bot.adapters.watched_stops import at_market
from bot.core.orders import MARKET, Intent, Purpose


class OrderSending:
    """
    The sending of one order.

    Args:
        intent: The order.
        patience: Durations.

    `was_watched` says that it is a stop which is or was held here. `short_ms` is when the venue found too few coins for
    it, until a look at the account has said how many there are; then it is None.
    """

    def __init__(self, intent: Intent, patience: OrderPatience) -> None:
        self.was_watched = False
        self.short_ms: int | None = None
        self._intent = intent
        self._patience = patience
        self._most: Decimal | None = None

    @property
    def protects(self) -> bool:
        """Whether it cuts risk: then it waits out whatever keeps it from being sent."""
        return self._intent.purpose is not Purpose.ENTRY

    def found(self, most: Decimal) -> bool:
        """
        Take how much there is to sell; tell whether it can go out.

        What sells at the market sells what is there. A stop that rests is for all that can be sold: the engine, once it
        is told how much that is, wants another one.
        """
        is_enough = most >= self._intent.quantity
        is_cut = most > 0 and (self._intent.type is MARKET or self.was_watched)
        if is_enough or is_cut:
            self._most, self.short_ms = None if is_enough else most, None
        return is_enough or is_cut

    def too_late(self, now: int) -> str:
        """Why it is not to be sent any more; empty where it is. The price of an entry is of its own moment."""
        age_ms = now - self._intent.decided_ms
        if self.protects or age_ms <= self._patience.decision_ms:
            return ""
        return f"not sent: it was decided {age_ms / 1_000:.0f} s ago, at a price of then"

    def request(self, grid: MarketGrid | None, now: int) -> PlaceOrder | None:
        """What is sent, where orders have to keep to `grid`; None where that leaves nothing of it."""
        intent = at_market(self._intent) if self.was_watched else self._intent
        if self._most is not None:
            intent = replace(intent, quantity=min(intent.quantity, self._most))
        if grid and self.protects:
            intent = grid.fitted(intent)
        until_ms = None if self.protects else now + self._patience.entry_ms
        return PlaceOrder(intent, until_ms) if intent.quantity else None
