"""What must hold of the shipped features for every market that there could be."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bot.core.market import Candle
from bot.core.window import FeatureSet, Window
from strategies.forecasting.feature_matrix import compiled, compiled_matrix, plain_matrix
from strategies.forecasting.feature_memory import RESTART
from strategies.forecasting.features import BOUND, SHIPPED

HOUR_MS = 3_600_000
SEGMENTS = ("walk", "flat", "filled", "jumps", "tiny", "crowded", "silent", "alternating")

Series = tuple[NDArray[np.int64], NDArray[np.float64]]

prices = st.floats(min_value=0.0, exclude_min=True, allow_nan=False, allow_infinity=False)
volumes = st.floats(min_value=0.0, allow_nan=False, allow_infinity=False)


@st.composite
def any_candles(draw: st.DrawFn) -> Series:
    """A few candles of any floats that the core's own check lets through."""
    candles = draw(st.lists(st.tuples(st.lists(prices, min_size=4, max_size=4), volumes), min_size=1, max_size=30))
    rows = []
    for four, volume in candles:
        low, first, second, high = sorted(four)
        swapped = draw(st.booleans())
        rows.append((second, high, low, first, volume) if swapped else (first, high, low, second, volume))
    timeframe_ms = draw(st.sampled_from([60_000, HOUR_MS, 86_400_000]))
    first_ms = draw(st.integers(0, 30_000)) * timeframe_ms
    return first_ms + timeframe_ms * np.arange(len(rows), dtype=np.int64), np.array(rows, dtype=np.float64)


@st.composite
def markets(draw: st.DrawFn, length: int) -> Series:
    """A market of `length` candles that changes its nature on the way."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kinds = draw(st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=5))
    first_ms = draw(st.integers(400_000, 400_000 + 2 * RESTART)) * HOUR_MS
    pieces = []
    price = 100.0
    for kind, share in zip(kinds, np.array_split(np.arange(length), len(kinds)), strict=True):
        piece = market_piece(kind, price, len(share), random)
        price = float(piece[-1, 3])
        pieces.append(piece)
    return first_ms + HOUR_MS * np.arange(length, dtype=np.int64), np.concatenate(pieces)


def market_piece(kind: str, price: float, length: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Some candles of one nature, `(length, 5)`."""
    changes = random.normal(0.0, 0.01, length)
    volume = random.lognormal(3.0, 1.0, length)
    if kind in {"flat", "filled"}:
        changes[:] = 0.0
    if kind in {"silent", "filled"}:
        volume[:] = 0.0
    if kind == "jumps":
        changes = random.choice([-np.log(100.0), 0.0, 0.0, 0.0, np.log(100.0)], length)
    if kind == "tiny":
        changes[0] = np.log(1e-8 / price)
    if kind == "crowded":
        volume *= 1e12
    if kind == "alternating":
        changes = np.where(np.arange(length) % 2 == 0, 0.01, -0.01)
    # Within what a float holds, however many hundredfold jumps there are.
    close = np.exp(np.clip(np.log(price) + np.cumsum(changes), -200.0, 200.0))
    opened = np.concatenate(([price], close[:-1]))
    widen = 0.0 if kind in {"flat", "filled"} else 0.01
    high = np.maximum(opened, close) * (1.0 + widen * random.random(length))
    low = np.minimum(opened, close) * (1.0 - widen * random.random(length))
    return np.column_stack((opened, high, low, close, volume))


def exact_rows(features: FeatureSet, series: Series) -> NDArray[np.float64]:
    """Every row before it is rounded to float32, `(n, F)`."""
    open_time_ms, ohlcv = series
    state, row = features.new_state(), features.new_row()
    rows = np.empty((len(ohlcv), len(features.names)))
    for at, (opened, candle) in enumerate(zip(open_time_ms.tolist(), ohlcv.tolist(), strict=True)):
        open_, high, low, close, volume = candle
        features.step(state, open_, high, low, close, volume, opened, row)
        rows[at] = row
    return rows


def candles_of(series: Series) -> list[Candle]:
    """The series as the engine sees it, each candle checked."""
    open_time_ms, ohlcv = series
    return [Candle(opened, *values) for opened, values in zip(open_time_ms.tolist(), ohlcv.tolist(), strict=True)]


@pytest.fixture(scope="module")
def machine_code() -> FeatureSet:
    """The shipped features, compiled."""
    return compiled(SHIPPED)


