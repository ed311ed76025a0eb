"""
Cuts history for a study: the stretches that trials are judged on, and behind them all the ones that judge the choice.

Every candle that a trial touches closes before the first test part begins, so no choice can know what is tested.
Pure arithmetic on times and candles; fits no network.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from bot.core.errors import DataError
from bot.core.gaps import Segment
from bot.core.window import FeatureSet
from strategies.forecasting.bundle import Architecture
from strategies.forecasting.datasets import Dataset, build_dataset
from strategies.forecasting.folds import Fold, Lengths, Span, gap_between, last_fold, walk_forward_folds


class TuningCourse(Struct, frozen=True):
    """
    Two data sets and how their time is used.

    `tried` holds nothing of `[tried_until_ms, …)`; each of `tried_on` has an empty test part, and their validation
    parts follow one another without a gap. `whole` holds everything; `judged_on` are folds whose test parts begin at
    `tried_until_ms`.
    """

    tried: Dataset
    tried_on: tuple[Fold, ...]
    tried_until_ms: int
    whole: Dataset
    judged_on: tuple[Fold, ...]


class FoldAnswer(Struct, frozen=True):
    """
    How a configuration did on the validation part of one fold.

    `loss` is the mean training loss of the best epoch, in units of σ; `outputs` are what the network said of each of
    the m windows, `(m, 2)` float32.
    """

    loss: float
    epochs: int
    best_epoch: int
    outputs: NDArray[np.float32]


def plan_tuning(
    segments: Sequence[Segment],
    features: FeatureSet,
    longest_window: int,
    timeframe_ms: int,
    lengths: Lengths,
    folds: int,
    markets: Sequence[int] | None = None,
) -> TuningCourse:
    """
    Plan a study on contiguous candles of one market or several.

    Both data sets are made for the longest window that may be chosen, and the gaps between parts are as long as it, so
    that every configuration is judged on the same decisions.

    Args:
        segments: The candles.
        features: What can be seen of them.
        longest_window: Rows in the longest window of the search.
        timeframe_ms: Length of a candle.
        lengths: How long the parts are, where there are candles enough.
        folds: Folds that trials are judged on, and again so many that judge the choice; at least 1.
        markets: Which market each segment is of, counted from 0; all of one if None.

    Raises:
        DataError: There are too few candles.
    """
    whole = build_dataset(segments, features, longest_window, timeframe_ms, markets=markets)
    history = Span(int(whole.close_time_ms[0]), int(whole.close_time_ms[-1]) + whole.horizon * timeframe_ms)
    gap_ms = gap_between(longest_window, whole.horizon, timeframe_ms)
    judged_on = walk_forward_folds(history, lengths, gap_ms, folds)
    tried_until_ms = judged_on[0].test.from_ms
    # An empty segment has no rows and no windows, so each keeps its market's place.
    known = [_before(segment, tried_until_ms, timeframe_ms) for segment in segments]
    return TuningCourse(
        build_dataset(known, features, longest_window, timeframe_ms, markets=markets),
        _folds_before(Span(history.from_ms, judged_on[0].validation.until_ms), lengths, gap_ms, folds),
        tried_until_ms,
        whole,
        judged_on,
    )


def seen_by(architecture: Architecture, dataset: Dataset) -> Dataset:
    """The same decisions with the window of a network, which is no longer than the data set's own."""
    if architecture.window > dataset.window:
        raise DataError(f"a window of {architecture.window} candles is longer than the planned {dataset.window}")
    return replace(dataset, window=architecture.window)


def _folds_before(known: Span, lengths: Lengths, gap_ms: int, folds: int) -> tuple[Fold, ...]:
    """Folds without a test part, the last of which ends with what is known, in order of time."""
    found: list[Fold] = []
    until_ms = known.until_ms
    for _ in range(folds):
        found.insert(0, last_fold(Span(known.from_ms, until_ms), lengths, gap_ms))
        until_ms = found[0].validation.from_ms
    return tuple(found)


def _before(segment: Segment, until_ms: int, timeframe_ms: int) -> Segment:
    count = int((segment.open_time_ms + timeframe_ms <= until_ms).sum())
    return Segment(segment.open_time_ms[:count], segment.ohlcv[:count], segment.filled[:count])
