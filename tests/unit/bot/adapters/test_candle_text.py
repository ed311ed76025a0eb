"""Candles as text: the shapes of CSV that are understood, the messages for those that are not, and writing."""

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bot.adapters.candle_files import read_candles
from bot.adapters.candle_series import CandleSeries, FileReport
from bot.adapters.candle_text import write_candles_csv
from bot.core.errors import DataError
from bot.core.market import Candle, Timeframe

START_MS = 1_704_067_200_000
HOUR_MS = 3_600_000
EXPECTED = [Candle(START_MS, 10.0, 12.0, 9.0, 11.0, 5.0), Candle(START_MS + HOUR_MS, 11.0, 13.0, 10.0, 12.0, 6.0)]
PLAIN = "date,open,high,low,close,volume\n1704067200000,10,12,9,11,5\n1704070800000,11,13,10,12,6\n"
KLINES = (
    "1704067200000,10,12,9,11,5,1704070799999,55.0,7,1.0,11.0,0\n"
    "1704070800000000,11,13,10,12,6,1704074399999999,72.0,9,1.0,12.0,0\n"
)
KLINE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore\n"
)


def read(tmp_path: Path, text: str) -> list[Candle]:
    path = tmp_path / "BTCUSDT-1h.csv"
    path.write_bytes(text.encode())
    (series,) = read_candles([path])
    return list(series.candles())


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),
        "\ufeff" + PLAIN,
        "\n" + PLAIN.replace("\n", "\n\n"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace("date", "Timestamp").replace("open", "Open").replace("volume", " VOLUME "),
        PLAIN.replace("date", "Open time"),
        PLAIN.replace("1704067200000", '"2024-01-01 00:00:00"'),
        PLAIN.rstrip("\n"),
        "volume,note,close,low,high,open,time\n5,a,11,9,12,10,1704067200\n6,b,12,10,13,11,1704070800\n",
        KLINES,
        KLINE_HEADER + KLINES,
    ],
    ids=range(13),
)
def test_every_shape_of_csv_gives_the_same_candles(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == EXPECTED


def test_packed_text_is_unpacked_on_the_way(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "BTCUSDT-1h.csv.gz", "wt", encoding="utf-8") as file:
        file.write(PLAIN)
    with zipfile.ZipFile(tmp_path / "BTCUSDT-1h-2024-01.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("BTCUSDT-1h-2024-01.csv", KLINES)
    for path in sorted(tmp_path.iterdir()):
        (series,) = read_candles([path])
        assert list(series.candles()) == EXPECTED


def test_an_archive_of_two_files_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1h.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", KLINES)
        archive.writestr("b.csv", KLINES)
    with pytest.raises(DataError, match="holds 2 files; expected one CSV file"):
        read_candles([path])


def test_packed_text_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1h.csv.gz"
    path.write_bytes(gzip.compress(PLAIN.encode())[:-12])
    with pytest.raises(DataError, match="cannot be unpacked, fetch it again"):
        read_candles([path])


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("", "is empty; expected rows of candles"),
        (PLAIN.splitlines()[0], "no row; expected candles"),
        ("1704067200000,10,12,9,11,5\n", r"row 1: no header; expected the names of the columns .*or Binance's 12"),
        ("time,AdrActCnt,note\n2024-01-01,812,\n", r"no column open, .*the file has 'time', 'AdrActCnt', 'note'"),
        ("url\nhttps://a.example/1\n", "no column date or time .*the file has 'url'"),
        (PLAIN.replace("volume", "amount"), "no column volume; the file has 'date', 'open'"),
        (PLAIN.replace("date", "when"), "no column date or time or timestamp"),
        (PLAIN.replace("high", "OPEN"), "column 'open' is there 2 times"),
        (PLAIN[:-8], "row 3: 4 cells where the header has 6; is it cut off"),
        (PLAIN.replace("13,10", "13,ten"), r"row 3, column 'low': cannot understand 'ten'; expected a number"),
        (PLAIN.replace("1704070800000", "yesterday"), r"row 3, column 'date': cannot understand 'yesterday'"),
        (PLAIN.replace("13,10", '13,"10'), "not CSV"),
        ("symbol," + PLAIN.replace("\n1", "\nBTC,1"), r"row 2, column 'symbol': cannot understand 'BTC'; .*BTC/USDT"),
    ],
    ids=range(13),
)
def test_text_that_cannot_be_understood_is_refused_with_file_row_column_and_form(
    tmp_path: Path, text: str, pattern: str
) -> None:
    with pytest.raises(DataError, match=r"BTCUSDT-1h\.csv.*" + pattern):
        read(tmp_path, text)


def test_text_of_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1h.csv"
    path.write_bytes(PLAIN.encode("utf-16"))
    with pytest.raises(DataError, match="is not UTF-8 text"):
        read_candles([path])


def test_what_is_written_reads_back_to_the_last_bit(tmp_path: Path) -> None:
    times = np.array([0, 60_000, 120_000], dtype=np.int64)
    ohlcv = np.array([[0.1, 1 / 3, 1e-9, 0.3, 1e22]] * 3)
    series = CandleSeries("BTC/USDT", Timeframe.M1, times, ohlcv, FileReport((), 3, 0, was_unsorted=False, findings=()))
    path = tmp_path / "BTC_USDT-1m.csv"
    write_candles_csv(path, series)
    assert path.read_bytes().splitlines()[:2] == [
        b"date,open,high,low,close,volume",
        b"1970-01-01T00:00:00.000Z,0.1,0.3333333333333333,1e-09,0.3,1e+22",
    ]
    (again,) = read_candles([path])
    assert again.fingerprint == series.fingerprint
