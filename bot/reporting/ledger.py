"""
The books of a run, kept anew from its records: orders and how they stand, cash and holdings.

By the same values as the engine's own books; it decides nothing, so it follows a journal of any version of the code.
"""

from bot.core.commands import CancelOrder, Deed, Observation, SubmitOrder
from bot.core.events import (
    AnyEvent,
    EpochBegan,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    RunStarted,
)
from bot.core.orders import Order, OrderStatus
from bot.core.portfolio import Portfolio
from bot.core.status import OrderView
from bot.reporting.own_fills import FilledOrder, OwnFills


class Ledger:
    """
    Follows records in order.

    `time_ms` is the newest time that any event carried; a deed has no other. `orders` are all that were ever
    submitted, by id and in their order.
    """

    def __init__(self, header: RunStarted) -> None:
        self._budget = header.budget
        self._instruments = {instrument.symbol: instrument for instrument in header.instruments}
        self._own = OwnFills()
        self._asked_back: set[str] = set()
        self.time_ms = header.at_ms
        self.portfolio = Portfolio(header.budget)
        self.orders: dict[str, Order] = {}

    def take(self, entry: AnyEvent | Deed | Observation) -> FilledOrder | None:
        """
        Take the next record; return the fill that it was, if it was one of ours that is counted.

        Raises:
            DataError: A fill that cannot have happened.
        """
        at_ms = getattr(entry, "at_ms", 0)
        self.time_ms = max(self.time_ms, at_ms)
        match entry:
            case SubmitOrder():
                self._own.submitted(entry)
                self.orders[entry.approved.intent.client_order_id] = Order(entry.approved.intent)
            case CancelOrder():
                self._asked_back.add(entry.client_order_id)
            case OrderAccepted():
                self._move(entry.client_order_id, OrderStatus.ACCEPTED, entry.venue_order_id)
            case OrderUnknown():
                self._move(entry.client_order_id, OrderStatus.UNKNOWN)
            case OrderRejected():
                self._move(entry.client_order_id, OrderStatus.REJECTED)
            case OrderCancelled():
                self._move(entry.client_order_id, OrderStatus.CANCELLED)
            case EpochBegan():
                self._begin_epoch()
            case OrderFilled():
                return self._fill(entry)
        return None

    def working(self) -> dict[str, tuple[OrderView, ...]]:
        """The orders that may still be filled, by market."""
        found: dict[str, tuple[OrderView, ...]] = {}
        for order_id, order in self.orders.items():
            if order.is_open:
                view = OrderView.of(order, asked_back=order_id in self._asked_back)
                found[view.symbol] = (*found.get(view.symbol, ()), view)
        return found

    def _move(self, order_id: str, status: OrderStatus, venue_order_id: str = "") -> None:
        order = self.orders.get(order_id)
        if order is not None:
            self.orders[order_id] = order.moved_to(status, venue_order_id)

    def _fill(self, event: OrderFilled) -> FilledOrder | None:
        filled = self._own.filled(event)
        if filled is not None:
            fill = filled.fill
            self.orders[fill.client_order_id] = self.orders[fill.client_order_id].with_fill(fill.quantity)
            self.portfolio.apply(fill, self._instruments[fill.symbol])
        return filled

    def _begin_epoch(self) -> None:
        self._own.begin_epoch()
        for order_id in self.orders:
            self._move(order_id, OrderStatus.CANCELLED)
        self.portfolio = Portfolio(self._budget)
