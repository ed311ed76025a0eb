"""Whatever bytes come from Binance's socket, the parser answers with a value and never with a price that lies."""

import json
from collections.abc import Mapping
from math import isfinite

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.venues import ClosedCandle, FormingPrice, Refused, StreamMessage
from bot.adapters.venues.binance import BinanceKlines
from bot.core.market import Timeframe

VENUE = BinanceKlines({"BTCUSDT": "BTC/USDT"}, Timeframe.H1)
OPEN_MS = 1_719_792_000_000
PRICES = st.floats(min_value=1e-8, max_value=1e8).map(lambda price: round(price, 8)).filter(lambda price: price > 0)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def frame(numbers: Mapping[str, object], **changes: object) -> dict[str, object]:
    kline = {"t": OPEN_MS, "T": OPEN_MS + 3_599_999, "s": "BTCUSDT", "i": "1h", "x": True, **numbers, **changes}
    return {"e": "kline", "E": OPEN_MS + 3_600_005, "s": "BTCUSDT", "k": kline}


def is_sound(message: StreamMessage) -> bool:
    return isinstance(message, StreamMessage)


@given(st.binary(max_size=200))
def test_any_bytes_get_an_answer(data) -> None:
    assert is_sound(VENUE.parse(data))


@given(JSON)
def test_any_json_gets_an_answer(value) -> None:
    assert is_sound(VENUE.parse(json.dumps(value).encode()))


@given(st.sampled_from("tTsiohlcvx"), JSON)
def test_any_value_in_any_field_of_a_kline_gives_a_true_price_or_none(name, value) -> None:
    numbers = {"o": "2.0", "h": "4.0", "l": "1.0", "c": "3.0", "v": "10.0"}
    message = VENUE.parse(json.dumps(frame(numbers, **{name: value})).encode())
    assert is_sound(message)
    if isinstance(message, ClosedCandle):
        candle = message.candle
        assert message.symbol == "BTC/USDT"
        assert candle.open_time_ms == OPEN_MS
        assert 0 < candle.low <= min(candle.open, candle.close) <= max(candle.open, candle.close) <= candle.high
        assert isfinite(candle.high)
        assert isfinite(candle.volume)
    if isinstance(message, FormingPrice):
        assert 1.0 <= message.last <= 4.0


@given(st.binary(min_size=1, max_size=6), st.integers(0, 300), st.integers(0, 6))
def test_a_damaged_frame_never_gives_another_market_or_bar(noise, at, cut) -> None:
    whole = json.dumps(frame({"o": "2.0", "h": "4.0", "l": "1.0", "c": "3.0", "v": "10.0"})).encode()
    message = VENUE.parse(whole[:at] + noise + whole[at + cut :])
    assert is_sound(message)
    if isinstance(message, ClosedCandle):
        assert message.candle.open_time_ms % Timeframe.H1.ms == 0


@given(st.lists(PRICES, min_size=4, max_size=4).map(sorted), st.booleans(), st.floats(0, 1e9))
def test_numbers_are_read_exactly_as_float_reads_them(prices, rises, volume) -> None:
    low, first, second, high = prices
    begin, end = (first, second) if rises else (second, first)
    numbers = {"o": f"{begin:.8f}", "h": f"{high:.8f}", "l": f"{low:.8f}", "c": f"{end:.8f}", "v": f"{volume:.8f}"}
    message = VENUE.parse(msgspec.json.encode({"stream": "btcusdt@kline_1h", "data": frame(numbers)}))
    assert isinstance(message, ClosedCandle)
    candle = message.candle
    read = {"o": candle.open, "h": candle.high, "l": candle.low, "c": candle.close, "v": candle.volume}
    assert read == {name: float(text) for name, text in numbers.items()}


@given(st.lists(PRICES, min_size=4, max_size=4, unique=True).map(sorted))
def test_extremes_that_do_not_enclose_the_bar_are_refused(prices) -> None:
    low, first, second, high = prices
    numbers = {"o": f"{first:.8f}", "h": f"{second:.8f}", "l": f"{low:.8f}", "c": f"{high:.8f}", "v": "1.0"}
    message = VENUE.parse(json.dumps(frame(numbers)).encode())
    assert isinstance(message, Refused)
    assert message.code == "impossible candle"
