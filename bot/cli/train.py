"""
`candlewick train`: candles in, a judged and proven bundle out.

Reads the arguments and the candles, shows progress on stderr and the result on stdout; everything else lies in
`strategies.forecasting`. The one verb that imports TensorFlow, and only when it is called.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec
from msgspec import Struct, to_builtins
from msgspec.structs import replace

from bot.cli.progress import Stage, stages
from bot.compose.fit_processes import fit_pool, require_tensorflow, usual_jobs
from bot.core.errors import ConfigError

if TYPE_CHECKING:
    from bot.adapters.candle_series import CandleSeries
    from strategies.forecasting.bundle import DataSpan
    from strategies.forecasting.configuration import Configuration
    from strategies.forecasting.course import Course
    from strategies.forecasting.evaluation import WalkForward
    from strategies.forecasting.walk_forward import RunTasks, Task

WINDOW: Final = 60
"""Candles that the network looks back."""
EPOCHS: Final = 10


class TrainRequest(Struct, frozen=True):
    """What the command line asks for."""

    files: tuple[Path, ...]
    out: Path
    symbol: str | None
    timeframe: str | None
    until: datetime | None
    name: str | None
    source: str | None
    remark: str | None
    seed: int
    seeds: int
    folds: int
    epochs: int | None
    train_days: float
    threads: int
    jobs: int | None
    best_hit_rate: float | None
    recipe: Path | None
    work: Path | None = None
    """Where finished fits of the same code are kept, for a training that is killed and begun again."""


@click.command()
@click.option(
    "--candles", "files", type=Path, multiple=True, required=True, help="A file of candles; may be given again."
)
@click.option("--out", type=Path, required=True, help="The bundle's folder; one that exists is left as it is.")
@click.option("--symbol", help="The market, such as BTC/USDT, where neither file nor column names it.")
@click.option("--timeframe", help="The candles' length, such as 1h, where the file does not tell it.")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"]), help="Leave out candles from this time on (UTC)."
)
@click.option("--name", help="What the bundle is called; its folder's name if not given.")
@click.option("--source", help="Where the candles come from, in words, for the model card.")
@click.option("--remark", help="What the model card is to say beside its figures.")
@click.option("--seed", type=click.IntRange(min=0), default=7, show_default=True, help="Decides every random number.")
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="Judge with so many seeds.")
@click.option(
    "--folds", type=click.IntRange(min=0), default=4, show_default=True, help="Judge on so many folds; 0 for none."
)
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    help=f"Learn for so many epochs at most. [default: {EPOCHS}, or the recipe's]",
)
@click.option(
    "--train-days", type=click.FloatRange(min=1), default=730.0, show_default=True, help="Learn from so many days."
)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Threads of one fit.")
@click.option("--jobs", type=click.IntRange(min=1), help="Fits at a time while judging. [default: 2, or 1 on one core]")
@click.option(
    "--best-hit-rate", type=click.FloatRange(0.5, 1.0), help="For generated candles: the best that can be done."
)
@click.option("--recipe", type=Path, help="How to train, in a file that `candlewick tune` wrote.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def train(as_json: bool, **arguments: Any) -> None:
    """
    Train a forecaster, judge it on candles it has not seen, and pack it as a bundle.

    The candles that it is judged on count as seen by `candlewick compare --lock`.
    """
    began = perf_counter()
    request = TrainRequest(**arguments)
    with stages() as stage:
        result = train_bundle(request, stage)
    result["seconds"] = round(perf_counter() - began, 1)
    if as_json:
        click.echo(json.dumps(result))
    else:
        _tell(result)


def train_bundle(request: TrainRequest, stage: Stage) -> dict[str, Any]:
    """
    Do what was asked for, and say what came of it.

    Raises:
        ConfigError: The folder exists, TensorFlow is not installed, the recipe cannot be used, or the candles are of
            several timeframes.
        DataError: The candles cannot be read or are too few.
        ModelError: The bundle does not hold what it promises, or its forecasts are too good to be true.
    """
    if request.out.exists():
        raise ConfigError(f"{request.out} exists and is not overwritten: name another folder with --out")
    from bot.adapters.candle_files import read_candles

    until_ms = round(request.until.replace(tzinfo=UTC).timestamp() * 1_000) if request.until else None
    series = read_candles(request.files, symbol=request.symbol, timeframe=request.timeframe, until_ms=until_ms)
    for one in series:
        click.echo(f"{one.symbol} {one.timeframe.value}: {one.report.summary()}", err=True)
    require_tensorflow()
    way, remark = _way_of_training(request)
    from bot.adapters.model_runtime import OnnxRuntime
    from bot.compose.asked import one_timeframe
    from bot.core.gaps import segments
    from strategies.forecasting.course import plan_course
    from strategies.forecasting.features import SHIPPED
    from strategies.forecasting.folds import Lengths
    from strategies.forecasting.recipe import Recipe, make_bundle
    from strategies.forecasting.walk_forward import Task

    timeframe = one_timeframe(series)
    parts = [part for one in series for part in segments(one.open_time_ms, one.ohlcv, timeframe)]
    lengths = Lengths(train_days=request.train_days)
    course = plan_course(parts, SHIPPED, way.architecture.window, timeframe.ms, lengths, request.folds)
    recipe = Recipe(
        name=request.name or request.out.name,
        features=SHIPPED,
        architecture=way.architecture,
        plan=way.plan,
        fold=course.shipped,
        data=_data_span(request, series, course),
        theoretical_hit_rate=request.best_hit_rate,
        remark=remark,
    )
    first = Task(recipe.architecture, recipe.plan, course.dataset, recipe.fold)
    _note_look(request, first, recipe.data, course)
    judged = _judge(request, first, course, stage)
    fitting = stage("Fitting the network that is shipped")
    outcome = make_bundle(recipe, course.dataset, judged, request.out, OnnxRuntime, fitting)
    return {
        "bundle": str(request.out),
        "name": recipe.name,
        **to_builtins(outcome),
        "data": to_builtins(recipe.data),
        "walk_forward": to_builtins(judged),
    }


def _way_of_training(request: TrainRequest) -> "tuple[Configuration, str | None]":
    """What to train, and what the model card is to say of it."""
    from strategies.forecasting.bundle import Architecture
    from strategies.forecasting.configuration import Configuration, read_recipe
    from strategies.forecasting.features import SHIPPED
    from strategies.forecasting.plan import Plan

    if request.recipe is None:
        shape = Architecture(WINDOW, len(SHIPPED.names))
        plan = Plan(seed=request.seed, threads=request.threads, epochs=request.epochs or EPOCHS)
        return Configuration(shape, plan), request.remark
    if request.epochs is not None:
        raise ConfigError("--epochs and --recipe both say how long to learn: leave one of them out")
    recipe = read_recipe(request.recipe, SHIPPED)
    plan = replace(recipe.configuration.plan, seed=request.seed, threads=request.threads)
    return replace(recipe.configuration, plan=plan), request.remark or recipe.remark


def _note_look(request: TrainRequest, task: "Task", data: "DataSpan", course: "Course") -> None:
    """Write down which candles are about to be judged on."""
    from bot.adapters.clock import SystemClock
    from bot.compose.deciding import WALK, made_with
    from bot.compose.look_register import LookRegister, looks_file
    from strategies.forecasting.comparison.lock import Look, Stretch

    if not course.judged_on:
        return
    shown = (task.architecture, task.plan, course.judged_on, request.seeds, data.fingerprint, made_with(WALK))
    about = sha256(msgspec.json.encode(shown)).hexdigest()
    from_ms, until_ms = course.judged_on[0].test.from_ms, course.judged_on[-1].test.until_ms
    seen = Stretch(data.symbols, data.timeframe, from_ms, until_ms)
    look = Look(SystemClock().now_ms(), "train", str(request.out.resolve()), about, (seen,))
    trouble = LookRegister(looks_file()).note(look)
    if trouble is not None:
        click.echo(trouble, err=True)


def _judge(request: TrainRequest, task: "Task", course: "Course", stage: Stage) -> "WalkForward | None":
    from bot.compose.deciding import WALK, made_print
    from strategies.forecasting.retraining import remembering
    from strategies.forecasting.walk_forward import walk_forward

    if not course.judged_on:
        return None
    seeds = tuple(range(request.seed, request.seed + request.seeds))
    fits = len(course.judged_on) * len(seeds)
    move = stage(f"Judging {fits} networks on candles that they have not seen")
    move(0, fits)
    with _runner(request.jobs or usual_jobs()) as runner:
        run = remembering(runner, request.work / made_print(WALK)) if request.work else runner
        return walk_forward(task, course.judged_on, seeds, request.best_hit_rate, run, lambda done: move(done, fits))


@contextmanager
def _runner(jobs: int) -> "Iterator[RunTasks]":
    """Run fits one after the other here, or several at once in processes of their own; the bits are the same."""
    if jobs == 1:
        yield map
        return
    with fit_pool(jobs) as pool:
        yield pool.map


def _data_span(request: TrainRequest, series: "Sequence[CandleSeries]", course: "Course") -> "DataSpan":
    from strategies.forecasting.bundle import DataSpan

    prints = [one.fingerprint for one in series]
    return DataSpan(
        fingerprint=prints[0] if len(prints) == 1 else sha256("".join(prints).encode()).hexdigest(),
        symbols=tuple(one.symbol for one in series),
        timeframe=series[0].timeframe.value,
        trained_from_ms=course.trained_from_ms,
        trained_until_ms=course.trained_until_ms,
        rows=sum(map(len, series)),
        source=request.source or ", ".join(path.name for path in request.files),
    )


def _tell(result: dict[str, Any]) -> None:
    """Say in a few lines what came of it."""
    for judged in (result["walk_forward"] or {"pooled": []})["pooled"]:
        click.echo(
            f"unseen candles: {judged['moves']:,} moves, direction right {judged['hit_rate']:.1%} "
            f"[{judged['hit_rate_low']:.1%}, {judged['hit_rate_high']:.1%}], reversal rule "
            f"{judged['reversal_hit_rate']:.1%}, Brier {judged['brier']:.4f}"
        )
    click.echo(f"weights sha256 {result['weights_sha256']}")
    click.echo(f"wrote {result['bundle']} in {result['seconds']} s; its card.md says what it is good for")
