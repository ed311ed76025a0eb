"""
One connection to a venue's private stream: dialled, checked, subscribed, watched and left.

Never comes back by itself. Knows nothing of what the messages are for.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Self
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import asdict
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode

from bot.adapters.stream_connection import straight_connect
from bot.adapters.venue_peers import LoopbackPeer, VenuePeers
from bot.adapters.venues import ShuttingDown
from bot.adapters.venues.account_messages import AccountEnded, AccountMessage, AccountRefused, AccountSubscribed, News
from bot.core.errors import VenueError, VenueUnavailable

_ENDS: Final = (ConnectionClosed, OSError, VenueError)

# At DEBUG websockets writes every frame, the request with its key and signature included.
_wire_log = logging.getLogger(f"{__name__}.wire")
_wire_log.setLevel(logging.INFO)


class AccountPatience(Struct, frozen=True):
    """
    Every duration of the private stream, in milliseconds of real time.

    Attributes:
        connect_ms: From dialling to a finished handshake.
        subscribe_ms: From the request to the venue's answer.
        close_ms: For the venue's answer to our goodbye.
        ping_ms: Between two pings of ours, which find out that nobody is there any more.
        pong_ms: For the answer to one.
        silence_ms: Without a ping or a word of the venue, before the connection counts as dead; Binance pings every
            twenty seconds. Answers to our own pings do not count: a venue that has forgotten us still gives them.
        first_retry_ms: Before the second try of a connection; it doubles with each failure in a row.
        longest_retry_ms: The longest pause that doubling leads to.
        refused_ms: Before the next try where the key, the certificate or the address was refused.
        steady_ms: How long a connection has to last for the failures before it to be forgotten.
        hand_over_ms: The age at which a connection is replaced; Binance ends it after 24 hours.
    """

    connect_ms: int = 10_000
    subscribe_ms: int = 10_000
    close_ms: int = 1_000
    ping_ms: int = 20_000
    pong_ms: int = 20_000
    silence_ms: int = 90_000
    first_retry_ms: int = 1_000
    longest_retry_ms: int = 60_000
    refused_ms: int = 300_000
    steady_ms: int = 60_000
    hand_over_ms: int = 23 * 3_600_000

    def scaled(self, factor: float) -> Self:
        """All of them times `factor`, and no less than a millisecond."""
        return type(self)(**{name: max(1, round(ms * factor)) for name, ms in asdict(self).items()})


class SubscriptionRefused(VenueError):
    """The venue refused the subscription, or took it back; `refusal` has its words."""

    def __init__(self, refusal: AccountRefused) -> None:
        super().__init__(f"the private stream was refused: {refusal.text} ({refusal.code}, status {refusal.status})")
        self.refusal = refusal


class WatchedSocket(ClientConnection):
    """A websocket that remembers when the venue last did something of its own accord."""

    heard_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to count."""
        super().connection_made(transport)
        self.heard_s = self.loop.time()

    def process_event(self, event: object) -> None:
        """Take a frame; answers to our own pings are none of the venue's accord."""
        if getattr(event, "opcode", None) is not Opcode.PONG:
            self.heard_s = self.loop.time()
        super().process_event(event)  # type: ignore[arg-type]


async def dial_account(
    url: str, peers: VenuePeers, tls: ssl.SSLContext | None, patience: AccountPatience
) -> WatchedSocket:
    """
    Connect to a private stream, and see who is at the other end before anything is said.

    Args:
        url: Of the WebSocket API.
        peers: Who may be talked to.
        tls: Verifies certificates; None for an address without TLS.
        patience: Time limits.

    Raises:
        PeerRefused: Somebody else is there.
        OSError: Nobody is, or not in time.
        WebSocketException: The handshake failed.
    """
    parts = urlsplit(url)
    host, is_tls = parts.hostname or "", parts.scheme == "wss"
    port = parts.port or (443 if is_tls else 80)
    peer = peers.admit(host, is_tls=is_tls)
    at = (peer.address, peer.port) if isinstance(peer, LoopbackPeer) else (host, port)
    socket = await straight_connect(
        url,
        host=at[0],
        port=at[1],
        ssl=tls,
        proxy=None,
        compression=None,
        logger=_wire_log,
        open_timeout=patience.connect_ms / 1_000,
        close_timeout=patience.close_ms / 1_000,
        ping_interval=patience.ping_ms / 1_000,
        ping_timeout=patience.pong_ms / 1_000,
        create_connection=WatchedSocket,
    )
    try:
        peers.check(host, port, socket.transport.get_extra_info("peername"), is_tls=is_tls)
    except VenueError:
        socket.transport.abort()
        raise
    return socket  # type: ignore[return-value]


