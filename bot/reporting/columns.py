"""
A run as columns: what the figures, the charts and the words of this package are made from.

Only shapes; `reading` fills them, and nothing here judges.
"""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.commands import Verdict
from bot.core.events import RunStarted
from bot.core.market import Timeframe
from bot.reporting.own_fills import FilledOrder

Floats = NDArray[np.float64]
Times = NDArray[np.int64]


class Candles(Struct, frozen=True):
    """Candles of one market in order of time, each column `(n,)`. `filled` marks bars that never were."""

    open_ms: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    filled: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.open_ms)


class Forecasts(Struct, frozen=True):
    """Forecasts of one market in the order in which they were made, each column `(n,)`."""

    close_ms: Times
    p_up: Floats
    expected_return: Floats
    lower: Floats
    upper: Floats

    def __len__(self) -> int:
        return len(self.close_ms)


class Market(Struct, frozen=True):
    """What the run saw and foresaw of one market."""

    symbol: str
    candles: Candles
    forecasts: Forecasts


class Account(Struct, frozen=True):
    """The account at each mark, each column `(n,)`; one row an instant, the last one that was written for it."""

    time_ms: Times
    equity: Floats
    exposure_frac: Floats


class Happening(Struct, frozen=True):
    """
    Occurrences that a person should know of, alike but for the figures in their words.

    `text` is that of the first; `is_breaker` says that a circuit breaker changed what may be traded.
    """

    kind: str
    text: str
    first_ms: int
    last_ms: int
    count: int = 1
    symbols: tuple[str, ...] = ()
    is_breaker: bool = False


class Decisions(Struct, frozen=True):
    """
    Counts of the decisions, and the best move that any of them expected.

    `reasons` counts `(verdict, reason)`. The two moves, in basis points, belong to the same decision; they are None
    where no decision stated a move.
    """

    signals: int
    reasons: dict[tuple[Verdict, str], int]
    best_expected_move_bps: float | None
    needed_move_bps: float | None

    def of(self, verdict: Verdict) -> int:
        """How many decisions ended so."""
        return sum(count for (ended, _), count in self.reasons.items() if ended is verdict)


class RunColumns(Struct, frozen=True):
    """
    Everything that a report says of a run, before any figure is made of it.

    `fills_marked` is how many of the fills are inside the last mark: what came after it is not in the equity.
    """

    header: RunStarted
    events_sha256: str
    finished: bool
    timeframe: Timeframe
    markets: tuple[Market, ...]
    account: Account
    fills: tuple[FilledOrder, ...]
    fills_marked: int
    orders: int
    sessions: int
    decisions: Decisions
    happenings: tuple[Happening, ...]
