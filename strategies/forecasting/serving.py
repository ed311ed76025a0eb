"""
Answers the engine's question with a bundle: windows in, forecasts out.

The graph itself runs elsewhere, behind `Run`, so that ONNX Runtime and Keras can stand behind the same lines.
Windows go through in batches of the sizes that `prove` has shown to change no bit, so a forecast is the same
whether a market is asked for alone, among five hundred, or with a whole history.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.commands import RequestForecast
from bot.core.errors import ModelError
from bot.core.events import ForecastFailed, ForecastReady
from bot.core.forecast import Forecast
from strategies.forecasting.bundle import Bundle, sliding_windows
from strategies.forecasting.labels import SIGMA_COLUMN
from strategies.forecasting.machine import cpu_name

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""
From scaled windows `(B, T, F)` to outputs `(B, 2)`: the mean in units of σ, and the logit of "up". A whole history is
answered by several calls at once, each from its own thread.
"""

_Each = Callable[[Callable[[tuple[int, int]], None], Iterator[tuple[int, int]]], Iterable[None]]

BATCHES: Final = (32, 16, 8, 4, 2, 1)
"""Batch sizes in use. Larger ones are slower on one core."""

_WORTH_ALL_CORES: Final = 128
"""Windows from which on starting threads costs less than it saves."""

TOLERANCE: Final = 1e-5
"""How far an output may lie from the one that the training run recorded."""


