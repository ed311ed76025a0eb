"""
What the engine is told of one order: accepted, unknown, its fills, and its end, each at its time and the end once.

Nothing is decided here. A fill is a fact, and is told also of an order whose end was told before.
"""

from collections.abc import Iterable
from decimal import Decimal

from bot.adapters.order_messages import TradeReport, VenueStatus
from bot.adapters.order_outputs import OrderOutput
from bot.adapters.order_record import OrderRecord
from bot.core.events import OrderAccepted, OrderCancelled, OrderFilled, OrderRejected, OrderUnknown
from bot.core.orders import BUY, LIMIT, STOP, Fill, Intent


class OrderStory:
    """The events of one order. `is_over` says that its end has been told."""

    def __init__(self, intent: Intent) -> None:
        self._intent = intent
        self._reference = _resting_price(intent)
        self._is_accepted = False
        self._is_unknown = False
        self.is_over = False

    def take_up(self) -> None:
        """Go on where an earlier process has told that it was accepted."""
        self._is_accepted = True

    def handed_over(self, intent: Intent, last: Decimal | None) -> None:
        """Note what its fills are compared with: where it wants to rest, or the market's price as it is sent."""
        self._reference = _resting_price(intent) or last

    def accepted(self, venue_order_id: str, now: int, out: list[OrderOutput]) -> None:
        """The venue holds it, or we do in its place: told once, and again after a doubt."""
        if (not self._is_accepted or self._is_unknown) and not self.is_over:
            self._is_accepted, self._is_unknown = True, False
            out.append(OrderAccepted(now, self._intent.client_order_id, venue_order_id))

    def unknown(self, reason: str, now: int, out: list[OrderOutput]) -> None:
        """Nobody knows whether the venue has it."""
        if not self._is_unknown and not self.is_over:
            self._is_unknown = True
            out.append(OrderUnknown(now, self._intent.client_order_id, reason))

    def filled(self, trades: Iterable[TradeReport], now: int, out: list[OrderOutput]) -> None:
        """These trades are news."""
        for trade in trades:
            reference = trade.price if self._reference is None else self._reference
            lost = trade.price - reference if trade.side is BUY else reference - trade.price
            fill = Fill(
                self._intent.client_order_id,
                trade.trade_id,
                trade.symbol,
                trade.side,
                trade.quantity,
                trade.price,
                trade.fee,
                trade.fee_asset,
                reference,
                slippage_cost=lost * trade.quantity,
            )
            out.append(OrderFilled(min(trade.at_ms, now), fill))

    def rejected(self, reason: str, now: int, out: list[OrderOutput]) -> None:
        """It is proven not to be at the venue."""
        if not self.is_over:
            self.is_over = True
            out.append(OrderRejected(now, self._intent.client_order_id, reason))

    def ended(self, reason: str, record: OrderRecord, now: int, out: list[OrderOutput]) -> None:
        """Nothing more can happen to it. One that has traded all of its quantity has told so by its fills."""
        if record.end is VenueStatus.REJECTED and not self._is_accepted:
            self.rejected(reason, now, out)
        elif not self.is_over:
            self.is_over = True
            left = self._intent.quantity - record.trades.total
            if left > 0:
                is_cut = record.end is VenueStatus.FILLED
                why = f"what the venue takes of it is filled: {left} of it was not sent" if is_cut else reason
                out.append(OrderCancelled(now, self._intent.client_order_id, why))


def _resting_price(intent: Intent) -> Decimal | None:
    """The price at which an order that rests wants to be executed; None for one that takes what there is."""
    if intent.type is LIMIT:
        return intent.limit_price
    return intent.stop_price if intent.type is STOP else None
