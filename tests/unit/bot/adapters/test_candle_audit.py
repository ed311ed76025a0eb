"""What is planted in stored candles is found and named, and candles that are as they should be are clean."""

from pathlib import Path

import numpy as np
import pytest

from bot.adapters.candle_audit import FlawKind, audit, robust_distance
from bot.adapters.candle_comparison import verify
from bot.adapters.candle_files import read_candles
from bot.adapters.candle_store import CandleStore
from bot.adapters.store_filling import resample_series
from bot.adapters.stored_series import SeriesKey, StoredSeries, series_key
from bot.core.market import Timeframe
from bot.exchange.market import ORIGIN_MS, MarketModel, SeededMarket
from tests.command_line import SHARED

HOUR = Timeframe.H1.ms
KEY = SeriesKey("binance", "BTC/USDT", Timeframe.H1)
CALM = MarketModel(jump_chance=0.0)


def series(count: int = 600, key: SeriesKey = KEY, asked: tuple[tuple[int, int], ...] = ()) -> StoredSeries:
    made = SeededMarket(7, "BTC/USDT", key.timeframe, CALM).candles(count)
    ohlcv = np.column_stack((made.open, made.high, made.low, made.close, made.volume))
    return StoredSeries(key, made.open_time_ms.copy(), ohlcv, asked)


def without(kept: StoredSeries, *rows: int) -> StoredSeries:
    return StoredSeries(kept.key, np.delete(kept.open_time_ms, rows), np.delete(kept.ohlcv, rows, axis=0), kept.asked)


def taken(kept: StoredSeries, rows: list[int]) -> StoredSeries:
    return StoredSeries(kept.key, kept.open_time_ms[rows], kept.ohlcv[rows], kept.asked)


