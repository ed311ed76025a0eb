"""
Leaks to be planted into a copy of the pipeline: an audit whose detectors were never seen to fail proves nothing.

Each is the mistake as people make it, and carries the name of the check that has to catch it. Nothing that trains or
serves imports this file.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from msgspec.structs import replace

from bot.core.gaps import Segment, segments
from bot.core.market import Timeframe
from bot.core.resampling import Resampled, resample
from bot.core.window import FeatureSet
from strategies.forecasting.audit import Floats, Pipeline, Rows, Times
from strategies.forecasting.audit_steps import (
    BACK_FILL,
    CENTRED_AVERAGE,
    EARLY_AVAILABILITY,
    EARLY_DECISION,
    GLOBAL_SCALING,
    LABEL_OVERLAP,
    UNFINISHED_BAR,
)
from strategies.forecasting.course import Course, plan_course
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.external.asof import KnownSteps, steps_of_values
from strategies.forecasting.external.rows import SeriesColumns
from strategies.forecasting.feature_matrix import feature_matrix
from strategies.forecasting.folds import Fold, Lengths, Span
from strategies.forecasting.labels import LabelRule
from strategies.forecasting.scaling import Scaler, fit_scaler

_HALF: Final = 2
"""Bars on either side of a centred average."""


def scaler_of_everything(dataset: Dataset, _fold: Fold, kind: str) -> Scaler:
    """Fit the scaler once, on the whole history: validation and test have a say in it."""
    return fit_scaler(dataset.covered_rows(), kind)


def centred_rows(features: FeatureSet, open_time_ms: Times, ohlcv: Floats) -> Rows:
    """Smooth the first column by the mean of five bars, two of which have not come yet."""
    rows = feature_matrix(features, open_time_ms, ohlcv)
    padded = np.pad(rows[:, 0].astype(np.float64), _HALF, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _HALF + 1)
    rows[:, 0] = around.mean(axis=1)
    return rows


def back_filled(open_time_ms: Times, ohlcv: Floats, timeframe: Timeframe) -> tuple[Segment, ...]:
    """Put the next bar that exists into the place of every missing one."""
    parts = []
    for part in segments(open_time_ms, ohlcv, timeframe):
        real = np.flatnonzero(~part.filled)
        source = real[np.searchsorted(real, np.arange(len(part)))]
        parts.append(Segment(part.open_time_ms, part.ohlcv[source], part.filled))
    return tuple(parts)


def touching_folds(
    parts: Sequence[Segment],
    features: FeatureSet,
    window: int,
    timeframe_ms: int,
    lengths: Lengths,
    folds: int,
    rule: LabelRule,
) -> Course:
    """Let every part of a fold end where the next one begins: the last label is the next part's first candle."""
    course = plan_course(parts, features, window, timeframe_ms, lengths, folds, rule)
    return replace(course, shipped=_touching(course.shipped), judged_on=tuple(map(_touching, course.judged_on)))


def decided_at_the_open(
    parts: Sequence[Segment],
    features: FeatureSet,
    window: int,
    timeframe_ms: int,
    lengths: Lengths,
    folds: int,
    rule: LabelRule,
) -> Course:
    """Date every decision by the time its last candle opens, as a frame that is indexed by open times does."""
    course = plan_course(parts, features, window, timeframe_ms, lengths, folds, rule)
    dated = replace(course.dataset, close_time_ms=course.dataset.close_time_ms - timeframe_ms)
    return replace(course, dataset=dated)


def bars_as_they_stand(open_time_ms: Times, ohlcv: Floats, source: Timeframe, target: Timeframe) -> Resampled:
    """Take the newest bar for closed while candles of it are still missing."""
    closed = resample(open_time_ms, ohlcv, source, target)
    opens_ms = int(open_time_ms[-1]) // target.ms * target.ms
    if opens_ms in closed.open_time_ms:
        return closed
    forming = ohlcv[open_time_ms >= opens_ms]
    bar = [forming[0, 0], forming[:, 1].max(), forming[:, 2].min(), forming[-1, 3], forming[:, 4].sum()]
    return Resampled(np.append(closed.open_time_ms, opens_ms), np.vstack([closed.ohlcv, bar]), closed.incomplete_ms)


def joined_by_event(name: str, columns: SeriesColumns, max_age_ms: int) -> KnownSteps:
    """Join by the time that a value is about, as if it had been known when it happened."""
    return steps_of_values(name, replace(columns, available_at_ms=columns.event_time_ms), max_age_ms)


LEAKS: Final[Mapping[str, Callable[[Pipeline], Pipeline]]] = {
    GLOBAL_SCALING: lambda pipeline: replace(pipeline, scale=scaler_of_everything),
    CENTRED_AVERAGE: lambda pipeline: replace(pipeline, make_rows=centred_rows),
    BACK_FILL: lambda pipeline: replace(pipeline, bridge=back_filled),
    LABEL_OVERLAP: lambda pipeline: replace(pipeline, plan=touching_folds),
    EARLY_DECISION: lambda pipeline: replace(pipeline, plan=decided_at_the_open),
    UNFINISHED_BAR: lambda pipeline: replace(pipeline, close_bars=bars_as_they_stand),
    EARLY_AVAILABILITY: lambda pipeline: replace(pipeline, join=joined_by_event),
}
"""A leak's name, which is that of the check that must catch it, and how it gets into a copy of a pipeline."""


def _touching(fold: Fold) -> Fold:
    train = Span(fold.train.from_ms, fold.validation.from_ms)
    until_ms = fold.test.from_ms if fold.test.until_ms > fold.test.from_ms else fold.validation.until_ms
    return Fold(train, Span(fold.validation.from_ms, until_ms), fold.test)
