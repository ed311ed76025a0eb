"""
A whole study: trials by worker processes, the choice judged once beside the default, and everything kept in one folder.

The folder is the study: run again with the same words it goes on where it stopped, and run on several machines that
share the folder it is one study.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from threading import Event
from typing import Any, Final

import msgspec
import numpy as np
import optuna
from msgspec import Struct

from bot.adapters.candle_series import CandleSeries
from bot.adapters.study_folder import agree, as_json, disk_errors, write_whole
from bot.adapters.trial_ledger import TrialLedger
from bot.adapters.trial_records import TrialRecord, mean_loss
from bot.compose.asked import one_timeframe
from bot.compose.deciding import TRIAL, studied_with
from bot.compose.look_register import LookRegister
from bot.compose.tuning_judging import Bench, Judgement, judge_all
from bot.compose.tuning_work import Assignment
from bot.compose.tuning_workers import run_workers
from bot.core.errors import ModelError
from bot.core.gaps import segments
from bot.version import code_version
from strategies.forecasting.comparison.lock import Look, Stretch
from strategies.forecasting.configuration import Configuration, recipe_text
from strategies.forecasting.evaluation import WalkForward
from strategies.forecasting.features import SHIPPED
from strategies.forecasting.folds import Fold, Lengths, Span
from strategies.forecasting.tuning_course import TuningCourse, plan_tuning
from strategies.forecasting.tuning_space import (
    WINDOWS,
    configured,
    default_configuration,
    search_space,
    seed_of,
)
from strategies.forecasting.tuning_verdict import (
    Difference,
    Luck,
    differences,
    luck,
    trial_returns,
    walked_returns,
)
from strategies.forecasting.tuning_words import verdict

COMMAND: Final = "tune"
STUDY: Final = "study.json"
RECIPE: Final = "recipe.json"

Stage = Callable[[str], Callable[[int, int], None]]
"""Begins a bar of progress under a title, and gives what moves it: `(done, total)`."""


class TuneRequest(Struct, frozen=True):
    """
    What is to be studied. `trials` and `jobs` may differ from session to session, the rest is the study's own.

    `looks` is the file of the register of looks.
    """

    study: Path
    trials: int
    folds: int
    kind: str
    jobs: int
    seed: int
    seeds: int
    train_days: float
    theoretical_hit_rate: float | None
    looks: Path


class ToldTrial(Struct, frozen=True):
    """A trial as it is told: what happened to it, what it took, and the configuration that it was."""

    record: TrialRecord
    seconds: float
    configuration: Configuration


class StudyReport(Struct, frozen=True):
    """Everything that a study says; `study.json` is this."""

    verdict: tuple[str, ...]
    definition: dict[str, Any]
    versions: dict[str, str]
    chosen: int
    chosen_loss: float
    default_loss: float | None
    configuration: Configuration
    differences: tuple[Difference, ...]
    luck: Luck
    openings: int
    walk_forward: WalkForward
    default_walk_forward: WalkForward
    tried_on: tuple[Fold, ...]
    judged_on: tuple[Fold, ...]
    importances: dict[str, float]
    trials: tuple[ToldTrial, ...]


def tune_study(
    request: TuneRequest,
    series: Sequence[CandleSeries],
    stage: Stage,
    say: Callable[[str], None],
    now_ms: Callable[[], int],
) -> StudyReport:
    """
    Do what is left to do of a study, and say what came of it.

    Args:
        request: What to study.
        series: The candles, all of one timeframe.
        stage: Shows progress.
        say: Told in words what a person should know meanwhile.
        now_ms: The time, for the register of looks.

    Raises:
        ConfigError: The folder holds another study, the candles are of several timeframes, or there is no such kind of
            network.
        DataError: The candles are too few.
        ModelError: No trial could be judged.
        SuspectedLeak: Forecasts are too good to be true.
        StorageError: The disk refused.
    """
    space = search_space(request.kind)
    course = _plan(request, series)
    definition = _definition(request, series, {name: repr(space[name]) for name in space})
    agree(request.study, definition)
    tried = [fold.validation for fold in course.tried_on]
    _note(request, series, _looked(definition, None), tried, say, now_ms())
    assignment = Assignment(request.study, request.kind, request.seed, request.trials, course.tried, course.tried_on)
    move = stage(f"{request.trials} trials on {request.folds} validation parts")
    run_workers(assignment, request.jobs, lambda done: move(done, request.trials), say)
    ledger = assignment.ledger()
    records = ledger.records()
    chosen = _best(records)
    configurations = {record.number: configuration_of(record, request) for record in records}
    configurations[0] = default_configuration(request.kind, SHIPPED)
    bench = Bench(
        request.study, course, tuple(range(request.seed, request.seed + request.seeds)), request.theoretical_hit_rate
    )
    asked = {number: configurations[number] for number in sorted({0, chosen.number})}
    tested = [fold.test for fold in course.judged_on]
    _note(request, series, _looked(definition, configurations[chosen.number]), tested, say, now_ms())
    judging = stage("Judging the choice and the default on candles that no trial has seen")
    judged = judge_all(bench, asked, request.jobs, lambda done: judging(done, len(asked)), Event().wait)
    report = _report(definition, bench, ledger, records, chosen, configurations, judged)
    with disk_errors(request.study):
        write_whole(request.study / RECIPE, recipe_text(report.configuration, SHIPPED, " ".join(report.verdict)))
        write_whole(request.study / STUDY, as_json(report))
    return report


def _looked(definition: dict[str, Any], shown: Configuration | None) -> str:
    """Name a look: at the validation parts for the trials, or at the test parts for a choice."""
    return sha256(msgspec.json.encode((definition, shown), order="sorted")).hexdigest()


def _note(
    request: TuneRequest,
    series: Sequence[CandleSeries],
    about: str,
    parts: Sequence[Span],
    say: Callable[[str], None],
    now_ms: int,
) -> None:
    """Write down that parts are about to be judged on."""
    symbols = tuple(one.symbol for one in series)
    seen = Stretch(symbols, series[0].timeframe.value, parts[0].from_ms, parts[-1].until_ms)
    trouble = LookRegister(request.looks).note(Look(now_ms, COMMAND, str(request.study.resolve()), about, (seen,)))
    if trouble is not None:
        say(trouble)


def configuration_of(record: TrialRecord, request: TuneRequest) -> Configuration:
    """What a trial was."""
    return configured(record.parameters, request.kind, SHIPPED, seed_of(request.seed, record.number, "fit"))


def _plan(request: TuneRequest, series: Sequence[CandleSeries]) -> TuningCourse:
    timeframe = one_timeframe(series)
    parts = [
        (market, part) for market, one in enumerate(series) for part in segments(one.open_time_ms, one.ohlcv, timeframe)
    ]
    return plan_tuning(
        [part for _, part in parts],
        SHIPPED,
        max(WINDOWS),
        timeframe.ms,
        Lengths(train_days=request.train_days),
        request.folds,
        [market for market, _ in parts],
    )


def _definition(request: TuneRequest, series: Sequence[CandleSeries], space: dict[str, str]) -> dict[str, Any]:
    return {
        "format": 1,
        "candles": sha256("".join(one.fingerprint for one in series).encode()).hexdigest(),
        "markets": [one.symbol for one in series],
        "timeframe": series[0].timeframe.value,
        "features": SHIPPED.version,
        "network": request.kind,
        "folds": request.folds,
        "seed": request.seed,
        "seeds": request.seeds,
        "train_days": request.train_days,
        "theoretical_hit_rate": request.theoretical_hit_rate,
        "space": space,
    } | studied_with(TRIAL)


def _best(records: Sequence[TrialRecord]) -> TrialRecord:
    """Give the finished trial with the least loss, the earliest of equals."""
    finished = [record for record in records if record.state == "complete"]
    if not finished:
        reason = next((record.reason for record in records if record.reason), "none was finished")
        raise ModelError(f"none of {len(records)} trials could be judged: {reason}")
    return min(finished, key=lambda record: (record.loss, record.number))


def _report(
    definition: dict[str, Any],
    bench: Bench,
    ledger: TrialLedger,
    records: Sequence[TrialRecord],
    chosen: TrialRecord,
    configurations: dict[int, Configuration],
    judged: dict[int, Judgement],
) -> StudyReport:
    times = bench.close_time_ms()
    choice, default = judged[chosen.number], judged[0]
    found = differences(choice.by_seed, default.by_seed, times)
    chances = _luck(bench.course, ledger, records, chosen, walked_returns(choice.by_seed, times))
    loss = mean_loss(chosen.folds)
    default_loss = records[0].loss if records[0].state == "complete" else None
    openings = bench.openings()
    return StudyReport(
        verdict=verdict(chosen.number, (loss, default_loss), found, chances, openings),
        definition=definition,
        versions={"candlewick": code_version(), "optuna": optuna.__version__, "numpy": np.__version__},
        chosen=chosen.number,
        chosen_loss=loss,
        default_loss=default_loss,
        configuration=configurations[chosen.number],
        differences=found,
        luck=chances,
        openings=openings,
        walk_forward=choice.figures,
        default_walk_forward=default.figures,
        tried_on=bench.course.tried_on,
        judged_on=bench.course.judged_on,
        importances=ledger.importances(),
        trials=tuple(ToldTrial(record, record.seconds, configurations[record.number]) for record in records),
    )


def _luck(
    course: TuningCourse,
    ledger: TrialLedger,
    records: Sequence[TrialRecord],
    chosen: TrialRecord,
    tested: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> Luck:
    parts = [course.tried.between(fold.validation.from_ms, fold.validation.until_ms) for fold in course.tried_on]
    tried = [record for record in records if record.folds]
    returns = [
        [
            trial_returns(ledger.outputs(record.number, fold), parts[fold].next_return, parts[fold].close_time_ms)
            for fold in range(len(record.folds))
        ]
        for record in tried
    ]
    finished = [place for place, record in enumerate(tried) if record.state == "complete"]
    place = next(place for place, record in enumerate(tried) if record.number == chosen.number)
    return luck(returns, finished, place, tested)
