"""A small feature set, made candles and a bundle without a network, for the tests of the forecasting lab."""

from collections.abc import Callable
from math import log
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bot.core.gaps import Segment
from bot.core.window import FeatureSet
from strategies.forecasting.bundle import Architecture, Contents, DataSpan, FeatureColumns, Vectors
from strategies.forecasting.calibration import Calibration
from strategies.forecasting.scaling import Scaler

HOUR_MS = 3_600_000
WINDOW = 8
NAMES = ("change", "body", "log_sigma")


def step(state: Any, open_: float, high: float, low: float, close: float, volume: float, at: int, row: Any) -> None:
    """Give the last log return, the body of the candle, and a volatility that never changes."""
    row[0] = log(close / state[0]) / 0.01 if state[0] else 0.0
    row[1] = log(close / open_) / 0.01
    row[2] = log(0.01)
    state[0] = close


@pytest.fixture(scope="session")
def features() -> FeatureSet:
    return FeatureSet("made-3", "version-one", NAMES, 2, step, lambda: [0.0], lambda: [0.0] * len(NAMES))


def made_segment(returns: NDArray[np.float64], from_ms: int = 0) -> Segment:
    """Contiguous hourly candles with these log returns; the first one has no return of its own."""
    close = 100.0 * np.exp(np.concatenate([[0.0], np.cumsum(returns)]))
    opens = np.concatenate([[100.0], close[:-1]])
    ohlcv = np.stack([opens, np.maximum(opens, close), np.minimum(opens, close), close, np.ones(len(close))], axis=1)
    times = from_ms + HOUR_MS * np.arange(len(close), dtype=np.int64)
    return Segment(times, ohlcv, np.zeros(len(close), dtype=np.bool_))


@pytest.fixture(scope="session")
def segment_of() -> Callable[..., Segment]:
    return made_segment


def linear(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stand in for a network: two weighted sums of the window's last row."""
    last = windows[:, -1, :]
    return np.stack([0.5 * last[:, 0], last[:, 0] - last[:, 1]], axis=1).astype(np.float32)


@pytest.fixture
def run() -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    return linear


@pytest.fixture
def contents(features: FeatureSet) -> Contents:
    scaler = Scaler((0.0, 0.0, log(0.01)), (1.0, 2.0, 1.0))
    rows = np.random.default_rng(5).standard_normal((32 + WINDOW - 1, len(NAMES))).astype(np.float32)
    windows = np.stack([rows[at : at + WINDOW] for at in range(32)])
    return Contents(
        graph=b"a graph",
        weights=(np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(1, dtype=np.float32)),
        architecture=Architecture(WINDOW, len(NAMES)),
        features=FeatureColumns(features.name, features.version, NAMES, features.warm_up, WINDOW),
        scaler=scaler,
        calibration=Calibration(scale=1.0, shift=0.0, typical_move=0.5, half_width=1.5),
        metrics={"validation": {"hit_rate": 0.5}},
        data=DataSpan("f" * 64, ("BTC/USDT",), "1h", 1_000, 2_000, 10, "made"),
        environment={"python": "3.11"},
        vectors=Vectors(rows, linear(scaler.function()(windows))),
        card="# Made\n",
    )
