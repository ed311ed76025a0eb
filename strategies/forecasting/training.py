"""
Fits a network: windows gathered batch by batch, early stopping, the same weights for the same seed.

On one machine the seed, the number of threads and the data decide every bit of the weights; another number of
threads, XLA or oneDNN switched off give others, so all of them go into the bundle. This module imports
TensorFlow; only training does.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from bot.core.errors import DataError, ModelError
from strategies.forecasting.architectures.kinds import build_kind
from strategies.forecasting.backend import keras, tf, use_threads
from strategies.forecasting.bundle import Architecture
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.networks import joint_loss
from strategies.forecasting.plan import Plan
from strategies.forecasting.scaling import Scaler, fit_scaler

__all__ = ["Fit", "Plan", "Progress", "fit", "joint_loss_of", "outputs", "predict", "weights_sha256"]

CLIP_NORM: Final = 1.0
"""Longest gradient that is followed."""

_AHEAD: Final = 256
"""Windows answered in one call."""

_STEPS_A_CALL: Final = 32
"""Steps between two reports of progress."""

Learn = Callable[[NDArray[np.int64]], None]
"""Learns from batches of windows, `(steps, batch)` of their numbers, one batch after the other."""

Progress = Callable[[int, int], None]
"""Told how many steps of how many are done."""


class Fit(Struct, frozen=True):
    """A fitted network, how its input is scaled, and how the fit went; losses are means over windows."""

    network: keras.Model
    scaler: Scaler
    epochs: int
    best_epoch: int
    validation_loss: float

    @property
    def weights(self) -> list[NDArray[np.float32]]:
        """The arrays of the network, in its own order."""
        return [np.asarray(array, dtype=np.float32) for array in self.network.get_weights()]


def fit(architecture: Architecture, plan: Plan, train: Dataset, validation: Dataset, progress: Progress) -> Fit:
    """
    Fit a network and keep the weights of its best epoch.

    Args:
        architecture: What to build.
        plan: Seed, threads, epochs and the rest.
        train: Windows to learn from.
        validation: Later windows, which decide when to stop.
        progress: Called every few steps.

    Raises:
        DataError: Either part has no windows.
        ConfigError: There is no such kind of network or scaler, or TensorFlow already runs in this process with another
            number of threads.
        ModelError: The loss was never finite.
    """
    for part, windows in (("training", len(train)), ("validation", len(validation))):
        if not windows:
            raise DataError(f"the {part} part has no windows: give more candles")
    use_threads(plan.threads)
    keras.backend.clear_session()
    keras.utils.set_random_seed(plan.seed)
    scaler = replace(fit_scaler(train.covered_rows(), plan.scaler), muted=architecture.muted)
    rows, later = scaler.function()(train.rows), scaler.function()(validation.rows)
    batch = min(plan.batch, len(train))
    steps = len(train) // batch
    network = _compiled(architecture, plan, steps)
    learn = _learning(network, rows, train, batch)
    shuffle = np.random.default_rng(plan.seed)
    best, best_epoch, best_weights = math.inf, 0, network.get_weights()
    for epoch in range(1, plan.epochs + 1):
        order = shuffle.permutation(len(train))[: steps * batch].reshape(steps, batch)
        for at in range(0, steps, _STEPS_A_CALL):
            learn(order[at : at + _STEPS_A_CALL])
            progress((epoch - 1) * steps + min(at + _STEPS_A_CALL, steps), plan.epochs * steps)
        loss = joint_loss_of(outputs(network, validation, later), validation.moves)
        if loss < best:
            best, best_epoch, best_weights = loss, epoch, network.get_weights()
        if epoch - best_epoch >= plan.patience:
            break
    if not math.isfinite(best):
        raise ModelError("the fit never had a finite validation loss: look for impossible candles, or another seed")
    network.set_weights(best_weights)
    progress(plan.epochs * steps, plan.epochs * steps)
    return Fit(network, scaler, epoch, best_epoch, best)


def predict(fitted: Fit, dataset: Dataset) -> NDArray[np.float64]:
    """Outputs `(m, 2)` for every window of a data set: mean in units of σ, logit of "up"."""
    return outputs(fitted.network, dataset, fitted.scaler.function()(dataset.rows)).astype(np.float64)


def outputs(network: keras.Model, dataset: Dataset, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
    """Outputs `(m, 2)` for every window, its rows already scaled."""
    chunks = [np.arange(at, min(at + _AHEAD, len(dataset))) for at in range(0, len(dataset), _AHEAD)]
    return np.concatenate([network.predict_on_batch(dataset.windows(scaled, chunk)) for chunk in chunks])


def joint_loss_of(answers: NDArray[np.float32], moves: NDArray[np.float64]) -> float:
    """Mean of the training loss, without regularisation, in float64."""
    truth = tf.constant(moves[:, None], dtype=tf.float64)
    return float(np.mean(joint_loss(truth, tf.constant(answers, dtype=tf.float64))))


def weights_sha256(weights: Iterable[NDArray[np.float32]]) -> str:
    """The sha256 of the weights: shapes and bytes, in order."""
    digest = hashlib.sha256()
    for array in weights:
        digest.update(repr(array.shape).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _learning(network: keras.Model, rows: NDArray[np.float32], train: Dataset, batch: int) -> Learn:
    """
    Many steps in one call of a graph, which gathers its own windows from the rows and lays memories out step by step.

    Seconds longer to begin than a call for each step, and a third faster afterwards. The same arithmetic; its scalars
    are put together in another order, so the last bits are others.
    """
    seen, ends = tf.constant(rows), tf.constant(train.ends)
    moves = tf.constant(train.moves[:, None].astype(np.float32))
    back = tf.range(1 - train.window, 1, dtype=tf.int64)
    variables, optimizer = network.trainable_variables, network.optimizer
    optimizer.build(variables)

    def one_step(chosen: tf.Tensor) -> None:  # (B,)
        windows = tf.gather(seen, tf.gather(ends, chosen)[:, None] + back)  # (B, T, F)
        truth = tf.gather(moves, chosen)  # (B, 1)
        with tf.GradientTape() as tape:
            answer = network(windows, training=True)  # (B, 2)
            loss = network.compute_loss(x=windows, y=truth, y_pred=answer, training=True)
        optimizer.apply(tape.gradient(loss, variables), variables)

    def steps(order: tf.Tensor) -> None:
        def following(step: tf.Tensor) -> tf.Tensor:
            one_step(order[step])
            return step + 1

        tf.while_loop(lambda step: step < tf.shape(order)[0], following, [tf.constant(0)])

    # The loop is written out: a Python `for` would have to be rewritten, which not every Python lets TensorFlow do.
    graph = tf.function(steps, input_signature=[tf.TensorSpec((None, batch), tf.int64)], autograph=False)

    def learn(order: NDArray[np.int64]) -> None:
        with _unrolled(network):
            graph(tf.constant(order))

    return learn


@contextmanager
def _unrolled(network: keras.Model) -> Iterator[None]:
    """Let memories be traced step by step, and be themselves again afterwards: what is exported stays rolled."""
    memories = [layer for layer in network.layers if isinstance(layer, keras.layers.RNN)]
    for memory in memories:
        memory.unroll = True
    try:
        yield
    finally:
        for memory in memories:
            memory.unroll = False


def _compiled(architecture: Architecture, plan: Plan, steps: int) -> keras.Model:
    network = build_kind(architecture.kind, architecture)
    schedule = keras.optimizers.schedules.CosineDecay(plan.learning_rate, plan.epochs * steps)
    optimizer = keras.optimizers.AdamW(schedule, clipnorm=CLIP_NORM)
    # XLA is slower for this network, and would give other bits.
    network.compile(optimizer, loss=joint_loss, jit_compile=False)
    return network
