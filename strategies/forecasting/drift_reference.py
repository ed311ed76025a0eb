"""
What a model is used to: how its features and its forecasts are spread, and how good it was on unseen candles.

Measured once, on the training part, and carried by the bundle; the skill is read from what the bundle says of its
walk-forward. Knows nothing of networks or files.
"""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any, Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from strategies.forecasting.calibration import COVERAGE
from strategies.forecasting.drift_streams import smoothed

Floats = NDArray[np.float64]

WINDOW: Final = 1_000
"""Candles of a rolling window: fewer say little of a share, more see a shift late."""
P_UP: Final = "p_up"
"""The name of the column of forecasts."""

_BINS: Final = 10
_LEAST_WINDOWS: Final = 4
"""Windows of their own that the training part must hold, or nothing can be said of what is usual."""
_STRIDE: Final = 10
_COIN_BRIER: Final = 0.25
_LEAST_KEPT: Final = 0.25
"""What is expected at least: of a model that promised nothing, nothing could be said."""
_LEAST_SPREAD: Final = 0.05
"""A spread is at least this share of the mean: an index that hardly moved in training is not known that well."""


class Column(Struct, frozen=True):
    """
    One column of the training part.

    `edges` are its deciles, each once, and `shares` how the part is spread between them; of forecasts, those of unseen
    candles where there were any. `usual` and `spread` are the
    mean and deviation of the stability index of its windows.
    """

    name: str
    edges: tuple[float, ...]
    shares: tuple[float, ...]
    usual: float
    spread: float


class Habits(Struct, frozen=True):
    """How the rows of the training part, and the forecasts made from them, are spread; windows of `window` rows."""

    window: int
    columns: tuple[Column, ...]


class Band(Struct, frozen=True):
    """
    The worst that was seen on unseen candles: the least hit rate, the largest share of returns outside.

    `kept` is the share of its probabilities' distance from one half that came true.
    """

    hit_rate: float
    miss_rate: float
    kept: float = 1.0


def measure_habits(
    names: Sequence[str],
    rows: NDArray[np.float32],
    p_up: Floats,
    window: int = WINDOW,
    unseen: Sequence[float] = (),
) -> Habits:
    """
    Measure what a model is used to.

    Args:
        names: The columns of `rows`.
        rows: `(n, F)` feature rows of the training part, in order of time; markets one after the other.
        p_up: `(n,)` what the model says at each of them.
        window: Rows of a rolling window.
        unseen: Deciles of forecasts of candles that were not learnt from, where there are any: a network is surer of
            what it has seen, so that its own training part is no measure of how its forecasts will be spread.

    Returns:
        No columns where the part holds too few windows.
    """
    if len(rows) < _LEAST_WINDOWS * window:
        return Habits(window, ())
    columns = [_column(name, rows[:, at].astype(np.float64), window) for at, name in enumerate(names)]
    said = _column(P_UP, p_up, window)
    if len(set(unseen)) == _BINS - 1:
        # How far windows stray is taken from the training part, which is longer; around what they stray is not.
        said = replace(said, edges=tuple(unseen), shares=(1.0 / _BINS,) * _BINS)
    return Habits(window, (*columns, said))


def band_of(metrics: Mapping[str, Any]) -> Band:
    """
    Read how bad a model was at its worst, a standard error included.

    Args:
        metrics: What a bundle says of its walk-forward. One that was not judged is held to a coin and to its promise.
    """
    walked = metrics.get("walk_forward") or {}
    figures = [fold["figures"] for fold in walked.get("folds", ())]
    if not figures:
        return Band(0.5, 1.0 - COVERAGE)
    hits = [_below(one["hit_rate"], one["moves"]) for one in figures]
    misses = [1.0 - _below(one["coverage"], one["forecasts"]) for one in figures]
    return Band(min(hits), max(1.0 - COVERAGE, *misses), _kept(walked))


def _kept(walked: Mapping[str, Any]) -> float:
    """
    How much of what probabilities promised came true, for the worst seed; all of it where a bundle does not say.

    Were the share k of every distance from one half true, a Brier score would lie 2k - 1 of their mean square below
    a coin's.
    """
    proven = [one for one in walked.get("against", ()) if one["sharpness"] > 0.0]
    kept = [0.5 + 0.5 * (_COIN_BRIER - one["brier"]) / one["sharpness"] for one in proven]
    return min(1.0, max(_LEAST_KEPT, min(kept, default=1.0)))


def _below(share: float, count: int) -> float:
    return float(share) - sqrt(share * (1.0 - share) / max(count, 1))


def _column(name: str, values: Floats, window: int) -> Column:
    edges = np.unique(np.quantile(values, np.linspace(0.0, 1.0, _BINS + 1)[1:-1]))
    if edges[0] == values.min():
        # Much lies on the smallest value: what is below it belongs into a bin of its own.
        edges = np.concatenate([[np.nextafter(edges[0], -np.inf)], edges])
    bins = (values[:, None] > edges).sum(axis=1)
    counts = np.bincount(bins, minlength=len(edges) + 1)
    shares = counts / len(values)
    index = _rolling_index(bins, shares, window)
    usual = max(float(index.mean()), 1.0 / window)
    spread = max(float(index.std()), _LEAST_SPREAD * usual)
    return Column(name, tuple(edges.tolist()), tuple(shares.tolist()), usual, spread)


def _rolling_index(bins: NDArray[np.int64], shares: Floats, window: int) -> Floats:
    """The stability index of every tenth window, `(m,)`."""
    running = np.concatenate([np.zeros((1, len(shares))), np.cumsum(bins[:, None] == np.arange(len(shares)), axis=0)])
    counts = (running[window:] - running[:-window])[::_STRIDE]
    every = np.ones(len(shares), dtype=np.bool_)
    now, expected = smoothed(counts, every), smoothed(shares * window, every)
    index: Floats = ((now - expected) * np.log(now / expected)).sum(axis=1)
    return index
