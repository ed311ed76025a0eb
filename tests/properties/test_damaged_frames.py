"""
Whatever is damaged in a frame of a venue, its parser gives no candle that the frame does not state.

Whole frames and recordings of real venues are damaged by bytes, digits, values and depth, from a seed.
"""

import gzip
import json
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from bot.adapters.venues.names import stream_venue
from bot.core.market import Timeframe
from tests.venue_frames import BEGIN, CASES, EVERY_VENUE, HOUR_MS, OPEN_MS, SAID_MS, Case, check, places

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
FEW, MANY = 5_000, 100_000
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
