"""
What a baseline is: something that learns from one part of a data set and speaks of another.

It says of every window how much it expects the next candle to return, and how probable "up" is. Pure arrays.
"""

from math import erf
from typing import Protocol, Self

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from strategies.forecasting.datasets import Dataset

Floats = NDArray[np.float64]


class Outlook(Struct, frozen=True, eq=False):
    """
    What is said of m windows, `(m,)` each.

    `mean` is the expected log return, `p_up` the probability of "up"; exactly one half says nothing of the direction.
    """

    mean: Floats
    p_up: Floats


class Baseline(Protocol):
    """A way of forecasting that a network has to beat. A value: what it learnt is in it."""

    @classmethod
    def fit(cls, train: Dataset, /) -> Self:
        """Learn from windows and what followed them."""
        ...

    def forecast(self, test: Dataset, /) -> Outlook:
        """Speak of later windows, each from what was known at its close."""
        ...


def normal_outlook(mean: Floats, deviation: float) -> Outlook:
    """Give the outlook of normal errors about a mean: "up" is as probable as a normal above minus the mean."""
    p_up = [0.5 + 0.5 * erf(z) for z in (mean / (deviation * 2.0**0.5)).tolist()]
    return Outlook(mean, np.array(p_up))


def bet(p_up: Floats, typical_move: float, sigma: Floats) -> Outlook:
    """
    Give the outlook of a bet on a direction, its mean worked out as `Calibration.forecast` does.

    Args:
        p_up: `(m,)` probabilities of "up".
        typical_move: Median of moves in units of σ, without their sign.
        sigma: `(m,)` volatility of one candle's log return.
    """
    return Outlook((2.0 * p_up - 1.0) * typical_move * sigma, p_up)


def typical_move(dataset: Dataset) -> float:
    """Median of a data set's moves in units of σ, without their sign."""
    return float(np.median(np.abs(dataset.moves)))
