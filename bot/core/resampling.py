"""
Long candles out of short ones, exactly.

Open of the first, highest high, lowest low, close of the last, and the sum of the volumes. Prices are picked, never
computed. Volumes are added as the decimals that the exchange printed and rounded to float64 once, at the end: the
sum is the float64 that the exchange's own long candle would be read as, which a sum of floats often is not. Knows
nothing of files or venues.
"""

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.errors import ConfigError, DataError
from bot.core.market import Timeframe

_EXACT: Final = Context(prec=2_000, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[Inexact])
"""Wide enough for the sum of any float64 numbers: digits from 10^308 down to 10^-1074, and room for their count."""


class Resampled(Struct, frozen=True, eq=False):
    """
    What became of short candles.

    `open_time_ms` (n,) int64 and `ohlcv` (n, 5) float64 are the whole long candles, in order. `incomplete_ms` (m,)
    int64 is when the long candles would open of which some short ones are missing: those are left out.
    """

    open_time_ms: NDArray[np.int64]
    ohlcv: NDArray[np.float64]
    incomplete_ms: NDArray[np.int64]


def resample(
    open_time_ms: NDArray[np.int64], ohlcv: NDArray[np.float64], source: Timeframe, target: Timeframe
) -> Resampled:
    """
    Put short candles together to long ones, which open on whole multiples of their length since 1970, in UTC.

    Args:
        open_time_ms: When the short candles open, (n,) int64, ascending, on their grid.
        ohlcv: Open, high, low, close and volume, (n, 5) float64; volumes are floats that were read from decimals of
            at most 15 digits, so that each still tells what was printed.
        source: The length of the short candles.
        target: The length of the long ones, a multiple of the short ones' and longer.

    Raises:
        ConfigError: The lengths do not go into each other.
        DataError: The shapes do not fit, or the times do not ascend on the grid.
    """
    if target.ms <= source.ms or target.ms % source.ms:
        raise ConfigError(f"{target.value} candles cannot be made of {source.value} candles: they are no multiple")
    if open_time_ms.ndim != 1 or ohlcv.shape != (len(open_time_ms), 5):
        raise DataError(f"candles have times {open_time_ms.shape} and values {ohlcv.shape}: expected (n,) and (n, 5)")
    if (np.diff(open_time_ms) <= 0).any() or (open_time_ms % source.ms).any():
        raise DataError(f"times of {source.value} candles must ascend in whole multiples of their length")
    ratio = target.ms // source.ms
    bucket = open_time_ms // target.ms
    buckets, counts = np.unique(bucket, return_counts=True)
    whole = counts == ratio
    kept = ohlcv[np.isin(bucket, buckets[whole])].reshape(-1, ratio, 5)
    out = np.empty((len(kept), 5), dtype=np.float64)
    out[:, 0] = kept[:, 0, 0]
    out[:, 1] = kept[:, :, 1].max(axis=1)
    out[:, 2] = kept[:, :, 2].min(axis=1)
    out[:, 3] = kept[:, -1, 3]
    out[:, 4] = [exact_sum(volumes) for volumes in kept[:, :, 4].tolist()]
    return Resampled(buckets[whole] * target.ms, out, buckets[~whole] * target.ms)


def exact_sum(values: list[float]) -> float:
    """Add numbers as the shortest decimals that read back as them, and round once."""
    total = Decimal(0)
    for value in values:
        total = _EXACT.add(total, Decimal(repr(value)))
    return float(total)
