"""The life of connections against a scripted venue on loopback: subscribed, confirmed, broken, mended, handed over."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from msgspec.structs import replace
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from bot.adapters.candle_feed import CandleFeed
from bot.adapters.candle_stream import CandleStreams
from bot.adapters.clock import SystemClock
from bot.adapters.feed_inputs import AnyFeedInput, Connected, Disconnected, HistoryFailed
from bot.adapters.feed_outputs import EngineEvent
from bot.adapters.history_rows import VenueRows
from bot.adapters.patience import Patience
from bot.adapters.reconnect import ConnectBudget
from bot.adapters.venues import KeepAlive
from bot.core.errors import StorageError, VenueError, VenueUnavailable
from bot.core.events import CandleClosed, MarketRestored, MarketSuspended, PriceUpdated
from tests.feed_fakes import (
    BTC,
    ETH,
    MINUTE,
    SHUTDOWN,
    T0,
    FakeStream,
    bar_of,
    closed_frame,
    confirmed_frame,
    forming_frame,
    opens,
    refused_frame,
    row,
    truth,
)

END = "end of market"
CALM = replace(Patience(), tick_ms=10, request_gap_ms=1)
"""Nothing but the venue's own doings ends a connection within a test."""

QUICK = replace(Patience().scaled(0.005), tick_ms=5, connect_ms=5_000, close_ms=1_000, hand_over_ms=3_600_000)
"""For the tests of impatience alone: a busy machine may make more connections of it, never fewer."""

Script = Callable[[ServerConnection], Awaitable[None]]


async def accept(connection: ServerConnection, markets: int = 1) -> list[str]:
    """Confirm the subscriptions of so many markets; their names."""
    symbols = [json.loads(await connection.recv())[1] for _ in range(markets)]
    for symbol in symbols:
        await connection.send(confirmed_frame(symbol))
    return symbols


def sends(*frames: bytes, then: str = END, code: int = 1000, markets: int = 1) -> Script:
    """A venue that accepts, sends these frames and hangs up."""

    async def script(connection: ServerConnection) -> None:
        await accept(connection, markets)
        for frame in frames:
            await connection.send(frame)
        await connection.close(code, then)

    return script


def breaks(*frames: bytes) -> Script:
    """A venue that hangs up without having ended."""
    return sends(*frames, then="", code=1001)


class Venue:
    """One script a connection, in order; the last one again and again. `refusals` come before them."""

    def __init__(self, scripts: Sequence[Script], refusals: Sequence[tuple[int, str]]) -> None:
        self.scripts = list(scripts)
        self.refusals = list(refusals)
        self.connections = 0
        self.diary: list[str] = []

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
        number = self.connections
        self.diary.append(f"{number} opens")
        try:
            await script(connection)
            await connection.wait_closed()
        except ConnectionClosed:
            pass
        self.diary.append(f"{number} is gone")


class Past:
    """History that knows the truth up to `knows`, half-way through `venue_bar`; `failures` come before it."""

    def __init__(self) -> None:
        self.venue_bar = self.knows = 15
        self.failures: list[Exception] = []
        self.asked: list[tuple[str, int, int]] = []

    async def rows(self, symbol: str, from_ms: int, to_ms: int) -> VenueRows:
        self.asked.append((symbol, bar_of(from_ms), bar_of(to_ms)))
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        bars = range(bar_of(from_ms), min(bar_of(to_ms), self.knows + 1))
        return VenueRows(opens(self.venue_bar) + 30_000, tuple(row(truth(symbol, bar)) for bar in bars))


