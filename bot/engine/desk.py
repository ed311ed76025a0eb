"""
From a wanted exposure to orders, and from what became of them to the next ones.

Every order passes `risk.gate`. A position is protected from its first fill: whenever something happens to an
order, `protect` compares the stop that should rest with the one that does.
"""

from decimal import Decimal
from typing import Final

from bot.core.commands import AnyCommand, Notify, Verdict
from bot.core.events import OrderAccepted, OrderCancelled, OrderFilled, OrderRejected, OrderUnknown
from bot.core.market import Instrument
from bot.core.orders import ACCEPTED, BUY, MARKET, SELL, STOP, ZERO, Approved, Denied, OrderStatus, Purpose
from bot.core.portfolio import Position
from bot.engine.books import Books
from bot.engine.entry import OrderEntry
from bot.engine.state import EngineSettings, EngineState, MarketState
from risk.denial import Denial
from risk.stops import stop_price, tighter

_CANCELLED: Final = OrderStatus.CANCELLED
_SUBMITTED: Final = Verdict.SUBMITTED
_ENTRY: Final = Purpose.ENTRY
_EXIT: Final = Purpose.EXIT
_STOP_LOSS: Final = Purpose.STOP


class OrderDesk:
    """Submits what risk approves, and keeps each position protected."""

    def __init__(
        self,
        state: EngineState,
        settings: EngineSettings,
        instruments: dict[str, Instrument],
        books: Books,
        entry: OrderEntry,
    ) -> None:
        self._state = state
        self._limits = settings.limits
        self._unprotected_ms = settings.unprotected_ms
        self._instruments = instruments
        self._books = books
        self._entry = entry
        self.least = {symbol: float(one.min_notional) for symbol, one in instruments.items()}
        self._least_lot = {symbol: float(max(one.lot_step, one.min_quantity)) for symbol, one in instruments.items()}
        self._with_costs = {symbol: 1.0 + one.costs.round_trip_bps / 2e4 for symbol, one in instruments.items()}

    def trade(
        self, market: MarketState, wanted: float, held: float, equity: float, out: list[AnyCommand]
    ) -> tuple[Verdict, str]:
        """Trade the difference between the wanted and the held fraction of `equity`."""
        if wanted > held:
            if held == 0.0:
                market.stop_price = None  # what is left of an earlier position is dust: its stop is history
            return self._enter(market, (wanted - held) * equity, out)
        quantity = self._lots(market)
        if wanted > 0.0:
            quantity = self._instruments[market.symbol].quantize_quantity(float(quantity) * (1.0 - wanted / held))
        return self._leave(market, _EXIT, quantity, out)

    def tend(self, out: list[AnyCommand]) -> None:
        """See to what is held, once a candle: protect again what a refusal has left without a stop."""
        self.sell_all(out)
        for symbol in self._books.held:
            market = self._state.markets[symbol]
            if not market.stop_id and not self.is_dust(symbol, market.mark):
                self.protect(market, out)

    def sell_all(self, out: list[AnyCommand]) -> None:
        """Sell what is held, where the operator or a drawdown breaker wants that."""
        # A level, not an edge: it goes on until nothing is left to sell.
        purpose = self._selling()
        if purpose is not None:
            for symbol in list(self._books.held):
                self._sell_out(self._state.markets[symbol], purpose, out)

    def abandon(self, market: MarketState, out: list[AnyCommand]) -> None:
        """Sell a position that could not be protected, unless that is under way."""
        if not market.exit_id and market.pending_exit is None:
            self._leave(market, Purpose.STOP, self._lots(market), out)

    def begin_epoch(self) -> None:
        """Forget what was under way at a venue that has forgotten it."""
        for market in self._state.markets.values():
            market.entry_id = market.exit_id = market.stop_id = ""
            market.pending_exit = market.stop_price = None
            market.missing = ZERO

    def is_dust(self, symbol: str, mark: float) -> bool:
        """Whether what is held is too little at this price for the venue to take it."""
        held, market = self._books.held[symbol], self._state.markets[symbol]
        if market.missing:
            held -= float(market.missing)
        if held * mark < self.least[symbol] or held < self._least_lot[symbol]:
            return True
        least = market.least
        return least > 0 and held < float(least)

    def take_entries_back(self, out: list[AnyCommand]) -> None:
        """Cancel every working entry: nothing may be bought from now on."""
        for market in self._state.markets.values():
            self.take_entry_back(market, out)

    def take_entry_back(self, market: MarketState, out: list[AnyCommand]) -> None:
        """Cancel a working entry that is not wanted any more."""
        if market.entry_id:
            self._entry.cancel(market.entry_id, market.symbol, out)

    def protect(self, market: MarketState, out: list[AnyCommand]) -> None:
        """Make the resting stop what it should be: none when flat, and all of the position otherwise."""
        if market.exit_id or market.pending_exit is not None:
            return
        quantity = self._lots(market)
        stop = self._state.orders.get(market.stop_id)
        if not quantity:
            market.stop_price = None
            if stop is not None:
                self._entry.cancel(market.stop_id, market.symbol, out)
        elif stop is None:
            self._place_stop(market, quantity, out)
        elif stop.remaining != quantity or stop.intent.stop_price != market.stop_price:
            self._entry.cancel(market.stop_id, market.symbol, out)  # placed anew when the cancel is answered

    def tighten_stops(self, out: list[AnyCommand]) -> None:
        """Under new limits an open position keeps its stop unless the new one is tighter."""
        for symbol, position in self._state.portfolio.positions.items():
            market = self._state.markets[symbol]
            self._set_stop(market, position)
            self.protect(market, out)

    def on_accepted(self, event: OrderAccepted) -> None:
        """The venue holds it."""
        self._books.moved(event.client_order_id, ACCEPTED, event.venue_order_id)

    def on_unknown(self, event: OrderUnknown, out: list[AnyCommand]) -> None:
        """Nobody knows: it counts as working, and is never sent again."""
        if self._books.moved(event.client_order_id, OrderStatus.UNKNOWN):
            text = f"order {event.client_order_id}: {event.reason}; the venue is being asked"
            out.append(Notify(event.at_ms, "order_unknown", text))

    def on_rejected(self, event: OrderRejected, out: list[AnyCommand]) -> None:
        """A proven no: an entry is forgotten, an exit or a stop must not leave the position bare."""
        order = self._books.moved(event.client_order_id, OrderStatus.REJECTED)
        if order is None:
            return
        text = (
            f"{order.intent.symbol}: {order.intent.purpose} order {event.client_order_id} was rejected: {event.reason}"
        )
        out.append(Notify(event.at_ms, "order_rejected", text))
        market = self._state.markets[order.intent.symbol]
        was_stop = order.intent.client_order_id == market.stop_id
        market.forget(order.intent.client_order_id)
        # A refused stop becomes an exit, a refused exit gets its stop back. What protects is not asked for again at
        # once, or a venue that refuses both would be asked for ever: `tend` does so at the next close.
        if was_stop and market.pending_exit is not None:
            self._go_on(market, out)  # the exit waited for it to be gone
        elif was_stop and not self._has_just_retreated(market):
            self._leave(market, Purpose.STOP, self._lots(market), out)
        elif order.intent.purpose in (Purpose.ENTRY, Purpose.EXIT):
            self.protect(market, out)

    def on_cancelled(self, event: OrderCancelled, out: list[AnyCommand]) -> None:
        """What was left of it is gone; an exit that waited for the stop to go can leave now."""
        was_asked = self._books.is_asked_back(event.client_order_id)
        order = self._books.moved(event.client_order_id, _CANCELLED)
        if order is None:
            return
        market = self._state.markets[order.intent.symbol]
        was_exit = event.client_order_id == market.exit_id
        was_lost = event.client_order_id == market.stop_id and not was_asked
        market.forget(order.intent.client_order_id)
        # A venue that takes one stop away after the other is not given them in a circle: the guard sells.
        waits = was_lost and self._has_just_retreated(market)
        if was_exit:
            market.retreated_ms = self._state.time_ms
        if not waits:
            self._go_on(market, out)
        if was_lost:
            market.retreated_ms = self._state.time_ms

    def on_filled(self, event: OrderFilled, out: list[AnyCommand]) -> None:
        """Book it, set the stop of what was bought, and let the rest follow."""
        booked = self._books.filled(event)
        if booked is None:
            if self._books.order(event.fill.client_order_id) is None:
                text = f"a fill of the unknown order {event.fill.client_order_id} is not ours and is not counted"
                out.append(Notify(event.at_ms, "foreign_fill", text))
            return
        order, position, excess = booked
        market = self._state.markets[order.intent.symbol]
        if excess:
            text = f"{order.intent.symbol}: {excess} more was sold than was ours; it was somebody else's"
            out.append(Notify(event.at_ms, "oversold", text))
        if order.status.is_final:
            market.forget(order.intent.client_order_id)
        if order.intent.side is BUY:
            self._set_stop(market, position)
        elif order.intent.purpose is _STOP_LOSS:
            market.stopped_ms = event.at_ms
        self._go_on(market, out)

    def _selling(self) -> Purpose | None:
        if self._state.breakers.drawdown_tripped:
            return Purpose.BREAKER
        return Purpose.OPERATOR if self._state.flattening else None

    def _sell_out(self, market: MarketState, purpose: Purpose, out: list[AnyCommand]) -> None:
        symbol = market.symbol
        is_over = symbol not in self._books.held or self.is_dust(symbol, market.mark)
        if not (is_over or market.exit_id or market.pending_exit or self._has_just_retreated(market)):
            self._leave(market, purpose, self._lots(market), out)

    def _enter(self, market: MarketState, notional: float, out: list[AnyCommand]) -> tuple[Verdict, str]:
        instrument = self._instruments[market.symbol]
        quantity = instrument.quantize_quantity(notional / (market.mark * self._with_costs[market.symbol]))
        intent = self._entry.intent(market, BUY, MARKET, quantity, _ENTRY)
        answer = self._entry.review(market, intent)
        if isinstance(answer, Denied):
            return Verdict.DENIED, answer.reason
        market.entry_id = intent.client_order_id
        self._entry.count_entry()
        self._entry.submit(answer, out)
        cut = answer.intent.quantity < quantity
        return _SUBMITTED, "entry, cut to what one order can sell" if cut else "entry"

    def _leave(
        self, market: MarketState, purpose: Purpose, quantity: Decimal, out: list[AnyCommand]
    ) -> tuple[Verdict, str]:
        intent = self._entry.intent(market, SELL, MARKET, quantity, purpose)
        # The stop holds the coins on a real exchange: it has to go before they can be sold.
        answer = self._entry.review(market, intent, released=market.stop_id)
        if isinstance(answer, Denied):
            if purpose is not Purpose.EXIT:
                self._warn(market, answer, out)
            return Verdict.DENIED, answer.reason
        if market.stop_id:
            market.pending_exit = answer
            self._entry.cancel(market.stop_id, market.symbol, out)
        else:
            self._sell(market, answer, out)
        return _SUBMITTED, str(purpose)

    def _sell(self, market: MarketState, approved: Approved, out: list[AnyCommand]) -> None:
        market.exit_id = approved.intent.client_order_id
        self._entry.submit(approved, out)

    def _go_on(self, market: MarketState, out: list[AnyCommand]) -> None:
        exit_ = market.pending_exit
        if exit_ is not None and not market.stop_id:
            market.pending_exit = None
            quantity = self._lots(market)
            if exit_.intent.quantity <= quantity:
                self._sell(market, exit_, out)
            elif quantity:
                # The stop sold a part before it was taken back: what is left is another wish.
                self._leave(market, exit_.intent.purpose, quantity, out)
        selling = self._selling()
        if selling is not None:
            self._sell_out(market, selling, out)
        self.protect(market, out)

    def _set_stop(self, market: MarketState, position: Position) -> None:
        entry = float(position.average_price)
        price = stop_price(self._limits, entry, market.atr)
        instrument = self._instruments[market.symbol]
        # A price of less than a tick would leave the stop at 0, and the position without one.
        new = max(instrument.quantize_price(price, up=False), instrument.tick_size)
        market.stop_price = tighter(market.stop_price, new)

    def _place_stop(self, market: MarketState, quantity: Decimal, out: list[AnyCommand]) -> None:
        if market.stop_price is None:
            self._set_stop(market, self._state.portfolio.position(market.symbol))
        intent = self._entry.intent(market, SELL, STOP, quantity, _STOP_LOSS, market.stop_price)
        answer = self._entry.review(market, intent)
        if isinstance(answer, Approved):
            market.unprotected = ""
            market.stop_id = intent.client_order_id
            self._entry.submit(answer, out)
        elif answer.code == Denial.STOP_WOULD_TRIGGER:
            if not self._has_just_retreated(market):
                self._leave(market, Purpose.STOP, quantity, out)
        else:
            self._warn(market, answer, out)

    def _has_just_retreated(self, market: MarketState) -> bool:
        # Where an exit has just found no buyer, the next one waits: a thin market is not asked in a circle.
        return market.retreated_ms >= 0 and self._state.time_ms - market.retreated_ms < self._unprotected_ms

    def _warn(self, market: MarketState, denied: Denied, out: list[AnyCommand]) -> None:
        # Said once for each kind of refusal, not at every close for as long as it lasts.
        if market.unprotected != denied.code:
            market.unprotected = denied.code
            text = f"{market.symbol} is held without a stop: {denied.reason}"
            out.append(Notify(self._state.time_ms, "unprotected", text))

    def _lots(self, market: MarketState) -> Decimal:
        # What can be sold of a position: a fee paid in base leaves it off the lot grid.
        # What the account has not got, it cannot.
        position = self._state.portfolio.positions.get(market.symbol)
        if position is None or position.quantity <= market.missing:
            return ZERO
        return self._instruments[market.symbol].quantize_quantity(position.quantity - market.missing)