class AccountConnection:
    """
    A connection that stands. `subscribe` it once; `drop` it, or wait for `ended`.

    `due` is set when it should be replaced: it is old, or the venue is about to hang up.

    Args:
        socket: What `dial_account` returned.
        parse: Says what a frame means.
        hear: Takes what is news.
        patience: Time limits.
    """

    def __init__(
        self,
        socket: WatchedSocket,
        parse: Callable[[bytes], AccountMessage],
        hear: Callable[[News], None],
        patience: AccountPatience,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.due = asyncio.Event()
        self.began_s = loop.time()
        self._socket = socket
        self._parse = parse
        self._hear = hear
        self._patience = patience
        self._granted: asyncio.Future[None] = loop.create_future()
        self._request_id = ""
        self.ended: asyncio.Task[Exception] = asyncio.create_task(self._live(), name="account")

    async def subscribe(self, request_id: str, text: str) -> None:
        """
        Ask for the account's events, and wait until the venue grants it.

        Raises:
            SubscriptionRefused: It does not.
            VenueUnavailable: It did not answer in time.
            OSError, ConnectionClosed: The connection was lost.
        """
        self._request_id = request_id
        with suppress(ConnectionClosed):
            await self._socket.send(text, text=True)
        either: list[asyncio.Future[Any]] = [self._granted, self.ended]
        await asyncio.wait(either, timeout=self._patience.subscribe_ms / 1_000, return_when=asyncio.FIRST_COMPLETED)
        if self._granted.done():
            return
        if self.ended.done():
            raise self.ended.result()
        raise VenueUnavailable("the venue did not confirm the private stream")

    async def drop(self) -> None:
        """Say goodbye, with little patience, and hear what was already received."""
        await self._socket.close()
        await self.ended

    async def abandon(self) -> None:
        """Hang up at once, at the end of everything."""
        self.ended.cancel()
        await asyncio.wait([self.ended])

    async def _live(self) -> Exception:
        watchers = [asyncio.create_task(self._watch()), asyncio.create_task(self._age())]
        try:
            while True:
                self._take(self._parse(await self._socket.recv(decode=False)))
        except _ENDS as error:
            return VenueUnavailable("the private stream was silent for too long") if self._is_silent() else error
        finally:
            for watcher in watchers:
                watcher.cancel()
            self._socket.transport.abort()
            await asyncio.gather(*watchers, self._socket.wait_closed(), return_exceptions=True)

    def _take(self, message: AccountMessage) -> None:
        match message:
            case AccountSubscribed(request_id=request_id):
                if request_id == self._request_id and not self._granted.done():
                    self._granted.set_result(None)
            case AccountRefused():
                raise SubscriptionRefused(message)
            case AccountEnded():
                raise VenueUnavailable("the venue ended the private stream")
            case ShuttingDown():
                self.due.set()
            case _:
                self._hear(message)

    def _is_silent(self) -> bool:
        return asyncio.get_running_loop().time() - self._socket.heard_s >= self._patience.silence_ms / 1_000

    async def _watch(self) -> None:
        """Cut the line when it has been silent for too long."""
        loop, silence_s = asyncio.get_running_loop(), self._patience.silence_ms / 1_000
        # Nobody could set an event: what is waited for is that nothing happens.
        while not self._is_silent():  # noqa: ASYNC110
            await asyncio.sleep(self._socket.heard_s + silence_s - loop.time())
        self._socket.transport.abort()

    async def _age(self) -> None:
        await asyncio.sleep(self._patience.hand_over_ms / 1_000)
        self.due.set()
