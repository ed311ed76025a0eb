"""Binance's kline streams: what each frame means, by our own golden frames and by real ones where they are."""

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.adapters.venues import ClosedCandle, FormingCandle, Ignored, Refused, StreamMessage
from bot.adapters.venues.binance import DEMO_URL, LIVE_URL, MAX_MARKETS, TESTNET_URL, BinanceKlines
from bot.core.errors import ConfigError
from bot.core.market import Candle, Timeframe

ROOT = Path(__file__).resolve().parents[4]
SHARED = ROOT.parent / "shared" / "data"
GOLDEN = [json.loads(line) for line in (ROOT / "tests/golden/binance_stream.jsonl").read_text("utf-8").splitlines()]


def klines(timeframe: Timeframe = Timeframe.H1) -> BinanceKlines:
    return BinanceKlines({"BTCUSDT": "BTC/USDT", "ETHUSDT": "ETH/USDT"}, timeframe, "ws://127.0.0.1:1/")


def meaning(frame: bytes, venue: BinanceKlines | None = None) -> StreamMessage:
    (message,) = (venue or klines()).parse(frame)
    return message


def said(event: dict[str, Any], symbol: str) -> ClosedCandle | FormingCandle:
    """What a kline event says, read without the parser."""
    kline = event["k"]
    begin, high, low, end, volume = (float(kline[name]) for name in "ohlcv")
    candle = Candle(kline["t"], begin, high, low, end, volume)
    return (ClosedCandle if kline["x"] else FormingCandle)(symbol, event["E"], candle)


def plain(message: StreamMessage) -> dict[str, object]:
    """A message as the golden file writes it; the words of a refusal are for people and may change."""
    values = json.loads(msgspec.json.encode(message))
    if isinstance(message, Refused):
        assert values.pop("reason")
    return {"type": type(message).__name__, **values}


@pytest.mark.parametrize("case", GOLDEN, ids=[case["why"] for case in GOLDEN])
def test_each_golden_frame_means_what_is_written_beside_it(case) -> None:
    assert plain(meaning(json.dumps(case["frame"]).encode())) == case["means"]


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xff\xfe",
        b"nonsense",
        b'{"e":"kline"',
        b'{"a":' * 50_000,
        b"[" * 50_000,
        b'{"e":"\xff"}',
        b'{"e":"\\ud800"}',
    ],
    ids=["empty", "no utf-8", "no json", "cut", "deep objects", "deep lists", "bad utf-8 inside", "half a surrogate"],
)
def test_what_is_not_json_is_refused(frame) -> None:
    message = meaning(frame)
    assert isinstance(message, Refused)
    assert message.code == "malformed"


def test_a_refusal_repeats_only_a_little_of_what_it_refuses() -> None:
    case = json.loads(json.dumps(GOLDEN[0]["frame"]))
    case["data"]["k"]["s"] = "X" * 100_000
    message = meaning(json.dumps(case).encode())
    assert isinstance(message, Refused)
    assert len(message.reason) < 300


def test_every_market_is_subscribed_once_with_an_id_to_be_answered() -> None:
    asked = klines().subscription()
    assert [json.loads(frame) for frame in asked.frames] == [
        {"method": "SUBSCRIBE", "params": ["btcusdt@kline_1h", "ethusdt@kline_1h"], "id": 1}
    ]
    assert asked.awaited == {"1"}


def test_a_full_connection_stays_below_five_messages_a_second() -> None:
    markets = {f"C{number}USDT": f"C{number}/USDT" for number in range(MAX_MARKETS)}
    asked = BinanceKlines(markets, Timeframe.M1).subscription()
    assert len(asked.frames) <= 4
    requests = [json.loads(frame) for frame in asked.frames]
    assert len({name for request in requests for name in request["params"]}) == MAX_MARKETS
    assert {str(request["id"]) for request in requests} == asked.awaited


@pytest.mark.parametrize("count", [0, MAX_MARKETS + 1])
def test_a_connection_without_markets_or_with_too_many_is_refused(count) -> None:
    with pytest.raises(ConfigError, match=f"carries 1 to 1024 markets, got {count}"):
        BinanceKlines({f"C{number}USDT": f"C{number}/USDT" for number in range(count)}, Timeframe.M1)


def test_the_address_is_the_combined_endpoint_of_each_environment() -> None:
    assert klines().stream_url == "ws://127.0.0.1:1/stream"
    addresses = [
        BinanceKlines({"BTCUSDT": "BTC/USDT"}, Timeframe.H1, url).stream_url
        for url in (LIVE_URL, TESTNET_URL, DEMO_URL)
    ]
    assert addresses == [
        "wss://data-stream.binance.vision/stream",
        "wss://stream.testnet.binance.vision/stream",
        "wss://demo-stream.binance.com/stream",
    ]


def test_binance_marks_final_bars_sends_empty_ones_and_pings_by_itself() -> None:
    venue = klines()
    assert (venue.says_closed, venue.only_trades, venue.keep_alive) == (True, False, None)
    assert (venue.symbols, venue.timeframe) == (("BTC/USDT", "ETH/USDT"), Timeframe.H1)


def test_real_frames_of_a_candle_boundary_give_the_candles_that_they_say() -> None:
    file = SHARED / "ws" / "binance_btcusdt_kline_5m_frames.txt"
    if not file.exists():
        pytest.skip(f"no real frames at {file}")
    venue = klines(Timeframe.M5)
    frames = file.read_bytes().splitlines()
    messages = [meaning(frame, venue) for frame in frames]
    assert messages == [said(json.loads(frame), "BTC/USDT") for frame in frames]
    assert sum(isinstance(message, ClosedCandle) for message in messages) == 1


def test_a_real_recording_of_many_streams_gives_only_its_klines() -> None:
    file = SHARED / "ws" / "cryptofeed" / "BINANCE.ws.1.0.gz"
    if not file.exists():
        pytest.skip(f"no real frames at {file}")
    markets = {"NKNUSDT": "NKN/USDT", "BLZETH": "BLZ/ETH", "LRCBTC": "LRC/BTC", "RUNEEUR": "RUNE/EUR"}
    venue = BinanceKlines(markets, Timeframe.M1)
    lines = gzip.decompress(file.read_bytes()).splitlines()
    frames = [line.partition(b": ")[2] for line in lines if line[:1].isdigit()]
    assert len(frames) > 200
    events = [json.loads(frame)["data"] for frame in frames if b"@kline_1m" in frame]
    messages = [meaning(frame, venue) for frame in frames]
    candles = [message for message in messages if not isinstance(message, Ignored)]
    assert candles == [said(event, markets[event["s"]]) for event in events]
    assert candles


@pytest.mark.parametrize(
    ("name", "why"),
    [("kline_stream_open", "impossible candle"), ("kline_stream_closed", "said before it could be known")],
)
def test_a_documented_kline_that_no_market_can_have_had_is_refused(name, why) -> None:
    file = SHARED / "fixtures/nautilus/binance/crate/futures/market_data_json" / f"{name}.json"
    if not file.exists():
        pytest.skip(f"no documented frame at {file}")
    message = meaning(file.read_bytes(), klines(Timeframe.M1))
    assert isinstance(message, Refused)
    assert message.code == why


def test_documented_messages_of_other_kinds_give_no_candle() -> None:
    folder = SHARED / "fixtures/nautilus/binance/py/ws_messages"
    if not folder.exists():
        pytest.skip(f"no documented frames at {folder}")
    messages = [meaning(file.read_bytes()) for file in sorted(folder.glob("*.json"))]
    assert {type(message) for message in messages} == {Ignored}
    assert len(messages) > 20
