"""Bybit's v5 kline streams: what each frame means, by frames of our own and by documented ones where they are."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.venues import (
    Alive,
    ClosedCandle,
    FormingCandle,
    Ignored,
    Refused,
    StreamMessage,
    Subscribed,
    SubscriptionRefused,
)
from bot.adapters.venues.bybit import INTERVALS, MAX_MARKETS, TESTNET_URL, BybitKlines
from bot.core.errors import ConfigError
from bot.core.market import Candle, Timeframe

DOCUMENTED = Path(__file__).resolve().parents[4].parent / "shared/data/fixtures/nautilus/bybit/crate"
OPEN_MS = 1_719_792_000_000
HOUR_MS = 3_600_000
SAID_MS = OPEN_MS + HOUR_MS + 154
CANDLE = Candle(OPEN_MS, 62_772.01, 63_140.0, 62_701.55, 63_012.4, 812.40315)


def klines(timeframe: Timeframe = Timeframe.H1) -> BybitKlines:
    return BybitKlines({"BTCUSDT": "BTC/USDT", "ETHUSDT": "ETH/USDT"}, timeframe, "ws://127.0.0.1:1/")


def bar(**changes: object) -> dict[str, object]:
    prices = {"open": "62772.01", "high": "63140", "low": "62701.55", "close": "63012.4", "volume": "812.40315"}
    times = {"start": OPEN_MS, "end": OPEN_MS + HOUR_MS - 1, "timestamp": SAID_MS}
    return {**times, **prices, "interval": "60", "turnover": "51172311.5", "confirm": True, **changes}


def frame(*bars: dict[str, object], **changes: object) -> dict[str, object]:
    return {"topic": "kline.60.BTCUSDT", "type": "snapshot", "ts": SAID_MS, "data": list(bars), **changes}


def meanings(value: object, venue: BybitKlines | None = None) -> tuple[StreamMessage, ...]:
    return (venue or klines()).parse(value if isinstance(value, bytes) else json.dumps(value).encode())


def documented(name: str) -> bytes:
    file = DOCUMENTED / name
    if not file.exists():
        pytest.skip(f"no documented frame at {file}")
    return file.read_bytes()


def test_a_confirmed_bar_is_closed_when_the_frame_says_so() -> None:
    assert meanings(frame(bar())) == (ClosedCandle("BTC/USDT", SAID_MS, CANDLE),)


def test_a_bar_that_is_not_confirmed_forms() -> None:
    said_ms = OPEN_MS + 60_000
    assert meanings(frame(bar(confirm=False), ts=said_ms)) == (FormingCandle("BTC/USDT", said_ms, CANDLE),)


def test_a_frame_may_hold_the_final_bar_and_its_successor() -> None:
    later = bar(start=OPEN_MS + HOUR_MS, end=OPEN_MS + 2 * HOUR_MS - 1, confirm=False)
    closed, forming = meanings(frame(bar(), later))
    assert closed == ClosedCandle("BTC/USDT", SAID_MS, CANDLE)
    assert isinstance(forming, FormingCandle)
    assert forming.candle.open_time_ms == OPEN_MS + HOUR_MS


def test_one_bad_bar_takes_no_other_with_it() -> None:
    refused, closed = meanings(frame(bar(high="1"), bar()))
    assert isinstance(refused, Refused)
    assert isinstance(closed, ClosedCandle)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"interval": "5"}, "wrong interval"),
        ({"start": OPEN_MS + 1, "end": OPEN_MS + HOUR_MS}, "times off the interval's grid"),
        ({"end": OPEN_MS + HOUR_MS}, "times off the interval's grid"),
        ({"start": OPEN_MS * 1_000}, "malformed"),
        ({"high": "62000"}, "impossible candle"),
        ({"close": "63140.01"}, "impossible candle"),
        ({"low": "0"}, "impossible candle"),
        ({"volume": "-1"}, "impossible candle"),
        ({"open": ""}, "not a number"),
        ({"open": "1_0"}, "not a number"),
        ({"open": "NaN"}, "not a number"),
        ({"open": 62772.01}, "malformed"),
        ({"confirm": "true"}, "malformed"),
    ],
)
def test_a_bar_that_must_not_be_believed_is_refused(changes, why) -> None:
    (message,) = meanings(frame(bar(**changes)))
    assert isinstance(message, Refused)
    assert message.code == why


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"topic": "kline.60.DOGEUSDT"}, "unknown symbol"),
        ({"topic": "kline.5.BTCUSDT"}, "wrong interval"),
        ({"topic": "kline.60"}, "unknown symbol"),
        ({"ts": OPEN_MS + HOUR_MS - 1}, "said before it could be known"),
        ({"data": []}, "malformed"),
        ({"data": None}, "malformed"),
    ],
)
def test_a_frame_that_must_not_be_believed_is_refused(changes, why) -> None:
    (message,) = meanings(frame(bar(), **changes))
    assert isinstance(message, Refused)
    assert message.code == why


@pytest.mark.parametrize("data", [b"", b"\xff", b"nonsense", b"[1]", b'{"topic":"kl', b'{"a":' * 50_000])
def test_what_is_no_message_is_refused(data) -> None:
    (message,) = meanings(data)
    assert isinstance(message, Refused)
    assert message.code == "malformed"


def test_an_unknown_field_is_passed_over() -> None:
    assert meanings(frame(bar(news=[1]), cs=7)) == (ClosedCandle("BTC/USDT", SAID_MS, CANDLE),)


def test_other_topics_and_operations_are_passed_over() -> None:
    assert meanings({"topic": "tickers.BTCUSDT", "data": {"lastPrice": "1"}}) == (Ignored("tickers.BTCUSDT"),)
    assert meanings({"op": "auth", "success": True}) == (Ignored("auth"),)
    assert meanings({}) == (Ignored("unknown message"),)


def test_a_request_is_confirmed_as_a_whole_by_its_id() -> None:
    answer = {"success": True, "ret_msg": "subscribe", "conn_id": "x", "req_id": "2", "op": "subscribe"}
    assert meanings(answer) == (Subscribed(("2",)),)


@pytest.mark.parametrize(("request_id", "key"), [("2", "2"), ("", None)])
def test_a_refusal_names_the_request_where_bybit_does(request_id, key) -> None:
    text = "error:handler not found,topic:kline.60.NOPE"
    answer = {"success": False, "ret_msg": text, "conn_id": "x", "req_id": request_id, "op": "subscribe"}
    assert meanings(answer) == (SubscriptionRefused(key, "", text),)


@pytest.mark.parametrize("answer", [{"success": True, "ret_msg": "pong", "op": "ping"}, {"op": "pong", "args": ["1"]}])
def test_the_answer_to_a_ping_says_that_the_connection_lives(answer) -> None:
    assert meanings(answer) == (Alive(),)


def test_markets_are_asked_for_ten_at_a_time() -> None:
    markets = {f"C{number}USDT": f"C{number}/USDT" for number in range(25)}
    asked = BybitKlines(markets, Timeframe.D1).subscription()
    requests = [json.loads(one) for one in asked.frames]
    assert [len(request["args"]) for request in requests] == [10, 10, 5]
    assert {request["req_id"] for request in requests} == asked.awaited == {"1", "2", "3"}
    assert [topic for request in requests for topic in request["args"]] == [f"kline.D.{market}" for market in markets]


def test_a_full_connection_stays_within_the_characters_that_topics_may_have() -> None:
    markets = {f"LONGESTNAME{number:03}USDC": f"LONGESTNAME{number:03}/USDC" for number in range(MAX_MARKETS)}
    asked = BybitKlines(markets, Timeframe.H12).subscription()
    assert sum(len(topic) for one in asked.frames for topic in json.loads(one)["args"]) < 21_000


def test_what_bybit_cannot_stream_is_a_mistake_in_the_settings() -> None:
    with pytest.raises(ConfigError, match="Bybit streams no 8h candles: choose one of 1m, 3m"):
        klines(Timeframe.H8)
    with pytest.raises(ConfigError, match="carries 1 to 500 markets, got 0"):
        BybitKlines({}, Timeframe.H1)


def test_bybit_marks_final_bars_sends_empty_ones_and_wants_a_ping_every_20_seconds() -> None:
    venue = klines()
    assert (venue.says_closed, venue.only_trades) == (True, False)
    assert json.loads(venue.keep_alive.frame) == {"op": "ping"}
    assert venue.keep_alive.every_s == 20
    assert venue.stream_url == "ws://127.0.0.1:1/v5/public/spot"
    assert BybitKlines({"BTCUSDT": "BTC/USDT"}, Timeframe.H1, TESTNET_URL).stream_url.startswith(
        "wss://stream-testnet."
    )


def test_the_documented_kline_gives_the_candle_that_it_says() -> None:
    data = documented("ws_kline.json")
    said: dict[str, Any] = json.loads(data)
    row = said["data"][0]
    begin, high, low, end, volume = (float(row[name]) for name in ("open", "high", "low", "close", "volume"))
    (message,) = meanings(data, klines(Timeframe.M5))
    assert message == FormingCandle("BTC/USDT", said["ts"], Candle(row["start"], begin, high, low, end, volume))
    assert INTERVALS[Timeframe.M5] == row["interval"]


def test_the_documented_answers_to_requests_are_understood() -> None:
    assert meanings(documented("ws_subscription_ack.json")) == (Subscribed(("sub-orderbook-1",)),)
    refusal = SubscriptionRefused(None, "", "Invalid topic: invalid.topic.BTCUSDT")
    assert meanings(documented("ws_subscription_failure.json")) == (refusal,)


def test_documented_messages_of_other_kinds_give_no_candle() -> None:
    documented("ws_kline.json")
    files = [file for file in sorted(DOCUMENTED.glob("ws_*.json")) if "kline" not in file.name]
    messages = [message for file in files for message in meanings(file.read_bytes())]
    assert {type(message) for message in messages} <= {Ignored, Subscribed, SubscriptionRefused}
    assert len(messages) > 20
