"""
What a network is asked to learn: the log return of the candles to come, in units of today's volatility.

The volatility is a column of the feature row, so that training and serving read the same number; that of a random walk
over h candles is sqrt(h) times that of one. Pure arrays; knows nothing of files, splits or networks.
"""

from math import inf, sqrt
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.errors import ConfigError

LONGEST: Final = 24
"""Candles ahead beyond which nothing is asked: what skill was ever seen ends long before."""

SIGMA_COLUMN: Final = "log_sigma"
"""Natural logarithm of the volatility of one candle's log return, as known at the close."""


class LabelRule(Struct, frozen=True):
    """
    What a label is: the return over `horizon` candles, or until a barrier is crossed.

    `barrier` is a distance in units of the horizon's volatility. The first close beyond it, above or below, ends the
    label there; otherwise it ends with the horizon, the third barrier (López de Prado 2018, "Advances in Financial
    Machine Learning", section 3.4, judged at closes, whose order is known).

    Raises:
        ConfigError: The horizon is not of 1 to 24 candles, or the barrier not above 0.
    """

    horizon: int = 1
    barrier: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.horizon <= LONGEST:
            raise ConfigError(f"a horizon of {self.horizon} candles cannot be asked for: choose 1 to {LONGEST}")
        if self.barrier is not None and not 0.0 < self.barrier < inf:
            raise ConfigError(f"a barrier {self.barrier} volatilities away cannot be crossed: give a number above 0")


NEXT: Final = LabelRule()
"""The next candle alone."""


class Labels(Struct, frozen=True):
    """
    What followed each candle, all `(n,)`.

    `next_return` is the log return from this close to the end of the label, `sigma` the volatility of the whole
    horizon as known at this close. `lasted` is how many candles the label has: the horizon, or fewer where a barrier
    was crossed before. `usable` is false where the history ends before the horizon, or where this candle
    or the horizon's last was filled in: a price that never was is nothing to learn from, and no entry is ever made on
    one.
    """

    next_return: NDArray[np.float64]
    sigma: NDArray[np.float64]
    lasted: NDArray[np.int64]
    usable: NDArray[np.bool_]


def label(
    close: NDArray[np.float64],
    filled: NDArray[np.bool_],
    rows: NDArray[np.float32],
    names: tuple[str, ...],
    rule: LabelRule = NEXT,
) -> Labels:
    """
    Label every candle of one contiguous series.

    Args:
        close: `(n,)` closes.
        filled: `(n,)` whether the candle stands in for a missing one.
        rows: `(n, F)` feature rows.
        names: The columns of `rows`; `SIGMA_COLUMN` is one of them.
        rule: How far a label reaches.
    """
    ahead = rule.horizon
    sigma = np.exp(rows[:, names.index(SIGMA_COLUMN)].astype(np.float64)) * sqrt(ahead)
    next_return = np.zeros(len(close))
    lasted = np.full(len(close), ahead, dtype=np.int64)
    next_return[:-ahead] = np.log(close[ahead:] / close[:-ahead])
    if rule.barrier is not None:
        next_return[:-ahead], lasted[:-ahead] = _until_barrier(close, rule.barrier * sigma, ahead)
    usable = np.zeros(len(close), dtype=np.bool_)
    usable[:-ahead] = ~filled[:-ahead] & ~filled[ahead:]
    return Labels(next_return, sigma, lasted, usable)


def _until_barrier(
    close: NDArray[np.float64], distance: NDArray[np.float64], ahead: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """
    Go until the first close at least this far away, or until the horizon ends.

    Returns:
        Log returns until then, and candles, `(n - ahead,)` each.
    """
    if len(close) <= ahead:
        return np.empty(0), np.empty(0, dtype=np.int64)
    logs = np.log(close)
    paths = np.lib.stride_tricks.sliding_window_view(logs[1:], ahead) - logs[:-ahead, None]  # (n - ahead, ahead)
    beyond = np.abs(paths) >= distance[:-ahead, None]
    ends = np.where(beyond.any(axis=1), beyond.argmax(axis=1), ahead - 1)
    returns: NDArray[np.float64] = paths[np.arange(len(paths)), ends]
    return returns, ends + 1
