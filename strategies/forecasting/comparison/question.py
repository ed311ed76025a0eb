"""
What is compared: one timeframe, one horizon, the same windows and folds for every row.

Knows nothing of models.
"""

import hashlib
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from bot.core.errors import DataError
from bot.core.gaps import Segment
from bot.core.market import Timeframe
from bot.core.window import FeatureSet
from strategies.forecasting.datasets import Beside, Dataset, build_dataset
from strategies.forecasting.folds import Fold, Lengths, Span, final_fold, gap_between, walk_forward_folds
from strategies.forecasting.labels import LabelRule


class Market(Struct, frozen=True, eq=False):
    """Candles of one market, cut where they have long gaps."""

    symbol: str
    segments: tuple[Segment, ...]


class Question(Struct, frozen=True, eq=False, dict=True):
    """
    A data set and the folds on which everybody is judged. `symbols[i]` is market i of the data set.

    `final` is the fold of a locked period, which lies after all others and is touched by none of them.
    """

    timeframe: Timeframe
    rule: LabelRule
    symbols: tuple[str, ...]
    dataset: Dataset
    folds: tuple[Fold, ...]
    final: Fold | None

    @cached_property
    def fingerprint(self) -> str:
        """The sha256 of the data set: of every number in it."""
        return _fingerprint(self.dataset, self.dataset.ends)

    def fold_fingerprint(self, fold: Fold) -> str:
        """The sha256 of all that a fold reads; what comes later in the data set is no part of it."""
        part = self.dataset.between(fold.train.from_ms, fold.test.until_ms)
        return _fingerprint(replace(part, rows=part.covered_rows()), part.ends - part.ends[:1])

    @property
    def name(self) -> str:
        """Say what is asked: `1h, 4 candles ahead`."""
        ahead = "the next candle" if self.rule.horizon == 1 else f"{self.rule.horizon} candles ahead"
        return f"{self.timeframe.value}, {ahead}"

    @property
    def reach_ms(self) -> int:
        """How far ahead a forecast speaks."""
        return self.rule.horizon * self.timeframe.ms


class Course(Struct, frozen=True):
    """How time is used: lengths of the parts, number of folds, and from when on nothing is looked at but once."""

    lengths: Lengths
    folds: int
    locked_from_ms: int | None = None


def ask(
    timeframe: Timeframe,
    markets: Sequence[Market],
    features: FeatureSet,
    window: int,
    rule: LabelRule,
    course: Course,
    beside: Beside | None = None,
) -> Question:
    """
    Make a question of candles.

    Args:
        timeframe: The length of all candles.
        markets: Whose they are; several are learnt from together.
        features: What is seen of them.
        window: Candles that are looked back at.
        rule: What is to be foretold.
        course: How time is used.
        beside: Columns from elsewhere.

    Raises:
        DataError: There are too few candles.
    """
    segments = [segment for market in markets for segment in market.segments]
    numbers = [number for number, market in enumerate(markets) for _ in market.segments]
    dataset = build_dataset(segments, features, window, timeframe.ms, rule, markets=numbers, beside=beside)
    reach_ms = rule.horizon * timeframe.ms
    whole = Span(int(dataset.close_time_ms[0]), int(dataset.close_time_ms[-1]) + reach_ms)
    gap_ms = gap_between(window, rule.horizon, timeframe.ms)
    final, open_until = None, whole.until_ms
    if course.locked_from_ms is not None:
        final = final_fold(whole, course.lengths, gap_ms, course.locked_from_ms)
        # The last open label is settled before the lock.
        open_until = course.locked_from_ms
    open_history = Span(whole.from_ms, open_until)
    folds = walk_forward_folds(open_history, course.lengths, gap_ms, course.folds)
    folds = tuple(_settled(fold, open_until - reach_ms + 1) for fold in folds)
    question = Question(timeframe, rule, tuple(market.symbol for market in markets), dataset, folds, final)
    for fold in (*folds, *([final] if final else [])):
        if not len(dataset.between(fold.test.from_ms, fold.test.until_ms)):
            raise DataError(f"{question.name}: a fold has no window to be tested on; give more candles or fewer folds")
    return question


def _settled(fold: Fold, until_ms: int) -> Fold:
    """The fold without test windows whose label would reach past the open period."""
    return Fold(fold.train, fold.validation, Span(fold.test.from_ms, min(fold.test.until_ms, until_ms)))


def judged_windows(question: Question, folds: Sequence[Fold]) -> Dataset:
    """The windows of the test parts, in order of time."""
    inside = np.zeros(len(question.dataset), dtype=np.bool_)
    for fold in folds:
        times = question.dataset.close_time_ms
        inside |= (times >= fold.test.from_ms) & (times < fold.test.until_ms)
    return question.dataset.where(inside)


def _fingerprint(dataset: Dataset, places: NDArray[np.int64]) -> str:
    digest = hashlib.sha256(repr((dataset.window, dataset.horizon, dataset.names)).encode())
    for name in dataset.__struct_fields__:
        value = places if name == "ends" else getattr(dataset, name)
        if isinstance(value, np.ndarray):
            digest.update(repr((name, value.shape)).encode() + np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()
