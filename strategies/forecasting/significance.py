"""
Whether a difference between forecasts is more than luck.

Four questions: how sure is a hit rate, do directions foretell at all, does one forecast lose less than another, and
which of many cannot be told from the best. Arrays in order of time; knows no network, file or account.
"""

from math import erfc, sqrt
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.errors import DataError
from strategies.forecasting.resampling import block_of, bootstrap_means, mean_bounds
from strategies.forecasting.student import student_tail

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_LEAST_LOSSES: Final = 2


class HitRate(Struct, frozen=True):
    """
    How often a direction was right, with its 95 % bounds, over `said` forecasts of moves that were not zero.

    There are no bounds where these are too few.
    """

    said: int
    rate: float
    low: float | None
    high: float | None


class Tested(Struct, frozen=True):
    """A test's statistic, and the probability of one as large or larger if the null hypothesis were true."""

    statistic: float
    p_value: float

    @property
    def two_sided(self) -> float:
        """The probability of a statistic as far from zero, on either side."""
        return 2.0 * min(self.p_value, 1.0 - self.p_value)


def directions(p_up: Floats, next_return: Floats) -> tuple[Flags, Flags]:
    """
    What was said and what came, as "up" or not, where both have a direction.

    A probability of exactly one half says nothing, and a move of zero goes nowhere: such pairs are left out.

    Args:
        p_up: `(n,)` probabilities of "up".
        next_return: `(n,)` returns that followed.

    Returns:
        Two arrays of one length, at most n.
    """
    meant = has_direction(p_up, next_return)
    return p_up[meant] > 0.5, next_return[meant] > 0.0


def has_direction(p_up: Floats, next_return: Floats) -> Flags:
    """Where something was said and something came, `(n,)`."""
    meant: Flags = (p_up != 0.5) & (next_return != 0.0)
    return meant


def hit_rate(said_up: Flags, was_up: Flags) -> HitRate | None:
    """
    Give the directional accuracy with its block-bootstrap interval, None where nothing was said.

    The bounds are percentiles of a circular block bootstrap (Politis and Romano 1992, "A Circular Block-Resampling
    Procedure for Stationary Data"): neighbouring hits share their luck, so a binomial interval would be too narrow.
    """
    if not len(said_up):
        return None
    hits = (said_up == was_up).astype(np.float64)
    low, high = mean_bounds(hits) or (None, None)
    return HitRate(len(hits), float(hits.mean()), low, high)


def pesaran_timmermann(
    said_up: Flags, was_up: Flags, horizon: int = 1, close_time_ms: NDArray[np.int64] | None = None
) -> Tested | None:
    """
    Test whether directions were foretold better than by the same number of ups at random, one-sided.

    Pesaran and Timmermann (1992), "A Simple Nonparametric Test of Predictive Performance", Journal of Business and
    Economic Statistics 10(4), equation 6. The null allows for more ups than downs, which a comparison with one half
    does not. Its variance is that of independent hits; where returns overlap, or markets move as one, it is larger by
    as much as the long-run variance of what an instant adds to the statistic is.

    Args:
        said_up: `(n,)` what was said, in order of time.
        was_up: `(n,)` what came.
        horizon: Candles that a forecast reaches ahead.
        close_time_ms: `(n,)` when it was said, where several markets are told of at once.

    Returns:
        None where the test is not defined: one direction only was said, or came.
    """
    count = len(said_up)
    if not count or said_up.all() or was_up.all() or not (said_up.any() and was_up.any()):
        return None
    said, came = float(said_up.mean()), float(was_up.mean())
    right = float((said_up == was_up).mean())
    by_chance = said * came + (1.0 - said) * (1.0 - came)
    said_spread, came_spread = said * (1.0 - said), came * (1.0 - came)
    variance = by_chance * (1.0 - by_chance) / count
    of_chance = (2.0 * came - 1.0) ** 2 * said_spread + (2.0 * said - 1.0) ** 2 * came_spread
    variance -= (of_chance + 4.0 * said_spread * came_spread / count) / count
    if variance <= 0.0:
        return None
    added = (said_up - said) * (was_up - came)
    statistic = (right - by_chance) / sqrt(variance * _inflation(added, horizon, close_time_ms))
    return Tested(statistic, 0.5 * erfc(statistic / sqrt(2.0)))


def _inflation(added: Floats, horizon: int, close_time_ms: NDArray[np.int64] | None) -> float:
    """
    How much larger the variance of a sum is than if all its parts were independent; never smaller.

    The autocovariances of instants, with the weights of Newey and West (1987), "A Simple, Positive Semi-Definite,
    Heteroskedasticity and Autocorrelation Consistent Covariance Matrix", Econometrica 55(3), over three horizons.
    """
    of_instants = added
    if close_time_ms is not None:
        _, first = np.unique(close_time_ms, return_index=True)
        of_instants = np.add.reduceat(added, first)
    lags = range(1, min(3 * horizon if horizon > 1 else 1, len(of_instants)))
    together = float(of_instants @ of_instants)
    for lag in lags:
        together += 2.0 * (1.0 - lag / (len(lags) + 1.0)) * float(of_instants[lag:] @ of_instants[:-lag])
    return max(together / float(added @ added), 1.0)


