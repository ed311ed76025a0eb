"""
The account at its marks: what it is worth, what the breakers say of it, and what may be traded.

Breakers look at marked equity, at every close and at every price between.
"""

from bot.core.commands import AnyCommand, BreakerTripped, Marked
from bot.core.events import PriceUpdated
from bot.engine.books import Books
from bot.engine.desk import OrderDesk
from bot.engine.entry import OrderEntry
from bot.engine.state import EngineState, MarketState
from risk.breakers import BreakerState, TradingState, Trip, observe
from risk.limits import RiskLimits


class AccountWatch:
    """Marks the account and keeps the trading state current."""

    def __init__(
        self,
        state: EngineState,
        limits: RiskLimits,
        books: Books,
        entry: OrderEntry,
        desk: OrderDesk,
        *,
        needs_model: bool,
    ) -> None:
        self._state = state
        self._limits = limits
        self._books = books
        self._entry = entry
        self._desk = desk
        self._needs_model = needs_model
        self._breakers = state.breakers
        self.equity = books.equity()
        self.renew()

    def begin_epoch(self, breakers: BreakerState) -> None:
        """Take the breakers of an account that begins anew."""
        self._breakers = breakers
        self.equity = self._books.equity()

    def mark(self, instant_ms: int, out: list[AnyCommand]) -> None:
        """Mark the account at the closes of an instant, and see to what is held."""
        books, breakers = self._books, self._breakers
        equity, cash = books.equity(), books.cash
        self.equity = equity
        out.append(Marked(instant_ms, equity, cash, (equity - cash) / equity if equity else 0.0))
        was_tripped = breakers.daily_tripped
        trip = observe(breakers, self._limits, instant_ms, equity)
        if trip is not None or breakers.daily_tripped is not was_tripped:
            self._react(instant_ms, trip, out)
        if books.held:
            self._desk.tend(out)

    def on_price(self, market: MarketState, event: PriceUpdated, out: list[AnyCommand]) -> None:
        """Mark the account at a price between closes."""
        market.mark = event.last
        self.equity = self._books.equity()
        was_tripped = self._breakers.daily_tripped
        trip = observe(self._breakers, self._limits, event.at_ms, self.equity, sets_peak=False)
        if trip is not None or self._breakers.daily_tripped is not was_tripped:
            self._react(event.at_ms, trip, out)
        self._desk.sell_all(out)

    def held_frac(self, symbol: str, mark: float) -> float:
        """The exposure held, as a fraction of equity; 0 for dust, about which nothing can be decided."""
        held = self._books.held
        if symbol not in held:
            return 0.0
        return 0.0 if self._desk.is_dust(symbol, mark) else held[symbol] * mark / self.equity

    def renew(self) -> None:
        """Work out anew what may be traded, and why."""
        self._entry.trading_state, self._entry.state_reason = self._trading_state()

    def _trading_state(self) -> tuple[TradingState, str]:
        state = self._state
        halted = self._halted()
        if halted:
            return TradingState.HALTED, halted
        if state.drift:
            return TradingState.REDUCING, f"the venue's books and ours differ: {state.drift}"
        if state.breakers.daily_tripped:
            return (
                TradingState.REDUCING,
                "the daily-loss breaker allows only what cuts exposure until the next UTC day",
            )
        return TradingState.ACTIVE, ""

    def _halted(self) -> str:
        state = self._state
        if state.operator_halt:
            return f"halted: {state.operator_halt}"
        if state.breakers.drawdown_tripped:
            return "halted by the drawdown breaker"
        if self._needs_model and not state.model_ready:
            return "the model is not proven yet"
        return "" if state.reconciled else "the account is not reconciled yet"

    def _react(self, at_ms: int, trip: Trip | None, out: list[AnyCommand]) -> None:
        # A breaker has tripped, or a new day has lifted the daily one.
        self.renew()
        if trip is not None:
            out.append(BreakerTripped(at_ms, trip.breaker, trip.reason))
            self._desk.take_entries_back(out)
            self._desk.tend(out)
