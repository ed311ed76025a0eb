"""A store's files: whole or not there, the same bytes for the same candles, and nothing of anybody else believed."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.candle_files import read_candles
from bot.adapters.candle_store import CandleStore
from bot.adapters.stored_series import SeriesKey, StoredSeries, series_key
from bot.core.errors import ConfigError, DataError, StorageError
from bot.core.market import Timeframe
from bot.exchange.market import ORIGIN_MS, SeededMarket
from tests.command_line import environment

HOUR = Timeframe.H1.ms
KEY = SeriesKey("binance", "BTC/USDT", Timeframe.H1)


def series(count: int = 50, key: SeriesKey = KEY, asked: tuple[tuple[int, int], ...] = ()) -> StoredSeries:
    made = SeededMarket(7, "BTC/USDT", key.timeframe).candles(count)
    ohlcv = np.column_stack((made.open, made.high, made.low, made.close, made.volume))
    return StoredSeries(key, made.open_time_ms, ohlcv, asked)


def same(one: StoredSeries, other: StoredSeries) -> bool:
    return (
        (one.key, one.asked) == (other.key, other.asked)
        and one.open_time_ms.tobytes() == other.open_time_ms.tobytes()
        and one.ohlcv.tobytes() == np.ascontiguousarray(other.ohlcv).tobytes()
    )


def test_what_was_saved_is_loaded_to_the_last_bit(tmp_path):
    store, kept = CandleStore(tmp_path), series(asked=((ORIGIN_MS, ORIGIN_MS + 60 * HOUR),))
    store.save(kept)
    assert store.path(KEY) == tmp_path / "binance/BTC_USDT-1h.parquet"
    assert same(store.load(KEY), kept)
    assert same(store.read(KEY), kept)


def test_the_same_candles_are_the_same_bytes(tmp_path):
    one, other = CandleStore(tmp_path / "one"), CandleStore(tmp_path / "other")
    one.save(series())
    other.save(series(20))
    other.save(series(20).overlaid(series().open_time_ms[20:], series().ohlcv[20:]))
    assert one.path(KEY).read_bytes() == other.path(KEY).read_bytes()


def test_a_stored_file_is_a_candle_file_like_any_other(tmp_path):
    store = CandleStore(tmp_path)
    store.save(series())
    (read,) = read_candles([store.path(KEY)])
    assert (read.symbol, read.timeframe, len(read)) == ("BTC/USDT", Timeframe.H1, 50)
    assert read.ohlcv.tobytes() == np.ascontiguousarray(series().ohlcv).tobytes()
    assert read.report.findings == ()


def test_a_file_s_columns_and_times_are_what_the_documentation_says(tmp_path):
    store = CandleStore(tmp_path)
    store.save(series())
    schema = pq.read_schema(store.path(KEY))
    names = ["open_time_ms", "open", "high", "low", "close", "volume"]
    assert [(field.name, str(field.type)) for field in schema] == list(
        zip(names, ["int64"] + ["double"] * 5, strict=True)
    )


def test_nothing_is_there_before_something_is_saved(tmp_path):
    store = CandleStore(tmp_path / "none")
    assert store.series() == ()
    assert len(store.load(KEY)) == 0
    with pytest.raises(DataError, match="cannot be read"):
        store.read(KEY)


def test_a_store_is_listed_by_venue_market_and_length(tmp_path):
    store = CandleStore(tmp_path)
    keys = [
        series_key(*words)
        for words in [("okx", "BTC-USDT", "1h"), ("binance", "ETHUSDT", "1d"), ("binance", "ETH/USDT", "5m")]
    ]
    for key in keys:
        store.save(series(5, key))
    assert list(map(str, store.series())) == ["binance ETH/USDT 5m", "binance ETH/USDT 1d", "okx BTC/USDT 1h"]


def test_facts_come_from_the_table_of_contents(tmp_path):
    store, kept = CandleStore(tmp_path), series()
    store.save(StoredSeries(KEY, np.delete(kept.open_time_ms, [3, 4]), np.delete(kept.ohlcv, [3, 4], axis=0)))
    facts = store.facts(KEY)
    assert (facts.candles, facts.missing) == (48, 2)
    assert (facts.first_ms, facts.last_ms) == (ORIGIN_MS, ORIGIN_MS + 49 * HOUR)
    assert facts.size == store.path(KEY).stat().st_size


@pytest.mark.parametrize(
    ("venue", "symbol", "timeframe", "sentence"),
    [
        ("../etc", "BTC/USDT", "1h", "no name of an exchange"),
        ("Binance", "BTC/USDT", "1h", "no name of an exchange"),
        ("binance", "BTC/USDT:USDT", "1h", "names no market"),
        ("binance", "BTC/USDT", "7m", "timeframe '7m' is not known"),
    ],
)
def test_a_name_that_means_nothing_makes_no_path(venue, symbol, timeframe, sentence):
    with pytest.raises(ConfigError, match=sentence):
        series_key(venue, symbol, timeframe)


def test_what_a_death_left_unfinished_is_passed_over_and_replaced(tmp_path):
    store = CandleStore(tmp_path)
    store.save(series(20))
    new = tmp_path / "binance/BTC_USDT-1h.parquet.new"
    new.write_bytes(b"PAR1 and no more")
    assert store.series() == (KEY,)
    assert len(store.load(KEY)) == 20
    store.save(series(30))
    assert len(store.load(KEY)) == 30
    assert not new.exists()


DYING = """
import os, signal, sys
from pathlib import Path
from bot.adapters.candle_store import CandleStore
from tests.unit.bot.adapters.test_candle_store import series
os.fsync = lambda _descriptor: os.kill(os.getpid(), signal.SIGKILL)
CandleStore(Path(sys.argv[1])).save(series(30))
"""


def test_a_death_while_writing_leaves_what_was_there_before(tmp_path):
    store = CandleStore(tmp_path)
    store.save(series(20))
    ended = subprocess.run([sys.executable, "-c", DYING, tmp_path], env=environment(), check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(store.load(KEY)) == 20
    store.save(series(30))
    assert len(store.load(KEY)) == 30


def test_a_full_disk_leaves_what_was_there_before(tmp_path, monkeypatch):
    store = CandleStore(tmp_path)
    store.save(series(20))

    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"cannot be written: No space left on device; the candles .* are kept"):
        store.save(series(30))
    assert len(store.load(KEY)) == 20


def test_a_store_that_cannot_be_made_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    store = CandleStore(tmp_path / "file")
    with pytest.raises(StorageError, match="cannot be made"), store.writing("binance"):
        pass
    with pytest.raises(StorageError, match="cannot be written"):
        store.save(series())


def test_one_process_writes_candles_of_a_venue_and_lets_go_at_its_end(tmp_path):
    store, again = CandleStore(tmp_path), CandleStore(tmp_path)
    with store.writing("binance"):
        with again.writing("okx"):
            pass
        with pytest.raises(StorageError, match="another process is writing"), again.writing("binance"):
            pass
    with again.writing("binance"):
        pass


@pytest.mark.parametrize("name", ["binance/candles.parquet", "binance/BTC_USDT-7m.parquet", "NO/BTC_USDT-1h.parquet"])
def test_a_file_with_another_name_is_named(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir()
    path.touch()
    with pytest.raises(DataError, match="not named as a store names its files"):
        CandleStore(tmp_path).series()


def rewritten(path: Path, change) -> None:
    """Do to a file what another program might."""
    table = pq.read_table(path)
    pq.write_table(change(table), path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda table: table.take(list(range(49, -1, -1))), "was changed by something else"),
        (lambda table: table.take([0, *range(50)]), "was changed by something else"),
        (lambda table: table.replace_schema_metadata(None), "does not say of which venue"),
        (lambda table: table.drop_columns(["volume"]), "no column volume"),
        (lambda table: table.slice(0, 0), None),
    ],
)
def test_what_something_else_made_of_a_file_is_not_gone_on_with(tmp_path, change, sentence):
    store = CandleStore(tmp_path)
    store.save(series())
    rewritten(store.path(KEY), change)
    if sentence is None:
        assert len(store.read(KEY)) == 0
        with pytest.raises(DataError, match="no file of this store"):
            store.facts(KEY)
        return
    with pytest.raises(DataError, match=sentence):
        store.load(KEY)


def test_a_damaged_file_is_named_and_a_renamed_one_is_told_from_what_it_holds(tmp_path):
    store = CandleStore(tmp_path)
    store.save(series())
    path = store.path(KEY)
    path.rename(tmp_path / "binance/ETH_USDT-1h.parquet")
    with pytest.raises(DataError, match="holds binance BTC/USDT 1h"):
        store.load(series_key("binance", "ETH/USDT", "1h"))
    path.write_bytes(b"not at all")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        store.load(KEY)
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        store.facts(KEY)


SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10)).map(lambda pair: (pair[0], sum(pair))), max_size=12)


@given(SPANS)
def test_spans_that_were_asked_for_are_kept_in_order_and_apart(spans):
    kept = series(1)
    for span in spans:
        kept = kept.after_asking(span)
    assert {at for begin, end in kept.asked for at in range(begin, end)} == {
        at for begin, end in spans for at in range(begin, end)
    }
    assert all(end < begin for (_, end), (begin, _) in zip(kept.asked, kept.asked[1:], strict=False))


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(1.0, 9.0)), max_size=30), st.integers(0, 30))
def test_the_later_word_on_a_bar_stands(told, cut):
    def put(into, words):
        times = np.array([at * HOUR for at, _ in words], dtype=np.int64)
        return into.overlaid(times, np.array([[price] * 5 for _, price in words]).reshape(-1, 5))

    kept = put(put(StoredSeries(KEY, np.empty(0, dtype=np.int64), np.empty((0, 5))), told[:cut]), told[cut:])
    assert dict(zip((kept.open_time_ms // HOUR).tolist(), kept.ohlcv[:, 0].tolist(), strict=True)) == dict(told)
    assert (np.diff(kept.open_time_ms) > 0).all()


def test_candles_that_disagree_are_refused_and_both_are_named():
    kept, other = series(10), series(12)
    other.ohlcv[4, 4] += 1.0
    assert kept.differing(other.open_time_ms, other.ohlcv) == [(4, 4)]
    with pytest.raises(
        DataError, match=r"1 candles of a file are not those of the store, the first at 2024-01-01 04:00"
    ):
        kept.extended(other.open_time_ms, other.ohlcv, "a file")
    assert len(kept.extended(other.open_time_ms[5:], other.ohlcv[5:], "a file")) == 12
