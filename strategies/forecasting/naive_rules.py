"""
Rules of one line that every model has to beat before its name matters.

Each takes one figure from the training part: how often it held there. Knows no network or file.
"""

from typing import Final, Self

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from strategies.forecasting.datasets import Dataset
from strategies.forecasting.evaluation import reversal_rate
from strategies.forecasting.outlook import Outlook, bet, normal_outlook, typical_move

LEAST_RATE: Final = 0.5001
"""A rule that fails half of the time is still followed, with a probability that says how little it is worth."""


class Persistence(Struct, frozen=True):
    """The next close is this one: the forecast behind every impressive error on price levels."""

    @classmethod
    def fit(cls, _train: Dataset) -> Self:
        """Nothing is learnt."""
        return cls()

    def forecast(self, test: Dataset) -> Outlook:
        """No move, and no direction."""
        return Outlook(np.zeros(len(test)), np.full(len(test), 0.5))


class Drift(Struct, frozen=True):
    """A random walk with the drift of the training part; log returns, with their standard deviation."""

    mean: float
    deviation: float

    @classmethod
    def fit(cls, train: Dataset) -> Self:
        """Take mean and deviation of the training part's returns."""
        return cls(float(train.next_return.mean()), float(train.next_return.std()))

    def forecast(self, test: Dataset) -> Outlook:
        """The same of every candle."""
        return normal_outlook(np.full(len(test), self.mean), self.deviation)


class AlwaysUp(Struct, frozen=True):
    """What a market does that rises more often than not."""

    rate: float
    typical_move: float

    @classmethod
    def fit(cls, train: Dataset) -> Self:
        """Count the ups among moves that are not zero."""
        moved = train.next_return[train.next_return != 0.0]
        return cls(_rate(float((moved > 0.0).mean())), typical_move(train))

    def forecast(self, test: Dataset) -> Outlook:
        """Up, as probably as in the training part."""
        return bet(np.full(len(test), self.rate), self.typical_move, test.sigma)


class SignReversal(Struct, frozen=True):
    """Against the last candle: on some markets and timeframes the strongest rule of one line."""

    rate: float
    typical_move: float

    @classmethod
    def fit(cls, train: Dataset) -> Self:
        """Count how often it held."""
        return cls(_rate(reversal_rate(train)), typical_move(train))

    def forecast(self, test: Dataset) -> Outlook:
        """The opposite of the last sign; nothing after a candle that did not move."""
        return bet(_with_the_last(test, 1.0 - self.rate), self.typical_move, test.sigma)


class SignMomentum(Struct, frozen=True):
    """With the last candle."""

    rate: float
    typical_move: float

    @classmethod
    def fit(cls, train: Dataset) -> Self:
        """Count how often it held."""
        return cls(_rate(1.0 - reversal_rate(train)), typical_move(train))

    def forecast(self, test: Dataset) -> Outlook:
        """The last sign; nothing after a candle that did not move."""
        return bet(_with_the_last(test, self.rate), self.typical_move, test.sigma)


def _with_the_last(test: Dataset, rate: float) -> NDArray[np.float64]:
    """Give the probability of "up" where the last sign comes again at this rate."""
    p_up: NDArray[np.float64] = 0.5 + np.sign(test.last_return) * (rate - 0.5)
    return p_up


def _rate(held: float) -> float:
    return max(held, LEAST_RATE)
