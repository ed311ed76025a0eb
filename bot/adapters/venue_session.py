"""
The one HTTP session of this process: it talks to allowed hosts alone, and asks the gate before it asks a venue.

What ccxt sends goes through it like everything else. A request is written only on a connection whose other end was
checked; nothing is sent twice, nothing follows a redirect, and no proxy, cookie or setting of the environment has a
say. Knows nothing of what is asked, but for what it costs.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from msgspec.structs import replace

from bot.adapters.rate_budget import Grant
from bot.adapters.rate_limits import BANNED, TOO_MANY
from bot.adapters.request_fates import PeerRefused, Redirected, Unanswered, Withheld
from bot.adapters.request_gate import RequestGate
from bot.adapters.request_weights import RequestCost, Urgency, cost_of
from bot.adapters.venue_peers import PublicPeer, VenuePeers, tls_context

CONNECT_MS: Final = 5_000
"""From asking for a connection to one whose other end is known. It is shorter than ccxt's limit for the whole request,
so that what was never connected is known for that."""

_IDLE_S: Final = 15.0
_REDIRECTS: Final = range(300, 400)
_ANY_TIME: Final = aiohttp.ClientTimeout(total=30.0)

VenueSession = aiohttp.ClientSession
"""What carries the requests of a process to its venue."""

_urgency: ContextVar[Urgency | None] = ContextVar("urgency", default=None)


@contextmanager
def asked_with(urgency: Urgency) -> Iterator[None]:
    """Whatever is asked in here, by this task and those that it starts, is of this urgency."""
    token = _urgency.set(urgency)
    try:
        yield
    finally:
        _urgency.reset(token)


def open_session(
    peers: VenuePeers, gate: RequestGate, *, ca_file: Path | None = None, connect_ms: int = CONNECT_MS
) -> aiohttp.ClientSession:
    """
    Open the session; whoever gets it closes it. ccxt takes it as `session` among its settings.

    What comes of a request is told by its error, or by the cause of ccxt's: `Withheld` means that it was not sent;
    `Unanswered`, `Redirected` and all others mean that nobody knows.

    Args:
        peers: Who may be talked to.
        gate: Who is asked before.
        ca_file: Certificates (PEM) of whom alone to trust; None for those that the machine trusts.
        connect_ms: Time limit of a connection.

    Raises:
        ConfigError: The file cannot be read or holds no certificate.
    """
    connector = _CheckedConnector(peers, tls_context(ca_file), connect_ms)
    return aiohttp.ClientSession(
        connector=connector,
        middlewares=(_Weighing(gate),),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=_ANY_TIME,
        trust_env=False,
    )


class _AllowedNames(AbstractResolver):
    """Knows the addresses of allowed hosts, and of nobody else."""

    def __init__(self, peers: VenuePeers) -> None:
        self._peers = peers
        self._public = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Answer from our own book, and ask the name service for public hosts alone."""
        peer = self._peers.of(host)
        if isinstance(peer, PublicPeer):
            return await self._public.resolve(host, port, family)
        kind = socket.AF_INET6 if ":" in peer.address else socket.AF_INET
        return [
            ResolveResult(
                hostname=host,
                host=peer.address,
                port=peer.port,
                family=kind,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
        ]

    async def close(self) -> None:
        """Give the name service back."""
        await self._public.close()


class _CheckedConnector(aiohttp.TCPConnector):
    """Hands out connections to whom they should lead, checked each time before a request is written."""

    def __init__(self, peers: VenuePeers, tls: ssl.SSLContext, connect_ms: int) -> None:
        super().__init__(ssl=tls, resolver=_AllowedNames(peers), keepalive_timeout=_IDLE_S)
        self._peers = peers
        self._connect_s = connect_ms / 1_000

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own signature
    ) -> Connection:
        """
        Connect for a request.

        Raises:
            PeerRefused: The host is not ours, somebody else answers for it, or its certificate cannot be trusted.
            Withheld: There is no connection, or not in time.
        """
        host = req.url.host or ""
        self._peers.admit(host, is_tls=req.is_ssl())
        if req.proxy is not None or req.ssl is not True:
            raise PeerRefused(f"a request to {host} came with a proxy or with TLS settings of its own")
        try:
            async with asyncio.timeout(self._connect_s):
                connection = await super().connect(req, traces, timeout)
        except Withheld:
            raise
        except aiohttp.ClientConnectorCertificateError as error:
            raise PeerRefused(f"the certificate of {host} cannot be trusted: {error.certificate_error}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Withheld(f"{host} could not be connected to: {str(error) or type(error).__name__}") from error
        try:
            self._check(connection, req)
        except Withheld:
            connection.close()
            raise
        return connection

    def _check(self, connection: Connection, req: ClientRequest) -> None:
        host, port, transport = req.url.host or "", req.url.port or 0, connection.transport
        if transport is None:
            raise Withheld(f"{host} hung up before anything was asked")
        self._peers.check(host, port, transport.get_extra_info("peername"), is_tls=req.is_ssl())


class _Weighing:
    """Asks the gate before a request, and tells it after."""

    def __init__(self, gate: RequestGate) -> None:
        self._gate = gate

    async def __call__(self, request: ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        grant = await self._gate.enter(_cost(request))
        try:
            response = await handler(request)
        except Withheld:
            self._gate.give_back(grant)
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            self._gate.lost(grant)
            # Under its own name aiohttp would send a GET or DELETE a second time by itself.
            raise Unanswered(f"{request.url.host} hung up: {str(error) or type(error).__name__}") from error
        except BaseException:
            self._gate.lost(grant)
            raise
        try:
            await self._hear(grant, response)
            _refuse_redirect(response)
        except BaseException:
            response.close()
            raise
        return response

    async def _hear(self, grant: Grant, response: aiohttp.ClientResponse) -> None:
        """Tell the gate, with the words of a refusal that may ask for silence; they stay there to be read again."""
        body = b""
        try:
            if response.status in (TOO_MANY, BANNED):
                with suppress(aiohttp.ClientError):
                    body = await response.read()
        finally:
            self._gate.heard(grant, response.status, response.headers, body)


def _refuse_redirect(response: aiohttp.ClientResponse) -> None:
    if response.status in _REDIRECTS:
        raise Redirected(f"{response.url.host} answered HTTP {response.status}: redirects are not followed")


def _cost(request: ClientRequest) -> RequestCost:
    cost = cost_of(request.method, request.url.path, request.url.query)
    urgency = _urgency.get()
    return cost if urgency is None else replace(cost, urgency=urgency)
