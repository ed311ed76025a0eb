"""
Candles in: contiguous, once, in order; gaps asked for and filled by the one policy.

A missing bar is never guessed before history has answered. A gap beyond the policy's limit splits the
series, and the market has to warm up anew.
"""

from math import log

from bot.core.commands import AnyCommand, Backfill, Notify
from bot.core.events import Backfilled, CandleClosed
from bot.core.gaps import fill_gap
from bot.core.indicators import ewma, ewma_alpha, true_range, wilder
from bot.core.market import Candle, Instrument, Timeframe
from bot.core.window import Window
from bot.engine.state import ATR_LENGTH, VOLATILITY_SPAN, MarketState

_ALPHA = ewma_alpha(VOLATILITY_SPAN)


class CandleIntake:
    """Keeps each market's window contiguous and its volatility current."""

    def __init__(self, timeframe: Timeframe, windows: dict[str, Window], instruments: dict[str, Instrument]) -> None:
        self._timeframe = timeframe
        self._timeframe_ms = timeframe.ms
        self._windows = windows
        # Marks belong to the place of execution: a candle moves them only where it comes from there.
        self._same_venue = {s: i.signal_venue == i.execution_venue for s, i in instruments.items()}

    def offer(self, market: MarketState, event: CandleClosed, out: list[AnyCommand]) -> bool:
        """Take a closed candle; tell whether it became part of the window now."""
        window = self._windows[event.symbol]
        candle = event.candle
        if window.bars and candle.open_time_ms != window.last_open_ms + self._timeframe_ms:
            self._out_of_step(market, window, candle, out)
            return False
        if market.asked is not None:
            market.held_back.append(candle)
            return False
        self._take(market, window, candle)
        return True

    def answer(self, market: MarketState, event: Backfilled, out: list[AnyCommand]) -> bool:
        """Take history's answer, then the candles that waited for it; tell whether any came into the window."""
        window = self._windows[event.symbol]
        held_back, market.held_back = market.held_back, []
        market.asked = None
        known = {candle.open_time_ms for candle in event.candles}
        late = [candle for candle in held_back if candle.open_time_ms not in known]
        candles = sorted((*event.candles, *late), key=lambda candle: candle.open_time_ms)
        taken = False
        for position, candle in enumerate(candles):
            if window.bars and candle.open_time_ms <= window.last_open_ms:
                continue
            if window.bars and candle.open_time_ms > max(window.next_open_ms, event.to_ms):
                # A hole that history was not asked about: it may hold candles.
                self._ask(market, window.next_open_ms, candle.open_time_ms, out)
                market.held_back = candles[position:]
                break
            self._bridge(market, window, candle, out)
            self._take(market, window, candle)
            taken = True
        return taken

    def catch_up(self, market: MarketState, now_ms: int, out: list[AnyCommand]) -> None:
        """Ask for what closed before `now_ms` and is not known: the warm-up, or the time away."""
        window = self._windows[market.symbol]
        warm_up_ms = window.bars_needed * self._timeframe_ms
        from_ms = window.next_open_ms if window.bars else max(now_ms - warm_up_ms, 0)
        if market.asked is not None:
            out.append(Backfill(market.symbol, *market.asked))  # the answer was lost with the process
        elif from_ms < now_ms:
            self._ask(market, from_ms, now_ms, out)

    @staticmethod
    def _ask(market: MarketState, from_ms: int, to_ms: int, out: list[AnyCommand]) -> None:
        market.asked = (from_ms, to_ms)
        out.append(Backfill(market.symbol, from_ms, to_ms))

    def _out_of_step(self, market: MarketState, window: Window, candle: Candle, out: list[AnyCommand]) -> None:
        if candle.open_time_ms <= window.last_open_ms:
            return  # emitted once: a repeated or late copy changes nothing
        if market.asked is None:
            self._ask(market, window.next_open_ms, candle.open_time_ms, out)
        market.held_back.append(candle)

    def _bridge(self, market: MarketState, window: Window, candle: Candle, out: list[AnyCommand]) -> None:
        if not window.bars or market.last is None:
            return
        bars = fill_gap(market.last, candle.open_time_ms, self._timeframe)
        if bars is None:
            missing = (candle.open_time_ms - window.next_open_ms) // self._timeframe_ms
            text = f"{market.symbol}: {missing} candles are missing; the series begins anew and warms up again"
            out.append(Notify(candle.open_time_ms, "series_split", text))
            window.restart()
            market.last = None
        else:
            for bar in bars:
                self._take(market, window, bar)

    def _take(self, market: MarketState, window: Window, candle: Candle) -> None:
        window.push(candle)
        previous, close = market.last, candle.close
        if previous is None:
            market.sigma_squared = 0.0
            market.atr = candle.high - candle.low
        else:
            move = log(close / previous.close)
            market.sigma_squared = ewma(market.sigma_squared, move * move, _ALPHA)
            high, low = candle.high, candle.low
            # Mostly a bar spans the close before it, and its true range is its own.
            width = high - low if low <= previous.close <= high else true_range(high, low, previous.close)
            market.atr = wilder(market.atr, width, ATR_LENGTH)
        market.last = candle
        market.signal_price = close
        if self._same_venue[market.symbol]:
            market.mark = close
