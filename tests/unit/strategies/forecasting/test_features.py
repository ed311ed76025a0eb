"""The shipped features against TA-Lib and plain reasoning, their version, and their matrix over a history."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from math import exp, log, pi, sin, sqrt
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow.parquet as pq
import pytest
import talib
from numpy.typing import NDArray

from bot.core.errors import ConfigError, DataError, ModelError
from strategies.forecasting import feature_matrix as matrices
from strategies.forecasting.definition import version_of
from strategies.forecasting.feature_matrix import compiled, compiled_matrix, feature_matrix, plain_matrix
from strategies.forecasting.feature_memory import RESTART
from strategies.forecasting.features import NAMES, SHIPPED, SMALLEST, step

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MONDAY_MS = 1_704_067_200_000
"""Monday, 1 January 2024, midnight UTC."""

ROOT = Path(__file__).resolve().parents[4]
REAL_CANDLES = ROOT / "../shared/data/candles/binance/BTC_USDT-1h_2020-12_2025-06.parquet"

Rows = dict[str, NDArray[np.float64]]


def history(length: int, seed: int = 11) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """A random walk of hourly candles that open where the last one closed."""
    random = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.01, length)))
    opened = np.concatenate(([100.0], close[:-1]))
    high = np.maximum(opened, close) * (1.0 + random.uniform(0.0, 0.005, length))
    low = np.minimum(opened, close) * (1.0 - random.uniform(0.0, 0.005, length))
    volume = random.lognormal(3.0, 1.0, length)
    times = MONDAY_MS + HOUR_MS * np.arange(length, dtype=np.int64)
    return times, np.column_stack((opened, high, low, close, volume))


def exact(open_time_ms: NDArray[np.int64], ohlcv: NDArray[np.float64]) -> Rows:
    """The float64 columns of the plain step, by name."""
    state, row, rows = SHIPPED.new_state(), SHIPPED.new_row(), []
    for opened, candle in zip(open_time_ms.tolist(), ohlcv.tolist(), strict=True):
        open_, high, low, close, volume = candle
        step(state, open_, high, low, close, volume, opened, row)
        rows.append(list(row))
    return dict(zip(NAMES, np.array(rows).T, strict=True))


def one(opened: int, open_: float, high: float, low: float, close: float, volume: float) -> dict[str, float]:
    """The row of a first candle."""
    row = SHIPPED.new_row()
    step(SHIPPED.new_state(), open_, high, low, close, volume, opened, row)
    return dict(zip(NAMES, row, strict=True))


@pytest.fixture(scope="module")
def walk() -> tuple[NDArray[np.float64], Rows]:
    """The logarithms of a walk's prices, `(n, 4)`, and its columns; several restarts long."""
    open_time_ms, ohlcv = history(5 * RESTART)
    return np.log(ohlcv[:, :4]), exact(open_time_ms, ohlcv)


