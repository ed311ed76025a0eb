"""
Everything that can reach the engine.

The union is closed: a new member fails the type check until the engine handles it. Events are frozen, each carries
the time at which it became true, and all can be written to a journal and read back bit for bit.
"""

from decimal import Decimal
from math import inf
from typing import final

from msgspec import Struct

from bot.core.errors import DataError
from bot.core.forecast import Doubt, Forecast
from bot.core.market import Candle, Instrument
from bot.core.orders import Fill


class Event(Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Something that happened at `at_ms` (UTC, milliseconds). The engine's time is the newest of them."""

    at_ms: int


@final
class RunStarted(Event, frozen=True, array_like=True, tag=True, gc=False):
    """
    The first record of a journal: everything that the run's decisions depend on.

    `fingerprints` maps each input (settings, bundle, candles, code) to its sha256 or version; going on with
    a run requires the same ones. `settings` is the resolved profile, without secrets.
    """

    run_id: str
    code_version: str
    fingerprints: dict[str, str]
    settings: dict[str, str]
    instruments: tuple[Instrument, ...]
    timeframe: str
    budget: Decimal
    labels: dict[str, str] = {}


@final
class SessionStarted(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A process took up the run, for the first time or again. Trading is halted until it is proven ready."""


@final
class ModelReady(Event, frozen=True, array_like=True, tag=True, gc=False):
    """The model is loaded and has reproduced its own test vectors."""

    bundle: str


@final
class AccountReconciled(Event, frozen=True, array_like=True, tag=True, gc=False):
    """
    The broker's books and ours agree.

    `foreign` is what else lies in the account, by asset: it is watched and never touched.
    """

    foreign: dict[str, Decimal] = {}


@final
class AccountDrifted(Event, frozen=True, array_like=True, tag=True, gc=False):
    """The broker's books and ours differ in a way that nobody can explain: no entries until they agree again."""

    reason: str


@final
class EpochBegan(Event, frozen=True, array_like=True, tag=True, gc=False):
    """
    The venue has begun anew: our orders and what our fills bought are gone, and the budget is whole again.

    Practice venues do so about once a month.
    """

    reason: str


@final
class MarketBarred(Event, frozen=True, array_like=True, tag=True, gc=False):
    """The place of execution takes no entries in a market; an empty reason lifts it."""

    symbol: str
    reason: str


@final
class BoundsChanged(Event, frozen=True, array_like=True, tag=True, gc=False):
    """
    The place of execution takes other quantities in one order of a market now.

    What is held below `least` is dust. `most` bounds orders at the market, where it is not 0.
    """

    symbol: str
    least: Decimal
    most: Decimal


@final
class HoldingShort(Event, frozen=True, array_like=True, tag=True, gc=False):
    """
    The account has not got all that our own fills bought to sell: so much of a market is missing, or locked by others.

    The books keep it. 0 says that all of it is there again.
    """

    symbol: str
    missing: Decimal
    reason: str


@final
class SettingsChanged(Event, frozen=True, array_like=True, tag=True, gc=False):
    """The run goes on under other settings; an open position keeps its stop unless the new one is tighter."""

    fingerprints: dict[str, str]
    settings: dict[str, str]


@final
class CandleClosed(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A candle became final. `at_ms` is its close time, which is exclusive."""

    symbol: str
    candle: Candle


@final
class Backfilled(Event, frozen=True, array_like=True, tag=True, gc=False):
    """History has answered for `[from_ms, to_ms)`: these closed candles, in order; what is missing never was."""

    symbol: str
    from_ms: int
    to_ms: int
    candles: tuple[Candle, ...]


@final
class PriceUpdated(Event, frozen=True, array_like=True, tag=True, gc=False):
    """
    A price between closes: it moves stops and marks, never windows.

    Raises:
        DataError: A price is not finite or not above zero, or the bid is above the ask.
    """

    symbol: str
    bid: float
    ask: float
    last: float

    def __post_init__(self) -> None:
        # One price that cannot be true must not move a mark, let alone trip a breaker.
        if not (0.0 < self.bid <= self.ask < inf and 0.0 < self.last < inf):
            raise DataError(f"impossible price of {self.symbol}: bid {self.bid}, ask {self.ask}, last {self.last}")


@final
class MarketSuspended(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A market's data cannot be proven: no entries there until it is restored."""

    symbol: str
    reason: str


@final
class MarketRestored(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A suspended market's data can be trusted again."""

    symbol: str


@final
class ModelDoubted(Event, frozen=True, array_like=True, tag=True, gc=False):
    """The model's forecasts of a market are trusted so far from now on; of all markets where the symbol is empty."""

    symbol: str
    doubt: Doubt
    reason: str


@final
class ForecastReady(Event, frozen=True, array_like=True, tag=True, gc=False):
    """
    The model's answer for the instant `close_time_ms`.

    `latency_ms` is measured on the wall clock between question and answer: it decides whether the answer is
    too old, and is left out of the journal's fingerprint.
    """

    close_time_ms: int
    forecasts: tuple[Forecast, ...]
    latency_ms: float = 0.0


@final
class ForecastFailed(Event, frozen=True, array_like=True, tag=True, gc=False):
    """The model could not answer for the instant `close_time_ms`."""

    close_time_ms: int
    reason: str


@final
class OrderAccepted(Event, frozen=True, array_like=True, tag=True, gc=False):
    """The venue holds the order."""

    client_order_id: str
    venue_order_id: str


@final
class OrderRejected(Event, frozen=True, array_like=True, tag=True, gc=False):
    """The venue's proven no."""

    client_order_id: str
    reason: str


@final
class OrderUnknown(Event, frozen=True, array_like=True, tag=True, gc=False):
    """Nobody can say yet whether the venue has the order."""

    client_order_id: str
    reason: str


@final
class OrderFilled(Event, frozen=True, array_like=True, tag=True, gc=False):
    """The venue executed (a part of) an order."""

    fill: Fill


@final
class OrderCancelled(Event, frozen=True, array_like=True, tag=True, gc=False):
    """What was left of an order is gone: cancelled or expired."""

    client_order_id: str
    reason: str


@final
class TimerFired(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A timer asked for by `WakeAt` has run out; `at_ms` is the time that was asked for."""

    timer: str


@final
class Halt(Event, frozen=True, array_like=True, tag=True, gc=False):
    """Stop trading until somebody says otherwise; protective stops stay."""

    reason: str


@final
class Resume(Event, frozen=True, array_like=True, tag=True, gc=False):
    """Lift the operator's halt and a tripped drawdown breaker."""

    reason: str


@final
class Flatten(Event, frozen=True, array_like=True, tag=True, gc=False):
    """Sell everything that our own fills bought, and take entries back. Trading is halted with it."""

    reason: str


AnyEvent = (
    RunStarted
    | SessionStarted
    | ModelReady
    | AccountReconciled
    | AccountDrifted
    | EpochBegan
    | SettingsChanged
    | CandleClosed
    | Backfilled
    | PriceUpdated
    | MarketSuspended
    | MarketRestored
    | MarketBarred
    | BoundsChanged
    | HoldingShort
    | ModelDoubted
    | ForecastReady
    | ForecastFailed
    | OrderAccepted
    | OrderRejected
    | OrderUnknown
    | OrderFilled
    | OrderCancelled
    | TimerFired
    | Halt
    | Resume
    | Flatten
)

SESSION_EVENTS = (RunStarted, SessionStarted, ModelReady, AccountReconciled)
"""Events of a process, not of the market: a run that was taken up again has more of them, so the journal's
fingerprint leaves them out."""
