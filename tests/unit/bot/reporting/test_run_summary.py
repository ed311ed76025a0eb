from itertools import pairwise
from math import sqrt
from statistics import mean, stdev

import msgspec
import numpy as np
import pytest

from bot.core.commands import BreakerTripped, Verdict
from bot.core.orders import Purpose, Side
from bot.reporting.benchmark import buy_and_hold
from bot.reporting.reading import read_columns
from bot.reporting.summary import Summary, summarise

T0 = 1_704_067_200_000
HOUR = 3_600_000

DEFINED_FOR_EVERY_RUN = (
    "candles",
    "forecasts",
    "signals",
    "orders",
    "fills",
    "stop_exits",
    "denied",
    "breakers",
    "fees",
    "initial_equity",
    "journal_sha256",
)
DEFINED_FOR_SOME = (
    "first_ms",
    "last_ms",
    "in_sample_frac",
    "same_time_frac",
    "turnover",
    "final_equity",
    "return_frac",
    "buy_and_hold_return_frac",
    "mean_exposure_frac",
    "held_at_end_frac",
    "sharpe",
    "sharpe_error",
    "sortino",
    "max_drawdown_frac",
    "hit_rate",
    "directional_accuracy",
    "brier",
    "mae_bps",
    "naive_mae_bps",
    "rmse_bps",
    "naive_rmse_bps",
    "reckoning",
    "break_even_bps",
    "paid_bps",
    "best_expected_move_bps",
    "needed_move_bps",
    "seconds",
    "candles_per_second",
    "bundle",
)


@pytest.fixture
def traded(new_run):
    """Two round trips of one market, the second one stopped out, with a mark at each of four closes."""
    run = new_run()
    run.candle(0, 100.0)
    run.mark(0, 1000.0)
    run.decide(0, Verdict.SUBMITTED, "go", signal=1.0, moves=(50.0, 36.0))
    run.trade(1, Side.BUY, "1", "100", fee="0.1", costs=("0.01", "0.02"))
    run.candle(1, 110.0)
    run.mark(1, 1009.9)
    run.decide(1, Verdict.SUBMITTED, "leave", signal=0.0, moves=(-5.0, 36.0))
    run.trade(2, Side.SELL, "1", "112", fee="0.12", purpose=Purpose.EXIT, costs=("0.01", "0.02"))
    run.trade(2, Side.BUY, "1", "112", fee="0.12", costs=("0.01", "0.02"))
    run.trade(3, Side.SELL, "1", "104", fee="0.11", purpose=Purpose.STOP, costs=("0.01", "0.02"))
    run.candle(2, 105.0)
    run.mark(2, 1003.55)
    run.decide(2, Verdict.DENIED, "the day's loss is reached", signal=1.0, moves=(40.0, 36.0))
    run.add(BreakerTripped(T0 + 3 * HOUR, "daily_loss", "lost 0.6 %"))
    run.candle(3, 120.0)
    run.mark(3, 1003.55)
    return run


def test_it_has_the_fields_that_are_promised_to_programs():
    assert set(Summary.__struct_fields__) == {*DEFINED_FOR_EVERY_RUN, *DEFINED_FOR_SOME}


def test_the_figures_of_two_round_trips_by_hand(traded):
    s = summarise(traded, seconds=2.0)
    assert (s.candles, s.first_ms, s.last_ms) == (4, T0, T0 + 4 * HOUR)
    assert (s.signals, s.orders, s.fills, s.stop_exits, s.denied, s.breakers) == (3, 4, 4, 1, 1, 1)
    assert s.fees == pytest.approx(0.45)
    equity = [1000.0, 1009.9, 1003.55, 1003.55]
    assert s.turnover == pytest.approx(428.0 / mean(equity))
    assert (s.initial_equity, s.final_equity) == (1000.0, 1003.55)
    assert s.return_frac == pytest.approx(0.00355)
    assert s.max_drawdown_frac == pytest.approx(1 - 1003.55 / 1009.9)
    assert s.hit_rate == 0.5
    # 3.55 net, 0.45 fees and 0.12 spread and slippage are 4.12 gross on 428 traded.
    assert s.break_even_bps == pytest.approx(2 * 4.12 / 428 * 1e4)
    # Fee 10, half spread 1 and slippage 1 bp, paid once on the way from 100 to 120.
    assert s.buy_and_hold_return_frac == pytest.approx(1.2 * (1 - 0.0012) - 1)
    assert (s.best_expected_move_bps, s.needed_move_bps) == (50.0, 36.0)
    assert (s.seconds, s.candles_per_second) == (2.0, 2.0)
    assert s.journal_sha256 == traded.events_sha256


def test_what_is_not_defined_is_null_and_not_zero(new_run):
    s = summarise(new_run())
    assert {name for name in s.__struct_fields__ if getattr(s, name) is None} == set(DEFINED_FOR_SOME)
    assert msgspec.json.decode(msgspec.json.encode(s))["sharpe"] is None


def marked(run, equity):
    for hour, worth in enumerate(equity):
        run.candle(hour, 100.0)
        run.mark(hour, worth)
    return summarise(run)


def test_ratios_are_of_thirty_returns_at_least(new_run):
    equity = [1000.0 + 10.0 * (hour % 3) for hour in range(31)]
    rates = [after / before - 1 for before, after in pairwise(equity)]
    s = marked(new_run(), equity)
    assert s.sharpe == pytest.approx(mean(rates) / stdev(rates) * sqrt(8760))
    assert s.sharpe_error == pytest.approx(sqrt((1 + s.sharpe**2 / 8760 / 2) / 30 * 8760))
    assert s.sortino == pytest.approx(mean(rates) / sqrt(sum(min(one, 0) ** 2 for one in rates) / 30) * sqrt(8760))
    short = marked(new_run(), equity[:-1])
    assert (short.sharpe, short.sharpe_error, short.sortino) == (None, None, None)


