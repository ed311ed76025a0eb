"""
The private stream of an account, kept alive: what happens to its orders, as the tracker takes it.

Replaces a connection before it dies and comes back when it breaks, within the budgets that everything in this process
shares. Says truly whether it is live: what happens while it is not has to be looked up. Knows no wire format.
"""

import asyncio
import logging
import random
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from websockets.exceptions import WebSocketException

from bot.adapters.account_connection import AccountConnection, AccountPatience, SubscriptionRefused, dial_account
from bot.adapters.api_keys import Credentials
from bot.adapters.order_messages import OrderHeard, StreamChanged
from bot.adapters.reconnect import ConnectBudget, Fatal, retry_delay_s, retry_or_fatal
from bot.adapters.request_fates import PeerRefused, Withheld
from bot.adapters.request_gate import RequestGate
from bot.adapters.request_weights import STREAM_COST
from bot.adapters.venue_clock import VenueClock
from bot.adapters.venue_peers import VenuePeers
from bot.adapters.venues import Ignored, Refused
from bot.adapters.venues.account_messages import AccountNews, AccountRefused, News, OrderTold
from bot.adapters.venues.binance_account import BinanceAccount, subscribe_request
from bot.core.errors import VenueError

_WRONG_TIME: Final = -1021
_FIRST_SERVER_ERROR: Final = 500
_ENDS: Final = (OSError, WebSocketException, VenueError)

_log = logging.getLogger(__name__)

Tell = Callable[[OrderHeard | StreamChanged], None]


