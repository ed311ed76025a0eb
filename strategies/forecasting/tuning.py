"""
What one trial is judged by, fold by fold, and how the choice is judged at the end.

Each is a pure function of its arguments, run in a process of its own. This module imports TensorFlow; only training
does.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from msgspec import Struct

from strategies.forecasting.backend import environment
from strategies.forecasting.configuration import Configuration
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.evaluation import Scored, WalkForward, pooled
from strategies.forecasting.folds import Fold
from strategies.forecasting.plan import Plan
from strategies.forecasting.training import fit, predict
from strategies.forecasting.tuning_course import FoldAnswer, seen_by
from strategies.forecasting.walk_forward import Task, walk_forward


class Judged(Struct, frozen=True):
    """A configuration's walk over the test parts: its figures, and the forecasts of each seed, in order of time."""

    figures: WalkForward
    by_seed: tuple[Scored, ...]


def answer_fold(configuration: Configuration, dataset: Dataset, fold: Fold) -> FoldAnswer:
    """Fit on the training part and look at the validation part, which also decides when to stop."""
    seen = seen_by(configuration.architecture, dataset)
    train, validation = (seen.between(span.from_ms, span.until_ms) for span in (fold.train, fold.validation))
    fitted = fit(configuration.architecture, configuration.plan, train, validation, _unwatched)
    outputs = predict(fitted, validation).astype(np.float32)
    return FoldAnswer(fitted.validation_loss, fitted.epochs, fitted.best_epoch, outputs)


def judge(
    configuration: Configuration,
    dataset: Dataset,
    folds: tuple[Fold, ...],
    seeds: tuple[int, ...],
    theoretical_hit_rate: float | None,
) -> Judged:
    """
    Walk a configuration forward over the test parts.

    Raises:
        SuspectedLeak: The forecasts of a seed are too good to be true.
    """
    kept: list[Scored] = []

    def run(work: Callable[[Task], Scored], tasks: Iterable[Task]) -> Iterator[Scored]:
        for task in tasks:
            kept.append(work(task))
            yield kept[-1]

    seen = seen_by(configuration.architecture, dataset)
    first = Task(configuration.architecture, configuration.plan, seen, folds[0])
    figures = walk_forward(first, folds, seeds, theoretical_hit_rate, run, _uncounted)
    by_seed = tuple(pooled(kept[at : at + len(folds)]) for at in range(0, len(kept), len(folds)))
    return Judged(figures, by_seed)


def versions() -> dict[str, str]:
    """Everything beside seed and data that decides the bits of a fit here, where each fit has one thread."""
    return environment(Plan().threads)


def _unwatched(done: int, total: int) -> None:
    """Tell nobody of single steps: what counts here is whole fits."""


def _uncounted(done: int) -> None:
    """Tell nobody of single fits: they are judged together."""
