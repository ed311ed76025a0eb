"""Kraken's v2 candle channel: what each frame means, by frames of our own and by documented ones where they are."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from bot.adapters.venues import (
    Alive,
    FormingCandle,
    Ignored,
    Refused,
    StreamMessage,
    Subscribed,
    SubscriptionRefused,
)
from bot.adapters.venues.kraken import KrakenCandles
from bot.core.errors import ConfigError
from bot.core.market import Candle, Timeframe

DOCUMENTED = Path(__file__).resolve().parents[4].parent / "shared/data/fixtures/nautilus/kraken/crate"
OPEN_MS = 1_719_792_000_000
SAID_MS = OPEN_MS + 2_264
CANDLE = Candle(OPEN_MS, 62_772.1, 63_140.0, 62_701.5, 63_012.4, 812.40315)


def candles(timeframe: Timeframe = Timeframe.M1) -> KrakenCandles:
    return KrakenCandles({"BTC/USD": "BTC/USD", "ETH/USD": "ETH/USD"}, timeframe, "ws://127.0.0.1:1/")


def bar(**changes: object) -> dict[str, object]:
    prices = {"open": 62_772.1, "high": 63_140, "low": 62_701.5, "close": 63_012.4, "volume": 812.40315, "vwap": 62_800}
    times = {"interval_begin": "2024-07-01T00:00:00.000000000Z", "interval": 1, "timestamp": "2024-07-01T00:01:00Z"}
    return {"symbol": "BTC/USD", **prices, "trades": 12, **times, **changes}


def frame(*bars: dict[str, object], kind: str = "update", **changes: object) -> dict[str, object]:
    said = {"timestamp": "2024-07-01T00:00:02.264627814Z"}
    return {"channel": "ohlc", "type": kind, **said, "data": list(bars), **changes}


def meanings(value: object, venue: KrakenCandles | None = None) -> tuple[StreamMessage, ...]:
    return (venue or candles()).parse(value if isinstance(value, bytes) else json.dumps(value).encode())


def documented(name: str) -> bytes:
    file = DOCUMENTED / name
    if not file.exists():
        pytest.skip(f"no documented frame at {file}")
    return file.read_bytes()


def test_a_bar_forms_whatever_its_age_since_kraken_never_calls_one_final() -> None:
    late = "2024-07-01T01:00:00Z"
    assert meanings(frame(bar())) == (FormingCandle("BTC/USD", SAID_MS, CANDLE),)
    assert meanings(frame(bar(), timestamp=late)) == (FormingCandle("BTC/USD", OPEN_MS + 3_600_000, CANDLE),)


@pytest.mark.parametrize("order", [1, -1])
def test_a_snapshot_gives_the_newest_bar_of_each_market_since_an_older_close_is_no_news(order) -> None:
    begins = ["2024-06-30T23:57:00Z", "2024-06-30T23:59:00Z", "2024-07-01T00:00:00Z"][::order]
    bars = [bar(symbol=symbol, interval_begin=begin) for symbol in ("BTC/USD", "ETH/USD") for begin in begins]
    expected = tuple(FormingCandle(symbol, SAID_MS, CANDLE) for symbol in ("BTC/USD", "ETH/USD"))
    assert meanings(frame(*bars, kind="snapshot")) == expected


def test_a_frame_without_a_time_forms_a_bar_without_one() -> None:
    value = frame(bar())
    del value["timestamp"]
    assert meanings(value) == (FormingCandle("BTC/USD", None, CANDLE),)


def test_a_time_in_another_zone_is_the_same_time() -> None:
    assert meanings(frame(bar(interval_begin="2024-07-01T02:00:00+02:00"))) == meanings(frame(bar()))


def test_one_bad_bar_takes_no_other_with_it() -> None:
    refused, forming = meanings(frame(bar(symbol="ETH/USD", high=1), bar()))
    assert isinstance(refused, Refused)
    assert isinstance(forming, FormingCandle)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"symbol": "DOGE/USD"}, "unknown symbol"),
        ({"interval": 5}, "wrong interval"),
        ({"interval": "1"}, "malformed"),
        ({"interval_begin": "2024-07-01T00:00:00.001Z"}, "times off the interval's grid"),
        ({"interval_begin": "2024-07-01T00:00:00.000001Z"}, "times off the interval's grid"),
        ({"interval_begin": "2024-07-01T00:00:00"}, "malformed"),
        ({"interval_begin": "2024-07-01T00:00:60Z"}, "malformed"),
        ({"interval_begin": OPEN_MS}, "malformed"),
        ({"interval_begin": "2024-07-01T00:01:00Z"}, "said before it could be known"),
        ({"interval_begin": "1960-07-01T00:00:00Z"}, "no time of this age"),
        ({"high": 62_000}, "impossible candle"),
        ({"low": 0}, "impossible candle"),
        ({"volume": -1}, "impossible candle"),
        ({"open": "62772.1"}, "malformed"),
        ({"open": None}, "malformed"),
    ],
)
def test_a_bar_that_must_not_be_believed_is_refused(changes, why) -> None:
    (message,) = meanings(frame(bar(**changes)))
    assert isinstance(message, Refused)
    assert message.code == why


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:00-14:00", "2287-01-01T00:00:00Z"])
def test_a_time_that_no_clock_can_show_is_refused(moment) -> None:
    (message,) = meanings(frame(bar(), timestamp=moment))
    assert isinstance(message, Refused)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"nonsense",
        b"[1]",
        b'{"channel":"ohlc"}',
        b'{"channel":"ohlc","data":[]}',
        b'{"channel":"ohlc","data":7}',
        b'{"channel":"ohlc","data":[{"open":NaN}]}',
        b'{"method":"subscribe","success":"yes"}',
        b"[" * 50_000,
    ],
)
def test_what_is_no_message_is_refused(data) -> None:
    (message,) = meanings(data)
    assert isinstance(message, Refused)
    assert message.code == "malformed"


def test_an_unknown_field_is_passed_over() -> None:
    assert meanings(frame(bar(news={}), news=1)) == (FormingCandle("BTC/USD", SAID_MS, CANDLE),)


def test_other_channels_and_methods_are_passed_over() -> None:
    assert meanings({"channel": "status", "data": [{"system": "online"}]}) == (Ignored("status"),)
    assert meanings({"channel": "trade", "data": [{"symbol": "BTC/USD", "price": 1}]}) == (Ignored("trade"),)
    assert meanings({"method": "add_order", "result": {"order_id": "x"}, "success": True}) == (Ignored("add_order"),)
    assert meanings({"method": "add_order", "error": "EOrder:no", "success": False}) == (Ignored("add_order"),)
    assert meanings({}) == (Ignored("unknown message"),)


def test_heartbeats_and_pongs_say_that_the_connection_lives() -> None:
    assert meanings({"channel": "heartbeat"}) == (Alive(),)
    assert meanings({"method": "pong", "time_in": "2024-07-01T00:00:00Z"}) == (Alive(),)


def test_each_market_is_confirmed_by_itself() -> None:
    result = {"channel": "ohlc", "interval": 1, "snapshot": True, "symbol": "ETH/USD", "warnings": ["old"]}
    assert meanings({"method": "subscribe", "result": result, "success": True}) == (Subscribed(("ETH/USD",)),)


@pytest.mark.parametrize("change", [{"channel": "trade"}, {"symbol": "DOGE/USD"}])
def test_the_confirmation_of_something_else_confirms_nothing(change) -> None:
    result = {"channel": "ohlc", "symbol": "ETH/USD", **change}
    assert meanings({"method": "subscribe", "result": result, "success": True}) == (Ignored("subscribe"),)


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (
            {
                "error": "Currency pair not supported ETH/USD",
                "method": "subscribe",
                "success": False,
                "symbol": "ETH/USD",
            },
            SubscriptionRefused("ETH/USD", "", "Currency pair not supported ETH/USD"),
        ),
        (
            {"error": "Currency pair not supported X", "method": "subscribe", "success": False, "symbol": "X"},
            SubscriptionRefused(None, "", "Currency pair not supported X"),
        ),
        ({"Error": "Exceeded msg rate"}, SubscriptionRefused(None, "", "Exceeded msg rate")),
    ],
)
def test_a_refusal_names_the_market_where_kraken_does(answer, refusal) -> None:
    assert meanings(answer) == (refusal,)


def test_markets_are_asked_for_fifty_at_a_time_with_a_snapshot() -> None:
    markets = {f"C{number}/USD": f"C{number}/USD" for number in range(120)}
    asked = KrakenCandles(markets, Timeframe.H4).subscription()
    requests = [json.loads(one) for one in asked.frames]
    assert [len(request["params"]["symbol"]) for request in requests] == [50, 50, 20]
    rest = {
        (request["method"], *(request["params"][name] for name in ("channel", "interval", "snapshot")))
        for request in requests
    }
    assert rest == {("subscribe", "ohlc", 240, True)}
    assert asked.awaited == set(markets)


def test_what_kraken_cannot_stream_is_a_mistake_in_the_settings() -> None:
    with pytest.raises(ConfigError, match="Kraken streams no 2h candles: choose one of 1m, 5m, 15m, 30m, 1h, 4h, 1d"):
        candles(Timeframe.H2)
    with pytest.raises(ConfigError, match="carries 1 to 250 markets, got 0"):
        KrakenCandles({}, Timeframe.H1)


def test_kraken_marks_no_final_bars_sends_only_traded_ones_and_beats_by_itself() -> None:
    venue = candles()
    assert (venue.says_closed, venue.only_trades, venue.keep_alive) == (False, True, None)
    assert venue.stream_url == "ws://127.0.0.1:1/v2"
    assert KrakenCandles({"BTC/USD": "BTC/USD"}, Timeframe.H1).stream_url == "wss://ws.kraken.com/v2"


def test_the_documented_update_gives_the_candle_that_it_says() -> None:
    data = documented("ws_ohlc_update.json")
    (row,) = json.loads(data)["data"]
    open_ms = round(datetime.fromisoformat(row["interval_begin"].replace(".000000000Z", "+00:00")).timestamp() * 1_000)
    candle = Candle(open_ms, row["open"], row["high"], row["low"], row["close"], row["volume"])
    assert meanings(data) == (FormingCandle("BTC/USD", None, candle),)


def test_the_documented_answers_are_understood() -> None:
    assert meanings(documented("ws_pong.json")) == (Alive(),)
    answer = json.loads(documented("ws_subscribe_response.json"))
    assert meanings(answer) == (Ignored("subscribe"),)
    answer["result"]["channel"] = "ohlc"
    assert meanings(answer) == (Subscribed(("BTC/USD",)),)


def test_documented_messages_of_other_kinds_give_no_candle() -> None:
    documented("ws_ohlc_update.json")
    files = [file for file in sorted(DOCUMENTED.glob("ws_*.json")) if "ohlc" not in file.name]
    assert len(files) > 20
    for file in files:
        kinds = {type(message) for message in meanings(file.read_bytes())}
        assert kinds <= {Ignored, Alive, Refused, SubscriptionRefused}, file.name
