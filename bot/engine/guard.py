"""
No position without protection for long: how long each has been bare, and what is done about it.

A position is protected while the venue holds a stop for all of it that can be sold, and nobody has asked for that back.
While a stop is replaced or an exit is under way it is bare for a moment; one that stays so is an alarm, and then an
exit. An entry of which nobody knows what became of it may have made a position: that is an alarm too. A broker inside
the process answers at once, and needs no guard.
"""

from typing import Final

from bot.core.commands import AnyCommand, CancelTimer, Notify, WakeAt
from bot.core.events import TimerFired
from bot.core.orders import BUY, WATCHED, OrderStatus
from bot.engine.books import Books
from bot.engine.desk import OrderDesk
from bot.engine.state import EngineState, MarketState

GUARD_TIMER: Final = "bare "
DOUBT_TIMER: Final = "doubt "
_RESTING: Final = frozenset({OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED})


class PositionGuard:
    """
    Watches for positions that have no working stop.

    Args:
        state: The engine's; `MarketState.bare_since_ms` is kept here.
        books: What is held.
        desk: Sells.
        patience_ms: How long a position may be bare; 0 never looks.
    """

    def __init__(self, state: EngineState, books: Books, desk: OrderDesk, patience_ms: int) -> None:
        self._state = state
        self._books = books
        self._desk = desk
        self._patience_ms = patience_ms

    def begin_session(self, out: list[AnyCommand]) -> None:
        """Set the timers of an earlier process again."""
        out.extend(
            WakeAt(GUARD_TIMER + market.symbol, market.bare_since_ms + self._patience_ms)
            for market in self._state.markets.values()
            if market.bare_since_ms >= 0
        )
        for market in self._state.markets.values():
            self.doubt(market.entry_id, out)

    def doubt(self, order_id: str, out: list[AnyCommand]) -> None:
        """Note that nobody knows what became of an order; to be called when that is so, and at the start."""
        if self._patience_ms and self._is_doubted_entry(order_id):
            out.append(WakeAt(DOUBT_TIMER + order_id, self._state.time_ms + self._patience_ms))

    def on_doubt(self, event: TimerFired, out: list[AnyCommand]) -> None:
        """Say that there may be a position without a stop, if still nobody knows."""
        order_id = event.timer.removeprefix(DOUBT_TIMER)
        if self._is_doubted_entry(order_id):
            symbol = self._state.orders[order_id].intent.symbol
            text = f"{symbol}: what order {order_id} may have bought has no stop: nobody knows yet what became of it"
            out.append(Notify(self._state.time_ms, "unprotected", text))

    def blind(self, market: MarketState, out: list[AnyCommand]) -> None:
        """Say that a stop which is held by us has no prices to go by."""
        stop = self._state.orders.get(market.stop_id)
        if self._patience_ms and market.suspended and stop is not None and stop.venue_order_id == WATCHED:
            text = f"{market.symbol}: its stop cannot rest at the venue, and no prices are heard: {market.suspended}"
            out.append(Notify(self._state.time_ms, "unprotected", text))

    def look(self, out: list[AnyCommand]) -> None:
        """Start or stop the time of each market; to be called after whatever may have changed an order."""
        if not self._patience_ms:
            return
        for market in self._state.markets.values():
            timer = GUARD_TIMER + market.symbol
            is_bare = self._is_bare(market)
            if is_bare and market.bare_since_ms < 0:
                market.bare_since_ms = self._state.time_ms
                out.append(WakeAt(timer, self._state.time_ms + self._patience_ms))
            elif not is_bare and market.bare_since_ms >= 0:
                market.bare_since_ms = -1
                out.append(CancelTimer(timer))

    def on_timer(self, event: TimerFired, out: list[AnyCommand]) -> None:
        """A position has been bare for too long: say so, sell it, and look again after as long a time."""
        market = self._state.markets.get(event.timer.removeprefix(GUARD_TIMER))
        if market is None or market.bare_since_ms < 0:
            return
        bare_ms = self._state.time_ms - market.bare_since_ms
        if market.exit_id:
            state = "its exit has not been answered"
        else:
            state = "it is sold as soon as its stop is gone" if market.stop_id else "it is sold now"
        text = f"{market.symbol} has been held without a working stop for {bare_ms / 1_000:.0f} s: {state}"
        out.append(Notify(self._state.time_ms, "bare_position", text))
        out.append(WakeAt(event.timer, self._state.time_ms + self._patience_ms))
        self._desk.abandon(market, out)

    def _is_doubted_entry(self, order_id: str) -> bool:
        order = self._state.orders.get(order_id)
        return order is not None and order.status is OrderStatus.UNKNOWN and order.intent.side is BUY

    def _is_bare(self, market: MarketState) -> bool:
        if market.symbol not in self._books.held or self._desk.is_dust(market.symbol, market.mark):
            return False
        stop = self._state.orders.get(market.stop_id)
        # A stop that is asked back for an exit may be gone before anybody can say so.
        if market.pending_exit is not None or stop is None or stop.status not in _RESTING:
            return True
        # A stop that was placed for a part of it, and cannot be replaced, leaves the rest bare.
        rest = self._books.held[market.symbol] - float(market.missing) - float(stop.remaining)
        return rest * market.mark >= self._desk.least[market.symbol]
