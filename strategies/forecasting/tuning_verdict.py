"""
What a study is worth: the choice beside the default on candles that no trial has seen, and what luck could have done.

Losses of both are compared candle by candle, so that what they share cancels out. Pure arrays; knows no trial's
configuration, no file and no network.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from strategies.forecasting.economics import MARGIN, sign_exposures
from strategies.forecasting.evaluation import BPS, Scored
from strategies.forecasting.overfitting import (
    BLOCKS,
    Deflated,
    Overfitting,
    backtest_overfitting,
    candle_sharpe,
    deflated_sharpe,
)
from strategies.forecasting.resampling import bootstrap_means

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
Measure = Callable[[Scored], Floats]

_LEAST_IN_BLOCK: Final = 10
_LEAST_BLOCKS: Final = 4
_LEAST_RETURNS: Final = 3

BRIER: Final = "Brier score"


class Difference(Struct, frozen=True):
    """
    One measure of the choice and of the default; `gain` is above zero where the choice is better.

    `low` and `high` bound the gain with 95 % by a block bootstrap.
    """

    measure: str
    chosen: float
    default: float
    gain: float
    low: float
    high: float

    @property
    def finding(self) -> str:
        """In a word: better, worse, or neither."""
        return "better" if self.low > 0.0 else "worse" if self.high < 0.0 else "neither"


class Luck(Struct, frozen=True):
    """
    What choosing among so many trials could have done by luck alone; all before costs, trading every sign.

    `overfitting` is over the finished trials and all folds, `first_fold` over every trial and the fold that all of them
    did. `validation` deflates the Sharpe ratio that the choice was made by, `test` the one on unseen candles. What
    cannot be reckoned is None.
    """

    trials: int
    finished: int
    overfitting: Overfitting | None
    first_fold: Overfitting | None
    validation: Deflated | None
    test: Deflated | None


def differences(chosen: Sequence[Scored], default: Sequence[Scored], close_time_ms: Times) -> tuple[Difference, ...]:
    """
    Compare two walks over the same test parts, Brier score first.

    Args:
        chosen: Forecasts of each seed, `(n,)` each.
        default: The same of the default.
        close_time_ms: `(n,)` when they were made; the markets of one instant count as one.
    """
    moved = chosen[0].next_return != 0.0
    times = close_time_ms[moved]
    measures = (
        (BRIER, _brier, times, 1.0),
        ("squared error, bp²", _squared_error, close_time_ms, 1.0),
        ("direction right", _hits, times, -1.0),
    )
    return tuple(
        _difference(name, _by_instant(_mean(measure, chosen), at), _by_instant(_mean(measure, default), at), sign)
        for name, measure, at, sign in measures
    )


def trial_returns(outputs: NDArray[np.float32], next_return: Floats, close_time_ms: Times) -> Floats:
    """
    Give the return of each instant, before costs, of trading every sign that a network gave, long or short.

    Args:
        outputs: `(m, 2)` of the network: the second column is the logit of "up".
        next_return: `(m,)` log returns that followed.
        close_time_ms: `(m,)` when the forecasts were made.
    """
    return _by_instant(np.sign(outputs[:, 1].astype(np.float64)) * np.expm1(next_return), close_time_ms)


def walked_returns(by_seed: Sequence[Scored], close_time_ms: Times) -> Floats:
    """Give the same of a walk over the test parts, the mean over its seeds."""
    each = [sign_exposures(scored.p_up, MARGIN) * np.expm1(scored.next_return) for scored in by_seed]
    return _by_instant(np.mean(each, axis=0), close_time_ms)


def luck(folds_of: Sequence[Sequence[Floats]], finished: Sequence[int], chosen: int, tested: Floats) -> Luck:
    """
    Say what luck could have done.

    Args:
        folds_of: Returns in each fold that was done, `(n_k,)`, of every trial that did one.
        finished: The trials that did all folds, by their place in `folds_of`.
        chosen: The place of the choice.
        tested: `(n,)` its returns on unseen candles.
    """
    sharpes = np.array([candle_sharpe(np.concatenate(folds)) for folds in folds_of])
    complete = [np.concatenate(folds_of[trial]) for trial in finished]
    return Luck(
        trials=len(folds_of),
        finished=len(finished),
        overfitting=_overfitting(complete),
        first_fold=_overfitting([folds[0] for folds in folds_of]),
        validation=_deflated(np.concatenate(folds_of[chosen]), sharpes),
        test=_deflated(tested, sharpes),
    )


def _overfitting(trials: Sequence[Floats]) -> Overfitting | None:
    blocks = min(BLOCKS, len(trials[0]) // _LEAST_IN_BLOCK // 2 * 2) if len(trials) > 1 else 0
    return backtest_overfitting(np.stack(trials, axis=1), blocks) if blocks >= _LEAST_BLOCKS else None


def _deflated(returns: Floats, sharpes: Floats) -> Deflated | None:
    return deflated_sharpe(returns, sharpes) if len(returns) >= _LEAST_RETURNS else None


def _brier(scored: Scored) -> Floats:
    moved = scored.next_return != 0.0
    loss: Floats = (scored.p_up[moved] - (scored.next_return[moved] > 0.0)) ** 2
    return loss


def _squared_error(scored: Scored) -> Floats:
    loss: Floats = (BPS * (scored.expected - scored.next_return)) ** 2
    return loss


def _hits(scored: Scored) -> Floats:
    moved = scored.next_return != 0.0
    right: Floats = ((scored.p_up[moved] > 0.5) == (scored.next_return[moved] > 0.0)).astype(np.float64)
    return right


def _mean(measure: Measure, by_seed: Sequence[Scored]) -> Floats:
    # Two seeds' losses on one candle are not two candles: only their mean is.
    mean: Floats = np.mean([measure(scored) for scored in by_seed], axis=0)
    return mean


def _by_instant(values: Floats, close_time_ms: Times) -> Floats:
    """Give the mean over the markets of each instant; times are in order within a part, and parts follow in order."""
    _, first, count = np.unique(close_time_ms, return_index=True, return_counts=True)
    means: Floats = np.add.reduceat(values, first) / count
    return means


def _difference(measure: str, chosen: Floats, default: Floats, sign: float) -> Difference:
    gains = sign * (default - chosen)
    low, high = np.quantile(bootstrap_means(gains), (0.025, 0.975))
    return Difference(
        measure, float(chosen.mean()), float(default.mean()), float(gains.mean()), float(low), float(high)
    )
