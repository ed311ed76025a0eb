"""OKX's v5 candle channels: what each frame means, by frames of our own and by recorded ones where they are."""

import gzip
import json
from pathlib import Path

import pytest

from bot.adapters.venues import (
    Alive,
    ClosedCandle,
    FormingCandle,
    Ignored,
    Refused,
    ShuttingDown,
    StreamMessage,
    Subscribed,
    SubscriptionRefused,
)
from bot.adapters.venues.okx import DEMO_URL, OkxCandles
from bot.core.errors import ConfigError
from bot.core.market import Candle, Timeframe

SHARED = Path(__file__).resolve().parents[4].parent / "shared" / "data"
OPEN_MS = 1_719_792_000_000
HOUR_MS = 3_600_000
CANDLE = Candle(OPEN_MS, 62_772.01, 63_140.0, 62_701.55, 63_012.4, 812.40315)
ROW = [str(OPEN_MS), "62772.01", "63140", "62701.55", "63012.4", "812.40315", "51172311.5", "51172311.5", "1"]
MARKETS = {"BTC-USDT": "BTC/USDT", "ETH-USDT": "ETH/USDT"}


def candles(timeframe: Timeframe = Timeframe.H1) -> OkxCandles:
    return OkxCandles(MARKETS, timeframe, "ws://127.0.0.1:1/")


def row(**changes: object) -> list[object]:
    """The row, with some of its columns changed: `at0`, `at8`."""
    return [changes.get(f"at{column}", value) for column, value in enumerate(ROW)]


def frame(*rows: object, channel: str = "candle1H", market: str = "BTC-USDT") -> dict[str, object]:
    return {"arg": {"channel": channel, "instId": market}, "data": list(rows)}


def meanings(value: object, venue: OkxCandles | None = None) -> tuple[StreamMessage, ...]:
    return (venue or candles()).parse(value if isinstance(value, bytes) else json.dumps(value).encode())


def said(row: list[str], symbol: str, step_ms: int) -> ClosedCandle | FormingCandle:
    """What a row says, read without the parser."""
    open_ms = int(row[0])
    candle = Candle(open_ms, float(row[1]), float(row[2]), float(row[3]), float(row[4]), float(row[5]))
    return ClosedCandle(symbol, open_ms + step_ms, candle) if row[8] == "1" else FormingCandle(symbol, None, candle)


def test_a_confirmed_candle_is_closed_and_was_said_at_its_end_at_the_earliest() -> None:
    assert meanings(frame(row())) == (ClosedCandle("BTC/USDT", OPEN_MS + HOUR_MS, CANDLE),)


def test_a_candle_that_is_not_confirmed_forms_and_nobody_says_when_it_was_said() -> None:
    assert meanings(frame(row(at8="0"))) == (FormingCandle("BTC/USDT", None, CANDLE),)


def test_rows_are_given_out_in_their_order_and_one_bad_row_takes_no_other_with_it() -> None:
    first, bad, last = meanings(frame(row(), row(at2="1"), row(at0=str(OPEN_MS + HOUR_MS), at8="0")))
    assert isinstance(first, ClosedCandle)
    assert isinstance(bad, Refused)
    assert isinstance(last, FormingCandle)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"at0": str(OPEN_MS + 1)}, "times off the interval's grid"),
        ({"at0": f"{OPEN_MS}000"}, "malformed"),
        ({"at0": f"-{OPEN_MS}"}, "malformed"),
        ({"at0": "٣"}, "malformed"),
        ({"at0": OPEN_MS}, "malformed"),
        ({"at8": "2"}, "malformed"),
        ({"at8": True}, "malformed"),
        ({"at2": "62000"}, "impossible candle"),
        ({"at3": "0"}, "impossible candle"),
        ({"at5": "-1"}, "impossible candle"),
        ({"at1": "inf"}, "not a number"),
        ({"at1": "1 0"}, "not a number"),
        ({"at1": ""}, "not a number"),
        ({"at1": 62772.01}, "malformed"),
    ],
)
def test_a_row_that_must_not_be_believed_is_refused(changes, why) -> None:
    (message,) = meanings(frame(row(**changes)))
    assert isinstance(message, Refused)
    assert message.code == why


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (frame(row(), market="DOGE-USDT"), "unknown symbol"),
        (frame(row(), channel="candle1m"), "wrong interval"),
        (frame(row()[:8]), "malformed"),
        (frame(), "malformed"),
        (frame({"ts": 1}), "malformed"),
        ({"data": [{"ts": 1}]}, "malformed"),
        ([1, 2], "malformed"),
        (7, "malformed"),
    ],
)
def test_a_frame_that_must_not_be_believed_is_refused(value, why) -> None:
    (message,) = meanings(value)
    assert isinstance(message, Refused)
    assert message.code == why


