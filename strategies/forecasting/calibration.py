"""
From what a network says to what may be believed: probability, expected return, interval.

Everything is fitted on the validation part, which comes after the training part and before anything that is
reported. Pure numbers; knows no network, file or market.
"""

import math
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.errors import DataError
from bot.core.forecast import Forecast

COVERAGE: Final = 0.9
MIN_VALIDATION: Final = 50
"""Fewer validation moves than this cannot say anything about probabilities."""

_NEWTON_STEPS: Final = 50
_PULL_TO_ONE: Final = 100.0
"""Precision of the belief that the logits are right: their scale is one, give or take a tenth."""
_PULL_TO_ZERO: Final = 2_500.0
"""Precision of the belief that the market has no drift: ups are half of all moves, give or take half a point."""


class Calibration(Struct, frozen=True):
    """
    What turns the two outputs of a network into a `Forecast`.

    `p_up = sigmoid(scale · logit + shift)` (Platt). `typical_move` is the median of |r|/σ, so that
    `(2·p_up - 1) · typical_move · σ` is the expected log return: the mean of |r| would promise too much, because
    what skill there is lies in ordinary moves and not in the large ones that make the mean. `half_width` is the
    conformal half width of the interval in units of σ; `coverage` is the share of returns that it is meant to hold.
    """

    scale: float
    shift: float
    typical_move: float
    half_width: float
    coverage: float = COVERAGE

    def forecast(self, symbol: str, logit: float, sigma: float) -> Forecast:
        """
        The forecast for one market.

        Args:
            symbol: The market.
            logit: What the network says of "up".
            sigma: Volatility of one candle's log return, above 0.
        """
        p_up = sigmoid(self.scale * logit + self.shift)
        expected = (2.0 * p_up - 1.0) * self.typical_move * sigma
        reach = self.half_width * sigma
        return Forecast(symbol, p_up, expected, expected - reach, expected + reach, 1e4 * abs(expected))


def sigmoid(x: float) -> float:
    """The logistic function, without overflow on either side."""
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    power = math.exp(x)
    return power / (1.0 + power)


def fit_calibration(logits: NDArray[np.float64], moves: NDArray[np.float64], coverage: float = COVERAGE) -> Calibration:
    """
    Fit the probability, the typical move and the interval.

    Args:
        logits: `(n,)` raw outputs on the validation part.
        moves: `(n,)` returns that followed, divided by σ.
        coverage: Share of returns that the interval is to hold.

    Raises:
        DataError: Fewer than `MIN_VALIDATION` moves that are not zero.
    """
    moved = moves != 0.0
    if int(moved.sum()) < MIN_VALIDATION:
        raise DataError(
            f"calibration needs {MIN_VALIDATION} validation moves that are not zero, found {int(moved.sum())}: "
            "give more candles"
        )
    scale, shift = fit_platt(logits[moved], moves[moved] > 0.0)
    typical_move = float(np.median(np.abs(moves)))
    p_up = np.array([sigmoid(scale * logit + shift) for logit in logits.tolist()])
    residuals = np.abs(moves - (2.0 * p_up - 1.0) * typical_move)
    return Calibration(scale, shift, typical_move, conformal_half_width(residuals, coverage), coverage)


def fit_platt(logits: NDArray[np.float64], ups: NDArray[np.bool_]) -> tuple[float, float]:
    """
    Scale and shift that make `sigmoid(scale · logit + shift)` most likely (Platt 1999), by Newton's method.

    Three months of hours cannot tell a good scale from a lucky one, so both are pulled towards (1, 0) by a normal
    prior. A negative scale, which would trade against the network, becomes 0.
    """
    targets = ups.astype(np.float64)
    design = np.stack([logits, np.ones_like(logits)], axis=1)
    prior = np.array([1.0, 0.0])
    pull = np.array([_PULL_TO_ONE, _PULL_TO_ZERO])
    beta = prior.copy()
    for _ in range(_NEWTON_STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(design @ beta, -30.0, 30.0)))
        gradient = design.T @ (p - targets) + pull * (beta - prior)
        hessian = (design * (p * (1.0 - p))[:, None]).T @ design + np.diag(pull)
        step = np.linalg.solve(hessian, gradient)
        beta = beta - step
        if float(np.abs(step).max()) < 1e-10:
            break
    return max(float(beta[0]), 0.0), float(beta[1])


def conformal_half_width(residuals: NDArray[np.float64], coverage: float) -> float:
    """
    Half width that holds a new residual with at least this probability, if it is exchangeable with these.

    Split conformal prediction: the `ceil((n + 1) · coverage)`-th smallest of n residuals.
    """
    rank = min(math.ceil((len(residuals) + 1) * coverage), len(residuals))
    return float(np.partition(residuals, rank - 1)[rank - 1])
