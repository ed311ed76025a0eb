"""
Whatever bytes come from a venue's socket, its parser answers with values and never with a candle that was not said.

What a frame says is read a second time here, by the standard library's json and by what the venues' documentation
says of their fields, and every candle that a parser gives out must be among that.
"""

import gzip
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from bot.adapters.venues import (
    ClosedCandle,
    FormingCandle,
    Refused,
    StreamMessage,
    Subscribed,
    VenueStream,
)
from bot.adapters.venues.names import stream_venue
from bot.core.market import Candle, Timeframe

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
HOUR_MS = 3_600_000
OPEN_MS = 1_719_792_000_000
SAID_MS = OPEN_MS + HOUR_MS + 5
BEGIN = "2024-07-01T00:00:00.000000000Z"
FEW, MANY = 5_000, 100_000
NAMES = ("open", "high", "low", "close", "volume")

Said = tuple[str, bool, int, tuple[float, ...]]
"""A market in the venue's words, whether its bar was called final, when it opened, and its numbers."""


def binance_rows(frame: Any) -> list[Any]:
    events = [event for event in (frame, frame.get("data")) if isinstance(event, dict)]
    return [event["k"] for event in events if event.get("e") == "kline" and "k" in event]


def binance_bar(_: Any, row: Any) -> Said:
    return row["s"], row["x"] is True, row["t"], tuple(float(row[name]) for name in "ohlcv")


def rows_of_data(frame: Any) -> list[Any]:
    return list(frame["data"])


def bybit_bar(frame: Any, row: Any) -> Said:
    market = frame["topic"].removeprefix("kline.60.")
    return market, row["confirm"] is True, row["start"], tuple(float(row[name]) for name in NAMES)


def okx_bar(frame: Any, row: Any) -> Said:
    return frame["arg"]["instId"], row[8] == "1", int(row[0]), tuple(float(text) for text in row[1:6])


def kraken_bar(_: Any, row: Any) -> Said:
    open_ms = round(datetime.fromisoformat(row["interval_begin"]).timestamp() * 1_000)
    return row["symbol"], False, open_ms, tuple(float(row[name]) for name in NAMES)


def binance_frame(numbers: Mapping[str, str], *, closed: bool = True) -> dict[str, Any]:
    kline = {"t": OPEN_MS, "T": OPEN_MS + HOUR_MS - 1, "s": "BTCUSDT", "i": "1h", **numbers, "x": closed}
    return {"stream": "btcusdt@kline_1h", "data": {"e": "kline", "E": SAID_MS, "s": "BTCUSDT", "k": kline}}


def bybit_frame(numbers: Mapping[str, str], *, closed: bool = True) -> dict[str, Any]:
    times = {"start": OPEN_MS, "end": OPEN_MS + HOUR_MS - 1, "interval": "60", "timestamp": SAID_MS}
    row = {**times, **dict(zip(NAMES, numbers.values(), strict=True)), "turnover": "1", "confirm": closed}
    return {"topic": "kline.60.BTCUSDT", "type": "snapshot", "ts": SAID_MS, "data": [row]}


def okx_frame(numbers: Mapping[str, str], *, closed: bool = True) -> dict[str, Any]:
    row = [str(OPEN_MS), *numbers.values(), "1", "1", "1" if closed else "0"]
    return {"arg": {"channel": "candle1H", "instId": "BTC-USDT"}, "data": [row]}


def kraken_frame(numbers: Mapping[str, str], *, closed: bool = True) -> dict[str, Any]:
    prices = {name: float(text) for name, text in zip(NAMES, numbers.values(), strict=True)}
    row = {"symbol": "BTC/USDT", **prices, "trades": 3, "vwap": 2.5, "interval_begin": BEGIN, "interval": 60}
    when = "2024-07-01T01:00:00.005Z" if closed else "2024-07-01T00:10:00.264627814Z"
    return {"channel": "ohlc", "type": "update", "timestamp": when, "data": [row]}


class Case(Struct, frozen=True):
    """A parser, the frames that are damaged to try it, and the second reading of them."""

    venue: VenueStream
    market: str
    frame: Callable[..., dict[str, Any]]
    rows: Callable[[Any], list[Any]]
    bar: Callable[[Any, Any], Said]
    others: tuple[bytes, ...]

    def frames(self) -> list[bytes]:
        """What the venue sends: bars that are final and that are not, and what is no bar."""
        numbers = (
            {"o": "62772.01", "h": "63140", "l": "62701.55", "c": "63012.40", "v": "812.40315"},
            {"o": "0.00001234", "h": "0.00001240", "l": "0.00001230", "c": "0.00001239", "v": "0.0"},
        )
        said = [self.frame(one, closed=closed) for one in numbers for closed in (True, False)]
        return [*(json.dumps(one, separators=(",", ":")).encode() for one in said), *self.others]


