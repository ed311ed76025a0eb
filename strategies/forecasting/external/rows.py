"""
The rows of an outside series as columns, in the order in which they became available.

Knows nothing of files and of what the values mean.
"""

from collections.abc import Iterable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.errors import DataError
from bot.core.external import Observation


class SeriesColumns(Struct, frozen=True, eq=False):
    """
    k rows of one series, revisions included: times and revisions `(k,)` int64, values `(k,)` float64.

    `available_at_ms` ascends; rows of one moment stand in the order of events and revisions.
    """

    available_at_ms: NDArray[np.int64]
    event_time_ms: NDArray[np.int64]
    revision: NDArray[np.int64]
    value: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.value)


def columns_of(rows: Iterable[Observation]) -> SeriesColumns:
    """
    Put rows of one series, in any order, into columns.

    Raises:
        DataError: One revision of one event stands there twice.
    """
    told = list(rows)
    available = np.array([row.available_at_ms for row in told], dtype=np.int64)
    event = np.array([row.event_time_ms for row in told], dtype=np.int64)
    revision = np.array([row.revision for row in told], dtype=np.int64)
    value = np.array([row.value for row in told], dtype=np.float64)
    order = np.lexsort((revision, event))
    twice = np.flatnonzero((np.diff(event[order]) == 0) & (np.diff(revision[order]) == 0))
    if len(twice):
        row = told[int(order[twice[0]])]
        raise DataError(f"{row.source}: revision {row.revision} of {row.event_time_ms} stands there twice")
    order = np.lexsort((revision, event, available))
    return SeriesColumns(available[order], event[order], revision[order], value[order])
