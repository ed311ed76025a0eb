"""
The whole way from a data set to a bundle on the disk: fit, calibrate, export, describe, prove, name.

This module imports TensorFlow; only training does.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from msgspec import Struct, to_builtins
from numpy.typing import NDArray

from bot.core.window import FeatureSet
from strategies.forecasting.backend import environment
from strategies.forecasting.bundle import (
    Architecture,
    Contents,
    DataSpan,
    FeatureColumns,
    Vectors,
    load_bundle,
    sliding_windows,
)
from strategies.forecasting.calibration import Calibration, fit_calibration
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.drift_reference import Habits, measure_habits
from strategies.forecasting.evaluation import Figures, WalkForward, figures, reversal_rate, score
from strategies.forecasting.export import export_graph
from strategies.forecasting.folds import Fold
from strategies.forecasting.model_card import CardFacts, write_card
from strategies.forecasting.packing import write_bundle
from strategies.forecasting.scaling import Scaler
from strategies.forecasting.serving import BATCHES, BundleForecaster, Run
from strategies.forecasting.training import Fit, Plan, Progress, fit, predict, weights_sha256

VECTORS: Final = BATCHES[0]
"""Test vectors in a bundle: the largest batch in use is filled once."""

_VECTOR_SEED: Final = 20_240_601


class Recipe(Struct, frozen=True):
    """Everything that decides what is in the bundle, beside the data set and the walk-forward figures."""

    name: str
    features: FeatureSet
    architecture: Architecture
    plan: Plan
    fold: Fold
    data: DataSpan
    theoretical_hit_rate: float | None
    remark: str | None = None


class Outcome(Struct, frozen=True):
    """What came of it. `validation` flatters: it chose the epoch and the calibration."""

    fingerprint: str
    weights_sha256: str
    parameters: int
    epochs: int
    best_epoch: int
    validation: Figures


def make_bundle(
    recipe: Recipe,
    dataset: Dataset,
    judged: WalkForward | None,
    out: Path,
    start_runtime: Callable[[bytes], Run],
    progress: Progress,
) -> Outcome:
    """
    Fit the network that is shipped and write its bundle.

    Args:
        recipe: What to make.
        dataset: Where its fold lies.
        judged: What a walk-forward said of this way of training, if one was made.
        out: The bundle's folder, which must not exist.
        start_runtime: Makes a runtime of an exported graph, to prove the bundle with before it gets its name.
        progress: Called after every step of the fit.

    Raises:
        ConfigError: The folder exists.
        DataError: The data set is too small.
        ModelError: The exported graph does not reproduce the network.
    """
    train, validation = (
        dataset.between(span.from_ms, span.until_ms) for span in (recipe.fold.train, recipe.fold.validation)
    )
    fitted = fit(recipe.architecture, recipe.plan, train, validation, progress)
    answers = predict(fitted, validation)
    calibration = fit_calibration(answers[:, 1], validation.moves)
    flattering = figures(score(validation, answers, calibration, reversal_rate(train)))
    card = CardFacts(
        recipe.name,
        recipe.data,
        recipe.architecture,
        fitted.network.count_params(),
        judged,
        flattering,
        recipe.theoretical_hit_rate,
        recipe.remark,
    )
    contents = Contents(
        graph=export_graph(fitted.network),
        weights=tuple(fitted.weights),
        architecture=recipe.architecture,
        features=_columns(recipe),
        scaler=fitted.scaler,
        calibration=calibration,
        metrics=_metrics(recipe, fitted, flattering, judged),
        data=recipe.data,
        environment=environment(recipe.plan.threads),
        vectors=_vectors(fitted, recipe.architecture),
        card=write_card(card),
        habits=_habits(
            fitted,
            calibration,
            dataset.between(recipe.fold.train.from_ms, recipe.fold.validation.until_ms),
            judged.p_up_deciles if judged else (),
        ),
    )
    fingerprints: list[str] = []

    def prove(folder: Path) -> None:
        bundle = load_bundle(folder, recipe.features)
        BundleForecaster(bundle, start_runtime(bundle.graph)).prove()
        fingerprints.append(bundle.fingerprint)

    write_bundle(out, recipe.name, contents, prove)
    return Outcome(
        fingerprint=fingerprints[0],
        weights_sha256=weights_sha256(fitted.weights),
        parameters=card.parameters,
        epochs=fitted.epochs,
        best_epoch=fitted.best_epoch,
        validation=flattering,
    )


def _columns(recipe: Recipe) -> FeatureColumns:
    features = recipe.features
    return FeatureColumns(features.name, features.version, features.names, features.warm_up, recipe.architecture.window)


def _metrics(recipe: Recipe, fitted: Fit, flattering: Figures, judged: WalkForward | None) -> dict[str, Any]:
    return {
        "training": {
            "plan": to_builtins(recipe.plan),
            "fold": to_builtins(recipe.fold),
            "epochs": fitted.epochs,
            "best_epoch": fitted.best_epoch,
            "validation_loss": fitted.validation_loss,
            "weights_sha256": weights_sha256(fitted.weights),
        },
        "validation": to_builtins(flattering),
        "walk_forward": to_builtins(judged),
        "theoretical_hit_rate": recipe.theoretical_hit_rate,
    }


def _habits(fitted: Fit, calibration: Calibration, seen: Dataset, unseen: tuple[float, ...]) -> Habits:
    """What the network is used to: the rows that it was shown, a market after the other, and what it says of them."""
    order = np.argsort(seen.ends)
    logits = calibration.scale * predict(fitted, seen)[order, 1] + calibration.shift
    p_up = 1.0 / (1.0 + np.exp(-logits))
    return measure_habits(seen.names, seen.rows[seen.ends[order]], p_up, unseen=unseen)


def _vectors(fitted: Fit, architecture: Architecture) -> Vectors:
    """Made rows, not market data, of the size that the network is used to, and what Keras says of their windows."""
    rows = _made_rows(fitted.scaler, VECTORS + architecture.window - 1)
    windows = fitted.scaler.function()(sliding_windows(rows, architecture.window))
    return Vectors(rows, np.asarray(fitted.network.predict_on_batch(windows), dtype=np.float32))


def _made_rows(scaler: Scaler, count: int) -> NDArray[np.float32]:
    noise = np.random.default_rng(_VECTOR_SEED).standard_normal((count, len(scaler.center)))
    rows: NDArray[np.float32] = (np.asarray(scaler.center) + noise * np.asarray(scaler.spread)).astype(np.float32)
    return rows
