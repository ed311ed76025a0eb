"""
How right a row was: errors, directions, probabilities, intervals, and whether that was luck.

The formulas are those of `evaluation` and `significance`; here they are put beside each other. Pure arrays.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct

from strategies.forecasting.comparison.judged import Flags, Judged, by_instant, instant_means, rate_bounds
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.evaluation import BPS, Scored
from strategies.forecasting.regimes import crash_windows, of_markets, volatility_terciles
from strategies.forecasting.significance import (
    Tested,
    diebold_mariano,
    directions,
    has_direction,
    model_confidence_set,
)
from strategies.forecasting.significance import pesaran_timmermann as pesaran_timmermann_of

CONFIDENCE: Final = 0.9
"""Of the model confidence set: a row with a p-value of 0.1 or more belongs to it."""


class Direction(Struct, frozen=True):
    """
    How often a direction was right, over `said` forecasts of moves that were not zero; a rate for each seed.

    `low` and `high` bound it with 95 %; there are none where forecasts are too few.
    """

    said: int
    rate: float
    low: float | None
    high: float | None
    by_seed: tuple[float, ...]


class Errors(Struct, frozen=True):
    """
    Errors of one stretch. Returns in basis points, prices in quote currency: None for several markets together.

    `brier` is None where nothing moved.
    """

    forecasts: int
    moves: int
    mse_bps2: float
    rmse_bps: float
    mae_bps: float
    rmse_price: float | None
    mae_price: float | None
    brier: float | None
    coverage: float
    width_bps: float


class Part(Struct, frozen=True):
    """Errors and directions within a named part of what is judged."""

    name: str
    errors: Errors
    direction: Direction | None


class Against(Struct, frozen=True):
    """Diebold-Mariano tests against one rival: of squared errors and of Brier losses, one-sided for the row."""

    rival: str
    squared: Tested | None
    brier: Tested | None


class Significance(Struct, frozen=True):
    """
    Whether it was luck. `pesaran_timmermann` is that of the seed that did worst by it.

    The last two are p-values of belonging to the best of all rows: the model confidence set holds those of 0.1 or more.
    """

    pesaran_timmermann: Tested | None
    against: tuple[Against, ...]
    confidence_set_brier: float
    confidence_set_squared: float


def errors(row: Judged, chosen: Flags) -> Errors:
    """Errors over the chosen windows, `(n,)`."""
    moved = row.moved & chosen
    squared, priced = row.squared()[chosen], len(np.unique(row.tested.market[chosen])) == 1
    price_squared, price_absolute = row.price_errors()
    widths = [np.mean((each.upper - each.lower)[chosen]) for each in row.by_seed]
    return Errors(
        forecasts=int(chosen.sum()),
        moves=int(moved.sum()),
        mse_bps2=float(BPS**2 * squared.mean()),
        rmse_bps=float(BPS * np.sqrt(squared.mean())),
        mae_bps=float(BPS * row.absolute()[chosen].mean()),
        rmse_price=float(np.sqrt(price_squared[chosen].mean())) if priced else None,
        mae_price=float(price_absolute[chosen].mean()) if priced else None,
        brier=float(row.brier()[moved].mean()) if moved.any() else None,
        coverage=float(row.covered()[chosen].mean()),
        width_bps=float(BPS * np.mean(widths)),
    )


def direction(row: Judged, chosen: Flags) -> Direction | None:
    """Directional accuracy over the chosen windows; None where no direction was said."""
    hits, said = row.hits()
    counted = said & chosen
    if not counted.any():
        return None
    instants = by_instant(hits, counted, row.tested.close_time_ms)
    low, high = rate_bounds(*instants, row.tested.horizon) or (None, None)
    up = row.tested.next_return[counted] > 0.0
    rates = [float(((each.p_up[counted] > 0.5) == up).mean()) for each in row.by_seed]
    return Direction(int(counted.sum()), float(hits[counted].mean()), low, high, tuple(rates))


def parts(row: Judged, symbols: Sequence[str]) -> tuple[Part, ...]:
    """The same by thirds of the known volatility, in the crashes that any window fell into, and by market."""
    tested = row.tested
    regimes = (
        *volatility_terciles(tested.sigma),
        *crash_windows(tested.close_time_ms),
        *of_markets(tested.market, symbols),
    )
    return tuple(
        Part(regime.name, errors(row, regime.chosen), direction(row, regime.chosen))
        for regime in regimes
        if regime.chosen.any()
    )


def significance(rows: Sequence[Judged], rivals: Sequence[str], horizon: int) -> tuple[Significance, ...]:
    """
    Test every row against the rivals, and all against each other.

    Args:
        rows: All rows, of the same windows.
        rivals: Names of those that know nothing.
        horizon: Candles that a forecast reaches ahead.
    """
    tested = rows[0].tested
    everywhere, moved = np.ones(len(tested), dtype=np.bool_), rows[0].moved
    squared = [instant_means(row.squared(), everywhere, tested.close_time_ms) for row in rows]
    brier = [instant_means(row.brier(), moved, tested.close_time_ms) for row in rows]
    best_squared, best_brier = (model_confidence_set(np.stack(each, axis=1), horizon) for each in (squared, brier))
    names = [row.name for row in rows]
    return tuple(
        Significance(
            _least_sure([_directional(each, tested, horizon) for each in row.by_seed]),
            tuple(
                Against(
                    rival,
                    diebold_mariano(squared[at], squared[names.index(rival)], horizon),
                    diebold_mariano(brier[at], brier[names.index(rival)], horizon),
                )
                for rival in rivals
                if rival in names and rival != row.name
            ),
            best_brier[at],
            best_squared[at],
        )
        for at, row in enumerate(rows)
    )


def _directional(scored: Scored, tested: Dataset, horizon: int) -> Tested | None:
    said = has_direction(scored.p_up, tested.next_return)
    return pesaran_timmermann_of(*directions(scored.p_up, tested.next_return), horizon, tested.close_time_ms[said])


def _least_sure(tests: Sequence[Tested | None]) -> Tested | None:
    """The test of the seed with the largest p-value; None if one is not defined."""
    known = [test for test in tests if test is not None]
    return max(known, key=lambda test: test.p_value) if len(known) == len(tests) else None
