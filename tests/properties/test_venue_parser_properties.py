"""
Whatever bytes come from a venue's socket, its parser answers with values and never with a candle that was not said.

What a frame says is read a second time here, by the standard library's json and by what the venues' documentation
says of their fields, and every candle that a parser gives out must be among that.
"""

import json

from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.venues import ClosedCandle, FormingCandle, Refused
from bot.core.market import Candle
from tests.venue_frames import CASES, EVERY_VENUE, OPEN_MS, check, places, stated

SOUND = {"o": "2.0", "h": "4.0", "l": "1.0", "c": "3.0", "v": "10.0"}
PRICES = st.floats(min_value=1e-8, max_value=1e8).map(lambda price: round(price, 8)).filter(lambda price: price > 0)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@EVERY_VENUE
def test_whole_frames_give_what_they_state(name) -> None:
    case = CASES[name]
    for frame in case.frames():
        candles = [one for one in check(case, frame) if isinstance(one, ClosedCandle | FormingCandle)]
        assert len(candles) == len(stated(case, frame))
        assert bool(candles) == (frame not in case.others)


@EVERY_VENUE
@given(data=st.binary(max_size=200))
def test_any_bytes_get_an_answer(name, data) -> None:
    check(CASES[name], data)


@EVERY_VENUE
@given(value=JSON)
def test_any_json_gets_an_answer(name, value) -> None:
    check(CASES[name], json.dumps(value).encode())


@EVERY_VENUE
@given(place=st.integers(0, 40), value=JSON)
def test_any_value_in_any_place_gives_a_candle_that_is_stated_or_none(name, place, value) -> None:
    frame = CASES[name].frame(SOUND)
    everywhere = places(frame)
    inside, key = everywhere[place % len(everywhere)]
    inside[key] = value
    check(CASES[name], json.dumps(frame).encode())


@EVERY_VENUE
@given(prices=st.lists(PRICES, min_size=4, max_size=4).map(sorted), rises=st.booleans(), volume=st.floats(0, 1e9))
def test_numbers_are_read_exactly_as_float_reads_them(name, prices, rises, volume) -> None:
    low, first, second, high = prices
    begin, end = (first, second) if rises else (second, first)
    numbers = {"o": f"{begin:.8f}", "h": f"{high:.8f}", "l": f"{low:.8f}", "c": f"{end:.8f}", "v": f"{volume:.8f}"}
    (message,) = check(CASES[name], json.dumps(CASES[name].frame(numbers)).encode())
    assert isinstance(message, ClosedCandle | FormingCandle)
    begin, high, low, end, volume = (float(text) for text in numbers.values())
    assert message.candle == Candle(OPEN_MS, begin, high, low, end, volume)


@EVERY_VENUE
@given(prices=st.lists(PRICES, min_size=4, max_size=4, unique=True).map(sorted))
def test_extremes_that_do_not_enclose_the_bar_are_refused(name, prices) -> None:
    low, first, second, high = prices
    numbers = {"o": f"{first:.8f}", "h": f"{second:.8f}", "l": f"{low:.8f}", "c": f"{high:.8f}", "v": "1.0"}
    (message,) = check(CASES[name], json.dumps(CASES[name].frame(numbers)).encode())
    assert isinstance(message, Refused)
    assert message.code == "impossible candle"
