from itertools import combinations
from math import sqrt
from statistics import NormalDist

import numpy as np
import pytest
from scipy.stats import rankdata

from bot.core.errors import DataError
from strategies.forecasting.overfitting import (
    backtest_overfitting,
    best_by_luck,
    candle_sharpe,
    deflated_sharpe,
    probability_above,
)


def spread_of(values: np.ndarray, deviation: float) -> np.ndarray:
    spread: np.ndarray = (values - values.mean()) / values.std(ddof=1) * deviation
    return spread


def noise(seed: int, candles: int, trials: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.01, (candles, trials))


def test_the_example_of_the_paper() -> None:
    # A yearly ratio of 2.5 over 1,250 days, the best of 100 trials whose yearly ratios have a variance of one half.
    trials = spread_of(np.random.default_rng(1).standard_normal(100), sqrt(0.5 / 250))
    bar = best_by_luck(trials)

    assert bar == pytest.approx(0.1132, abs=5e-5)
    assert probability_above(2.5 / sqrt(250), bar, 1_250, -3.0, 10.0) == pytest.approx(0.9004, abs=5e-5)


@pytest.mark.parametrize("trials", [10, 100, 1_000])
def test_luck_is_the_mean_of_the_largest_of_many_normals(trials: int) -> None:
    largest = np.random.default_rng(2).standard_normal((4_000, trials)).max(axis=1).mean()

    assert best_by_luck(spread_of(np.arange(float(trials)), 1.0)) == pytest.approx(largest, rel=0.04)


def test_more_trials_and_wider_ones_have_more_luck() -> None:
    few, many = (spread_of(np.arange(float(count)), 0.1) for count in (5, 50))

    assert best_by_luck(few) < best_by_luck(many) < best_by_luck(2.0 * many)
    assert best_by_luck(np.array([0.3])) == 0.0
    assert best_by_luck(np.full(20, 0.3)) == pytest.approx(0.0)


def test_without_trials_and_with_normal_returns_it_is_the_textbook_test() -> None:
    known = NormalDist().cdf(0.05 * sqrt(499) / sqrt(1.0 + 0.5 * 0.05**2))

    assert probability_above(0.05, 0.0, 500, 0.0, 3.0) == pytest.approx(known)
    assert probability_above(0.05, 0.05, 500, -1.0, 7.0) == 0.5


def test_losses_in_the_tail_make_a_ratio_less_sure() -> None:
    assert probability_above(0.1, 0.0, 500, -2.0, 12.0) < probability_above(0.1, 0.0, 500, 0.0, 3.0)


def test_the_best_of_many_worthless_trials_is_deflated_and_a_true_one_is_not() -> None:
    worthless = noise(3, 2_000, 60)
    ratios = np.array([candle_sharpe(column) for column in worthless.T])
    lucky = worthless[:, ratios.argmax()]
    skilled = worthless[:, 0] + 0.002

    assert deflated_sharpe(lucky, np.array([candle_sharpe(lucky)])).probability > 0.95
    assert deflated_sharpe(lucky, ratios).probability < 0.8
    assert deflated_sharpe(skilled, np.append(ratios, candle_sharpe(skilled))).probability > 0.99


def test_what_never_traded_is_not_above_luck() -> None:
    found = deflated_sharpe(np.zeros(100), np.array([0.0, 0.1, -0.1]))

    assert found.sharpe == 0.0
    assert found.probability < 0.5


def test_too_little_to_judge_is_refused() -> None:
    for returns, trials in ((np.zeros(2), np.zeros(3)), (np.zeros(9), np.zeros(0))):
        with pytest.raises(DataError, match="cannot be judged"):
            deflated_sharpe(returns, trials)


def test_two_trials_that_each_win_one_half_are_overfitted_both_ways() -> None:
    up, down = [0.02, 0.01], [-0.02, -0.01]
    found = backtest_overfitting(np.array([up + down, down + up]).T, blocks=2)

    assert (found.probability, found.loss_probability, found.ways) == (1.0, 1.0, 2)


def test_trials_whose_gains_and_losses_cancel_are_always_overfitted() -> None:
    returns = noise(4, 640, 7)

    assert backtest_overfitting(returns - returns.mean(axis=0), blocks=8).probability > 0.95


def test_a_true_edge_is_never_overfitted() -> None:
    returns = noise(5, 640, 7)
    returns[:, 3] += 0.01
    found = backtest_overfitting(returns, blocks=8)

    assert (found.probability, found.loss_probability, found.ways) == (0.0, 0.0, 70)


def test_the_winner_of_noise_is_as_often_below_the_middle_as_above() -> None:
    probabilities = [backtest_overfitting(noise(seed, 400, 10), blocks=8).probability for seed in range(150)]

    # The deviation of one such figure is about 0.25.
    assert np.mean(probabilities) == pytest.approx(0.5, abs=4 * 0.25 / sqrt(150))


def test_trials_that_are_all_alike_are_in_the_middle_which_counts_as_overfitted() -> None:
    assert backtest_overfitting(np.repeat(noise(6, 64, 1), 5, axis=1), blocks=4).probability == 1.0
    assert backtest_overfitting(np.zeros((64, 3)), blocks=4).loss_probability == 0.0


@pytest.mark.parametrize("candles", [64, 67])
def test_it_is_the_procedure_of_the_paper_step_by_step(candles: int) -> None:
    returns = noise(7, candles, 6)
    parts = np.array_split(returns, 6)
    logits, losses = [], []
    for chosen in combinations(range(6), 3):
        inside = np.concatenate([parts[at] for at in chosen])
        outside = np.concatenate([parts[at] for at in range(6) if at not in chosen])
        winner = int(np.argmax(inside.mean(axis=0) / inside.std(axis=0)))
        ratios = outside.mean(axis=0) / outside.std(axis=0)
        share = rankdata(ratios)[winner] / 7.0
        logits.append(np.log(share / (1.0 - share)))
        losses.append(ratios[winner] < 0.0)
    found = backtest_overfitting(returns, blocks=6)

    assert found.probability == np.mean(np.array(logits) <= 0.0)
    assert found.loss_probability == np.mean(losses)
    assert found.ways == 20


@pytest.mark.parametrize(("shape", "blocks"), [((64, 1), 4), ((64, 3), 5), ((64, 3), 0), ((7, 3), 4), ((64,), 4)])
def test_what_cannot_be_halved_is_refused(shape: tuple[int, ...], blocks: int) -> None:
    with pytest.raises(DataError, match="cannot be halved"):
        backtest_overfitting(np.zeros(shape), blocks)
