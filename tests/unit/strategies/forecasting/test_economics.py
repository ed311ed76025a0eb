import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.errors import DataError
from bot.core.forecast import Forecast
from bot.reporting import metrics
from strategies.forecasting.economics import (
    COSTS_BPS,
    MARGIN,
    SPOT,
    Path,
    account,
    account_of,
    break_even,
    performance,
    ruled_exposures,
    sign_exposures,
)
from strategies.signal import SignalRule, decide
from strategies.strategy import MarketView

HOURS = 8_760.0
RULE = SignalRule(1.5, 0.5)


def moves(seed: int = 1, count: int = 2_000) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.005, count)


def forecasts(returns: np.ndarray, skill: float, seed: int = 2) -> np.ndarray:
    """Expected returns that know this share of what comes."""
    return skill * returns + 0.001 * np.random.default_rng(seed).standard_normal(len(returns))


def probabilities(expected: np.ndarray) -> np.ndarray:
    return np.clip(0.5 + 50.0 * expected, 0.0, 1.0)


def test_an_account_by_hand() -> None:
    held = account(np.array([0.0, 1.0, 1.0, -1.0]), np.log([1.1, 1.02, 0.99, 1.01]))

    np.testing.assert_allclose(held.gross, [0.0, 0.02, -0.01, -0.01])
    np.testing.assert_allclose(held.traded, [0.0, 1.0, 0.0, 3.0])
    np.testing.assert_allclose(held.net(10.0), [0.0, 0.019, -0.01, -0.013])


def test_timing_is_what_is_left_beyond_the_mean_exposure() -> None:
    held = account(np.array([1.0, 0.0, 1.0, 0.0]), np.log([1.1, 1.02, 0.99, 1.01]))

    np.testing.assert_allclose(held.passive, [0.05, 0.01, -0.005, 0.005])
    np.testing.assert_allclose(held.passive_traded, [0.5, 0.0, 0.0, 0.5])
    # All four sides are paid for, less half a side at either end.
    np.testing.assert_allclose(held.timing(10.0), [0.0495, -0.011, -0.006, -0.0055])


def test_a_position_that_a_barrier_ends_is_paid_for_and_so_is_the_next() -> None:
    early = Path(np.log([1.1, 1.02, 0.99, 1.01]), np.log([1.2, 1.02, 0.98, 1.01]), np.array([0.5, 1.0, 0.25, 1.0]))
    held = account_of(np.array([1.0, 1.0, 1.0, 0.0]), early)

    # In and out at the barrier, in and held, out at the barrier; nothing is left to be sold.
    np.testing.assert_allclose(held.traded, [2.0, 1.0, 1.0, 0.0])
    np.testing.assert_allclose(held.gross, [0.1, 0.02, -0.01, 0.0])
    # Half, all, a quarter and nothing of the four stretches.
    np.testing.assert_allclose(held.passive, 0.4375 * np.array([0.2, 0.02, -0.02, 0.01]))


def test_the_rule_finds_nothing_held_behind_a_barrier() -> None:
    expected, early = np.array([31.0, 10.0, 31.0, 10.0]) / 1e4, np.array([True, False, False, False])

    np.testing.assert_array_equal(ruled_exposures(expected, RULE, 10.0), [1, 1, 1, 1])
    np.testing.assert_array_equal(ruled_exposures(expected, RULE, 10.0, SPOT, early), [1, 0, 1, 1])


def test_signs_are_traded_as_far_as_the_account_allows() -> None:
    p_up = np.array([0.6, 0.5, 0.4])

    np.testing.assert_array_equal(sign_exposures(p_up, SPOT), [1.0, 0.0, 0.0])
    np.testing.assert_array_equal(sign_exposures(p_up, MARGIN), [1.0, 0.0, -1.0])


