"""Candle files of every format: what is read, what decides market and timeframe, how pieces are joined."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from bot.adapters.candle_files import read_candles
from bot.core.errors import ConfigError, DataError
from bot.core.market import Candle, Timeframe

START_MS = 1_704_067_200_000
HOUR_MS = 3_600_000
VALUES = (10.0, 12.0, 9.0, 11.0, 5.0)


def csv_rows(hours: range, *, market: str = "", length_ms: int = HOUR_MS) -> str:
    head = f"{'symbol,' if market else ''}date,open,high,low,close,volume\n"
    mark = f"{market}," if market else ""
    return head + "".join(f"{mark}{START_MS + hour * length_ms},10,12,9,{11 + hour / 64},5\n" for hour in hours)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def table(**extra: Any) -> pa.Table:
    columns: dict[str, Any] = {
        "date": [START_MS, START_MS + HOUR_MS],
        **{
            name: [value, value] for name, value in zip(("open", "high", "low", "close", "volume"), VALUES, strict=True)
        },
    }
    return pa.table({**columns, **extra})


def write_parquet(data: pa.Table, path: Path) -> None:
    pq.write_table(data, path)


@pytest.mark.parametrize(
    ("ending", "writer"), [("parquet", write_parquet), ("pq", write_parquet), ("feather", feather.write_feather)]
)
def test_files_of_columns_are_read(tmp_path: Path, ending: str, writer: Callable[[pa.Table, Path], None]) -> None:
    path = tmp_path / f"BTC_USDT-1h.{ending}"
    writer(table(extra=["x", "y"]), path)
    (series,) = read_candles([path])
    assert (series.symbol, series.timeframe) == ("BTC/USDT", Timeframe.H1)
    assert list(series.candles()) == [Candle(START_MS, *VALUES), Candle(START_MS + HOUR_MS, *VALUES)]
    assert series.report.summary() == "2 rows from 1 file"


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_timestamps_of_every_unit_and_zone_are_the_same_times(tmp_path: Path, unit: str, zone: str | None) -> None:
    path = tmp_path / "BTC_USDT-1h.parquet"
    times = pa.array([START_MS, START_MS + HOUR_MS]).cast(pa.timestamp("ms", zone)).cast(pa.timestamp(unit, zone))
    pq.write_table(table(date=times), path)
    (series,) = read_candles([path])
    assert series.open_time_ms.tolist() == [START_MS, START_MS + HOUR_MS]


def test_columns_may_hold_dates_text_decimals_and_categories(tmp_path: Path) -> None:
    path = tmp_path / "candles.parquet"
    days = pa.array([datetime(2024, 1, 1, tzinfo=UTC).date(), datetime(2024, 1, 2, tzinfo=UTC).date()])
    markets = pa.array(["BTCUSDT", "BTCUSDT"]).dictionary_encode()
    prices = pa.array([11, 11], pa.decimal128(6, 2))
    pq.write_table(table(date=days, symbol=markets, close=prices, open=["10.0", "10"]), path)
    (series,) = read_candles([path])
    assert (series.symbol, series.timeframe.value) == ("BTC/USDT", "1d")
    assert series.ohlcv.tolist() == [list(VALUES), list(VALUES)]


def test_an_empty_cell_of_a_column_file_makes_its_row_impossible(tmp_path: Path) -> None:
    path = tmp_path / "BTC_USDT-1h.parquet"
    pq.write_table(table(high=[12.0, None]), path)
    (series,) = read_candles([path])
    assert len(series) == 1
    assert [(one.kind.value, one.row) for one in series.report.findings] == [("impossible candle", 2)]


def test_rows_are_counted_through_a_file_of_many_batches(tmp_path: Path) -> None:
    count = 150_000
    values = np.tile(VALUES, (count, 1))
    values[-1, 1] = np.nan
    columns = dict(zip(("open", "high", "low", "close", "volume"), map(pa.array, values.T), strict=True))
    data = pa.table({"time": pa.array(np.arange(count) * 60_000 + START_MS), **columns})
    for name, writer in (("BTC_USDT-1m.parquet", write_parquet), ("BTC_USDT-1m.feather", feather.write_feather)):
        writer(data, tmp_path / name)
        (series,) = read_candles([tmp_path / name])
        assert [finding.row for finding in series.report.findings] == [count]


@pytest.mark.parametrize(
    ("column", "pattern"),
    [
        ({"close": [[1.0], [2.0]]}, "column 'close' of type list"),
        ({"date": [START_MS, None]}, "row 2, column 'date': cannot understand nan"),
        ({"date": pa.array([1, 2], pa.time64("us"))}, "column 'date' of type time64"),
        ({"date": pa.array([START_MS * 1000 + 1, 1], pa.timestamp("us"))}, "column 'date' of type timestamp"),
        ({"symbol": [1, 2]}, "row 1, column 'symbol': .* expected BASE/QUOTE"),
    ],
)
def test_columns_of_a_wrong_kind_are_refused_by_name(tmp_path: Path, column: dict[str, Any], pattern: str) -> None:
    path = tmp_path / "BTC_USDT-1h.parquet"
    pq.write_table(table(**column), path)
    with pytest.raises(DataError, match=pattern):
        read_candles([path])


@pytest.mark.parametrize("name", ["BTC_USDT-1h.parquet", "BTC_USDT-1h.feather", "BTC_USDT-1h.csv", "BTC_USDT-1h.zip"])
@pytest.mark.parametrize("content", [b"", b"PAR1", b"\xff\xfe\x00garbage", b"ARROW1\x00\x00", b"\x1f\x8b\x08"])
def test_a_damaged_file_is_refused_with_its_name(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match="BTC_USDT-1h"):
        read_candles([path])


def test_a_file_that_is_not_there_or_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_candles([tmp_path / "BTC_USDT-1h.csv"])
    with pytest.raises(DataError, match="cannot be read"):
        read_candles([tmp_path / "BTC_USDT-1h.parquet"])
    with pytest.raises(DataError, match="candles: cannot be read: No such file"):
        read_candles([tmp_path / "candles"])
    (tmp_path / "candles").touch()
    (tmp_path / "BTC_USDT-1h.xlsx").touch()
    with pytest.raises(DataError, match=r"\.xlsx is no candle file"):
        read_candles([tmp_path / "BTC_USDT-1h.xlsx"])
    with pytest.raises(DataError, match=r"candles: the name has no ending that tells the form; expected \.parquet"):
        read_candles([tmp_path / "candles"])
    with pytest.raises(DataError, match=r"a folder is no candle file; expected \.parquet"):
        read_candles([tmp_path])
    with pytest.raises(ConfigError, match="no candle file was named"):
        read_candles([])


def test_a_file_of_many_markets_gives_a_series_each_in_order_of_appearance(tmp_path: Path) -> None:
    text = csv_rows(range(3), market="ETH_USDT") + "".join(
        f"btcusdt,{START_MS + hour * HOUR_MS},10,12,9,11,5\n" for hour in range(2)
    )
    path = write(tmp_path / "TOP2_USDT-1h.csv", text)
    assert [(one.symbol, len(one)) for one in read_candles([path])] == [("ETH/USDT", 3), ("BTC/USDT", 2)]
    (only,) = read_candles([path], symbol="BTC-USDT")
    assert (only.symbol, only.report.rows_read) == ("BTC/USDT", 2)
    with pytest.raises(DataError, match="no candle of SOL/USDT; there is ETH/USDT, BTC/USDT"):
        read_candles([path], symbol="SOL/USDT")


def test_the_argument_names_the_market_of_a_file_that_does_not(tmp_path: Path) -> None:
    path = write(tmp_path / "export.csv", csv_rows(range(2)))
    (series,) = read_candles([path], symbol="ETHUSDT")
    assert series.symbol == "ETH/USDT"
    with pytest.raises(DataError, match="tells the market"):
        read_candles([path])


def test_a_name_that_contradicts_the_market_asked_for_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "BTC_USDT-1h.csv", csv_rows(range(2)))
    with pytest.raises(DataError, match="name says BTC/USDT, not ETH/USDT"):
        read_candles([path], symbol="ETH/USDT")


@pytest.mark.parametrize(
    ("asked", "pattern"), [({"symbol": "BTC"}, "names no market"), ({"timeframe": "7m"}, "not known")]
)
def test_an_argument_that_cannot_be_understood_is_a_mistake_of_the_caller(
    tmp_path: Path, asked: dict[str, Any], pattern: str
) -> None:
    with pytest.raises(ConfigError, match=pattern):
        read_candles([tmp_path / "BTC_USDT-1h.csv"], **asked)


def test_the_spacing_tells_the_timeframe_where_nothing_else_does(tmp_path: Path) -> None:
    path = write(tmp_path / "BTCUSDT.csv", csv_rows(range(5), length_ms=300_000))
    (series,) = read_candles([path])
    assert series.timeframe is Timeframe.M5


@pytest.mark.parametrize(
    ("name", "length_ms", "asked", "pattern"),
    [
        ("BTC_USDT-1h.csv", 300_000, None, "stated as 1h, but candles of BTC/USDT stand mostly 300 s apart"),
        ("BTC_USDT-5m.csv", HOUR_MS, None, "stated as 5m, but candles of BTC/USDT stand mostly 3600 s apart"),
        ("BTC_USDT-1h.csv", HOUR_MS, "5m", "name says 1h, but BTC/USDT is read as 5m"),
        ("BTC_USDT.csv", HOUR_MS, "4h", "stated as 4h"),
        ("BTC_USDT.csv", 420_000, None, "stand mostly 420 s apart, which is no timeframe"),
        ("BTC_USDT-7m.csv", 420_000, None, "name says 7m; expected one of 1m"),
    ],
)
def test_a_timeframe_that_is_contradicted_or_unknown_is_refused(
    tmp_path: Path, name: str, length_ms: int, asked: str | None, pattern: str
) -> None:
    path = write(tmp_path / name, csv_rows(range(20), length_ms=length_ms))
    with pytest.raises(DataError, match=pattern):
        read_candles([path], timeframe=asked)


def test_a_hole_of_an_hour_does_not_turn_minutes_into_hours(tmp_path: Path) -> None:
    text = csv_rows(range(20), length_ms=300_000) + csv_rows(range(31, 40), length_ms=300_000).partition("\n")[2]
    with pytest.raises(DataError, match="stated as 1h"):
        read_candles([write(tmp_path / "BTC_USDT-1h.csv", text)])


def test_one_candle_needs_its_timeframe_told(tmp_path: Path) -> None:
    path = write(tmp_path / "BTC_USDT.csv", csv_rows(range(1)))
    with pytest.raises(DataError, match="does not show its timeframe"):
        read_candles([path])
    assert len(read_candles([path], timeframe=Timeframe.H1)[0]) == 1


def test_files_of_one_market_are_joined_where_they_agree(tmp_path: Path) -> None:
    late = write(tmp_path / "BTCUSDT-1h-2024-02.csv", csv_rows(range(3, 8)))
    early = write(tmp_path / "BTCUSDT-1h-2024-01.csv", csv_rows(range(5)))
    (series,) = read_candles([late, early])
    assert series.open_time_ms.tolist() == [START_MS + hour * HOUR_MS for hour in range(8)]
    assert series.report.duplicates_removed == 2
    assert series.report.files == (str(late), str(early))
    assert not series.report.was_unsorted
    whole = write(tmp_path / "BTC_USDT-1h.csv", csv_rows(range(8)))
    assert read_candles([whole])[0].fingerprint == series.fingerprint


def test_files_that_contradict_each_other_are_refused_naming_both_rows(tmp_path: Path) -> None:
    first = write(tmp_path / "BTCUSDT-1h-a.csv", csv_rows(range(3)))
    second = write(tmp_path / "BTCUSDT-1h-b.csv", csv_rows(range(2, 4)).replace("10,12", "10.5,12"))
    with pytest.raises(DataError, match=r"two different candles .*1h-a\.csv, row 4 .*1h-b\.csv, row 2 "):
        read_candles([first, second])


def test_files_of_two_timeframes_are_not_joined(tmp_path: Path) -> None:
    hours = write(tmp_path / "BTC_USDT-1h.csv", csv_rows(range(3)))
    minutes = write(tmp_path / "BTC_USDT-5m.csv", csv_rows(range(3), length_ms=300_000))
    with pytest.raises(DataError, match="name says 5m, but BTC/USDT is read as 1h"):
        read_candles([hours, minutes])


def test_a_range_keeps_what_opens_and_closes_inside(tmp_path: Path) -> None:
    path = write(tmp_path / "BTC_USDT-1h.csv", csv_rows(range(10)))
    (series,) = read_candles([path], from_ms=START_MS + HOUR_MS, until_ms=START_MS + 4 * HOUR_MS)
    assert series.open_time_ms.tolist() == [START_MS + hour * HOUR_MS for hour in (1, 2, 3)]
    assert series.report.rows_read == 10
    with pytest.raises(DataError, match="no candle that opens from 2024-01-02 00:00 UTC"):
        read_candles([path], from_ms=START_MS + 24 * HOUR_MS)


def test_a_candle_that_closes_after_the_range_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "BTC_USDT-1h.csv", csv_rows(range(10)))
    (series,) = read_candles([path], until_ms=START_MS + 4 * HOUR_MS - 1)
    assert len(series) == 3


def test_what_lies_outside_the_range_is_not_judged(tmp_path: Path) -> None:
    path = write(tmp_path / "BTC_USDT-1h.csv", csv_rows(range(10)) + f"{START_MS},1,1,1,1,1\n")
    (series,) = read_candles([path], from_ms=START_MS + HOUR_MS)
    assert len(series) == 9


def test_two_columns_of_time_must_tell_the_same(tmp_path: Path) -> None:
    head = "timestamp,datetime,open,high,low,close,volume\n"
    path = write(tmp_path / "BTC_USDT-1h.csv", f"{head}{START_MS},2024-01-01T00:00:00Z,10,12,9,11,5\n")
    assert len(read_candles([path])[0]) == 1
    write(path, f"{head}{START_MS},2024-01-01T01:00:00Z,10,12,9,11,5\n")
    with pytest.raises(DataError, match=r"row 2, column 'datetime': .* the time that column 'timestamp' tells"):
        read_candles([path])


def test_the_arrays_of_a_series_cannot_be_changed(tmp_path: Path) -> None:
    (series,) = read_candles([write(tmp_path / "BTC_USDT-1h.csv", csv_rows(range(2)))])
    assert series.open_time_ms.dtype == np.int64
    assert series.ohlcv.dtype == np.float64
    assert not series.open_time_ms.flags.writeable
    assert not series.ohlcv.flags.writeable


def test_text_is_read_without_loading_pyarrow_or_pandas(tmp_path: Path) -> None:
    path = write(tmp_path / "BTC_USDT-1h.csv", csv_rows(range(2)))
    script = (
        "import sys, pathlib; from bot.adapters.candle_files import read_candles; "
        f"read_candles([pathlib.Path({str(path)!r})]); "
        "print(sorted({'pyarrow', 'pandas', 'numba'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[4]
    found = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
