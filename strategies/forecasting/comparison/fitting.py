"""
One fit of one row on one fold: the smallest piece of a comparison, and the one at which it is taken up again.

A task is a value, its address the sha256 of all that decides its result; what came of it is arrays and figures. A
network's task imports TensorFlow when it is run, and nothing else here does.
"""

import hashlib
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from strategies.forecasting.baselines import BASELINES, BaselineTask, learn_baseline
from strategies.forecasting.bundle import Architecture
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.evaluation import Learnt
from strategies.forecasting.folds import Fold
from strategies.forecasting.plan import Plan

FORMAT: Final = 1


class FitTask(Struct, frozen=True):
    """
    What is to be fitted: the row, the fold, and the sha256 of what it reads; networks have a shape and a plan.

    `exported` asks for the graph too. `made_with` names what else decides the bits: the code, libraries' versions, the
    machine.
    """

    row: str
    data: str
    fold: Fold
    architecture: Architecture | None
    plan: Plan | None
    exported: bool
    made_with: tuple[str, ...]

    @property
    def address(self) -> str:
        """The sha256 of the task."""
        return hashlib.sha256(msgspec.json.encode((FORMAT, self), order="sorted")).hexdigest()

    @property
    def seed(self) -> int | None:
        """The seed, where chance has a part."""
        return self.plan.seed if self.plan is not None else None


class Fitted(Struct, frozen=True, eq=False):
    """
    What came of a task.

    `graph` is an ONNX file, empty where none was asked for; `objection` says why it may not be served in a bundle, and
    is empty where it may. `seconds` are those of the fit, forecasts of its validation and test parts included.
    """

    learnt: Learnt
    seconds: float
    epochs: int | None = None
    best_epoch: int | None = None
    graph: bytes = b""
    objection: str = ""


def run_fit(task: FitTask, dataset: Dataset, now: Callable[[], float]) -> Fitted:
    """
    Fit on the training part, calibrate on the validation part, forecast the test part.

    Args:
        task: What to fit.
        dataset: The data set that the task names.
        now: A clock, in seconds.

    Raises:
        ConfigError: What the row needs is not installed.
        DataError: A part is too small.
    """
    began = now()
    if task.row in BASELINES:
        learnt = learn_baseline(BaselineTask(task.row, dataset, task.fold))
        return Fitted(learnt, now() - began)
    return _network(task, dataset, now)


def _network(task: FitTask, dataset: Dataset, now: Callable[[], float]) -> Fitted:
    from strategies.forecasting.export import export_with_objection
    from strategies.forecasting.walk_forward import Task, learn

    if task.architecture is None or task.plan is None:
        raise ValueError(f"the task of a {task.row} has no shape or no plan")
    began = now()
    learnt, fitted = learn(Task(task.architecture, task.plan, dataset, task.fold))
    seconds = now() - began
    graph, objection = export_with_objection(fitted.network) if task.exported else (b"", "")
    return Fitted(learnt, seconds, fitted.epochs, fitted.best_epoch, graph, objection)