def test_the_rule_is_the_one_that_trades() -> None:
    expected = forecasts(moves(), 0.1)
    held, wanted = 0.0, []
    for move in expected.tolist():
        view = MarketView("BTC/USDT", 0, 100.0, held, 0.005, 10.0)
        held = max(decide(RULE, view, Forecast("BTC/USDT", 0.5, move, 0.0, 0.0, 0.0)).exposure, 0.0)
        wanted.append(held)

    assert 0 < sum(wanted) < len(wanted)
    np.testing.assert_array_equal(ruled_exposures(expected, RULE, 5.0), wanted)


@given(st.lists(st.floats(-0.01, 0.01), max_size=40), st.sampled_from(COSTS_BPS))
@settings(max_examples=60, deadline=None)
def test_a_short_is_a_long_of_the_mirrored_market_and_spot_holds_the_longs(expected: list[float], cost: float) -> None:
    both = ruled_exposures(np.array(expected), RULE, cost, MARGIN)

    np.testing.assert_array_equal(ruled_exposures(-np.array(expected), RULE, cost, MARGIN), -both)
    np.testing.assert_array_equal(ruled_exposures(np.array(expected), RULE, cost, SPOT), np.maximum(both, 0.0))


def test_a_holding_stays_while_the_move_is_within_the_hysteresis() -> None:
    # A round trip of 20 basis points: in above 30, out below -10.
    expected = np.array([25.0, 31.0, 0.0, -9.0, -11.0, 0.0, -31.0, 9.0, 11.0]) / 1e4

    np.testing.assert_array_equal(ruled_exposures(expected, RULE, 10.0, MARGIN), [0, 1, 1, 1, 0, 0, -1, -1, 0])


def test_figures_are_those_of_the_report() -> None:
    returns = moves()
    held = account(sign_exposures(probabilities(forecasts(returns, 0.1)), MARGIN), returns)
    found = performance(held, 2.0, HOURS)
    net = held.net(2.0)
    equity = np.cumprod(np.concatenate([[1.0], 1.0 + net]))

    assert found.sharpe == pytest.approx(metrics.sharpe(net, HOURS), rel=1e-12)
    assert found.sortino == pytest.approx(metrics.sortino(net, HOURS), rel=1e-12)
    assert found.max_drawdown_frac == metrics.drawdowns(equity).max()
    assert found.return_frac == pytest.approx(equity[-1] - 1.0)


def test_always_in_is_buy_and_hold() -> None:
    returns = moves(3)
    held = account(np.ones(len(returns)), returns)
    found = performance(held, 0.0, HOURS)

    assert found.return_frac == pytest.approx(np.expm1(returns.sum()))
    assert found.exposed_frac == 1.0
    assert found.sides_a_day == pytest.approx(2.0 / (len(returns) / 24.0))


def test_every_cost_makes_it_worse() -> None:
    returns = moves(4)
    expected = forecasts(returns, 0.02)
    signs = account(sign_exposures(probabilities(expected), MARGIN), returns)
    on_sign = [performance(signs, cost, HOURS) for cost in COSTS_BPS]
    by_rule = [
        performance(account(ruled_exposures(expected, RULE, cost, MARGIN), returns), cost, HOURS) for cost in COSTS_BPS
    ]
    for ratios in ([row.sharpe or 0.0 for row in on_sign], [row.timing_sharpe or 0.0 for row in on_sign]):
        assert ratios == sorted(ratios, reverse=True)
    assert [row.max_drawdown_frac for row in on_sign] == sorted(row.max_drawdown_frac for row in on_sign)
    # The rule trades less the more it costs, and is then worth having.
    sides = [row.sides_a_day for row in by_rule]
    assert sides == sorted(sides, reverse=True)
    assert by_rule[-1].return_frac > on_sign[-1].return_frac
    # At no cost the rule is the sign.
    assert by_rule[0] == on_sign[0]


