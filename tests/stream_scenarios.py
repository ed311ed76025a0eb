"""
A session of the real streams against the real exchange in real sockets, with faults in between.

Every duration is production's; only the loop's clock is ours (`tests.market_time`). What the session emitted is held
against the exchange's truth, and every fault that was ordered must have struck.
"""

import asyncio
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from bot.adapters.candle_feed import CandleFeed
from bot.adapters.candle_stream import CandleStreams
from bot.adapters.feed_outputs import Difference, EngineEvent
from bot.adapters.history import CcxtHistory
from bot.adapters.patience import Patience
from bot.adapters.reconnect import ConnectBudget
from bot.adapters.venues import VenueStream
from bot.adapters.venues.binance import BinanceKlines
from bot.core.events import CandleClosed, MarketRestored, MarketSuspended, PriceUpdated
from bot.core.market import Candle, Timeframe
from bot.exchange.doorway import LOOPBACK
from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import AnyFault, kind_of
from bot.exchange.market import ORIGIN_MS, SeededMarket
from bot.exchange.occasions import Where
from bot.exchange.pace import Paced
from bot.exchange.server import ExchangeServer
from bot.exchange.truth import closed_candles
from bot.exchange.venue import Market, Venue
from bot.exchange.wire_log import WireLog

MINUTE = Timeframe.M1.ms
FROM_MS = ORIGIN_MS + 500 * MINUTE
SYMBOLS = ("BTC/USDT", "ETH/USDT")
PUSH_MS = 2_000
WITHIN_MINUTES = 30.0
"""How long a session may take to come to where it should."""


def minute(number: float) -> int:
    """Market time, `number` minutes after the first candle opened."""
    return FROM_MS + int(number * MINUTE)


def once(at: float, **selector: Any) -> Where:
    """The first fitting occasion from a minute on."""
    return Where(from_ms=minute(at), times=1, **selector)


def during(begin: float, end: float, **selector: Any) -> Where:
    """Every fitting occasion between two minutes."""
    return Where(from_ms=minute(begin), until_ms=minute(end), **selector)


class LoopClock:
    """A machine's clock: the loop's time, and an error of `error_ms` that can be changed at any time."""

    def __init__(self, error_ms: int = 0) -> None:
        self.error_ms = error_ms

    def now_ms(self) -> int:
        return FROM_MS + int(asyncio.get_running_loop().time() * 1_000) + self.error_ms

    def seconds_until(self, at_ms: int) -> float:
        return max(at_ms - self.now_ms(), 0) / 1_000

    def hear(self, at_ms: int) -> None:
        pass


