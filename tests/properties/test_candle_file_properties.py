"""However a file is written, it reads back as the same candles; whatever else is in it ends in a DataError."""

import random
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.candle_files import read_candles
from bot.adapters.candle_series import CandleSeries, FileReport
from bot.adapters.candle_text import write_candles_csv
from bot.core.errors import DataError
from bot.core.market import Candle, Timeframe

HEADER = ("date", "open", "high", "low", "close", "volume")


@st.composite
def series(draw: st.DrawFn) -> CandleSeries:
    """Possible candles of some market, with gaps, at least two of them neighbours so that the timeframe shows."""
    timeframe = draw(st.sampled_from(Timeframe))
    steps = [0, 1, *draw(st.lists(st.sampled_from([1, 1, 1, 2, 5, 100]), max_size=25))]
    first = draw(st.integers(10**11 // timeframe.ms + 1, 4 * 10**12 // timeframe.ms))
    times = (first + np.cumsum(np.array(steps, dtype=np.int64))) * timeframe.ms
    price = st.floats(1e-8, 1e8, allow_subnormal=False)
    bars = []
    for _ in steps:
        low, *inside, high = sorted(draw(st.lists(price, min_size=4, max_size=4)))
        open_, close = draw(st.permutations(inside))
        bars.append((open_, high, low, close, draw(st.floats(0.0, 1e9))))
    report = FileReport((), len(steps), 0, was_unsorted=False, findings=())
    return CandleSeries("BTC/USDT", timeframe, times, np.array(bars), report)


def written(time_ms: int, form: int) -> str:
    iso = datetime.fromtimestamp(time_ms / 1000, UTC).isoformat()
    return (str(time_ms // 1000), str(time_ms), str(time_ms * 1000), iso, iso.replace("T", " ")[:-6])[form]


@given(series(), st.randoms(use_true_random=False), st.lists(st.integers(0, 4), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_shuffled_repeated_rows_in_mixed_units_read_back_equal(
    original: CandleSeries, chance: random.Random, forms: list[int]
) -> None:
    candles = list(original.candles())
    candles += chance.sample(candles, chance.randrange(len(candles)))
    chance.shuffle(candles)
    columns = list(HEADER)
    chance.shuffle(columns)
    lines = [",".join(name.upper() for name in columns)]
    for place, candle in enumerate(candles):
        cells = {name: repr(getattr(candle, name)) for name in HEADER[1:]}
        cells["date"] = written(candle.open_time_ms, forms[place % len(forms)])
        lines.append(",".join(cells[name] for name in columns))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"BTC_USDT-{original.timeframe.value}.csv")
        path.write_text("\n".join(lines), encoding="utf-8")
        (read,) = read_candles([path])
    assert read.fingerprint == original.fingerprint
    assert read.report.duplicates_removed == len(candles) - len(original)


@given(series(), st.integers(0, 27))
@settings(max_examples=30, deadline=None)
def test_a_series_in_two_files_of_two_formats_reads_back_equal(original: CandleSeries, cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        text, columns = Path(folder, "BTC_USDT.csv"), Path(folder, "BTCUSDT.parquet")
        write_candles_csv(text, original)
        part = slice(min(cut, len(original) - 1), None)
        arrays = [pa.array(original.open_time_ms[part]), *map(pa.array, original.ohlcv[part].T)]
        pq.write_table(pa.Table.from_arrays(arrays, names=["open_time", *HEADER[1:]]), columns)
        (read,) = read_candles([columns, text], timeframe=original.timeframe)
    assert read.fingerprint == original.fingerprint
    assert read.report.duplicates_removed == len(original.ohlcv[part])


@given(series())
@settings(max_examples=30, deadline=None)
def test_every_candle_of_a_series_passes_the_check_of_a_candle(original: CandleSeries) -> None:
    assert all(isinstance(candle, Candle) for candle in original.candles())
    assert len(list(original.candles())) == len(original)


cell = st.one_of(
    st.text(max_size=12),
    st.integers(-(10**19), 10**19).map(str),
    st.floats().map(repr),
    st.datetimes().map(str),
    st.sampled_from(["", "1704067200000", "1e400", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "BTC/USDT"]),
)


def reads_or_refuses(content: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        try:
            found = read_candles([path], now_ms=2_000_000_000_000)
        except DataError:
            return
        assert all(len(list(one.candles())) == len(one) > 0 for one in found)


@given(st.lists(st.lists(cell, min_size=6, max_size=7), max_size=6), st.booleans())
@settings(max_examples=200, deadline=None)
def test_rows_of_anything_end_in_candles_or_in_a_data_error(rows: list[list[str]], symbol: bool) -> None:
    header = [*HEADER, "symbol"] if symbol else HEADER
    text = "\n".join(",".join(row) for row in [header, *rows])
    reads_or_refuses(text.encode("utf-8", "surrogatepass"), "BTC_USDT-1h.csv")


@given(st.binary(max_size=200), st.sampled_from(["csv", "csv.gz", "zip", "parquet", "feather"]))
@settings(max_examples=200, deadline=None)
def test_bytes_of_anything_end_in_a_data_error(content: bytes, ending: str) -> None:
    reads_or_refuses(content, f"BTC_USDT-1h.{ending}")
