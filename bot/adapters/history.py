"""
Closed candles of the past, and the rules of markets, from an exchange's REST interface through ccxt.

Public data only: no key ever comes here. Answers are checked before they are believed; knows nothing of what
they are for. ccxt takes two seconds to import, so it is imported when a history is opened.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from decimal import Decimal
from math import nan
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from msgspec import Struct

from bot.adapters.ccxt_venue import candles_a_page, load_markets, open_exchange
from bot.adapters.history_rows import ROW_LENGTH, Row, VenueRows, check_rows
from bot.adapters.http_waits import asked_to_wait_s
from bot.core.commands import Backfill
from bot.core.errors import VenueError, VenueUnavailable
from bot.core.events import Backfilled
from bot.core.market import Timeframe

if TYPE_CHECKING:
    from types import TracebackType

    from aiohttp import ClientSession

PUBLIC_DATA_URL: Final = "https://data-api.binance.vision"
"""Binance's host for market data: no account can be reached through it."""

_KNOW_UNTIL: Final = frozenset({"binance", "bybit", "okx"})
"""Exchanges that can be told where to stop; the others give more, which is left out."""

RETRIES_S: Final = (1.0, 2.0, 4.0, 8.0)
"""Pauses before the second and later tries of a request that failed on the way."""

LONGEST_WAIT_S: Final = 60.0
"""An exchange that asks for more patience than this is called unavailable instead."""

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")


class TradingRules(Struct, frozen=True):
    """What an exchange demands of orders in one market; amounts are exact."""

    symbol: str
    tick_size: Decimal
    lot_step: Decimal
    min_quantity: Decimal
    min_notional: Decimal


