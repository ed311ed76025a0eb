from itertools import permutations
from math import atan, pi, sqrt

import numpy as np
import pytest
from scipy.stats import t as student
from statsmodels.stats.diagnostic import pesaran_timmermann as their_pesaran_timmermann
from statsmodels.tsa.stattools import diebold_mariano_test

from bot.core.errors import DataError
from strategies.forecasting.resampling import BLOCK, bootstrap_means
from strategies.forecasting.significance import (
    diebold_mariano,
    directions,
    hit_rate,
    model_confidence_set,
    pesaran_timmermann,
)
from strategies.forecasting.student import student_tail


def flags(ups: int, of: int) -> np.ndarray:
    return np.arange(of) < ups


def chance(seed: int, count: int, share: float) -> np.ndarray:
    return np.random.default_rng(seed).random(count) < share


def test_one_half_and_a_move_of_zero_have_no_direction() -> None:
    said, was = directions(np.array([0.6, 0.5, 0.4, 0.4]), np.array([0.1, 0.1, 0.0, 0.2]))

    assert (said.tolist(), was.tolist()) == ([True, False], [True, True])


def test_a_hit_rate_comes_with_bounds_that_hold_the_truth() -> None:
    was = chance(1, 4_000, 0.5)
    said = was ^ chance(2, 4_000, 0.46)
    found = hit_rate(said, was)

    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert found.said == 4_000
    assert found.low < found.rate < found.high
    assert found.low < 0.54 < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 * sqrt(0.25 / 4_000), rel=0.15)


def test_who_says_nothing_has_no_hit_rate() -> None:
    assert hit_rate(flags(0, 0), flags(0, 0)) is None


def test_pesaran_timmermann_by_hand() -> None:
    # Of 10: 6 ups came, 5 were said, 4 of them right; 3 of 5 downs were right.
    was = np.array([1, 1, 1, 1, 0, 1, 1, 0, 0, 0], dtype=bool)
    said = flags(5, 10)
    found = pesaran_timmermann(said, was)

    assert found is not None
    # By chance 0.5: variance 0.025, of which (0.2² · 0.25 + 4 · 0.25 · 0.24 / 10) / 10 = 0.0034 is that of chance.
    assert found.statistic == pytest.approx(0.2 / sqrt(0.025 - 0.0034))


def test_pesaran_timmermann_is_that_of_statsmodels_but_for_the_last_term_of_the_paper() -> None:
    random = np.random.default_rng(4)
    came, foretold = random.standard_normal(300), random.standard_normal(300)
    foretold += 0.3 * came
    found = pesaran_timmermann(foretold > 0.0, came > 0.0)
    theirs = their_pesaran_timmermann(came, foretold, "larger")

    assert found is not None
    # That term makes the variance smaller by one n-th.
    assert found.statistic == pytest.approx(theirs.statistic * sqrt(300 / 299), rel=1e-12)
    assert found.p_value == pytest.approx(theirs.pvalue, rel=0.05)


def test_who_says_up_at_random_in_a_rising_market_is_right_often_and_foretells_nothing() -> None:
    found = [pesaran_timmermann(chance(seed, 500, 0.8), chance(1_000 + seed, 500, 0.7)) for seed in range(400)]
    rejected = np.mean([one is not None and one.p_value < 0.05 for one in found])

    # 5 % within four standard errors of 400 trials.
    assert rejected == pytest.approx(0.05, abs=4 * sqrt(0.05 * 0.95 / 400))


def ahead(random: np.random.Generator, count: int, horizon: int, markets: int) -> np.ndarray:
    """Returns over some candles of markets that share two thirds of their variance, `(count, markets)`."""
    shared = random.standard_normal((count + horizon, 1))
    running = np.cumsum(1.4 * shared + random.standard_normal((count + horizon, markets)), axis=0)
    returns: np.ndarray = running[horizon:] - running[:-horizon]
    return returns


