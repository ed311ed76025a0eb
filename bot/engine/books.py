"""
The books of the engine: orders, the deeds that wait for an answer, cash and holdings.

They record what was asked and what the venue said; they decide nothing.
"""

from decimal import Decimal
from typing import Any, Final

from msgspec.structs import replace

from bot.core.commands import CancelOrder, Reconcile, SubmitOrder
from bot.core.events import OrderFilled
from bot.core.market import Instrument
from bot.core.orders import BUY, ZERO, Fill, Order, OrderStatus
from bot.core.portfolio import Position
from bot.engine.state import EngineState

_REMEMBERED: Final = 256
"""Finished orders and trade ids kept at least, so that a late or repeated fill is still recognised."""

_FULL: Final = 2 * _REMEMBERED

_SUBMIT, _CANCEL = "submit ", "cancel "
_UNKNOWN: Final = OrderStatus.UNKNOWN


class Books:
    """Orders by client order id, and the float64 mirror of what is held."""

    def __init__(self, state: EngineState, instruments: dict[str, Instrument], budget: Decimal) -> None:
        self._state = state
        self._budget = budget
        self._instruments = instruments
        self.cash = float(state.portfolio.cash)
        self.held = {symbol: float(position.quantity) for symbol, position in state.portfolio.positions.items()}

    def submitted(self, command: SubmitOrder) -> None:
        """Remember an order that leaves for the venue."""
        intent, state = command.approved.intent, self._state
        order_id = intent.client_order_id
        state.orders[order_id] = Order(intent)
        state.unanswered[_SUBMIT + order_id] = command

    def cancel_asked(self, command: CancelOrder) -> bool:
        """Remember that an order is asked back; False where it was already."""
        key, unanswered = _CANCEL + command.client_order_id, self._state.unanswered
        if key in unanswered:
            return False
        unanswered[key] = command
        return True

    def is_asked_back(self, order_id: str) -> bool:
        """Whether an order that is open has been asked back."""
        return _CANCEL + order_id in self._state.unanswered

    def order(self, order_id: str) -> Order | None:
        """The order of that id; None when it is not ours."""
        state = self._state
        return state.orders.get(order_id) or state.finished.get(order_id)

    def moved(self, order_id: str, status: OrderStatus, venue_order_id: str = "") -> Order | None:
        """Note what the venue said of an order; None when the order is not ours."""
        state = self._state
        order = state.orders.get(order_id) or state.finished.get(order_id)
        if order is None:
            return None
        order = order.moved_to(status, venue_order_id)
        self._keep(order_id, order)
        if status is not _UNKNOWN:
            state.unanswered.pop(_SUBMIT + order_id, None)
        return order

    def filled(self, event: OrderFilled) -> tuple[Order, Position, Decimal] | None:
        """
        Book a fill, once; None when the order is not ours or the trade is already counted.

        Returns:
            The order, the position, and how much more was sold than was ours: of that nothing is booked.
        """
        fill, state = event.fill, self._state
        order_id, symbol = fill.client_order_id, fill.symbol
        order = state.orders.get(order_id) or state.finished.get(order_id)
        trade = f"{symbol} {fill.trade_id}"
        # A venue that begins anew counts its trades anew: the same number under another order is another trade.
        if order is None or state.trades_seen.get(trade) == order_id:
            return None
        state.trades_seen[trade] = order_id
        state.fills += 1
        if len(state.trades_seen) >= _FULL:
            self._forget_trades()
        order = order.with_fill(fill.quantity)
        state.unanswered.pop(_SUBMIT + order_id, None)
        self._keep(order_id, order)
        instrument = self._instruments[symbol]
        ours, excess = _share_of_ours(fill, state.portfolio.position(symbol), instrument)
        position = state.portfolio.apply(ours, instrument) if ours.quantity else state.portfolio.position(symbol)
        self.cash = float(state.portfolio.cash)
        if position.quantity:
            self.held[symbol] = float(position.quantity)
        else:
            self.held.pop(symbol, None)
        return order, position, excess

    def equity(self) -> float:
        """Cash and holdings at the last marks, in quote currency."""
        equity = self.cash
        markets = self._state.markets
        for symbol, quantity in self.held.items():
            equity += quantity * markets[symbol].mark
        return equity

    def reconcile(self) -> Reconcile:
        """What the broker should be holding for us."""
        portfolio = self._state.portfolio
        waiting = self._state.unanswered
        known = tuple(o for o in self._state.orders.values() if _SUBMIT + o.intent.client_order_id not in waiting)
        holdings = {symbol: position.quantity for symbol, position in portfolio.positions.items()}
        return Reconcile(
            known, portfolio.cash, holdings, tuple(waiting.values()), self._state.foreign, self._state.fills
        )

    def begin_epoch(self) -> None:
        """
        The venue has forgotten everything of ours: so do the books.

        What an order that was on its way may still do there is done with money that is not ours: nothing of it is
        booked.
        """
        state = self._state
        state.orders.clear()
        state.finished.clear()
        state.unanswered.clear()
        state.trades_seen.clear()
        state.fills = 0
        state.portfolio.positions.clear()
        self.held.clear()
        state.portfolio.cash = self._budget
        self.cash = float(self._budget)

    def _forget_trades(self) -> None:
        # The trades of an order that is still open are kept, however many they are: the venue may tell them again.
        state = self._state
        old = [trade for trade, order_id in state.trades_seen.items() if order_id not in state.orders]
        for trade in old[:_REMEMBERED]:
            del state.trades_seen[trade]

    def _keep(self, order_id: str, order: Order) -> None:
        state = self._state
        if not order.status.is_final:
            state.orders[order_id] = order
            return
        state.orders.pop(order_id, None)
        state.unanswered.pop(_CANCEL + order_id, None)
        state.finished[order_id] = order
        if len(state.finished) >= _FULL:
            _forget_oldest(state.finished)


def _share_of_ours(fill: Fill, held: Position, instrument: Instrument) -> tuple[Fill, Decimal]:
    # A stop that was given up can still be filled, when what it should sell is sold already.
    if fill.side is BUY:
        return fill, ZERO
    in_base = fill.fee if fill.fee_asset == instrument.base else ZERO
    ours = min(fill.quantity, max(held.quantity - in_base, ZERO))
    if ours == fill.quantity:
        return fill, ZERO
    return replace(fill, quantity=ours, fee=fill.fee * ours / fill.quantity), fill.quantity - ours


def _forget_oldest(remembered: dict[str, Any]) -> None:
    # Half of them at a time: to ask a dict for its first key walks over all that were deleted before it.
    for key in list(remembered)[:_REMEMBERED]:
        del remembered[key]
