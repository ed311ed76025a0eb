"""Real candles of two exchanges, with their outages and silent minutes, where they are at hand."""

from pathlib import Path

import numpy as np
import pytest

from bot.adapters.candle_files import read_candles
from bot.core.gaps import segments
from bot.core.market import Timeframe

CANDLES = Path(__file__).resolve().parents[5] / "shared" / "data" / "candles"

pytestmark = pytest.mark.skipif(not CANDLES.is_dir(), reason="needs the real candles in ../shared/data/candles")


def test_years_of_hours_have_the_gaps_of_known_outages() -> None:
    (series,) = read_candles([CANDLES / "binance" / "BTC_USDT-1h_2020-12_2025-06.parquet"])
    assert (series.symbol, series.timeframe, len(series)) == ("BTC/USDT", Timeframe.H1, 39_414)
    assert sum(finding.missing for finding in series.report.findings) == 18
    pieces = segments(series.open_time_ms, series.ohlcv, series.timeframe)
    assert [len(piece) for piece in pieces] == [6_122, 33_306]
    assert sum(int(piece.filled.sum()) for piece in pieces) == 14


def test_forty_markets_of_one_file_come_apart() -> None:
    path = CANDLES / "binance" / "TOP40_USDT-1h_2020-12_2021-07.parquet"
    markets = read_candles([path])
    assert len(markets) == len({one.symbol for one in markets}) == 40
    assert sum(map(len, markets)) == 216_281
    (bitcoin,) = read_candles([path], symbol="BTC/USDT")
    years = CANDLES / "binance" / "BTC_USDT-1h_2020-12_2025-06.parquet"
    first_ms, last_ms = (int(bitcoin.open_time_ms[place]) for place in (0, -1))
    (same,) = read_candles([years], from_ms=first_ms, until_ms=last_ms + Timeframe.H1.ms)
    assert same.open_time_ms.tolist() == bitcoin.open_time_ms.tolist()
    assert same.fingerprint == bitcoin.fingerprint


def test_minutes_without_a_trade_are_missing_bars_that_are_filled_flat() -> None:
    (series,) = read_candles([CANDLES / "bitfinex" / "BTC_USD-1m_2020-01_2020-07.parquet"])
    assert (series.symbol, series.timeframe, len(series)) == ("BTC/USD", Timeframe.M1, 258_964)
    pieces = segments(series.open_time_ms, series.ohlcv, series.timeframe)
    missing = sum(finding.missing for finding in series.report.findings)
    split = sum(finding.missing for finding in series.report.findings if finding.missing > Timeframe.M1.gap_limit)
    assert sum(int(piece.filled.sum()) for piece in pieces) == missing - split
    assert all((np.diff(piece.open_time_ms) == Timeframe.M1.ms).all() for piece in pieces)


def test_pieces_of_one_market_from_different_downloads_agree() -> None:
    old = CANDLES / "binance" / "BTC_USDT-4h_2017-08_2024-10.parquet"
    (series,) = read_candles([old, old])
    assert series.report.duplicates_removed == len(series) == 15_721