class CcxtHistory:
    """
    `bot.core.ports.History` and `RowSource` over ccxt. Open it once, `close` it once.

    Args:
        symbols: The markets that will be asked for; only these are loaded.
        timeframe: Length of the candles.
        url: Scheme, host and port of the REST interface, without a path; None is the venue's own.
        venue: ccxt's name of the exchange, which `-testnet` or `-demo` can follow.
        session: Carries its requests, where they are to be counted with others.
        retries_s: Pauses between tries.
        sleep: Waits between two tries.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        timeframe: Timeframe,
        url: str | None = PUBLIC_DATA_URL,
        *,
        venue: str = "binance",
        session: "ClientSession | None" = None,
        retries_s: Sequence[float] = RETRIES_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._symbols = tuple(symbols)
        self._timeframe = timeframe
        self._retries_s = tuple(retries_s)
        self._sleep = sleep
        self._url = url.rstrip("/") if url else venue
        self._silent_until_s = 0.0
        self._exchange = open_exchange(venue, url, session=session)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: "type[BaseException] | None", error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections back."""
        await self._exchange.close()

    async def backfill(self, request: Backfill) -> Backfilled:
        """
        Fetch the closed candles that open in `[from_ms, to_ms)`, in order and once each.

        A candle counts as closed by the exchange's clock, read before the candles are. A missing one is left out, and
        so is what cannot be true, which is said: it would be the same the next time. Where the exchange says one bar
        twice, the later word stands.

        Raises:
            VenueUnavailable: The exchange could not be reached, or asks for more patience than we have.
            VenueError: It refused, or its answer is no list of rows.
        """
        answer = await self.rows(request.symbol, request.from_ms, request.to_ms)
        checked = check_rows(answer.rows, self._timeframe, request.from_ms, request.to_ms)
        if checked.refusals:
            text = "history of %s: %d rows are passed over, the first: %s"
            _log.warning(text, request.symbol, len(checked.refusals), checked.refusals[0])
        last_open_ms = answer.venue_ms - self._timeframe.ms
        closed = tuple(candle for open_ms, candle in checked.candles.items() if open_ms <= last_open_ms)
        return Backfilled(request.to_ms, request.symbol, request.from_ms, request.to_ms, closed)

    async def rows(self, symbol: str, from_ms: int, to_ms: int) -> VenueRows:
        """
        Fetch what the exchange has of the bars that open in `[from_ms, to_ms)`, unchecked, with the open one.

        Raises:
            VenueUnavailable: The exchange could not be reached, or asks for more patience than we have.
            VenueError: It refused, or its answer is no list of rows.
        """
        await self._load()
        venue_ms = await self._now_ms()
        found: list[Row] = []
        since_ms = from_ms
        while since_ms < to_ms:
            page = [_row(row, symbol) for row in await self._page(symbol, since_ms, to_ms)]
            found.extend(row for row in page if row[0] < to_ms)
            newest_ms = max((row[0] for row in page), default=-1)
            if newest_ms < since_ms:
                break
            since_ms = newest_ms + self._timeframe.ms
        return VenueRows(venue_ms, tuple(found))

    async def instruments(self, symbols: Iterable[str]) -> dict[str, TradingRules]:
        """
        Fetch the rules of each market.

        Raises:
            VenueUnavailable: The exchange could not be reached.
            VenueError: A market is not listed, not open for trading, or its rules are incomplete.
        """
        await self._load()
        return {symbol: _rules(symbol, self._exchange.markets.get(symbol)) for symbol in symbols}

    async def _load(self) -> None:
        if self._exchange.markets:
            return
        await self._ask("its markets", lambda: load_markets(self._exchange, self._symbols))

    async def _now_ms(self) -> int:
        if self._exchange.has.get("fetchTime") is not True:
            raise VenueError(f"{self._url} does not tell the time, so that its open candle cannot be known")
        now_ms = await self._ask("its clock", self._exchange.fetch_time)
        if type(now_ms) is not int:
            raise VenueError(f"{self._url} did not tell the time when it was asked")
        return now_ms

    async def _page(self, symbol: str, since_ms: int, to_ms: int) -> list[Any]:
        if symbol not in self._exchange.markets:
            raise VenueError(f"{symbol} is not among the markets that this history was opened for")
        until = {"until": to_ms - 1} if self._exchange.id in _KNOW_UNTIL else {}
        return await self._ask(
            f"candles of {symbol}",
            lambda: self._exchange.fetch_ohlcv(
                symbol, self._timeframe.value, since=since_ms, limit=candles_a_page(self._exchange), params=until
            ),
        )

    async def _ask(self, what: str, request: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """Make a request, and again with patience where it failed on the way."""
        from ccxt.base.errors import BaseError, OperationFailed  # type: ignore[import-untyped]

        loop = asyncio.get_running_loop()
        pauses_s = iter(self._retries_s)
        while True:
            await self._heed_ban(loop.time())
            self._exchange.last_response_headers = None
            try:
                return await request()
            except OperationFailed as error:
                # ccxt's own text holds the whole address: its class says enough.
                failure = type(error).__name__
            except BaseError as error:
                raise VenueError(f"{self._url} refused to give us {what} ({type(error).__name__})") from None
            pause_s = next(pauses_s, None)
            asked_s = self._asked_to_wait_s()
            if asked_s:
                self._silent_until_s = loop.time() + asked_s
            wait_s = max(pause_s or 0.0, asked_s)
            if pause_s is None or wait_s > LONGEST_WAIT_S:
                raise VenueUnavailable(
                    f"{self._url} did not give us {what} ({failure}): check the connection and try again"
                    + (f" in {wait_s:.0f} seconds" if wait_s else "")
                )
            _log.warning("%s did not give us %s (%s), asking again in %.1f s", self._url, what, failure, wait_s)
            await self._be_silent(wait_s)

    async def _heed_ban(self, now_s: float) -> None:
        """Keep quiet for as long as an answer, to whichever request, has told us to."""
        wait_s = self._silent_until_s - now_s
        if wait_s > LONGEST_WAIT_S:
            raise VenueUnavailable(f"{self._url} does not want to hear from us: try again in {wait_s:.0f} seconds")
        if wait_s > 0.0:
            await self._be_silent(wait_s)

    async def _be_silent(self, wait_s: float) -> None:
        until_s = self._silent_until_s
        await self._sleep(wait_s)
        if self._silent_until_s == until_s:
            self._silent_until_s = 0.0

    def _asked_to_wait_s(self) -> float:
        """The seconds of the last answer's `Retry-After`, 0 without one."""
        headers = self._exchange.last_response_headers or {}
        return asked_to_wait_s(str(headers.get("Retry-After", "")), str(headers.get("Date", "")))


def _row(row: Any, symbol: str) -> Row:
    """Bring a row into our types, with NaN for what ccxt could not read: it is no candle, and will be refused."""
    if not isinstance(row, list) or len(row) != ROW_LENGTH or type(row[0]) is not int:
        raise VenueError(f"history of {symbol}: {str(row)[:120]} is no candle")
    first, high, low, last, volume = (nan if value is None else float(value) for value in row[1:])
    return row[0], first, high, low, last, volume


def _rules(symbol: str, market: dict[str, Any] | None) -> TradingRules:
    if market is None:
        raise VenueError(f"{symbol} is not listed there: check the symbol")
    if not market["active"]:
        raise VenueError(f"{symbol} is not open for trading now")
    precision, limits = market["precision"], market["limits"]
    values = (precision["price"], precision["amount"], limits["amount"]["min"], limits["cost"]["min"])
    if any(value is None for value in values):
        raise VenueError(f"the rules of {symbol} are incomplete: price step, lot step, minima are {values}")
    # The shortest decimal that reads back as ccxt's float is what the exchange wrote.
    return TradingRules(symbol, *(Decimal(repr(value)) for value in values))
