from math import sqrt

import numpy as np
import pytest

from strategies.forecasting.resampling import block_of, bootstrap_means, mean_bounds


def test_the_bounds_are_wide_where_luck_comes_in_blocks() -> None:
    alternating = np.tile([0.0, 1.0], 2_400)
    blocks = np.repeat([0.0, 1.0] * 25, 96)

    assert bootstrap_means(blocks).std() > 10.0 * bootstrap_means(alternating).std()
    assert bootstrap_means(blocks).tobytes() == bootstrap_means(blocks).tobytes()


def wandering(random: np.random.Generator, count: int, rho: float) -> np.ndarray:
    """An AR(1) of mean zero, in its stationary state from the first value on."""
    values = random.standard_normal(count)
    values[1:] *= sqrt(1.0 - rho * rho)
    for at in range(1, count):
        values[at] += rho * values[at - 1]
    return values


@pytest.mark.parametrize(("count", "rho"), [(400, 0.0), (1_000, 0.0), (400, 0.5), (1_000, 0.5)])
def test_bounds_hold_the_truth_about_as_often_as_they_promise(count: int, rho: float) -> None:
    random = np.random.default_rng(11)
    found = [mean_bounds(wandering(random, count, rho)) for _ in range(300)]
    held = [low <= 0.0 <= high for low, high in filter(None, found)]

    assert len(held) == 300
    # Percentiles of some 35 blocks hold a little less than 95 %; 3.8 points are three standard errors of 300 trials.
    assert 0.92 - 0.038 < np.mean(held) < 0.95 + 0.038


def test_bounds_of_returns_that_overlap_are_wider_and_hold_as_well() -> None:
    random = np.random.default_rng(12)
    running = np.cumsum(random.standard_normal((200, 4_000)), axis=1)
    found = [mean_bounds(each[24:] - each[:-24], horizon=24) for each in running]
    held = [low <= 0.0 <= high for low, high in filter(None, found)]

    assert len(held) == 200
    assert np.mean(held) > 0.92 - 3.0 * sqrt(0.92 * 0.08 / 200)


@pytest.mark.parametrize("count", [1, 24, 48, 49, 96, 200])
def test_too_few_values_have_no_bounds_and_are_never_one_block(count: int) -> None:
    values = np.random.default_rng(13).random(count)

    assert mean_bounds(values) is None
    assert count == 1 or bootstrap_means(values).std() > 0.0


def test_blocks_grow_with_the_values_up_to_a_limit_and_with_the_horizon() -> None:
    assert [block_of(count) for count in (1, 1_000, 20_000, 10**6)] == [2, 15, 41, 48]
    assert (block_of(4_000, 1), block_of(4_000, 4), block_of(4_000, 24)) == (24, 24, 96)
    assert mean_bounds(np.arange(2_000.0), horizon=24) is None