def test_who_holds_a_rising_market_earns_and_times_nothing() -> None:
    returns = moves(10, 8_760) + 0.0005
    said = np.repeat(np.random.default_rng(11).random(876) < 0.7, 10).astype(np.float64)
    found = performance(account(said, returns), 1.0, HOURS)
    always = account(np.ones(len(returns)), returns)
    even = break_even(account(said, returns))

    assert found.sharpe_low is not None
    assert found.sharpe_low > 0.0
    assert found.timing_low is not None
    assert found.timing_high is not None
    assert found.timing_low < 0.0 < found.timing_high
    assert even is not None
    assert even.low is not None
    assert even.low < 0.0
    assert performance(always, 2.0, HOURS).timing_sharpe is None
    assert break_even(always) is None


def test_who_is_out_when_it_falls_has_timing() -> None:
    returns = moves(12, 8_760)
    knows = (forecasts(returns, 0.1) > 0.0).astype(np.float64)
    found = performance(account(knows, returns), 1.0, HOURS)

    assert found.timing_low is not None
    assert found.timing_low > 0.0
    assert found.timing_frac > 0.0


def test_nothing_is_left_at_the_break_even_cost() -> None:
    returns = moves(5)
    held = account(sign_exposures(probabilities(forecasts(returns, 0.2)), MARGIN), returns)
    found = break_even(held)

    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.bps < found.high
    assert held.timing(found.bps).sum() == pytest.approx(0.0, abs=1e-12)


def test_forecasts_without_skill_break_even_at_nothing() -> None:
    returns = moves(6, 20_000)
    found = break_even(account(sign_exposures(probabilities(moves(7, 20_000)), MARGIN), returns))

    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.0 < found.high


def test_who_never_trades_has_no_figures_and_who_trades_once_no_bounds() -> None:
    returns = moves(8)
    out = performance(account(np.zeros(len(returns)), returns), 10.0, HOURS)

    assert (out.sharpe, out.sharpe_low, out.sharpe_high, out.sortino) == (None, None, None, None)
    assert (out.return_frac, out.max_drawdown_frac, out.sides_a_day) == (0.0, 0.0, 0.0)
    assert break_even(account(np.zeros(len(returns)), returns)) is None
    once = break_even(account((np.arange(len(returns)) > 5).astype(np.float64), returns))
    assert once is not None
    assert (once.low, once.high) == (None, None)


def test_the_bounds_of_the_sharpe_ratio_are_those_of_theory() -> None:
    returns = moves(9, 8_760)
    found = performance(account(np.ones(len(returns)), returns), 0.0, HOURS)

    assert found.sharpe is not None
    assert found.sharpe_low is not None
    assert found.sharpe_high is not None
    assert found.sharpe_low < found.sharpe < found.sharpe_high
    error = metrics.sharpe_error(found.sharpe, len(returns), HOURS)
    assert found.sharpe_high - found.sharpe_low == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_few_candles_have_ratios_and_no_bounds() -> None:
    returns = moves(13, 100)
    held = account(sign_exposures(probabilities(returns), MARGIN), returns)
    found, even = performance(held, 1.0, HOURS), break_even(held)

    assert found.sharpe is not None
    assert found.timing_sharpe is not None
    assert {found.sharpe_low, found.sharpe_high, found.timing_low, found.timing_high} == {None}
    assert even is not None
    assert (even.low, even.high) == (None, None)


def test_a_sharpe_ratio_of_nothing_is_called_sure_as_rarely_as_promised() -> None:
    paths = np.random.default_rng(14).normal(0.0, 0.02, (300, 400))
    lows = [performance(account(np.ones(400), np.log1p(path)), 0.0, HOURS).sharpe_low for path in paths]
    sure = [low is not None and low > 0.0 for low in lows]

    assert None not in lows
    # 2.5 % on this side, three standard errors of 300 trials above it.
    assert np.mean(sure) < 0.025 + 3.0 * np.sqrt(0.025 * 0.975 / 300)


def test_one_candle_cannot_be_judged() -> None:
    with pytest.raises(DataError, match="cannot be judged"):
        performance(account(np.ones(1), np.zeros(1)), 0.0, HOURS)
