"""
How sure a figure is: a block bootstrap, and the rule that says where it can say nothing.

Neighbours in time share their luck, so they are drawn together. Blocks must be long for that, and many for resamples to
differ: of few values nothing is said. Pure arrays; knows nothing of forecasts.
"""

from math import cbrt, ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BLOCK: Final = 48
"""Most windows in a block of the bootstrap, but for long horizons: neighbours share their luck."""
LEAST_BLOCKS: Final = 30
"""Blocks below which nothing is said of how sure a figure is: resamples of fewer are too much alike."""
BLOCK_GROWTH: Final = 1.5
BLOCKS_A_HORIZON: Final = 4
"""Horizons in a block: returns that overlap share what they share."""
RESAMPLES: Final = 2_000
SEED: Final = 20_240_601


def block_of(count: int, horizon: int = 1) -> int:
    """
    Windows in a block: as many as the cube root of their number asks for, and some horizons where returns overlap.

    The growth is that of Hall, Horowitz and Jing (1995), "On Blocking Rules for the Bootstrap with Dependent Data",
    Biometrika 82(3), section 2; the factor was found by simulation.

    Args:
        count: Windows in order of time.
        horizon: Windows that the return of each of them reaches over.
    """
    usual = min(BLOCK, ceil(BLOCK_GROWTH * cbrt(count)))
    return max(usual, BLOCKS_A_HORIZON * horizon) if horizon > 1 else usual


def enough_blocks(count: int, horizon: int = 1) -> bool:
    """Whether so many windows can say how sure a figure is."""
    return count >= LEAST_BLOCKS * block_of(count, horizon)


def mean_bounds(values: Floats, horizon: int = 1) -> tuple[float, float] | None:
    """
    Give the 95 % bounds of a mean, percentiles of its resamples; None where blocks are too few.

    Args:
        values: `(n,)` in order of time.
        horizon: Windows that each value reaches over.
    """
    if not enough_blocks(len(values), horizon):
        return None
    return percentile_bounds(bootstrap_means(values, block_of(len(values), horizon)))


def percentile_bounds(resampled: Floats) -> tuple[float, float]:
    """The middle 95 % of resampled figures."""
    low, high = np.quantile(resampled, (0.025, 0.975)).tolist()
    return low, high


def bootstrap_means(values: Floats, block: int | None = None) -> Floats:
    """
    Means of `RESAMPLES` resamples of `values`, by a circular block bootstrap (Politis and Romano 1992).

    The seed is fixed: the same values give the same means, and columns of one length are resampled at equal times.

    Args:
        values: `(n,)` in order of time.
        block: Values in a block, `block_of` their number if None. Blocks are never longer than a tenth of the values:
            one that held them all would give the same mean each time.
    """
    length = max(1, min(block or block_of(len(values)), len(values) // 10))
    running = np.concatenate([[0.0], np.cumsum(np.concatenate([values, values[: length - 1]]))])
    block_means = (running[length:] - running[:-length]) / length
    starts = np.random.default_rng(SEED).integers(0, len(values), (RESAMPLES, -(-len(values) // length)))
    means: Floats = block_means[starts].mean(axis=1)
    return means
