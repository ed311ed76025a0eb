"""
Figures of an account over time. Pure numpy, and None wherever a figure is not defined.

Nothing here knows events, markets or where the numbers came from. Ratios are plain fractions.
"""

from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_ROUNDING_NOISE: Final = 1e-15
"""Returns of one constant rate, computed by division, still differ by an ulp; that is no deviation."""


def returns(equity: Floats) -> Floats:
    """
    Simple return from each mark to the next.

    Args:
        equity: `(n,)`, above zero.

    Returns:
        `(n - 1,)`; empty when there are fewer than two marks.
    """
    return equity[1:] / equity[:-1] - 1.0


def sharpe(rates: Floats, per_year: float) -> float | None:
    """
    Sharpe ratio a year at a riskless rate of zero: mean over sample deviation, times the root of `per_year`.

    Sharpe (1994), "The Sharpe Ratio", Journal of Portfolio Management 21(1). None with fewer than two returns or
    without any deviation.
    """
    if len(rates) < 2:
        return None
    deviation = float(np.std(rates, ddof=1))
    if deviation <= _ROUNDING_NOISE:
        return None
    return float(np.mean(rates)) / deviation * sqrt(per_year)


def sharpe_error(ratio: float, count: int, per_year: float) -> float:
    """
    Standard error of a yearly Sharpe ratio that was measured on `count` independent returns.

    Lo (2002), "The Statistics of Sharpe Ratios", Financial Analysts Journal 58(4).
    """
    return sqrt((1.0 + ratio * ratio / per_year / 2.0) / count * per_year)


def sortino(rates: Floats, per_year: float) -> float | None:
    """
    Sortino ratio a year at a target of zero: mean over the root mean square of the losses, gains counting as zero.

    Sortino and Price (1994), "Performance Measurement in a Downside Risk Framework", Journal of Investing 3(3).
    None with fewer than two returns or without any loss.
    """
    if len(rates) < 2:
        return None
    downside = float(np.sqrt(np.mean(np.minimum(rates, 0.0) ** 2)))
    if downside <= _ROUNDING_NOISE:
        return None
    return float(np.mean(rates)) / downside * sqrt(per_year)


def drawdowns(equity: Floats) -> Floats:
    """How far each mark, `(n,)`, lies below the highest one up to it, as a fraction of that, at least 0."""
    below: Floats = 1.0 - equity / np.maximum.accumulate(equity)
    return below


def turnover(traded: float, equity: Floats) -> float | None:
    """
    How many times the account was traded over: the amount of all fills, both sides, over the mean equity.

    Buying and selling again with the whole account is a turnover of 2. None without a mark.
    """
    return traded / float(np.mean(equity)) if len(equity) else None


def round_trip_bps(amount: float, traded: float) -> float:
    """
    What an amount, such as a profit or a cost, comes to for each round trip, in basis points of what that one holds.

    `traded` counts both sides and is above zero: a round trip trades its amount twice.
    """
    return 2.0 * amount / traded * 1e4


def bought_and_held(closes: Floats, cost_frac: float) -> Floats:
    """
    Worth of one unit of money put into a market at its first close and left there.

    Args:
        closes: `(n,)` closes, the first being the one bought at.
        cost_frac: Fee, half spread and slippage of the one purchase, taken out of the stake.

    Returns:
        `(n,)`, starting at `1 - cost_frac`.
    """
    worth: Floats = (1.0 - cost_frac) * closes / closes[0]
    return worth
