"""
An explanation put together: a bundle, candles of after its training, and what runs its graph.

ONNX Runtime serves it as it serves a session; TensorFlow is not needed.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from bot.adapters.candle_files import read_candles
from bot.adapters.model_runtime import OnnxRuntime
from bot.compose.parts import load_forecaster
from bot.compose.replay_run import date_ms
from bot.core.errors import DataError, StorageError
from bot.core.gaps import segments
from strategies.forecasting.datasets import build_dataset
from strategies.forecasting.features import SHIPPED
from strategies.forecasting.importance import Explanation, explain
from strategies.forecasting.model_card import write_explanation

CARD: Final = "explanation.md"
"""Beside the card, which the manifest seals: a file that the manifest does not name changes no fingerprint."""


class ExplainRequest(Struct, frozen=True):
    """What was asked for; the names are those of the command line."""

    bundle: Path
    files: tuple[Path, ...]
    symbol: str | None = None
    timeframe: str | None = None
    from_date: str | None = None
    until_date: str | None = None
    repeats: int = 5


def run_explain(request: ExplainRequest, progress: Callable[[int, int], None]) -> Explanation:
    """
    Take a bundle's forecasts apart.

    Raises:
        ConfigError: A date or a symbol cannot be understood.
        DataError: The candles cannot be read, are of another timeframe, or too few lie after the training.
        ModelError: Something about the bundle does not hold.
    """
    bundle, _ = load_forecaster(request.bundle)
    series = read_candles(
        request.files,
        symbol=request.symbol,
        timeframe=request.timeframe,
        until_ms=date_ms(request.until_date, "--until"),
    )
    for one in series:
        if one.timeframe.value != bundle.data.timeframe:
            raise DataError(f"the bundle forecasts {bundle.data.timeframe}, {one.symbol} has {one.timeframe.value}")
    timeframe, window = series[0].timeframe, bundle.features.window
    parts = [part for one in series for part in segments(one.open_time_ms, one.ohlcv, timeframe)]
    # Windows whose every row closed after the training; the rows' own memory reaches further back, as it does live.
    unseen_ms = bundle.data.trained_until_ms + window * timeframe.ms
    from_ms = max(unseen_ms, date_ms(request.from_date, "--from") or 0)
    dataset = build_dataset(parts, SHIPPED, window, timeframe.ms)
    kept = dataset.between(from_ms, int(dataset.close_time_ms[-1]) + 1)
    symbols = [one.symbol for one in series]
    return explain(bundle, OnnxRuntime(bundle.graph), kept, symbols, request.repeats, progress)


def write_beside_card(bundle: Path, explanation: Explanation) -> Path:
    """
    Write the explanation as a page beside the bundle's card.

    Raises:
        StorageError: The folder cannot be written to.
    """
    path = bundle / CARD
    unnamed = path.with_suffix(".tmp")
    try:
        unnamed.write_text(write_explanation(explanation), encoding="utf-8")
        unnamed.replace(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
    return path
