"""
What a run's journal says of its sessions: when the outside spoke, and which candles were shown together.

What follows inside (forecasts, orders and their fates) is left out: a second account makes its own.
"""

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Final

from bot.core.commands import CancelOrder, Deed, Observation
from bot.core.events import (
    AnyEvent,
    Backfilled,
    CandleClosed,
    ForecastReady,
    Halt,
    MarketRestored,
    MarketSuspended,
    ModelDoubted,
    ModelReady,
    OrderCancelled,
    OrderFilled,
    PriceUpdated,
    Resume,
    SessionStarted,
    SettingsChanged,
    TimerFired,
)

GIVEN: Final = (
    SessionStarted,
    ModelReady,
    SettingsChanged,
    Backfilled,
    PriceUpdated,
    TimerFired,
    Halt,
    Resume,
    ModelDoubted,
)
"""Events that come from neither the stream nor a decision: a second account gets them as they were recorded."""

STREAMED: Final = (CandleClosed, MarketSuspended, MarketRestored)
"""Events that the tape tells."""

Step = AnyEvent | tuple[CandleClosed, ...]
"""An event that came alone, or the candles that met the market together."""

StreamKey = tuple[type, str, int]


def stream_key(event: CandleClosed | MarketSuspended | MarketRestored) -> StreamKey:
    """By what an event of the stream is found again in another account."""
    return type(event), event.symbol, event.at_ms


class JournalSession:
    """
    One process's share of a run.

    `journal_events` is how many events the journal held before it. `steps` are in order, and so are the `latencies`
    of the forecasts for each close time.
    """

    def __init__(self, journal_events: int) -> None:
        self.journal_events = journal_events
        self.steps: list[Step] = []
        self.latencies: defaultdict[int, deque[float]] = defaultdict(deque)

    def streamed(self) -> set[StreamKey]:
        """What its journal holds of the stream."""
        return {
            stream_key(event)
            for step in self.steps
            for event in (step if isinstance(step, tuple) else (step,))
            if isinstance(event, STREAMED)
        }


class ScriptReader:
    """
    Takes a journal's records in order and sorts them into sessions and steps.

    Args:
        markets: In the order of the instruments, which is that of the candles of one instant.
    """

    def __init__(self, markets: Iterable[str]) -> None:
        self.sessions: list[JournalSession] = []
        self._order = {symbol: place for place, symbol in enumerate(markets)}
        self._events = 0
        self._together: list[CandleClosed] = []
        self._cancelling: set[str] = set()

    def take(self, record: AnyEvent | Deed | Observation) -> None:
        """Take the next record."""
        if isinstance(record, CancelOrder):
            self._cancelling.add(record.client_order_id)
        elif isinstance(record, AnyEvent):
            self._take_event(record)
            self._events += 1

    def close(self) -> None:
        """Say that there are no more records."""
        self._end_instant()

    def _take_event(self, event: AnyEvent) -> None:
        if isinstance(event, SessionStarted):
            self._end_instant()
            self.sessions.append(JournalSession(self._events))
        if isinstance(event, CandleClosed):
            if self._together and not self._belongs(event):
                self._end_instant()
            self._together.append(event)
        elif isinstance(event, (*GIVEN, *STREAMED)):
            self._end_instant()
            self._session.steps.append(event)
        elif isinstance(event, ForecastReady):
            self._session.latencies[event.close_time_ms].append(event.latency_ms)
        elif isinstance(event, OrderFilled) or (isinstance(event, OrderCancelled) and self._expired(event)):
            # Orders meet all candles of an instant before the engine sees one: what comes now is another instant.
            self._end_instant()

    @property
    def _session(self) -> JournalSession:
        return self.sessions[-1]

    def _belongs(self, event: CandleClosed) -> bool:
        last = self._together[-1]
        return event.at_ms == last.at_ms and self._order[event.symbol] > self._order[last.symbol]

    def _expired(self, event: OrderCancelled) -> bool:
        if event.client_order_id in self._cancelling:
            self._cancelling.discard(event.client_order_id)
            return False
        return True

    def _end_instant(self) -> None:
        if self._together:
            self._session.steps.append(tuple(self._together))
            self._together = []
