"""
Plans a training, from candles to a data set.

Cuts the stretch that the shipped network learns from, and the stretches on which that way of learning is judged.
Knows no network.
"""

from collections.abc import Sequence

from msgspec import Struct

from bot.core.gaps import Segment
from bot.core.window import FeatureSet
from strategies.forecasting.datasets import Dataset, build_dataset
from strategies.forecasting.folds import Fold, Lengths, Span, gap_between, last_fold, walk_forward_folds
from strategies.forecasting.labels import NEXT, LabelRule


class Course(Struct, frozen=True):
    """
    A data set and how its time is used.

    `shipped` is the fold of the network that is shipped. Candles of `[trained_from_ms, trained_until_ms)` have
    touched it: as label, window or warm-up, in training or validation.
    """

    dataset: Dataset
    shipped: Fold
    judged_on: tuple[Fold, ...]
    trained_from_ms: int
    trained_until_ms: int


def plan_course(
    segments: Sequence[Segment],
    features: FeatureSet,
    window: int,
    timeframe_ms: int,
    lengths: Lengths,
    folds: int,
    rule: LabelRule = NEXT,
) -> Course:
    """
    Plan a training on contiguous candles of one market or several.

    Args:
        segments: The candles.
        features: What the network is to see of them.
        window: How many rows at a time.
        timeframe_ms: Length of a candle.
        lengths: How long the parts are, where there are candles enough.
        folds: Stretches to judge on; 0 for none.
        rule: What is to be foretold.

    Raises:
        DataError: There are too few candles.
    """
    dataset = build_dataset(segments, features, window, timeframe_ms, rule)
    # A decision at one close is settled at the horizon's last.
    history = Span(int(dataset.close_time_ms[0]), int(dataset.close_time_ms[-1]) + rule.horizon * timeframe_ms)
    gap_ms = gap_between(window, rule.horizon, timeframe_ms)
    shipped = last_fold(history, lengths, gap_ms)
    first_open_ms = min(int(segment.open_time_ms[0]) for segment in segments)
    reach_ms = (features.warm_up + window) * timeframe_ms
    return Course(
        dataset,
        shipped,
        walk_forward_folds(history, lengths, gap_ms, folds),
        max(first_open_ms, shipped.train.from_ms - reach_ms),
        history.until_ms,
    )