class Session:
    """What a running session has emitted, and what it should have."""

    def __init__(self, server: ExchangeServer, clock: LoopClock, symbols: Sequence[str]) -> None:
        self.server = server
        self.clock = clock
        self.symbols = tuple(symbols)
        self.events: list[EngineEvent] = []
        self.differences: list[Difference] = []
        self.candles: dict[str, list[Candle]] = defaultdict(list)
        self.suspended: dict[str, str] = {}
        self.streams: CandleStreams
        self.feed: CandleFeed
        self._running: asyncio.Task[None]
        self._something = asyncio.Event()

    @property
    def log(self) -> WireLog:
        return self.server.plan.log

    @property
    def market_ms(self) -> int:
        return self.server.pace.now_ms()

    async def take(self, event: EngineEvent) -> None:
        self.events.append(event)
        match event:
            case CandleClosed():
                self.candles[event.symbol].append(event.candle)
            case MarketSuspended():
                self.suspended[event.symbol] = event.reason
            case MarketRestored():
                del self.suspended[event.symbol]
        self._something.set()

    def has_emitted(self, bars: int) -> bool:
        return all(len(self.candles[symbol]) >= bars for symbol in self.symbols)

    def suspensions(self, symbol: str) -> list[str]:
        return [event.reason for event in self.events if type(event) is MarketSuspended and event.symbol == symbol]

    async def until(self, condition: Callable[[], bool], within: float = WITHIN_MINUTES) -> None:
        """Wait until something that the session emits, or that the exchange logs, makes a condition true."""
        waiting = [asyncio.create_task(self.log.until(condition)), asyncio.create_task(self._emitted(condition))]
        try:
            done, _ = await asyncio.wait(
                [*waiting, self._running], timeout=within * 60.0, return_when=asyncio.FIRST_COMPLETED
            )
            if self._running in done:
                await self._running
            assert done, f"not within {within} minutes: {self.picture()}"
        finally:
            for task in waiting:
                task.cancel()

    async def _emitted(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._something.clear()
            await self._something.wait()

    async def until_emitted(self, bars: int, within: float = WITHIN_MINUTES) -> None:
        """Wait until every market has emitted so many candles, and see that they are the true ones."""
        await self.until(lambda: self.has_emitted(bars), within)
        self.assert_true()

    async def until_suspended(self, symbol: str, within: float = WITHIN_MINUTES) -> str:
        """Wait until a market is suspended, and return why."""
        await self.until(lambda: symbol in self.suspended, within)
        self.assert_true()
        return self.suspended[symbol]

    def truth(self, symbol: str) -> list[Candle]:
        """The market's closed candles from the first minute on."""
        return closed_candles(self.server.venue, symbol.replace("/", ""), FROM_MS, self.market_ms)

    def assert_true(self) -> None:
        """Everything that was emitted is true, and every fault struck."""
        self.assert_candles()
        self.assert_struck()

    def assert_candles(self) -> None:
        """Every candle that was emitted is the exchange's, once and in order, and no price was invented."""
        for symbol in self.symbols:
            truth, emitted = self.truth(symbol), self.candles[symbol]
            assert emitted == truth[: len(emitted)], f"{symbol}: {_first_difference(emitted, truth)}"
            lasts = [event.last for event in self.events if type(event) is PriceUpdated and event.symbol == symbol]
            market = self.server.venue.markets[symbol.replace("/", "")]
            bars = [market.at(open_ms) for open_ms in range(FROM_MS, self.market_ms + 1, MINUTE)]
            known = [bar for bar in bars if bar]
            low, high = min(bar.low for bar in known), max(bar.high for bar in known)
            assert all(low <= last <= high for last in lasts), f"{symbol}: a price that never was"

    def assert_struck(self) -> None:
        """A scenario whose faults did not happen shows nothing."""
        for rule in self.server.plan.rules:
            assert self.log.strikes(rule.name or kind_of(rule)), f"this fault never struck: {rule}"

    def picture(self) -> str:
        """What is known, for a failure's message."""
        emitted = {symbol: len(self.candles[symbol]) for symbol in self.symbols}
        at = (self.market_ms - FROM_MS) / MINUTE
        counts = {**self.feed.counts, **self.streams.counts}
        return f"minute {at:.1f}, emitted {emitted}, suspended {self.suspended}, feed {counts}"


@asynccontextmanager
async def session(
    *faults: AnyFault,
    symbols: Sequence[str] = SYMBOLS,
    patience: Patience = Patience(),  # noqa: B008 - frozen
    clock_error_ms: int = 0,
    streams_of: Callable[[str], Sequence[VenueStream]] | None = None,
    budget: ConnectBudget | None = None,
    feed_class: type[CandleFeed] = CandleFeed,
    streams_class: type[CandleStreams] = CandleStreams,
    host: str = LOOPBACK,
    tls: ssl.SSLContext | None = None,
    seed: int = 7,
    push_ms: int = PUSH_MS,
    speed: float = 1.0,
    market_of: Callable[[str], Market] | None = None,
) -> AsyncIterator[Session]:
    """Run a session from the first candle on. An error that ends the streams ends the story."""
    markets = [market_of(symbol) if market_of else SeededMarket(seed, symbol, Timeframe.M1) for symbol in symbols]
    venue, pace = Venue(markets, FROM_MS, push_ms), Paced(FROM_MS, speed, None)
    server = ExchangeServer(venue, pace, FaultPlan(faults, seed), tls=tls)
    server.plan.is_watched = True
    port = await server.start()
    clock = LoopClock(clock_error_ms)
    run = Session(server, clock, symbols)
    url = f"{host}:{port}"
    stream_url = f"{'wss' if tls else 'ws'}://{url}"
    streams = streams_of(stream_url) if streams_of else [klines(symbols, stream_url)]
    begin_ms = dict.fromkeys(symbols, FROM_MS)
    run.feed = feed_class(streams, patience=patience, begin_ms=begin_ms)
    try:
        async with CcxtHistory(symbols, Timeframe.M1, f"http://{url}") as history:
            run.streams = streams_class(
                streams,
                run.feed,
                history,
                run.take,
                clock,
                on_difference=run.differences.append,
                patience=patience,
                budget=budget,
                jitter=lambda: 0.5,
            )
            run._running = asyncio.create_task(run.streams.run())
            try:
                yield run
            finally:
                run._running.cancel()
                await asyncio.gather(run._running, return_exceptions=True)
    finally:
        await server.stop()


def klines(symbols: Sequence[str], url: str) -> BinanceKlines:
    """One connection's markets."""
    return BinanceKlines({symbol.replace("/", ""): symbol for symbol in symbols}, Timeframe.M1, url)


def _first_difference(emitted: list[Candle], truth: list[Candle]) -> str:
    for number, (got, wanted) in enumerate(zip(emitted, truth, strict=False)):
        if got != wanted:
            return f"candle {number} is {got}, should be {wanted}"
    return f"{len(emitted)} candles emitted, {len(truth)} are true"
