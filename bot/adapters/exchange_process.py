"""
The embedded exchange as a child process: started, waited for, and never left behind.

Speaks to it only through its command line, its ready line and its standard input, whose closing ends it; so it
ends also where this process is killed. Knows nothing of what it serves.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import msgspec
from msgspec import Struct

import bot
from bot.adapters.api_keys import KEY_VARIABLE, SECRET_VARIABLE
from bot.core.errors import ConfigError, VenueError, VenueUnavailable

END_OF_MARKET: Final = "end of market"
"""Reason of its normal close (code 1000) when it has sent its last candle."""

READY_WITHIN_S: Final = 30.0
STOP_WITHIN_S: Final = 5.0


class Ready(Struct, frozen=True):
    """The child's first line: where it listens. What was not asked for is empty."""

    url: str
    tls_url: str = ""
    ca_file: str = ""
    control_url: str = ""


class ExchangeProcess:
    """
    A running embedded exchange. `start` makes one; use it as an asynchronous context manager, or `stop` it.

    `rest_url` and `stream_url` are what `CcxtHistory` and `BinanceKlines` take. `ready` has the addresses for TLS and
    for control, where the arguments ask for them.
    """

    def __init__(self, process: Process, ready: Ready) -> None:
        self._process = process
        self.ready = ready
        self.rest_url = ready.url
        self.stream_url = "ws" + ready.url.removeprefix("http")

    @classmethod
    async def start(cls, arguments: Sequence[str]) -> Self:
        """
        Start the exchange and wait until it listens.

        Args:
            arguments: Those of `candlewick exchange serve`.

        Raises:
            ConfigError: It refused the arguments; its own words are on standard error.
            VenueError: It ended before it listened.
            VenueUnavailable: It did not listen in time.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "bot",
            "exchange",
            "serve",
            *arguments,
            stdin=PIPE,
            stdout=PIPE,
            stderr=None,
            env=_environment(),
            # Ctrl-C at a terminal is the bot's to hear: it still has orders to see to, there.
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                ready = await _ready_line(process)
        except TimeoutError:
            await _end(process)
            raise VenueUnavailable(f"the embedded exchange did not listen within {READY_WITHIN_S:.0f} s") from None
        except BaseException:
            await _end(process)
            raise
        return cls(process, ready)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    async def stop(self) -> None:
        """End the child and wait until it is gone. Doing so twice is no harm."""
        await _end(self._process)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def _environment() -> dict[str, str]:
    """Our own environment, without the key of an account, and with this very `bot` in front of any other."""
    root = str(Path(bot.__path__[0]).parent)
    inherited = os.environ.get("PYTHONPATH")
    ours = {name: text for name, text in os.environ.items() if name not in (KEY_VARIABLE, SECRET_VARIABLE)}
    return ours | {"PYTHONPATH": f"{root}{os.pathsep}{inherited}" if inherited else root}


async def _ready_line(process: Process) -> Ready:
    """Wait until the child listens, or say why it does not."""
    line = await process.stdout.readline() if process.stdout else b""
    if line:
        return msgspec.json.decode(line, type=Ready)
    code = await process.wait()
    if code == ConfigError.exit_code:
        raise ConfigError("the embedded exchange refused its arguments: see its message above")
    raise VenueError(f"the embedded exchange ended with code {code} before it listened: see its message above")


async def _end(process: Process) -> None:
    if process.stdin:
        process.stdin.close()
    try:
        async with asyncio.timeout(STOP_WITHIN_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
