"""
Models of the last feature row alone: the real opponents of a network that reads sixty.

Ridge and logistic regression in a few lines of numpy; LightGBM, which the extra `train` brings, is imported where it
is used. All are fitted without chance: the same rows give the same model.
"""

from typing import Any, Final, Self

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.errors import ConfigError, DataError
from strategies.forecasting.calibration import sigmoid
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.outlook import Outlook, bet, normal_outlook, typical_move
from strategies.forecasting.scaling import Scaler, fit_scaler

Floats = NDArray[np.float64]

PENALTY: Final = 0.1
"""Pull towards zero of a coefficient, as a share of what the rows weigh themselves: fixed before any test was seen."""

TREES: Final = 200
LIGHTGBM: Final = {
    "objective": "binary",
    "learning_rate": 0.02,
    "num_leaves": 15,
    "min_data_in_leaf": 100,
    "lambda_l2": 10.0,
    "num_threads": 1,
    "deterministic": True,
    "force_col_wise": True,
    "verbosity": -1,
}
"""Small trees with many rows in each leaf, no sampling of rows or columns, and so no seed."""

_NEWTON_STEPS: Final = 25
_SETTLED: Final = 1e-10


class Ridge(Struct, frozen=True, eq=False):
    """
    Linear regression of moves in units of σ, pulled towards zero.

    Hoerl and Kennard (1970), "Ridge Regression", Technometrics 12(1). The intercept, the last of `weights`, is free.
    """

    scaler: Scaler
    weights: Floats
    deviation: float

    @classmethod
    def fit(cls, train: Dataset) -> Self:
        """Solve the normal equations."""
        scaler = _scaler(train)
        design = _design(scaler, train)  # (m, F + 1)
        pull = np.diag(_pull(design, 1.0))
        weights = np.linalg.solve(design.T @ design + pull, design.T @ train.moves).astype(np.float64)
        return cls(scaler, weights, float((train.moves - design @ weights).std()))

    def forecast(self, test: Dataset) -> Outlook:
        """The regression's mean; errors are taken for normal, so that it has a direction."""
        moves = normal_outlook(_design(self.scaler, test) @ self.weights, self.deviation)
        return Outlook(moves.mean * test.sigma, moves.p_up)


class Logistic(Struct, frozen=True, eq=False):
    """
    Logistic regression of the direction, pulled as hard as the ridge.

    Le Cessie and van Houwelingen (1992), "Ridge Estimators in Logistic Regression", Applied Statistics 41(1), by
    Newton's method. Moves of zero have no direction and are left out.
    """

    scaler: Scaler
    weights: Floats
    typical_move: float

    @classmethod
    def fit(cls, train: Dataset) -> Self:
        """
        Find the most probable weights.

        Raises:
            DataError: Newton's method does not settle.
        """
        scaler = _scaler(train)
        moved = train.moves != 0.0
        design, ups = _design(scaler, train)[moved], (train.moves[moved] > 0.0).astype(np.float64)
        # A direction near one half tells a quarter of what a move does.
        pull = _pull(design, 0.25)
        weights = np.zeros(design.shape[1])
        for _ in range(_NEWTON_STEPS):
            p = _sigmoids(design @ weights)
            gradient = design.T @ (p - ups) + pull * weights
            step = np.linalg.solve((design * (p * (1.0 - p))[:, None]).T @ design + np.diag(pull), gradient)
            weights = weights - step
            if float(np.abs(step).max()) < _SETTLED:
                return cls(scaler, weights, typical_move(train))
        raise DataError("the logistic regression does not settle: look for a feature that decides the direction alone")

    def forecast(self, test: Dataset) -> Outlook:
        """A bet on the direction."""
        return bet(_sigmoids(_design(self.scaler, test) @ self.weights), self.typical_move, test.sigma)


class LightGbm(Struct, frozen=True, eq=False):
    """
    Boosted trees of the direction. `trees` is the library's own text of the model.

    Ke et al. (2017), "LightGBM: A Highly Efficient Gradient Boosting Decision Tree", NeurIPS 30.
    """

    trees: str
    typical_move: float

    @classmethod
    def fit(cls, train: Dataset) -> Self:
        """
        Grow the trees, on rows as they are: trees need no scaling.

        Raises:
            ConfigError: LightGBM is not installed, or cannot be loaded.
        """
        library = _lightgbm()
        moved = train.moves != 0.0
        rows, ups = train.rows[train.ends[moved]], (train.moves[moved] > 0.0).astype(np.float64)
        grown = library.train(LIGHTGBM, library.Dataset(rows, ups), TREES)
        return cls(grown.model_to_string(), typical_move(train))

    def forecast(self, test: Dataset) -> Outlook:
        """A bet on the direction."""
        grown = _lightgbm().Booster(model_str=self.trees)
        p_up = np.asarray(grown.predict(test.rows[test.ends], num_threads=1), dtype=np.float64)
        return bet(p_up, self.typical_move, test.sigma)


def _scaler(train: Dataset) -> Scaler:
    return fit_scaler(train.rows[train.ends])


def _design(scaler: Scaler, dataset: Dataset) -> Floats:
    """Scaled last rows with a column of ones, `(m, F + 1)`."""
    scaled = scaler.function()(dataset.rows[dataset.ends]).astype(np.float64)
    return np.concatenate([scaled, np.ones((len(scaled), 1))], axis=1)


def _pull(design: Floats, weight: float) -> Floats:
    """Penalty of each coefficient, `(F + 1,)`; none of the intercept."""
    pull = np.full(design.shape[1], PENALTY * weight * len(design))
    pull[-1] = 0.0
    return pull


def _sigmoids(logits: Floats) -> Floats:
    return np.array([sigmoid(logit) for logit in logits.tolist()])


def _lightgbm() -> Any:
    try:
        import lightgbm
    except (ImportError, OSError) as error:
        raise ConfigError(f"the LightGBM row cannot be made ({error}): install candlewick[train]") from error
    return lightgbm
