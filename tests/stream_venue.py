"""
A scripted venue on loopback, and the rest of a bot that listens to it through `CandleStreams`.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from msgspec.structs import replace
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from bot.adapters.candle_feed import CandleFeed
from bot.adapters.candle_stream import CandleStreams
from bot.adapters.clock import SystemClock
from bot.adapters.feed_inputs import AnyFeedInput
from bot.adapters.feed_outputs import EngineEvent
from bot.adapters.history_rows import VenueRows
from bot.adapters.patience import Patience
from bot.adapters.reconnect import ConnectBudget
from bot.adapters.stream_connection import LatestTime, nobody_knows
from bot.adapters.venues import KeepAlive
from bot.core.events import CandleClosed
from tests.feed_fakes import (
    BTC,
    FakeStream,
    bar_of,
    confirmed_frame,
    opens,
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
        self.gone: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)

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
        self.gone[number].set()


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
        self.events: list[Any] = []
        self.inputs: list[AnyFeedInput] = []
        self.pauses: list[float] = []
        self.past = Past()
        self.make_feed = lambda: CandleFeed(streams, patience=patience)
        self.feed = self.make_feed()
        self.budget = ConnectBudget()
        self.latest_ms: LatestTime = nobody_knows
        self.take: Callable[[EngineEvent], Awaitable[None]] = self._keep
        self.sleep: Callable[[float], Awaitable[None]] = self._note_pause
        self._streams = streams
        self._patience = patience
        self._end_reason = end_reason

    async def _keep(self, event: EngineEvent) -> None:
        self.events.append(event)

    async def _note_pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def new_streams(self) -> CandleStreams:
        self.streams = CandleStreams(
            self._streams,
            self.feed,
            self.past,
            self.take,
            SystemClock(),
            latest_ms=self.latest_ms,
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
