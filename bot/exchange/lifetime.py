"""
The exchange as a process: it says where it listens, and ends with whoever started it.

A process that was started through a pipe ends when the pipe closes, so that a killed parent leaves nothing
behind. A terminal or a file is not a parent.
"""

import asyncio
import os
import signal
import stat
import sys

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bot.exchange.control import ControlDesk
from bot.exchange.server import LOOPBACK, ExchangeServer
from bot.exchange.tls import Certified


class Ready(Struct, frozen=True, omit_defaults=True):
    """
    Where the exchange listens: its first line, as JSON.

    `tls_url` and `ca_file`, what its clients have to trust, are there where it speaks TLS as well, `control_url` where
    it can be controlled.
    """

    port: int
    url: str
    tls_url: str = ""
    ca_file: str = ""
    control_url: str = ""


async def serve(
    server: ExchangeServer, port: int, control_port: int | None = None, certified: Certified | None = None
) -> None:
    """
    Run the exchange until SIGTERM, SIGINT or the end of the parent.

    Prints one line of JSON when it listens, a `Ready`.

    Args:
        server: What to run.
        port: Where; 0 takes a free one.
        control_port: Where it is controlled, if it is to be; 0 takes a free one.
        certified: For an exchange that speaks TLS as well, on a free port.
    """
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    parent = await _watch_parent(ended)
    control = None if control_port is None else ControlDesk(server)
    try:
        chosen = await server.start(port)
        server.on_failure(ended.set)
        ready = Ready(chosen, f"http://{LOOPBACK}:{chosen}")
        if certified:
            tls_url = f"https://{LOOPBACK}:{await server.open_also(certified.context)}"
            ready = replace(ready, tls_url=tls_url, ca_file=str(certified.ca_file.absolute()))
        if control:
            ready = replace(ready, control_url=f"http://{LOOPBACK}:{await control.start(control_port or 0)}/control")
        print(msgspec.json.encode(ready).decode(), flush=True)  # noqa: T201 - the answer to the parent
        await ended.wait()
    finally:
        if control:
            await control.stop()
        await server.stop()
        if parent:
            parent.close()


class _Parent(asyncio.Protocol):
    """The other end of standard input."""

    def __init__(self, ended: asyncio.Event) -> None:
        self._ended = ended

    def connection_lost(self, exc: Exception | None) -> None:
        """The parent is gone, or wants us gone."""
        del exc
        self._ended.set()


async def _watch_parent(ended: asyncio.Event) -> asyncio.BaseTransport | None:
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return None
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: _Parent(ended), sys.stdin)
    return transport