@settings(deadline=None)
@given(series=any_candles())
def test_every_possible_candle_gives_finite_and_bounded_numbers(series: Series) -> None:
    candles_of(series)
    rows = exact_rows(SHIPPED, series)
    assert np.all(np.isfinite(rows))
    assert np.all(np.abs(rows[:, :-1]) <= BOUND)
    assert np.all(np.abs(rows[:, -1]) < 14.0)


@settings(deadline=None)
@given(series=any_candles())
def test_compiled_and_plain_agree_on_every_possible_candle_bit_for_bit(
    machine_code: FeatureSet, series: Series
) -> None:
    assert exact_rows(SHIPPED, series).tobytes() == exact_rows(machine_code, series).tobytes()


@settings(deadline=None, max_examples=15)
@given(series=markets(length=2 * RESTART + 100))
def test_compiled_and_plain_agree_over_a_long_history_bit_for_bit(machine_code: FeatureSet, series: Series) -> None:
    assert exact_rows(SHIPPED, series).tobytes() == exact_rows(machine_code, series).tobytes()
    assert plain_matrix(SHIPPED, *series).tobytes() == compiled_matrix(SHIPPED, *series).tobytes()


@settings(deadline=None, max_examples=30)
@given(series=markets(length=300), cuts=st.lists(st.integers(0, 300), max_size=4), length=st.integers(1, 40))
def test_a_window_saved_and_loaded_between_chunks_shows_the_rows_of_the_matrix(
    series: Series, cuts: list[int], length: int
) -> None:
    matrix = plain_matrix(SHIPPED, *series)
    window = Window(SHIPPED, length, HOUR_MS)
    candles = candles_of(series)
    edges = [0, *sorted(cuts), len(candles)]
    for start, end in pairwise(edges):
        saved = window.save()
        window = Window(SHIPPED, length, HOUR_MS)
        window.load(saved)
        for at in range(start, end):
            window.push(candles[at])
            if at + 1 >= length:
                assert window.rows().tobytes() == matrix[at + 1 - length : at + 1].tobytes()


@settings(deadline=None, max_examples=40)
@given(
    series=markets(length=SHIPPED.warm_up + RESTART + 100),
    start=st.integers(1, RESTART + 50),
)
def test_after_the_warm_up_rows_are_equal_bit_for_bit_wherever_the_series_began(
    machine_code: FeatureSet, series: Series, start: int
) -> None:
    open_time_ms, ohlcv = series
    from_the_first = exact_rows(machine_code, series)
    from_later = exact_rows(machine_code, (open_time_ms[start:], ohlcv[start:]))
    warm = SHIPPED.warm_up
    assert from_later[warm:].tobytes() == from_the_first[start + warm :].tobytes()


@pytest.mark.parametrize("phase", [-1, 0, 1, RESTART - 1])
def test_the_warm_up_holds_wherever_a_series_begins_between_two_restarts(machine_code: FeatureSet, phase: int) -> None:
    first_bar = 1_000 * RESTART
    length = 3 * RESTART + 50
    ohlcv = market_piece("walk", 100.0, length, np.random.default_rng(3))
    open_time_ms = (first_bar - 50 + np.arange(length, dtype=np.int64)) * HOUR_MS
    start = 50 + phase
    whole = exact_rows(machine_code, (open_time_ms, ohlcv))[start:]
    begun = exact_rows(machine_code, (open_time_ms[start:], ohlcv[start:]))
    differs = np.flatnonzero((whole != begun).any(axis=1))
    assert 0 < differs[-1] < SHIPPED.warm_up


@settings(deadline=None, max_examples=30)
@given(series=markets(length=400), other=markets(length=400), known=st.integers(1, 399))
def test_candles_that_are_not_yet_known_change_no_row(
    machine_code: FeatureSet, series: Series, other: Series, known: int
) -> None:
    open_time_ms, ohlcv = series
    changed = np.concatenate((ohlcv[:known], other[1][known:]))
    before = exact_rows(machine_code, series)[:known]
    after = exact_rows(machine_code, (open_time_ms, changed))[:known]
    assert before.tobytes() == after.tobytes()


@pytest.mark.parametrize("column", range(5))
def test_the_last_candle_itself_is_seen(column: int) -> None:
    open_time_ms = HOUR_MS * np.arange(100, dtype=np.int64)
    ohlcv = market_piece("walk", 100.0, 100, np.random.default_rng(5))
    # Room for each of the five numbers to move without the candle becoming impossible.
    ohlcv[-1] = (100.0, 110.0, 90.0, 101.0, 50.0)
    moved = ohlcv.copy()
    moved[-1, column] += 1.0
    assert not np.array_equal(plain_matrix(SHIPPED, open_time_ms, ohlcv), plain_matrix(SHIPPED, open_time_ms, moved))
