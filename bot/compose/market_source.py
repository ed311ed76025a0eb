"""Where a session's market data comes from: the embedded exchange on loopback, or a venue's public data."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import Struct

from bot.adapters.ccxt_socket import dial_ccxt
from bot.adapters.clock import MarketClock, SystemClock
from bot.adapters.exchange_process import END_OF_MARKET, ExchangeProcess
from bot.adapters.history import PUBLIC_DATA_URL
from bot.adapters.stream_connection import Dial
from bot.compose.feed_plan import EMBEDDED, EMBEDDED_WORDS, is_streamed_by_ccxt
from bot.core.market import Timeframe
from bot.core.ports import Clock

EMBEDDED_ORIGIN_MS: Final = 1_704_067_200_000
"""2024-01-01, where the embedded exchange's markets begin."""

EMBEDDED_HISTORY: Final = 2_000
"""Candles of its history that lie before a new session: more than any warm-up."""


class InventedMarket(Struct, frozen=True):
    """
    What the embedded exchange makes up: its seed, the strength of its planted edge, and how fast it runs.

    `faults` is a file of what goes wrong there.
    """

    seed: int = 7
    rho: float = 0.3
    speed: str = "max"
    faults: Path | None = None


class MarketSource(Struct, frozen=True):
    """
    An open source of market data.

    `rest_venue` is what `CcxtHistory` calls the venue; `stream_url` and `rest_url` are None where its own are used.
    `clock` is the time that a session runs by, `feed_clock` that by which its feed waits. `end_reason` is the close of
    a stream that means the market is over, and `dial` opens what is no websocket of ours.
    """

    clock: Clock
    label: str
    rest_venue: str
    stream_url: str | None = None
    rest_url: str | None = None
    end_reason: str | None = None
    dial: Dial | None = None
    feed_clock: Clock = SystemClock()


def embedded_start_ms(timeframe: Timeframe) -> int:
    """When a new session on the embedded exchange begins."""
    return EMBEDDED_ORIGIN_MS + EMBEDDED_HISTORY * timeframe.ms


@asynccontextmanager
async def market_source(
    exchange: str,
    symbols: Sequence[str],
    timeframe: Timeframe,
    invented: InventedMarket,
    from_ms: int,
    until_ms: int | None,
) -> AsyncIterator[MarketSource]:
    """
    Open a source; the embedded exchange is started as a process of its own and stopped at the end.

    Args:
        exchange: `embedded`, one of `VENUE_NAMES`, or ccxt's name of another exchange.
        symbols: The markets.
        timeframe: Length of the candles.
        invented: What the embedded exchange makes up.
        from_ms: Where the embedded exchange's market takes up.
        until_ms: Where it ends; None never ends. A real venue heeds neither.

    Raises:
        VenueError: The embedded exchange does not start.
    """
    if exchange != EMBEDDED:
        clock = SystemClock()
        rest_url = PUBLIC_DATA_URL if exchange == "binance" else None
        dial = partial(dial_ccxt, clock=clock) if is_streamed_by_ccxt(exchange) else None
        yield MarketSource(clock, f"{exchange}, public data, in real time", exchange, rest_url=rest_url, dial=dial)
        return
    arguments = [word for symbol in symbols for word in ("--symbol", symbol)]
    arguments += ["--timeframe", timeframe.value, "--seed", str(invented.seed), "--rho", str(invented.rho)]
    arguments += ["--start", str(EMBEDDED_ORIGIN_MS), "--from", str(from_ms), "--speed", invented.speed]
    if invented.faults is not None:
        arguments += ["--faults", str(invented.faults)]
    if until_ms is not None:
        arguments += ["--count", str(max((until_ms - from_ms) // timeframe.ms, 1))]
    async with await ExchangeProcess.start(arguments) as process:
        label = f"invented market, seed {invented.seed}, with a planted AR(1) edge of rho = {invented.rho}"
        urls = (process.stream_url, process.rest_url)
        yield MarketSource(MarketClock(from_ms), label, EMBEDDED_WORDS, *urls, END_OF_MARKET)