@pytest.mark.parametrize("data", [b"", b"\xff", b"pon", b'{"arg":', b"[" * 50_000])
def test_what_is_no_message_is_refused(data) -> None:
    (message,) = meanings(data)
    assert isinstance(message, Refused)
    assert message.code == "malformed"


def test_a_column_more_is_passed_over() -> None:
    assert meanings(frame([*row(), "news"])) == (ClosedCandle("BTC/USDT", OPEN_MS + HOUR_MS, CANDLE),)


def test_other_channels_and_events_are_passed_over() -> None:
    ticker = {"arg": {"channel": "tickers", "instId": "BTC-USDT"}, "data": [{"last": "1"}]}
    assert meanings(ticker) == (Ignored("tickers"),)
    assert meanings({"event": "channel-conn-count", "connCount": "1"}) == (Ignored("channel-conn-count"),)
    assert meanings({"event": "notice", "code": "1", "msg": "hello"}) == (Ignored("notice"),)
    assert meanings({"event": "login", "code": 0}) == (Ignored("login"),)
    assert meanings({}) == (Ignored("unknown message"),)


def test_each_market_is_confirmed_by_itself() -> None:
    answer = {"event": "subscribe", "arg": {"channel": "candle1H", "instId": "ETH-USDT"}, "connId": "a4d3ae55"}
    assert meanings(answer) == (Subscribed(("ETH/USDT",)),)


def test_the_confirmation_of_another_channel_confirms_nothing() -> None:
    answer = {"event": "subscribe", "arg": {"channel": "candle1m", "instId": "ETH-USDT"}}
    assert meanings(answer) == (Ignored("subscribe"),)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Wrong URL or channel:candle1H,instId:ETH-USDT doesn't exist. Please use the correct URL", "ETH/USDT"),
        ("Wrong URL or channel:candle1H,instId:NOPE-USDT doesn't exist", None),
        ("Requests too frequent.", None),
    ],
)
def test_a_refusal_names_the_market_where_okx_does(text, key) -> None:
    answer = {"event": "error", "code": "60018", "msg": text, "connId": "a4d3ae55"}
    assert meanings(answer) == (SubscriptionRefused(key, "60018", text),)


def test_the_notice_of_an_upgrade_means_that_the_connection_ends_soon() -> None:
    notice = {"event": "notice", "code": "64008", "msg": "The connection will soon be closed", "connId": "a4d3ae55"}
    assert meanings(notice) == (ShuttingDown(),)


def test_a_pong_is_a_word_and_no_json() -> None:
    assert meanings(b"pong") == (Alive(),)


def test_markets_are_asked_for_in_few_requests_that_fit() -> None:
    markets = {f"C{number}-USDT": f"C{number}/USDT" for number in range(250)}
    asked = OkxCandles(markets, Timeframe.M1).subscription()
    assert len(asked.frames) == 3
    assert max(len(one) for one in asked.frames) < 65_536
    channels = [channel for one in asked.frames for channel in json.loads(one)["args"]]
    assert channels == [{"channel": "candle1m", "instId": market} for market in markets]
    assert asked.awaited == set(markets.values())


