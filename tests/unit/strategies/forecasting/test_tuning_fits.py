"""The parts of a study that compute with TensorFlow, on a small network."""

from collections.abc import Callable

import numpy as np
import pytest
from msgspec.structs import replace

from bot.core.gaps import Segment
from bot.core.window import FeatureSet
from strategies.forecasting.architectures.kinds import BUILDERS
from strategies.forecasting.bundle import Architecture
from strategies.forecasting.configuration import Configuration
from strategies.forecasting.folds import Lengths
from strategies.forecasting.plan import Plan
from strategies.forecasting.tuning import answer_fold, judge, versions
from strategies.forecasting.tuning_course import FoldAnswer, TuningCourse, plan_tuning
from strategies.forecasting.tuning_space import KINDS

HOUR_MS = 3_600_000
SMALL = Configuration(
    Architecture(6, 3, filters=4, kernels=(3, 2), lstm_units=6, dense_units=6, muted=(1,)),
    Plan(seed=5, epochs=3, batch=64, learning_rate=1e-2),
)


@pytest.fixture(scope="module")
def course(features: FeatureSet, segment_of: Callable[..., Segment]) -> TuningCourse:
    random = np.random.default_rng(1)
    returns = 0.01 * np.convolve(random.standard_normal(1_800), [0.8, 0.6])
    return plan_tuning([segment_of(returns)], features, 8, HOUR_MS, Lengths(), 1)


@pytest.fixture(scope="module")
def answer(course: TuningCourse) -> FoldAnswer:
    return answer_fold(SMALL, course.tried, course.tried_on[0])


def test_a_fold_is_answered_better_than_by_silence(course: TuningCourse, answer: FoldAnswer) -> None:
    (span,) = [fold.validation for fold in course.tried_on]
    moves = np.abs(course.tried.between(span.from_ms, span.until_ms).moves)
    # Huber of the move plus ln 2 is what a network loses that always says nothing.
    silence = np.where(moves <= 1.0, 0.5 * moves**2, moves - 0.5).mean() + np.log(2.0)

    assert answer.outputs.shape == (len(moves), 2)
    assert answer.loss < silence - 0.02
    assert 1 <= answer.best_epoch <= answer.epochs <= 3


def test_the_same_fold_gives_the_same_bits_whatever_stands_in_a_muted_column(
    course: TuningCourse, answer: FoldAnswer
) -> None:
    rows = course.tried.rows.copy()
    rows[:, 1] = np.random.default_rng(2).standard_normal(len(rows))

    again = answer_fold(SMALL, replace(course.tried, rows=rows), course.tried_on[0])

    assert again.loss == answer.loss
    np.testing.assert_array_equal(again.outputs, answer.outputs)


def test_the_end_is_judged_seed_by_seed_on_the_test_parts(course: TuningCourse) -> None:
    judged = judge(SMALL, course.whole, course.judged_on, (7, 8), None)

    (span,) = [fold.test for fold in course.judged_on]
    truth = course.whole.between(span.from_ms, span.until_ms).next_return
    assert judged.figures.seeds == (7, 8)
    assert len(judged.by_seed) == 2
    for scored in judged.by_seed:
        np.testing.assert_array_equal(scored.next_return, truth)
    assert not np.array_equal(judged.by_seed[0].p_up, judged.by_seed[1].p_up)


def test_every_kind_of_network_can_be_studied() -> None:
    assert set(KINDS) == set(BUILDERS)


def test_a_trial_says_what_its_bits_depend_on() -> None:
    assert {"tensorflow", "keras", "numpy", "cpu"} <= set(versions())
