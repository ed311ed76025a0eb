"""
What was known at a candle's close: the join of outside series and candles.

At a close t counts what was available at t or before: of that the newest event, and of it the newest revision known
by then. Steps are found by their time of availability alone, backwards from the close, so that a value cannot be seen
before it was available and nothing is ever filled in from behind. Nor is it carried forward for ever: beyond a
maximum age it is missing.
"""

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.errors import ConfigError
from strategies.forecasting.external.rows import SeriesColumns

MISSING: Final = "missing"
AGE: Final = "age"

Times = NDArray[np.int64]


class Joined(Struct, frozen=True, eq=False):
    """
    What was known at n closes.

    `values` is `(n, C)` float64, NaN where missing. `missing` is `(n,)`: nothing was known, it was too old, or one of
    its values cannot be told. `age_ms` is `(n,)` int64, from the event to the close; of nothing it is the maximum.
    """

    values: NDArray[np.float64]
    missing: NDArray[np.bool_]
    age_ms: Times


class KnownSteps(Struct, frozen=True, eq=False):
    """
    What is known of something, from each of k moments on until the next.

    Args:
        name: Begins the names of its columns.
        value_names: What the C values are.
        known_from_ms: `(k,)` int64, ascending; of equal moments the last one counts.
        event_time_ms: `(k,)` int64, what the newest of it is about.
        values: `(k, C)` float64, NaN where something cannot be told.
        max_age_ms: From the event on, the lag of publication included; what is older is missing.
    """

    name: str
    value_names: tuple[str, ...]
    known_from_ms: Times
    event_time_ms: Times
    values: NDArray[np.float64]
    max_age_ms: int

    def __post_init__(self) -> None:
        if self.max_age_ms <= 0:
            raise ConfigError(f"{self.name}: a maximum age of {self.max_age_ms} ms lets nothing through; give more")

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the feature columns: the values, the missing flag, the age."""
        return tuple(f"{self.name}_{each}" for each in (*self.value_names, MISSING, AGE))

    def at(self, close_time_ms: Times) -> Joined:
        """Join backwards on availability; `close_time_ms` is `(n,)`, in any order."""
        place = np.searchsorted(self.known_from_ms, close_time_ms, side="right") - 1
        values = np.full((len(close_time_ms), len(self.value_names)), np.nan)
        age_ms = np.full(len(close_time_ms), self.max_age_ms, dtype=np.int64)
        known = np.flatnonzero(place >= 0)
        age_ms[known] = close_time_ms[known] - self.event_time_ms[place[known]]
        fresh = known[age_ms[known] <= self.max_age_ms]
        values[fresh] = self.values[place[fresh]]
        missing = ~np.isfinite(values).all(axis=1)
        values[missing] = np.nan
        return Joined(values, missing, age_ms)

    def features(self, close_time_ms: Times) -> NDArray[np.float32]:
        """
        The columns that `columns` names, `(n, C + 2)` float32, every one finite.

        A missing value is 0, its flag 1. The age is a share of the maximum age, at most 1.
        """
        joined = self.at(close_time_ms)
        values = np.where(joined.missing[:, None], 0.0, joined.values)
        age = np.where(joined.missing, 1.0, np.minimum(joined.age_ms / self.max_age_ms, 1.0))
        return np.column_stack([values, joined.missing, age]).astype(np.float32)


def newest_known(columns: SeriesColumns) -> NDArray[np.int64]:
    """The row that stands once each of the k rows has become available, `(k,)`: the newest event, newest revision."""
    order = np.lexsort((columns.revision, columns.event_time_ms))
    rank = np.empty(len(columns), dtype=np.int64)
    rank[order] = np.arange(len(columns))
    standing: NDArray[np.int64] = order[np.maximum.accumulate(rank)]
    return standing


def steps_of_values(name: str, columns: SeriesColumns, max_age_ms: int) -> KnownSteps:
    """The values of a series as they are, from when on each was the newest known."""
    standing = newest_known(columns)
    return KnownSteps(
        name,
        ("value",),
        columns.available_at_ms,
        columns.event_time_ms[standing],
        columns.value[standing][:, None],
        max_age_ms,
    )
