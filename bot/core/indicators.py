"""
The recurrences that risk and features share: one new value from the last one.

Pure scalar functions, floats in and floats out, with nothing but `math` beneath them, so that the same source runs
as plain Python and compiled, and gives the same bits: no power, no sum over a container, no branch on a type.
Where a recurrence begins (its seed) is the caller's choice. The file knows nothing of candles, windows or markets.
"""

from math import sqrt


def ewma_alpha(span: float) -> float:
    """
    Give the weight of the newest value in an exponential mean of `span` values, 2 / (span + 1).

    The convention of TA-Lib's EMA and of pandas' `ewm(span=...)`.
    """
    return 2.0 / (span + 1.0)


def ewma(previous: float, value: float, alpha: float) -> float:
    """
    Move an exponentially weighted mean on by one value: previous + alpha * (value - previous).

    Written as a correction so that a mean equal to the value stays equal to it, bit for bit.
    """
    return previous + alpha * (value - previous)


def ewma_variance(previous: float, deviation: float, alpha: float) -> float:
    """
    Move an exponentially weighted variance on by one value.

    Args:
        previous: The variance before the value.
        deviation: The value minus the exponential mean before the value.
        alpha: The weight of the newest value, the same as the mean's.

    Source: T. Finch, Incremental calculation of weighted mean and variance (2009), equation 143.
    """
    return (1.0 - alpha) * (previous + alpha * deviation * deviation)


def wilder(previous: float, value: float, length: float) -> float:
    """
    Move Wilder's smoothed mean on by one value: an exponential mean of weight 1 / length.

    Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978). TA-Lib's ATR and RSI use it, seeded with
    the plain mean of the first `length` values; after some 30 lengths no seed is left in a float64.
    """
    return previous + (value - previous) / length


def true_range(high: float, low: float, previous_close: float) -> float:
    """
    Give the widest of the bar's own range and its distances from the close before (Wilder 1978).

    In price units when it is given prices, a log return when it is given their logarithms.
    """
    return max(high, previous_close) - min(low, previous_close)


def rsi_from_averages(up: float, down: float) -> float:
    """
    Give the relative strength index, 0 to 100, from the smoothed gains and losses, both at least 0 (Wilder 1978).

    A market that has not moved is neither strong nor weak: 50, where TA-Lib answers 0.
    """
    moves = up + down
    if moves > 0.0:
        return 100.0 * (up / moves)
    return 50.0


def parkinson_variance(high_over_low: float) -> float:
    """
    Estimate the variance of a bar's log return from its range, ln(high / low).

    Source: M. Parkinson, The extreme value method for estimating the variance of the rate of return (1980):
    the squared range over 4 ln 2.
    """
    return high_over_low * high_over_low / 2.772588722239781


def position_between(value: float, low: float, high: float) -> float:
    """Place a value in a channel: -1 at its low, 1 at its high, 0 where the channel has no width."""
    width = high - low
    if width > 0.0:
        return ((value - low) - (high - value)) / width
    return 0.0


def volatility(variance: float, smallest: float) -> float:
    """Give the square root of a variance, never below `smallest`, so that it can be divided by."""
    return max(sqrt(variance), smallest)
