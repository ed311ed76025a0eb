import numpy as np
import pytest

from bot.reporting.leak import MIN_MOVES, LeakCheck, check_for_leak, lower_bound
from bot.reporting.scoring import Scored


def outcomes(hit_rate, count=4000, up_rate=0.5, in_sample=False):
    random = np.random.default_rng(7)
    up = random.random(count) < up_rate
    right = random.random(count) < hit_rate
    p_up = np.where(up == right, 0.6, 0.4)
    return Scored(
        np.arange(count, dtype=np.int64) * 3_600_000,
        p_up,
        np.zeros(count),
        np.where(up, 0.01, -0.01),
        np.ones(count, dtype=np.bool_),
        np.full(count, in_sample),
    )


def test_forecasts_that_know_the_future_are_suspected():
    found = check_for_leak(outcomes(0.7))
    assert found.suspected
    assert found.hit_rate_bound is not None
    assert 0.66 < found.hit_rate_bound < 0.70


def test_skill_of_the_size_that_markets_allow_is_not_suspected():
    assert not check_for_leak(outcomes(0.55)).suspected


def test_a_rate_above_the_limit_that_may_be_luck_is_not_suspected():
    # 60 % of 1,200: the bound is three and a half points lower.
    assert not check_for_leak(outcomes(0.6, count=1200)).suspected


def test_a_market_that_always_rises_is_no_leak():
    rising = outcomes(1.0, up_rate=0.97)
    always_up = Scored(
        rising.close_ms, np.full(4000, 0.6), rising.expected, rising.realised, rising.covered, rising.in_span
    )
    found = check_for_leak(always_up)
    assert found.hit_rate_bound is not None
    assert found.hit_rate_bound > 0.9
    assert not found.suspected


def test_fewer_than_a_thousand_moves_are_not_judged():
    assert check_for_leak(outcomes(1.0, count=MIN_MOVES - 1)) == LeakCheck(MIN_MOVES - 1)


def test_what_the_model_was_trained_on_is_not_judged():
    assert check_for_leak(outcomes(1.0, in_sample=True)) == LeakCheck(0)


def test_the_same_forecasts_give_the_same_bound():
    assert check_for_leak(outcomes(0.6)) == check_for_leak(outcomes(0.6))


def test_the_bound_lies_about_where_the_normal_one_does_for_independent_hits():
    hits = (np.random.default_rng(3).random(5000) < 0.55).astype(np.float64)
    normal = hits.mean() - 2.326 * np.sqrt(hits.mean() * (1 - hits.mean()) / 5000)
    assert lower_bound(np.arange(5000), hits) == pytest.approx(normal, abs=0.004)


def test_markets_that_move_together_widen_the_bound():
    hits = (np.random.default_rng(3).random(1000) < 0.6).astype(np.float64)
    alone = lower_bound(np.arange(1000), hits)
    together = lower_bound(np.repeat(np.arange(1000), 5), np.repeat(hits, 5))
    assert together == pytest.approx(alone, abs=1e-12)
