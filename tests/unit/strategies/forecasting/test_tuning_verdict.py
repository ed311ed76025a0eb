"""What a study is worth: skill is told from luck, and the words say which it was."""

from functools import cache

import numpy as np
import pytest
from msgspec.structs import replace

from strategies.forecasting.evaluation import Scored
from strategies.forecasting.tuning_verdict import (
    Difference,
    Luck,
    differences,
    luck,
    trial_returns,
    walked_returns,
)
from strategies.forecasting.tuning_words import verdict

COUNT = 2_000
TIMES = 3_600_000 * np.arange(COUNT, dtype=np.int64)
RETURNS = 0.01 * np.random.default_rng(3).standard_normal(COUNT)


def forecasts(skill: float, seed: int) -> Scored:
    """Forecasts that know this share of each move."""
    noise = 0.01 * np.random.default_rng(seed).standard_normal(COUNT)
    expected = skill * RETURNS + (1.0 - skill) * noise * 0.1
    p_up = 0.5 + 0.2 * np.tanh(200.0 * expected)
    return Scored(
        p_up=p_up,
        expected=expected,
        lower=expected - 0.02,
        upper=expected + 0.02,
        next_return=RETURNS,
        last_return=np.zeros(COUNT),
        against_last=np.full(COUNT, 0.5),
    )


def test_a_choice_that_knows_more_is_better_in_every_measure() -> None:
    found = differences([forecasts(0.2, 1)], [forecasts(0.0, 2)], TIMES)

    assert [each.measure for each in found] == ["Brier score", "squared error, bp²", "direction right"]
    for each in found:
        assert each.finding == "better"
        assert each.low < each.gain < each.high
    assert found[0].gain == pytest.approx(found[0].default - found[0].chosen)
    assert found[2].gain == pytest.approx(found[2].chosen - found[2].default)


def test_the_worse_one_is_called_worse_and_equals_are_not_told_apart() -> None:
    assert differences([forecasts(0.0, 2)], [forecasts(0.2, 1)], TIMES)[0].finding == "worse"
    assert differences([forecasts(0.0, 1)], [forecasts(0.0, 2)], TIMES)[0].finding == "neither"


def test_two_seeds_are_not_twice_the_candles() -> None:
    one, two = [forecasts(0.05, 1)], [forecasts(0.0, 2)]

    assert differences(one * 2, two * 2, TIMES) == differences(one, two, TIMES)


def test_markets_of_one_instant_count_as_one() -> None:
    def doubled(scored: Scored) -> Scored:
        return replace(scored, **{name: np.repeat(getattr(scored, name), 2) for name in Scored.__struct_fields__})

    one, two = forecasts(0.05, 1), forecasts(0.0, 2)

    twice = differences([doubled(one)], [doubled(two)], np.repeat(TIMES, 2))
    for each, single in zip(twice, differences([one], [two], TIMES), strict=True):
        assert (each.gain, each.low, each.high) == pytest.approx((single.gain, single.low, single.high))


def test_returns_are_those_of_trading_every_sign() -> None:
    outputs = np.array([[0.0, 2.0], [0.0, -1.0], [0.0, 0.0]], dtype=np.float32)
    moves = np.log(np.array([1.1, 1.1, 1.1]))

    np.testing.assert_allclose(trial_returns(outputs, moves, TIMES[:3]), [0.1, -0.1, 0.0])
    # Two markets of one instant are held half and half.
    np.testing.assert_allclose(trial_returns(outputs[:2], moves[:2], np.array([5, 5])), [0.0])


def test_trials_without_skill_are_told_to_be_luck() -> None:
    random = np.random.default_rng(5)
    folds = [[0.01 * random.standard_normal(400) for _ in range(3)] for _ in range(20)]
    best = int(np.argmax([np.concatenate(each).mean() for each in folds]))

    said = luck(folds, range(20), best, 0.01 * random.standard_normal(COUNT))

    assert said.overfitting is not None
    assert 0.3 < said.overfitting.probability < 0.8
    assert said.validation is not None
    assert said.test is not None
    assert said.validation.sharpe > 0.0
    assert said.validation.probability < 0.9
    assert said.test.probability < 0.5


def test_one_trial_with_skill_is_found_among_many() -> None:
    random = np.random.default_rng(6)
    folds = [[0.01 * random.standard_normal(400) for _ in range(3)] for _ in range(20)]
    folds[4] = [fold + 0.004 for fold in folds[4]]

    said = luck(folds, range(20), 4, 0.004 + 0.01 * random.standard_normal(COUNT))

    assert said.overfitting is not None
    assert said.overfitting.probability < 0.01
    assert said.test is not None
    assert said.test.probability > 0.9


def test_pruned_trials_count_as_trials_and_are_judged_by_the_fold_that_they_did() -> None:
    random = np.random.default_rng(7)
    folds = [[0.01 * random.standard_normal(400) for _ in range(parts)] for parts in (3, 3, 1, 1)]

    said = luck(folds, (0, 1), 0, RETURNS)

    assert (said.trials, said.finished) == (4, 2)
    assert said.overfitting is not None
    assert said.first_fold is not None


def test_what_cannot_be_reckoned_is_left_out() -> None:
    said = luck([[RETURNS[:30]]], (0,), 0, RETURNS[:2])

    assert said.overfitting is said.first_fold is said.test is None


def test_the_forecasts_of_seeds_are_traded_side_by_side() -> None:
    one, two = forecasts(0.2, 1), forecasts(0.2, 2)

    np.testing.assert_allclose(
        walked_returns([one, two], TIMES), (walked_returns([one], TIMES) + walked_returns([two], TIMES)) / 2.0
    )


@cache
def two_trials() -> Luck:
    return luck([[RETURNS], [RETURNS[::-1].copy()]], (0, 1), 0, RETURNS)


def words(chosen: int, low: float, high: float, *, openings: int = 1, default: float | None = 1.0) -> str:
    first = Difference("Brier score", 0.2461, 0.248, (low + high) / 2.0, low, high)
    return " ".join(verdict(chosen, (0.9, default), [first], two_trials(), openings))


def test_the_first_sentence_says_whether_to_take_the_choice() -> None:
    assert words(3, 0.001, 0.003).startswith(
        "The choice is better than the default on candles that no trial has seen: Brier score 0.2461 against 0.2480, "
        "a gain of +0.0020, with 95 % between +0.0010 and +0.0030."
    )
    assert words(3, -0.001, 0.003).startswith("The choice is not shown to be better than the default")
    assert words(3, -0.003, -0.001).startswith("The choice is worse than the default")
    assert words(0, -0.003, -0.001).startswith("None of 2 trials did better than the default")


def test_the_words_hold_the_chances_of_luck_and_every_look_at_the_test_parts() -> None:
    assert "The probability of backtest overfitting is " in words(3, 0.001, 0.003)
    assert "Of 2 trials without skill the best would have a Sharpe ratio of " in words(3, 0.001, 0.003)
    assert "judged" not in words(3, 0.001, 0.003)
    assert "The test parts have judged 2 choices" in words(3, 0.001, 0.003, openings=2)
    assert "the default could not be judged there" in words(3, 0.001, 0.003, default=None)
