"""
Windows and their labels, ready to be learnt from.

A data set holds each feature row once; windows are gathered from it batch by batch. Parts are cut out by the time
of the decision, for all markets alike. Knows nothing of networks or files.
"""

from collections.abc import Iterable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.errors import DataError
from bot.core.gaps import Segment
from bot.core.window import FeatureSet
from strategies.forecasting.feature_matrix import feature_matrix
from strategies.forecasting.labels import label


class Dataset(Struct, frozen=True):
    """
    m windows over n feature rows, in the order of their close times.

    `rows` is `(n, F)`; `ends` are the indices of the windows' last rows. The rest is `(m,)`: when the decision
    is made, the return that led to it, the return that follows, and the volatility known.
    """

    window: int
    rows: NDArray[np.float32]
    ends: NDArray[np.int64]
    close_time_ms: NDArray[np.int64]
    last_return: NDArray[np.float64]
    next_return: NDArray[np.float64]
    sigma: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def moves(self) -> NDArray[np.float64]:
        """The labels, `(m,)`: next returns in units of σ."""
        return self.next_return / self.sigma

    def windows(self, rows: NDArray[np.float32], chosen: NDArray[np.int64]) -> NDArray[np.float32]:
        """The chosen windows, `(len(chosen), T, F)`, of `rows`: this data set's own, or the same rows scaled."""
        gathered: NDArray[np.float32] = rows[self.ends[chosen, None] + np.arange(1 - self.window, 1)]
        return gathered

    def covered_rows(self) -> NDArray[np.float32]:
        """The rows that any window holds, each once."""
        covered = np.zeros(len(self.rows) + 1, dtype=np.int64)
        np.add.at(covered, self.ends - self.window + 1, 1)
        np.add.at(covered, self.ends + 1, -1)
        return self.rows[np.cumsum(covered)[:-1] > 0]

    def between(self, from_ms: int, until_ms: int) -> "Dataset":
        """The windows that are decided in `[from_ms, until_ms)`."""
        kept = (self.close_time_ms >= from_ms) & (self.close_time_ms < until_ms)
        return Dataset(
            self.window,
            self.rows,
            self.ends[kept],
            self.close_time_ms[kept],
            self.last_return[kept],
            self.next_return[kept],
            self.sigma[kept],
        )


def build_dataset(segments: Iterable[Segment], features: FeatureSet, window: int, timeframe_ms: int) -> Dataset:
    """
    Put the windows of every segment together.

    A window counts when its first row lies behind the warm-up, and when neither its last candle nor the next one
    was filled in.

    Args:
        segments: Contiguous candles, of one market or of several.
        features: What to make of them.
        window: Rows in a window.
        timeframe_ms: Length of every candle.

    Raises:
        DataError: No segment is long enough for one window and its label.
    """
    parts = [_dataset_of(segment, features, window, timeframe_ms) for segment in segments]
    if not sum(map(len, parts)):
        raise DataError(
            f"no stretch of candles without a long gap holds {features.warm_up + window + 1} of them, "
            "the warm-up, one window and its label: give more candles"
        )
    offsets = np.cumsum([0, *(len(part.rows) for part in parts[:-1])])
    close_time_ms = np.concatenate([part.close_time_ms for part in parts])
    # Stable, so that the markets of one instant keep their order.
    order = np.argsort(close_time_ms, kind="stable")
    return Dataset(
        window,
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.ends + offset for part, offset in zip(parts, offsets, strict=True)])[order],
        close_time_ms[order],
        np.concatenate([part.last_return for part in parts])[order],
        np.concatenate([part.next_return for part in parts])[order],
        np.concatenate([part.sigma for part in parts])[order],
    )


def _dataset_of(segment: Segment, features: FeatureSet, window: int, timeframe_ms: int) -> Dataset:
    rows = feature_matrix(features, segment.open_time_ms, segment.ohlcv)
    labels = label(segment.ohlcv[:, 3], segment.filled, rows, features.names)
    usable = labels.usable.copy()
    usable[: features.warm_up + window - 1] = False
    ends = np.flatnonzero(usable)
    return Dataset(
        window,
        rows,
        ends,
        segment.open_time_ms[ends] + timeframe_ms,
        labels.next_return[ends - 1],
        labels.next_return[ends],
        labels.sigma[ends],
    )
