"""
How fast this machine trains: the causal CNN-LSTM on one fold, two fits side by side, and plain Keras on the same data.

Every fit runs in a process of its own, so that none profits from what another has traced. This module imports
TensorFlow only inside those processes.
"""

from concurrent.futures import ProcessPoolExecutor
from time import perf_counter, process_time
from typing import Any, Final

import numpy as np
from msgspec import Struct

from bot.compose.fit_processes import end_with_parent, fit_context
from bot.core.gaps import Segment
from strategies.forecasting.bundle import Architecture
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.feature_matrix import feature_matrix
from strategies.forecasting.features import SHIPPED
from strategies.forecasting.plan import Plan

_FIRST_STEPS: Final = 32
"""Steps after which tracing is over: as many as `training` reports at a time."""

_HEAD: Final = 1_000
"""Candles on which the features are compiled before they are timed."""


class FitTime(Struct, frozen=True):
    """
    Seconds of one fit, and of them those before its first steps were done: tracing, for the most part.

    `cpu_seconds` are those that a core really worked for it: what counts where others use the machine too.
    """

    name: str
    seconds: float
    first_steps: float
    cpu_seconds: float

    @property
    def after_tracing(self) -> float:
        """Seconds once the first steps were done."""
        return self.seconds - self.first_steps


class TrainSpeed(Struct, frozen=True):
    """
    What was measured. `side_by_side` are two fits at the same time, each timed on its own.

    `plain_keras` is `model.fit` on the same windows, copied out, with the same network, batches and epochs.
    """

    windows: int
    epochs: int
    alone: FitTime
    side_by_side: tuple[FitTime, ...]
    plain_keras: FitTime
    feature_rows_per_second: float


def measure(train: Dataset, validation: Dataset, segment: Segment, epochs: int) -> TrainSpeed:
    """
    Measure everything, one thing after the other.

    Args:
        train: Windows to learn from.
        validation: Windows that are looked at after each epoch.
        segment: Candles to make features of.
        epochs: How often the windows are gone through.
    """
    plan = Plan(epochs=epochs, patience=epochs)
    return TrainSpeed(
        windows=len(train),
        epochs=epochs,
        alone=_alone(_fit, "alone", plan, train, validation),
        side_by_side=_side_by_side(plan, train, validation),
        plain_keras=_alone(_plain_keras, "plain Keras, model.fit", plan, train, validation),
        feature_rows_per_second=_feature_speed(segment),
    )


def _pool(jobs: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(jobs, mp_context=fit_context(), initializer=end_with_parent)


def _alone(fit: Any, name: str, plan: Plan, train: Dataset, validation: Dataset) -> FitTime:
    with _pool(1) as pool:
        pool.submit(_started).result()
        measured: FitTime = pool.submit(fit, name, plan, train, validation).result()
    return measured


def _side_by_side(plan: Plan, train: Dataset, validation: Dataset) -> tuple[FitTime, ...]:
    with _pool(2) as pool:
        for started in [pool.submit(_started) for _ in range(2)]:
            started.result()
        running = [pool.submit(_fit, f"side by side, {number}", plan, train, validation) for number in (1, 2)]
        return tuple(each.result() for each in running)


def _started() -> str:
    """Import TensorFlow, which is not training."""
    from strategies.forecasting.backend import tf

    return str(tf.__version__)


def _fit(name: str, plan: Plan, train: Dataset, validation: Dataset) -> FitTime:
    from strategies.forecasting.training import fit

    first: list[float] = []

    def progress(_done: int, _total: int) -> None:
        if not first:
            first.append(perf_counter())

    began, worked = perf_counter(), process_time()
    fit(_shape(train), plan, train, validation, progress)
    return FitTime(name, perf_counter() - began, first[0] - began, process_time() - worked)


def _plain_keras(name: str, plan: Plan, train: Dataset, validation: Dataset) -> FitTime:
    from strategies.forecasting.backend import keras, use_threads
    from strategies.forecasting.networks import build_network, joint_loss
    from strategies.forecasting.scaling import fit_scaler

    first: list[float] = []

    def note(step: int, logs: Any) -> None:
        del logs
        if step == min(_FIRST_STEPS, len(train) // plan.batch) - 1 and not first:
            first.append(perf_counter())

    use_threads(plan.threads)
    began, worked = perf_counter(), process_time()
    keras.utils.set_random_seed(plan.seed)
    scale = fit_scaler(train.covered_rows()).function()
    parts = [
        (part.windows(scale(part.rows), np.arange(len(part))), part.moves[:, None].astype(np.float32))
        for part in (train, validation)
    ]
    network = build_network(_shape(train))
    schedule = keras.optimizers.schedules.CosineDecay(plan.learning_rate, plan.epochs * (len(train) // plan.batch))
    network.compile(keras.optimizers.AdamW(schedule, clipnorm=1.0), loss=joint_loss, jit_compile=False)
    watch = keras.callbacks.LambdaCallback(on_train_batch_end=note)
    (windows, moves), later = parts
    network.fit(
        windows, moves, plan.batch, plan.epochs, validation_data=later, callbacks=[watch], verbose=0, shuffle=True
    )
    return FitTime(name, perf_counter() - began, first[0] - began, process_time() - worked)


def _shape(train: Dataset) -> Architecture:
    return Architecture(train.window, train.rows.shape[1])


def _feature_speed(segment: Segment) -> float:
    """Rows a second, the first calls, which may compile, left out."""
    times, values = segment.open_time_ms, segment.ohlcv
    feature_matrix(SHIPPED, times[:_HEAD], values[:_HEAD])
    feature_matrix(SHIPPED, times, values)
    began = perf_counter()
    feature_matrix(SHIPPED, times, values)
    return len(times) / (perf_counter() - began)
