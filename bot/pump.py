"""
The one way from an event to what follows from it, synchronous and in order.

    event -> journal -> engine -> commands -> journal -> deeds -> their answers, which are events again

A replay calls it directly; a session in real time calls it from its one consumer. What leaves the process
waits for the disk; what stays does not.
"""

import gc
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import Protocol, assert_never

from msgspec.structs import replace

from bot.core.commands import (
    Backfill,
    BreakerTripped,
    CancelOrder,
    CancelTimer,
    Decided,
    Marked,
    Notify,
    Reconcile,
    RequestForecast,
    SubmitOrder,
    WakeAt,
)
from bot.core.events import AnyEvent, CandleClosed, ForecastReady
from bot.core.ports import Broker, Forecaster, Record
from bot.engine.engine import Engine


def spare_collector() -> None:
    """
    Take what is loaded out of the garbage collector's sight, and let it look more rarely.

    A run makes values that hold no cycles, by the million: the collector finds nothing in them, and pauses for it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


class Pump:
    """
    Feeds events to the engine and carries out what it asks for.

    Args:
        engine: Decides.
        journal: Remembers, before anything leaves.
        broker: Where orders go.
        forecaster: Answers for the model.
        backfill: Called with each question to history; the answer comes back as an event, at once or later.
        measures_latency: Whether forecasts carry the time that they took; off where time is not real.
    """

    def __init__(
        self,
        engine: Engine,
        journal: Record,
        broker: Broker,
        forecaster: Forecaster,
        *,
        backfill: Callable[[Backfill], Sequence[AnyEvent]],
        measures_latency: bool,
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._broker = broker
        self._forecaster = forecaster
        self._backfill = backfill
        self._ask: Callable[[RequestForecast], AnyEvent] = self._timed if measures_latency else forecaster.forecast
        self._queue: deque[AnyEvent] = deque()
        self.timers: dict[str, int] = {}
        self.settle: Callable[[], None] = journal.step_done
        """
        Say that the world is at rest: nothing more follows from what was fed. The journal may close a block here.

        A paper market's instant is fed between two of these, so that it is kept whole or not at all.
        """

    def feed(self, event: AnyEvent) -> None:
        """Handle an event and all that follows from it inside the process."""
        queue, process, journal, observe = self._queue, self._engine.process, self._journal, self._journal.observe
        deeds: list[SubmitOrder | CancelOrder] = []
        while True:
            journal.append(event)
            for command in process(event):
                # As in the engine: told by their types, the frequent ones first.
                if type(command) is Decided or type(command) is Marked:
                    observe(command)
                elif type(command) is RequestForecast:
                    queue.append(self._ask(command))
                elif type(command) is SubmitOrder or type(command) is CancelOrder:
                    journal.record(command)
                    deeds.append(command)
                else:
                    self._carry_out(command)
            if deeds:
                self._hand_over(deeds)
                deeds.clear()
            if not queue:
                return
            event = queue.popleft()

    def _hand_over(self, deeds: list[SubmitOrder | CancelOrder]) -> None:
        broker, now_ms = self._broker, self._engine.time_ms
        if broker.moves_money:
            self._journal.commit()
        for deed in deeds:
            answers = broker.submit(deed, now_ms) if type(deed) is SubmitOrder else broker.cancel(deed, now_ms)
            self._queue.extend(answers)

    def _carry_out(self, command: Backfill | Reconcile | WakeAt | CancelTimer | BreakerTripped | Notify) -> None:
        match command:
            case Backfill():
                self._queue.extend(self._backfill(command))
            case Reconcile():
                self._queue.extend(self._broker.reconcile(command, self._engine.time_ms))
            case WakeAt():
                self.timers[command.timer] = command.at_ms
            case CancelTimer():
                self.timers.pop(command.timer, None)
            case BreakerTripped() | Notify():
                self._journal.observe(command)
            case _:
                assert_never(command)

    def _timed(self, request: RequestForecast) -> AnyEvent:
        began = perf_counter()
        answer = self._forecaster.forecast(request)
        if isinstance(answer, ForecastReady):
            return replace(answer, latency_ms=(perf_counter() - began) * 1e3)
        return answer


class PaperMarket(Protocol):
    """A broker that executes against closed candles."""

    def is_met(self, closed: Sequence[CandleClosed]) -> bool: ...

    def trade(self, closed: Sequence[CandleClosed]) -> Iterable[AnyEvent]: ...


def meet_market(pump: Pump, market: PaperMarket, closed: Sequence[CandleClosed]) -> None:
    """Let working orders meet the candles of one instant, handling each execution before the next."""
    for event in market.trade(closed):
        pump.feed(event)


def play_instant(pump: Pump, market: PaperMarket, closed: Sequence[CandleClosed]) -> None:
    """
    Pass the candles of one instant in the paper market's three steps: open, range, close.

    Orders meet the candles of all markets before the engine sees any of them.
    """
    if market.is_met(closed):
        meet_market(pump, market, closed)
    for candle in closed:
        pump.feed(candle)
    pump.settle()
