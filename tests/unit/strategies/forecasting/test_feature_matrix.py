"""The matrix of features over a history: its shape, its compiled step, and what it refuses."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from bot.core.errors import ConfigError, DataError
from strategies.forecasting import feature_matrix as matrices
from strategies.forecasting.feature_matrix import compiled, compiled_matrix, feature_matrix, plain_matrix
from strategies.forecasting.features import NAMES, SHIPPED, step
from tests.unit.strategies.forecasting.feature_histories import HOUR_MS, ROOT, exact, history

REAL_CANDLES = ROOT / "../shared/data/candles/binance/BTC_USDT-1h_2020-12_2025-06.parquet"


def test_a_matrix_has_a_float32_row_a_candle_and_none_for_no_candles() -> None:
    open_time_ms, ohlcv = history(10)
    rows = feature_matrix(SHIPPED, open_time_ms, ohlcv)
    assert rows.dtype == np.float32
    assert rows.shape == (10, len(NAMES))
    columns = np.column_stack(list(exact(open_time_ms, ohlcv).values()))
    np.testing.assert_array_equal(rows, columns.astype(np.float32))
    assert feature_matrix(SHIPPED, open_time_ms[:0], ohlcv[:0]).shape == (0, len(NAMES))


@pytest.mark.parametrize(
    ("rows", "installed", "known", "way"),
    [
        (100, True, False, "compiled_matrix"),
        (99, True, False, "plain_matrix"),
        (100, False, False, "plain_matrix"),
        (1, True, True, "compiled_matrix"),
    ],
)
def test_the_step_is_compiled_where_that_is_possible_and_pays(
    monkeypatch: pytest.MonkeyPatch, rows: int, installed: bool, known: bool, way: str
) -> None:
    taken: list[str] = []
    for name in ("plain_matrix", "compiled_matrix"):
        monkeypatch.setattr(matrices, name, lambda *_, name=name: taken.append(name))
    monkeypatch.setattr(matrices, "COMPILING_PAYS_FROM", 100)
    monkeypatch.setattr(matrices, "numba_available", lambda: installed)
    monkeypatch.setattr(matrices, "_compiled", {step: (step, None)} if known else {})
    matrices.feature_matrix(SHIPPED, *history(rows))
    assert taken == [way]


def test_compiling_without_numba_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrices, "find_spec", lambda _name: None)
    monkeypatch.setattr(matrices, "_compiled", {})
    assert not matrices.numba_available()
    with pytest.raises(ConfigError, match="needs numba"):
        compiled(SHIPPED)


def test_a_compiled_set_keeps_its_name_and_version_and_is_not_compiled_again() -> None:
    fast = compiled(SHIPPED)
    assert (fast.name, fast.version, fast.names) == (SHIPPED.name, SHIPPED.version, SHIPPED.names)
    assert fast.step is compiled(SHIPPED).step
    assert isinstance(fast.new_state(), np.ndarray)
    with pytest.raises(ConfigError, match="plain step"):
        compiled(fast)


def test_arrays_in_another_order_or_read_only_give_the_same_matrix() -> None:
    open_time_ms, ohlcv = history(50)
    expected = plain_matrix(SHIPPED, open_time_ms, ohlcv)
    columnwise = np.asfortranarray(ohlcv)
    columnwise.flags.writeable = False
    np.testing.assert_array_equal(plain_matrix(SHIPPED, open_time_ms, columnwise), expected)
    np.testing.assert_array_equal(compiled_matrix(SHIPPED, open_time_ms, columnwise), expected)


def test_arrays_of_the_wrong_shape_or_kind_are_refused() -> None:
    open_time_ms, ohlcv = history(10)
    with pytest.raises(DataError, match=r"\(10,\) and \(9, 5\)"):
        feature_matrix(SHIPPED, open_time_ms, ohlcv[:9])
    with pytest.raises(DataError, match="float32"):
        feature_matrix(SHIPPED, open_time_ms, ohlcv.astype(np.float32))


def test_a_hole_in_the_series_is_refused_by_row() -> None:
    open_time_ms, ohlcv = history(10)
    keep = np.array([0, 1, 2, 4, 5])
    with pytest.raises(DataError, match=f"row 3, opened at {open_time_ms[4]}"):
        feature_matrix(SHIPPED, open_time_ms[keep], ohlcv[keep])
    with pytest.raises(DataError, match="row 1, "):
        feature_matrix(SHIPPED, open_time_ms[::-1], ohlcv)


@pytest.mark.parametrize(
    "candle",
    [
        (100.0, 99.0, 98.0, 98.5, 1.0),
        (100.0, 101.0, 100.5, 100.7, 1.0),
        (100.0, 101.0, 0.0, 100.0, 1.0),
        (100.0, 101.0, 99.0, float("nan"), 1.0),
        (100.0, float("inf"), 99.0, 100.0, 1.0),
        (100.0, 101.0, 99.0, 100.0, -1.0),
    ],
)
def test_an_impossible_candle_is_refused_by_row(candle: tuple[float, ...]) -> None:
    open_time_ms, ohlcv = history(10)
    ohlcv[7] = candle
    with pytest.raises(DataError, match="row 7 is an impossible candle"):
        feature_matrix(SHIPPED, open_time_ms, ohlcv)


def longest_stretch(open_time_ms: NDArray[np.int64]) -> slice:
    """The longest run of hourly candles without a hole."""
    edges = np.concatenate(([0], np.flatnonzero(np.diff(open_time_ms) != HOUR_MS) + 1, [len(open_time_ms)]))
    longest = int(np.argmax(np.diff(edges)))
    return slice(int(edges[longest]), int(edges[longest + 1]))


@pytest.mark.skipif(not REAL_CANDLES.exists(), reason="the real candles of ../shared are not on this machine")
def test_on_real_candles_plain_and_compiled_agree_and_columns_are_of_a_size_that_can_be_learnt() -> None:
    table = pq.read_table(REAL_CANDLES)
    opened = table["date"].to_numpy().astype("datetime64[us]").astype(np.int64) // 1_000  # stored in microseconds
    stretch = longest_stretch(opened)
    ohlcv = np.column_stack([table[name].to_numpy() for name in ("open", "high", "low", "close", "volume")])[stretch]
    rows = plain_matrix(SHIPPED, opened[stretch], ohlcv)
    assert len(rows) >= 15_000
    assert rows.tobytes() == compiled_matrix(SHIPPED, opened[stretch], ohlcv).tobytes()
    assert np.all(np.isfinite(rows))
    spread = rows[SHIPPED.warm_up :, :-1].std(axis=0)
    assert np.all((spread > 0.2) & (spread < 1.5))