def agree(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> None:
    warm = slice(SHIPPED.warm_up, None)
    np.testing.assert_allclose(ours[warm], theirs[warm], rtol=0.0, atol=1e-7)


def test_rsi_is_talibs_brought_to_plus_and_minus_one(walk: tuple[NDArray[np.float64], Rows]) -> None:
    prices, columns = walk
    agree(columns["rsi"], talib.RSI(prices[:, 3].copy(), timeperiod=14) / 50.0 - 1.0)


def test_macd_and_its_histogram_are_talibs_in_volatilities(walk: tuple[NDArray[np.float64], Rows]) -> None:
    prices, columns = walk
    macd, _, histogram = talib.MACD(prices[:, 3].copy(), fastperiod=12, slowperiod=26, signalperiod=9)
    sigma = np.exp(columns["log_sigma"])
    agree(columns["macd"], macd / sigma)
    agree(columns["macd_histogram"], histogram / sigma)


def test_mean_distance_and_bollinger_stand_on_talibs_mean_and_bands(walk: tuple[NDArray[np.float64], Rows]) -> None:
    prices, columns = walk
    close = prices[:, 3].copy()
    mean = talib.SMA(close, timeperiod=20)
    upper, _, lower = talib.BBANDS(close, timeperiod=20, nbdevup=2.0, nbdevdn=2.0)
    agree(columns["mean_distance"], (close - mean) / (np.exp(columns["log_sigma"]) * sqrt(20.0)))
    agree(columns["bollinger"], (close - mean) / ((upper - lower) / 2.0))


def test_donchian_and_true_range_stand_on_talibs_extremes(walk: tuple[NDArray[np.float64], Rows]) -> None:
    prices, columns = walk
    high, low, close = (prices[:, column].copy() for column in (1, 2, 3))
    top, bottom = talib.MAX(high, timeperiod=20), talib.MIN(low, timeperiod=20)
    agree(columns["donchian"], 2.0 * (close - bottom) / (top - bottom) - 1.0)
    agree(columns["true_range"], talib.TRANGE(high, low, close) / np.exp(columns["log_sigma"]))


@pytest.mark.parametrize("span", [1, 3, 6, 12, 24, 72])
def test_a_return_is_in_standard_deviations_of_a_walk_over_its_span(
    walk: tuple[NDArray[np.float64], Rows], span: int
) -> None:
    prices, columns = walk
    change = prices[span:, 3] - prices[:-span, 3]
    sigma = np.exp(columns["log_sigma"][span:])
    np.testing.assert_allclose(columns[f"return_{span}"][span:], change / (sigma * sqrt(span)), rtol=1e-12)


def test_the_volatility_of_a_walk_is_found_and_its_returns_are_of_unit_size(
    walk: tuple[NDArray[np.float64], Rows],
) -> None:
    columns = walk[1]
    assert np.mean(np.exp(columns["log_sigma"][RESTART:])) == pytest.approx(0.01, rel=0.1)
    assert np.std(columns["return_1"][RESTART:]) == pytest.approx(1.0, abs=0.1)
    assert np.std(columns["turnover_z"][RESTART:]) == pytest.approx(1.0, abs=0.1)


def test_the_parts_of_a_candle_add_up_to_its_range() -> None:
    row = one(MONDAY_MS, 100.0, 103.0, 98.0, 101.0, 5.0)
    whole = row["upper_wick"] + abs(row["body"]) + row["lower_wick"]
    assert whole == pytest.approx(log(103.0 / 98.0) / exp(row["log_sigma"]))


def test_a_first_candle_speaks_of_nothing_but_its_shape_its_volatility_and_its_time() -> None:
    row = one(MONDAY_MS, 100.0, 103.0, 98.0, 101.0, 5.0)
    shape = {"body", "upper_wick", "lower_wick", "true_range", "donchian"}
    volatility = {"log_sigma", "volatility_ratio"}
    assert {name for name, value in row.items() if value != 0.0} == shape | volatility | {"hour_cos", "weekday_cos"}


def test_a_market_that_stands_still_without_volume_says_nothing_but_its_smallest_volatility() -> None:
    length = SHIPPED.warm_up + 50
    ohlcv = np.tile((0.07, 0.07, 0.07, 0.07, 0.0), (length, 1))
    columns = exact(MONDAY_MS + HOUR_MS * np.arange(length, dtype=np.int64), ohlcv)
    assert np.all(columns["log_sigma"] == log(SMALLEST))
    for name in set(NAMES) - {"log_sigma", "hour_sin", "hour_cos", "weekday_sin", "weekday_cos"}:
        np.testing.assert_allclose(columns[name], 0.0, atol=1e-8, err_msg=name)


def test_volume_moves_turnover_and_nothing_else() -> None:
    open_time_ms, ohlcv = history(200)
    more = ohlcv.copy()
    more[100, 4] *= 50.0
    before, after = exact(open_time_ms, ohlcv), exact(open_time_ms, more)
    moved = {name for name in NAMES if not np.array_equal(before[name], after[name])}
    assert moved == {"turnover_z", "turnover_trend"}
    assert after["turnover_z"][100] > before["turnover_z"][100]


def test_prices_in_another_unit_give_the_same_picture() -> None:
    open_time_ms, ohlcv = history(200)
    cents = ohlcv * (100.0, 100.0, 100.0, 100.0, 0.01)
    before, after = exact(open_time_ms, ohlcv), exact(open_time_ms, cents)
    for name in NAMES:
        np.testing.assert_allclose(after[name], before[name], atol=1e-8, err_msg=name)


@pytest.mark.parametrize(
    ("opened", "hour", "weekday"),
    [
        (MONDAY_MS, 0.0, 0.0),
        (MONDAY_MS + 6 * HOUR_MS, 1 / 4, 1 / 28),
        (MONDAY_MS + 3 * DAY_MS + 12 * HOUR_MS, 1 / 2, 1 / 2),
        (MONDAY_MS + 7 * DAY_MS, 0.0, 0.0),
    ],
)
def test_the_calendar_is_that_of_the_candles_open(opened: int, hour: float, weekday: float) -> None:
    row = one(opened, 1.0, 1.0, 1.0, 1.0, 0.0)
    assert row["hour_sin"] == pytest.approx(sin(2 * pi * hour), abs=1e-12)
    assert row["hour_cos"] == pytest.approx(sin(2 * pi * hour + pi / 2), abs=1e-12)
    assert row["weekday_sin"] == pytest.approx(sin(2 * pi * weekday), abs=1e-12)
    assert row["weekday_cos"] == pytest.approx(sin(2 * pi * weekday + pi / 2), abs=1e-12)


def test_warm_up_and_a_window_fit_into_the_720_bars_that_some_venues_give() -> None:
    assert SHIPPED.warm_up + 60 <= 720


def test_a_state_holds_only_floats_so_that_it_can_be_written_down() -> None:
    state, row = SHIPPED.new_state(), SHIPPED.new_row()
    step(state, 1.0, 2.0, 0.5, 1.5, 10.0, MONDAY_MS, row)
    assert {type(value) for value in state} | {type(value) for value in row} == {float}
    assert len(row) == len(NAMES) == len(set(NAMES))


SOURCE = """
from math import log

LENGTH = 3


def half(value):
    return value / 2.0


def step(state, open_, high, low, close, volume, open_time_ms, row):
    row[0] = half(log(close)) * LENGTH
"""


def written(folder: Path, source: str) -> ModuleType:
    """A module loaded from a file of its own, always by the same name."""
    path = folder / f"features_{len(list(folder.iterdir()))}.py"
    path.write_text(source, encoding="utf-8")
    spec = spec_from_file_location("own_features", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("    row[0]", "    # Why.\n    row[0]"),
        ("    return value", '    """Say what."""\n    return value'),
        ("    return value", '    """\n    Say what.\n\n    At length.\n    """\n\n    return value'),
        ("LENGTH = 3", "UNUSED = 4\nLENGTH = 3"),
    ],
)
def test_a_version_does_not_depend_on_words_about_the_definition(tmp_path: Path, part: str, words: str) -> None:
    version = version_of(written(tmp_path, SOURCE).step, ("x",))
    assert version_of(written(tmp_path, SOURCE.replace(part, words)).step, ("x",)) == version


