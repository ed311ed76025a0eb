"""
The last rows that a model may see of one market, and the promise that they mean something.

A window holds the rows of contiguous candles only. It knows when its rows have become equal, bit for bit, to
those of any other start (the warm-up), and before that it is not ready.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.errors import DataError
from bot.core.market import Candle

Step = Callable[[Any, float, float, float, float, float, int, Any], None]
"""`step(state, open, high, low, close, volume, open_time_ms, row)`: changes `state` and fills `row` in place."""


class FeatureSet(Struct, frozen=True):
    """
    A recurrence that turns candles into rows.

    `names` are the columns in order. After `warm_up` candles the rows no longer depend on where the
    recurrence began. `state` and `row` are flat sequences of float: lists for the plain step, float64 arrays
    for the compiled one; both give the same bits. `version` is the sha256 of the definition.
    """

    name: str
    version: str
    names: tuple[str, ...]
    warm_up: int
    step: Step
    new_state: Callable[[], Any]
    new_row: Callable[[], Any]


class WindowState(Struct, array_like=True):
    """A window as plain values, to be written into a snapshot."""

    bars: int
    last_open_ms: int
    features: list[float]
    rows: bytes


class Window:
    """
    The last `length` feature rows of contiguous candles, `(length, F)` float32, oldest first.

    Without a feature set it only counts candles and keeps them contiguous.
    """

    def __init__(self, features: FeatureSet | None, length: int, timeframe_ms: int) -> None:
        self._features = features
        self._length = length if features else 0
        self._timeframe_ms = timeframe_ms
        self._width = len(features.names) if features else 0
        # Rows are written forwards through a longer buffer, so that the window is always one slice.
        self._buffer = np.zeros((max(4 * self._length, 1), self._width), dtype=np.float32)
        self.bars_needed = (features.warm_up + length) if features else 1
        self.last_open_ms = -1
        self.restart()

    def restart(self) -> None:
        """Forget every row: the next candle begins a new series."""
        self.bars = 0
        self._end = 0
        if self._features:
            self._state = self._features.new_state()
            self._row = self._features.new_row()

    @property
    def reads_features(self) -> bool:
        """Whether it holds rows at all."""
        return self._features is not None

    @property
    def next_open_ms(self) -> int:
        """Open time of the only candle that may follow; -1 when any may."""
        return self.last_open_ms + self._timeframe_ms if self.bars else -1

    @property
    def ready(self) -> bool:
        """Whether it is full of rows that do not depend on where the series began."""
        return self.bars >= self.bars_needed

    def push(self, candle: Candle) -> None:
        """
        Take the next candle.

        Raises:
            DataError: The candle does not follow the last one.
        """
        if self.bars and candle.open_time_ms != self.last_open_ms + self._timeframe_ms:
            raise DataError(f"candle at {candle.open_time_ms} does not follow the one at {self.last_open_ms}")
        self.last_open_ms = candle.open_time_ms
        self.bars += 1
        if not self._features:
            return
        self._features.step(
            self._state,
            candle.open,
            candle.high,
            candle.low,
            candle.close,
            candle.volume,
            candle.open_time_ms,
            self._row,
        )
        if self._end == len(self._buffer):
            keep = self._length - 1
            self._buffer[:keep] = self._buffer[self._end - keep :]
            self._end = keep
        self._buffer[self._end] = self._row
        self._end += 1

    def rows(self) -> NDArray[np.float32]:
        """A copy of the window, `(length, F)` float32."""
        return self._buffer[self._end - self._length : self._end].copy()

    def save(self) -> WindowState:
        """Everything needed to go on later."""
        start = max(self._end - self._length, 0)
        state = [float(value) for value in self._state] if self._features else []
        return WindowState(self.bars, self.last_open_ms, state, self._buffer[start : self._end].tobytes())

    def load(self, saved: WindowState) -> None:
        """Go on where `save` stood."""
        self.restart()
        self.bars = saved.bars
        self.last_open_ms = saved.last_open_ms
        if self._features:
            self._state[:] = type(self._state)(saved.features) if isinstance(self._state, list) else saved.features
            rows = np.frombuffer(saved.rows, dtype=np.float32).reshape(-1, self._width)
            self._buffer[: len(rows)] = rows
            self._end = len(rows)
