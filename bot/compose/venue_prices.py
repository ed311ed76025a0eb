"""
What is made of the prices of a place of execution: stops that are watched here see them all, the engine what is news.

Knows nothing of orders.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal

from bot.adapters.feed_outputs import EngineEvent
from bot.adapters.order_messages import MarketPrice
from bot.core.events import CandleClosed, PriceUpdated
from bot.core.market import Instrument
from bot.core.ports import Clock
from bot.price_steps import PriceSteps


class VenuePrices:
    """
    Shows the events of a feed to whoever watches stops.

    A close is a price as well: where the stream has fallen silent, and candles come by way of history, there is no
    other.

    Args:
        instruments: The markets; candles count as prices where they come from the place of execution.
        tell: Takes each price.
        clock: The venue's time.
        steps: Chooses what is news to the engine.
    """

    def __init__(
        self, instruments: Iterable[Instrument], tell: Callable[[MarketPrice], None], clock: Clock, steps: PriceSteps
    ) -> None:
        self._closing = {one.symbol for one in instruments if one.signal_venue == one.execution_venue}
        self._tell = tell
        self._clock = clock
        self._steps = steps
        self._newest_ms: dict[str, int] = {}

    def choose(self, event: EngineEvent) -> EngineEvent | None:
        """Take an event of the feed; return it where the engine is to have it."""
        if isinstance(event, PriceUpdated):
            self._newest_ms[event.symbol] = event.at_ms
            self._hear(event.symbol, event.last)
            return event if self._steps.is_news(event) else None
        # A close that history tells late is no price where a newer one is known.
        if isinstance(event, CandleClosed) and event.at_ms >= self._newest_ms.get(event.symbol, 0):
            self._newest_ms[event.symbol] = event.at_ms
            if event.symbol in self._closing:
                self._hear(event.symbol, event.candle.close)
        return event

    def _hear(self, symbol: str, price: float) -> None:
        self._tell(MarketPrice(self._clock.now_ms(), symbol, Decimal(repr(price))))
