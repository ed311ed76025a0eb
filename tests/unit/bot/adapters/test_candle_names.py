"""What names of markets, timeframes and files are taken to mean."""

from pathlib import Path

import pytest

from bot.adapters.candle_names import read_file_name, read_symbol, read_timeframe
from bot.core.market import Timeframe


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("BTC/USDT", "BTC/USDT"),
        ("btc_usdt", "BTC/USDT"),
        (" BTC-USDT ", "BTC/USDT"),
        ("BTCUSDT", "BTC/USDT"),
        ("ETHBTC", "ETH/BTC"),
        ("BTCUSD", "BTC/USD"),
        ("BTCFDUSD", "BTC/FDUSD"),
        ("1000SHIBUSDT", "1000SHIB/USDT"),
        ("BNB/BUSD", "BNB/BUSD"),
    ],
)
def test_a_market_is_brought_into_the_form_base_and_quote(text: str, symbol: str) -> None:
    assert read_symbol(text) == symbol


@pytest.mark.parametrize("text", ["BNBUSD", "DOTUSD"])
def test_a_name_that_can_be_read_in_two_ways_is_not_read(text: str) -> None:
    assert read_symbol(text) is None


@pytest.mark.parametrize("text", ["", "BTC", "USDT", "BTC/BTC", "BTC/USDT:USDT", "BTC USDT", "BTÇUSDT", "../etc"])
def test_what_names_no_spot_market_is_not_read(text: str) -> None:
    assert read_symbol(text) is None


@pytest.mark.parametrize(("text", "timeframe"), [("1m", Timeframe.M1), ("4H", Timeframe.H4), (" 1D", Timeframe.D1)])
def test_hours_and_days_may_be_capitals(text: str, timeframe: Timeframe) -> None:
    assert read_timeframe(text) is timeframe


@pytest.mark.parametrize("text", ["1M", "7m", "1w", "", "60", "1 h"])
def test_a_month_or_an_unknown_length_is_no_timeframe(text: str) -> None:
    assert read_timeframe(text) is None


@pytest.mark.parametrize(
    ("name", "symbol", "timeframe"),
    [
        ("BTC_USDT-1h_2020-12_2025-06.parquet", "BTC/USDT", "1h"),
        ("BTCUSDT-1h-2024-01.csv", "BTC/USDT", "1h"),
        ("BTCUSDT-1h-2024-01.zip", "BTC/USDT", "1h"),
        ("ETH-USDT_5m.csv.gz", "ETH/USDT", "5m"),
        ("BTC_USDT-1h.feather", "BTC/USDT", "1h"),
        ("Binance_BTCUSDT_1h.csv", "BTC/USDT", "1h"),
        ("btcusdt.csv", "BTC/USDT", None),
        ("BTC_USDT_2024-01.csv", "BTC/USDT", None),
        ("BNB_BUSD-1d.csv", "BNB/BUSD", "1d"),
        ("candles-15m.csv", None, "15m"),
        ("1h.csv", None, "1h"),
        ("BTCUSDT-7m.csv", "BTC/USDT", "7m"),
        ("USDT.csv", None, None),
        ("export.csv", None, None),
        (".csv", None, None),
    ],
)
def test_a_file_name_tells_its_market_and_timeframe_where_it_can(
    name: str, symbol: str | None, timeframe: str | None
) -> None:
    found = read_file_name(Path("folder-1m") / name)
    assert (found.symbol, found.timeframe) == (symbol, timeframe)
