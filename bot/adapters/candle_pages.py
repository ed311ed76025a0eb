"""
Pages of past candles from any exchange that ccxt can ask for them, and the patience that asking takes.

Public data only: no key ever comes here. What goes wrong on the way is asked again, as late as the exchange wants;
an answer that cannot be read, or contradicts itself, counts as one that did not come. ccxt takes two seconds to
import, so it is imported when an exchange is opened.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from msgspec import Struct

from bot.adapters.candle_page import Page, page_of
from bot.adapters.ccxt_venue import candles_a_page, load_markets, open_exchange
from bot.adapters.history import PUBLIC_DATA_URL
from bot.adapters.http_waits import asked_to_wait_s, http_date_ms
from bot.core.errors import ConfigError, DataError, VenueError, VenueUnavailable
from bot.core.market import Timeframe

if TYPE_CHECKING:
    from types import TracebackType

_PUBLIC_HOSTS: Final = {"binance": PUBLIC_DATA_URL}
_FINAL_STATUS: Final = frozenset({401, 404, 410, 451})
_PASSING_STATUS: Final = frozenset({408, 418, 425, 429})
_SERVER_FAULT: Final = 500

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")


class Patience(Struct, frozen=True):
    """
    How long a download waits, and for what.

    `retries_s` are the pauses before the second and later tries of a request; an exchange's `Retry-After` is waited
    for in full, up to `longest_wait_s`. A candle is final `settling_ms` after it has closed, because an exchange may
    mend its newest candle for some seconds.
    """

    retries_s: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
    longest_wait_s: float = 300.0
    settling_ms: int = 60_000


class CandlePages:
    """
    An exchange's past candles. Open it once with `async with`.

    Args:
        venue: ccxt's name of the exchange.
        symbols: The markets that will be asked for.
        url: Scheme, host and port to ask instead of the exchange's own.
        patience: How long to wait.
        sleep: Waits between two tries.

    Raises:
        ConfigError: There is no such exchange, or it gives no candles.
    """

    def __init__(
        self,
        venue: str,
        symbols: Sequence[str],
        url: str | None = None,
        *,
        patience: Patience | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.venue = venue
        self._symbols = tuple(symbols)
        self._patience = patience or Patience()
        self._sleep = sleep
        self._exchange = _open_exchange(venue, url or _PUBLIC_HOSTS.get(venue))
        self._exchange.on_rest_response = self._hear
        self._status = 0
        self._headers: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        try:
            await self._load()
        except BaseException:
            await self._exchange.close()
            raise
        return self

    async def __aexit__(
        self, kind: "type[BaseException] | None", error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        await self._exchange.close()

    @property
    def candles_a_page(self) -> int:
        """How many candles one answer can hold."""
        return candles_a_page(self._exchange)

    def require(self, timeframe: Timeframe) -> None:
        """Check that the exchange has candles of this length. Raises `ConfigError`."""
        known = self._exchange.timeframes or {}
        if timeframe.value not in known:
            ours = ", ".join(each.value for each in Timeframe if each.value in known)
            raise ConfigError(f"{self.venue} has no {timeframe.value} candles; it has {ours or 'none that fit'}")

    async def final_before_ms(self) -> int:
        """
        When the newest final candles end, by the exchange's clock.

        Raises:
            VenueUnavailable: The exchange could not be reached.
            VenueError: It does not tell the time.
        """
        return await self._now_ms() - self._patience.settling_ms

    async def page(self, symbol: str, timeframe: Timeframe, since_ms: int) -> Page:
        """
        Ask for the first candles from a time on; the newest of them may still be open.

        Raises:
            VenueUnavailable: The exchange could not be reached, or asks for more patience than we have.
            VenueError: It refused, or says what cannot be true again and again.
        """

        async def request() -> Page:
            rows = await self._exchange.fetch_ohlcv(symbol, timeframe.value, since=since_ms, limit=self.candles_a_page)
            return page_of(rows, f"answer of {self.venue}", symbol, timeframe)

        return await self._ask(f"candles of {symbol}", request)

    async def _load(self) -> None:
        await self._ask("its markets", lambda: load_markets(self._exchange, self._symbols))
        for symbol in self._symbols:
            if symbol not in self._exchange.markets:
                raise VenueError(f"{symbol} is not listed on {self.venue}: check the symbol")

    async def _now_ms(self) -> int:
        if self._exchange.has.get("fetchTime") is True:
            now_ms = await self._ask("its clock", self._exchange.fetch_time)
        else:
            # Heard with the list of markets, so a little early: no candle is called closed too soon.
            now_ms = http_date_ms(self._headers.get("date", ""))
        if not isinstance(now_ms, int):
            raise VenueError(f"{self.venue} does not tell the time, so that its open candle cannot be known")
        return now_ms

    def _hear(
        self, status: int, _reason: str, _url: str, _method: str, headers: Mapping[str, str], body: str, *_: Any
    ) -> str:
        """What ccxt shows of every answer before it reads it."""
        self._status = status
        self._headers = {name.lower(): value for name, value in headers.items()}
        return body.strip()

    async def _ask(self, what: str, request: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """Make a request, and again with patience where it failed on the way."""
        from ccxt.base.errors import BaseError  # type: ignore[import-untyped]

        pauses_s = iter(self._patience.retries_s)
        while True:
            self._status, self._headers, self._exchange.last_json_response = 0, {}, None
            try:
                answer = await request()
            except BaseError as error:
                # ccxt's own text holds the whole address: its class says enough.
                failure = type(error).__name__
                if not self._may_pass(error):
                    raise VenueError(f"{self.venue} refused to give us {what} ({self._told(failure)})") from None
            except DataError as error:
                failure = str(error)
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
                failure = "an answer that cannot be read"
            else:
                # ccxt takes text that is no JSON, such as half an answer, for an answer without candles.
                if self._exchange.last_json_response is not None:
                    return answer
                failure = "an answer that is no JSON"
            await self._pause(what, self._told(failure), next(pauses_s, None))

    def _may_pass(self, error: Exception) -> bool:
        from ccxt.base.errors import OperationFailed

        if self._status in _FINAL_STATUS:
            return False
        on_the_way = isinstance(error, OperationFailed) or error.__cause__ is not None
        return on_the_way or self._status in _PASSING_STATUS or self._status >= _SERVER_FAULT

    def _told(self, failure: str) -> str:
        return f"HTTP {self._status}, {failure}" if self._status >= 400 else failure

    async def _pause(self, what: str, failure: str, pause_s: float | None) -> None:
        asked_s = asked_to_wait_s(self._headers.get("retry-after", ""), self._headers.get("date", ""))
        wait_s = max(pause_s or 0.0, asked_s)
        if pause_s is None or wait_s > self._patience.longest_wait_s:
            when = f" in {asked_s:.0f} seconds" if asked_s else ""
            raise VenueUnavailable(
                f"{self.venue} did not give us {what} ({failure}): check the connection and try again{when}; "
                f"what was downloaded is kept"
            )
        _log.warning("%s did not give us %s (%s), asking again in %.1f s", self.venue, what, failure, wait_s)
        await self._sleep(wait_s)


def _open_exchange(venue: str, url: str | None) -> Any:
    exchange = open_exchange(venue, url)
    exchange.enableLastJsonResponse = True
    if exchange.has.get("fetchOHLCV") is not True:
        raise ConfigError(f"{venue} does not give its past candles through ccxt: download from another exchange")
    return exchange
