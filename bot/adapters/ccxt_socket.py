"""
ccxt's own streams as a socket: for venues without a parser of their own, under the same contract.

ccxt connects, subscribes and answers pings; when it says that a connection is lost, so do we, and begin anew with a
fresh one. What it drops without a word is found by the feed. ccxt is imported when a stream is dialled.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from bot.adapters.ccxt_venue import load_markets, open_exchange
from bot.adapters.history_rows import ROW_LENGTH, Row
from bot.adapters.venues import VenueStream
from bot.adapters.venues.ccxt_rows import CcxtRows, RowsFrame
from bot.core.errors import VenueError
from bot.core.ports import Clock

LIFE_SIGN_S: Final = 10.0
"""How often a socket that ccxt holds to be alive says so, while no rows come."""

_KEPT: Final = 3
"""Rows of a market that wait to be read: the open bar, and those that ended meanwhile."""

Open = Callable[[str], Any]
"""Makes an exchange of ccxt's that can stream, of its name."""


class CcxtSocket:
    """
    The streams of one exchange object.

    Args:
        exchange: ccxt's, with its markets loaded; it belongs to this socket now.
        stream: Which markets.
        now_ms: The venue's time.
    """

    def __init__(self, exchange: Any, stream: CcxtRows, now_ms: Callable[[], int]) -> None:
        self._exchange = exchange
        self._timeframe = stream.timeframe
        self._now_ms = now_ms
        self._waiting: dict[str, dict[int, Row]] = {}
        self._something = asyncio.Event()
        self._failure: Exception | None = None
        self._watchers = [asyncio.create_task(self._watch(symbol), name="ccxt") for symbol in stream.symbols]

    async def recv(self) -> bytes:
        """The newest rows of one market, or a sign of life."""
        try:
            async with asyncio.timeout(LIFE_SIGN_S):
                await self._something.wait()
        except TimeoutError:
            return msgspec.json.encode(RowsFrame("", self._now_ms(), ()))
        if not self._waiting:
            raise self._failure or ConnectionAbortedError("hung up")
        symbol = next(iter(self._waiting))
        rows = self._waiting.pop(symbol)
        if not self._waiting and self._failure is None:
            self._something.clear()
        return msgspec.json.encode(RowsFrame(symbol, self._now_ms(), tuple(rows[at] for at in sorted(rows))))

    async def send(self, text: str) -> None:
        """Never: ccxt says what there is to say."""
        raise NotImplementedError(f"ccxt does not send {text!r} for us")

    async def close(self) -> None:
        """End the reading."""
        self._fail(ConnectionAbortedError("hung up"))

    async def release(self) -> None:
        """Stop watching, and give the exchange's connections back."""
        self._fail(ConnectionAbortedError("hung up"))
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        await self._exchange.close()

    async def _watch(self, symbol: str) -> None:
        try:
            while True:
                self._keep(symbol, await self._exchange.watch_ohlcv(symbol, self._timeframe.value))
        except Exception as error:  # noqa: BLE001 - whatever ccxt raises is the end of this socket
            self._fail(_meaning(error))

    def _keep(self, symbol: str, rows: list[Any]) -> None:
        waiting = self._waiting.setdefault(symbol, {})
        for row in rows[-_KEPT:]:
            if len(row) == ROW_LENGTH and None not in row:
                first, high, low, last, volume = map(float, row[1:])
                waiting[int(row[0])] = (int(row[0]), first, high, low, last, volume)
        while len(waiting) > _KEPT:
            del waiting[min(waiting)]
        self._something.set()

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error
        self._something.set()


async def dial_ccxt(stream: VenueStream, clock: Clock, open_: Open | None = None) -> CcxtSocket:
    """
    Open a venue's stream through ccxt.

    Args:
        stream: A `CcxtRows`.
        clock: The machine's; the venue's is asked for once, and goes by it.
        open_: Makes the exchange; None opens ccxt's.

    Raises:
        OSError: The venue could not be reached.
        VenueError: It does not stream candles of these markets.
    """
    if not isinstance(stream, CcxtRows):
        raise TypeError(f"{stream.stream_url} is not streamed through ccxt")
    exchange = open_(stream.venue) if open_ else open_exchange(stream.venue, streams=True)
    try:
        ahead_ms = await _prepare(exchange, stream, clock)
    except BaseException as error:
        await exchange.close()
        if isinstance(error, Exception):
            raise _meaning(error) from None
        raise
    return CcxtSocket(exchange, stream, lambda: clock.now_ms() + ahead_ms)


async def _prepare(exchange: Any, stream: CcxtRows, clock: Clock) -> int:
    """Check what there is to stream; return how far the venue's clock is ahead of ours."""
    if not exchange.has.get("watchOHLCV"):
        raise VenueError(f"{stream.venue} streams no candles through ccxt: choose another venue")
    await load_markets(exchange, stream.symbols)
    for symbol in stream.symbols:
        if symbol not in exchange.markets:
            raise VenueError(f"{symbol} is not listed on {stream.venue}: check the symbol")
    if stream.timeframe.value not in (exchange.timeframes or {}):
        raise VenueError(f"{stream.venue} has no candles of {stream.timeframe.value}: choose another timeframe")
    if exchange.has.get("fetchTime") is not True:
        return 0
    asked: Callable[[], Awaitable[Any]] = exchange.fetch_time
    told_ms = await asked()
    return told_ms - clock.now_ms() if isinstance(told_ms, int) else 0


def _meaning(error: Exception) -> Exception:
    """What ccxt's error means for a connection: worth another try, or not."""
    from ccxt.base.errors import BaseError, OperationFailed  # type: ignore[import-untyped]

    if isinstance(error, (OSError, VenueError)):
        return error
    # ccxt's own text can hold whole addresses: its class says enough.
    name = type(error).__name__
    if isinstance(error, BaseError) and not isinstance(error, OperationFailed):
        return VenueError(f"ccxt was refused ({name})")
    return ConnectionError(f"ccxt lost the stream ({name})")
