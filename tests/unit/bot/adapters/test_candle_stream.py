"""The stream's life against a scripted venue on loopback: subscribed, proven, broken and mended."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from bot.adapters.candle_stream import CandleStream, Patience
from bot.adapters.venues.binance import BinanceKlines
from bot.core.errors import StorageError, VenueError
from bot.core.events import CandleClosed, PriceUpdated
from bot.core.market import Timeframe

MARKETS = {"BTCUSDT": "BTC/USDT", "ETHUSDT": "ETH/USDT"}
HOUR = Timeframe.H1.ms
END = "end of market"
QUICK = Patience(confirm_s=0.3, silence_s=0.3)
"""For the tests of impatience alone: a busy machine may make more connections of it, never fewer."""

Script = Callable[[ServerConnection], Awaitable[None]]


def kline(hour: int, close: float = 1.5, *, market: str = "BTCUSDT", closed: bool = True, at_ms: int = 0) -> str:
    """A kline of one hour since 1970, wrapped; a forming one is said half an hour in unless told otherwise."""
    open_ms = hour * HOUR
    at_ms = at_ms or open_ms + (HOUR + 5 if closed else HOUR // 2)
    numbers = {"o": "1.0", "h": "9.0", "l": "0.5", "c": str(close), "v": "3.0"}
    bar = {"t": open_ms, "T": open_ms + HOUR - 1, "s": market, "i": "1h", "x": closed, **numbers}
    return json.dumps({"stream": "x", "data": {"e": "kline", "E": at_ms, "s": market, "k": bar}})


async def accept(connection: ServerConnection) -> list[str]:
    """Answer one SUBSCRIBE; its stream names."""
    request = json.loads(await connection.recv())
    await connection.send(json.dumps({"result": None, "id": request["id"]}))
    names: list[str] = request["params"]
    return names


def sends(*frames: str | bytes, then: str = END, code: int = 1000) -> Script:
    """A venue that accepts, sends these frames and hangs up."""

    async def script(connection: ServerConnection) -> None:
        await accept(connection)
        for frame in frames:
            await connection.send(frame)
        await connection.close(code, then)

    return script


class Venue:
    """One script a connection, in order; the last one again and again. `refusals` come before them."""

    def __init__(self, scripts: Sequence[Script], refusals: Sequence[tuple[int, str]]) -> None:
        self.scripts = list(scripts)
        self.refusals = list(refusals)
        self.connections = 0

    def judge(self, connection: ServerConnection, request: Request) -> Response | None:
        if not self.refusals:
            return None
        status, retry_after = self.refusals.pop(0)
        response = connection.respond(HTTPStatus(status), "")
        response.headers["Retry-After"] = retry_after
        return response

    async def play(self, connection: ServerConnection) -> None:
        script = self.scripts[min(self.connections, len(self.scripts) - 1)]
        self.connections += 1
        await script(connection)


class Listener:
    """The rest of the bot: keeps what it is given, and how long the stream slept."""

    def __init__(self, url: str, patience: Patience, end_reason: str | None) -> None:
        self.events: list[CandleClosed | PriceUpdated] = []
        self.pauses: list[float] = []
        parser = BinanceKlines(MARKETS, Timeframe.H1, url)
        self.stream = CandleStream(
            parser, self.take, end_reason=end_reason, patience=patience, sleep=self.sleep, jitter=lambda: 0.0
        )

    async def take(self, event: CandleClosed | PriceUpdated) -> None:
        self.events.append(event)

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    @property
    def hours(self) -> list[tuple[str, int]]:
        return [(event.symbol, event.candle.open_time_ms // HOUR) for event in self.events if hasattr(event, "candle")]


@asynccontextmanager
async def venue_of(
    *scripts: Script,
    refusals: Sequence[tuple[int, str]] = (),
    patience: Patience = Patience(),  # noqa: B008 - frozen
    end_reason: str | None = END,
) -> AsyncIterator[tuple[Venue, Listener]]:
    venue = Venue(scripts, refusals)
    async with serve(venue.play, "127.0.0.1", 0, process_request=venue.judge) as server:
        port = server.sockets[0].getsockname()[1]
        yield venue, Listener(f"ws://127.0.0.1:{port}", patience, end_reason)


@pytest.mark.asyncio
async def test_every_market_is_subscribed_and_candles_and_prices_come_out() -> None:
    asked: list[str] = []

    async def script(connection: ServerConnection) -> None:
        asked.extend(await accept(connection))
        await connection.send(kline(10, 1.25, closed=False))
        await connection.send(kline(10, 1.5))
        await connection.close(1000, END)

    async with venue_of(script) as (_, listener):
        await listener.stream.run()
    price, candle = listener.events
    assert asked == ["btcusdt@kline_1h", "ethusdt@kline_1h"]
    assert price == PriceUpdated(10 * HOUR + HOUR // 2, "BTC/USDT", 1.25, 1.25, 1.25)
    assert isinstance(candle, CandleClosed)
    assert candle.at_ms == 11 * HOUR
    assert candle.candle.close == 1.5
    assert listener.pauses == []


@pytest.mark.asyncio
async def test_each_candle_comes_once_and_in_order_whatever_the_venue_repeats() -> None:
    first = sends(kline(10), kline(10), kline(11), kline(10), then="", code=1001)
    second = sends(kline(10), kline(11, 7.0), kline(12), kline(12, market="ETHUSDT"))
    async with venue_of(first, second) as (_, listener):
        await listener.stream.run()
    assert listener.hours == [("BTC/USDT", 10), ("BTC/USDT", 11), ("BTC/USDT", 12), ("ETH/USDT", 12)]
    assert listener.stream.counts["duplicates"] == 3
    assert listener.stream.counts["revisions"] == 1


@pytest.mark.asyncio
async def test_a_gap_is_handed_on_as_it_is() -> None:
    async with venue_of(sends(kline(10), kline(14))) as (_, listener):
        await listener.stream.run()
    assert listener.hours == [("BTC/USDT", 10), ("BTC/USDT", 14)]


@pytest.mark.asyncio
async def test_a_price_that_is_older_than_what_is_known_is_dropped() -> None:
    late = kline(10, 2.0, closed=False)
    newer = kline(11, 3.0, closed=False)
    older = kline(11, 4.0, closed=False, at_ms=11 * HOUR + 1)
    async with venue_of(sends(kline(10), late, newer, older)) as (_, listener):
        await listener.stream.run()
    assert [event.last for event in listener.events if isinstance(event, PriceUpdated)] == [3.0]
    assert listener.stream.counts["stale prices"] == 2


@pytest.mark.asyncio
async def test_frames_that_cannot_be_believed_are_counted_and_survived() -> None:
    bad: list[str | bytes] = [
        b"\xff",
        "nonsense",
        kline(10, 99.0),
        kline(10, market="DOGEUSDT"),
        json.dumps({"e": "trade"}),
    ]
    async with venue_of(sends(*bad, kline(10))) as (venue, listener):
        await listener.stream.run()
    counts = listener.stream.counts
    assert venue.connections == 1
    assert listener.hours == [("BTC/USDT", 10)]
    assert (counts["refused: malformed"], counts["refused: impossible candle"]) == (2, 1)
    assert (counts["refused: unknown symbol"], counts["ignored"]) == (1, 1)


@pytest.mark.asyncio
@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 1013])
async def test_whatever_the_close_code_the_stream_comes_back(code) -> None:
    async with venue_of(sends(kline(10), then="", code=code), sends(kline(11))) as (venue, listener):
        await listener.stream.run()
    assert listener.hours == [("BTC/USDT", 10), ("BTC/USDT", 11)]
    assert venue.connections == 2


@pytest.mark.asyncio
async def test_a_connection_that_is_cut_without_a_word_comes_back() -> None:
    async def cut(connection: ServerConnection) -> None:
        await accept(connection)
        connection.transport.abort()

    async with venue_of(cut, sends(kline(11))) as (_, listener):
        await listener.stream.run()
    assert listener.hours == [("BTC/USDT", 11)]


@pytest.mark.asyncio
async def test_a_venue_whose_market_never_ends_is_come_back_to_after_a_normal_close() -> None:
    came_back = asyncio.Event()

    async def third(connection: ServerConnection) -> None:
        came_back.set()
        await connection.wait_closed()

    async with venue_of(sends(kline(10)), sends(kline(11)), third, end_reason=None) as (_, listener):
        running = asyncio.create_task(listener.stream.run())
        async with asyncio.timeout(20):
            await came_back.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert listener.hours == [("BTC/USDT", 10), ("BTC/USDT", 11)]


@pytest.mark.asyncio
async def test_pauses_grow_until_a_useful_message_and_begin_anew_after_it() -> None:
    flap = sends(then="", code=1001)
    useful = sends(kline(10), then="", code=1001)
    repeats = sends(kline(10), then="", code=1001)
    async with venue_of(flap, flap, useful, repeats, repeats, sends(kline(11))) as (_, listener):
        await listener.stream.run()
    assert listener.pauses == [1.0, 2.0, 1.0, 2.0, 4.0]


@pytest.mark.asyncio
async def test_a_refused_handshake_is_retried_no_sooner_than_the_venue_says() -> None:
    async with venue_of(sends(kline(10)), refusals=[(429, "90"), (503, "")]) as (_, listener):
        await listener.stream.run()
    assert listener.pauses == [90.0, 2.0]


@pytest.mark.asyncio
async def test_an_address_that_does_not_exist_there_is_fatal_and_says_so() -> None:
    async with venue_of(sends(), refusals=[(404, "")]) as (_, listener):
        with pytest.raises(VenueError, match="HTTP 404"):
            await listener.stream.run()
    assert listener.pauses == []


@pytest.mark.asyncio
async def test_a_refused_subscription_is_fatal_and_repeats_the_venue_s_words() -> None:
    async def script(connection: ServerConnection) -> None:
        request = json.loads(await connection.recv())
        await connection.send(json.dumps({"code": 2, "msg": "Invalid request: too many", "id": request["id"]}))
        await connection.wait_closed()

    async with venue_of(script) as (_, listener):
        with pytest.raises(VenueError, match="too many"):
            await listener.stream.run()


@pytest.mark.asyncio
async def test_a_subscription_that_is_never_answered_is_a_lost_connection() -> None:
    async def deaf(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(kline(10))
        await connection.wait_closed()

    async with venue_of(deaf, sends(kline(11)), patience=QUICK) as (venue, listener):
        await listener.stream.run()
    assert venue.connections >= 2
    assert listener.hours == [("BTC/USDT", 10), ("BTC/USDT", 11)]


@pytest.mark.asyncio
async def test_a_connection_that_lives_but_brings_no_prices_is_left() -> None:
    async def silent(connection: ServerConnection) -> None:
        await accept(connection)
        await connection.send(kline(10))
        while True:
            # Alive in every way but one: pings, events of no interest, and old news.
            await connection.ping()
            await connection.send(json.dumps({"e": "trade"}))
            await connection.send(kline(10))
            await asyncio.sleep(0.02)

    async with venue_of(silent, sends(kline(11)), patience=QUICK) as (venue, listener):
        await listener.stream.run()
    assert venue.connections >= 2
    assert listener.hours == [("BTC/USDT", 10), ("BTC/USDT", 11)]


@pytest.mark.asyncio
async def test_a_venue_that_announces_its_end_is_left_before_it() -> None:
    async def going(connection: ServerConnection) -> None:
        await accept(connection)
        await connection.send(json.dumps({"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": 1}}))
        await connection.wait_closed()

    async with venue_of(going, sends(kline(11))) as (venue, listener):
        await listener.stream.run()
    assert venue.connections == 2


@pytest.mark.asyncio
async def test_nobody_listening_is_waited_for() -> None:
    async with venue_of(sends(kline(10))) as (_, listener):
        pass
    attempts = 0

    async def stop_after_three(seconds: float) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 3:
            raise asyncio.CancelledError

    listener.stream._sleep = stop_after_three
    with pytest.raises(asyncio.CancelledError):
        await listener.stream.run()
    assert attempts == 3


@pytest.mark.asyncio
async def test_a_slow_reader_loses_nothing_and_hears_of_the_end_last() -> None:
    hours = range(10, 2_010)
    async with venue_of(sends(*(kline(hour) for hour in hours))) as (venue, listener):
        taken = listener.take

        async def slowly(event: CandleClosed | PriceUpdated) -> None:
            await asyncio.sleep(0)
            await taken(event)

        listener.stream._emit = slowly
        await listener.stream.run()
    assert [hour for _, hour in listener.hours] == list(hours)
    assert venue.connections == 1


@pytest.mark.asyncio
async def test_an_error_of_the_reader_ends_the_stream_and_is_not_taken_for_the_network_s() -> None:
    async def full(event: CandleClosed | PriceUpdated) -> None:
        raise StorageError("the disk is full")

    async with venue_of(sends(kline(10))) as (venue, listener):
        listener.stream._emit = full
        with pytest.raises(StorageError, match="the disk is full"):
            await listener.stream.run()
    assert venue.connections == 1
    assert listener.pauses == []


@pytest.mark.asyncio
async def test_an_operating_system_error_of_the_reader_is_not_retried_either() -> None:
    async def broken(event: CandleClosed | PriceUpdated) -> None:
        raise OSError(28, "no space left")

    async with venue_of(sends(kline(10))) as (_, listener):
        listener.stream._emit = broken
        with pytest.raises(OSError, match="no space left"):
            await listener.stream.run()
    assert listener.pauses == []
