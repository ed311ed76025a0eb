"""`candlewick bench`: what this machine does with the shipped code."""

import json
from random import Random
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from bot.bench.replay_speed import Measured, Row

_MOVE: Final = 0.001
_SEED: Final = 7
_CALM: Final = (0.03, 0.03)
"""Cost multiple and hysteresis at which the model trades about as often as the array does: a turn in 25 candles."""

_LEFT_OUT: Final = ("journal", "broker", "risk", "marks")


@click.group()
def bench() -> None:
    """Measure this machine; figures from shared machines are ratios, not truths."""


@bench.command()
@click.option("--candles", "count", default=500_000, show_default=True, help="One-minute candles of a seeded market.")
@click.option(
    "--model-candles", default=100_000, show_default=True, help="The same with the CNN-LSTM inside; 0 skips it."
)
@click.option("--rounds", default=3, show_default=True, help="Rounds of the full engine; the median counts.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
def replay(count: int, model_candles: int, rounds: int, as_json: bool) -> None:
    """Replay through the full engine, and what each of its parts costs."""
    from bot.bench.replay_speed import ArrayForecaster, bare_loop, measure

    rows = _rows(count)
    turns = _turns(count)
    whole = sorted(
        (measure("full engine", rows, lambda: ArrayForecaster(turns)) for _ in range(rounds)),
        key=lambda one: one.seconds,
    )[rounds // 2]
    parts = [measure(f"without {part}", rows, lambda: ArrayForecaster(turns), left_out=part) for part in _LEFT_OUT]
    found = [whole, *parts, *_with_model(rows[:model_candles])]
    bare = bare_loop(rows, turns)
    other = _backtesting_py(rows, turns)
    if as_json:
        click.echo(json.dumps(_figures(found, bare, other)))
    else:
        _print(found, bare, other)


def _rows(count: int) -> "list[Row]":
    from bot.core.market import Timeframe
    from bot.exchange.market import SeededMarket

    columns = SeededMarket(_SEED, "BTC/USDT", Timeframe.M1).candles(count)
    series = (columns.open, columns.high, columns.low, columns.close, columns.volume)
    return list(zip(columns.open_time_ms.tolist(), *(one.tolist() for one in series), strict=True))


def _turns(count: int) -> list[float]:
    # The signal turns every 25 candles or so: stretches of 10 to 40, up and down in turn.
    random = Random(_SEED)  # noqa: S311 (no secret depends on it)
    turns: list[float] = []
    move = _MOVE
    while len(turns) < count:
        turns += [move] * random.randint(10, 40)
        move = -move
    return turns[:count]


def _with_model(rows: "list[Row]") -> "list[Measured]":
    if not rows:
        return []
    import numpy as np

    from bot.bench.replay_speed import SYMBOL, measure
    from bot.compose.parts import REFERENCE_BUNDLE, load_forecaster
    from bot.core.market import Timeframe
    from strategies.forecasting.feature_matrix import compiled, feature_matrix, numba_available
    from strategies.forecasting.features import SHIPPED
    from strategies.forecasting.history_forecaster import FeatureHistory, HistoryForecaster
    from strategies.signal import SignalRule

    bundle, model = load_forecaster(REFERENCE_BUNDLE)
    features = compiled(SHIPPED) if numba_available() else SHIPPED
    times = np.array([row[0] for row in rows], dtype=np.int64)
    values = np.array([row[1:] for row in rows], dtype=np.float64)
    # Compiling is not replaying.
    feature_matrix(SHIPPED, times[:100], values[:100])
    features.step(features.new_state(), *rows[0][1:], rows[0][0], features.new_row())

    def forecaster() -> HistoryForecaster:
        history = FeatureHistory(times, feature_matrix(SHIPPED, times, values))
        return HistoryForecaster(model, {SYMBOL: [history]}, Timeframe.M1.ms)

    return [
        measure(
            "with the CNN-LSTM",
            rows,
            forecaster,
            features=features,
            window=bundle.features.window,
            rule=SignalRule(*_CALM),
        )
    ]


def _backtesting_py(rows: "list[Row]", turns: list[float]) -> float | None:
    from importlib.util import find_spec

    if find_spec("backtesting") is None:
        return None
    from bot.bench.yardstick import backtesting_py

    return backtesting_py(rows, turns)


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
