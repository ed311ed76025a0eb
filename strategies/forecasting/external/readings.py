"""
What a network is shown of a series of numbers: no raw levels, which grow over the years, but changes and positions.

A change compares the newest event with an earlier one, both as they were known at one moment: a later revision of
either is not in it.
"""

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.external import Observation
from bot.core.market import DAY_MS
from strategies.forecasting.external.asof import KnownSteps, newest_known
from strategies.forecasting.external.rows import SeriesColumns, columns_of

Floats = NDArray[np.float64]

_REACH: Final = 2
"""A change over a day may be one over up to two where a day is missing, and so on; beyond that there is none."""


class Reading(Struct, frozen=True):
    """
    One column: `measure(now, before)`, both `(k,)`, where `before` is of an event `back_ms` earlier.

    With a `back_ms` of 0, `before` is `now`.
    """

    name: str
    back_ms: int
    measure: Callable[[Floats, Floats], Floats]


class SeriesReading(Struct, frozen=True):
    """Which series is read, how, and for how long after its event it counts."""

    series: str
    name: str
    max_age_ms: int
    readings: tuple[Reading, ...]


def log_change(now: Floats, before: Floats) -> Floats:
    """Logarithm of the ratio; NaN where one of them is not above zero."""
    possible = (now > 0.0) & (before > 0.0)
    changes: Floats = np.log(np.divide(now, before, out=np.full(len(now), np.nan), where=possible))
    return changes


def hundredth_change(now: Floats, before: Floats) -> Floats:
    """Difference on a scale of a hundred."""
    return (now - before) / 100.0


def from_the_middle(now: Floats, _before: Floats) -> Floats:
    """Position on a scale from 0 to 100, as -1 to 1."""
    return (now - 50.0) / 50.0


_GROWTH: Final = (Reading("change_1d", DAY_MS, log_change), Reading("change_7d", 7 * DAY_MS, log_change))

ON_CHAIN: Final = tuple(
    SeriesReading(f"coinmetrics/btc.{metric}", name, 4 * DAY_MS, _GROWTH)
    for metric, name in (("AdrActCnt", "addresses"), ("TxCnt", "transactions"), ("CapMrktCurUSD", "chain_cap"))
)
"""Bitcoin's chain. A day is known 27 to 29 hours after its begin, and the newest until the next: 4 days is two late."""

MARKET: Final = tuple(
    SeriesReading(f"coingecko/bitcoin.{figure}", figure, 4 * DAY_MS, _GROWTH) for figure in ("market_cap", "volume")
)

FEAR_GREED: Final = (
    SeriesReading(
        "alternative.me/fear_greed",
        "fear_greed",
        3 * DAY_MS,
        (Reading("level", 0, from_the_middle), Reading("change_7d", 7 * DAY_MS, hundredth_change)),
    ),
)


def steps_of(reading: SeriesReading, rows: Iterable[Observation]) -> KnownSteps:
    """
    Read a series as it became known.

    Raises:
        DataError: One revision of one event stands there twice.
    """
    columns = columns_of(rows)
    standing = newest_known(columns)
    now = columns.value[standing]
    values = [each.measure(now, earlier_values(columns, each.back_ms)) for each in reading.readings]
    return KnownSteps(
        reading.name,
        tuple(each.name for each in reading.readings),
        columns.available_at_ms,
        columns.event_time_ms[standing],
        np.column_stack(values),
        reading.max_age_ms,
    )


def earlier_values(columns: SeriesColumns, back_ms: int) -> Floats:
    """
    What the newest event is compared with, once each of the k rows has become available, `(k,)`.

    It is the newest event that lies `back_ms` or more before, as it was known then; NaN where there is none within
    twice that distance.
    """
    standing = newest_known(columns)
    if not back_ms:
        return columns.value[standing]
    newest = columns.event_time_ms[standing].tolist()
    events: list[int] = []
    known: dict[int, tuple[int, float]] = {}
    earlier = np.full(len(columns), np.nan)
    rows = zip(columns.event_time_ms.tolist(), columns.revision.tolist(), columns.value.tolist(), strict=True)
    for at, (event, revision, value) in enumerate(rows):
        if event not in known:
            insort(events, event)
        if event not in known or revision > known[event][0]:
            known[event] = (revision, value)
        place = bisect_right(events, newest[at] - back_ms) - 1
        if place >= 0 and newest[at] - events[place] <= _REACH * back_ms:
            earlier[at] = known[events[place]][1]
    return earlier
