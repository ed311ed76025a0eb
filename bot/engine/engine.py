"""
The story of the bot: one event in, commands out.

The engine has no clock, socket, file, randomness or event loop. Its time is the newest event's. Feeding a
journal's events to a fresh engine gives the same commands.
"""

from collections.abc import Sequence
from decimal import Decimal
from math import isfinite, sqrt
from typing import Final, assert_never

import msgspec
import numpy as np

from bot.core.errors import DataError
from bot.core.events import (
    AccountReconciled,
    AnyCommand,
    AnyEvent,
    Backfilled,
    BreakerTripped,
    CancelTimer,
    CandleClosed,
    Decided,
    ForecastFailed,
    ForecastReady,
    Halt,
    Marked,
    MarketRestored,
    MarketSuspended,
    ModelReady,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    PriceUpdated,
    RequestForecast,
    Resume,
    RunStarted,
    SessionStarted,
    SettingsChanged,
    TimerFired,
    Verdict,
    WakeAt,
)
from bot.core.forecast import Forecast
from bot.core.market import Instrument
from bot.core.orders import Purpose
from bot.core.portfolio import Portfolio
from bot.core.window import FeatureSet, Window
from bot.engine.books import Books
from bot.engine.desk import OrderDesk
from bot.engine.intake import CandleIntake
from bot.engine.state import EngineSettings, EngineState, MarketState, Snapshot
from risk.breakers import BreakerState, TradingState, observe, rearm
from risk.sizing import needs_trade, target_exposure
from strategies.strategy import MarketView, Strategy

