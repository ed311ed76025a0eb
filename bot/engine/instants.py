"""
Candles of one close time, decided together and in the order of the instruments.

An instant is decided when every market has reported or its deadline has passed. Forecasts for it are asked for
in one question; an answer that is late, or not about a window's last candle, is dropped and counted.
"""

from math import isfinite, sqrt
from typing import Final

import numpy as np

from bot.core.commands import AnyCommand, CancelTimer, Decided, RequestForecast, Verdict, WakeAt
from bot.core.events import Backfilled, CandleClosed, ForecastFailed, ForecastReady, TimerFired
from bot.core.forecast import Doubt, Forecast
from bot.core.market import Instrument
from bot.core.window import Window
from bot.engine.desk import OrderDesk
from bot.engine.intake import CandleIntake
from bot.engine.state import EngineSettings, EngineState, MarketState
from bot.engine.watch import AccountWatch
from risk.sizing import needs_trade, target_exposure
from strategies.strategy import MarketView, Strategy

INSTANT_TIMER: Final = "instant"
_HOLD: Final = Verdict.HOLD
_CUT: Final = Doubt.CUT
_NO_WINDOWS: Final = np.empty((0, 0, 0), dtype=np.float32)


class Instants:
    """From closed candles to decided ones."""

    def __init__(
        self,
        state: EngineState,
        settings: EngineSettings,
        instruments: dict[str, Instrument],
        windows: dict[str, Window],
        strategy: Strategy,
        watch: AccountWatch,
        desk: OrderDesk,
    ) -> None:
        self._state = state
        self._settings = settings
        self._limits = settings.limits
        self._strategy = strategy
        self._needs_forecast = strategy.needs_forecast
        self._windows = windows
        self._watch = watch
        self._desk = desk
        self._intake = CandleIntake(settings.timeframe, windows, instruments)
        self._timeframe_ms = settings.timeframe.ms
        self._candles_per_year = settings.timeframe.per_year
        self._patience_ms = settings.batch_deadline_ms + settings.forecast_deadline_ms
        self._round_trip_bps = {symbol: one.costs.round_trip_bps for symbol, one in instruments.items()}
        self._reads_windows = any(window.reads_features for window in windows.values())
        self.count_expected()

    def count_expected(self) -> None:
        """Work out anew how many markets an instant waits for: all that are not suspended."""
        self._expected = sum(1 for market in self._state.markets.values() if not market.suspended)

    def begin_session(self, at_ms: int, out: list[AnyCommand]) -> None:
        """Take what closed before the session for history, and ask for what is missing of it."""
        state = self._state
        now_ms = at_ms - at_ms % self._timeframe_ms
        if state.instant_ms < now_ms:
            state.decided_ms = max(state.decided_ms, now_ms)
            state.instant_ms = now_ms
        state.timer_set = state.timer_set and state.decided_ms < state.instant_ms
        if state.timer_set:
            out.append(WakeAt(INSTANT_TIMER, state.instant_ms + self._settings.batch_deadline_ms))
        if state.awaiting and state.awaiting_ms < now_ms:
            self._give_up_forecast("the forecast was asked for by an earlier session", out)
        for market in state.markets.values():
            self._intake.catch_up(market, now_ms, out)

    def on_candle(self, market: MarketState, event: CandleClosed, out: list[AnyCommand]) -> None:
        """Take a closed candle, and decide its instant if it was the last one."""
        if self._intake.offer(market, event, out) and not self._report(market, out):
            held = self._watch.held_frac(event.symbol, market.mark)
            late = "the candle came after its instant was decided"
            out.append(Decided(event.at_ms, event.symbol, None, None, held, Verdict.NOT_TRADABLE, late))

    def on_history(self, market: MarketState, event: Backfilled, out: list[AnyCommand]) -> None:
        """Take history's answer. Only its newest candle can still be decided on."""
        if self._intake.answer(market, event, out):
            self._report(market, out)

    def on_timer(self, event: TimerFired, out: list[AnyCommand]) -> None:
        """Decide an instant without the markets that are late for it."""
        state = self._state
        if event.timer == INSTANT_TIMER and state.timer_set and event.at_ms >= state.instant_ms:
            self._decide_instant(out)

    def on_model_ready(self, out: list[AnyCommand]) -> None:
        """Ask again what an earlier session asked, or what waited for the model."""
        if self._state.awaiting:
            self._request_forecast(self._state.awaiting, out)

    def on_forecast(self, event: ForecastReady, out: list[AnyCommand]) -> None:
        """Decide each market of an instant on its forecast."""
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
        forecasts = event.forecasts
        for place, symbol in enumerate(awaiting):
            market, forecast = state.markets[symbol], forecasts[place] if place < len(forecasts) else None
            last = market.last
            if last is None or last.open_time_ms + self._timeframe_ms != event.close_time_ms:
                state.forecasts_dropped += 1
                self._no_decision(market, Verdict.NO_FORECAST, "the window has moved on", out)
            elif forecast is None or forecast.symbol != symbol:
                self._no_decision(market, Verdict.NO_FORECAST, "the model gave no answer", out)
            elif not (0.0 <= forecast.p_up <= 1.0 and isfinite(forecast.expected_return)):
                self._no_decision(market, Verdict.NO_FORECAST, "the forecast is not a number", out)
            else:
                self._decide(market, forecast, out)

    def on_no_forecast(self, event: ForecastFailed, out: list[AnyCommand]) -> None:
        """Decide nothing where the model could not answer."""
        if event.close_time_ms == self._state.awaiting_ms:
            self._give_up_forecast(event.reason, out)

    def _report(self, market: MarketState, out: list[AnyCommand]) -> bool:
        state = self._state
        close_ms = self._windows[market.symbol].last_open_ms + self._timeframe_ms
        if close_ms > state.instant_ms:
            if state.decided_ms < state.instant_ms:
                self._decide_instant(out)  # a market is so late that the next instant has begun
            state.instant_ms = close_ms
            state.reported = 0
        elif close_ms < state.instant_ms or state.decided_ms == close_ms:
            return False  # late for its instant: it moved the window, it allows no entry
        market.reported_ms = close_ms
        if not market.suspended:
            state.reported += 1
        if state.reported >= self._expected:
            self._decide_instant(out)
        elif not state.timer_set:
            state.timer_set = True
            out.append(WakeAt(INSTANT_TIMER, close_ms + self._settings.batch_deadline_ms))
        return True

    def _decide_instant(self, out: list[AnyCommand]) -> None:
        state = self._state
        instant_ms = state.decided_ms = state.instant_ms
        if state.timer_set:
            state.timer_set = False
            out.append(CancelTimer(INSTANT_TIMER))
        if state.awaiting:
            self._give_up_forecast("the forecast came too late", out)
        self._watch.mark(instant_ms, out)
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

    def _request_forecast(self, symbols: tuple[str, ...], out: list[AnyCommand]) -> None:
        windows = _NO_WINDOWS
        if self._reads_windows:
            rows = [self._windows[symbol].rows() for symbol in symbols]
            windows = rows[0][np.newaxis] if len(rows) == 1 else np.stack(rows)
        out.append(RequestForecast(self._state.awaiting_ms, symbols, windows))

    def _give_up_forecast(self, reason: str, out: list[AnyCommand]) -> None:
        state = self._state
        awaiting, state.awaiting = state.awaiting, ()
        state.forecasts_dropped += 1
        for symbol in awaiting:
            self._no_decision(state.markets[symbol], Verdict.NO_FORECAST, reason, out)

    def _decide(self, market: MarketState, forecast: Forecast | None, out: list[AnyCommand]) -> None:
        symbol, mark = market.symbol, market.mark
        held = self._watch.held_frac(symbol, mark)
        sigma = sqrt(market.sigma_squared)
        instant_ms = self._state.decided_ms
        view = MarketView(symbol, instant_ms, mark, held, sigma, self._round_trip_bps[symbol])
        signal = self._strategy.wanted(view, forecast)
        limits = self._limits
        wanted = target_exposure(limits, signal.exposure, sigma, self._candles_per_year)
        verdict, reason = _HOLD, signal.reason
        if market.doubt >= _CUT:
            wanted, reason = _doubted(market, wanted, held, reason)
        if needs_trade(limits, wanted, held):
            if market.busy:
                reason = "an order is still under way"
                if wanted < held:
                    self._desk.take_entry_back(market, out)
            elif market.against_entries and wanted > held:
                verdict, reason = Verdict.NOT_TRADABLE, market.against_entries
            else:
                verdict, reason = self._desk.trade(market, wanted, held, self._watch.equity, out)
        expected, needed = signal.expected_move_bps, signal.needed_move_bps
        out.append(Decided(instant_ms, symbol, signal.exposure, wanted, held, verdict, reason, expected, needed))

    def _no_decision(self, market: MarketState, verdict: Verdict, reason: str, out: list[AnyCommand]) -> None:
        held = self._watch.held_frac(market.symbol, market.mark)
        out.append(Decided(self._state.decided_ms, market.symbol, None, None, held, verdict, reason))


def _doubted(market: MarketState, wanted: float, held: float, reason: str) -> tuple[float, str]:
    """What is still wanted where the model is doubted, and why: half as much, or no more than there is."""
    if market.doubt is _CUT:
        return wanted / 2.0, reason
    return (held, f"the model is doubted: {market.doubted}") if wanted > held else (wanted, reason)
