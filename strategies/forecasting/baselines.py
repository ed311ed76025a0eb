"""
The rows that stand beside every network, by name, and how one of them is judged on one fold.

They are fitted, calibrated and scored on the same parts as a network is, so that a difference is one of models. Knows
no network or file.
"""

from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from bot.core.errors import ConfigError
from strategies.forecasting.calibration import fit_calibration
from strategies.forecasting.conformal import fit_conformal
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.evaluation import Learnt, Scored, pooled, reversal_rate, score
from strategies.forecasting.folds import Fold, Span
from strategies.forecasting.naive_rules import AlwaysUp, Drift, Persistence, SignMomentum, SignReversal
from strategies.forecasting.outlook import Baseline, Outlook
from strategies.forecasting.row_models import LightGbm, Logistic, Ridge
from strategies.forecasting.series_models import Arima, Ets

Floats = NDArray[np.float64]

NAIVE: Final[dict[str, type[Baseline]]] = {
    "persistence": Persistence,
    "drift": Drift,
    "sign reversal": SignReversal,
    "sign momentum": SignMomentum,
    "always up": AlwaysUp,
}
"""Rules of one line: a model that does not beat all of them has shown nothing."""

FITTED: Final[dict[str, type[Baseline]]] = {"ARIMA": Arima, "ETS": Ets, "ridge": Ridge}
"""Regressions, taken at their word."""

CLASSIFIERS: Final[dict[str, type[Baseline]]] = {"logistic": Logistic, "LightGBM": LightGbm}
"""Learnt probabilities, calibrated on the validation part as a network's are."""

BASELINES: Final = NAIVE | FITTED | CLASSIFIERS

SERIES: Final = ("ARIMA", "ETS")
"""Those that read one market's returns: of several markets each is fitted on its own."""

_FURTHEST: Final = 1e-9
"""A probability this near to 0 or 1 is as sure as a logit needs to be."""


class BaselineTask(Struct, frozen=True):
    """One fit and its test: everything that `run_baseline` needs."""

    name: str
    dataset: Dataset
    fold: Fold


def run_baseline(task: BaselineTask) -> Scored:
    """
    Fit on the training part, set the interval on the validation part, forecast the test part.

    Raises:
        ConfigError: There is no baseline of that name, or its library is not installed.
        DataError: A part is too small.
    """
    return learn_baseline(task).scored


def learn_baseline(task: BaselineTask) -> Learnt:
    """Do `run_baseline`'s work and keep what came of it on the way."""
    if task.name not in BASELINES:
        raise ConfigError(f"there is no baseline {task.name}: choose of {', '.join(BASELINES)}")
    if task.name in SERIES and len(markets := np.unique(task.dataset.market)) > 1:
        return _learn_each(task, [int(market) for market in markets])
    train, validation, test = (task.dataset.between(span.from_ms, span.until_ms) for span in _spans(task.fold))
    fitted = BASELINES[task.name].fit(train)
    before, said = fitted.forecast(validation), fitted.forecast(test)
    made = outputs(before, validation), outputs(said, test)
    weights = len(fitted.weights) if isinstance(fitted, Ridge | Logistic) else None
    if task.name in CLASSIFIERS:
        calibration = fit_calibration(made[0][:, 1], validation.moves)
        return Learnt(score(test, made[1], calibration, reversal_rate(train)), *made, weights)
    return Learnt(_taken_at_its_word(train, validation, test, before, said), *made, weights)


def _learn_each(task: BaselineTask, markets: list[int]) -> Learnt:
    """Fit every market on its own and put the forecasts back into the order of the data set."""
    parts = [
        learn_baseline(replace(task, dataset=task.dataset.where(task.dataset.market == market))) for market in markets
    ]
    orders = []
    for span in (task.fold.validation, task.fold.test):
        market = task.dataset.between(span.from_ms, span.until_ms).market
        orders.append(np.argsort(np.concatenate([np.flatnonzero(market == each) for each in markets])))
    together = pooled([part.scored for part in parts])
    return Learnt(
        replace(together, **{name: getattr(together, name)[orders[1]] for name in Scored.__struct_fields__}),
        np.concatenate([part.before for part in parts])[orders[0]],
        np.concatenate([part.after for part in parts])[orders[1]],
    )


def _spans(fold: Fold) -> tuple[Span, Span, Span]:
    return fold.train, fold.validation, fold.test


def _taken_at_its_word(train: Dataset, validation: Dataset, test: Dataset, before: Outlook, said: Outlook) -> Scored:
    """Leave the probabilities as they are, and set the interval on the validation part."""
    rate = reversal_rate(train)
    lower, upper = fit_conformal(before.mean, validation.next_return, validation.sigma).bounds(said.mean, test.sigma)
    return Scored(
        p_up=said.p_up,
        expected=said.mean,
        lower=lower,
        upper=upper,
        next_return=test.next_return,
        last_return=test.last_return,
        against_last=0.5 - np.sign(test.last_return) * (rate - 0.5),
    )


def outputs(said: Outlook, dataset: Dataset) -> Floats:
    """Give an outlook as a network gives it, `(m, 2)`: mean in units of σ, logit of "up"."""
    p_up = np.clip(said.p_up, _FURTHEST, 1.0 - _FURTHEST)
    return np.stack([said.mean / dataset.sigma, np.log(p_up / (1.0 - p_up))], axis=1)
