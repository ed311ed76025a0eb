"""
Several forecasters as one: seeds averaged, kinds weighed by what they did on the validation part.

Weights are never negative and are pulled towards equal ones, because three months cannot tell neighbours apart. The
test part has no say. Pure arrays.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from strategies.forecasting.calibration import fit_calibration
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.evaluation import Learnt, reversal_rate, score
from strategies.forecasting.folds import Fold

Floats = NDArray[np.float64]

_SWEEPS: Final = 200
_SETTLED: Final = 1e-9
_PULL_TO_EQUAL: Final = 100.0
"""Precision of the belief that all kinds are as good as each other: a weight is 1/K, give or take a tenth."""


def stack(members: Sequence[Sequence[Learnt]], dataset: Dataset, fold: Fold) -> Learnt:
    """
    Combine the fits of one fold.

    Stacked generalisation (Wolpert 1992, Neural Networks 5(2)) with weights that are not negative (Breiman 1996,
    "Stacked Regressions", Machine Learning 24), on logits.

    Args:
        members: The fits of each kind, one for every seed.
        dataset: What they were fitted on.
        fold: The fold.

    Raises:
        DataError: The validation part is too small.
    """
    train, validation, test = (
        dataset.between(span.from_ms, span.until_ms) for span in (fold.train, fold.validation, fold.test)
    )
    before, after = (
        np.stack([np.mean([getattr(fit, part)[:, 1] for fit in kind], axis=0) for kind in members], axis=1)
        for part in ("before", "after")
    )  # (v, K), (m, K)
    moved = validation.moves != 0.0
    weights = stack_weights(before[moved], validation.moves[moved] > 0.0)
    # What is stacked is the direction; the mean follows from it by the calibration, as a network's does.
    answers = [np.stack([np.zeros(len(part)), part @ weights], axis=1) for part in (before, after)]
    calibration = fit_calibration(answers[0][:, 1], validation.moves)
    scored = score(test, answers[1], calibration, reversal_rate(train))
    counts = [fit.parameters for kind in members for fit in kind]
    known = [count for count in counts if count is not None]
    return Learnt(scored, answers[0], answers[1], sum(known) if len(known) == len(counts) else None)


def stack_weights(logits: Floats, ups: NDArray[np.bool_]) -> Floats:
    """
    Weights `(K,)`, none negative, under which the weighted logit makes the directions most likely.

    By coordinate descent with Newton steps, from equal weights.

    Args:
        logits: `(v, K)`.
        ups: `(v,)`.
    """
    kinds = logits.shape[1]
    weights = np.full(kinds, 1.0 / kinds)
    total = logits @ weights
    for _ in range(_SWEEPS):
        largest = 0.0
        for kind in range(kinds):
            column = logits[:, kind]
            p_up = 1.0 / (1.0 + np.exp(-np.clip(total, -30.0, 30.0)))
            slope = float(column @ (p_up - ups)) + _PULL_TO_EQUAL * (weights[kind] - 1.0 / kinds)
            bend = float((column**2) @ (p_up * (1.0 - p_up))) + _PULL_TO_EQUAL
            step = max(weights[kind] - slope / bend, 0.0) - weights[kind]
            weights[kind] += step
            total = total + step * column
            largest = max(largest, abs(step))
        if largest < _SETTLED:
            break
    return weights
