"""
The trials of a study: Optuna's journal in a file, which processes on several machines may share.

Each trial is worked on by one process at a time. When that process is lost, the next one takes the same trial up where
its last finished fold left it: nothing is done twice and nothing is counted twice. What is drawn for a trial depends on
the study's seed, the trial's number and the trials that were finished before it. Knows no network and no candle.
"""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna
from msgspec import to_builtins
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import Trial, TrialState

from bot.adapters.study_folder import alone, disk_errors, write_whole
from bot.adapters.trial_claims import Claim, Claims
from bot.adapters.trial_records import FoldRecord, TrialRecord, fold_name, folds_of, mean_loss, record_of
from bot.core.errors import StorageError

JOURNAL: Final = "trials.jsonl"
STUDY: Final = "candlewick"

STARTUP: Final = 5
"""Finished trials before one may be pruned: the median of fewer says little."""

MOST_ATTEMPTS: Final = 3
"""A trial that has cost so many processes their life is given up."""

_LEAST_FOR_IMPORTANCE: Final = 4

Draw = Callable[[int, str], int]
"""The seed of what is drawn for a trial, by its number and the name of the dimension."""


class ClaimLost(StorageError):
    """Another process took the trial over, because this one seemed lost."""


class RunningTrial:
    """A trial that this process works on."""

    def __init__(self, study: optuna.Study, trial: Trial, claim: Claim, folder: Path, done: list[FoldRecord]) -> None:
        """Take up a trial after the folds that are done."""
        self._study = study
        self._trial = trial
        self._claim = claim
        self._folder = folder
        self._done = done

    @property
    def number(self) -> int:
        """Its place in the study, from 0."""
        return self._trial.number

    @property
    def parameters(self) -> dict[str, Any]:
        """What was drawn for it."""
        return self._trial.params

    @property
    def folds_done(self) -> int:
        """How many folds need not be done again."""
        return len(self._done)

    def record(self, fold: FoldRecord, outputs: NDArray[np.float32], versions: Mapping[str, str]) -> None:
        """
        Keep what a fold gave: first the outputs, then its record, which makes it done.

        Raises:
            ClaimLost: Another process has the trial.
            StorageError: The disk refused.
        """
        self._require_claim()
        number = len(self._done)
        with disk_errors(self._folder), io.BytesIO() as file:
            np.save(file, outputs, allow_pickle=False)
            write_whole(_outputs_path(self._folder, self.number, number), file.getvalue())
        self._trial.set_user_attr("versions", dict(versions))
        self._trial.set_user_attr(fold_name(number), to_builtins(fold))
        self._done.append(fold)
        self._trial.report(mean_loss(self._done), number)

    def is_hopeless(self) -> bool:
        """Whether its folds so far lose more than those of the median trial did."""
        return bool(self._done) and self._trial.should_prune()

    def end(self) -> None:
        """All folds are done."""
        self._tell(mean_loss(self._done), TrialState.COMPLETE)

    def end_early(self) -> None:
        """The rest of its folds is not worth the time."""
        self._tell(None, TrialState.PRUNED)

    def fail(self, reason: str) -> None:
        """It cannot be judged."""
        self._require_claim()
        self._trial.set_user_attr("reason", reason)
        self._tell(None, TrialState.FAIL)

    def let_go(self) -> None:
        """Leave it to whoever comes next; without effect on one that has ended."""
        self._claim.release()

    def _tell(self, loss: float | None, state: TrialState) -> None:
        self._require_claim()
        self._study.tell(self._trial, loss, state=state)

    def _require_claim(self) -> None:
        if not self._claim.is_ours():
            raise ClaimLost(f"trial {self.number} was taken over by another process: this one seemed lost")


