"""
Judges the way of training, not one network: fit on the past, forecast what followed, move on.

Each fit is a task of its own, a pure function of its arguments, so that several can run at once in processes of
their own. This module imports TensorFlow; only training does.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import product

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from strategies.forecasting.bundle import Architecture
from strategies.forecasting.calibration import fit_calibration
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.evaluation import (
    FoldFigures,
    Learnt,
    Scored,
    WalkForward,
    figures,
    pooled,
    refuse_a_leak,
    reversal_rate,
    score,
)
from strategies.forecasting.folds import Fold
from strategies.forecasting.naive_tests import against_naive
from strategies.forecasting.training import Fit, Plan, fit, predict


class Task(Struct, frozen=True):
    """One fit and its test: everything that `run_task` needs."""

    architecture: Architecture
    plan: Plan
    dataset: Dataset
    fold: Fold


RunTasks = Callable[[Callable[[Task], Scored], Iterable[Task]], Iterator[Scored]]
"""Runs tasks and gives their results in order: `map`, or that of an executor."""


def run_task(task: Task) -> Scored:
    """Fit on the training part, calibrate on the validation part, forecast the test part."""
    return learn(task)[0].scored


def learn(task: Task) -> tuple[Learnt, Fit]:
    """Do `run_task`'s work and keep what came of it on the way."""
    train, validation, test = (
        task.dataset.between(span.from_ms, span.until_ms)
        for span in (task.fold.train, task.fold.validation, task.fold.test)
    )
    fitted = fit(task.architecture, task.plan, train, validation, _unwatched)
    before, after = predict(fitted, validation), predict(fitted, test)
    calibration = fit_calibration(before[:, 1], validation.moves)
    scored = score(test, after, calibration, reversal_rate(train))
    return Learnt(scored, before, after, fitted.network.count_params()), fitted


def walk_forward(
    first: Task,
    folds: tuple[Fold, ...],
    seeds: tuple[int, ...],
    theoretical_hit_rate: float | None,
    run: RunTasks,
    done: Callable[[int], None],
) -> WalkForward:
    """
    Run every fold with every seed.

    Args:
        first: The task that all others differ from in fold and seed only.
        folds: In order of time.
        seeds: At least one.
        theoretical_hit_rate: The best possible hit rate of an invented market, None for a real one.
        run: Runs the tasks.
        done: Told how many tasks are finished.

    Raises:
        SuspectedLeak: The forecasts of a seed are too good to be true.
    """
    plans = [replace(first.plan, seed=seed) for seed in seeds]
    tasks = [replace(first, plan=plan, fold=fold) for plan, fold in product(plans, folds)]
    results: list[Scored] = []
    for result in run(run_task, tasks):
        results.append(result)
        done(len(results))
    by_seed = [pooled(results[at : at + len(folds)]) for at in range(0, len(results), len(folds))]
    for scored in by_seed:
        refuse_a_leak(scored, theoretical_hit_rate)
    tests = [first.dataset.between(fold.test.from_ms, fold.test.until_ms) for fold in folds]
    at_ms = np.concatenate([test.close_time_ms for test in tests])
    return WalkForward(
        folds=tuple(
            FoldFigures(task.plan.seed, task.fold.test.from_ms, task.fold.test.until_ms, figures(result))
            for task, result in zip(tasks, results, strict=True)
        ),
        seeds=seeds,
        pooled=tuple(figures(scored) for scored in by_seed),
        against=tuple(against_naive(seed, scored, at_ms) for seed, scored in zip(seeds, by_seed, strict=True)),
        p_up_deciles=tuple(np.quantile(by_seed[0].p_up, np.linspace(0.1, 0.9, 9)).tolist()),
        seed_spread=float(np.std([scored.p_up for scored in by_seed], axis=0).mean()) if len(seeds) > 1 else None,
    )


def _unwatched(done: int, total: int) -> None:
    """Tell nobody of single steps: what counts here is whole fits."""
