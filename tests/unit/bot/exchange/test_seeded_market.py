"""The seeded market: valid candles, the same for ever, with exactly the edge that its label says."""

import hashlib
from itertools import islice
from math import asin, pi

import numpy as np
import pytest

from bot.core.errors import ConfigError
from bot.core.market import Timeframe
from bot.exchange.market import BLOCK, ORIGIN_MS, Columns, MarketModel, SeededMarket

FIRST_THOUSAND = "2c20387400a0cea0ce90a603160c05e502a7c20795c01230f84c85a8822ddb44"
"""sha256 of the first 1,000 candles of seed 7, BTC/USDT, 1h: a change of the market is a change of every figure
that was ever measured on it."""


def market(seed: int = 7, symbol: str = "BTC/USDT", timeframe: Timeframe = Timeframe.H1) -> SeededMarket:
    return SeededMarket(seed, symbol, timeframe)


def digest(columns: Columns) -> str:
    return hashlib.sha256(b"".join(getattr(columns, name).tobytes() for name in columns.__struct_fields__)).hexdigest()


def test_a_market_is_the_same_on_every_run_and_machine() -> None:
    assert digest(market().candles(1_000)) == FIRST_THOUSAND


def test_more_candles_never_change_earlier_ones() -> None:
    few, many = market().candles(BLOCK - 1), market().candles(2 * BLOCK + 5)
    for name in Columns.__struct_fields__:
        assert np.array_equal(getattr(few, name), getattr(many, name)[: len(few)])
    assert len(many) == 2 * BLOCK + 5


def test_arrays_the_iterator_and_look_up_by_time_agree() -> None:
    columns = market().candles(BLOCK + 3)
    walked = list(islice(market(), BLOCK + 3))
    other = market()
    assert [columns.candle(row) for row in range(len(columns))] == walked
    assert other.at(walked[BLOCK].open_time_ms) == walked[BLOCK]
    assert other.at(walked[0].open_time_ms) == walked[0]


def test_nothing_is_there_before_the_beginning_or_off_the_grid() -> None:
    assert market().at(ORIGIN_MS - Timeframe.H1.ms) is None
    assert market().at(ORIGIN_MS + 1) is None


def test_no_candles_are_empty_columns() -> None:
    assert len(market().candles(0)) == 0


def test_candles_are_possible_contiguous_and_on_the_grid() -> None:
    candles = list(islice(market(seed=3, symbol="XRP/USDT"), 5_000))
    assert [candle.open_time_ms for candle in candles] == [ORIGIN_MS + n * Timeframe.H1.ms for n in range(5_000)]
    for candle in candles:
        for price in (candle.open, candle.high, candle.low, candle.close):
            assert price == float(f"{price:.4f}")
        assert candle.volume == float(f"{candle.volume:.1f}")


def test_a_bar_opens_where_the_last_one_closed_with_a_rare_small_gap() -> None:
    columns = market().candles(20_000)
    moved = np.abs(np.log(columns.open[1:] / columns.close[:-1]))
    assert 0.01 < np.mean(moved > 0) < 0.03
    assert moved.max() < 0.02


@pytest.mark.parametrize("rho", [-0.3, 0.0, 0.3])
def test_the_sign_of_the_next_return_repeats_as_often_as_the_planted_rho_says(rho: float) -> None:
    columns = SeededMarket(11, "BTC/USDT", Timeframe.H1, MarketModel(planted_rho=rho)).candles(100_000)
    returns = np.diff(np.log(columns.close))
    repeated = np.mean(np.sign(returns[1:]) == np.sign(returns[:-1]))
    assert repeated == pytest.approx(0.5 + asin(rho) / pi, abs=0.008)
    assert np.mean(returns > 0) == pytest.approx(0.5, abs=0.01)


def test_the_label_is_the_best_hit_rate_that_a_forecast_can_have() -> None:
    assert MarketModel(planted_rho=0.5).hit_rate == pytest.approx(2 / 3)
    assert MarketModel(planted_rho=-0.5).hit_rate == pytest.approx(2 / 3)


def test_volatility_clusters() -> None:
    sizes = np.abs(np.diff(np.log(market().candles(50_000).close)))
    assert np.corrcoef(sizes[10:], sizes[:-10])[0, 1] > 0.1


def test_falls_come_that_a_stop_would_notice() -> None:
    returns = np.diff(np.log(market().candles(20_000).close))
    assert np.sum(returns < -6 * np.median(np.abs(returns))) >= 5


def test_markets_of_one_seed_are_independent() -> None:
    btc = np.diff(np.log(market().candles(20_000).close))
    eth = np.diff(np.log(market(symbol="ETH/USDT").candles(20_000).close))
    assert abs(np.corrcoef(btc, eth)[0, 1]) < 0.03


def test_other_seeds_make_other_markets() -> None:
    assert digest(market(seed=1).candles(100)) != digest(market(seed=2).candles(100))


@pytest.mark.parametrize("symbol", ["BTCUSDT", "btc/usdt", "BTC/", "../USDT", "BTC/USDT/X", "ßTC/USDT"])
def test_a_malformed_symbol_is_refused_by_name(symbol: str) -> None:
    with pytest.raises(ConfigError, match="as in BTC/USDT"):
        market(symbol=symbol)


def test_wrong_parameters_are_refused() -> None:
    with pytest.raises(ConfigError, match="seed"):
        market(seed=-1)
    with pytest.raises(ConfigError, match="planted_rho"):
        MarketModel(planted_rho=1.0)
    with pytest.raises(ConfigError, match="not a multiple"):
        SeededMarket(1, "BTC/USDT", Timeframe.H1, origin_ms=ORIGIN_MS + 1)
