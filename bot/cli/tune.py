"""
`candlewick tune`: candles in, a studied way of training out.

Reads the arguments and the candles, shows progress on stderr and the result on stdout; everything else lies in
`bot.compose`. TensorFlow is imported by its worker processes alone.
"""

import json
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import click

from bot.cli.progress import stages
from bot.compose.fit_processes import require_tensorflow, usual_jobs
from bot.core.errors import ConfigError

PAGE: Final = "study.html"


def require_optuna() -> None:
    """
    Make sure that trials can be drawn, without importing what draws them.

    Raises:
        ConfigError: Optuna is not installed.
    """
    if find_spec("optuna") is None:
        raise ConfigError("a study needs Optuna, which is not installed: pip install 'candlewick[train]'")


@click.command()
@click.option(
    "--candles", "files", type=Path, multiple=True, required=True, help="A file of candles; may be given again."
)
@click.option("--study", type=Path, required=True, help="The study's folder; one that exists is gone on with.")
@click.option(
    "--trials", type=click.IntRange(min=1), default=40, show_default=True, help="Trials in all, kept ones too."
)
@click.option(
    "--folds", type=click.IntRange(min=1), default=3, show_default=True, help="Parts that trials are judged on."
)
@click.option("--kind", default="CNN-LSTM", show_default=True, help="The kind of network.")
@click.option("--symbol", help="The market, such as BTC/USDT, where neither file nor column names it.")
@click.option("--timeframe", help="The candles' length, such as 1h, where the file does not tell it.")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"]), help="Leave out candles from this time on (UTC)."
)
@click.option("--seed", type=click.IntRange(min=0), default=7, show_default=True, help="Decides every random number.")
@click.option(
    "--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="Judge the choice with so many seeds."
)
@click.option(
    "--train-days", type=click.FloatRange(min=1), default=730.0, show_default=True, help="Learn from so many days."
)
@click.option("--jobs", type=click.IntRange(min=1), help="Fits at a time. [default: 2, or 1 on one core]")
@click.option(
    "--best-hit-rate", type=click.FloatRange(0.5, 1.0), help="For generated candles: the best that can be done."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def tune(
    files: tuple[Path, ...],
    study: Path,
    trials: int,
    folds: int,
    kind: str,
    symbol: str | None,
    timeframe: str | None,
    until: datetime | None,
    seed: int,
    seeds: int,
    train_days: float,
    jobs: int | None,
    best_hit_rate: float | None,
    as_json: bool,
) -> None:
    """
    Search for a better way to train, and judge what is found on candles that no trial has seen.

    A study that was stopped goes on where it was when the same is asked for again. Several machines that share its
    folder may work on it at once. The candles that it judges on count as seen by `candlewick compare --lock`.
    """
    require_tensorflow()
    require_optuna()
    from bot.adapters.candle_files import read_candles
    from bot.adapters.clock import SystemClock
    from bot.adapters.study_folder import disk_errors, write_whole
    from bot.compose.look_register import looks_file
    from bot.compose.tuning_run import RECIPE, STUDY, TuneRequest, tune_study
    from bot.compose.tuning_told import study_page, summary
    from bot.reporting.study_page import render_study

    until_ms = round(until.replace(tzinfo=UTC).timestamp() * 1_000) if until else None
    series = read_candles(files, symbol=symbol, timeframe=timeframe, until_ms=until_ms)
    for one in series:
        click.echo(f"{one.symbol} {one.timeframe.value}: {one.report.summary()}", err=True)
    asked = (study, trials, folds, kind, jobs or usual_jobs(), seed, seeds, train_days, best_hit_rate)
    request = TuneRequest(*asked, looks_file())
    with stages() as stage:
        report = tune_study(request, series, stage, lambda words: click.echo(words, err=True), SystemClock().now_ms)
    with disk_errors(study):
        write_whole(study / PAGE, render_study(study_page(report)).encode())
    told: dict[str, Any] = summary(report, str(study))
    if as_json:
        click.echo(json.dumps(told))
        return
    for sentence in report.verdict:
        click.echo(sentence)
    click.echo(f"wrote {STUDY}, {PAGE} and {RECIPE} in {study}; `candlewick train --recipe {study / RECIPE}` uses it")
