"""
Prices between closes, thinned: one is news when it has moved far enough from the last that was.

Venues tell prices every second or two; a mark that moves by less than the spread tells an account nothing.
"""

from bot.core.events import PriceUpdated


class PriceSteps:
    """
    Chooses prices.

    Args:
        step_bps: How far a price must be from the last one that was news, in its own market.
    """

    def __init__(self, step_bps: float) -> None:
        self._step = step_bps / 1e4
        self._last: dict[str, float] = {}

    def is_news(self, event: PriceUpdated) -> bool:
        """Whether this price says something new; it is compared with the last one for which that was so."""
        last = self._last.get(event.symbol)
        if last is not None and abs(event.last - last) < self._step * last:
            return False
        self._last[event.symbol] = event.last
        return True
