"""Binance's kline streams: what each frame means, by our own golden frames and by real ones where they are."""

import gzip
import json
from pathlib import Path

import msgspec
import pytest

from bot.adapters.venues import ClosedCandle, FormingPrice, Ignored, Refused, StreamMessage
from bot.adapters.venues.binance import MAX_STREAMS, BinanceKlines
from bot.core.errors import ConfigError
from bot.core.market import Timeframe

ROOT = Path(__file__).resolve().parents[4]
REAL = ROOT.parent / "shared" / "data" / "ws"
GOLDEN = [json.loads(line) for line in (ROOT / "tests/golden/binance_stream.jsonl").read_text("utf-8").splitlines()]


def klines(timeframe: Timeframe = Timeframe.H1) -> BinanceKlines:
    return BinanceKlines({"BTCUSDT": "BTC/USDT", "ETHUSDT": "ETH/USDT"}, timeframe, "ws://127.0.0.1:1/")


def plain(message: StreamMessage) -> dict[str, object]:
    """A message as the golden file writes it; the words of a refusal are for people and may change."""
    values = msgspec.to_builtins(message)
    if isinstance(message, Refused):
        assert values.pop("reason")
    return {"type": type(message).__name__, **values}


@pytest.mark.parametrize("case", GOLDEN, ids=[case["why"] for case in GOLDEN])
def test_each_golden_frame_means_what_is_written_beside_it(case) -> None:
    assert plain(klines().parse(json.dumps(case["frame"]).encode())) == case["means"]


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
    message = klines().parse(frame)
    assert isinstance(message, Refused)
    assert message.code == "malformed"


def test_a_refusal_repeats_only_a_little_of_what_it_refuses() -> None:
    case = json.loads(json.dumps(GOLDEN[0]["frame"]))
    case["data"]["k"]["s"] = "X" * 100_000
    message = klines().parse(json.dumps(case).encode())
    assert isinstance(message, Refused)
    assert len(message.reason) < 300


def test_every_market_is_subscribed_once_with_an_id_to_be_answered() -> None:
    requests = klines().subscribe_frames()
    assert [json.loads(request) for request in requests.values()] == [
        {"method": "SUBSCRIBE", "params": ["btcusdt@kline_1h", "ethusdt@kline_1h"], "id": 1}
    ]
    assert list(requests) == [1]


def test_a_full_connection_stays_below_five_messages_a_second() -> None:
    markets = {f"C{number}USDT": f"C{number}/USDT" for number in range(MAX_STREAMS)}
    requests = BinanceKlines(markets, Timeframe.M1).subscribe_frames()
    assert len(requests) <= 4
    names = [name for request in requests.values() for name in json.loads(request)["params"]]
    assert len(set(names)) == MAX_STREAMS


@pytest.mark.parametrize("count", [0, MAX_STREAMS + 1])
def test_a_connection_without_markets_or_with_too_many_is_refused(count) -> None:
    with pytest.raises(ConfigError, match=str(count)):
        BinanceKlines({f"C{number}USDT": f"C{number}/USDT" for number in range(count)}, Timeframe.M1)


def test_the_address_is_the_combined_endpoint() -> None:
    assert klines().stream_url == "ws://127.0.0.1:1/stream"


def test_real_frames_of_a_candle_boundary_give_the_prices_that_they_say() -> None:
    file = REAL / "binance_btcusdt_kline_5m_frames.txt"
    if not file.exists():
        pytest.skip(f"no real frames at {file}")
    venue = klines(Timeframe.M5)
    frames = file.read_bytes().splitlines()
    messages = [venue.parse(frame) for frame in frames]
    closed = 0
    for frame, message in zip(frames, messages, strict=True):
        said = json.loads(frame)["k"]
        if said["x"]:
            assert isinstance(message, ClosedCandle)
            candle = message.candle
            values = (candle.open, candle.high, candle.low, candle.close, candle.volume)
            assert values == tuple(float(said[name]) for name in "ohlcv")
            assert candle.open_time_ms == said["t"]
            closed += 1
        else:
            assert message == FormingPrice("BTC/USDT", json.loads(frame)["E"], float(said["c"]))
    assert closed == 1


def test_a_real_recording_of_many_streams_gives_only_its_klines() -> None:
    file = REAL / "cryptofeed" / "BINANCE.ws.1.0.gz"
    if not file.exists():
        pytest.skip(f"no real frames at {file}")
    markets = {"NKNUSDT": "NKN/USDT", "BLZETH": "BLZ/ETH", "LRCBTC": "LRC/BTC", "RUNEEUR": "RUNE/EUR"}
    venue = BinanceKlines(markets, Timeframe.M1)
    lines = gzip.decompress(file.read_bytes()).splitlines()
    frames = [line.partition(b": ")[2] for line in lines if line[:1].isdigit()]
    messages = [venue.parse(frame) for frame in frames]
    assert len(frames) > 200
    said = [json.loads(frame)["data"] for frame in frames if b"@kline_1m" in frame]
    prices = [message for message in messages if not isinstance(message, Ignored)]
    assert prices == [FormingPrice(markets[event["s"]], event["E"], float(event["k"]["c"])) for event in said]
