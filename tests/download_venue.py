"""
A venue to download from, on loopback: Binance's answers in their real shapes, and everything that goes wrong.

Every answer is made from one truth, which a download has to end with. It runs in a thread of its own, so that what
downloads may be a command, a coroutine or a process that is killed.
"""

import asyncio
import json
import threading
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable
from enum import StrEnum
from random import Random
from time import monotonic
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from bot.core.market import Timeframe
from bot.exchange.listing import listing_of
from bot.exchange.market import ORIGIN_MS, SeededMarket
from bot.exchange.market_replies import exchange_info
from bot.exchange.trading import TradingVenue
from bot.exchange.weights import Limits
from bot.exchange.wire import error_body, kline_row

SYMBOL: Final = "BTC/USDT"
MENDED_MS: Final = 30_000
"""For so long after its end a candle is told otherwise than it will be for good."""

Row = list[Any]


class Trouble(StrEnum):
    """What can be wrong with one answer."""

    TOO_MANY = "429 with Retry-After"
    BANNED = "418 with Retry-After"
    HTML = "502 with HTML"
    JSON = "503 with JSON"
    CUT = "body shorter than its length"
    HALF = "200 with half of the JSON"
    EMPTY = "empty page"
    UNSORTED = "rows out of order"
    REPEATED = "rows twice"
    LACKING = "a bar missing that there is"
    CONTRADICTING = "one bar told in two ways"


PASSING: Final = tuple(Trouble)


