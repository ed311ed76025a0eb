"""
One row of a comparison beside what followed: its forecasts of every fold, for each seed.

Figures are of the usual seed: each loss is the mean over seeds at its time, and no average of forecasts, which would
be another model. Where several markets are judged together, tests see the mean over the markets of an instant, since
these move as one. Pure arrays.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from strategies.forecasting.datasets import Dataset
from strategies.forecasting.evaluation import Scored
from strategies.forecasting.resampling import block_of, bootstrap_means, enough_blocks, percentile_bounds

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Judged(Struct, frozen=True, eq=False):
    """
    A row's forecasts: one `Scored` of n windows for each seed.

    `tested` are these windows, in order of time.
    """

    name: str
    by_seed: tuple[Scored, ...]
    tested: Dataset

    def mean(self, losses: Sequence[Floats]) -> Floats:
        """Mean over seeds of a loss, `(n,)`."""
        mean: Floats = np.mean(losses, axis=0, dtype=np.float64)
        return mean

    @property
    def moved(self) -> Flags:
        """`(n,)`: where the market moved at all, so that there was a direction."""
        moved: Flags = self.tested.next_return != 0.0
        return moved

    def squared(self) -> Floats:
        """Squared errors of the expected log return, `(n,)`."""
        return self.mean([(each.expected - each.next_return) ** 2 for each in self.by_seed])

    def absolute(self) -> Floats:
        """Absolute errors of the expected log return, `(n,)`."""
        return self.mean([np.abs(each.expected - each.next_return) for each in self.by_seed])

    def price_errors(self) -> tuple[Floats, Floats]:
        """Squared and absolute errors of the price at the end of the horizon, in quote currency, `(n,)` each."""
        close, came = self.tested.close, self.tested.close * np.exp(self.tested.next_return)
        errors = [close * np.exp(each.expected) - came for each in self.by_seed]
        return self.mean([error**2 for error in errors]), self.mean([np.abs(error) for error in errors])

    def brier(self) -> Floats:
        """Brier losses, `(n,)`; 0 where the market did not move."""
        up = (self.tested.next_return > 0.0).astype(np.float64)
        return self.mean([np.where(self.moved, (each.p_up - up) ** 2, 0.0) for each in self.by_seed])

    def hits(self) -> tuple[Floats, Flags]:
        """How often the direction was right, `(n,)`, and where any was said of a move, `(n,)`."""
        up = self.tested.next_return > 0.0
        said = self.moved & np.all([each.p_up != 0.5 for each in self.by_seed], axis=0)
        right = self.mean([((each.p_up > 0.5) == up).astype(np.float64) for each in self.by_seed])
        return np.where(said, right, 0.0), said

    def covered(self) -> Floats:
        """How often the interval held what came, `(n,)`."""
        return self.mean(
            [((one.lower <= one.next_return) & (one.next_return <= one.upper)).astype(float) for one in self.by_seed]
        )


def by_instant(values: Floats, counted: Flags, close_time_ms: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Sums of the counted values of each instant, and how many they are: `(i,)` each, instants without any left out."""
    _, first = np.unique(close_time_ms, return_index=True)
    sums = np.add.reduceat(np.where(counted, values, 0.0), first)
    counts = np.add.reduceat(counted.astype(np.float64), first)
    return sums[counts > 0.0], counts[counts > 0.0]


def instant_means(values: Floats, counted: Flags, close_time_ms: NDArray[np.int64]) -> Floats:
    """Means over the markets of each instant, `(i,)`: what tests of one series may look at."""
    sums, counts = by_instant(values, counted, close_time_ms)
    return sums / counts


def rate_bounds(sums: Floats, counts: Floats, horizon: int) -> tuple[float, float] | None:
    """95 % bounds of a rate by a block bootstrap of instants, both resampled at the same times; None for too few."""
    if not enough_blocks(len(sums), horizon):
        return None
    block = block_of(len(sums), horizon)
    return percentile_bounds(bootstrap_means(sums, block) / bootstrap_means(counts, block))