class Listener:
    """The rest of the bot: keeps what it is given, and how long the streams slept."""

    def __init__(self, streams: Sequence[FakeStream], patience: Patience, end_reason: str | None) -> None:
        self.events: list[EngineEvent] = []
        self.inputs: list[AnyFeedInput] = []
        self.pauses: list[float] = []
        self.past = Past()
        self.make_feed = lambda: CandleFeed(streams, patience=patience)
        self.feed = self.make_feed()
        self.budget = ConnectBudget()
        self._streams = streams
        self._patience = patience
        self._end_reason = end_reason

    async def take(self, event: EngineEvent) -> None:
        self.events.append(event)

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def new_streams(self) -> CandleStreams:
        self.streams = CandleStreams(
            self._streams,
            self.feed,
            self.past,
            self.take,
            SystemClock(),
            tap=self.inputs.append,
            end_reason=self._end_reason,
            patience=self._patience,
            budget=self.budget,
            sleep=self.sleep,
            jitter=lambda: 0.0,
        )
        return self.streams

    async def run(self) -> None:
        async with asyncio.timeout(30):
            await self.new_streams().run()

    @property
    def bars(self) -> list[tuple[str, int]]:
        return [(one.symbol, bar_of(one.candle.open_time_ms)) for one in self.events if isinstance(one, CandleClosed)]


@asynccontextmanager
async def venue_of(
    *scripts: Script,
    markets: Sequence[Sequence[str]] = ((BTC,),),
    refusals: Sequence[tuple[int, str]] = (),
    patience: Patience = CALM,
    end_reason: str | None = END,
    keep_alive: KeepAlive | None = None,
) -> AsyncIterator[tuple[Venue, Listener]]:
    venue = Venue(scripts, refusals)
    async with serve(venue.play, "127.0.0.1", 0, process_request=venue.judge) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        streams = [FakeStream(symbols, url=url, keep_alive=keep_alive) for symbols in markets]
        before = asyncio.all_tasks()
        yield venue, Listener(streams, patience, end_reason)
        left = {task for task in asyncio.all_tasks() - before if not task.done() and task is not asyncio.current_task()}
        assert not [task for task in left if "serve" not in repr(task) and "websockets" not in repr(task)]


@pytest.mark.asyncio
async def test_every_market_is_subscribed_and_candles_and_prices_come_out() -> None:
    asked: list[str] = []

    async def script(connection: ServerConnection) -> None:
        asked.extend(await accept(connection, 2))
        await connection.send(forming_frame(BTC, 10, 30_000))
        await connection.send(closed_frame(BTC, 10))
        await connection.close(1000, END)

    async with venue_of(script, markets=[(BTC, ETH)]) as (_, listener):
        await listener.run()
    price, candle = listener.events
    assert asked == [BTC, ETH]
    assert isinstance(price, PriceUpdated)
    assert (price.at_ms, price.symbol, price.bid == price.ask == price.last) == (opens(10) + 30_000, BTC, True)
    assert candle == CandleClosed(opens(11), BTC, truth(BTC, 10))
    assert listener.pauses == []


@pytest.mark.asyncio
async def test_history_mends_what_a_broken_connection_missed_before_the_next_candle() -> None:
    async with venue_of(breaks(closed_frame(BTC, 10)), sends(closed_frame(BTC, 14))) as (_, listener):
        await listener.run()
    assert listener.bars == [(BTC, bar) for bar in range(10, 15)]
    assert all(one.candle == truth(BTC, bar_of(one.candle.open_time_ms)) for one in listener.events)
    # From the candle that was last, which is compared, to the one that is open.
    assert listener.past.asked == [(BTC, 10, 16)]


@pytest.mark.asyncio
async def test_history_that_cannot_be_asked_is_asked_again() -> None:
    patience = replace(CALM, ask_again_ms=10)
    async with venue_of(sends(closed_frame(BTC, 10), closed_frame(BTC, 12)), patience=patience) as (_, listener):
        listener.past.venue_bar = listener.past.knows = 13
        listener.past.failures = [VenueUnavailable("HTTP 503"), VenueError("nonsense"), TimeoutError()]
        await listener.run()
    assert listener.bars == [(BTC, 10), (BTC, 11), (BTC, 12)]
    failures = [one.reason for one in listener.inputs if isinstance(one, HistoryFailed)]
    assert failures == ["HTTP 503", "nonsense", "no answer in time"]


