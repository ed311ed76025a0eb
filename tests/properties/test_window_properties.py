"""Wherever a window is cut, saved or begun, its rows are the same bits."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bot.core.market import Candle
from bot.core.window import Window, WindowState
from tests.hourly_bars import HOUR, random_walk
from tests.scripted_strategies import two_features

BARS = 60
CANDLES = list(random_walk(5, BARS))
lengths = st.integers(1, 12)


def window(length: int) -> Window:
    return Window(two_features(), length, HOUR)


def push(one: Window, candles: list[Candle]) -> Window:
    for candle in candles:
        one.push(candle)
    return one


@given(lengths, st.integers(0, BARS))
def test_the_rows_are_those_of_the_last_candles(length: int, bars: int) -> None:
    one = push(window(length), CANDLES[:bars])
    if bars < length:
        return
    closes = np.array([candle.close for candle in CANDLES[:bars]])
    returns = np.concatenate([[0.0], closes[1:] / closes[:-1] - 1.0]).astype(np.float32)
    assert one.rows()[:, 0].tobytes() == returns[-length:].tobytes()
    assert one.rows()[:, 1].tolist() == [candle.volume for candle in CANDLES[bars - length : bars]]


@given(lengths, st.integers(0, BARS))
def test_a_window_that_was_saved_and_loaded_goes_on_with_the_same_bits(length: int, cut: int) -> None:
    whole = push(window(length), CANDLES)
    saved: WindowState = push(window(length), CANDLES[:cut]).save()
    later = push(window(length), CANDLES[:1])
    later.load(saved)
    assert later.save() == saved
    assert later.next_open_ms == (CANDLES[cut - 1].open_time_ms + HOUR if cut else -1)
    push(later, CANDLES[cut:])
    assert later.save() == whole.save()
    assert later.ready is whole.ready


@given(lengths, st.integers(0, 20))
def test_after_the_warm_up_the_rows_do_not_depend_on_where_it_began(length: int, skipped: int) -> None:
    whole, later = push(window(length), CANDLES), push(window(length), CANDLES[skipped:])
    assert later.ready
    assert later.rows().tobytes() == whole.rows().tobytes()