class AccountStream:
    """
    Keeps an account heard, for as long as the bot runs.

    Args:
        url: Of the WebSocket API.
        account: Says what the frames mean.
        credentials: Whose account.
        tell: Takes what the tracker is to hear. An order may be anybody's, and told twice while a connection is
            replaced.
        clock: The venue's time; it is measured anew when the venue finds it wrong.
        gate: What all requests of this process go through; it is told when the venue wants silence.
        peers: Who may be talked to.
        tls: Verifies certificates; None for an address without TLS.
        on_news: Takes what happens to balances and pairs of orders.
        patience: Time limits.
        budget: Connections that may be dialled; shared by whatever dials the same venue.
        sleep: Waits between two tries.
        jitter: A number in [0, 1) for each try.

    `counts` has the frames that were `refused` and `ignored`, and `connections`.
    """

    def __init__(
        self,
        url: str,
        account: BinanceAccount,
        credentials: Credentials,
        tell: Tell,
        *,
        clock: VenueClock,
        gate: RequestGate,
        peers: VenuePeers,
        tls: ssl.SSLContext | None,
        on_news: Callable[[AccountNews], None] | None = None,
        patience: AccountPatience = AccountPatience(),  # noqa: B008 - frozen
        budget: ConnectBudget | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._url = url
        self._account = account
        self._credentials = credentials
        self._tell = tell
        self._clock = clock
        self._gate = gate
        self._peers = peers
        self._tls = tls
        self._on_news = on_news
        self._patience = patience
        self._budget = budget or ConnectBudget()
        self._sleep = sleep
        self._jitter = jitter
        self._open: set[AccountConnection] = set()
        self._failures = 0
        self._is_live = False
        self._last_reason: str | None = None

    async def run(self) -> None:
        """Listen until cancelled."""
        try:
            connection = await self._connected()
            while True:
                due = asyncio.create_task(connection.due.wait())
                await asyncio.wait([connection.ended, due], return_when=asyncio.FIRST_COMPLETED)
                due.cancel()
                if connection.ended.done():
                    await self._lose(connection)
                    connection = await self._connected()
                else:
                    connection = await self._replaced(connection)
        finally:
            await asyncio.gather(*(connection.abandon() for connection in self._open))

    async def _replaced(self, old: AccountConnection) -> AccountConnection:
        """Leave a connection when its successor is live, or the old one is lost."""
        _log.info("the private stream is connected anew")
        self._praise(old)
        coming = asyncio.create_task(self._connected())
        try:
            await asyncio.wait([coming, old.ended], return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                self._down(str(old.ended.result()))
            new = await coming
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
        await old.drop()
        self._open.discard(old)
        return new

    async def _connected(self) -> AccountConnection:
        """Dial and subscribe until it succeeds."""
        while True:
            try:
                connection = await self._try()
            except _ENDS as error:
                await self._fail(error)
                continue
            if not self._is_live:
                self._is_live, self._last_reason = True, None
                self._tell(StreamChanged(self._clock.now_ms(), is_live=True))
            return connection

    async def _try(self) -> AccountConnection:
        loop = asyncio.get_running_loop()
        await self._sleep(max(self._budget.spend(loop.time()) - loop.time(), 0.0))
        # The handshake's own answer has no counters: what it weighed stays counted.
        self._gate.lost(await self._gate.enter(STREAM_COST))
        socket = await dial_account(self._url, self._peers, self._tls, self._patience)
        connection = AccountConnection(socket, self._account.parse, self._hear, self._patience)
        self._open.add(connection)
        self.counts["connections"] += 1
        request_id = f"account-{self.counts['connections']}"
        try:
            request = subscribe_request(self._credentials, request_id, self._clock.venue_ms())
            await connection.subscribe(request_id, request)
        except BaseException:
            self._open.discard(connection)
            await connection.abandon()
            raise
        return connection

    async def _lose(self, connection: AccountConnection) -> None:
        """Wait after a connection that had been live."""
        self._open.discard(connection)
        self._praise(connection)
        self._is_live = False
        await self._fail(connection.ended.result())

    def _praise(self, connection: AccountConnection) -> None:
        """Clear the record of failures after a connection that lasted: one that is hung up at once is another one."""
        if asyncio.get_running_loop().time() - connection.began_s >= self._patience.steady_ms / 1_000:
            self._failures = 0

    async def _fail(self, error: Exception) -> None:
        """Tell what went wrong, if nobody else is live, and wait before another try."""
        reason, after_s = self._judged(error)
        if not self._is_live:
            self._down(reason)
        patience = self._patience
        first_s, longest_s = patience.first_retry_ms / 1_000, patience.longest_retry_ms / 1_000
        delay_s = max(after_s, retry_delay_s(self._failures, first_s, longest_s, self._jitter()))
        self._failures += 1
        _log.warning("no private stream (%s), connecting again in %.1f s", reason, delay_s)
        await self._sleep(delay_s)

    def _judged(self, error: Exception) -> tuple[str, float]:
        """Say why there is no stream, and for how long to keep away at least, in seconds."""
        match error:
            case SubscriptionRefused(refusal=refusal):
                return str(error), self._refused_s(refusal)
            case PeerRefused():
                return str(error), self._patience.refused_ms / 1_000
            case Withheld(retry_at_ms=int(retry_at_ms)):
                return str(error), self._clock.seconds_until(retry_at_ms)
        verdict = retry_or_fatal(error)
        if isinstance(verdict, Fatal):
            return verdict.reason, self._patience.refused_ms / 1_000
        if verdict.after_s:
            now_ms = self._clock.now_ms()
            self._gate.be_silent(now_ms + round(verdict.after_s * 1_000 * self._clock.speed), verdict.reason)
        return verdict.reason, verdict.after_s

    def _refused_s(self, refusal: AccountRefused) -> float:
        """For how long to keep away from a venue that refused the subscription."""
        if refusal.retry_at_ms is not None:
            self._gate.be_silent(refusal.retry_at_ms, refusal.text)
            return self._clock.seconds_until(refusal.retry_at_ms)
        if refusal.code == _WRONG_TIME:
            self._clock.doubt()
            return 0.0
        return 0.0 if refusal.status >= _FIRST_SERVER_ERROR else self._patience.refused_ms / 1_000

    def _down(self, reason: str) -> None:
        self._is_live = False
        if reason != self._last_reason:
            self._last_reason = reason
            self._tell(StreamChanged(self._clock.now_ms(), is_live=False, reason=reason))

    def _hear(self, message: News) -> None:
        match message:
            case OrderTold(report=report):
                self._tell(OrderHeard(self._clock.now_ms(), report))
            case Refused():
                self.counts["refused"] += 1
                _log.warning("a message of the private stream is not believed: %s", message.reason)
            case Ignored():
                self.counts["ignored"] += 1
            case _ if self._on_news:
                self._on_news(message)
