"""Changes and positions: of what was known at one moment, and of nothing that came later."""

from math import log

import numpy as np
import pytest

from bot.core.external import Observation
from bot.core.market import DAY_MS
from strategies.forecasting.external.readings import (
    FEAR_GREED,
    ON_CHAIN,
    SeriesReading,
    earlier_values,
    log_change,
    steps_of,
)
from strategies.forecasting.external.rows import columns_of

HOUR_MS = 3_600_000
CHAIN: SeriesReading = ON_CHAIN[0]


def day(at: int, value: float, revision: int = 0, known_hours: int | None = None) -> Observation:
    known_ms = at * DAY_MS + 28 * HOUR_MS if known_hours is None else known_hours * HOUR_MS
    return Observation(at * DAY_MS, known_ms, known_ms, "made", revision, value)


def test_growth_is_over_a_day_and_a_week():
    rows = [day(at, float(2**at)) for at in range(10)]
    close = np.array([9 * DAY_MS + 28 * HOUR_MS])
    assert steps_of(CHAIN, rows).at(close).values[0] == pytest.approx([log(2.0), 7 * log(2.0)])


def test_there_is_no_growth_before_there_is_a_week():
    joined = steps_of(CHAIN, [day(at, 1.0 + at) for at in range(8)]).at(np.array([7, 8]) * DAY_MS + 28 * HOUR_MS)
    assert joined.missing.tolist() == [False, False]
    early = steps_of(CHAIN, [day(at, 1.0 + at) for at in range(8)]).at(np.array([6 * DAY_MS + 28 * HOUR_MS]))
    assert early.missing.tolist() == [True]


def test_a_change_is_between_values_known_at_one_moment():
    rows = [day(0, 10.0), day(1, 20.0), day(0, 40.0, revision=1, known_hours=60)]
    columns = columns_of(rows)
    assert columns.available_at_ms.tolist() == [28 * HOUR_MS, 52 * HOUR_MS, 60 * HOUR_MS]
    assert earlier_values(columns, DAY_MS).tolist()[1:] == [10.0, 40.0]


def test_a_change_reaches_over_a_missing_day_and_not_over_a_hole():
    columns = columns_of([day(0, 1.0), day(2, 2.0), day(5, 3.0)])
    earlier = earlier_values(columns, DAY_MS)
    assert earlier[1] == 1.0
    assert np.isnan(earlier[[0, 2]]).all()


def test_an_event_that_comes_late_changes_what_the_newest_is_compared_with():
    rows = [day(0, 1.0), day(2, 3.0), day(1, 2.0, known_hours=80)]
    assert earlier_values(columns_of(rows), DAY_MS).tolist()[1:] == [1.0, 2.0]


def test_growth_of_what_is_not_above_zero_cannot_be_told():
    now, before = np.array([1.0, 0.0, -1.0, 2.0]), np.array([0.0, 1.0, 1.0, 1.0])
    changes = log_change(now, before)
    assert np.isnan(changes[:3]).all()
    assert changes[3] == log(2.0)


def test_fear_and_greed_are_positions_around_the_middle():
    rows = [day(at, value, known_hours=24 * at + 1) for at, value in enumerate([50.0, 0, 0, 0, 0, 0, 0, 100.0, 75.0])]
    joined = steps_of(FEAR_GREED[0], rows).at(np.array([7 * DAY_MS + HOUR_MS, 8 * DAY_MS + HOUR_MS]))
    assert joined.values.tolist() == [[1.0, 0.5], [0.5, 0.75]]
