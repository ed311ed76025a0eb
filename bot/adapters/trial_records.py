"""
What is kept of a trial: the values that a study is judged by, read out of Optuna's own records.

Knows no network, and not how trials are shared out.
"""

from collections.abc import Mapping, Sequence
from math import fsum
from typing import Any

import msgspec
from msgspec import Struct
from optuna.trial import FrozenTrial, TrialState


class FoldRecord(Struct, frozen=True):
    """One fold of a trial: the validation loss of its best epoch, and what it took."""

    loss: float
    seconds: float
    epochs: int
    best_epoch: int


class TrialRecord(Struct, frozen=True):
    """
    One trial as it stands: `state` is running, complete, pruned or failed.

    `loss` is the mean over the folds that were done, None where none was. `attempts` are the processes that worked on
    it, `reason` says why it failed.
    """

    number: int
    state: str
    loss: float | None
    parameters: dict[str, Any]
    folds: tuple[FoldRecord, ...]
    attempts: int
    versions: dict[str, str]
    reason: str | None

    @property
    def seconds(self) -> float:
        """What its folds took together."""
        return fsum(fold.seconds for fold in self.folds)


def record_of(trial: FrozenTrial) -> TrialRecord:
    """Read a trial."""
    done = folds_of(trial.user_attrs)
    return TrialRecord(
        number=trial.number,
        state="failed" if trial.state is TrialState.FAIL else trial.state.name.lower(),
        loss=mean_loss(done) if done else None,
        parameters=dict(trial.params),
        folds=tuple(done),
        attempts=trial.user_attrs.get("attempts", 0),
        versions=trial.user_attrs.get("versions", {}),
        reason=trial.user_attrs.get("reason"),
    )


def folds_of(kept: Mapping[str, Any]) -> list[FoldRecord]:
    """Read the folds that are done out of what a trial keeps, in order."""
    done: list[FoldRecord] = []
    while (told := kept.get(fold_name(len(done)))) is not None:
        done.append(msgspec.convert(told, FoldRecord))
    return done


def mean_loss(done: Sequence[FoldRecord]) -> float:
    """What a trial is judged by: the mean over its folds, at least one."""
    return fsum(fold.loss for fold in done) / len(done)


def fold_name(number: int) -> str:
    """The name under which a trial keeps a fold."""
    return f"fold {number}"
