"""
`candlewick retrain`: a challenger from the newest candles, once or on a schedule, in a process of its own.

Whatever happens here, a trading process goes on with the model that it has loaded. TensorFlow lives in a further
process, which ends with its training.
"""

import json
from collections.abc import Callable, Mapping
from concurrent.futures.process import BrokenProcessPool
from datetime import UTC, datetime
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any, Final

import click

from bot.cli.options import Duration, settings_options
from bot.core.errors import CandlewickError, ModelError

if TYPE_CHECKING:
    from bot.cli.train import TrainRequest
    from bot.compose.retraining_cycle import Retrained, RetrainRequest
    from strategies.forecasting.retraining import Schedule

_DAY_MS: Final = 86_400_000
_LONGEST_SLEEP_S: Final = 60.0


@click.command()
@click.option("--registry", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where models are.")
@click.option(
    "--candles", "files", type=Path, multiple=True, required=True, help="A file of candles; may be given again."
)
@click.option("--symbol", help="The market, such as BTC/USDT, where neither file nor column names it.")
@click.option("--timeframe", help="The candles' length, such as 1h, where the file does not tell it.")
@click.option(
    "--every", metavar="daily|weekly|monthly|DURATION", help="Do it again and again; once if not given (for cron)."
)
@click.option(
    "--shadow",
    type=click.IntRange(min=1),
    default=720,
    show_default=True,
    help="Candles kept back to judge it on; few of them tell little.",
)
@click.option(
    "--life", type=Duration(), default="60d", show_default=True, help="How long after its last candle it is used."
)
@click.option("--run", type=Path, help="A run whose journal says what the model in use forecast.")
@click.option("--name", default="challenger", show_default=True, help="What the bundle is called.")
@click.option(
    "--promote/--no-promote", "promotes", default=True, show_default=True, help="Use it if it passes every gate."
)
@click.option("--seed", type=click.IntRange(min=0), default=7, show_default=True, help="Decides every random number.")
@click.option("--seeds", type=click.IntRange(min=1), default=2, show_default=True, help="Judge with so many seeds.")
@click.option("--folds", type=click.IntRange(min=0), default=4, show_default=True, help="Judge on so many folds.")
@click.option("--epochs", type=click.IntRange(min=1), help="Learn for so many epochs at most.")
@click.option(
    "--train-days", type=click.FloatRange(min=1), default=730.0, show_default=True, help="Learn from so many days."
)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Threads of one fit.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Fits at a time.")
@click.option("--recipe", type=Path, help="How to train, in a file that `candlewick tune` wrote.")
@settings_options
@click.option("--json", "as_json", is_flag=True, help="Print each result as one JSON object a line.")
def retrain(as_json: bool, every: str | None, **asked: Any) -> None:
    """
    Train a challenger, judge it in shadow beside the model in use, and promote it if it passes every gate.

    Killed and called again it goes on where it was. The bot trades on meanwhile.
    """
    from bot.compose.retraining_cycle import is_unfinished, last_began_ms
    from strategies.forecasting.retraining import schedule_of

    request = _request(asked)
    if every is None:
        _tell(_once(request, asked), as_json)
        return
    schedule = schedule_of(every, lambda words: Duration().convert(words, None, None))
    last_ms = None if is_unfinished(request.registry) else last_began_ms(request.registry)
    while True:
        if last_ms is not None:
            _wait(schedule, last_ms)
        last_ms = _now_ms()
        try:
            _tell(_once(request, asked), as_json)
        except CandlewickError as error:
            click.echo(f"{error}; the model in use stays, and the next training comes as planned", err=True)


def _request(asked: Mapping[str, Any]) -> "RetrainRequest":
    from bot.compose.challenge import ChallengeRequest
    from bot.compose.retraining_cycle import RetrainRequest

    names = ("files", "symbol", "timeframe", "run", "profile", "overrides")
    decides = ("name", "seed", "seeds", "folds", "epochs", "train_days", "threads")
    recipe = asked["recipe"]
    training = {name: repr(asked[name]) for name in decides}
    training["recipe"] = recipe.read_text("utf-8") if recipe is not None and recipe.is_file() else str(recipe)
    return RetrainRequest(
        asked["registry"],
        ChallengeRequest(**{name: asked[name] for name in names}),
        asked["shadow"],
        asked["life"],
        training,
        asked["promotes"],
    )


def _once(request: "RetrainRequest", asked: Mapping[str, Any]) -> "Retrained":
    from bot.adapters.model_records import KeptVerdict
    from bot.adapters.model_registry import ModelRegistry
    from bot.cli.invented import invented_market
    from bot.compose.challenge import judge_challenger
    from bot.compose.retraining_cycle import retrain_once

    def train(until_ms: int, out: Path, work: Path) -> None:
        _train_apart(_training(asked, until_ms, out, work))

    def judge(registry: ModelRegistry, fingerprint: str) -> KeptVerdict:
        return judge_challenger(registry, fingerprint, request.challenge, invented_market, _now_ms())

    return retrain_once(request, train, judge, lambda said: click.echo(said, err=True), _now_ms)


def _training(asked: Mapping[str, Any], until_ms: int, out: Path, work: Path) -> "TrainRequest":
    from bot.cli.train import TrainRequest

    names = (
        "files",
        "symbol",
        "timeframe",
        "name",
        "seed",
        "seeds",
        "folds",
        "epochs",
        "train_days",
        "threads",
        "jobs",
    )
    return TrainRequest(
        **{name: asked[name] for name in names},
        out=out,
        until=datetime.fromtimestamp(until_ms / 1_000, UTC).replace(tzinfo=None),
        source=None,
        remark=None,
        best_hit_rate=None,
        recipe=asked["recipe"],
        work=work,
    )


def _train_apart(request: "TrainRequest") -> None:
    """Do what `candlewick train` does, in a process that ends with it, and with this one."""
    from bot.compose.fit_processes import fit_pool

    with fit_pool(1) as pool:
        try:
            pool.submit(_train_here, request).result()
        except BrokenProcessPool as error:
            raise ModelError("the process that trained has died: the same command goes on where it was") from error


def _train_here(request: "TrainRequest") -> None:
    from bot.cli.progress import stages
    from bot.cli.train import train_bundle

    with stages() as stage:
        train_bundle(request, stage)


def _wait(schedule: "Schedule", last_ms: int, nap: Callable[[float], None] = sleep) -> None:
    """Sleep until the next training is due; in naps, because a machine that was asleep has another time."""
    due_ms = schedule.next_ms(last_ms)
    told = datetime.fromtimestamp(due_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M")
    if due_ms > _now_ms():
        click.echo(f"the next training begins at {told} UTC", err=True)
    while (left_s := (due_ms - _now_ms()) / 1_000) > 0.0:
        nap(min(left_s, _LONGEST_SLEEP_S))


def _now_ms() -> int:
    from bot.adapters.clock import SystemClock

    return SystemClock().now_ms()


def _tell(done: "Retrained", as_json: bool) -> None:
    import msgspec

    from bot.cli.models import told_verdict

    if as_json:
        passed = None if done.verdict is None else done.verdict.passed
        click.echo(json.dumps({**msgspec.to_builtins(done), "passed": passed}))
        return
    if done.verdict is not None and done.is_new:
        for line in told_verdict(done.verdict):
            click.echo(line)
    verdict = "is in use now" if done.promoted else "is not promoted"
    click.echo(f"{done.challenger[:12]} {verdict}")
