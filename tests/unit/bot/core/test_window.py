"""A window of contiguous candles, and when its rows may be believed."""

import numpy as np
import pytest

from bot.core.errors import DataError
from bot.core.window import Window
from tests.hourly_bars import HOUR, bar, opens
from tests.scripted_strategies import two_features

LENGTH, WARM_UP = 3, 2


def window(length: int = LENGTH, warm_up: int = WARM_UP) -> Window:
    return Window(two_features(warm_up), length, HOUR)


def filled(bars: int, length: int = LENGTH) -> Window:
    one = window(length)
    for number in range(bars):
        one.push(bar(number, 100.0 + number, volume=float(number)))
    return one


def test_any_candle_may_begin_a_window() -> None:
    one = window()
    assert one.next_open_ms == -1
    one.push(bar(7, 100.0))
    assert one.next_open_ms == opens(8)


@pytest.mark.parametrize("number", [0, 2, 4])
def test_a_candle_that_does_not_follow_is_refused(number: int) -> None:
    one = filled(3)
    with pytest.raises(DataError, match="does not follow"):
        one.push(bar(number, 100.0))


def test_it_is_ready_once_it_is_warm_and_full() -> None:
    """Invariant 9: the window is full, warm and contiguous."""
    ready = [filled(bars).ready for bars in range(8)]
    assert ready == [False] * (LENGTH + WARM_UP) + [True] * (8 - LENGTH - WARM_UP)


def test_without_features_one_candle_is_enough_and_nothing_is_kept() -> None:
    plain = Window(None, 60, HOUR)
    plain.push(bar(0, 100.0))
    assert plain.ready
    assert not Window(None, 60, HOUR).ready
    assert plain.rows().shape == (0, 0)


def test_rows_are_the_newest_oldest_first() -> None:
    rows = filled(9).rows()
    assert rows.shape == (LENGTH, 2)
    assert rows.dtype == np.float32
    assert rows[:, 1].tolist() == [6.0, 7.0, 8.0]


def test_rows_are_a_copy() -> None:
    one = filled(9)
    taken = one.rows()
    one.push(bar(9, 500.0, volume=9.0))
    assert taken[:, 1].tolist() == [6.0, 7.0, 8.0]


def test_a_restart_forgets_every_row_and_lets_any_candle_follow() -> None:
    one = filled(9)
    one.restart()
    assert one.bars == 0
    one.push(bar(100, 50.0, volume=1.0))
    one.push(bar(101, 60.0, volume=2.0))
    one.push(bar(102, 60.0, volume=3.0))
    assert one.rows()[:, 1].tolist() == [1.0, 2.0, 3.0]
    # The first row of a series does not see the close of the series before.
    assert one.rows()[:, 0].tolist() == [0.0, np.float32(0.2), 0.0]
