"""
The listening socket of the exchange: it can be shut, moved, and made to turn callers away.

Knows nothing of what is said on a connection.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final

from bot.core.errors import ConfigError
from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import TurnAway
from bot.exchange.line import reset
from bot.exchange.occasions import Occasion
from bot.exchange.pace import Pace

LOOPBACK: Final = "127.0.0.1"
_LOOPBACK_NET: Final = "127."


class Doorway:
    """
    Where connections come in. `open` it once, `close` it at the end.

    Args:
        speaker: Makes the protocol of a connection that is let in.
        plan: Who is turned away.
        pace: The market's clock.
        tls: For an exchange that speaks TLS.
    """

    def __init__(
        self,
        speaker: Callable[[], asyncio.BaseProtocol],
        plan: FaultPlan,
        pace: Pace,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._speaker = speaker
        self._plan = plan
        self._pace = pace
        self._tls = tls
        self._host = LOOPBACK
        self._port = 0
        self._listening: asyncio.Server | None = None
        self._ignored: set[asyncio.BaseTransport] = set()

    @property
    def is_open(self) -> bool:
        """Whether somebody listens."""
        return self._listening is not None

    async def open(self, port: int | None = None) -> int:
        """
        Listen; port 0 takes a free one, None the last one. Returns the port.

        Raises:
            ConfigError: The port is taken, or may not be used.
        """
        wanted = self._port if port is None else port
        loop = asyncio.get_running_loop()
        try:
            self._listening = await loop.create_server(
                self._greet, self._host, wanted, ssl=self._tls, reuse_address=True, backlog=128
            )
        except OSError as error:
            raise ConfigError(
                f"cannot listen on port {wanted} ({error.strerror or error}): choose another, or 0"
            ) from None
        self._port = int(self._listening.sockets[0].getsockname()[1])
        return self._port

    def shut(self) -> None:
        """Refuse connections; those that stand are left alone."""
        if self._listening:
            self._listening.close()
            self._listening = None

    async def move(self, host: str) -> None:
        """
        Listen on another loopback address, under the same port.

        Raises:
            ConfigError: The address is not of this machine alone.
        """
        if not host.startswith(_LOOPBACK_NET):
            raise ConfigError(f"the exchange listens on loopback only, not on {host}: choose a 127.x.y.z")
        self.shut()
        self._host = host
        await self.open()

    def close(self) -> None:
        """Shut for good, also to those who were never listened to."""
        self.shut()
        for transport in tuple(self._ignored):
            reset(transport)

    def _greet(self) -> asyncio.BaseProtocol:
        now_ms = self._pace.now_ms()
        fault = self._plan.first(TurnAway, Occasion(now_ms))
        if not self._plan.is_idle:
            self._plan.log.tell(now_ms, "turned away" if fault else "connected")
        return _TurnedAway(fault.how == "reset", self._ignored) if fault else self._speaker()


class _TurnedAway(asyncio.Protocol):
    """A caller to whom nobody speaks."""

    def __init__(self, at_once: bool, ignored: set[asyncio.BaseTransport]) -> None:  # noqa: FBT001 - one of two fates
        self._at_once = at_once
        self._ignored = ignored
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Drop it, or let it wait for ever."""
        self._transport = transport
        if self._at_once:
            reset(transport)
        else:
            self._ignored.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller has given up."""
        del exc
        if self._transport:
            self._ignored.discard(self._transport)
