"""
The life of a stream connection: connect, subscribe, prove it, read, and come back when it breaks.

Every closed candle is handed on once and in order, whatever the venue repeats or reorders. A gap is handed on
as it is: whoever needs the missing candles asks history. Knows nothing of a venue's wire format, which is the
parser's, nor of what becomes of the events.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Final, assert_never
from urllib.parse import urlsplit

from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from bot.adapters.reconnect import Fatal, retry_delay_s, retry_or_fatal
from bot.adapters.venues import (
    ClosedCandle,
    FormingPrice,
    Ignored,
    Refused,
    ShuttingDown,
    Subscribed,
    SubscriptionRefused,
)
from bot.adapters.venues.binance import BinanceKlines
from bot.core.errors import VenueError
from bot.core.events import CandleClosed, PriceUpdated
from bot.core.market import Candle

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_NORMAL_CLOSE: Final = 1000

_log = logging.getLogger(__name__)

Emit = Callable[[CandleClosed | PriceUpdated], Awaitable[None]]
"""Where events go. Awaited for each, so that a slow reader slows the connection and not the memory."""


class Patience(Struct, frozen=True):
    """
    How long to wait for what, in seconds of real time.

    `silence_s` is how long a connection may bring no price at all before it counts as dead, pings or not;
    Binance pushes a moving market every two seconds.
    """

    connect_s: float = 10.0
    confirm_s: float = 10.0
    silence_s: float = 60.0
    close_s: float = 1.0
    first_retry_s: float = 1.0
    longest_retry_s: float = 60.0


class CandleStream:
    """
    The candles and prices of a venue's markets, for as long as the bot runs.

    Args:
        venue: Address, subscriptions and parser.
        emit: Takes each event; what it raises ends `run`.
        end_reason: Reason of a normal close (code 1000) after which `run` returns, for a venue whose market
            ends; None for one that never does.
        patience: Time limits.
        sleep: Waits between two tries.
        jitter: A number in [0, 1) for each try.

    `counts` tells what has happened: `connections`, `candles`, `prices`, `duplicates`, `revisions` (a closed
    candle said again with other values), `stale prices`, `ignored`, and `refused: ...` by reason.
    """

    def __init__(
        self,
        venue: BinanceKlines,
        emit: Emit,
        *,
        end_reason: str | None = None,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._venue = venue
        self._emit = emit
        self._end_reason = end_reason
        self._patience = patience
        self._sleep = sleep
        self._jitter = jitter
        self.counts: Counter[str] = Counter()
        self._last: dict[str, Candle] = {}
        self._newest_ms: dict[str, int] = {}
        self._failures = 0
        self._unconfirmed: set[int] = set()
        self._must_leave = False
        self._deadline = 0.0

    async def run(self) -> None:
        """
        Stream until cancelled, or until the market ends.

        Raises:
            VenueError: The venue refuses us in a way that waiting does not mend.
        """
        async with aclosing(self._frames()) as frames:
            async for frame in frames:
                await self._take(frame)

    async def _frames(self) -> AsyncGenerator[bytes, None]:
        """Raw messages of one connection after another. A failing consumer is not a failing connection."""
        while True:
            try:
                async with self._connection() as connection:
                    await self._subscribe(connection)
                    while not self._must_leave:
                        yield await self._receive(connection)
                reason, after_s = "the venue is shutting down", 0.0
            except (OSError, WebSocketException) as error:
                if self._is_the_end(error):
                    return
                verdict = retry_or_fatal(error)
                if isinstance(verdict, Fatal):
                    raise VenueError(f"the stream {self._venue.stream_url} cannot be used: {verdict.reason}") from error
                reason, after_s = verdict.reason, verdict.after_s
            await self._wait_before_retry(reason, after_s)

    def _connection(self) -> connect:
        url = self._venue.stream_url
        return connect(
            url,
            # A proxy of the environment is for the outside world.
            proxy=None if urlsplit(url).hostname in _LOOPBACK else True,
            compression=None,
            open_timeout=self._patience.connect_s,
            # What the venue says after our goodbye may stand behind frames that nobody will read.
            close_timeout=self._patience.close_s,
            # The venue pings us, and silence is judged by data: a pong behind a long queue of candles says nothing.
            ping_interval=None,
        )

    async def _subscribe(self, connection: ClientConnection) -> None:
        requests = self._venue.subscribe_frames()
        self.counts["connections"] += 1
        self._must_leave = False
        self._unconfirmed = set(requests)
        self._deadline = asyncio.get_running_loop().time() + self._patience.confirm_s
        for request in requests.values():
            await connection.send(request, text=True)

    async def _receive(self, connection: ClientConnection) -> bytes:
        try:
            async with asyncio.timeout_at(self._deadline):
                return await connection.recv(decode=False)
        except TimeoutError:
            missing = "no answer to a subscription" if self._unconfirmed else "connected, but no prices"
            raise TimeoutError(missing) from None

    def _is_the_end(self, error: Exception) -> bool:
        return (
            self._end_reason is not None
            and isinstance(error, ConnectionClosed)
            and error.rcvd is not None
            and error.rcvd.code == _NORMAL_CLOSE
            and error.rcvd.reason == self._end_reason
        )

    async def _wait_before_retry(self, reason: str, after_s: float) -> None:
        patience = self._patience
        usual_s = retry_delay_s(self._failures, patience.first_retry_s, patience.longest_retry_s, self._jitter())
        self._failures += 1
        delay_s = max(after_s, usual_s)
        _log.warning("stream lost (%s), connecting again in %.1f s", reason, delay_s)
        await self._sleep(delay_s)

    async def _take(self, frame: bytes) -> None:
        """Act on one message."""
        message = self._venue.parse(frame)
        match message:
            case ClosedCandle():
                await self._candle_closed(message)
            case FormingPrice():
                await self._price_updated(message)
            case Subscribed():
                self._confirm(message.request_id)
            case Refused():
                self.counts[f"refused: {message.code}"] += 1
                if self.counts[f"refused: {message.code}"] == 1:
                    _log.warning("frame refused (%s); more like it are only counted", message.reason)
            case SubscriptionRefused():
                raise VenueError(f"the venue refused a subscription: code {message.code}, {message.text!r}")
            case ShuttingDown():
                self._must_leave = True
            case Ignored():
                self.counts["ignored"] += 1
            case _:
                assert_never(message)

    def _confirm(self, request_id: int) -> None:
        self._unconfirmed.discard(request_id)
        if not self._unconfirmed:
            _log.info("streaming %d markets", len(self._venue.symbols))
            self._expect_data()

    async def _candle_closed(self, message: ClosedCandle) -> None:
        symbol, candle = message.symbol, message.candle
        last = self._last.get(symbol)
        if last and candle.open_time_ms <= last.open_time_ms:
            same_bar = candle.open_time_ms == last.open_time_ms
            self.counts["revisions" if same_bar and candle != last else "duplicates"] += 1
            return
        self._last[symbol] = candle
        close_ms = candle.open_time_ms + self._venue.timeframe_ms
        self._newest_ms[symbol] = max(close_ms, self._newest_ms.get(symbol, 0))
        self.counts["candles"] += 1
        await self._emit(CandleClosed(close_ms, symbol, candle))
        self._prove_useful()

    async def _price_updated(self, message: FormingPrice) -> None:
        symbol, last = message.symbol, message.last
        if message.event_ms < self._newest_ms.get(symbol, 0):
            self.counts["stale prices"] += 1
            return
        self._newest_ms[symbol] = message.event_ms
        self.counts["prices"] += 1
        # A kline stream has no quotes: the last trade stands for both sides.
        await self._emit(PriceUpdated(message.event_ms, symbol, bid=last, ask=last, last=last))
        self._prove_useful()

    def _prove_useful(self) -> None:
        """A price came that was not known: only this clears the record of failures."""
        self._failures = 0
        if not self._unconfirmed:
            self._expect_data()

    def _expect_data(self) -> None:
        self._deadline = asyncio.get_running_loop().time() + self._patience.silence_s
