"""`candlewick bench`: what this machine does with the shipped code."""

import json
from typing import TYPE_CHECKING, Final

import click

from bot.cli.bench_live import burst, latency
from bot.cli.bench_orders import orders
from bot.cli.bench_train import train
from bot.cli.groups import WholeGroup

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bot.adapters.candle_series import CandleSeries
    from bot.bench.replay_speed import Measured

_MOVE: Final = 0.001
_SEED: Final = 7
_CALM: Final = (0.03, 0.03)
"""Cost multiple and hysteresis at which the model trades about as often as the array does: a turn in 25 candles."""

_LEFT_OUT: Final = ("journal", "broker", "risk", "marks")


@click.group(cls=WholeGroup)
def bench() -> None:
    """Measure this machine; figures from shared machines are ratios, not truths."""


bench.add_command(latency)
bench.add_command(burst)
bench.add_command(orders)
bench.add_command(train)


@bench.command()
@click.option(
    "--candles",
    "count",
    type=click.IntRange(min=1),
    default=500_000,
    show_default=True,
    help="One-minute candles of a seeded market.",
)
@click.option(
    "--model-candles",
    type=click.IntRange(min=0),
    default=100_000,
    show_default=True,
    help="The same with the CNN-LSTM inside; 0 skips it.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Rounds of the full engine; the median counts.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
def replay(count: int, model_candles: int, rounds: int, as_json: bool) -> None:
    """Replay through the full engine, and what each of its parts costs."""
    from bot.bench.replay_speed import ArrayForecaster, bare_loop, measure

    series = _series(count)
    turns = _turns(count)
    whole = sorted(
        (measure("full engine", series, lambda: ArrayForecaster(turns)) for _ in range(rounds)),
        key=lambda one: one.seconds,
    )[rounds // 2]
    parts = [measure(f"without {part}", series, lambda: ArrayForecaster(turns), left_out=part) for part in _LEFT_OUT]
    found = [whole, *parts, *_with_model(model_candles)]
    bare = bare_loop(series, turns)
    other = _backtesting_py(series, turns)
    if as_json:
        click.echo(json.dumps(_figures(found, bare, other)))
    else:
        _print(found, bare, other)


def _series(count: int) -> "CandleSeries":
    import numpy as np

    from bot.adapters.candle_series import CandleSeries, FileReport
    from bot.bench.replay_speed import SYMBOL
    from bot.core.market import Timeframe
    from bot.exchange.market import SeededMarket

    made = SeededMarket(_SEED, SYMBOL, Timeframe.M1).candles(count)
    ohlcv = np.column_stack((made.open, made.high, made.low, made.close, made.volume))
    return CandleSeries(
        SYMBOL, Timeframe.M1, made.open_time_ms, ohlcv, FileReport((), count, 0, was_unsorted=False, findings=())
    )


def _turns(count: int) -> "NDArray[np.float64]":
    # The signal turns every 25 candles or so: stretches of 10 to 40, up and down in turn.
    import numpy as np

    random = np.random.default_rng(_SEED)
    lengths = random.integers(10, 41, size=count // 10 + 1)
    signs = np.where(np.arange(len(lengths)) % 2 == 0, _MOVE, -_MOVE)
    return np.repeat(signs, lengths)[:count]


def _with_model(count: int) -> "list[Measured]":
    if not count:
        return []
    from bot.bench.replay_speed import SYMBOL, measure
    from bot.compose.parts import REFERENCE_BUNDLE, load_forecaster
    from bot.core.market import Timeframe
    from strategies.forecasting.feature_matrix import compiled, feature_matrix, numba_available
    from strategies.forecasting.features import SHIPPED
    from strategies.forecasting.history_forecaster import FeatureHistory, HistoryForecaster
    from strategies.signal import SignalRule

    bundle, model = load_forecaster(REFERENCE_BUNDLE)
    features = compiled(SHIPPED) if numba_available() else SHIPPED
    series = _series(count)
    times, values = series.open_time_ms, series.ohlcv
    # Compiling is not replaying.
    feature_matrix(SHIPPED, times[:100], values[:100])
    opened, high, low, close, volume = values[0].tolist()
    features.step(features.new_state(), opened, high, low, close, volume, int(times[0]), features.new_row())

    def forecaster() -> HistoryForecaster:
        history = FeatureHistory(times, feature_matrix(SHIPPED, times, values))
        return HistoryForecaster(model, {SYMBOL: [history]}, Timeframe.M1.ms)

    return [
        measure(
            "with the CNN-LSTM",
            series,
            forecaster,
            features=features,
            window=bundle.features.window,
            rule=SignalRule(*_CALM),
        )
    ]


def _backtesting_py(series: "CandleSeries", turns: "NDArray[np.float64]") -> float | None:
    from importlib.util import find_spec

    if find_spec("backtesting") is None:
        return None
    from bot.bench.yardstick import backtesting_py

    return backtesting_py(series, turns)


def _figures(found: "list[Measured]", bare: float, other: float | None) -> dict[str, object]:
    whole = found[0]
    return {
        "candles": whole.candles,
        "fills": whole.fills,
        "stop_exits": whole.stop_exits,
        "events_sha256": whole.events_sha256,
        "candles_per_second": {one.name: round(one.candles_per_second) for one in found},
        "bare_python_loop": round(whole.candles / bare),
        "backtesting_py": None if other is None else round(whole.candles / other),
    }


def _print(found: "list[Measured]", bare: float, other: float | None) -> None:
    whole = found[0]
    click.echo(f"{whole.candles:,} one-minute candles, {whole.fills:,} fills, {whole.stop_exits:,} stop exits")
    click.echo(f"events sha256 {whole.events_sha256}")
    for one in found:
        saved = f"{1e6 * (whole.seconds - one.seconds) / whole.candles:+.2f} us a candle" if one in found[1:5] else ""
        click.echo(f"{one.name:>20}  {one.candles_per_second:>12,.0f} candles/s  {saved}")
    click.echo(f"{'bare Python loop':>20}  {whole.candles / bare:>12,.0f} candles/s")
    if other is not None:
        click.echo(f"{'backtesting.py':>20}  {whole.candles / other:>12,.0f} candles/s")
