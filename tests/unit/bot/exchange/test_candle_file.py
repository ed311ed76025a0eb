"""Candles in a CSV: the same bytes for the same candles, and a sentence with the line for what cannot be one."""

import pytest

from bot.core.errors import DataError
from bot.core.market import Timeframe
from bot.exchange.candle_file import HEADER, read_market, write_candles
from bot.exchange.market import SeededMarket

FIRST = ",".join(HEADER)


def test_what_is_written_is_read_back_to_the_last_bit(tmp_path) -> None:
    columns = SeededMarket(7, "BTC/USDT", Timeframe.H1).candles(500)
    path, again = tmp_path / "a.csv", tmp_path / "b.csv"
    write_candles(path, columns)
    write_candles(again, columns)
    market = read_market(path, "BTC/USDT", Timeframe.H1)
    assert path.read_bytes() == again.read_bytes()
    assert [market.at(int(at)) for at in columns.open_time_ms] == [columns.candle(row) for row in range(500)]
    assert (market.begin_ms, market.end_ms) == (columns.open_time_ms[0], columns.open_time_ms[-1] + Timeframe.H1.ms)
    assert market.at(market.end_ms) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "first line must be open_time_ms,open"),
        ("time,o,h,l,c,v\n", "first line must be open_time_ms,open"),
        (f"{FIRST}\n", "no candles"),
        (f"{FIRST}\n0,1,2,0.5,1,3\n0,1,2,0.5,1,3\n", "line 3: open_time_ms 0 is not a later multiple of 1h"),
        (f"{FIRST}\n5,1,2,0.5,1,3\n", "line 2: open_time_ms 5 is not a later multiple"),
        (f"{FIRST}\n0,1,0.9,0.5,1,3\n", "line 2: impossible candle"),
        (f"{FIRST}\n0,1,nan,0.5,1,3\n", "line 2: impossible candle"),
        (f"{FIRST}\n0,1,2,x,1,3\n", "line 2: expected an integer and five numbers"),
        (f"{FIRST}\n0,1,2\n", "line 2: expected an integer and five numbers"),
        (f"{FIRST}\n\n", "line 2: expected an integer and five numbers"),
    ],
)
def test_a_file_that_is_no_market_is_refused_with_its_line(tmp_path, text, sentence) -> None:
    path = tmp_path / "candles.csv"
    path.write_text(text, encoding="ascii")
    with pytest.raises(DataError, match=sentence):
        read_market(path, "BTC/USDT", Timeframe.H1)
