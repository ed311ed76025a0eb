"""What is known of an outside series at a close: a small series, looked at from every side."""

import numpy as np
import pytest

from bot.core.errors import ConfigError, DataError
from bot.core.external import Observation
from strategies.forecasting.external.asof import KnownSteps, steps_of_values
from strategies.forecasting.external.rows import columns_of

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def row(event: int, known: int, value: float, revision: int = 0) -> Observation:
    """An observation whose times are in hours."""
    return Observation(event * HOUR_MS, known * HOUR_MS, known * HOUR_MS, "made", revision, value)


def joined(rows: list[Observation], hours: list[int], max_age_hours: int = 1_000) -> list[float]:
    steps = steps_of_values("made", columns_of(rows), max_age_hours * HOUR_MS)
    return [float(value) for value in steps.at(np.array(hours, dtype=np.int64) * HOUR_MS).values[:, 0]]


def test_a_value_counts_from_the_close_at_which_it_is_available():
    values = joined([row(0, 28, 5.0)], [0, 27, 28, 29])
    assert np.isnan(values[:2]).all()
    assert values[2:] == [5.0, 5.0]


def test_of_what_is_known_the_newest_event_counts():
    # The event of hour 24 came late, after that of hour 48.
    rows = [row(0, 28, 1.0), row(48, 76, 3.0), row(24, 90, 2.0)]
    assert joined(rows, [28, 75, 76, 90, 100]) == [1.0, 1.0, 3.0, 3.0, 3.0]


def test_of_an_event_the_revision_known_then_counts():
    rows = [row(0, 28, 1.0), row(0, 40, 1.5, revision=1), row(24, 52, 2.0), row(0, 60, 1.7, revision=2)]
    assert joined(rows, [39, 40, 52, 60]) == [1.0, 1.5, 2.0, 2.0]


def test_beyond_the_maximum_age_nothing_is_carried_forward():
    values = joined([row(0, 28, 5.0)], [28, 48, 49], max_age_hours=48)
    assert values[:2] == [5.0, 5.0]
    assert np.isnan(values[2])


def test_what_comes_too_late_is_never_seen():
    assert np.isnan(joined([row(0, 60, 5.0)], [59, 60, 61], max_age_hours=48)).all()


def test_missing_is_zero_with_a_flag_and_the_greatest_age():
    steps = steps_of_values("x", columns_of([row(0, 12, 5.0)]), 48 * HOUR_MS)
    assert steps.columns == ("x_value", "x_missing", "x_age")
    features = steps.features(np.array([11, 12, 24, 48, 49], dtype=np.int64) * HOUR_MS)
    assert features.dtype == np.float32
    assert features.tolist() == [[0, 1, 1], [5, 0, 0.25], [5, 0, 0.5], [5, 0, 1], [0, 1, 1]]


def test_a_value_that_cannot_be_told_is_missing():
    steps = KnownSteps("x", ("a", "b"), np.array([1, 2]), np.array([1, 1]), np.array([[1.0, np.nan], [1.0, 2.0]]), 9)
    assert steps.at(np.array([1, 2])).missing.tolist() == [True, False]
    assert np.isnan(steps.at(np.array([1])).values).all()


def test_no_row_is_always_missing():
    assert np.isnan(joined([], [0, 5])).all()


def test_closes_may_come_in_any_order():
    rows = [row(0, 10, 1.0), row(5, 20, 2.0)]
    assert joined(rows, [30, 15, 20]) == [2.0, 1.0, 2.0]


def test_one_revision_cannot_be_told_twice():
    with pytest.raises(DataError, match="revision 0 of 0 stands there twice"):
        columns_of([row(0, 10, 1.0), row(0, 20, 2.0)])


def test_an_age_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="lets nothing through"):
        steps_of_values("made", columns_of([]), 0)
