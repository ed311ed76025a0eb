"""
What one worker of a study does: take up a trial, fit it fold by fold, give it up when it is hopeless, take up the next.

Any number of workers may do this at once on one study. TensorFlow is imported by the process of a worker alone.
"""

from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event
from time import perf_counter
from typing import Final

from msgspec import Struct

from bot.adapters.trial_ledger import ClaimLost, RunningTrial, TrialLedger
from bot.adapters.trial_records import FoldRecord
from bot.compose.fit_processes import end_with_parent
from bot.core.errors import CandlewickError, DataError, ModelError
from strategies.forecasting.configuration import Configuration
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.features import SHIPPED
from strategies.forecasting.folds import Fold
from strategies.forecasting.tuning_course import FoldAnswer
from strategies.forecasting.tuning_space import (
    configured,
    default_configuration,
    parameters_of,
    search_space,
    seed_of,
)

LOOK_AGAIN_S: Final = 1.0
"""Between two looks at trials that are all in other hands."""

Answer = Callable[[Configuration, Dataset, Fold], FoldAnswer]
"""Judges a configuration on one fold: `tuning.answer_fold`."""


class Assignment(Struct, frozen=True):
    """What a worker is to do: trials of one study until there are so many, each judged on these folds."""

    folder: Path
    kind: str
    seed: int
    trials: int
    dataset: Dataset
    folds: tuple[Fold, ...]

    def ledger(self) -> TrialLedger:
        """The study's trials."""
        first = parameters_of(default_configuration(self.kind, SHIPPED), SHIPPED)
        return TrialLedger(self.folder, search_space(self.kind), first, partial(seed_of, self.seed))


def work_on(
    ledger: TrialLedger,
    assignment: Assignment,
    answer: Answer,
    versions: Callable[[], Mapping[str, str]],
    wait: Callable[[float], object],
) -> None:
    """
    Work until every trial is finished, also those that others had begun and left.

    Args:
        ledger: Of the study.
        assignment: What to do.
        answer: Judges one fold.
        versions: What decides the bits of a fit here, told once a fold.
        wait: Lets some seconds pass.
    """
    while not ledger.is_done(assignment.trials):
        trial = ledger.claim(assignment.trials)
        if trial is None:
            wait(LOOK_AGAIN_S)
            continue
        try:
            _work_through(trial, assignment, answer, versions)
        except ClaimLost:
            # Whoever has it now goes on with it.
            continue
        except (DataError, ModelError) as error:
            trial.fail(str(error))
        finally:
            trial.let_go()


def worker_process(assignment: Assignment, told: Connection) -> None:
    """Be a worker; an error that a person should read is sent to the parent."""
    end_with_parent()
    try:
        from strategies.forecasting.tuning import answer_fold, versions

        work_on(assignment.ledger(), assignment, answer_fold, versions, Event().wait)
    except CandlewickError as error:
        told.send(error)


def _work_through(
    trial: RunningTrial, assignment: Assignment, answer: Answer, versions: Callable[[], Mapping[str, str]]
) -> None:
    seed = seed_of(assignment.seed, trial.number, "fit")
    configuration = configured(trial.parameters, assignment.kind, SHIPPED, seed)
    for fold in assignment.folds[trial.folds_done :]:
        # Asked before a fold, not after one, so that a trial that is taken up again is asked too.
        if trial.is_hopeless():
            trial.end_early()
            return
        began = perf_counter()
        found = answer(configuration, assignment.dataset, fold)
        record = FoldRecord(found.loss, perf_counter() - began, found.epochs, found.best_epoch)
        trial.record(record, found.outputs, versions())
    trial.end()
