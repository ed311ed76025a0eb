"""Frames of candles as each venue writes them, read a second time without the parsers."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
from msgspec import Struct

from bot.adapters.venues import ClosedCandle, FormingCandle, StreamMessage, Subscribed, VenueStream
from bot.adapters.venues.names import stream_venue
from bot.core.market import Timeframe

HOUR_MS = 3_600_000
OPEN_MS = 1_719_792_000_000
SAID_MS = OPEN_MS + HOUR_MS + 5
BEGIN = "2024-07-01T00:00:00.000000000Z"
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


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place inside a JSON value that something else can be put into."""
    keys = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, inner in keys for place in ((value, key), *places(inner))]
