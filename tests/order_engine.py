"""
The engine as far as orders are concerned: its own books, and a desk that keeps one market protected.

What leaves for the broker is written first: `restart` goes on from there, or from where the books are.
"""

from copy import deepcopy
from decimal import Decimal

from bot.core.commands import CancelOrder, Deed, Reconcile, SubmitOrder
from bot.core.events import (
    AnyEvent,
    EpochBegan,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from bot.core.market import Instrument
from bot.core.orders import BUY, MARKET, SELL, STOP, Intent, Order, OrderStatus, OrderType, Purpose, Side
from bot.core.portfolio import Portfolio
from bot.engine.books import Books
from bot.engine.state import EngineState, MarketState
from risk.breakers import BreakerState
from tests.hourly_bars import BTC
from tests.made_orders import BUDGET, approve

PREFIX = "run00000"
STOP_DISTANCE = 5


class OrderEngine:
    """Books and desk of one market."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.sequence = 0
        self._use(EngineState(Portfolio(BUDGET), BreakerState(), {BTC: MarketState(BTC)}))
        self.written = deepcopy(self.state)

    def _use(self, state: EngineState) -> None:
        self.state = state
        self.market = state.markets[BTC]
        self.books = Books(state, {BTC: self.instrument}, BUDGET)

    def restart(self, *, forgetful: bool) -> None:
        """Begin anew with what was written, or with what was known."""
        self._use(deepcopy(self.written if forgetful else self.state))
        self.written = deepcopy(self.state)

    @property
    def held(self) -> Decimal:
        """What can be sold."""
        return self.instrument.quantize_quantity(self.state.portfolio.position(BTC).quantity)

    @property
    def stop(self) -> Order | None:
        """The stop that protects it."""
        return self.state.orders.get(self.market.stop_id)

    def reconcile(self) -> Reconcile:
        """The question about the books."""
        return self.books.reconcile()

    def handle(self, event: AnyEvent) -> None:
        """Book what became of an order."""
        books = self.books
        if isinstance(event, OrderAccepted):
            books.moved(event.client_order_id, OrderStatus.ACCEPTED, event.venue_order_id)
        elif isinstance(event, OrderUnknown):
            books.moved(event.client_order_id, OrderStatus.UNKNOWN)
        elif isinstance(event, OrderFilled):
            books.filled(event)
        elif isinstance(event, OrderRejected):
            books.moved(event.client_order_id, OrderStatus.REJECTED)
        elif isinstance(event, OrderCancelled):
            books.moved(event.client_order_id, OrderStatus.CANCELLED)
        elif isinstance(event, EpochBegan):
            books.begin_epoch()
        market, working = self.market, self.state.orders
        market.entry_id = market.entry_id if market.entry_id in working else ""
        market.exit_id = market.exit_id if market.exit_id in working else ""
        market.stop_id = market.stop_id if market.stop_id in working else ""

    def enter(self, quantity: str, now: int) -> Deed | None:
        """Buy, if nothing is held or wanted."""
        market = self.market
        if self.held or market.entry_id or market.exit_id or market.stop_id:
            return None
        deed = self._submit(MARKET, BUY, Decimal(quantity), Purpose.ENTRY, now)
        market.entry_id = deed.approved.intent.client_order_id
        return self._written(deed)

    def want_out(self, now: int) -> None:
        """Have what is held sold as soon as its stop is gone."""
        if self.held and not self.market.exit_id and self.market.pending_exit is None:
            wish = Intent("wish", BTC, SELL, MARKET, self.held, Purpose.EXIT, now)
            self.market.pending_exit = approve(wish, self.instrument)

    def next_deed(self, price: Decimal, now: int) -> Deed | None:
        """What has to be done so that all that is held is protected, or sold where that is wanted."""
        market, held, stop = self.market, self.held, self.stop
        if market.exit_id:
            return None
        if stop is not None:
            wrong = stop.remaining != held or market.pending_exit is not None
            cancel = CancelOrder(market.stop_id, BTC)
            return self._written(cancel) if wrong and self.books.cancel_asked(cancel) else None
        wants_out, market.pending_exit = market.pending_exit is not None, None
        if not held:
            return None
        if wants_out:
            deed = self._submit(MARKET, SELL, held, Purpose.EXIT, now)
            market.exit_id = deed.approved.intent.client_order_id
        else:
            deed = self._submit(STOP, SELL, held, Purpose.STOP, now, price - STOP_DISTANCE)
            market.stop_id = deed.approved.intent.client_order_id
        return self._written(deed)

    def _submit(
        self, kind: OrderType, side: Side, quantity: Decimal, purpose: Purpose, now: int, stop: Decimal | None = None
    ) -> SubmitOrder:
        self.sequence += 1
        wish = Intent(f"{PREFIX}{self.sequence:x}", BTC, side, kind, quantity, purpose, now, stop_price=stop)
        deed = SubmitOrder(approve(wish, self.instrument))
        self.books.submitted(deed)
        return deed

    def _written(self, deed: Deed) -> Deed:
        self.written = deepcopy(self.state)
        return deed