class DownloadVenue:
    """
    Markets on loopback. Used as a context; `url` is where it answers.

    Args:
        count: Candles from `ORIGIN_MS` on, the open one not among them.
        timeframe: Their length.
        page: The most rows in an answer.
        missing: Opening times of bars that there are none of.
        retry_after: What is said to one who asks too much.
        windowed: Answers what lies within a page's length of the time asked for, as other exchanges do.
    """

    def __init__(
        self,
        count: int,
        timeframe: Timeframe = Timeframe.H1,
        *,
        page: int = 1_000,
        missing: Iterable[int] = (),
        retry_after: str = "0",
        windowed: bool = False,
    ) -> None:
        self.timeframe = timeframe
        self.now_ms = ORIGIN_MS + count * timeframe.ms + timeframe.ms // 2
        self.retry_after = retry_after
        self.troubles: deque[Trouble | None] = deque()
        self.fired: Counter[Trouble] = Counter()
        self.pages: list[int] = []
        self.too_early = 0
        self.on_page: Callable[[int], None] = lambda _count: None
        self.page = page
        self._windowed = windowed
        self._quiet_until = 0.0
        gone = set(missing)
        columns = SeededMarket(7, SYMBOL, timeframe).candles(count + 1)
        candles = (columns.candle(row) for row in range(count + 1))
        self._rows: dict[int, Row] = {
            candle.open_time_ms: kline_row(candle, timeframe.ms)
            for candle in candles
            if candle.open_time_ms not in gone
        }

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def tell(self, row: Row) -> None:
        """Tell a candle, or tell it otherwise from now on."""
        self._rows[row[0]] = row

    def forget(self, at_ms: int) -> Row:
        """Tell a candle no more; what was told of it."""
        return self._rows.pop(at_ms)

    def trouble(self, seed: int, chance: float, kinds: tuple[Trouble, ...] = PASSING, answers: int = 10_000) -> None:
        """Plan trouble at random, never in two answers in a row: what comes twice is a fact."""
        dice = Random(seed)  # noqa: S311 - troubles, not secrets
        for _ in range(answers // 2):
            self.troubles.append(dice.choice(kinds) if dice.random() < chance else None)
            self.troubles.append(None)

    def truth(self, from_ms: int, until_ms: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The candles that open from the one time on and close until the other, as they are for good."""
        rows = [row for at, row in sorted(self._rows.items()) if from_ms <= at and at + self.timeframe.ms <= until_ms]
        values = [[float(cell) for cell in row[1:6]] for row in rows]
        return np.array([row[0] for row in rows], dtype=np.int64), np.array(values, dtype=np.float64).reshape(-1, 5)

    def _serve(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._answer_until_stopped(ready))
        self._loop.close()

    async def _answer_until_stopped(self, ready: threading.Event) -> None:
        self._stop = asyncio.Event()
        application = web.Application()
        for path, answer in (("exchangeInfo", self._markets), ("time", self._time), ("klines", self._klines)):
            application.router.add_get(f"/api/v3/{path}", self._watched(answer))
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await self._stop.wait()
        await runner.cleanup()

    def _watched(
        self, answer: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            self.too_early += monotonic() < self._quiet_until
            response = await answer(request)
            response.headers["X-MBX-USED-WEIGHT-1M"] = "2"
            return response

        return handle

    async def _markets(self, request: web.Request) -> web.Response:
        known = listing_of(SYMBOL)
        if json.loads(request.query["symbols"]) != [known.venue_symbol]:
            return web.json_response(error_body(-1121, "Invalid symbol."), status=400)
        return web.json_response(exchange_info(TradingVenue([known], [], 0).markets.values(), Limits(), self.now_ms))

    async def _time(self, request: web.Request) -> web.Response:
        return web.json_response({"serverTime": self.now_ms})

    async def _klines(self, request: web.Request) -> web.StreamResponse:
        assert request.query["interval"] == self.timeframe.value
        since_ms, limit = int(request.query["startTime"]), int(request.query["limit"])
        self.pages.append(since_ms)
        self.on_page(len(self.pages))
        count = min(limit, self.page)
        until_ms = since_ms + count * self.timeframe.ms if self._windowed else self.now_ms + 1
        known = [row for at, row in sorted(self._rows.items()) if since_ms <= at < until_ms and at <= self.now_ms]
        rows = [self._shown(row) for row in known[:count]]
        trouble = self.troubles.popleft() if self.troubles else None
        if trouble is None:
            return web.json_response(rows)
        self.fired[trouble] += 1
        return await self._troubled(trouble, rows, request)

    def _shown(self, row: Row) -> Row:
        """A row as it is told now: the open candle has not all of its volume, and one that has just closed neither."""
        final = row[0] + self.timeframe.ms + MENDED_MS <= self.now_ms
        return row if final else [*row[:5], f"{float(row[5]) / 2:.8f}", *row[6:]]

    async def _troubled(self, trouble: Trouble, rows: list[Row], request: web.Request) -> web.StreamResponse:
        if trouble in _PAGES:
            return web.json_response(_PAGES[trouble](rows))
        match trouble:
            case Trouble.HTML:
                return web.Response(status=502, text="<html><h1>502 Bad Gateway</h1></html>", content_type="text/html")
            case Trouble.JSON:
                return web.json_response(error_body(-1008, "Server is currently overloaded."), status=503)
            case Trouble.CUT:
                return await _cut(json.dumps(rows).encode(), request)
            case Trouble.HALF:
                text = json.dumps(rows)
                return web.Response(text=text[: len(text) // 2], content_type="application/json")
            case _:
                self._quiet_until = monotonic() + float(self.retry_after)
                body = error_body(-1003, "Too many requests; current limit of IP(127.0.0.1) is 6000 requests.")
                status = 429 if trouble is Trouble.TOO_MANY else 418
                return web.json_response(body, status=status, headers={"Retry-After": self.retry_after})


def _contradicting(rows: list[Row]) -> list[Row]:
    return [*rows, *([*row[:5], "1.00000000", *row[6:]] for row in rows[:1])]


_PAGES: Final[dict[Trouble, Callable[[list[Row]], list[Row]]]] = {
    Trouble.EMPTY: lambda _rows: [],
    Trouble.UNSORTED: lambda rows: rows[::-1],
    Trouble.REPEATED: lambda rows: [*rows, *rows[:3]],
    Trouble.LACKING: lambda rows: rows[:1] + rows[2:],
    Trouble.CONTRADICTING: _contradicting,
}


async def _cut(body: bytes, request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    assert request.transport is not None
    request.transport.close()
    return response
