"""
Candles of one close time, collected until they are complete.

Knows neither what is done with them nor what time it is.
"""

from collections.abc import Sequence

from bot.core.events import CandleClosed


class InstantAssembler:
    """
    Collects the candles of one close time, as a paper market must see them together.

    They are handed on when every market has reported, when a later instant begins, or when `due_ms` has passed.
    """

    def __init__(self, markets: Sequence[str], deadline_ms: int) -> None:
        self._order = {symbol: index for index, symbol in enumerate(markets)}
        self._deadline_ms = deadline_ms
        self._instant_ms = -1
        self._waiting: dict[str, CandleClosed] = {}

    @property
    def due_ms(self) -> int | None:
        """When the instant is handed on though a market is missing; None while nothing waits."""
        return self._instant_ms + self._deadline_ms if self._waiting else None

    def add(self, event: CandleClosed) -> list[Sequence[CandleClosed]]:
        """Take a candle; return the instants that are complete now, oldest first."""
        complete = self.take() if event.at_ms != self._instant_ms else []
        self._instant_ms = event.at_ms
        self._waiting.setdefault(event.symbol, event)
        return complete + self.take() if len(self._waiting) == len(self._order) else complete

    def take(self) -> list[Sequence[CandleClosed]]:
        """Hand on what waits."""
        waiting, self._waiting = self._waiting, {}
        return [sorted(waiting.values(), key=lambda event: self._order[event.symbol])] if waiting else []
