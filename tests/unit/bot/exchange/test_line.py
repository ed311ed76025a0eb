"""The line to a client, without a socket: who reads too slowly is dropped, and who is gone takes anything."""

import asyncio
from typing import Any, cast

import pytest
from aiohttp import web

from bot.exchange.frames import TEXT, frame
from bot.exchange.line import OVERFLOW, Line


class Transport(asyncio.Transport):
    """Takes bytes, of which `waiting` are not read."""

    def __init__(self, waiting: int = 0) -> None:
        super().__init__()
        self.waiting = waiting
        self.written: list[bytes] = []
        self.aborted = False

    def write(self, data: Any) -> None:
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        pass


def line(transport: Transport) -> Line:
    return Line(cast("web.WebSocketResponse", None), transport, waits=False)


@pytest.mark.asyncio
async def test_a_market_that_waits_for_nobody_drops_who_does_not_read() -> None:
    transport = Transport(OVERFLOW)
    slow = line(transport)
    await slow.say("a")
    assert (transport.aborted, slow.is_dark) == (False, False)
    transport.waiting += 1
    await slow.say("b")
    assert (transport.aborted, slow.is_dark) == (True, True)
    await slow.say("c")
    assert transport.written == [frame(TEXT, b"a"), frame(TEXT, b"b")]


@pytest.mark.asyncio
async def test_who_is_dark_or_gone_takes_anything() -> None:
    for end in (Line.go_dark, Line.reset, Line.end):
        transport = Transport()
        gone = line(transport)
        end(gone)
        await gone.say("a")
        await gone.ping(b"b")
        await gone.hang_up(1000)
        assert transport.written == []


@pytest.mark.asyncio
async def test_what_is_late_is_written_in_the_order_in_which_it_was_said() -> None:
    transport = Transport()
    slow = line(transport)
    await slow.say("a", late_s=0.02)
    await slow.say("b")
    await slow.say("c", late_s=0.01)
    assert transport.written == []
    async with asyncio.timeout(10):
        while len(transport.written) < 3:  # noqa: ASYNC110 - a transport tells nobody
            await asyncio.sleep(0)
    assert transport.written == [frame(TEXT, text) for text in (b"a", b"b", b"c")]
    slow.end()