def test_what_is_still_in_the_market_at_the_end_is_told_unless_it_is_dust_or_nobody_marked_it(new_run):
    run = new_run()
    run.trade(0, Side.BUY, "1", "100")
    run.candle(0, 100.0)
    run.mark(0, 1000.0, exposure=0.1)
    run.candle(1, 100.0)
    run.mark(1, 1000.0, exposure=0.2)
    assert (summarise(run).held_at_end_frac, summarise(run).mean_exposure_frac) == (0.2, pytest.approx(0.15))
    run.candle(2, 100.0)
    run.mark(2, 1000.0, exposure=0.004)
    assert summarise(run).held_at_end_frac == 0.0
    run.trade(3, Side.BUY, "1", "100")
    assert summarise(run).held_at_end_frac is None


def test_a_fill_after_the_last_mark_is_counted_but_not_in_the_break_even(new_run):
    run = new_run()
    run.candle(0, 100.0)
    run.mark(0, 1000.0)
    run.trade(1, Side.BUY, "1", "100", fee="5")
    s = summarise(run)
    assert s.fills == 1
    assert s.fees == 5.0
    assert s.break_even_bps is None


def test_before_costs_less_every_cost_is_the_result_and_later_fills_are_told_apart(traded):
    traded.trade(4, Side.BUY, "1", "120", fee="0.3")
    s = summarise(traded)
    told = s.reckoning
    assert told is not None
    assert told.before_costs - told.fees - told.spread - told.slippage == pytest.approx(told.result)
    assert told.result == pytest.approx(3.55)
    assert (told.fees, told.spread, told.slippage) == pytest.approx((0.45, 0.04, 0.08))
    assert (told.later_fills, told.later_fees) == (1, pytest.approx(0.3))
    assert s.fees == pytest.approx(s.fees_in_result + 0.3)
    # 3.55 left on 428 traded: the break-even lies as much above what was paid.
    assert (s.break_even_bps, s.paid_bps) == (told.break_even_bps, told.paid_bps)
    assert told.break_even_bps - told.paid_bps == pytest.approx(2 * 3.55 / 428 * 1e4)


@pytest.mark.parametrize(("sold_at", "is_gain"), [("101", True), ("100.05", False)])
def test_a_run_gains_where_its_break_even_is_above_what_it_paid_and_nowhere_else(new_run, sold_at, is_gain):
    run = new_run()
    run.candle(0, 100.0)
    run.mark(0, 1000.0)
    run.trade(1, Side.BUY, "1", "100", fee="0.1", costs=("0", "0.02"))
    run.trade(1, Side.SELL, "1", sold_at, fee="0.1", costs=("0", "0.01"))
    run.candle(1, 100.0)
    run.mark(1, 999.8 + float(sold_at) - 100.0)
    told = summarise(run).reckoning
    assert told is not None
    assert (told.result > 0.0) == (told.break_even_bps > told.paid_bps) == is_gain


def test_fills_that_are_better_than_their_references_are_luck_and_make_no_cost_smaller(new_run):
    run = new_run()
    run.trade(0, Side.BUY, "1", "100", fee="0.1", costs=("0", "-0.5"))
    run.candle(0, 100.0)
    run.mark(0, 999.9)
    told = summarise(run).reckoning
    assert told is not None
    assert (told.paid, told.luck) == ((("fees", 0.1),), 0.5)
    assert told.before_costs == pytest.approx(-0.5)
    assert told.before_costs - 0.1 + told.luck == pytest.approx(told.result)


def test_holding_is_split_equally_over_markets_from_their_own_first_close(new_run):
    run = new_run("BTC/USDT", "ETH/USDT")
    run.candle(0, 100.0)
    run.candle(1, 150.0)
    run.candle(1, 200.0, symbol="ETH/USDT")
    run.candle(2, 200.0)
    run.candle(2, 100.0, symbol="ETH/USDT")
    kept = 1 - 0.0012
    assert summarise(run).buy_and_hold_return_frac == pytest.approx((2.0 * kept + 0.5 * kept) / 2 - 1)


def test_the_in_sample_share_counts_candles_of_the_bundles_markets_only(new_run):
    run = new_run("BTC/USDT", "ETH/USDT")
    run.label(bundle_trained_from_ms="0", bundle_trained_until_ms=str(T0 + HOUR), bundle_symbols="BTC/USDT")
    for hour in range(2):
        run.candle(hour, 100.0)
        run.candle(hour, 100.0, symbol="ETH/USDT")
    s = summarise(run)
    assert (s.in_sample_frac, s.same_time_frac) == (0.25, 0.25)


def test_before_its_first_close_a_markets_share_is_cash(new_run):
    run = new_run("BTC/USDT", "ETH/USDT")
    run.candle(0, 100.0)
    run.candle(1, 100.0)
    run.candle(1, 50.0, symbol="ETH/USDT")
    worth = buy_and_hold(read_columns(run), np.array([T0, T0 + HOUR, T0 + 2 * HOUR]))
    assert worth == pytest.approx([1.0, (1.0 + 0.9988) / 2, 0.9988])


def test_without_a_candle_there_is_nothing_to_hold(new_run):
    assert buy_and_hold(read_columns(new_run()), np.array([T0])) is None
