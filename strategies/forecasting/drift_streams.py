"""
Streams of numbers that are watched, each in constant time a candle: what went by lately, in standard errors.

A stream remembers one window and nothing else, and says nothing before the window is full. Pure arithmetic; knows
nothing of forecasts, markets or what is done about a shift.
"""

from math import asin, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_ROUNDING: Final = 1e-9
"""A sum of variances below this is what rounding has left of none."""

_UNSEEN: Final = 0.5
"""What is added to every count of a bin, so that an empty one has a logarithm."""


class RollingSums:
    """
    Sums of the last `window` rows of a few numbers. Plain floats: an array of four costs more than it saves.

    Args:
        window: Rows in the sums.
        width: Numbers in a row.
    """

    def __init__(self, window: int, width: int) -> None:
        self._rows = [(0.0,) * width] * window
        self._next = 0
        self.count = 0
        self.sums = [0.0] * width

    @property
    def full(self) -> bool:
        """Whether a whole window went by."""
        return self.count == len(self._rows)

    def add(self, *row: float) -> None:
        """Take a row in, and let the oldest go."""
        at = self._next
        oldest, self._rows[at] = self._rows[at], row
        self.sums = [total + new - old for total, new, old in zip(self.sums, row, oldest, strict=True)]
        self._next = (at + 1) % len(self._rows)
        self.count = min(self.count + 1, len(self._rows))


class RollingBins:
    """
    How the last `window` rows are spread over the bins of each column, beside how they are expected to be.

    Args:
        window: Rows that are remembered.
        edges: `(C, B - 1)` inner edges of the bins of each column, ascending; unused ones are infinite.
        shares: `(C, B)` expected shares; NaN where there is no bin.
    """

    def __init__(self, window: int, edges: Floats, shares: Floats) -> None:
        self._edges = edges
        self._window = window
        self._columns = np.arange(len(edges))
        self._bins = np.zeros((window, len(edges)), dtype=np.int8)
        self._counts = np.zeros(shares.shape)
        self._used = np.isfinite(shares)
        self._expected = smoothed(np.nan_to_num(shares) * window, self._used)
        self._log_expected = np.log(self._expected, where=self._used, out=np.zeros_like(shares))
        self._next = 0
        self.count = 0

    @property
    def full(self) -> bool:
        """Whether a whole window went by."""
        return self.count == self._window

    def add(self, row: Floats) -> None:
        """Take a row `(C,)` in, and let the oldest go."""
        at = self._next
        if self.full:
            self._counts[self._columns, self._bins[at]] -= 1.0
        np.sum(row[:, None] > self._edges, axis=1, out=self._bins[at])
        self._counts[self._columns, self._bins[at]] += 1.0
        self._next = (at + 1) % self._window
        self.count = min(self.count + 1, self._window)

    def stability(self) -> Floats:
        """
        The population stability index of each column, `(C,)`.

        Σ (a - e) · ln(a / e) over the bins, a being the share of now and e the expected one (Siddiqi 2006, "Credit
        Risk Scorecards", chapter 9: below 0.1 nothing has changed, above 0.25 much has).
        """
        share = smoothed(self._counts, self._used)
        logs = np.log(share, where=self._used, out=np.zeros_like(share))
        index: Floats = ((share - self._expected) * (logs - self._log_expected)).sum(axis=1)
        return index


def smoothed(counts: Floats, used: NDArray[np.bool_]) -> Floats:
    """Shares `(..., B)` of counts, none of them zero where a bin is used."""
    padded = np.where(used, counts + _UNSEEN, 0.0)
    shares: Floats = padded / padded.sum(axis=-1, keepdims=True)
    return shares


def binomial_errors(share: float, expected: float, count: int) -> float:
    """
    How many standard errors a share of `count` trials lies above the expected one.

    By the arc sine, whose variance does not depend on the share (Anscombe 1948, "The Transformation of Poisson,
    Binomial and Negative-Binomial Data", Biometrika 35).
    """
    return 2.0 * sqrt(count) * (asin(sqrt(share)) - asin(sqrt(expected)))


def normal_errors(excess: float, variance: float) -> float:
    """How many standard errors a sum lies above its expectation; zero where nothing varies."""
    return excess / sqrt(variance) if variance > _ROUNDING else 0.0


def index_errors(index: Floats, usual: Floats, spread: Floats) -> Floats:
    """
    How many standard errors each stability index lies above its usual one, `(C,)`.

    Neighbouring rows are alike, so an index has no table: its mean and deviation over the training part's own windows
    give the gamma distribution that has them, and Wilson and Hilferty (1931), "The Distribution of Chi-Square", the
    normal deviate of that.

    Args:
        index: Of now, `(C,)`.
        usual: Mean over windows of the training part.
        spread: Standard deviation over them, above 0.
    """
    shape = (usual / spread) ** 2
    deviation = np.sqrt(1.0 / (9.0 * shape))
    errors: Floats = (np.cbrt(index / usual) - (1.0 - deviation**2)) / deviation
    return errors
