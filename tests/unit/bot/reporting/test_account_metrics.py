from math import sqrt
from statistics import mean, stdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.reporting.metrics import (
    bought_and_held,
    drawdowns,
    returns,
    round_trip_bps,
    sharpe,
    sharpe_error,
    sortino,
    turnover,
)

EQUITY = np.array([100.0, 110.0, 99.0, 118.8])
RATES = [0.1, -0.1, 0.2]


def test_returns_are_from_each_mark_to_the_next():
    assert returns(EQUITY) == pytest.approx(RATES)


def test_sharpe_is_the_mean_over_the_sample_deviation_by_the_root_of_the_year():
    assert sharpe(np.array(RATES), 100.0) == pytest.approx(mean(RATES) / stdev(RATES) * 10.0)


def test_sortino_divides_by_the_root_mean_square_of_the_losses():
    assert sortino(np.array(RATES), 100.0) == pytest.approx((0.2 / 3) / sqrt(0.01 / 3) * 10.0)


@pytest.mark.parametrize("rates", [[], [0.1]])
def test_ratios_need_two_returns(rates):
    assert sharpe(np.array(rates), 100.0) is None
    assert sortino(np.array(rates), 100.0) is None


def test_an_account_that_grows_at_one_constant_rate_has_no_deviation():
    equity = np.array([1.001**step for step in range(50)])
    assert sharpe(returns(equity), 100.0) is None


def test_an_account_without_a_loss_has_no_sortino_ratio():
    assert sortino(np.array([0.0, 0.1, 0.2]), 100.0) is None


def test_the_error_of_a_sharpe_ratio_of_zero_over_one_year_is_one():
    assert sharpe_error(0.0, 8760, 8760.0) == pytest.approx(1.0)


def test_drawdowns_are_measured_from_the_highest_mark_so_far():
    assert drawdowns(EQUITY) == pytest.approx([0.0, 0.0, 0.1, 0.0])


def test_turnover_counts_both_sides_over_the_mean_equity():
    assert turnover(400.0, np.array([100.0, 300.0])) == 2.0


def test_turnover_without_a_mark_is_not_defined():
    assert turnover(0.0, np.array([])) is None


def test_a_round_trip_trades_its_amount_twice():
    # 2 quote on 1,000 traded: 20 bp a side are 40 bp a round trip.
    assert round_trip_bps(2.0, 1000.0) == pytest.approx(40.0)


def test_holding_pays_its_costs_once():
    assert bought_and_held(np.array([50.0, 100.0]), 0.01) == pytest.approx([0.99, 1.98])


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=50))
def test_a_drawdown_is_a_fraction_below_one(values):
    falls = drawdowns(np.array(values))
    assert (falls >= 0.0).all()
    assert (falls < 1.0).all()
