"""How a study uses time: what trials are given ends where the test parts begin."""

import numpy as np
import pytest

from bot.core.errors import DataError
from bot.core.gaps import Segment
from strategies.forecasting.bundle import Architecture
from strategies.forecasting.features import SHIPPED
from strategies.forecasting.folds import Lengths, gap_between
from strategies.forecasting.tuning_course import TuningCourse, plan_tuning, seen_by
from tests.study_stand_in import course_of, made_candles, made_course

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def course() -> TuningCourse:
    return made_course()


def test_no_candle_of_a_trial_closes_after_the_first_test_part_begins(course: TuningCourse) -> None:
    assert course.tried_until_ms == course.judged_on[0].test.from_ms
    # The label of the last decision ends there.
    assert course.tried.close_time_ms[-1] + HOUR_MS == course.tried_until_ms
    assert len(course.tried.rows) == len(course.whole.rows) - sum(
        len(course.whole.between(fold.test.from_ms, fold.test.until_ms)) for fold in course.judged_on
    )


def test_the_parts_of_trials_follow_one_another_and_keep_their_distance(course: TuningCourse) -> None:
    gap_ms = gap_between(80, 1, HOUR_MS)
    for fold in course.tried_on:
        assert fold.test.from_ms == fold.test.until_ms
        assert fold.validation.from_ms - fold.train.until_ms == gap_ms
    for earlier, later in zip(course.tried_on, course.tried_on[1:], strict=False):
        assert earlier.validation.until_ms == later.validation.from_ms
    assert course.tried_on[-1].validation.until_ms + gap_ms == course.tried_until_ms
    assert course.tried_on[-1].train == course.judged_on[0].train
    for earlier, later in zip(course.judged_on, course.judged_on[1:], strict=False):
        assert earlier.test.until_ms == later.test.from_ms


def test_the_rows_of_trials_are_the_same_whatever_comes_after(course: TuningCourse) -> None:
    (honest,) = made_candles()
    poison = honest.ohlcv.copy()
    poison[honest.open_time_ms >= course.tried_until_ms] *= 3.0
    poisoned = course_of([Segment(honest.open_time_ms, poison, honest.filled)])

    assert poisoned.tried_on == course.tried_on
    for name in ("rows", "ends", "close_time_ms", "next_return", "sigma"):
        np.testing.assert_array_equal(getattr(poisoned.tried, name), getattr(course.tried, name))


def test_every_window_is_judged_on_the_same_decisions_by_its_own_rows(course: TuningCourse) -> None:
    seen = seen_by(Architecture(20, 25), course.tried)

    np.testing.assert_array_equal(seen.close_time_ms, course.tried.close_time_ms)
    chosen = np.array([0, 5])
    np.testing.assert_array_equal(
        seen.windows(seen.rows, chosen), course.tried.windows(course.tried.rows, chosen)[:, -20:]
    )


def test_a_window_that_was_not_planned_for_is_refused(course: TuningCourse) -> None:
    with pytest.raises(DataError, match="a window of 81 candles is longer than the planned 80"):
        seen_by(Architecture(81, 25), course.tried)


def test_too_few_candles_are_refused() -> None:
    with pytest.raises(DataError, match="give more candles"):
        plan_tuning(made_candles(760), SHIPPED, 80, HOUR_MS, Lengths(), 2)


def test_markets_of_several_segments_keep_their_numbers() -> None:
    (one,) = made_candles()
    course = plan_tuning([one, one], SHIPPED, 80, HOUR_MS, Lengths(), 2, [0, 1])

    assert set(course.tried.market.tolist()) == {0, 1}
    assert len(course.tried) == 2 * len(plan_tuning([one], SHIPPED, 80, HOUR_MS, Lengths(), 2).tried)
