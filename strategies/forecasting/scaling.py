"""
Brings every column of a feature row to one scale before a network sees it.

Elementwise and in float32, so that a row has the same bits whether it is scaled alone, in a window or with a
whole history. Fitted on training rows only; it knows nothing of windows, labels or files.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.errors import DataError

CLIP: Final = 6.0
"""Scaled values beyond this many robust deviations are cut: one crash must not own the gradient."""

MAD_TO_SIGMA: Final = 1.4826
"""The median absolute deviation of a normal, times this, is its standard deviation."""

Scale = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From raw rows `(..., F)` to scaled rows of the same shape."""


class Scaler(Struct, frozen=True):
    """One centre and one spread a column, and the bound of what comes out."""

    center: tuple[float, ...]
    spread: tuple[float, ...]
    clip: float = CLIP

    def function(self) -> Scale:
        """Scaling as a function of rows, with its constants ready as arrays."""
        center = np.asarray(self.center, dtype=np.float32)
        inverse = np.float32(1.0) / np.asarray(self.spread, dtype=np.float32)
        low, high = np.float32(-self.clip), np.float32(self.clip)

        def scale(rows: NDArray[np.float32]) -> NDArray[np.float32]:
            scaled = rows - center
            scaled *= inverse
            # NaN passes through a clip, so a broken input stays visible.
            return np.clip(scaled, low, high, out=scaled)

        return scale


def fit_scaler(rows: NDArray[np.float32]) -> Scaler:
    """
    Robust z-score: median and MAD of each column.

    A column whose MAD is zero (mostly one value) is scaled by its standard deviation; a constant one is only
    centred.

    Args:
        rows: `(n, F)` training rows.

    Raises:
        DataError: There is no row, or a value is not finite.
    """
    if not len(rows):
        raise DataError("a scaler needs training rows, and there are none: give more candles")
    if not np.isfinite(rows).all():
        row, column = np.argwhere(~np.isfinite(rows))[0]
        raise DataError(f"feature column {column} is not finite in training row {row}: check the candles there")
    exact = rows.astype(np.float64)
    center = np.median(exact, axis=0)
    spread = MAD_TO_SIGMA * np.median(np.abs(exact - center), axis=0)
    deviation = exact.std(axis=0)
    spread = np.where(spread > 0.0, spread, np.where(deviation > 0.0, deviation, 1.0))
    return Scaler(tuple(center.tolist()), tuple(spread.tolist()))