@pytest.mark.parametrize(
    ("part", "changed"),
    [
        ("LENGTH = 3", "LENGTH = 4"),
        ("LENGTH = 3", "LENGTH = 3.0"),
        ("value / 2.0", "value / 2.5"),
        ("row[0] = half", "row[0] = -half"),
        ("import log", "import log2 as log"),
    ],
)
def test_a_version_changes_with_the_arithmetic(tmp_path: Path, part: str, changed: str) -> None:
    version = version_of(written(tmp_path, SOURCE).step, ("x",))
    assert version_of(written(tmp_path, SOURCE.replace(part, changed)).step, ("x",)) != version


def test_a_version_changes_with_the_names_of_the_columns(tmp_path: Path) -> None:
    module = written(tmp_path, SOURCE)
    assert version_of(module.step, ("x",)) != version_of(module.step, ("y",))


def test_a_step_that_reaches_more_than_functions_and_numbers_has_no_version(tmp_path: Path) -> None:
    module = written(tmp_path, SOURCE.replace("LENGTH = 3", "LENGTH = [3]"))
    with pytest.raises(ModelError, match="step uses LENGTH"):
        version_of(module.step, ("x",))
    with pytest.raises(ModelError, match="plain function of a module"):
        version_of(len, ("x",))


def test_a_step_whose_source_is_gone_has_no_version() -> None:
    known: dict[str, object] = {"__name__": "gone"}
    exec(compile(SOURCE, "/nowhere/gone.py", "exec"), known)  # noqa: S102
    with pytest.raises(ModelError, match=r"install the \.py files"):
        version_of(known["step"], ("x",))


def test_the_shipped_version_is_that_of_its_definition_in_every_process() -> None:
    code = (
        "import sys; from strategies.forecasting.features import SHIPPED; import strategies.forecasting.feature_matrix;"
        "print(SHIPPED.version, *sorted({'numba', 'pandas', 'pyarrow', 'tensorflow'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == [version_of(step, NAMES)] == [SHIPPED.version]


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
