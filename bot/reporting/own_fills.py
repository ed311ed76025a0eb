"""
Which fills are the bot's own, and what each of them was for.

A fill counts once, and only where the journal holds the order behind it: what a venue says of other orders is
foreign, and a trade that it reports twice is still one trade. A venue that begins anew counts its trades anew: the same
number under another order is another trade, and what the old orders still do there is done with other money.
"""

from msgspec import Struct

from bot.core.commands import SubmitOrder
from bot.core.events import OrderFilled
from bot.core.orders import Fill, Intent, Purpose


class FilledOrder(Struct, frozen=True):
    """A fill, when it happened, and the intent behind it."""

    at_ms: int
    fill: Fill
    intent: Intent

    @property
    def is_stop(self) -> bool:
        """Whether a protective stop asked for it."""
        return self.intent.purpose is Purpose.STOP


class OwnFills:
    """The orders that were submitted so far, and the trades that were counted."""

    def __init__(self) -> None:
        self.orders: dict[str, Intent] = {}
        self._gone: frozenset[str] = frozenset()
        self._counted: set[tuple[str, str, str]] = set()

    def submitted(self, command: SubmitOrder) -> None:
        """Remember an order."""
        intent = command.approved.intent
        self.orders[intent.client_order_id] = intent

    def begin_epoch(self) -> None:
        """The venue has forgotten every order so far."""
        self._gone = frozenset(self.orders)

    def filled(self, event: OrderFilled) -> FilledOrder | None:
        """The fill with its intent; None where it is foreign or was counted already."""
        fill = event.fill
        intent = self.orders.get(fill.client_order_id)
        trade = (fill.symbol, fill.client_order_id, fill.trade_id)
        if intent is None or fill.client_order_id in self._gone or trade in self._counted:
            return None
        self._counted.add(trade)
        return FilledOrder(event.at_ms, fill, intent)
