"""
Intervals that hold the next return as often as they promise, in calm and in storm alike.

Split conformal prediction on errors in units of volatility: the width that would have held 90 % of earlier errors,
times the volatility of now. An interval is judged by its width as well, since a wide one always holds. Pure arrays.
"""

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.errors import DataError
from strategies.forecasting.calibration import COVERAGE, conformal_half_width
from strategies.forecasting.evaluation import BPS
from strategies.forecasting.resampling import bootstrap_means

Floats = NDArray[np.float64]

STRETCHES: Final = 4
"""Equal parts of the judged time, of which the worst is named."""


class Conformal(Struct, frozen=True):
    """The half width of an interval in units of σ, and the share of returns that it is meant to hold."""

    half_width: float
    coverage: float = COVERAGE

    def bounds(self, expected: Floats, sigma: Floats) -> tuple[Floats, Floats]:
        """
        Lower and upper bounds, `(n,)` each.

        Args:
            expected: `(n,)` expected log returns.
            sigma: `(n,)` volatility of one candle's log return, as known then.
        """
        reach = self.half_width * sigma
        return expected - reach, expected + reach


class Held(Struct, frozen=True):
    """
    What intervals did.

    `share` is how many returns they held, `low` and `high` its 95 % bounds by a block bootstrap, `worst` the smallest
    share among equal stretches of time. `score_bps` is the interval score, smaller is better: the mean width plus
    `2 / (1 - coverage)` times the mean distance by which returns fell outside.
    """

    share: float
    low: float
    high: float
    worst: float
    width_bps: float
    score_bps: float


def fit_conformal(expected: Floats, next_return: Floats, sigma: Floats, coverage: float = COVERAGE) -> Conformal:
    """
    Fit the half width on a part that comes after training and before anything that is reported.

    Papadopoulos et al. (2002), "Inductive Confidence Machines for Regression", with the error normalised as in Lei et
    al. (2018), "Distribution-Free Predictive Inference for Regression", JASA 113(523), section 5.2. The promise holds
    for errors over σ that could stand in any order; those of markets nearly can.

    Args:
        expected: `(n,)` expected log returns.
        next_return: `(n,)` what followed.
        sigma: `(n,)` volatility known at the time, above 0.
        coverage: Share of returns to hold, between 0 and 1.

    Raises:
        DataError: There are too few errors for this coverage: `coverage / (1 - coverage)` are needed.
    """
    count = len(next_return)
    if not 0.0 < coverage < 1.0 or (count + 1) * coverage > count:
        raise DataError(f"{count} errors cannot promise an interval that holds {coverage:.1%}: give more candles")
    return Conformal(conformal_half_width(np.abs(next_return - expected) / sigma, coverage), coverage)


def held(lower: Floats, upper: Floats, next_return: Floats, coverage: float = COVERAGE) -> Held:
    """
    Judge intervals by what followed.

    The score is that of Gneiting and Raftery (2007), "Strictly Proper Scoring Rules", JASA 102(477), equation 43.

    Args:
        lower: `(n,)` lower bounds, in order of time.
        upper: `(n,)` upper bounds.
        next_return: `(n,)` what followed.
        coverage: What the bounds promise.

    Raises:
        DataError: There are fewer returns than stretches.
    """
    if len(next_return) < STRETCHES:
        raise DataError(f"{len(next_return)} intervals cannot be judged: give {STRETCHES} or more")
    inside = ((lower <= next_return) & (next_return <= upper)).astype(np.float64)
    low, high = np.quantile(bootstrap_means(inside), (0.025, 0.975))
    outside = np.maximum(lower - next_return, 0.0) + np.maximum(next_return - upper, 0.0)
    width = float((upper - lower).mean())
    return Held(
        share=float(inside.mean()),
        low=float(low),
        high=float(high),
        worst=min(float(part.mean()) for part in np.array_split(inside, STRETCHES)),
        width_bps=BPS * width,
        score_bps=BPS * (width + 2.0 / (1.0 - coverage) * float(outside.mean())),
    )
