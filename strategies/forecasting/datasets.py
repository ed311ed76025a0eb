"""
Windows and their labels, ready to be learnt from.

A data set holds each feature row once; windows are gathered from it batch by batch. Parts are cut out by the time
of the decision, for all markets alike. Knows nothing of networks or files.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from bot.core.errors import DataError
from bot.core.gaps import Segment
from bot.core.window import FeatureSet
from strategies.forecasting.feature_matrix import feature_matrix
from strategies.forecasting.labels import NEXT, LabelRule, label


class Beside(Struct, frozen=True, eq=False):
    """
    Columns beside those of the candles: `rows_at` gives `(n, C)` float32 for n close times, all of them finite.

    What an outside series was known to say at each close is such a thing; it is the same for every market.
    """

    names: tuple[str, ...]
    rows_at: Callable[[NDArray[np.int64]], NDArray[np.float32]]


class Dataset(Struct, frozen=True):
    """
    m windows over n feature rows, in the order of their close times.

    `rows` is `(n, F)`, its columns are `names`; `ends` are the indices of the windows' last rows. The rest is `(m,)`:
    when the decision is made, the return of the candle that led to it, the return over the `horizon` candles that
    follow, the volatility of as many as it was known, the price, which of the markets it is, and how many candles the
    label has: fewer than the `horizon` where a barrier ended it.
    """

    window: int
    rows: NDArray[np.float32]
    ends: NDArray[np.int64]
    close_time_ms: NDArray[np.int64]
    last_return: NDArray[np.float64]
    next_return: NDArray[np.float64]
    sigma: NDArray[np.float64]
    close: NDArray[np.float64]
    market: NDArray[np.int64]
    lasted: NDArray[np.int64]
    names: tuple[str, ...]
    horizon: int = 1

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
        return self.where((self.close_time_ms >= from_ms) & (self.close_time_ms < until_ms))

    def where(self, kept: NDArray[np.bool_]) -> "Dataset":
        """The windows that are marked, `(m,)`; the rows stay."""
        return replace(self, **{name: getattr(self, name)[kept] for name in _OF_WINDOWS})


_OF_WINDOWS: Final = ("ends", "close_time_ms", "last_return", "next_return", "sigma", "close", "market", "lasted")
"""The fields of a data set that have an entry for each window."""


def build_dataset(
    segments: Sequence[Segment],
    features: FeatureSet,
    window: int,
    timeframe_ms: int,
    rule: LabelRule = NEXT,
    *,
    markets: Sequence[int] | None = None,
    beside: Beside | None = None,
) -> Dataset:
    """
    Put the windows of every segment together.

    A window counts when its first row lies behind the warm-up, and when neither its last candle nor the last one of
    its label was filled in.

    Args:
        segments: Contiguous candles, of one market or of several.
        features: What to make of them.
        window: Rows in a window.
        timeframe_ms: Length of every candle.
        rule: What is to be foretold.
        markets: Which market each segment is of, counted from 0; all of one if None.
        beside: Columns to be put behind those of the candles.

    Raises:
        DataError: No segment is long enough for one window and its label.
    """
    numbers = [0] * len(segments) if markets is None else markets
    parts = [
        _dataset_of(segment, features, window, timeframe_ms, rule, market, beside)
        for segment, market in zip(segments, numbers, strict=True)
    ]
    if not sum(map(len, parts)):
        raise DataError(
            f"no stretch of candles without a long gap holds {features.warm_up + window + rule.horizon} of them, "
            "the warm-up, one window and its label: give more candles"
        )
    offsets = np.cumsum([0, *(len(part.rows) for part in parts[:-1])])
    moved = [replace(part, ends=part.ends + offset) for part, offset in zip(parts, offsets, strict=True)]
    joined = {name: np.concatenate([getattr(part, name) for part in moved]) for name in ("rows", *_OF_WINDOWS)}
    # Stable, so that the markets of one instant keep their order.
    order = np.argsort(joined["close_time_ms"], kind="stable")
    return replace(parts[0], rows=joined["rows"], **{name: joined[name][order] for name in _OF_WINDOWS})


def _dataset_of(
    segment: Segment,
    features: FeatureSet,
    window: int,
    timeframe_ms: int,
    rule: LabelRule,
    market: int,
    beside: Beside | None,
) -> Dataset:
    rows = feature_matrix(features, segment.open_time_ms, segment.ohlcv)
    close = segment.ohlcv[:, 3]
    labels = label(close, segment.filled, rows, features.names, rule)
    usable = labels.usable.copy()
    usable[: features.warm_up + window - 1] = False
    ends = np.flatnonzero(usable)
    if beside is not None:
        rows = np.concatenate([rows, beside.rows_at(segment.open_time_ms + timeframe_ms)], axis=1)
    return Dataset(
        window,
        rows,
        ends,
        segment.open_time_ms[ends] + timeframe_ms,
        np.log(close[ends] / close[ends - 1]),
        labels.next_return[ends],
        labels.sigma[ends],
        close[ends],
        np.full(len(ends), market, dtype=np.int64),
        labels.lasted[ends],
        (*features.names, *(beside.names if beside is not None else ())),
        rule.horizon,
    )
