"""
Features over a history: the same step, from the first candle to the last, into one float32 matrix.

Training and replay come through here; live never does. With numba the step is compiled, without it the plain step
runs: the rows are the same, bit for bit, and only the time differs. Nothing here knows what a feature means.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import FunctionType
from typing import Any, Final

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from bot.core.errors import ConfigError, DataError
from bot.core.window import FeatureSet, Step
from strategies.forecasting.definition import globals_of, is_plain

COMPILING_PAYS_FROM: Final = 300_000
"""About the rows that the plain step does in the time that compiling takes: four seconds where it was measured."""

_Run = Callable[[Any, Any, NDArray[np.int64], NDArray[np.float64], NDArray[np.float32]], None]

# Compiling takes seconds, so it is done once a process: by the plain step, the compiled one and its loop.
_compiled: dict[Step, tuple[Step, _Run]] = {}


def numba_available() -> bool:
    """Tell whether numba is installed, without importing it."""
    return find_spec("numba") is not None


def feature_matrix(
    features: FeatureSet, open_time_ms: NDArray[np.int64], ohlcv: NDArray[np.float64]
) -> NDArray[np.float32]:
    """
    Turn one contiguous series of candles into its rows, by the faster of two ways that give the same bits.

    The step is compiled where numba is installed and the series is long enough to pay for it, or where this process
    has compiled the step before; otherwise the plain step runs. A caller of many short series may compile first.

    Args:
        features: The recurrence, plain.
        open_time_ms: Open times, `(n,)` int64, one timeframe apart.
        ohlcv: Open, high, low, close and volume, `(n, 5)` float64.

    Returns:
        The rows, `(n, F)` float32. The first `warm_up` of them still depend on where the series begins.

    Raises:
        DataError: The shapes do not fit, the times are not evenly spaced or a candle is impossible.
    """
    if features.step in _compiled or (len(open_time_ms) >= COMPILING_PAYS_FROM and numba_available()):
        return compiled_matrix(features, open_time_ms, ohlcv)
    return plain_matrix(features, open_time_ms, ohlcv)


def plain_matrix(
    features: FeatureSet, open_time_ms: NDArray[np.int64], ohlcv: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Do `feature_matrix`'s work as live does it, one plain step a candle."""
    _check(open_time_ms, ohlcv)
    rows = np.empty((len(ohlcv), len(features.names)), dtype=np.float32)
    state, row, step = features.new_state(), features.new_row(), features.step
    for at, (opened, candle) in enumerate(zip(open_time_ms.tolist(), ohlcv.tolist(), strict=True)):
        open_, high, low, close, volume = candle
        step(state, open_, high, low, close, volume, opened, row)
        rows[at] = row
    return rows


def compiled_matrix(
    features: FeatureSet, open_time_ms: NDArray[np.int64], ohlcv: NDArray[np.float64]
) -> NDArray[np.float32]:
    """
    Do `feature_matrix`'s work with the compiled step; the first call in a process compiles it.

    Raises:
        ConfigError: numba is not installed.
        DataError: As `feature_matrix`.
    """
    _check(open_time_ms, ohlcv)
    rows = np.empty((len(ohlcv), len(features.names)), dtype=np.float32)
    fast = compiled(features)
    _, run = _compiled[features.step]
    run(fast.new_state(), fast.new_row(), np.ascontiguousarray(open_time_ms), np.ascontiguousarray(ohlcv), rows)
    return rows


def compiled(features: FeatureSet) -> FeatureSet:
    """
    Give the same feature set with a machine-code step and float64 arrays for state and row.

    Compiled without `fastmath`, so that no sum is reordered and no product fused: the bits are those of plain Python.

    Args:
        features: A plain feature set, whose step and the functions it calls are plain functions of modules.

    Raises:
        ConfigError: numba is not installed.
    """
    if features.step not in _compiled:
        _compiled[features.step] = _compile(features.step)
    step, _ = _compiled[features.step]
    return replace(
        features,
        step=step,
        new_state=lambda: np.array(features.new_state(), dtype=np.float64),
        new_row=lambda: np.array(features.new_row(), dtype=np.float64),
    )


def _compile(step: Step) -> tuple[Step, _Run]:
    if not is_plain(step):
        raise ConfigError(f"{step!r} cannot be compiled: give the feature set with its plain step")
    if not numba_available():
        raise ConfigError("compiling features needs numba: install candlewick[train], or use the plain step")
    njit = import_module("numba").njit
    fast = _compiled_copy(step, njit, {})

    def run(
        state: Any, row: Any, open_time_ms: NDArray[np.int64], ohlcv: NDArray[np.float64], rows: NDArray[np.float32]
    ) -> None:
        for at in range(len(open_time_ms)):
            candle = ohlcv[at]
            fast(state, candle[0], candle[1], candle[2], candle[3], candle[4], open_time_ms[at], row)
            rows[at, :] = row

    return fast, njit(run)


def _compiled_copy(function: FunctionType, njit: Callable[..., Any], done: dict[FunctionType, Any]) -> Any:
    """Compile a copy of a function that sees compiled copies of the functions it names; the originals stay plain."""
    if function not in done:
        seen = globals_of(function)
        for name, value in seen.items():
            if is_plain(value):
                seen[name] = _compiled_copy(value, njit, done)
        done[function] = njit(FunctionType(function.__code__, seen, function.__name__, function.__defaults__))
    return done[function]


def _check(open_time_ms: NDArray[np.int64], ohlcv: NDArray[np.float64]) -> None:
    if open_time_ms.ndim != 1 or ohlcv.shape != (len(open_time_ms), 5):
        raise DataError(f"features need open times (n,) and candles (n, 5), not {open_time_ms.shape} and {ohlcv.shape}")
    if open_time_ms.dtype != np.int64 or ohlcv.dtype != np.float64:
        raise DataError(
            f"features need int64 open times and float64 candles, not {open_time_ms.dtype} and {ohlcv.dtype}"
        )
    steps = np.diff(open_time_ms)
    uneven = np.flatnonzero((steps != steps[0]) | (steps <= 0)) if len(steps) else steps
    if len(uneven):
        raise DataError(
            f"the candle of row {uneven[0] + 1}, opened at {open_time_ms[uneven[0] + 1]}, does not follow the one "
            f"before it: fill short gaps and split the series at long ones"
        )
    opened, high, low, close, volume = ohlcv.T
    # Written so that a NaN anywhere fails: every comparison with it is false.
    possible = (low > 0.0) & (low <= opened) & (opened <= high) & (high < np.inf)
    possible &= (low <= close) & (close <= high) & (volume >= 0.0) & (volume < np.inf)
    impossible = np.flatnonzero(~possible)
    if len(impossible):
        raise DataError(f"row {impossible[0]} is an impossible candle: {ohlcv[impossible[0]].tolist()}")
