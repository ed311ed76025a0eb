"""
From a wanted direction to a wanted fraction of equity, and whether the difference is worth a trade.

Float64 estimates only: quantities and money are made from them elsewhere. Knows no prices, orders or cash.
"""

from math import sqrt
from typing import Final

from risk.limits import RiskLimits, SizingMethod

_VOLATILITY_TARGET: Final = SizingMethod.VOLATILITY_TARGET


def target_exposure(limits: RiskLimits, signal: float, sigma: float, candles_per_year: float) -> float:
    """
    Size one market.

    The spot account holds or does not hold: a signal below 0 wants nothing. A volatility target scales the
    fraction by `target_volatility / (sigma * sqrt(candles_per_year))`, the textbook volatility-scaled position
    with independent returns. Where the volatility cannot be told (not a number, or not above 0) it wants nothing:
    an unknown risk is not taken.

    Args:
        limits: Method, fraction and cap.
        signal: The strategy's level in [-1, 1].
        sigma: Standard deviation of one candle's log return.
        candles_per_year: How many candles a year has.

    Returns:
        The wanted exposure as a fraction of equity, in [0, max_position_frac].
    """
    # A signal that is not a number fails this comparison too.
    if not signal > 0.0:
        return 0.0
    wanted = limits.fraction if signal >= 1.0 else limits.fraction * signal
    if limits.sizing is _VOLATILITY_TARGET:
        if not sigma > 0.0:
            return 0.0
        wanted *= limits.target_volatility / (sigma * sqrt(candles_per_year))
    most = limits.max_position_frac
    return most if most < wanted else wanted  # noqa: FURB136 - `min` would cost more than the rest of the sizing


def needs_trade(limits: RiskLimits, wanted_frac: float, held_frac: float) -> bool:
    """
    Decide whether the difference between wanted and held is traded.

    Entering and leaving always are; a holding is resized only when it is farther from what is wanted than
    `rebalance_band_frac` of what is wanted.

    Args:
        limits: The band.
        wanted_frac: Wanted exposure, a fraction of equity of at least 0.
        held_frac: Held exposure, likewise; 0 for a rest that is too small to be sold.
    """
    if wanted_frac <= 0.0:
        return held_frac > 0.0
    if held_frac <= 0.0:
        return True
    return abs(wanted_frac - held_frac) > limits.rebalance_band_frac * wanted_frac