def found(kept: StoredSeries) -> list[tuple[str, int | None, int]]:
    """Kind, hour and number of bars of every flaw."""
    return [
        (flaw.kind.value, None if flaw.time_ms is None else (flaw.time_ms - ORIGIN_MS) // HOUR, flaw.bars)
        for flaw in audit(kept).flaws
    ]


def test_candles_as_they_should_be_are_clean():
    audited = audit(series())
    assert audited.flaws == ()
    assert audited.usable is not None
    assert len(audited.usable) == 600


def test_a_gap_is_told_from_one_that_the_exchange_itself_has():
    whole = series(asked=((ORIGIN_MS, ORIGIN_MS + 100 * HOUR), (ORIGIN_MS + 300 * HOUR, ORIGIN_MS + 305 * HOUR)))
    assert found(without(whole, 50, 51, 200, 304, 305)) == [
        ("venue-gap", 50, 2),
        ("gap", 200, 1),
        ("gap", 304, 2),
    ]


def test_order_and_repetitions_are_named():
    kept = series(100)
    assert found(taken(kept, [0, 2, 1, *range(3, 100)])) == [("unsorted", None, 100)]
    assert found(taken(kept, [0, 0, 0, *range(1, 100)])) == [("duplicate", None, 2)]


def test_rows_that_cannot_be_are_named_with_their_row():
    kept = series()
    kept.ohlcv[10, 1] = kept.ohlcv[10, 2] / 2.0
    kept.open_time_ms[20] += 1
    flaws = audit(kept).flaws
    assert [(flaw.kind.value, flaw.text.split(":")[0]) for flaw in flaws if not flaw.kind.value.endswith("gap")] == [
        ("impossible", "row 11"),
        ("off-grid", "row 21"),
    ]


def test_a_series_that_contradicts_itself_is_not_judged_further():
    kept = taken(series(), [0, *range(600)])
    kept.ohlcv[0, 4] += 1.0
    audited = audit(kept)
    assert [flaw.kind for flaw in audited.flaws] == [FlawKind.UNUSABLE]
    assert "two different candles" in audited.flaws[0].text
    assert audited.usable is None


def test_no_candle_at_all_is_a_flaw():
    assert found(taken(series(), [])) == [("unusable", None, 0)]


def test_a_price_ten_times_too_high_is_an_outlier_on_its_way_there_and_back():
    kept = series()
    kept.ohlcv[100, :4] *= 10.0
    assert found(kept) == [("outlier", 100, 1), ("outlier", 101, 1)]
    assert "+895.03%" in audit(kept).flaws[0].text
    assert "close to close" in audit(kept).flaws[0].text


def test_a_wick_that_no_close_shows_is_an_outlier():
    kept = series()
    kept.ohlcv[100, 2] /= 3.0
    assert found(kept) == [("outlier", 100, 1)]
    assert "low to high" in audit(kept).flaws[0].text


def test_a_move_over_a_gap_is_no_outlier():
    kept = series()
    kept.ohlcv[100:, :4] *= 3.0
    assert ("outlier", 101, 1) not in found(without(kept, 100))


def test_an_outlier_is_what_the_caller_calls_one():
    assert audit(series(), 3.0).flaws
    assert not audit(series(), 60.0).flaws


@pytest.mark.parametrize("values", [[], [1.0] * 5, [0.0] * 100, [0.001] * 100])
def test_too_few_moves_or_none_at_all_have_no_measure(values):
    assert not robust_distance(np.array(values, dtype=np.float64)).any()


def test_quiet_hours_do_not_make_the_measure_small():
    quiet = np.zeros(1_000)
    moves = np.random.default_rng(7).normal(0.0, 0.01, 100)
    assert robust_distance(np.concatenate((quiet, moves))).max() < 5.0
    assert robust_distance(np.array([*moves, np.nan])).tolist()[-1] == 0.0


def test_prices_that_stand_still_are_named_with_their_stretch():
    kept = series()
    kept.ohlcv[100:112, :4] = kept.ohlcv[100, 3]
    assert ("frozen", 100, 12) in found(kept)
    kept = series()
    kept.ohlcv[100:109, :4] = kept.ohlcv[100, 3]
    assert not any(kind == "frozen" for kind, _, _ in found(kept))


def judged(folder: Path, *kept: StoredSeries) -> list[tuple[str, str, int]]:
    store = CandleStore(folder)
    for each in kept:
        store.save(each)
    told = verify(store, store.series())
    return [(flaw.kind.value, flaw.series, flaw.bars) for _, flaws in told for flaw in flaws]


def test_timeframes_that_agree_are_clean(tmp_path):
    store = CandleStore(tmp_path)
    store.save(series(600))
    for target in (Timeframe.H4, Timeframe.D1):
        resample_series(store, KEY, target)
    assert judged(tmp_path) == []


def test_a_long_candle_that_is_not_what_its_short_ones_make_is_named(tmp_path):
    store = CandleStore(tmp_path)
    store.save(series(600))
    resample_series(store, KEY, Timeframe.H4)
    resample_series(store, KEY, Timeframe.D1)
    long = SeriesKey("binance", "BTC/USDT", Timeframe.H4)
    other = store.load(long)
    other.ohlcv[7, 4] *= 1.001
    other.ohlcv[9, 1] += 0.01
    assert judged(tmp_path, other) == [("timeframes", str(long), 2), ("timeframes", "binance BTC/USDT 1d", 1)]


def test_volumes_that_differ_in_the_sum_of_their_floats_agree(tmp_path):
    store = CandleStore(tmp_path)
    store.save(series(600))
    resample_series(store, KEY, Timeframe.D1)
    long = store.load(SeriesKey("binance", "BTC/USDT", Timeframe.D1))
    long.ohlcv[:, 4] = np.nextafter(long.ohlcv[:, 4], np.inf)
    assert judged(tmp_path, long) == []


def test_venues_whose_closes_stand_apart_are_named(tmp_path):
    other = series(key=series_key("okx", "BTC/USDT", "1h"))
    other.ohlcv[:, :4] *= 1.001
    assert judged(tmp_path, series(), other) == []
    other.ohlcv[30:33, :4] *= 1.05
    assert ("venues", "binance BTC/USDT 1h", 3) in judged(tmp_path, other)


@pytest.mark.parametrize(("shift", "words"), [(8, "8 bars earlier"), (-1, "1 bars later")])
def test_times_of_another_zone_are_found_by_how_the_market_moves(tmp_path, shift, words):
    other = series(key=series_key("okx", "BTC/USDT", "1h"))
    store = CandleStore(tmp_path)
    store.save(series())
    store.save(StoredSeries(other.key, other.open_time_ms + shift * HOUR, other.ohlcv))
    texts = [flaw.text for _, flaws in verify(store, store.series()) for flaw in flaws if flaw.time_ms is None]
    assert len(texts) == 1
    assert words in texts[0]


def test_a_file_that_cannot_be_read_does_not_hide_the_others(tmp_path):
    (tmp_path / "binance").mkdir()
    (tmp_path / "binance/BTC_USDT-4h.parquet").write_bytes(b"torn")
    assert judged(tmp_path, without(series(), 5)) == [
        ("gap", "binance BTC/USDT 1h", 1),
        ("unreadable", "binance BTC/USDT 4h", 0),
    ]


@pytest.mark.skipif(not SHARED.exists(), reason="real candles are not there")
def test_real_crashes_of_an_hourly_market_are_no_outliers_and_its_outages_are_gaps():
    (real,) = read_candles([SHARED / "candles/binance/BTC_USDT-1h_2020-12_2025-06.parquet"])
    flaws = audit(StoredSeries(KEY, real.open_time_ms, real.ohlcv)).flaws
    assert {flaw.kind for flaw in flaws} == {FlawKind.GAP}
    assert sum(flaw.bars for flaw in flaws) == 18