class TrialLedger:
    """All trials of one study, as one process sees them."""

    def __init__(
        self,
        folder: Path,
        space: Mapping[str, BaseDistribution],
        first: Mapping[str, Any],
        draw: Draw,
        *,
        startup: int = STARTUP,
        claims: Claims | None = None,
    ) -> None:
        """
        Open the ledger in a study's folder, or begin it.

        Args:
            folder: The study's.
            space: What is drawn for a trial, by name.
            first: What the first trial is, a point of the space.
            draw: Gives the seeds.
            startup: Finished trials before one may be pruned.
            claims: Who works on what; in the folder `claims` if not given.

        Raises:
            StorageError: The disk refused, or the journal is damaged.
        """
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._folder = folder
        self._space = dict(space)
        self._first = dict(first)
        self._draw = draw
        self._pruner = optuna.pruners.MedianPruner(n_startup_trials=startup)
        self._claims = claims or Claims(folder / "claims")
        path = folder / JOURNAL
        with disk_errors(folder), alone(folder, "turn"):
            _mend(path)
            try:
                self._storage = JournalStorage(JournalFileBackend(str(path), JournalFileOpenLock(str(path))))
            except (ValueError, KeyError) as error:
                raise StorageError(f"{path} is damaged ({error}): restore it from a copy") from error
            study = optuna.create_study(
                storage=self._storage, study_name=STUDY, direction="minimize", load_if_exists=True
            )
            if not study.get_trials(deepcopy=False):
                study.enqueue_trial(self._first)

    def claim(self, wanted: int) -> RunningTrial | None:
        """
        Take up a trial: one whose process was lost, or a new one while there are fewer than wanted.

        Returns:
            None where every trial is finished or in the hands of another process.

        Raises:
            StorageError: The disk refused.
        """
        with disk_errors(self._folder), alone(self._folder, "turn"):
            _mend(self._folder / JOURNAL)
            study = self._study()
            trials = study.get_trials(deepcopy=False)
            for lost in trials:
                if lost.state is not TrialState.RUNNING or self._claims.is_held(_claim_name(lost.number)):
                    continue
                if (taken := self._begin(study, self._trial(study, lost.number))) is not None:
                    return taken
            begun = sum(trial.state is not TrialState.WAITING for trial in trials)
            return self._begin(study, study.ask()) if begun < wanted else None

    def is_done(self, wanted: int) -> bool:
        """Whether so many trials are finished, and none is being worked on."""
        states = [trial.state for trial in self._study().get_trials(deepcopy=False)]
        return sum(state.is_finished() for state in states) >= wanted and TrialState.RUNNING not in states

    def records(self) -> tuple[TrialRecord, ...]:
        """Every trial that was begun, in order."""
        trials = self._study().get_trials(deepcopy=False)
        return tuple(record_of(trial) for trial in trials if trial.state is not TrialState.WAITING)

    def outputs(self, trial: int, fold: int) -> NDArray[np.float32]:
        """
        What a trial's network said of the windows of one fold's validation part, `(m, 2)`.

        Raises:
            StorageError: The file is missing or damaged.
        """
        path = _outputs_path(self._folder, trial, fold)
        try:
            with path.open("rb") as file:
                outputs: NDArray[np.float32] = np.load(file, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise StorageError(f"{path} cannot be read ({error}): restore it from a copy") from error
        return outputs

    def importances(self) -> dict[str, float]:
        """
        How much each dimension decided the loss, in shares of one; nothing where too few trials are complete.

        By PED-ANOVA (Watanabe, Bansal and Hutter 2023, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance
        in Arbitrary Subspaces", IJCAI): what sets the best trials apart from the rest.
        """
        study = self._study()
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len(complete) < _LEAST_FOR_IMPORTANCE:
            return {}
        return optuna.importance.get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())

    def _study(self) -> optuna.Study:
        # A new one each time: what it remembers of the trials is then never older than the journal.
        return optuna.load_study(study_name=STUDY, storage=self._storage, pruner=self._pruner)

    def _trial(self, study: optuna.Study, number: int) -> Trial:
        at = self._storage.get_study_id_from_name(STUDY)
        return Trial(study, self._storage.get_trial_id_from_study_id_trial_number(at, number))

    def _begin(self, study: optuna.Study, trial: Trial) -> RunningTrial | None:
        claim = self._claims.take(_claim_name(trial.number))
        attempts = trial.user_attrs.get("attempts", 0) + 1
        if attempts > MOST_ATTEMPTS:
            trial.set_user_attr("reason", f"{MOST_ATTEMPTS} processes were lost while they worked on it")
            study.tell(trial, state=TrialState.FAIL)
            claim.release()
            return None
        trial.set_user_attr("attempts", attempts)
        self._draw_parameters(study, trial)
        done = folds_of(trial.user_attrs)
        for step in range(len(_reported(study, trial)), len(done)):
            trial.report(mean_loss(done[: step + 1]), step)
        return RunningTrial(study, trial, claim, self._folder, done)

    def _draw_parameters(self, study: optuna.Study, trial: Trial) -> None:
        """Draw what was not drawn yet: with a seed for each dimension, so that an interruption changes nothing."""
        study.sampler = optuna.samplers.TPESampler(seed=self._draw(trial.number, ""))
        # Drawn together and kept by the trial; the others are drawn one by one.
        _ = trial.relative_params
        for name, distribution in self._space.items():
            study.sampler = optuna.samplers.TPESampler(seed=self._draw(trial.number, name))
            _suggest(trial, name, distribution)


def _suggest(trial: Trial, name: str, distribution: BaseDistribution) -> None:
    match distribution:
        case FloatDistribution():
            trial.suggest_float(name, distribution.low, distribution.high, log=distribution.log)
        case IntDistribution():
            trial.suggest_int(name, distribution.low, distribution.high, step=distribution.step)
        case CategoricalDistribution():
            trial.suggest_categorical(name, distribution.choices)
        case _:
            raise TypeError(f"{name} has a distribution that cannot be drawn from: {distribution}")


def _reported(study: optuna.Study, trial: Trial) -> Mapping[int, float]:
    return study.get_trials(deepcopy=False)[trial.number].intermediate_values


def _claim_name(number: int) -> str:
    return f"trial-{number:04}"


def _outputs_path(folder: Path, trial: int, fold: int) -> Path:
    return folder / "outputs" / f"trial-{trial:04}-fold-{fold}.npy"


def _mend(path: Path) -> None:
    """Cut off a line that was not written to its end: the next one would be joined to it, and both lost."""
    if not path.exists():
        return
    with alone(path.parent, path.name), path.open("rb+") as file:
        data = file.read()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            file.truncate(whole)
