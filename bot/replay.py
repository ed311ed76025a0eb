"""
A run over recorded candles, as fast as the engine decides.

Time is the candles' time: a timer that would have run out before the next candle fires before it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from bot.core.events import CandleClosed, ModelReady, SessionStarted, TimerFired
from bot.core.ports import Record
from bot.engine.engine import Engine
from bot.pump import PaperMarket, Pump, play_instant


class SnapshotRecord(Record, Protocol):
    """A journal that also keeps whole engines."""

    @property
    def event_count(self) -> int: ...

    def snapshot(self, state: bytes) -> None: ...


class Checkpoints:
    """Writes the engine down every `every` events, and whenever it is told to."""

    def __init__(self, engine: Engine, journal: SnapshotRecord, every: int) -> None:
        self._engine = engine
        self._journal = journal
        self._every = every
        self._next = journal.event_count + every

    def when_due(self) -> None:
        """Write a snapshot if enough has happened since the last one."""
        if self._journal.event_count >= self._next:
            self.write()

    def write(self) -> None:
        """Write a snapshot now."""
        self._journal.snapshot(self._engine.save())
        self._next = self._journal.event_count + self._every


def begin_session(pump: Pump, at_ms: int, model: str | None) -> None:
    """Take a run up at `at_ms`: history fills the windows, the books are compared, the model says it is proven."""
    pump.feed(SessionStarted(at_ms))
    if model is not None:
        pump.feed(ModelReady(at_ms, model))
    pump.settle()


def fire_timers(pump: Pump, now_ms: int) -> None:
    """Fire every timer that has run out by `now_ms`, the earliest first."""
    while pump.timers:
        timer = min(pump.timers, key=lambda name: (pump.timers[name], name))
        at_ms = pump.timers[timer]
        if at_ms > now_ms:
            return
        del pump.timers[timer]
        pump.feed(TimerFired(at_ms, timer))
        pump.settle()


def replay(
    pump: Pump,
    market: PaperMarket,
    instants: Iterable[Sequence[CandleClosed]],
    checkpoints: Checkpoints,
    progress: Callable[[int, int], None],
) -> None:
    """
    Play every instant, in order.

    Args:
        pump: Feeds the engine.
        market: Where orders meet the candles.
        instants: The candles of one close time each, in the order of the instruments.
        checkpoints: Writes snapshots.
        progress: Called with the number of candles of each instant and its close time.
    """
    for closed in instants:
        close_ms = closed[0].at_ms
        if pump.timers:
            fire_timers(pump, close_ms)
        play_instant(pump, market, closed)
        checkpoints.when_due()
        progress(len(closed), close_ms)
    if pump.timers:
        fire_timers(pump, max(pump.timers.values()))
