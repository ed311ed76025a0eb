"""A connection is replaced before it dies: the new one first."""

import asyncio

import pytest
from msgspec.structs import replace
from websockets.asyncio.server import ServerConnection

from tests.feed_fakes import (
    BTC,
    SHUTDOWN,
    closed_frame,
    confirmed_frame,
)
from tests.stream_venue import CALM, END, Script, Venue, accept, venue_of


def speaks_on(started: asyncio.Event, first: bytes, goodbye: bytes) -> Script:
    """A venue that says goodbye and stays until it is left."""

    async def script(connection: ServerConnection) -> None:
        await accept(connection)
        await connection.send(first)
        await connection.send(goodbye)
        started.set()
        await connection.wait_closed()

    return script


@pytest.mark.asyncio
async def test_a_venue_that_announces_its_end_is_left_when_the_next_connection_is_confirmed() -> None:
    old_speaks = asyncio.Event()
    venues: list[Venue] = []

    async def successor(connection: ServerConnection) -> None:
        await old_speaks.wait()
        venues[0].diary.append("2 confirms")
        await accept(connection)
        await venues[0].gone[1].wait()
        await connection.send(closed_frame(BTC, 11))
        await connection.close(1000, END)

    async with venue_of(speaks_on(old_speaks, closed_frame(BTC, 10), SHUTDOWN), successor) as (venue, listener):
        venues.append(venue)
        await listener.run()
    assert venue.diary[:4] == ["1 opens", "2 opens", "2 confirms", "1 is gone"]
    assert listener.bars == [(BTC, 10), (BTC, 11)]
    assert listener.pauses == []


@pytest.mark.asyncio
async def test_what_both_connections_say_during_a_hand_over_comes_once() -> None:
    both = asyncio.Event()

    async def old(connection: ServerConnection) -> None:
        await accept(connection)
        await connection.send(SHUTDOWN)
        await both.wait()
        for bar in (10, 11, 12):
            await connection.send(closed_frame(BTC, bar))
        await connection.wait_closed()

    async def new(connection: ServerConnection) -> None:
        await connection.recv()
        both.set()
        for bar in (10, 11, 12):
            await connection.send(closed_frame(BTC, bar))
        await connection.send(confirmed_frame(BTC))
        await connection.send(closed_frame(BTC, 13))
        await connection.close(1000, END)

    async with venue_of(old, new) as (_, listener):
        await listener.run()
    assert listener.bars == [(BTC, 10), (BTC, 11), (BTC, 12), (BTC, 13)]


@pytest.mark.asyncio
async def test_a_connection_is_handed_over_before_it_is_too_old() -> None:
    lives = 0

    async def script(connection: ServerConnection) -> None:
        nonlocal lives
        await accept(connection)
        lives += 1
        await connection.send(closed_frame(BTC, 9 + lives))
        if lives == 4:
            await connection.close(1000, END)
        await connection.wait_closed()

    async with venue_of(script, patience=replace(CALM, hand_over_ms=50)) as (_, listener):
        await listener.run()
    assert listener.bars == [(BTC, bar) for bar in range(10, 14)]
    assert listener.pauses == []


@pytest.mark.asyncio
async def test_a_successor_that_is_not_confirmed_does_not_cost_the_old_connection() -> None:
    old_speaks, deaf_gone = asyncio.Event(), asyncio.Event()

    async def old(connection: ServerConnection) -> None:
        await accept(connection)
        await connection.send(closed_frame(BTC, 10))
        await connection.send(SHUTDOWN)
        await deaf_gone.wait()
        await connection.send(closed_frame(BTC, 11))
        old_speaks.set()
        await connection.wait_closed()

    async def deaf(connection: ServerConnection) -> None:
        await connection.wait_closed()
        deaf_gone.set()

    async def third(connection: ServerConnection) -> None:
        await old_speaks.wait()
        await accept(connection)
        await connection.send(closed_frame(BTC, 12))
        await connection.close(1000, END)

    patience = replace(CALM, confirm_ms=50)
    async with venue_of(old, deaf, third, patience=patience) as (venue, listener):
        await listener.run()
    assert listener.bars == [(BTC, 10), (BTC, 11), (BTC, 12)]
    assert venue.diary.index("2 is gone") < venue.diary.index("3 opens") < venue.diary.index("1 is gone")
