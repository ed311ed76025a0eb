"""
`candlewick compare`: every forecaster on the same unseen candles, one table, and a verdict in words.

Reads the arguments, shows progress on stderr and the verdict on stdout; `bot.compose.compare_run` does the work.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec import Struct

from bot.cli.progress import stages
from bot.core.errors import ConfigError

if TYPE_CHECKING:
    from bot.compose.compare_run import CompareRequest

_DAY: Final = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"])


class Asked(Struct, frozen=True):
    """The words of the command line."""

    files: tuple[Path, ...]
    out: Path
    symbol: str | None
    timeframe: str | None
    from_date: datetime | None
    until_date: datetime | None
    lock: datetime | None
    reopen: bool
    rows: tuple[str, ...]
    horizons: str
    barrier: float | None
    folds: int
    train_days: float
    expanding: bool
    test_days: float
    seed: int
    seeds: int
    epochs: int
    window: int
    scaler: str
    short: bool
    groups: str
    store: Path
    backfilled: bool
    jobs: int | None
    best_hit_rate: float | None


@click.command()
@click.option(
    "--candles", "files", type=Path, multiple=True, required=True, help="A file of candles; may be given again."
)
@click.option("--out", type=Path, required=True, help="The report's folder; finished fits are kept in it.")
@click.option("--symbol", help="The market, such as BTC/USDT, where neither file nor column names it.")
@click.option("--timeframe", help="The candles' length, such as 1h, where a file does not tell it.")
@click.option("--from", "from_date", type=_DAY, help="Leave out candles before this time (UTC).")
@click.option("--until", "until_date", type=_DAY, help="Leave out candles from this time on (UTC).")
@click.option("--lock", type=_DAY, help="Keep the time from this day on apart, and open it once, at the end.")
@click.option("--reopen", is_flag=True, help="Open a locked period that was seen before; this is recorded and told.")
@click.option("--rows", multiple=True, help="Names of rows, separated by commas; all if not given.")
@click.option("--horizons", default="1", show_default=True, help="Candles ahead, such as 1,4,24.")
@click.option(
    "--barrier", type=click.FloatRange(0, min_open=True), help="Triple-barrier labels, so many volatilities away."
)
@click.option("--folds", type=click.IntRange(min=1), default=6, show_default=True, help="Stretches to judge on.")
@click.option(
    "--train-days", type=click.FloatRange(min=1), default=730.0, show_default=True, help="Learn from so many days."
)
@click.option("--expanding", is_flag=True, help="Learn from all days before, not from the last ones.")
@click.option(
    "--test-days", type=click.FloatRange(min=1), default=182.5, show_default=True, help="Judge on so many days a fold."
)
@click.option("--seed", type=click.IntRange(min=0), default=7, show_default=True, help="The first seed.")
@click.option("--seeds", type=click.IntRange(min=1), default=2, show_default=True, help="Fit networks so often.")
@click.option("--epochs", type=click.IntRange(min=1), default=10, show_default=True, help="Epochs at most.")
@click.option("--window", type=click.IntRange(min=2), default=60, show_default=True, help="Candles looked back at.")
@click.option("--scaler", default="robust", show_default=True, help="robust, z-score or min-max, for the networks.")
@click.option("--short", is_flag=True, help="Judge an account that can be short; the shipped ones cannot.")
@click.option("--groups", default="", help="Outside columns: market, onchain, fear_greed, news; with commas.")
@click.option(
    "--store", type=Path, default=Path("external"), show_default=True, help="The folder of `candlewick external`."
)
@click.option("--backfilled", is_flag=True, help="Count outside rows that were fetched late as known in time.")
@click.option("--jobs", type=click.IntRange(min=1), help="Fits side by side. [default: 2, or 1 on one core]")
@click.option(
    "--best-hit-rate", type=click.FloatRange(0.5, 1.0), help="For generated candles: the best that can be done."
)
@click.option("--json", "as_json", is_flag=True, help="Print the whole report as one JSON object.")
def compare(as_json: bool, **arguments: Any) -> None:
    """
    Compare networks, baselines and naive rules on candles that none of them has seen.

    Rows: persistence; drift; sign reversal; sign momentum; always up; ARIMA; ETS; ridge; logistic; LightGBM; CNN-LSTM;
    CNN-LSTM, textbook; CNN; LSTM; GRU; DLinear; ensemble. A comparison that was stopped goes on with the same command.

    What comparisons, studies and trainings have judged on is kept in $XDG_STATE_HOME/candlewick/looks.jsonl (or under
    ~/.local/state): --lock refuses days that any of them has seen.
    """
    from bot.adapters.clock import SystemClock
    from bot.compose.compare_report import JSON_FILE, PAGE_FILE, write_comparison
    from bot.compose.compare_run import compare as run
    from bot.compose.compare_run import conclude_lock

    began, now_ms = perf_counter(), SystemClock().now_ms
    request = _request(Asked(**arguments))
    with stages() as stage:
        compared = run(request, stage, lambda words: click.echo(words, err=True), now_ms)
    told = write_comparison(request, compared, perf_counter() - began)
    conclude_lock(request, compared, now_ms())
    if as_json:
        click.echo(json.dumps(told))
        return
    for sentence in told["verdict"]["sentences"]:
        click.echo(sentence)
    if told["locked"] is not None:
        click.echo("The locked period:")
        for sentence in told["locked"]["verdict"]["sentences"]:
            click.echo(f"  {sentence}")
    click.echo(
        f"{told['fits']} fits made, {told['kept']} kept from before, {told['seconds']} s; "
        f"wrote {request.out / PAGE_FILE} and {JSON_FILE}"
    )


def _request(asked: Asked) -> "CompareRequest":
    from bot.compose.compare_run import CompareRequest
    from bot.compose.fit_processes import usual_jobs
    from bot.compose.look_register import looks_file
    from bot.compose.outside_columns import outside_columns
    from config.settings import SignalSettings
    from strategies.forecasting.comparison.question import Course
    from strategies.forecasting.comparison.roster import chosen_rows
    from strategies.forecasting.economics import MARGIN, SPOT
    from strategies.forecasting.folds import EXPANDING, Lengths
    from strategies.forecasting.labels import LabelRule
    from strategies.signal import SignalRule

    signal = SignalSettings()
    groups = [name.strip() for name in asked.groups.split(",") if name.strip()]
    train_days = EXPANDING if asked.expanding else asked.train_days
    return CompareRequest(
        files=asked.files,
        out=asked.out,
        looks=looks_file(),
        rows=chosen_rows(asked.rows),
        symbol=asked.symbol,
        timeframe=asked.timeframe,
        from_ms=_ms(asked.from_date),
        until_ms=_ms(asked.until_date),
        rules=tuple(LabelRule(horizon, asked.barrier) for horizon in _horizons(asked.horizons)),
        course=Course(Lengths(train_days=train_days, test_days=asked.test_days), asked.folds, _ms(asked.lock)),
        seeds=tuple(range(asked.seed, asked.seed + asked.seeds)),
        epochs=asked.epochs,
        window=asked.window,
        scaler=asked.scaler,
        jobs=asked.jobs or usual_jobs(),
        signal=SignalRule(signal.cost_multiple, signal.hysteresis_frac),
        lowest=MARGIN if asked.short else SPOT,
        best_hit_rate=asked.best_hit_rate,
        reopen=asked.reopen,
        outside=outside_columns(groups, asked.store, backfilled=asked.backfilled),
    )


def _horizons(words: str) -> Sequence[int]:
    try:
        return sorted({int(word) for word in words.split(",")})
    except ValueError:
        raise ConfigError(f"--horizons {words} cannot be read: write numbers of candles, such as 1,4,24") from None


def _ms(day: datetime | None) -> int | None:
    return None if day is None else round(day.replace(tzinfo=UTC).timestamp() * 1_000)
