"""
The tail of Student's t distribution, which the standard library does not have. Pure arithmetic.

A model's life is judged where no scientific library is installed, so the tail is computed here.
"""

from math import exp, inf, lgamma, log
from typing import Final

from bot.core.errors import DataError

_PRECISION: Final = 1e-15
_MOST_TERMS: Final = 10_000
"""Far more than are ever needed: some ten at either side, some hundred near the middle."""


def student_tail(statistic: float, degrees: int) -> float:
    """
    Probability that Student's t exceeds `statistic`.

    Abramowitz and Stegun (1964), "Handbook of Mathematical Functions", 26.7.1: half the regularised incomplete beta
    function at ν / (ν + t²), with ν degrees of freedom.

    Raises:
        DataError: The statistic is not a number, or there is no degree of freedom.
    """
    square = statistic * statistic
    if not square < inf or degrees < 1:
        raise DataError(f"Student's t has no tail beyond {statistic} with {degrees} degrees of freedom")
    outside = 0.5 * _beta_share(degrees / (degrees + square), square / (degrees + square), degrees / 2.0, 0.5)
    return outside if statistic >= 0.0 else 1.0 - outside


def _beta_share(x: float, rest: float, a: float, b: float) -> float:
    """Give the regularised incomplete beta function; `rest` is 1 - x, which a subtraction would blur."""
    if not x or not rest:
        return 1.0 if x else 0.0
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(rest))
    # The fraction converges fast below the mean only; above it, the mirror image does.
    if x < (a + 1.0) / (a + b + 2.0):
        return front / (a * _fraction(x, a, b))
    return 1.0 - front / (b * _fraction(rest, b, a))


def _fraction(x: float, a: float, b: float) -> float:
    """Evaluate the continued fraction of Abramowitz and Stegun 26.5.8 from its front (Lentz 1976)."""
    value = above = 1.0
    below = 0.0
    for term in range(1, _MOST_TERMS):
        half = term // 2
        if term % 2:
            weight = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        else:
            weight = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        below = 1.0 / (1.0 + weight * below)
        above = 1.0 + weight / above
        value *= above * below
        if abs(above * below - 1.0) < _PRECISION:
            break
    return value