def slow(random: np.random.Generator, count: int) -> np.ndarray:
    """What somebody says who changes his mind every ten candles or so, `(count, 1)`."""
    said = np.repeat(random.standard_normal(count // 10 + 1), 10)[:count, None]
    return said


@pytest.mark.parametrize(("horizon", "markets"), [(1, 1), (4, 1), (24, 1), (1, 8), (4, 4)])
def test_neither_overlapping_returns_nor_markets_that_move_as_one_look_like_skill(horizon: int, markets: int) -> None:
    random = np.random.default_rng(14)
    rejected = []
    for _ in range(300):
        came = ahead(random, 1_500, horizon, markets)
        said = slow(random, 1_500) + 0.5 * random.standard_normal(came.shape)
        times = np.repeat(np.arange(1_500), markets)
        found = pesaran_timmermann(said.ravel() > 0.0, came.ravel() > 0.0, horizon, times)
        rejected.append(found is not None and found.p_value < 0.05)

    # 5 % within four standard errors of 300 trials.
    assert np.mean(rejected) < 0.05 + 4 * sqrt(0.05 * 0.95 / 300)


def test_one_market_and_one_candle_ahead_is_the_test_of_the_paper() -> None:
    said, was = chance(1, 300, 0.5), chance(2, 300, 0.5)

    assert pesaran_timmermann(said, was, 1, np.arange(300)) == pesaran_timmermann(said, was)


def test_what_every_market_is_told_twice_is_not_told_of_twice_as_many() -> None:
    said, was = chance(3, 400, 0.5), chance(3, 400, 0.6)
    once = pesaran_timmermann(said, was)
    twice = pesaran_timmermann(np.repeat(said, 2), np.repeat(was, 2), 1, np.repeat(np.arange(400), 2))

    assert once is not None
    assert twice is not None
    assert twice.statistic == pytest.approx(once.statistic, rel=0.01)


@pytest.mark.parametrize(
    ("said", "was"), [(flags(10, 10), flags(5, 10)), (flags(5, 10), flags(0, 10)), (flags(0, 0), flags(0, 0))]
)
def test_one_direction_alone_cannot_be_tested(said: np.ndarray, was: np.ndarray) -> None:
    assert pesaran_timmermann(said, was) is None


def test_a_perfect_forecaster_is_beyond_doubt() -> None:
    was = chance(3, 200, 0.5)
    found = pesaran_timmermann(was, was)

    assert found is not None
    assert found.p_value < 1e-40


def test_diebold_mariano_by_hand_two_candles_ahead() -> None:
    rival = np.array([1.0, 2.0, 0.0, 3.0, 2.0, 4.0])
    found = diebold_mariano(np.zeros(6), rival, horizon=2)

    assert found is not None
    # Mean 2, autocovariances 10/6 and -2/6, variance 1/6, correction (6 + 1 - 4 + 2/6) / 6 = 5/9.
    assert found.statistic == pytest.approx(2.0 * sqrt(5.0 / 9.0 * 6.0))
    assert found.p_value == pytest.approx(student.sf(found.statistic, 5), rel=1e-12)


def test_diebold_mariano_is_that_of_statsmodels() -> None:
    random = np.random.default_rng(5)
    truth = random.standard_normal(250)
    ours, theirs = truth + random.standard_normal(250), truth + 1.2 * random.standard_normal(250)
    found = diebold_mariano((truth - ours) ** 2, (truth - theirs) ** 2)
    known = diebold_mariano_test(truth, ours, theirs, lags=0, harvey_adj=True)

    assert found is not None
    assert found.statistic == pytest.approx(-known.statistic, rel=1e-12)
    assert found.two_sided == pytest.approx(known.pvalue, rel=1e-9)


def test_the_rival_has_the_opposite_statistic() -> None:
    random = np.random.default_rng(6)
    one, two = random.random(100), random.random(100)
    ours, theirs = diebold_mariano(one, two, 3), diebold_mariano(two, one, 3)

    assert ours is not None
    assert theirs is not None
    assert ours.statistic == -theirs.statistic
    assert ours.p_value + theirs.p_value == pytest.approx(1.0)
    assert ours.two_sided == pytest.approx(theirs.two_sided)


def test_equal_forecasters_are_told_apart_as_rarely_as_promised() -> None:
    losses = np.random.default_rng(7).chisquare(1.0, (400, 2, 120))
    found = [diebold_mariano(one, two) for one, two in losses]
    rejected = np.mean([one is not None and one.p_value < 0.05 for one in found])

    assert rejected == pytest.approx(0.05, abs=4 * sqrt(0.05 * 0.95 / 400))


@pytest.mark.parametrize("rival", [np.full(9, 0.1), np.full(9, 0.3)])
def test_losses_that_never_differ_or_always_by_one_amount_cannot_be_tested(rival: np.ndarray) -> None:
    assert diebold_mariano(np.full(9, 0.1), rival) is None


def test_autocovariances_below_nothing_cannot_be_tested() -> None:
    assert diebold_mariano(np.zeros(8), np.tile([1.0, -1.0], 4), horizon=2) is None


@pytest.mark.parametrize(("rival", "horizon"), [(np.zeros(4), 1), (np.zeros(5), 5), (np.zeros(5), 0)])
def test_losses_that_do_not_fit_or_are_too_few_are_refused(rival: np.ndarray, horizon: int) -> None:
    with pytest.raises(DataError, match="losses"):
        diebold_mariano(np.zeros(5), rival, horizon)


def test_the_tail_of_student_has_closed_forms() -> None:
    for statistic in (-30.0, -2.0, -1e-6, 0.0, 0.3, 1.0, 8.0):
        assert student_tail(statistic, 1) == pytest.approx(0.5 - atan(statistic) / pi, rel=1e-10)
        by_two = 0.5 - statistic / (2.0 * sqrt(2.0 + statistic**2))
        assert student_tail(statistic, 2) == pytest.approx(by_two, rel=1e-10, abs=1e-15)


@pytest.mark.parametrize("degrees", [3, 10, 99, 1_000, 26_000])
def test_the_tail_of_student_is_that_of_scipy(degrees: int) -> None:
    for statistic in (-9.0, -1.0, -1e-4, 0.0, 0.1, 0.5, 1.0, 2.0, 5.0, 12.0):
        assert student_tail(statistic, degrees) == pytest.approx(student.sf(statistic, degrees), rel=1e-9)


@pytest.mark.parametrize(("statistic", "degrees"), [(float("nan"), 5), (float("inf"), 5), (1.0, 0)])
def test_a_tail_that_is_not_defined_is_refused(statistic: float, degrees: int) -> None:
    with pytest.raises(DataError, match="no tail"):
        student_tail(statistic, degrees)


def test_columns_are_resampled_at_equal_times() -> None:
    one, two = np.random.default_rng(8).random((2, 500))

    np.testing.assert_allclose(bootstrap_means(one) - bootstrap_means(two), bootstrap_means(one - two), atol=1e-12)


def noisy_losses(seed: int, excess: tuple[float, ...], count: int = 400) -> np.ndarray:
    random = np.random.default_rng(seed)
    shared = random.standard_normal((count, 1))
    losses: np.ndarray = shared + 0.5 * random.standard_normal((count, len(excess))) + np.array(excess)
    return losses


def test_the_best_stays_and_the_worst_goes_first() -> None:
    p_values = model_confidence_set(noisy_losses(1, (0.0, 0.0, 0.3, 1.0)))

    assert max(p_values[:2]) == 1.0
    assert min(p_values[:2]) > 0.1
    assert p_values[2] < 0.01
    assert p_values[3] == 0.0


def test_the_order_of_the_models_does_not_matter() -> None:
    losses = noisy_losses(2, (0.0, 0.05, 0.1))
    expected = model_confidence_set(losses)

    for order in permutations(range(3)):
        assert model_confidence_set(losses[:, order]) == tuple(expected[at] for at in order)


def test_models_that_are_alike_cannot_be_told_apart() -> None:
    losses = noisy_losses(3, (0.0, 1.0))

    assert model_confidence_set(losses[:, [0, 0, 1]])[:2] == (1.0, 1.0)
    assert model_confidence_set(losses[:, [0]]) == (1.0,)


def test_equal_models_all_stay_about_as_often_as_promised() -> None:
    smallest = [min(model_confidence_set(noisy_losses(seed, (0.0, 0.0, 0.0), 100 * BLOCK))) for seed in range(200)]

    # 10 % within four standard errors of 200 trials.
    assert np.mean(np.array(smallest) < 0.1) < 0.1 + 4 * sqrt(0.09 / 200)


@pytest.mark.parametrize(("horizon", "count"), [(1, 500), (24, 4_000)])
def test_equal_models_stay_where_times_are_few_or_returns_overlap(horizon: int, count: int) -> None:
    random = np.random.default_rng(15)
    smallest = []
    for _ in range(100):
        running = np.cumsum(random.standard_normal((count + horizon, 4)), axis=0)
        smallest.append(min(model_confidence_set((running[horizon:] - running[:-horizon])[:count], horizon)))

    # 10 % is promised and 15 % is what blocks can do, within three standard errors of 100 trials.
    assert np.mean(np.array(smallest) < 0.1) < 0.15 + 3 * sqrt(0.15 * 0.85 / 100)


def test_a_set_of_nothing_is_refused() -> None:
    for shape in ((5,), (1, 3), (5, 0)):
        with pytest.raises(DataError, match="losses have shape"):
            model_confidence_set(np.zeros(shape))
