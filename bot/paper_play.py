"""
The order in which a paper market and the engine see the same candles.

Orders meet a candle before the engine does, each candle once, and those that history brings late as well. Knows
neither where candles come from nor what time it is.
"""

from collections.abc import Sequence

from bot.core.events import Backfilled, CandleClosed
from bot.pump import PaperMarket, Pump, meet_market


class PaperPlay:
    """
    Plays candles to a paper market and to the engine.

    Args:
        pump: Feeds the engine.
        market: Where orders meet the candles.
        timeframe_ms: Length of a candle.
    """

    def __init__(self, pump: Pump, market: PaperMarket, timeframe_ms: int) -> None:
        self._pump = pump
        self._market = market
        self._timeframe_ms = timeframe_ms
        self._played_ms: dict[str, int] = {}
        self._unmet: dict[str, list[CandleClosed]] = {}

    def play(self, closed: Sequence[CandleClosed]) -> None:
        """Play the candles of one instant, in the order of the instruments."""
        in_step = [event for event in closed if not self._reveals_gap(event)]
        if self._market.is_met(in_step):
            meet_market(self._pump, self._market, in_step)
        for event in closed:
            self._pump.feed(event)
        self._played_ms.update((event.symbol, event.at_ms) for event in in_step)
        self._pump.settle()

    def answer(self, event: Backfilled) -> None:
        """Hand history's answer to the engine, after orders have met what nobody had seen of it."""
        # A stop that was touched while nobody watched has been touched all the same.
        missed = [CandleClosed(c.open_time_ms + self._timeframe_ms, event.symbol, c) for c in event.candles]
        for closed in (*missed, *self._unmet.pop(event.symbol, ())):
            if closed.at_ms > self._played_ms.get(event.symbol, -1):
                self._played_ms[event.symbol] = closed.at_ms
                if self._market.is_met((closed,)):
                    meet_market(self._pump, self._market, (closed,))
        self._pump.feed(event)
        self._pump.settle()

    def _reveals_gap(self, event: CandleClosed) -> bool:
        # Orders must meet the missing candles first: this one waits for history with them.
        played_ms = self._played_ms.get(event.symbol)
        if played_ms is None or event.candle.open_time_ms <= played_ms:
            return False
        self._unmet.setdefault(event.symbol, []).append(event)
        return True
