"""
The story of the bot: one event in, commands out.

The engine has no clock, socket, file, randomness or event loop. Its time is the newest event's. Feeding a
journal's events to a fresh engine gives the same commands.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import assert_never

import msgspec

from bot.core.commands import AnyCommand, Decided
from bot.core.errors import DataError
from bot.core.events import (
    AccountDrifted,
    AccountReconciled,
    AnyEvent,
    Backfilled,
    BoundsChanged,
    CandleClosed,
    EpochBegan,
    Flatten,
    ForecastFailed,
    ForecastReady,
    Halt,
    HoldingShort,
    MarketBarred,
    MarketRestored,
    MarketSuspended,
    ModelDoubted,
    ModelReady,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    PriceUpdated,
    Resume,
    RunStarted,
    SessionStarted,
    SettingsChanged,
    TimerFired,
)
from bot.core.market import Instrument
from bot.core.portfolio import Portfolio
from bot.core.status import EngineStatus
from bot.core.window import FeatureSet, Window
from bot.engine.books import Books
from bot.engine.desk import OrderDesk
from bot.engine.entry import OrderEntry
from bot.engine.guard import DOUBT_TIMER, GUARD_TIMER, PositionGuard
from bot.engine.instants import Instants
from bot.engine.readiness import RECONCILE_TIMER, Readiness
from bot.engine.state import EngineSettings, EngineState, MarketState, Snapshot
from bot.engine.status import StatusView
from bot.engine.watch import AccountWatch
from risk.breakers import BreakerState, TradingState
from strategies.strategy import Strategy

_Governing = (
    SessionStarted
    | ModelReady
    | ModelDoubted
    | AccountReconciled
    | AccountDrifted
    | EpochBegan
    | Halt
    | Flatten
    | Resume
)
"""Events that say what may be traded at all."""


class Engine:
    """
    Decides what one account does in all of its markets.

    Args:
        instruments: The markets, in the order in which they are decided and given cash.
        settings: What does not change while it runs.
        strategy: From a market's view to a wanted exposure.
        features: The recurrence behind the windows; None where no forecast needs one.
        budget: Quote currency that the bot may use; it knows of no other money.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        settings: EngineSettings,
        strategy: Strategy,
        features: FeatureSet | None,
        budget: Decimal,
    ) -> None:
        self._settings = settings
        self._strategy = strategy
        self._instruments = {instrument.symbol: instrument for instrument in instruments}
        length, timeframe_ms = settings.window_length, settings.timeframe.ms
        self._budget = budget
        self._is_guarded = settings.unprotected_ms > 0
        self._windows = {symbol: Window(features, length, timeframe_ms) for symbol in self._instruments}
        markets = {symbol: MarketState(symbol) for symbol in self._instruments}
        self._use(EngineState(Portfolio(budget), BreakerState(), markets))

    def process(self, event: AnyEvent) -> list[AnyCommand]:  # noqa: C901, PLR0912 - one arm for each event
        """
        Take one event and say what follows from it.

        Raises:
            DataError: The event names a market that is not traded here, or contradicts the books.
        """
        state = self._state
        out: list[AnyCommand] = []
        if event.at_ms > state.time_ms:  # noqa: PLR1730 - `max` would cost five times as much, at every event
            state.time_ms = event.at_ms
        # Told by their types, the frequent ones first: a pattern would ask each class, which takes ten times as long.
        if type(event) is CandleClosed:
            market = state.markets.get(event.symbol) or self._market(event.symbol)
            self._instants.on_candle(market, event, out)
        elif type(event) is ForecastReady:
            self._instants.on_forecast(event, out)
        elif type(event) is OrderAccepted:
            self._desk.on_accepted(event)
        elif type(event) is OrderFilled:
            self._desk.on_filled(event, out)
        elif type(event) is OrderCancelled:
            self._desk.on_cancelled(event, out)
        elif type(event) is OrderRejected:
            self._desk.on_rejected(event, out)
        elif type(event) is OrderUnknown:
            self._desk.on_unknown(event, out)
            self._guard.doubt(event.client_order_id, out)
        elif type(event) is PriceUpdated:
            self._watch.on_price(self._market(event.symbol), event, out)
        elif type(event) is Backfilled:
            self._instants.on_history(self._market(event.symbol), event, out)
        elif type(event) is TimerFired:
            self._on_timer(event, out)
        elif type(event) is ForecastFailed:
            self._instants.on_no_forecast(event, out)
        elif type(event) is MarketSuspended:
            self._suspend(event.symbol, event.reason)
            self._guard.blind(self._market(event.symbol), out)
        elif type(event) is MarketRestored:
            self._suspend(event.symbol, "")
        elif type(event) is MarketBarred:
            self._readiness.on_barred(self._market(event.symbol), event, out)
        elif type(event) is BoundsChanged:
            self._readiness.on_bounds(self._market(event.symbol), event, out)
        elif type(event) is HoldingShort:
            self._readiness.on_short(self._market(event.symbol), event, out)
        elif type(event) is SettingsChanged:
            self._desk.tighten_stops(out)
        elif type(event) is not RunStarted:
            self._govern(event, out)
        if self._is_guarded:
            self._guard.look(out)
        return out

    @property
    def time_ms(self) -> int:
        """The newest time that any event carried."""
        return self._state.time_ms

    @property
    def needs_forecast(self) -> bool:
        """Whether its strategy asks a model."""
        return self._strategy.needs_forecast

    @property
    def trading_state(self) -> TradingState:
        """What may be traded now, by the account as a whole."""
        return self._entry.trading_state

    @property
    def state(self) -> EngineState:
        """What the engine knows; to be read, not written."""
        return self._state

    def status(self, decisions: Mapping[str, Decided]) -> EngineStatus:
        """How it stands, in plain values; `decisions` are the last ones by market, which it does not keep."""
        view = StatusView(self._state, self._settings, self._instruments, self._windows, self._entry)
        return view.look(decisions)

    def next_open_ms(self, symbol: str) -> int:
        """Open time of the candle that must follow; -1 where any may."""
        return self._windows[symbol].next_open_ms

    def save(self) -> bytes:
        """Everything needed to go on later, as msgpack."""
        windows = {symbol: window.save() for symbol, window in self._windows.items()}
        return msgspec.msgpack.encode(Snapshot(self._state, windows))

    def load(self, saved: bytes) -> None:
        """Go on where `save` stood."""
        snapshot = msgspec.msgpack.decode(saved, type=Snapshot)
        for symbol, window in self._windows.items():
            window.load(snapshot.windows[symbol])
        self._use(snapshot.state)

    def _use(self, state: EngineState) -> None:
        self._state = state
        self._books = Books(state, self._instruments, self._budget)
        self._entry = OrderEntry(state, self._settings, self._instruments, self._books)
        settings, limits = self._settings, self._settings.limits
        self._desk = OrderDesk(state, settings, self._instruments, self._books, self._entry)
        needs_model = self._strategy.needs_forecast
        self._watch = AccountWatch(state, limits, self._books, self._entry, self._desk, needs_model=needs_model)
        self._readiness = Readiness(state, self._books, self._watch, self._desk, settings.reconcile_ms)
        self._guard = PositionGuard(state, self._books, self._desk, settings.unprotected_ms)
        self._instants = Instants(
            state, settings, self._instruments, self._windows, self._strategy, self._watch, self._desk
        )

    def _market(self, symbol: str) -> MarketState:
        market = self._state.markets.get(symbol)
        if market is None:
            raise DataError(f"{symbol} is not one of this run's markets")
        return market

    def _govern(self, event: _Governing, out: list[AnyCommand]) -> None:
        if type(event) is SessionStarted:
            self._readiness.on_session(event, out)
            self._guard.begin_session(out)
            self._instants.begin_session(event.at_ms, out)
        elif type(event) is ModelReady:
            self._readiness.on_model()
            self._instants.on_model_ready(out)
        elif type(event) is AccountReconciled:
            self._readiness.on_reconciled(event, out)
        elif type(event) is AccountDrifted:
            self._readiness.on_drifted(event, out)
        elif type(event) is EpochBegan:
            self._readiness.on_epoch(event, out)
        elif type(event) is ModelDoubted:
            self._readiness.on_doubt(event, out)
        elif type(event) is Halt:
            self._readiness.on_halt(event, out)
        elif type(event) is Flatten:
            self._readiness.on_flatten(event, out)
        elif type(event) is Resume:
            self._readiness.on_resume()
        else:
            assert_never(event)

    def _on_timer(self, event: TimerFired, out: list[AnyCommand]) -> None:
        if event.timer == RECONCILE_TIMER:
            self._readiness.compare(out)
        elif event.timer.startswith(GUARD_TIMER):
            self._guard.on_timer(event, out)
        elif event.timer.startswith(DOUBT_TIMER):
            self._guard.on_doubt(event, out)
        else:
            self._instants.on_timer(event, out)

    def _suspend(self, symbol: str, reason: str) -> None:
        self._market(symbol).suspended = reason
        self._instants.count_expected()
