"""
The words of an audit: what is audited, what a check says, and what counts as changed.

A check holds when its figure lies between its bounds. Where it can be, a check is a comparison of bits: everything
that happens after some moment is replaced by another future, and what was known at that moment must be the same to
the last bit. Knows nothing of networks, files or markets.
"""

from collections.abc import Callable, Sequence
from math import isnan
from typing import Any, Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.gaps import Segment, segments
from bot.core.market import Timeframe
from bot.core.resampling import Resampled, resample
from bot.core.window import FeatureSet
from strategies.forecasting.course import Course, plan_course
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.external.asof import KnownSteps, steps_of_values
from strategies.forecasting.external.rows import SeriesColumns
from strategies.forecasting.feature_matrix import feature_matrix
from strategies.forecasting.folds import Fold, Lengths
from strategies.forecasting.labels import NEXT, LabelRule
from strategies.forecasting.scaling import Scaler, fit_scaler

Times = NDArray[np.int64]
Floats = NDArray[np.float64]
Rows = NDArray[np.float32]

PlanCourse = Callable[[Sequence[Segment], FeatureSet, int, int, Lengths, int, LabelRule], Course]

MakeMarket = Callable[[Timeframe, float, int, int], Segment]
"""Makes candles of an invented market: their length, the correlation of neighbouring returns, a seed, how many."""

_BITS: Final = {1: np.uint8, 4: np.uint32, 8: np.uint64}
_WILD: Final = 0.2
"""Standard deviation of the log prices of another future: nothing about it is like what really came."""


def scaler_of_fold(dataset: Dataset, fold: Fold, kind: str) -> Scaler:
    """Fit the scaler as training does: on the rows that the training part's windows hold."""
    return fit_scaler(dataset.between(fold.train.from_ms, fold.train.until_ms).covered_rows(), kind)


class Pipeline(Struct, frozen=True, eq=False):
    """
    The steps from candles to what a network learns from, each of them replaceable.

    By default they are the shipped ones. A leak is planted by putting a leaky step in the place of one. `rule` says
    what is foretold, `scaler` how columns are scaled.
    """

    features: FeatureSet
    window: int
    timeframe: Timeframe
    rule: LabelRule = NEXT
    scaler: str = "robust"
    lengths: Lengths = Lengths()
    close_bars: Callable[[Times, Floats, Timeframe, Timeframe], Resampled] = resample
    bridge: Callable[[Times, Floats, Timeframe], Sequence[Segment]] = segments
    make_rows: Callable[[FeatureSet, Times, Floats], Rows] = feature_matrix
    plan: PlanCourse = plan_course
    scale: Callable[[Dataset, Fold, str], Scaler] = scaler_of_fold
    join: Callable[[str, SeriesColumns, int], KnownSteps] = steps_of_values

    def course(self, series: Segment, folds: int = 1) -> Course:
        """Plan a training on one stretch of candles."""
        return self.plan([series], self.features, self.window, self.timeframe.ms, self.lengths, folds, self.rule)


class Check(Struct, frozen=True):
    """
    One question of an audit and its answer.

    It holds when `figure` lies within `[low, high]`, a bound of None being none, and when it saw enough to fail:
    otherwise `blind` says why it could not. `chance` is how often an honest pipeline would fail it by bad luck, `words`
    are what it is called when it holds and when it does not.
    """

    name: str
    measures: str
    figure: float
    low: float | None = None
    high: float | None = None
    detail: str = ""
    chance: float = 0.0
    blind: str = ""
    words: tuple[str, str] = ("holds", "FAILS")

    @property
    def verdict(self) -> str:
        """What it is called."""
        return self.words[0] if self.held else self.words[1]

    @property
    def held(self) -> bool:
        """Whether it holds; a figure that is not a number does not."""
        above = self.low is None or self.figure >= self.low
        below = self.high is None or self.figure <= self.high
        return above and below and not isnan(self.figure) and not self.blind


class Seen(Struct, frozen=True):
    """
    What a comparison of two futures saw.

    `compared` values were known before they parted and `changed` of them differ; of those that came after, `moved`
    differ: without one of them the comparison would have been of two equal futures.
    """

    changed: int = 0
    compared: int = 0
    moved: int = 0

    def __add__(self, other: "Seen") -> "Seen":
        return Seen(self.changed + other.changed, self.compared + other.compared, self.moved + other.moved)


def unchanged(name: str, seen: Seen, futures: int) -> Check:
    """Check that nothing which was known has changed."""
    blind = "" if seen.compared and seen.moved else "nothing was compared, or the other future was the same"
    detail = f"{seen.compared:,} values compared under {futures} other futures, {seen.moved:,} later ones moved"
    return Check(name, "values changed", float(seen.changed), 0.0, 0.0, detail, blind=blind)


def caught(check: Check, leak: str) -> Check:
    """Check that a detector has failed on a pipeline with a leak planted into it."""
    said = f"by {check.name!r}: {check.detail}"
    words = ("caught", "MISSED")
    return Check(f"planted {leak}", check.measures, check.figure, 1.0, None, said, blind=check.blind, words=words)


def differing(was: NDArray[Any], now: NDArray[Any]) -> int:
    """Count the values whose bits differ; arrays of different shapes differ in every value."""
    if was.shape != now.shape or was.dtype != now.dtype:
        return max(was.size, now.size, 1)
    bits = _BITS[was.dtype.itemsize]
    return int(np.count_nonzero(np.ascontiguousarray(was).view(bits) != np.ascontiguousarray(now).view(bits)))


def another_future(ohlcv: Floats, from_row: int, seed: int) -> Floats:
    """
    Draw the candles from a row on anew: possible ones, and of no market that ever was.

    Args:
        ohlcv: `(n, 5)`; left as it is.
        from_row: The first row that is drawn.
        seed: Another seed, another future.
    """
    random = np.random.default_rng(seed)
    told = ohlcv.copy()
    count = len(ohlcv) - from_row
    prices = ohlcv[max(from_row - 1, 0), 3] * np.exp(random.normal(0.0, _WILD, (count, 4)))
    told[from_row:, 0], told[from_row:, 3] = prices[:, 0], prices[:, 1]
    told[from_row:, 1], told[from_row:, 2] = prices.max(axis=1), prices.min(axis=1)
    told[from_row:, 4] = random.uniform(0.0, 2.0 * float(ohlcv[:, 4].mean()) + 1.0, count)
    return told


def with_another_future(series: Segment, from_ms: int, seed: int) -> Segment:
    """Give the same candles up to a time, and others from the one on that opens then or later."""
    row = int(np.searchsorted(series.open_time_ms, from_ms))
    return Segment(series.open_time_ms, another_future(series.ohlcv, row, seed), series.filled)