@pytest.mark.asyncio
async def test_a_market_that_ends_unproven_ends_all_the_same_and_says_so(caplog) -> None:
    async with venue_of(sends(closed_frame(BTC, 10), closed_frame(BTC, 12)), patience=QUICK) as (_, listener):
        listener.past.knows = 10
        with caplog.at_level(logging.WARNING):
            await listener.run()
    assert listener.bars == [(BTC, 10)]
    assert "not all of its last candles could be proven" in caplog.text


@pytest.mark.asyncio
@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 1013])
async def test_whatever_the_close_code_the_stream_comes_back(code) -> None:
    first = sends(closed_frame(BTC, 10), then="", code=code)
    async with venue_of(first, sends(closed_frame(BTC, 11))) as (venue, listener):
        await listener.run()
    assert listener.bars == [(BTC, 10), (BTC, 11)]
    assert venue.connections == 2


@pytest.mark.asyncio
async def test_a_connection_that_is_cut_without_a_word_comes_back() -> None:
    async def cut(connection: ServerConnection) -> None:
        await accept(connection)
        connection.transport.abort()

    async with venue_of(cut, sends(closed_frame(BTC, 11))) as (_, listener):
        await listener.run()
    assert listener.bars == [(BTC, 11)]


@pytest.mark.asyncio
async def test_pauses_grow_until_a_useful_message_and_begin_anew_after_it() -> None:
    useful, repeats = breaks(closed_frame(BTC, 10)), breaks(closed_frame(BTC, 10))
    scripts = (breaks(), breaks(), useful, repeats, repeats, sends(closed_frame(BTC, 11)))
    async with venue_of(*scripts) as (_, listener):
        await listener.run()
    assert listener.pauses == [1.0, 2.0, 1.0, 2.0, 4.0]


@pytest.mark.asyncio
async def test_a_refused_handshake_is_retried_no_sooner_than_the_venue_says() -> None:
    async with venue_of(sends(closed_frame(BTC, 10)), refusals=[(429, "90"), (503, "")]) as (_, listener):
        await listener.run()
    assert listener.pauses == [90.0, 2.0]


@pytest.mark.asyncio
async def test_dials_stay_within_the_budget_though_each_of_them_succeeds() -> None:
    flapping = breaks(closed_frame(BTC, 10))
    async with venue_of(*[flapping] * 5, sends(closed_frame(BTC, 11))) as (venue, listener):
        listener.budget = ConnectBudget(most=3, stretch_s=300.0)
        await listener.run()
    assert venue.connections == 6
    # The fourth to the sixth have to wait for the first to the third to be forgotten.
    assert sum(290.0 < pause <= 300.0 for pause in listener.pauses) == 3


@pytest.mark.asyncio
async def test_an_address_that_does_not_exist_there_is_fatal_and_says_so() -> None:
    async with venue_of(sends(), refusals=[(404, "")]) as (_, listener):
        with pytest.raises(VenueError, match="HTTP 404"):
            await listener.run()
    assert listener.pauses == []