CASES = {
    "binance": Case(
        stream_venue("binance", ["BTC/USDT"], Timeframe.H1),
        "BTCUSDT",
        binance_frame,
        binance_rows,
        binance_bar,
        (b'{"result":null,"id":1}', b'{"code":2,"msg":"no","id":1}', b'{"e":"serverShutdown","E":1770123456789}'),
    ),
    "bybit": Case(
        stream_venue("bybit", ["BTC/USDT"], Timeframe.H1),
        "BTCUSDT",
        bybit_frame,
        rows_of_data,
        bybit_bar,
        (
            b'{"success":true,"ret_msg":"subscribe","req_id":"1","op":"subscribe"}',
            b'{"success":true,"ret_msg":"pong","op":"ping"}',
        ),
    ),
    "okx": Case(
        stream_venue("okx", ["BTC/USDT"], Timeframe.H1),
        "BTC-USDT",
        okx_frame,
        rows_of_data,
        okx_bar,
        (
            b"pong",
            b'{"event":"subscribe","arg":{"channel":"candle1H","instId":"BTC-USDT"},"connId":"a4d3ae55"}',
            b'{"event":"error","code":"60018","msg":"channel:candle1H,instId:BTC-USDT doesn\'t exist"}',
        ),
    ),
    "kraken": Case(
        stream_venue("kraken", ["BTC/USDT"], Timeframe.H1),
        "BTC/USDT",
        kraken_frame,
        rows_of_data,
        kraken_bar,
        (
            b'{"method":"subscribe","result":{"channel":"ohlc","symbol":"BTC/USDT"},"success":true}',
            b'{"error":"Currency pair not supported","method":"subscribe","success":false,"symbol":"BTC/USDT"}',
            b'{"channel":"heartbeat"}',
        ),
    ),
}
EVERY_VENUE = pytest.mark.parametrize("name", CASES)
SOUND = {"o": "2.0", "h": "4.0", "l": "1.0", "c": "3.0", "v": "10.0"}
PRICES = st.floats(min_value=1e-8, max_value=1e8).map(lambda price: round(price, 8)).filter(lambda price: price > 0)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def stated(case: Case, frame: bytes) -> set[Said]:
    """Every bar of a frame, read without the parser; what cannot be read is not said."""
    bars: set[Said] = set()
    try:
        # Integers as floats, so that none is too long to be read.
        value = json.loads(frame.decode("utf-8", "replace"), strict=False, parse_int=float)
        rows = case.rows(value)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return bars
    for row in rows:
        with suppress(ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError):
            bars.add(case.bar(value, row))
    return bars


