"""`candlewick bench train`: how fast this machine trains, beside plain Keras on the same data."""

import json
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from bot.bench.train_speed import FitTime, TrainSpeed
    from bot.core.gaps import Segment

_SEED: Final = 7
_FEATURE_CANDLES: Final = 300_000
_WINDOW: Final = 60
_VALIDATION: Final = 2_000


@click.command()
@click.option("--windows", type=click.IntRange(min=1_000), default=15_000, show_default=True, help="Windows of a fold.")
@click.option("--epochs", type=click.IntRange(min=1), default=10, show_default=True, help="Epochs of each fit.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
def train(windows: int, epochs: int, as_json: bool) -> None:
    """Fit the CNN-LSTM on one fold: alone, two side by side, and by plain Keras."""
    import numpy as np

    from bot.bench.train_speed import measure
    from bot.cli.invented import invented_market
    from bot.compose.fit_processes import require_tensorflow
    from bot.core.market import Timeframe
    from strategies.forecasting.datasets import build_dataset
    from strategies.forecasting.feature_matrix import compiled, numba_available
    from strategies.forecasting.features import SHIPPED

    require_tensorflow()
    if numba_available():
        compiled(SHIPPED)
    needed = SHIPPED.warm_up + _WINDOW + windows + _VALIDATION
    candles = invented_market(Timeframe.H1, 0.0, _SEED, max(needed, _FEATURE_CANDLES))
    dataset = build_dataset([_head(candles, needed)], SHIPPED, _WINDOW, Timeframe.H1.ms)
    order = np.arange(len(dataset))
    found = measure(dataset.where(order < windows), dataset.where(order >= windows), candles, epochs)
    click.echo(json.dumps(_figures(found)) if as_json else "\n".join(_lines(found)))


def _head(candles: "Segment", count: int) -> "Segment":
    from bot.core.gaps import Segment

    return Segment(candles.open_time_ms[:count], candles.ohlcv[:count], candles.filled[:count])


def _fits(found: "TrainSpeed") -> "tuple[FitTime, ...]":
    return found.alone, *found.side_by_side, found.plain_keras


def _figures(found: "TrainSpeed") -> dict[str, object]:
    return {
        "windows": found.windows,
        "epochs": found.epochs,
        "fits": {
            one.name: {
                "seconds": round(one.seconds, 2),
                "after_tracing": round(one.after_tracing, 2),
                "cpu_seconds": round(one.cpu_seconds, 2),
            }
            for one in _fits(found)
        },
        "side_by_side_over_alone": round(_slowest(found) / found.alone.seconds, 2),
        "plain_keras_over_alone": round(found.plain_keras.seconds / found.alone.seconds, 2),
        "feature_rows_per_second": round(found.feature_rows_per_second),
    }


def _lines(found: "TrainSpeed") -> list[str]:
    lines = [f"CNN-LSTM, {found.windows:,} windows, {found.epochs} epochs, one thread a fit"]
    lines += [
        f"{one.name:>28}  {one.seconds:6.1f} s, {one.after_tracing:6.1f} s after the first 32 steps, "
        f"{one.cpu_seconds:6.1f} s of a core"
        for one in _fits(found)
    ]
    lines.append(f"{'two side by side':>28}  {_slowest(found) / found.alone.seconds:6.2f} times as long as one alone")
    lines.append(f"{'features':>28}  {found.feature_rows_per_second:,.0f} rows/s")
    return lines


def _slowest(found: "TrainSpeed") -> float:
    return max(one.seconds for one in found.side_by_side)
