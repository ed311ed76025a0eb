"""Where a session's market data comes from: the embedded exchange on loopback, or a venue's public data."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from bot.adapters.clock import MarketClock, SystemClock
from bot.adapters.exchange_process import END_OF_MARKET, ExchangeProcess
from bot.adapters.history import PUBLIC_DATA_URL
from bot.adapters.venues.names import VENUE_NAMES
from bot.compose.feed_plan import EMBEDDED
from bot.core.errors import ConfigError
from bot.core.market import Timeframe

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

    `stream_url` and `rest_url` are None where the venue's own are used. `clock` is the time that a session runs by,
    `end_reason` the close of a stream that means the market is over.
    """

    clock: MarketClock | SystemClock
    label: str
    stream_url: str | None = None
    rest_url: str | None = None
    end_reason: str | None = None


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
        exchange: `embedded`, or one of `VENUE_NAMES`.
        symbols: The markets.
        timeframe: Length of the candles.
        invented: What the embedded exchange makes up.
        from_ms: Where the embedded exchange's market takes up.
        until_ms: Where it ends; None never ends. A real venue heeds neither.

    Raises:
        ConfigError: The exchange is not known.
        VenueError: The embedded exchange does not start.
    """
    if exchange in VENUE_NAMES:
        rest_url = PUBLIC_DATA_URL if exchange == "binance" else None
        yield MarketSource(SystemClock(), f"{exchange}, public data, in real time", rest_url=rest_url)
        return
    if exchange != EMBEDDED:
        raise ConfigError(f"--exchange {exchange} is not known: it is {EMBEDDED} or one of {', '.join(VENUE_NAMES)}")
    arguments = [word for symbol in symbols for word in ("--symbol", symbol)]
    arguments += ["--timeframe", timeframe.value, "--seed", str(invented.seed), "--rho", str(invented.rho)]
    arguments += ["--start", str(EMBEDDED_ORIGIN_MS), "--from", str(from_ms), "--speed", invented.speed]
    if invented.faults is not None:
        arguments += ["--faults", str(invented.faults)]
    if until_ms is not None:
        arguments += ["--count", str(max((until_ms - from_ms) // timeframe.ms, 1))]
    async with await ExchangeProcess.start(arguments) as process:
        label = f"invented market, seed {invented.seed}, with a planted AR(1) edge of rho = {invented.rho}"
        yield MarketSource(MarketClock(from_ms), label, process.stream_url, process.rest_url, END_OF_MARKET)
