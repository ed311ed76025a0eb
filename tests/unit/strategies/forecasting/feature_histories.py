"""Histories of candles, and the shipped features of them worked out plainly."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strategies.forecasting.features import NAMES, SHIPPED, step

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MONDAY_MS = 1_704_067_200_000
"""Monday, 1 January 2024, midnight UTC."""
ROOT = Path(__file__).resolve().parents[4]
Rows = dict[str, NDArray[np.float64]]


def history(length: int, seed: int = 11) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """A random walk of hourly candles that open where the last one closed."""
    random = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.01, length)))
    opened = np.concatenate(([100.0], close[:-1]))
    high = np.maximum(opened, close) * (1.0 + random.uniform(0.0, 0.005, length))
    low = np.minimum(opened, close) * (1.0 - random.uniform(0.0, 0.005, length))
    volume = random.lognormal(3.0, 1.0, length)
    times = MONDAY_MS + HOUR_MS * np.arange(length, dtype=np.int64)
    return times, np.column_stack((opened, high, low, close, volume))


def exact(open_time_ms: NDArray[np.int64], ohlcv: NDArray[np.float64]) -> Rows:
    """The float64 columns of the plain step, by name."""
    state, row, rows = SHIPPED.new_state(), SHIPPED.new_row(), []
    for opened, candle in zip(open_time_ms.tolist(), ohlcv.tolist(), strict=True):
        open_, high, low, close, volume = candle
        step(state, open_, high, low, close, volume, opened, row)
        rows.append(list(row))
    return dict(zip(NAMES, np.array(rows).T, strict=True))