@pytest.mark.asyncio
async def test_a_refused_subscription_is_fatal_and_repeats_the_venue_s_words() -> None:
    async def script(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(refused_frame("too many"))

    async with venue_of(script) as (_, listener):
        with pytest.raises(VenueError, match="too many"):
            await listener.run()


@pytest.mark.asyncio
async def test_a_refusal_of_what_was_granted_before_is_one_more_failure() -> None:
    async def script(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(refused_frame("not now"))

    scripts = (breaks(closed_frame(BTC, 10)), script, sends(closed_frame(BTC, 11)))
    async with venue_of(*scripts) as (venue, listener):
        await listener.run()
    assert (venue.connections, listener.bars) == (3, [(BTC, 10), (BTC, 11)])


@pytest.mark.asyncio
async def test_a_subscription_that_is_never_answered_is_a_lost_connection() -> None:
    async def deaf(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(closed_frame(BTC, 10))

    async with venue_of(deaf, sends(closed_frame(BTC, 11)), patience=QUICK) as (venue, listener):
        await listener.run()
    assert venue.connections >= 2
    assert listener.bars == [(BTC, 10), (BTC, 11)]


@pytest.mark.asyncio
async def test_a_connection_that_lives_but_brings_nothing_new_is_left() -> None:
    async def silent(connection: ServerConnection) -> None:
        await accept(connection)
        await connection.send(closed_frame(BTC, 10))
        while True:
            # Alive in every way but one: pings, events of no interest, and old news.
            await connection.ping()
            await connection.send('["trade"]')
            await connection.send(closed_frame(BTC, 10))
            await asyncio.sleep(0.02)

    async with venue_of(silent, sends(closed_frame(BTC, 11)), patience=QUICK) as (venue, listener):
        listener.past.knows = 10
        await listener.run()
    assert venue.connections >= 2
    assert listener.bars == [(BTC, 10), (BTC, 11)]


@pytest.mark.asyncio
async def test_a_black_hole_is_left_without_its_goodbye() -> None:
    left = asyncio.Event()

    async def hole(connection: ServerConnection) -> None:
        await accept(connection)
        connection.transport.pause_reading()
        await left.wait()
        connection.transport.abort()

    async def next_one(connection: ServerConnection) -> None:
        left.set()
        await sends(closed_frame(BTC, 11))(connection)

    patience = replace(QUICK, close_ms=20)
    async with venue_of(hole, next_one, patience=patience) as (venue, listener):
        await listener.run()
    assert venue.connections == 2


def speaks_on(started: asyncio.Event, first: bytes, goodbye: bytes) -> Script:
    """A venue that says goodbye and stays until it is left."""

    async def script(connection: ServerConnection) -> None:
        await accept(connection)
        await connection.send(first)
        await connection.send(goodbye)
        started.set()
        await connection.wait_closed()

    return script


@pytest.mark.asyncio
async def test_a_venue_that_announces_its_end_is_left_when_the_next_connection_is_confirmed() -> None:
    old_speaks = asyncio.Event()
    venues: list[Venue] = []

    async def successor(connection: ServerConnection) -> None:
        await old_speaks.wait()
        venues[0].diary.append("2 confirms")
        await accept(connection)
        while "1 is gone" not in venues[0].diary:
            await asyncio.sleep(0.001)
        await connection.send(closed_frame(BTC, 11))
        await connection.close(1000, END)

    async with venue_of(speaks_on(old_speaks, closed_frame(BTC, 10), SHUTDOWN), successor) as (venue, listener):
        venues.append(venue)
        await listener.run()
    assert venue.diary[:4] == ["1 opens", "2 opens", "2 confirms", "1 is gone"]
    assert listener.bars == [(BTC, 10), (BTC, 11)]
    assert listener.pauses == []


@pytest.mark.asyncio
async def test_what_both_connections_say_during_a_hand_over_comes_once() -> None:
    both = asyncio.Event()

    async def old(connection: ServerConnection) -> None:
        await accept(connection)
        await connection.send(SHUTDOWN)
        await both.wait()
        for bar in (10, 11, 12):
            await connection.send(closed_frame(BTC, bar))
        await connection.wait_closed()

    async def new(connection: ServerConnection) -> None:
        await connection.recv()
        both.set()
        for bar in (10, 11, 12):
            await connection.send(closed_frame(BTC, bar))
        await connection.send(confirmed_frame(BTC))
        await connection.send(closed_frame(BTC, 13))
        await connection.close(1000, END)

    async with venue_of(old, new) as (_, listener):
        await listener.run()
    assert listener.bars == [(BTC, 10), (BTC, 11), (BTC, 12), (BTC, 13)]


@pytest.mark.asyncio
async def test_a_connection_is_handed_over_before_it_is_too_old() -> None:
    lives = 0

    async def script(connection: ServerConnection) -> None:
        nonlocal lives
        await accept(connection)
        lives += 1
        await connection.send(closed_frame(BTC, 9 + lives))
        if lives == 4:
            await connection.close(1000, END)
        await connection.wait_closed()

    async with venue_of(script, patience=replace(CALM, hand_over_ms=50)) as (_, listener):
        await listener.run()
    assert listener.bars == [(BTC, bar) for bar in range(10, 14)]
    assert listener.pauses == []


@pytest.mark.asyncio
async def test_a_successor_that_is_not_confirmed_does_not_cost_the_old_connection() -> None:
    old_speaks, deaf_gone = asyncio.Event(), asyncio.Event()

    async def old(connection: ServerConnection) -> None:
        await accept(connection)
        await connection.send(closed_frame(BTC, 10))
        await connection.send(SHUTDOWN)
        await deaf_gone.wait()
        await connection.send(closed_frame(BTC, 11))
        old_speaks.set()
        await connection.wait_closed()

    async def deaf(connection: ServerConnection) -> None:
        await connection.wait_closed()
        deaf_gone.set()

    async def third(connection: ServerConnection) -> None:
        await old_speaks.wait()
        await accept(connection)
        await connection.send(closed_frame(BTC, 12))
        await connection.close(1000, END)

    patience = replace(CALM, confirm_ms=50)
    async with venue_of(old, deaf, third, patience=patience) as (venue, listener):
        await listener.run()
    assert listener.bars == [(BTC, 10), (BTC, 11), (BTC, 12)]
    assert venue.diary.index("2 is gone") < venue.diary.index("3 opens") < venue.diary.index("1 is gone")


@pytest.mark.asyncio
async def test_a_thousand_markets_over_four_connections_come_out_whole() -> None:
    names = [f"M{number}/USDT" for number in range(1_000)]
    shards = [names[start : start + 250] for start in range(0, 1_000, 250)]

    async def script(connection: ServerConnection) -> None:
        symbols = await accept(connection, 250)
        for bar in (10, 11, 12):
            for symbol in symbols:
                await connection.send(forming_frame(symbol, bar, 30_000))
            for symbol in symbols:
                await connection.send(closed_frame(symbol, bar))
        await connection.close(1000, END)

    async with venue_of(script, markets=shards, patience=replace(CALM, request_gap_ms=0)) as (venue, listener):
        await listener.run()
    assert venue.connections == 4
    assert sorted(listener.bars) == sorted((name, bar) for name in names for bar in (10, 11, 12))
    assert listener.past.asked == []


@pytest.mark.asyncio
async def test_a_slow_reader_loses_no_closed_candle_and_the_memory_stays_bounded() -> None:
    bars = range(10, 600)
    frames = [frame for bar in bars for frame in (*shown(bar), closed_frame(BTC, bar))]
    longest = 0
    async with venue_of(sends(*frames), patience=replace(CALM, stale_ms=10**9)) as (_, listener):
        taken = listener.take

        async def slowly(event: EngineEvent) -> None:
            nonlocal longest
            longest = max(longest, len(listener.streams._inbox))
            await asyncio.sleep(0)
            await taken(event)

        listener.take = slowly
        await listener.run()
    assert [bar for _, bar in listener.bars] == list(bars)
    assert listener.streams.counts["dropped"] > 0
    assert longest <= 300


def shown(bar: int) -> list[bytes]:
    return [forming_frame(BTC, bar, elapsed_ms) for elapsed_ms in range(2_000, 60_000, 2_000)]


@pytest.mark.asyncio
async def test_a_market_whose_bars_cannot_be_proven_is_suspended_and_comes_back() -> None:
    proven = asyncio.Event()

    async def script(connection: ServerConnection) -> None:
        await accept(connection)
        await connection.send(closed_frame(BTC, 10))
        elapsed_ms = 0
        while not proven.is_set():
            elapsed_ms += 1
            await connection.send(forming_frame(BTC, 12, elapsed_ms))
            await asyncio.sleep(0.01)
        await connection.close(1000, END)

    async with venue_of(script, patience=QUICK) as (_, listener):
        taken = listener.take
        listener.past.venue_bar, listener.past.knows = 12, 10

        async def take(event: EngineEvent) -> None:
            await taken(event)
            if isinstance(event, MarketSuspended):
                listener.past.knows = 12
            if isinstance(event, MarketRestored):
                proven.set()

        listener.take = take
        await listener.run()
    events = [event for event in listener.events if not isinstance(event, PriceUpdated)]
    assert [type(event) for event in events] == [CandleClosed, MarketSuspended, CandleClosed, MarketRestored]
    assert listener.bars == [(BTC, 10), (BTC, 11)]
    assert "history has not come to the candle" in events[1].reason


@pytest.mark.asyncio
async def test_what_the_venue_wants_to_hear_is_said_as_often_as_it_wants() -> None:
    async def script(connection: ServerConnection) -> None:
        await accept(connection)
        assert [await connection.recv() for _ in range(3)] == ["ping"] * 3
        await connection.send(closed_frame(BTC, 10))
        await connection.close(1000, END)

    async with venue_of(script, keep_alive=KeepAlive("ping", 0.01)) as (_, listener):
        await listener.run()
    assert listener.bars == [(BTC, 10)]


@pytest.mark.asyncio
async def test_the_tap_sees_what_the_feed_sees_and_a_second_feed_says_the_same() -> None:
    scripts = (breaks(forming_frame(BTC, 10, 2_000), closed_frame(BTC, 10)), sends(closed_frame(BTC, 13)))
    async with venue_of(*scripts) as (_, listener):
        await listener.run()
    again = listener.make_feed()
    said = [output for given in listener.inputs for output in again.take(given)]
    events = (CandleClosed, PriceUpdated, MarketSuspended, MarketRestored)
    assert [output for output in said if isinstance(output, events)] == listener.events
    assert sum(isinstance(given, Connected) for given in listener.inputs) == 2
    assert sum(isinstance(given, Disconnected) for given in listener.inputs) == 2


@pytest.mark.asyncio
async def test_nobody_listening_is_waited_for() -> None:
    async with venue_of(sends()) as (_, listener):
        pass

    async def stop_after_three(seconds: float) -> None:
        listener.pauses.append(seconds)
        if len(listener.pauses) == 3:
            raise StorageError("enough")

    listener.sleep = stop_after_three
    with pytest.raises(StorageError, match="enough"):
        await listener.run()
    assert listener.pauses == [1.0, 2.0, 4.0]


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [StorageError("the disk is full"), OSError(28, "the disk is full")])
async def test_an_error_of_the_reader_ends_the_streams_and_is_not_taken_for_the_network_s(error) -> None:
    async def full(event: EngineEvent) -> None:
        raise error

    async with venue_of(sends(closed_frame(BTC, 10))) as (venue, listener):
        listener.take = full
        with pytest.raises(type(error), match="the disk is full"):
            await listener.run()
    assert venue.connections == 1
    assert listener.pauses == []


@pytest.mark.asyncio
async def test_a_cancelled_run_leaves_nothing_behind() -> None:
    async def script(connection: ServerConnection) -> None:
        await accept(connection)
        await connection.send(closed_frame(BTC, 10))
        await connection.wait_closed()

    async with venue_of(script, markets=[(BTC,), (ETH,)], end_reason=None) as (_, listener):
        running = asyncio.create_task(listener.run())
        async with asyncio.timeout(20):
            while not listener.events:
                await asyncio.sleep(0.001)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


def test_the_patience_of_a_test_is_everything_but_the_venue_s_own_time() -> None:
    usual = Patience()
    scaled = usual.scaled(0.01)
    assert (scaled.settle_ms, scaled.stale_ms) == (usual.settle_ms, usual.stale_ms)
    assert (scaled.silence_ms, scaled.tick_ms) == (usual.silence_ms // 100, usual.tick_ms // 100)
    assert T0 % MINUTE == 0