def diebold_mariano(losses: Floats, rival: Floats, horizon: int = 1) -> Tested | None:
    """
    Test whether a forecast loses less than its rival, one-sided: a large statistic speaks for the forecast.

    Diebold and Mariano (1995), "Comparing Predictive Accuracy", Journal of Business and Economic Statistics 13(3),
    with the small-sample correction of Harvey, Leybourne and Newbold (1997), "Testing the Equality of Prediction Mean
    Squared Errors", International Journal of Forecasting 13(2), equations 8 and 9: autocovariances up to
    `horizon - 1`, and Student's t with n - 1 degrees of freedom.

    Args:
        losses: `(n,)` losses of the forecast, such as squared errors.
        rival: `(n,)` losses of the other one, at the same times.
        horizon: Candles ahead, at least 1.

    Returns:
        None where the variance cannot be estimated: the losses never differ, or differ by one amount, or their
        autocovariances sum to less than nothing.

    Raises:
        DataError: The arrays do not fit, or are not longer than the horizon.
    """
    if losses.shape != rival.shape or losses.ndim != 1:
        raise DataError(f"losses have shapes {losses.shape} and {rival.shape}: expected two arrays of one length")
    count = len(losses)
    if not 1 <= horizon < count:
        raise DataError(f"{count} losses cannot be compared {horizon} candles ahead: give more of them")
    saved = rival - losses
    around = saved - saved.mean()
    covariances = [float(around[lag:] @ around[: count - lag]) / count for lag in range(horizon)]
    variance = (covariances[0] + 2.0 * sum(covariances[1:])) / count
    # One amount, computed, still differs by an ulp.
    if variance <= (np.finfo(np.float64).eps * float(np.abs(saved).max())) ** 2:
        return None
    correction = (count + 1.0 - 2.0 * horizon + horizon * (horizon - 1.0) / count) / count
    statistic = sqrt(correction / variance) * float(saved.mean())
    return Tested(statistic, student_tail(statistic, count - 1))


def model_confidence_set(losses: Floats, horizon: int = 1) -> tuple[float, ...]:
    """
    Give each model's p-value of belonging to the best.

    Models that cannot be told from the best one: those with a p-value of α or more hold it with probability 1 - α.
    Hansen, Lunde and Nason (2011), "The Model Confidence Set", Econometrica 79(2), sections 2.1 and 3.1: the range
    statistic T_R, its distribution by block bootstrap, and the elimination rule that belongs to it. The promise is
    broken a little: of five equal models that look 24 candles ahead, one is left out in up to 15 % of cases, not 10 %.

    Args:
        losses: `(n, m)` loss of each model at each time.
        horizon: Candles that a forecast reaches ahead: losses that overlap ask for longer blocks.

    Returns:
        m p-values in the order of the columns; the last one left has 1.

    Raises:
        DataError: There is no model, or fewer than two losses.
    """
    if losses.ndim != 2 or losses.shape[0] < _LEAST_LOSSES or not losses.shape[1]:
        raise DataError(f"losses have shape {losses.shape}: expected (times, models), two times at least")
    block = block_of(len(losses), horizon)
    # Equal lengths are resampled at equal times, so the columns of this are one resample.
    noise = np.stack([bootstrap_means(column, block) for column in losses.T], axis=1) - losses.mean(axis=0)  # (B, m)
    excess, drawn = _ranges(losses.mean(axis=0), noise)  # (m, m), (B, m, m)
    p_values = np.ones(losses.shape[1])
    left = list(range(losses.shape[1]))
    p_value = 0.0
    while len(left) > 1:
        among = excess[np.ix_(left, left)]
        largest = np.abs(drawn[:, left][:, :, left]).max(axis=(1, 2))
        p_value = max(p_value, float((largest >= among.max()).mean()))
        worst = left[int(among.max(axis=1).argmax())]
        p_values[worst] = p_value
        left.remove(worst)
    return tuple(p_values.tolist())


def _ranges(means: Floats, noise: Floats) -> tuple[Floats, Floats]:
    """
    Give every pair's t statistic, `(m, m)`, and its draws under the null, `(B, m, m)`.

    Models with the same losses have a statistic of zero.
    """
    apart = noise[:, :, None] - noise[:, None, :]  # (B, m, m)
    deviation = np.sqrt((apart**2).mean(axis=0))  # (m, m)
    scale = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0.0)
    return (means[:, None] - means[None, :]) * scale, apart * scale
