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

from bot.core.errors import ConfigError, DataError

Floats = NDArray[np.float64]

CLIP: Final = 6.0
"""Scaled values beyond this many spreads are cut: one crash must not own the gradient."""

MAD_TO_SIGMA: Final = 1.4826
"""The median absolute deviation of a normal, times this, is its standard deviation."""

Scale = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From raw rows `(..., F)` to scaled rows of the same shape."""


class Scaler(Struct, frozen=True):
    """
    One centre and one spread a column, and the bound of what comes out.

    `muted` columns come out as zero, whatever they hold: the network is not to see them.
    """

    center: tuple[float, ...]
    spread: tuple[float, ...]
    clip: float = CLIP
    muted: tuple[int, ...] = ()

    def function(self) -> Scale:
        """Scaling as a function of rows, with its constants ready as arrays."""
        center = np.asarray(self.center, dtype=np.float32)
        inverse = np.float32(1.0) / np.asarray(self.spread, dtype=np.float32)
        inverse[np.array(self.muted, dtype=np.intp)] = np.float32(0.0)
        low, high = np.float32(-self.clip), np.float32(self.clip)

        def scale(rows: NDArray[np.float32]) -> NDArray[np.float32]:
            scaled = rows - center
            scaled *= inverse
            # NaN passes through a clip, so a broken input stays visible.
            return np.clip(scaled, low, high, out=scaled)

        return scale


def fit_scaler(rows: NDArray[np.float32], kind: str = "robust") -> Scaler:
    """
    Fit a scaler of one of the `SCALERS`.

    A constant column is only centred.

    Args:
        rows: `(n, F)` training rows, and no others: what a test part looks like is not known yet.
        kind: The scaler's name.

    Raises:
        ConfigError: There is no such scaler.
        DataError: There is no row, or a value is not finite.
    """
    if kind not in SCALERS:
        raise ConfigError(f"there is no scaler {kind}: choose of {', '.join(SCALERS)}")
    if not len(rows):
        raise DataError("a scaler needs training rows, and there are none: give more candles")
    if not np.isfinite(rows).all():
        row, column = np.argwhere(~np.isfinite(rows))[0]
        raise DataError(f"feature column {column} is not finite in training row {row}: check the candles there")
    center, spread = SCALERS[kind](rows.astype(np.float64))
    spread = np.where(spread > 0.0, spread, 1.0)
    return Scaler(tuple(center.tolist()), tuple(spread.tolist()))


def _robust(rows: Floats) -> tuple[Floats, Floats]:
    """Median and MAD; a column whose MAD is zero (mostly one value) is scaled by its standard deviation."""
    center = np.median(rows, axis=0)
    spread = MAD_TO_SIGMA * np.median(np.abs(rows - center), axis=0)
    return center, np.where(spread > 0.0, spread, rows.std(axis=0))


def _z_score(rows: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation."""
    return rows.mean(axis=0), rows.std(axis=0)


def _min_max(rows: Floats) -> tuple[Floats, Floats]:
    """Middle and half of the range, so that training rows fill [-1, 1]; later ones may lie outside."""
    low, high = rows.min(axis=0), rows.max(axis=0)
    return (low + high) / 2.0, (high - low) / 2.0


SCALERS: Final[dict[str, Callable[[Floats], tuple[Floats, Floats]]]] = {
    "robust": _robust,
    "z-score": _z_score,
    "min-max": _min_max,
}
"""Ways to find the centre and the spread of each column, by name."""
