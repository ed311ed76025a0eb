"""
Everything that the engine can ask for.

The union is closed, as that of the events is. Commands are frozen, and all but the windows of `RequestForecast`
can be written to a journal and read back bit for bit. A command never returns a value: its answer, where there is
one, is an event.
"""

from decimal import Decimal
from enum import StrEnum
from typing import final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.orders import Approved, Order


class Command(Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Something that the engine wants done. The answer, where there is one, comes back as an event."""


@final
class RequestForecast(Command, frozen=True, array_like=True, tag=True, gc=False):
    """
    Ask the model for one instant.

    `windows` is `(len(symbols), T, F)` float32, unscaled features, oldest row first; it has T = 0 where the
    forecasts come from a source that reads no window.
    """

    close_time_ms: int
    symbols: tuple[str, ...]
    windows: NDArray[np.float32]


@final
class SubmitOrder(Command, frozen=True, array_like=True, tag=True, gc=False):
    """Hand an approved order to the broker."""

    approved: Approved


@final
class CancelOrder(Command, frozen=True, array_like=True, tag=True, gc=False):
    """Ask the broker to take an order back."""

    client_order_id: str
    symbol: str


@final
class Reconcile(Command, frozen=True, array_like=True, tag=True, gc=False):
    """
    Bring the broker's books and ours together.

    `orders` are those that it is known to hold, `cash` and `holdings` what our own fills made, and `unanswered`, in
    the order in which they were given, the deeds that it has not answered yet. `foreign` is what else lay in the
    account when the books agreed last, by asset, and `fills` how many of our own there have been.
    """

    orders: tuple[Order, ...]
    cash: Decimal
    holdings: dict[str, Decimal]
    unanswered: tuple[SubmitOrder | CancelOrder, ...]
    foreign: dict[str, Decimal] = {}
    fills: int = 0


@final
class WakeAt(Command, frozen=True, array_like=True, tag=True, gc=False):
    """Fire `timer` at `at_ms`; a timer of the same name is replaced."""

    timer: str
    at_ms: int


@final
class CancelTimer(Command, frozen=True, array_like=True, tag=True, gc=False):
    """Forget `timer`."""

    timer: str


@final
class Backfill(Command, frozen=True, array_like=True, tag=True, gc=False):
    """Ask history for the closed candles that open in `[from_ms, to_ms)`."""

    symbol: str
    from_ms: int
    to_ms: int


@final
class Notify(Command, frozen=True, array_like=True, tag=True, gc=False):
    """Tell the operator; `code` for machines, `text` for people."""

    at_ms: int
    code: str
    text: str


class Verdict(StrEnum):
    """What became of one market's decision at one close."""

    NOT_TRADABLE = "not_tradable"
    NO_FORECAST = "no_forecast"
    HOLD = "hold"
    SUBMITTED = "submitted"
    DENIED = "denied"


@final
class Decided(Command, frozen=True, array_like=True, tag=True, gc=False):
    """
    One row for each closed candle and market: what was wanted, and what came of it.

    `signal` is the strategy's exposure in [-1, 1], `wanted` and `held` are exposures as fractions of equity
    after sizing and before the order. `reason` is a sentence, or a constant that names one.
    """

    close_time_ms: int
    symbol: str
    signal: float | None
    wanted: float | None
    held: float
    verdict: Verdict
    reason: str
    expected_move_bps: float | None = None
    needed_move_bps: float | None = None


@final
class Marked(Command, frozen=True, array_like=True, tag=True, gc=False):
    """The account at one close, marked at the last closes of the place of execution."""

    time_ms: int
    equity: float
    cash: float
    exposure_frac: float


@final
class BreakerTripped(Command, frozen=True, array_like=True, tag=True, gc=False):
    """A circuit breaker changed what may be traded."""

    at_ms: int
    breaker: str
    reason: str


AnyCommand = (
    RequestForecast
    | SubmitOrder
    | CancelOrder
    | Reconcile
    | WakeAt
    | CancelTimer
    | Backfill
    | Notify
    | Decided
    | Marked
    | BreakerTripped
)

Observation = Decided | Marked | BreakerTripped | Notify
"""Commands that ask for nothing but to be remembered: the journal keeps them beside the events."""

Deed = SubmitOrder | CancelOrder
"""Commands whose intent is journalled before they leave the process."""