@pytest.mark.parametrize(
    ("timeframe", "channel"),
    [("1m", "candle1m"), ("1h", "candle1H"), ("6h", "candle6Hutc"), ("12h", "candle12Hutc"), ("1d", "candle1Dutc")],
)
def test_bars_begin_where_utc_has_them(timeframe, channel) -> None:
    asked = candles(Timeframe(timeframe)).subscription()
    assert json.loads(asked.frames[0])["args"][0]["channel"] == channel


def test_what_okx_cannot_stream_is_a_mistake_in_the_settings() -> None:
    with pytest.raises(ConfigError, match="OKX streams no 8h candles: choose one of 1m, 3m"):
        candles(Timeframe.H8)
    with pytest.raises(ConfigError, match="carries 1 to 500 markets, got 0"):
        OkxCandles({}, Timeframe.H1)


def test_okx_marks_final_bars_sends_empty_ones_and_wants_a_word_every_30_seconds() -> None:
    venue = candles()
    assert (venue.says_closed, venue.only_trades) == (True, False)
    assert venue.keep_alive.frame == "ping"
    assert venue.keep_alive.every_s < 30
    assert venue.stream_url == "ws://127.0.0.1:1/ws/v5/business"
    assert OkxCandles(MARKETS, Timeframe.H1, DEMO_URL).stream_url == "wss://wspap.okx.com:8443/ws/v5/business"


def test_a_real_recording_of_okcoin_gives_the_candles_that_it_says() -> None:
    file = SHARED / "ws" / "cryptofeed" / "OKCOIN.ws.1.0.gz"
    if not file.exists():
        pytest.skip(f"no real frames at {file}")
    markets = {name: name.replace("-", "/") for name in ("USDC-USDT", "ETH-USD", "BTC-USD", "USDT-USD")}
    venue = OkxCandles(markets, Timeframe.M1)
    lines = gzip.decompress(file.read_bytes()).splitlines()
    frames = [line.partition(b": ")[2] for line in lines if line[:1].isdigit()]
    messages = [message for frame in frames for message in venue.parse(frame)]
    recorded = [json.loads(frame) for frame in frames if b"candle1m" in frame]
    rows = [(row, one["arg"]["instId"]) for one in recorded for row in one.get("data", ())]
    given = [message for message in messages if isinstance(message, ClosedCandle | FormingCandle)]
    assert given == [said(row, markets[market], 60_000) for row, market in rows]
    assert (len(given), sum(isinstance(message, ClosedCandle) for message in given)) == (12, 4)
    confirmed = {key for message in messages if isinstance(message, Subscribed) for key in message.keys}
    assert confirmed == venue.subscription().awaited
    assert not [message for message in messages if isinstance(message, Refused)]


def test_the_documented_candle_is_one_of_hong_kongs_days_and_its_columns_stand_where_they_are_read() -> None:
    file = SHARED / "fixtures/nautilus/okx/crate/ws_candle.json"
    if not file.exists():
        pytest.skip(f"no documented frame at {file}")
    shown = json.loads(file.read_bytes())
    venue = candles(Timeframe.D1)
    (refused,) = venue.parse(file.read_bytes())
    assert isinstance(refused, Refused)
    assert refused.code == "wrong interval"
    shown["arg"]["channel"] = "candle1Dutc"
    (off_the_grid,) = meanings(shown, venue)
    assert isinstance(off_the_grid, Refused)
    shown["data"][0][0] = str(int(shown["data"][0][0]) // 86_400_000 * 86_400_000)
    assert meanings(shown, venue) == (said(shown["data"][0], "BTC/USDT", 86_400_000),)


def test_documented_messages_of_other_kinds_give_no_candle() -> None:
    folder = SHARED / "fixtures/nautilus/okx/crate"
    if not folder.exists():
        pytest.skip(f"no documented frames at {folder}")
    files = [file for file in sorted(folder.glob("ws_*.json")) if "candle" not in file.name]
    assert len(files) > 15
    for file in files:
        shown = json.loads(file.read_bytes())
        for one in shown if isinstance(shown, list) else [shown]:
            assert {type(message) for message in meanings(one)} <= {Ignored, Refused}, file.name