class BundleForecaster:
    """
    A `Forecaster` made of a bundle and something that runs its graph.

    Args:
        bundle: A checked bundle.
        run: Runs the bundle's graph on scaled windows.

    Raises:
        ModelError: The bundle has no column from which the size of a return can be told.
    """

    def __init__(self, bundle: Bundle, run: Run) -> None:
        if SIGMA_COLUMN not in bundle.features.names:
            raise ModelError(f"bundle {bundle.name} has no column {SIGMA_COLUMN!r}: its forecasts have no scale")
        self._bundle = bundle
        self._run = run
        self._scale = bundle.scaler.function()
        self._sigma = bundle.features.names.index(SIGMA_COLUMN)
        self._shape = (bundle.features.window, len(bundle.features.names))

    @property
    def name(self) -> str:
        """The bundle's name and the first digits of its fingerprint."""
        return f"{self._bundle.name}@{self._bundle.fingerprint[:12]}"

    def prove(self) -> None:
        """
        Run the bundle's test vectors at every batch size in use.

        Raises:
            ModelError: The outputs are not those of the training run, or their bits depend on the batch size.
        """
        windows = self._scale(self._bundle.vectors.windows())
        first: NDArray[np.float32] | None = None
        for size in BATCHES:
            outputs = np.concatenate([self._ask(windows[at : at + size]) for at in range(0, len(windows), size)])
            distance = float(np.abs(outputs - self._bundle.vectors.outputs).max())
            # Written so that a NaN fails.
            if not distance <= TOLERANCE:
                raise ModelError(
                    f"bundle {self.name} does not reproduce its test vectors: off by {distance:.3g} at batch {size}, "
                    f"{TOLERANCE:g} is allowed; the file or the runtime is not the one it was trained with"
                )
            if first is not None and outputs.tobytes() != first.tobytes():
                raise ModelError(
                    f"bundle {self.name} gives other bits at batch {size} than at batch {BATCHES[0]} on this CPU "
                    f"({cpu_name()}): runs could not be reproduced here"
                )
            first = outputs

    def forecast(self, request: RequestForecast) -> ForecastReady | ForecastFailed:
        """
        Answer for every symbol of one instant, in the order of the request, or say why the model did not.

        Raises:
            ModelError: The windows are not of the bundle's length and columns.
        """
        windows = request.windows
        if windows.shape != (len(request.symbols), *self._shape):
            raise ModelError(
                f"bundle {self.name} reads windows of {self._shape}, asked for {len(request.symbols)} markets "
                f"with an array of {windows.shape}"
            )
        close_time_ms = request.close_time_ms
        broken = _first_broken(windows)
        if broken is not None:
            reason = f"the window of {request.symbols[broken]} holds a feature that is not finite"
            return ForecastFailed(close_time_ms, close_time_ms, reason)
        try:
            outputs = self._outputs(self._scale(windows))
        except ModelError as error:
            # What is held has to be seen to all the same, and the next question may be answered.
            return ForecastFailed(close_time_ms, close_time_ms, str(error))
        broken = _first_broken(outputs)
        if broken is not None:
            reason = f"the model's answer for {request.symbols[broken]} is not finite"
            return ForecastFailed(close_time_ms, close_time_ms, reason)
        forecasts = self._forecasts(request.symbols, outputs, windows[:, -1, self._sigma])
        return ForecastReady(close_time_ms, close_time_ms, tuple(forecasts))

    def forecast_rows(self, symbol: str, rows: NDArray[np.float32], first_end: int) -> list[Forecast]:
        """
        Answer for a whole history at once, with the bits of one question at a time.

        Args:
            symbol: The market.
            rows: `(n, F)` raw feature rows of contiguous candles.
            first_end: Index of the last row of the first window, at least T - 1.

        Returns:
            One forecast for each row from `first_end` on.

        Raises:
            ModelError: A row has another number of columns, `first_end` leaves no full window, or a row or an
                answer is not finite.
        """
        length, width = self._shape
        if rows.ndim != 2 or rows.shape[1] != width or first_end < length - 1:
            raise ModelError(
                f"bundle {self.name} reads rows of {width} columns from row {length - 1} on, "
                f"given rows of {rows.shape} from {first_end} on"
            )
        needed = rows[first_end - length + 1 :]
        if len(needed) < length:
            return []
        outputs = self._outputs(sliding_windows(self._scale(needed), length))
        for what, values in (("feature row", needed), ("answer", outputs)):
            broken = _first_broken(values)
            if broken is not None:
                raise ModelError(f"{what} {broken} of the history of {symbol} is not finite")
        return list(self._forecasts([symbol] * len(outputs), outputs, rows[first_end:, self._sigma]))

    def _outputs(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        if len(windows) < _WORTH_ALL_CORES:
            return self._answers(windows, map)
        # A batch to each core: every call is the same as it is alone, so their number changes no bit.
        with ThreadPoolExecutor() as cores:
            return self._answers(windows, cores.map)

    def _answers(self, windows: NDArray[np.float32], each: _Each) -> NDArray[np.float32]:
        outputs = np.empty((len(windows), 2), dtype=np.float32)

        def answer(batch: tuple[int, int]) -> None:
            start, stop = batch
            outputs[start:stop] = self._ask(np.ascontiguousarray(windows[start:stop]))

        for _ in each(answer, batches(len(windows))):
            pass
        return outputs

    def _ask(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the graph, and see that each window has its own answer: a smaller array would be spread over all."""
        answer = self._run(windows)
        if answer.shape != (len(windows), 2):
            raise ModelError(f"the model answered {len(windows)} windows with an array of {answer.shape}")
        return answer

    def _forecasts(
        self, symbols: list[str] | tuple[str, ...], outputs: NDArray[np.float32], log_sigma: NDArray[np.float32]
    ) -> Iterator[Forecast]:
        calibrated = self._bundle.calibration.forecast
        for symbol, logit, size in zip(symbols, outputs[:, 1].tolist(), log_sigma.tolist(), strict=True):
            yield calibrated(symbol, logit, math.exp(size))


def batches(count: int) -> Iterator[tuple[int, int]]:
    """Cut `count` windows into runs of proven sizes, largest first: `(start, stop)` pairs."""
    start = 0
    for size in BATCHES:
        while count - start >= size:
            yield start, start + size
            start += size


def _first_broken(values: NDArray[np.float32]) -> int | None:
    """Position along the first axis of the first value that is not finite."""
    finite = np.isfinite(values)
    if finite.all():
        return None
    return int(np.argwhere(~finite)[0][0])
