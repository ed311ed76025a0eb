"""
The sockets that adapters plug into. One Protocol for each thing that has two implementations.

Nothing here has an effect; `bot.compose` decides what is plugged in.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from bot.core.commands import Backfill, CancelOrder, Deed, Observation, Reconcile, RequestForecast, SubmitOrder
from bot.core.events import AnyEvent, Backfilled, ForecastFailed, ForecastReady


class Clock(Protocol):
    """Where the time comes from."""

    def now_ms(self) -> int:
        """Milliseconds UTC of the market's clock."""
        ...

    def seconds_until(self, at_ms: int) -> float:
        """Real time until then, in seconds; 0 where it is past."""
        ...

    def hear(self, at_ms: int) -> None:
        """Take the time of an event that is being handled; a clock with a time of its own ignores it."""
        ...


class History(Protocol):
    """Where closed candles of the past come from."""

    async def backfill(self, request: Backfill) -> Backfilled:
        """Every closed candle that opens in `[from_ms, to_ms)`, in order. Raises `VenueError`."""
        ...


class Forecaster(Protocol):
    """A loaded model, or something that answers like one."""

    @property
    def name(self) -> str:
        """Which bundle answers: its name and the first digits of its sha256."""
        ...

    def forecast(self, request: RequestForecast) -> ForecastReady | ForecastFailed:
        """Answer for every symbol of one instant, in the order of the request."""
        ...


class Broker(Protocol):
    """
    A place of execution. Answers are events; a call that raises has ended the run.

    `moves_money` says that a command must be durable before it gets here.
    """

    @property
    def moves_money(self) -> bool: ...

    def submit(self, command: SubmitOrder, at_ms: int) -> Iterable[AnyEvent]:
        """Take an approved order."""
        ...

    def cancel(self, command: CancelOrder, at_ms: int) -> Iterable[AnyEvent]:
        """Take an order back, if it is still there."""
        ...

    def reconcile(self, command: Reconcile, at_ms: int) -> Sequence[AnyEvent]:
        """Bring the broker's books and ours together; ends with `AccountReconciled`."""
        ...


class Record(Protocol):
    """
    Where events, deeds and observations are kept.

    Everything between two calls of `step_done` belongs together: it is kept whole or not at all.
    """

    def append(self, event: AnyEvent) -> None:
        """Write an event, before it is processed."""
        ...

    def record(self, deed: Deed) -> None:
        """Write what is to be done, before it is."""
        ...

    def observe(self, observation: Observation) -> None:
        """Write what was decided, marked or noticed."""
        ...

    def step_done(self) -> None:
        """Say that nothing more follows from what was written."""
        ...

    def keep(self) -> None:
        """Have everything that is written outlive this process; the disk is not waited for."""
        ...

    def commit(self) -> None:
        """Make everything that is written durable: it outlives a power failure as well."""
        ...
