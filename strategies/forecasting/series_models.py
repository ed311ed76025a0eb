"""
The classics of time series: ARIMA and exponential smoothing of one market's returns, fitted once a fold.

They read the returns alone. The fit is statsmodels', which the extra `train` brings and which is imported where it is
used; afterwards they only go on with what the fit has found.
"""

import warnings
from typing import Any, Final, Self

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.errors import ConfigError, DataError
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.outlook import Outlook, normal_outlook

Floats = NDArray[np.float64]

ORDER: Final = (1, 0, 1)
"""One lag, no difference, one past shock: returns hold little more, and each further one is noise to be fitted."""


class Arima(Struct, frozen=True, eq=False):
    """
    ARIMA(1, 0, 1) with a mean, of returns in units of their deviation in the training part.

    Box and Jenkins (1970), "Time Series Analysis: Forecasting and Control", by the exact likelihood.
    """

    parameters: Floats
    deviation: float

    @classmethod
    def fit(cls, train: Dataset) -> Self:
        """
        Find the most likely parameters.

        Raises:
            ConfigError: statsmodels is not installed.
            DataError: The data set holds several markets, or returns that never change.
        """
        returns, deviation = _series(train), _deviation(train)
        with warnings.catch_warnings():
            # On returns without memory the two coefficients cancel: the search may wander, and any pair will do.
            warnings.simplefilter("ignore")
            fitted = _statsmodels().ARIMA(returns / deviation, order=ORDER, trend="c").fit()
        return cls(np.asarray(fitted.params, dtype=np.float64), deviation)

    def forecast(self, test: Dataset) -> Outlook:
        """Filter the part's own returns, and give the mean of what each one's successors sum up to."""
        model = _statsmodels().ARIMA(_series(test) / self.deviation, order=ORDER, trend="c")
        ahead = np.asarray(model.filter(self.parameters).predict(1, len(test)), dtype=np.float64)
        usual, lag, shock, variance = self.parameters.tolist()
        later = sum(usual + lag**step * (ahead - usual) for step in range(1, test.horizon))
        # A shock goes on in every later return by its weight, and their sum by the sum of the weights.
        weights = np.array([1.0, *((lag + shock) * lag**step for step in range(test.horizon - 1))])
        spread = float(np.sqrt(variance * (np.cumsum(weights) ** 2).sum()))
        moves = normal_outlook(ahead + later, spread)
        return Outlook(moves.mean * self.deviation, moves.p_up)


class Ets(Struct, frozen=True):
    """
    Exponential smoothing of returns, additive errors and no trend: a drift that is learnt anew as it changes.

    Hyndman, Koehler, Ord and Snyder (2008), "Forecasting with Exponential Smoothing", chapter 2. `level` is where the
    training part ended, in log returns, as is `deviation`.
    """

    smoothing: float
    level: float
    deviation: float

    @classmethod
    def fit(cls, train: Dataset) -> Self:
        """
        Find the most likely smoothing.

        Raises:
            ConfigError: statsmodels is not installed.
            DataError: The data set holds several markets, or returns that never change.
        """
        returns, deviation = _series(train), _deviation(train)
        with warnings.catch_warnings():
            # The likelihood is flat near no smoothing at all, where the search may end at its bound.
            warnings.simplefilter("ignore")
            fitted = _statsmodels().ETSModel(returns / deviation, error="add").fit(disp=False)
        errors = float(np.std(fitted.resid))
        return cls(float(fitted.smoothing_level), float(fitted.level[-1]) * deviation, errors * deviation)

    def forecast(self, test: Dataset) -> Outlook:
        """Go on from the training part's last level; what lies between the parts is not read."""
        levels = np.empty(len(test))
        level = self.level
        for at, change in enumerate(_series(test).tolist()):
            level += self.smoothing * (change - level)
            levels[at] = level
        # An error moves the level of all returns after it.
        shares = 1.0 + self.smoothing * np.arange(test.horizon)
        return normal_outlook(levels * test.horizon, self.deviation * float(np.sqrt((shares**2).sum())))


def _series(dataset: Dataset) -> Floats:
    """Give the returns up to each decision; missing candles are stepped over."""
    if (np.diff(dataset.close_time_ms) <= 0).any():
        raise DataError("a time series model reads one market: give a data set of one, or leave its row out")
    return dataset.last_return


def _deviation(train: Dataset) -> float:
    deviation = float(train.last_return.std())
    if not deviation > 0.0:
        raise DataError("the returns of the training part never change: give other candles")
    return deviation


def _statsmodels() -> Any:
    try:
        from statsmodels.tsa import api
    except ImportError as error:
        raise ConfigError(f"the ARIMA and ETS rows cannot be made ({error}): install candlewick[train]") from error
    return api
