"""
What a network is asked to learn: the next candle's log return, in units of today's volatility.

The volatility is a column of the feature row, so that training and serving read the same number. Pure arrays;
knows nothing of files, splits or networks.
"""

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

SIGMA_COLUMN: Final = "log_sigma"
"""Natural logarithm of the volatility of one candle's log return, as known at the close."""


class Labels(Struct, frozen=True):
    """
    What followed each candle, all `(n,)`.

    `next_return` is the log return from this close to the next, `sigma` the volatility known at this close.
    `usable` is false where there is no next candle, or where this one or the next was filled in: a price that
    never was is nothing to learn from, and no entry is ever made on one.
    """

    next_return: NDArray[np.float64]
    sigma: NDArray[np.float64]
    usable: NDArray[np.bool_]


def label(
    close: NDArray[np.float64], filled: NDArray[np.bool_], rows: NDArray[np.float32], names: tuple[str, ...]
) -> Labels:
    """
    Label every candle of one contiguous series.

    Args:
        close: `(n,)` closes.
        filled: `(n,)` whether the candle stands in for a missing one.
        rows: `(n, F)` feature rows.
        names: The columns of `rows`; `SIGMA_COLUMN` is one of them.
    """
    next_return = np.zeros(len(close))
    next_return[:-1] = np.log(close[1:] / close[:-1])
    usable = np.zeros(len(close), dtype=np.bool_)
    usable[:-1] = ~filled[:-1] & ~filled[1:]
    sigma = np.exp(rows[:, names.index(SIGMA_COLUMN)].astype(np.float64))
    return Labels(next_return, sigma, usable)
