"""
Whether features and forecasts are still spread as in training, column by column.

Knows nothing of what followed a forecast, nor of what is done about a shift.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.forecast import Doubt
from strategies.forecasting.drift_levels import DriftLimits, Finding
from strategies.forecasting.drift_reference import Habits
from strategies.forecasting.drift_streams import RollingBins, index_errors

_LOOKED_AT: Final = 16
"""Rows between two looks: a window of a thousand moves slowly, and looking costs more than counting."""


class SpreadWatch:
    """
    Counts which bins of the training part the last rows fall into.

    Args:
        habits: What the model is used to, with at least one column.
        limits: Which indices matter.
    """

    def __init__(self, habits: Habits, limits: DriftLimits) -> None:
        columns = habits.columns
        widest = max(len(column.shares) for column in columns)
        edges = np.full((len(columns), widest - 1), np.inf)
        shares = np.full((len(columns), widest), np.nan)
        for at, column in enumerate(columns):
            edges[at, : len(column.edges)] = column.edges
            shares[at, : len(column.shares)] = column.shares
        self._names = [column.name for column in columns]
        self._usual = np.array([column.usual for column in columns])
        self._spread = np.array([column.spread for column in columns])
        self._window = habits.window
        self._limits = limits
        self._bins = RollingBins(habits.window, edges, shares)
        self._since = 0
        self._found: list[Finding] = []

    def add(self, row: NDArray[np.float32], p_up: float) -> None:
        """Take the `(F,)` row that a forecast was made from, and the probability that came of it."""
        self._bins.add(np.append(row.astype(np.float64), p_up))
        self._since += 1
        if self._bins.full and self._since >= _LOOKED_AT:
            self._since = 0
            self._found = [self._look()]

    def findings(self) -> list[Finding]:
        """The answer of the column that has moved farthest, where the window is full."""
        return self._found

    def _look(self) -> Finding:
        index = self._bins.stability()
        errors = self._limits.spread_weight * index_errors(index, self._usual, self._spread)
        errors[index < self._limits.watched_index] = -np.inf
        worst = int(errors.argmax())
        most = Doubt.STOP if index[worst] >= self._limits.shifted_index else Doubt.WARN
        moved, usual, name = float(index[worst]), float(self._usual[worst]), self._names[worst]

        def say() -> str:
            what = "forecasts are" if name == "p_up" else f"feature {name} is"
            return (
                f"{what} spread otherwise than in training: stability index {moved:.2f} over the last "
                f"{self._window:,} candles, {usual:.2f} is usual"
            )

        return Finding(float(errors[worst]), say, most)