INSTANT_TIMER: Final = "instant"
_HOLD: Final = Verdict.HOLD


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
        self._needs_forecast = strategy.needs_forecast
        self._patience_ms = settings.batch_deadline_ms + settings.forecast_deadline_ms
        self._features = features
        self._no_windows = np.empty((0, 0, 0), dtype=np.float32)
        self._instruments = {instrument.symbol: instrument for instrument in instruments}
        self._timeframe_ms = settings.timeframe.ms
        self._candles_per_year = settings.timeframe.per_year
        self._round_trip_bps = {i.symbol: i.costs.round_trip_bps for i in instruments}
        length = settings.window_length
        self._windows = {s: Window(features, length, self._timeframe_ms) for s in self._instruments}
        markets = {symbol: MarketState(symbol) for symbol in self._instruments}
        self._use(EngineState(Portfolio(budget), BreakerState(), markets))

    def process(self, event: AnyEvent) -> list[AnyCommand]:
        """
        Take one event and say what follows from it.

        Raises:
            DataError: The event names a market that is not traded here, or contradicts the books.
        """
        state = self._state
        out: list[AnyCommand] = []
        if event.at_ms > state.time_ms:
            state.time_ms = event.at_ms
        # Told by their types, the frequent ones first: a pattern would ask each class, which takes ten times as long.
        if type(event) is CandleClosed:
            self._on_candle(event, out)
        elif type(event) is ForecastReady:
            self._on_forecast(event, out)
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
        elif type(event) is PriceUpdated:
            self._on_price(event, out)
        elif type(event) is Backfilled:
            self._on_history(event, out)
        elif type(event) is TimerFired:
            self._on_timer(event, out)
        elif type(event) is ForecastFailed:
            self._on_no_forecast(event, out)
        elif type(event) is MarketSuspended:
            self._suspend(event.symbol, event.reason)
        elif type(event) is MarketRestored:
            self._suspend(event.symbol, "")
        elif type(event) is SessionStarted:
            self._on_session(event, out)
        elif type(event) is ModelReady:
            self._on_model(out)
        elif type(event) is AccountReconciled:
            self._on_account()
        elif type(event) is Halt:
            self._on_halt(event.reason, out)
        elif type(event) is Resume:
            self._on_resume()
        elif type(event) is SettingsChanged:
            self._desk.tighten_stops(out)
        elif type(event) is not RunStarted:
            assert_never(event)
        return out

    @property
    def time_ms(self) -> int:
        """The newest time that any event carried."""
        return self._state.time_ms

    @property
    def trading_state(self) -> TradingState:
        """What may be traded now, by the account as a whole."""
        return self._desk.trading_state

    @property
    def state(self) -> EngineState:
        """What the engine knows; to be read, not written."""
        return self._state

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
        self._books = Books(state, self._instruments)
        self._desk = OrderDesk(state, self._settings, self._instruments, self._books)
        self._intake = CandleIntake(self._settings.timeframe, self._windows, self._instruments)
        self._equity = self._books.equity()
        self._count_expected()
        self._renew_state()

    def _market(self, symbol: str) -> MarketState:
        market = self._state.markets.get(symbol)
        if market is None:
            raise DataError(f"{symbol} is not one of this run's markets")
        return market

    # Start-up and recovery are one path: every session is halted until its model and account are proven.

    def _on_session(self, event: SessionStarted, out: list[AnyCommand]) -> None:
        state = self._state
        state.model_ready = state.reconciled = False
        self._renew_state()
        now_ms = event.at_ms - event.at_ms % self._timeframe_ms
        # What closed before the session began is history: it fills windows and is not traded on.
        state.decided_ms = max(state.decided_ms, now_ms) if state.instant_ms < now_ms else state.decided_ms
        state.instant_ms = max(state.instant_ms, now_ms)
        state.timer_set = state.timer_set and state.decided_ms < state.instant_ms
        if state.timer_set:
            out.append(WakeAt(INSTANT_TIMER, state.instant_ms + self._settings.batch_deadline_ms))
        if state.awaiting and state.awaiting_ms < now_ms:
            self._give_up_forecast("the forecast was asked for by an earlier session", out)
        out.append(self._books.reconcile())
        for market in state.markets.values():
            self._intake.catch_up(market, now_ms, out)

    def _on_model(self, out: list[AnyCommand]) -> None:
        self._state.model_ready = True
        self._renew_state()
        if self._state.awaiting:
            self._request_forecast(self._state.awaiting, out)

    def _on_account(self) -> None:
        self._state.reconciled = True
        self._renew_state()

    def _on_halt(self, reason: str, out: list[AnyCommand]) -> None:
        self._state.operator_halt = reason
        self._renew_state()
        self._desk.take_entries_back(out)

    def _on_resume(self) -> None:
        self._state.operator_halt = ""
        if self._state.breakers.drawdown_tripped:
            rearm(self._state.breakers, self._books.equity())
        self._renew_state()

    def _suspend(self, symbol: str, reason: str) -> None:
        self._market(symbol).suspended = reason
        self._count_expected()

    # Candles of one close time are decided together, in the order of the instruments.

    def _on_history(self, event: Backfilled, out: list[AnyCommand]) -> None:
        market = self._market(event.symbol)
        # Only the newest candle can still be decided on; the ones before it are history by now.
        if self._intake.answer(market, event, out):
            self._report(market, out)

    def _on_timer(self, event: TimerFired, out: list[AnyCommand]) -> None:
        state = self._state
        if event.timer == INSTANT_TIMER and state.timer_set and event.at_ms >= state.instant_ms:
            self._decide_instant(out)

    def _on_candle(self, event: CandleClosed, out: list[AnyCommand]) -> None:
        market = self._market(event.symbol)
        if self._intake.offer(market, event, out):
            self._report(market, out)

    def _report(self, market: MarketState, out: list[AnyCommand]) -> None:
        state = self._state
        close_ms = self._windows[market.symbol].last_open_ms + self._timeframe_ms
        if close_ms > state.instant_ms:
            if state.decided_ms < state.instant_ms:
                self._decide_instant(out)  # a market is so late that the next instant has begun
            state.instant_ms = close_ms
            state.reported = 0
        elif close_ms < state.instant_ms or state.decided_ms == close_ms:
            return  # late for its instant: it moved the window, it allows no entry
        market.reported_ms = close_ms
        if not market.suspended:
            state.reported += 1
        if state.reported >= self._expected:
            self._decide_instant(out)
        elif not state.timer_set:
            state.timer_set = True
            out.append(WakeAt(INSTANT_TIMER, close_ms + self._settings.batch_deadline_ms))

    def _decide_instant(self, out: list[AnyCommand]) -> None:
        state = self._state
        instant_ms = state.decided_ms = state.instant_ms
        if state.timer_set:
            state.timer_set = False
            out.append(CancelTimer(INSTANT_TIMER))
        if state.awaiting:
            self._give_up_forecast("the forecast came too late", out)
        equity, cash = self._books.equity(), self._books.cash
        self._equity = equity
        out.append(Marked(instant_ms, equity, cash, (equity - cash) / equity if equity else 0.0))
        self._watch(instant_ms, equity, out)
        if self._books.held:
            self._tend(out)
        # A session that was taken up again may find an instant that nobody decided in its time.
        too_late = "the decision came too late" if state.time_ms - instant_ms > self._patience_ms else ""
        asked: list[str] = []
        for symbol, market in state.markets.items():
            if market.reported_ms != instant_ms:
                continue
            problem = too_late or self._problem(symbol, market)
            if problem:
                self._no_decision(market, Verdict.NOT_TRADABLE, problem, out)
            elif self._needs_forecast:
                asked.append(symbol)
            else:
                self._decide(market, None, out)
        if asked:
            state.awaiting_ms = instant_ms
            state.asked_ms = state.time_ms
            state.awaiting = tuple(asked)
            if state.model_ready:
                self._request_forecast(state.awaiting, out)

    def _problem(self, symbol: str, market: MarketState) -> str:
        if market.suspended:
            return market.suspended
        if market.last is None or market.last.filled:
            return "the bar is missing and was filled"
        window = self._windows[symbol]
        if window.bars < window.bars_needed:
            return "the window is warming up"
        apart = abs(market.mark - market.signal_price)
        if apart and apart > self._settings.limits.price_collar_frac * market.signal_price:
            return "the prices of signal and execution are too far apart"
        return ""

    def _watch(self, at_ms: int, equity: float, out: list[AnyCommand]) -> None:
        breakers = self._state.breakers
        was_tripped = breakers.daily_tripped
        trip = observe(breakers, self._settings.limits, at_ms, equity)
        if trip is not None:
            out.append(BreakerTripped(at_ms, trip.breaker, trip.reason))
            self._renew_state()
            self._desk.take_entries_back(out)
            self._tend(out)
        elif breakers.daily_tripped != was_tripped:
            self._renew_state()

    def _tend(self, out: list[AnyCommand]) -> None:
        # A level, not an edge: a drawdown breaker goes on selling until nothing is left to sell.
        if self._state.breakers.drawdown_tripped:
            self._desk.flatten(Purpose.BREAKER, out)
        self._desk.guard(out)

    def _on_price(self, event: PriceUpdated, out: list[AnyCommand]) -> None:
        self._market(event.symbol).mark = event.last
        equity = self._equity = self._books.equity()
        self._watch(event.at_ms, equity, out)

    # A forecast is an event. One that is late, or not about the window's last candle, is dropped and counted.

    def _request_forecast(self, symbols: tuple[str, ...], out: list[AnyCommand]) -> None:
        windows = self._no_windows
        if self._features is not None:
            windows = np.stack([self._windows[symbol].rows() for symbol in symbols])
        out.append(RequestForecast(self._state.awaiting_ms, symbols, windows))

    def _on_forecast(self, event: ForecastReady, out: list[AnyCommand]) -> None:
        state = self._state
        if event.close_time_ms != state.awaiting_ms or not state.awaiting:
            state.forecasts_dropped += 1
            return
        age_ms = state.time_ms - state.asked_ms + event.latency_ms
        if age_ms > self._settings.forecast_deadline_ms:
            self._give_up_forecast("the forecast came too late", out)
            return
        awaiting, state.awaiting = state.awaiting, ()
        # The answer is in the order of the question: what is not in its place is no answer.
        for place, symbol in enumerate(awaiting):
            forecast = event.forecasts[place] if place < len(event.forecasts) else None
            self._decide_on(state.markets[symbol], event.close_time_ms, forecast, out)

    def _decide_on(
        self, market: MarketState, close_ms: int, forecast: Forecast | None, out: list[AnyCommand]
    ) -> None:
        last = market.last
        if last is None or last.open_time_ms + self._timeframe_ms != close_ms:
            self._state.forecasts_dropped += 1
            self._no_decision(market, Verdict.NO_FORECAST, "the window has moved on", out)
        elif forecast is None or forecast.symbol != market.symbol:
            self._no_decision(market, Verdict.NO_FORECAST, "the model gave no answer", out)
        elif not (0.0 <= forecast.p_up <= 1.0 and isfinite(forecast.expected_return)):
            self._no_decision(market, Verdict.NO_FORECAST, "the forecast is not a number", out)
        else:
            self._decide(market, forecast, out)

    def _on_no_forecast(self, event: ForecastFailed, out: list[AnyCommand]) -> None:
        if event.close_time_ms == self._state.awaiting_ms:
            self._give_up_forecast(event.reason, out)

    def _give_up_forecast(self, reason: str, out: list[AnyCommand]) -> None:
        state = self._state
        awaiting, state.awaiting = state.awaiting, ()
        state.forecasts_dropped += 1
        for symbol in awaiting:
            self._no_decision(state.markets[symbol], Verdict.NO_FORECAST, reason, out)

    # From a view to a verdict, for one market.

    def _decide(self, market: MarketState, forecast: Forecast | None, out: list[AnyCommand]) -> None:
        symbol, mark = market.symbol, market.mark
        held = self._held_frac(symbol, mark)
        sigma = sqrt(market.sigma_squared)
        instant_ms = self._state.decided_ms
        view = MarketView(symbol, instant_ms, mark, held, sigma, self._round_trip_bps[symbol])
        signal = self._strategy.wanted(view, forecast)
        limits = self._settings.limits
        wanted = target_exposure(limits, signal.exposure, sigma, self._candles_per_year)
        verdict, reason = _HOLD, signal.reason
        if needs_trade(limits, wanted, held):
            if market.busy:
                reason = "an order is still under way"
                if wanted < held:
                    self._desk.take_entry_back(market, out)
            else:
                verdict, reason = self._desk.trade(market, wanted, held, self._equity, out)
        expected, needed = signal.expected_move_bps, signal.needed_move_bps
        out.append(
            Decided(instant_ms, symbol, signal.exposure, wanted, held, verdict, reason, expected, needed)
        )

    def _no_decision(self, market: MarketState, verdict: Verdict, reason: str, out: list[AnyCommand]) -> None:
        held = self._held_frac(market.symbol, market.mark)
        out.append(Decided(self._state.decided_ms, market.symbol, None, None, held, verdict, reason))

    def _held_frac(self, symbol: str, mark: float) -> float:
        # What is too small to be sold is dust: it is owned, but nothing can be decided about it.
        if symbol not in self._books.held or self._desk.is_dust(symbol, mark):
            return 0.0
        return self._books.held[symbol] * mark / self._equity

    def _count_expected(self) -> None:
        self._expected = sum(1 for market in self._state.markets.values() if not market.suspended)

    def _renew_state(self) -> None:
        state, desk = self._state, self._desk
        if state.operator_halt:
            desk.trading_state, desk.state_reason = TradingState.HALTED, f"halted: {state.operator_halt}"
        elif state.breakers.drawdown_tripped:
            desk.trading_state, desk.state_reason = TradingState.HALTED, "halted by the drawdown breaker"
        elif self._needs_forecast and not state.model_ready:
            desk.trading_state, desk.state_reason = TradingState.HALTED, "the model is not proven yet"
        elif not state.reconciled:
            desk.trading_state, desk.state_reason = TradingState.HALTED, "the account is not reconciled yet"
        elif state.breakers.daily_tripped:
            reason = "the daily-loss breaker allows only what cuts exposure until the next UTC day"
            desk.trading_state, desk.state_reason = TradingState.REDUCING, reason
        else:
            desk.trading_state, desk.state_reason = TradingState.ACTIVE, ""
