"""
What the best of many trials is worth, once it is known that there were many.

The best of a hundred worthless strategies looks good. Two answers: the Sharpe ratio that luck alone would have
reached (deflation), and how often the winner of one half of history is below the middle in the other half (the
probability of backtest overfitting). Both need every trial, the bad ones above all. Pure arrays.
"""

from itertools import combinations
from math import e, sqrt
from statistics import NormalDist
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.errors import DataError

Floats = NDArray[np.float64]

BLOCKS: Final = 16
"""Blocks that history is cut into: 12,870 ways of halving it."""

_NORMAL: Final = NormalDist()
_EULER: Final = 0.577_215_664_901_532_9
_LEAST_RETURNS: Final = 3
_ROUNDING: Final = 1e-12
"""A difference of this share of what was subtracted is rounding, not deviation."""


class Deflated(Struct, frozen=True):
    """
    A Sharpe ratio beside the best one that luck would have given, both of one candle's return.

    `probability` is that of the true ratio being above what luck would have given.
    """

    sharpe: float
    by_luck: float
    probability: float


class Overfitting(Struct, frozen=True):
    """
    What halving history in every way said of choosing the best trial.

    `probability` is the share of ways in which the winner of one half was at or below the middle of the other,
    `loss_probability` the share in which it lost money there; `ways` is how many there were.
    """

    probability: float
    loss_probability: float
    ways: int


def candle_sharpe(returns: Floats) -> float:
    """Mean over deviation of one candle's return, not scaled to a year; 0 where it never changed."""
    mean, deviation = float(returns.mean()), float(returns.std())
    return mean / deviation if deviation > _ROUNDING * abs(mean) else 0.0


def best_by_luck(trial_sharpes: Floats) -> float:
    """
    Give the largest Sharpe ratio to expect of so many trials without skill.

    Bailey and López de Prado (2014), "The Deflated Sharpe Ratio", Journal of Portfolio Management 40(5), equation 1
    with a mean of zero: the expected maximum of N independent normal values with the spread that the trials have.
    Trials that resemble each other count for fewer, so the bar is rather too high than too low.

    Args:
        trial_sharpes: `(N,)` of every trial that was made. One trial alone was not chosen, so its bar is zero.
    """
    trials = len(trial_sharpes)
    if trials < 2:
        return 0.0
    likely, rare = _NORMAL.inv_cdf(1.0 - 1.0 / trials), _NORMAL.inv_cdf(1.0 - 1.0 / (trials * e))
    return float(trial_sharpes.std(ddof=1)) * ((1.0 - _EULER) * likely + _EULER * rare)


def probability_above(sharpe: float, bar: float, count: int, skewness: float, kurtosis: float) -> float:
    """
    Probability that the true Sharpe ratio is above `bar`, having measured `sharpe`: the probabilistic Sharpe ratio.

    Bailey and López de Prado (2012), "The Sharpe Ratio Efficient Frontier", Journal of Risk 15(2), equation 11.

    Args:
        sharpe: Of one candle's return, as is `bar`.
        bar: What it is to be above.
        count: Returns that it was measured on.
        skewness: Third standardised moment of the returns.
        kurtosis: Fourth one, 3 for normal returns.
    """
    # Zero at the least, for returns of two values: a kurtosis is never below 1 plus the squared skewness.
    spread = sqrt(max(1.0 - skewness * sharpe + 0.25 * (kurtosis - 1.0) * sharpe * sharpe, _ROUNDING))
    lead = (sharpe - bar) * sqrt(count - 1.0)
    return _NORMAL.cdf(lead / spread)


def deflated_sharpe(returns: Floats, trial_sharpes: Floats) -> Deflated:
    """
    Judge a chosen strategy by the number and spread of the trials that it was chosen from.

    Bailey and López de Prado (2014), equation 2.

    Args:
        returns: `(n,)` net return of the chosen one in each candle.
        trial_sharpes: `(N,)` `candle_sharpe` of every trial, its own included.

    Raises:
        DataError: There are fewer than three returns, or no trial.
    """
    if len(returns) < _LEAST_RETURNS or not len(trial_sharpes):
        raise DataError(
            f"{len(returns)} returns and {len(trial_sharpes)} trials cannot be judged: give three returns or more, "
            "and the ratio of every trial that was made"
        )
    sharpe, bar = candle_sharpe(returns), best_by_luck(trial_sharpes)
    around = returns - returns.mean()
    deviation = sqrt(float((around**2).mean()))
    # What never traded has no shape either; a normal one keeps the formula defined.
    standard = around / deviation if deviation > 0.0 else np.array([0.0])
    skewness, kurtosis = float((standard**3).mean()), float((standard**4).mean())
    return Deflated(sharpe, bar, probability_above(sharpe, bar, len(returns), skewness, kurtosis))


def backtest_overfitting(returns: Floats, blocks: int = BLOCKS) -> Overfitting:
    """
    Give the probability of backtest overfitting by combinatorially symmetric cross-validation.

    Bailey, Borwein, López de Prado and Zhu (2017), "The Probability of Backtest Overfitting", Journal of
    Computational Finance 20(4), section 3: history is cut into blocks; for every half of the blocks the trial with
    the best Sharpe ratio there is looked up in the other half. Trials of equal ratio share their ranks.

    Args:
        returns: `(n, N)` net return of each trial in each candle.
        blocks: An even number, at least 2.

    Raises:
        DataError: There are fewer than two trials, too few candles, or an odd number of blocks.
    """
    if returns.ndim != 2 or returns.shape[1] < 2 or blocks < 2 or blocks % 2 or len(returns) < 2 * blocks:
        raise DataError(
            f"returns of shape {returns.shape} cannot be halved in {blocks} blocks: give two trials or more, an even "
            "number of blocks, and two candles or more in each"
        )
    parts = np.array_split(returns, blocks)
    counts = np.array([len(part) for part in parts], dtype=np.float64)  # (S,)
    sums = np.stack([part.sum(axis=0) for part in parts])  # (S, N)
    squares = np.stack([(part**2).sum(axis=0) for part in parts])  # (S, N)
    halves = np.array(list(combinations(range(blocks), blocks // 2)))  # (W, S / 2)
    inside = np.zeros((len(halves), blocks))
    np.put_along_axis(inside, halves, 1.0, axis=1)  # (W, S)
    winners = _sharpes(inside, counts, sums, squares).argmax(axis=1)  # (W,)
    outside = _sharpes(1.0 - inside, counts, sums, squares)  # (W, N)
    theirs = outside[np.arange(len(halves)), winners]  # (W,)
    better, equal = (outside > theirs[:, None]).sum(axis=1), (outside == theirs[:, None]).sum(axis=1) - 1
    trials = outside.shape[1]
    # The rank from below, as a share of all, is at most one half: its logit is at most zero.
    below = trials + 1 - 2 * (trials - better) + equal >= 0
    return Overfitting(float(below.mean()), float((theirs < 0.0).mean()), len(halves))


def _sharpes(inside: Floats, counts: Floats, sums: Floats, squares: Floats) -> Floats:
    """Each trial's Sharpe ratio over the blocks that are inside, `(W, N)`; zero where it never changed."""
    count = (inside @ counts)[:, None]  # (W, 1)
    mean, power = inside @ sums / count, inside @ squares / count
    variance = power - mean**2
    changed = variance > _ROUNDING * power
    ratios: Floats = np.divide(mean, np.sqrt(np.abs(variance)), out=np.zeros_like(mean), where=changed)
    return ratios