def check(case: Case, frame: bytes) -> Sequence[StreamMessage]:
    """See that a frame is answered, in few words, and with no candle that it does not state."""
    venue = case.venue
    messages = venue.parse(frame)
    assert messages
    for message in messages:
        assert isinstance(message, StreamMessage)
        if isinstance(message, ClosedCandle | FormingCandle):
            bar = message.candle
            numbers = (bar.open, bar.high, bar.low, bar.close, bar.volume)
            closed = isinstance(message, ClosedCandle)
            assert (case.market, closed, bar.open_time_ms, numbers) in stated(case, frame), frame
            assert message.symbol == venue.symbols[0]
            assert bar.open_time_ms % venue.timeframe.ms == 0
            if message.event_ms is not None:
                assert message.event_ms >= bar.open_time_ms + (venue.timeframe.ms if closed else 0)
        elif not isinstance(message, Subscribed):
            assert len(repr(message)) < 600, frame
    return messages


ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 60, 0.5, 1e308, 10**18, 10**400, float("nan"), float("inf"), OPEN_MS, SAID_MS),
    *("", "0", "-1", "1", "1e3", "1e999", "NaN", "inf", "1_0", " 1", "٣", "\x00", "\ud800", "x" * 5_000, "9" * 5_000),
    *("BTCUSDT", "BTC-USDT", "BTC/USDT", "ETHUSDT", "kline", "kline.60.BTCUSDT", "candle1H", "ohlc", "subscribe"),
    *(
        str(OPEN_MS),
        str(OPEN_MS + HOUR_MS),
        BEGIN,
        "2024-07-01T00:00:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:00:00Z",
    ),
    *([], {}, [[]], [{}], {"data": {}}, {"e": "kline"}, [1] * 50),
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place inside a JSON value that something else can be put into."""
    keys = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, inner in keys for place in ((value, key), *places(inner))]


def with_other_digits(random: Random, frame: bytes) -> bytes:
    digits = [at for at, byte in enumerate(frame) if chr(byte).isdigit()] or [len(frame) // 2]
    data = bytearray(frame)
    for at in random.choices(digits, k=random.randint(1, 3)):
        data[at] = random.choice(b"0123456789")
    return bytes(data)


def with_other_bytes(random: Random, frame: bytes) -> bytes:
    data = bytearray(frame)
    for _ in range(random.randint(1, 4)):
        at, cut = random.randint(0, len(data)), random.choice((0, 0, 1, 1, 3, 40))
        data[at : at + cut] = random.choice((b"", random.randbytes(random.randint(1, 4)), bytes(data[at : at + 9])))
    return bytes(data)


def with_another_value(random: Random, frame: bytes) -> bytes:
    if not frame.startswith(b"{"):
        return frame
    value = json.loads(frame)
    for _ in range(random.randint(1, 2)):
        inside, key = random.choice(places(value))
        odd = deepcopy(random.choice(ODD))
        if isinstance(inside, list) and random.random() < 0.5:
            inside.insert(key, deepcopy(random.choice((*inside, odd))))
        elif isinstance(inside, dict) and random.random() < 0.3:
            inside[random.choice(("news", "e", "k", "data", "event", "arg", "topic", "method"))] = odd
        else:
            inside[key] = odd
    return json.dumps(value, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")


def with_depth(random: Random, frame: bytes) -> bytes:
    begin, end = random.choice(((b'{"a":', b"}"), (b"[", b"]"), (b'{"data":', b"}"), (b'{"data":[', b"]}")))
    deep = random.choice((3, 50, 20_000))
    inside = begin * deep + random.choice((b"1", frame)) + end * random.choice((deep, deep, 0))
    return random.choice((inside, frame.replace(b"{", b'{"news":' + inside + b",", 1)))


def with_another_frame(random: Random, frame: bytes, other: bytes) -> bytes:
    at, to = random.randint(0, len(frame)), random.randint(0, len(other))
    return random.choice((frame[:at] + other[to:], frame[:at], frame + other, frame[:at] + other + frame[at:]))


def damaged(random: Random, frames: Sequence[bytes]) -> bytes:
    """A frame that a venue would hardly send, and now and then one that it would."""
    frame = random.choice(frames)
    way = random.randint(0, 9)
    if way <= 3:
        return with_other_digits(random, frame)
    if way <= 5:
        return with_another_value(random, frame)
    if way <= 7:
        return with_other_bytes(random, frame)
    if way == 8:
        return with_another_frame(random, frame, random.choice(frames))
    return with_depth(random, frame) if random.random() < 0.2 else random.randbytes(random.randint(0, 300))


def fuzz(case: Case, frames: Sequence[bytes], count: int) -> None:
    """Damage frames `count` times, and see that both belief and refusal were tried in earnest."""
    random = Random(20_240_701)  # noqa: S311 - the same damage every time, and no secret
    tally: Counter[str] = Counter()
    for _ in range(count):
        tally.update(type(message).__name__ for message in check(case, damaged(random, frames)))
    assert tally["ClosedCandle"] + tally["FormingCandle"] > count / 50, tally
    assert tally["Refused"] > count / 5, tally


@EVERY_VENUE
def test_damaged_frames_never_raise_and_never_give_a_candle_that_they_do_not_state(name) -> None:
    fuzz(CASES[name], CASES[name].frames(), FEW)


@pytest.mark.proof
@EVERY_VENUE
def test_a_hundred_thousand_damaged_frames_never_give_a_candle_that_they_do_not_state(name) -> None:
    fuzz(CASES[name], CASES[name].frames(), MANY)


def test_a_damaged_recording_of_binance_gives_no_candle_that_it_does_not_state() -> None:
    file = SHARED / "ws" / "binance_btcusdt_kline_5m_frames.txt"
    if not file.exists():
        pytest.skip(f"no real frames at {file}")
    case = replace(CASES["binance"], venue=stream_venue("binance", ["BTC/USDT"], Timeframe.M5))
    fuzz(case, file.read_bytes().splitlines(), FEW)


def test_a_damaged_recording_of_okcoin_gives_no_candle_that_it_does_not_state() -> None:
    file = SHARED / "ws" / "cryptofeed" / "OKCOIN.ws.1.0.gz"
    if not file.exists():
        pytest.skip(f"no real frames at {file}")
    lines = gzip.decompress(file.read_bytes()).splitlines()
    frames = [line.partition(b": ")[2] for line in lines if b'candle1m","instId":"BTC-USD"},"data"' in line]
    case = replace(CASES["okx"], venue=stream_venue("okx", ["BTC/USD"], Timeframe.M1), market="BTC-USD")
    fuzz(case, frames, FEW)


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
