"""Connections that break, refuse, hang or say nothing, and how they are come back to."""

import asyncio

import pytest
from msgspec.structs import replace
from websockets.asyncio.server import ServerConnection

from bot.adapters.feed_outputs import EngineEvent
from bot.adapters.reconnect import ConnectBudget
from bot.core.errors import StorageError, VenueError
from tests.feed_fakes import (
    BTC,
    closed_frame,
    refused_frame,
)
from tests.stream_venue import CALM, QUICK, accept, breaks, sends, venue_of


@pytest.mark.asyncio
@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 1013])
async def test_whatever_the_close_code_the_stream_comes_back(code) -> None:
    first = sends(closed_frame(BTC, 10), then="", code=code)
    async with venue_of(first, sends(closed_frame(BTC, 11))) as (venue, listener):
        await listener.run()
    assert listener.bars == [(BTC, 10), (BTC, 11)]
    assert venue.connections == 2


@pytest.mark.asyncio
async def test_a_connection_that_is_cut_without_a_word_comes_back() -> None:
    async def cut(connection: ServerConnection) -> None:
        await accept(connection)
        connection.transport.abort()

    async with venue_of(cut, sends(closed_frame(BTC, 11))) as (_, listener):
        await listener.run()
    assert listener.bars == [(BTC, 11)]


@pytest.mark.asyncio
async def test_pauses_grow_until_a_useful_message_and_begin_anew_after_it() -> None:
    useful, repeats = breaks(closed_frame(BTC, 10)), breaks(closed_frame(BTC, 10))
    scripts = (breaks(), breaks(), useful, repeats, repeats, sends(closed_frame(BTC, 11)))
    async with venue_of(*scripts) as (_, listener):
        await listener.run()
    assert listener.pauses == [1.0, 2.0, 1.0, 2.0, 4.0]


@pytest.mark.asyncio
async def test_a_refused_handshake_is_retried_no_sooner_than_the_venue_says() -> None:
    async with venue_of(sends(closed_frame(BTC, 10)), refusals=[(429, "90"), (503, "")]) as (_, listener):
        await listener.run()
    assert listener.pauses == [90.0, 2.0]


@pytest.mark.asyncio
async def test_dials_stay_within_the_budget_though_each_of_them_succeeds() -> None:
    flapping = breaks(closed_frame(BTC, 10))
    async with venue_of(*[flapping] * 5, sends(closed_frame(BTC, 11))) as (venue, listener):
        listener.budget = ConnectBudget(most=3, stretch_s=300.0)
        await listener.run()
    assert venue.connections == 6
    # The fourth to the sixth have to wait for the first to the third to be forgotten.
    assert sum(290.0 < pause <= 300.0 for pause in listener.pauses) == 3


@pytest.mark.asyncio
async def test_an_address_that_does_not_exist_there_is_fatal_and_says_so() -> None:
    async with venue_of(sends(), refusals=[(404, "")]) as (_, listener):
        with pytest.raises(VenueError, match="HTTP 404"):
            await listener.run()
    assert listener.pauses == []


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [400, 404, 451])
async def test_an_address_that_was_good_before_is_tried_again_after_a_long_pause(status) -> None:
    """What a load balancer answers must not end a session that holds positions."""
    async with venue_of(breaks(closed_frame(BTC, 10)), sends(closed_frame(BTC, 11))) as (venue, listener):
        take = listener.take

        async def then_refuse(event: EngineEvent) -> None:
            venue.refusals = [(status, "")] if not listener.bars else []
            await take(event)

        listener.take = then_refuse
        await listener.run()
    assert listener.bars == [(BTC, 10), (BTC, 11)]
    assert listener.pauses == [1.0, 300.0]


@pytest.mark.asyncio
async def test_a_hand_over_that_is_refused_costs_neither_the_session_nor_the_connection_that_still_speaks() -> None:
    refused, second = asyncio.Event(), asyncio.Event()

    async def old(connection: ServerConnection) -> None:
        await accept(connection)
        await connection.send(closed_frame(BTC, 10))
        await refused.wait()
        await connection.send(closed_frame(BTC, 11))
        await connection.wait_closed()

    async with venue_of(old, sends(closed_frame(BTC, 12)), patience=replace(CALM, hand_over_ms=50)) as (
        venue,
        listener,
    ):

        async def sleep(seconds: float) -> None:
            listener.pauses.append(seconds)
            refused.set()
            await second.wait()

        listener.sleep = sleep
        take = listener.take

        async def then_refuse(event: EngineEvent) -> None:
            if not listener.bars:
                venue.refusals = [(302, "")]
            await take(event)
            if len(listener.bars) == 2:
                second.set()

        listener.take = then_refuse
        await listener.run()
    assert listener.bars == [(BTC, 10), (BTC, 11), (BTC, 12)]
    assert listener.pauses == [300.0]


@pytest.mark.asyncio
async def test_a_refused_subscription_is_fatal_and_repeats_the_venue_s_words() -> None:
    async def script(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(refused_frame("too many"))

    async with venue_of(script) as (_, listener):
        with pytest.raises(VenueError, match="too many"):
            await listener.run()


@pytest.mark.asyncio
async def test_a_refusal_of_what_was_granted_before_is_one_more_failure() -> None:
    async def script(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(refused_frame("not now"))

    scripts = (breaks(closed_frame(BTC, 10)), script, sends(closed_frame(BTC, 11)))
    async with venue_of(*scripts) as (venue, listener):
        await listener.run()
    assert (venue.connections, listener.bars) == (3, [(BTC, 10), (BTC, 11)])


@pytest.mark.asyncio
async def test_a_subscription_that_is_never_answered_is_a_lost_connection() -> None:
    async def deaf(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(closed_frame(BTC, 10))

    async with venue_of(deaf, sends(closed_frame(BTC, 11)), patience=QUICK) as (venue, listener):
        await listener.run()
    assert venue.connections >= 2
    assert listener.bars == [(BTC, 10), (BTC, 11)]


@pytest.mark.asyncio
async def test_a_connection_that_lives_but_brings_nothing_new_is_left() -> None:
    async def silent(connection: ServerConnection) -> None:
        await accept(connection)
        await connection.send(closed_frame(BTC, 10))
        while True:
            # Alive in every way but one: pings, events of no interest, and old news.
            await connection.ping()
            await connection.send('["trade"]')
            await connection.send(closed_frame(BTC, 10))
            await asyncio.sleep(0.02)

    async with venue_of(silent, sends(closed_frame(BTC, 11)), patience=QUICK) as (venue, listener):
        listener.past.knows = 10
        await listener.run()
    assert venue.connections >= 2
    assert listener.bars == [(BTC, 10), (BTC, 11)]


@pytest.mark.asyncio
async def test_a_black_hole_is_left_without_its_goodbye() -> None:
    left = asyncio.Event()

    async def hole(connection: ServerConnection) -> None:
        await accept(connection)
        connection.transport.pause_reading()
        await left.wait()
        connection.transport.abort()

    async def next_one(connection: ServerConnection) -> None:
        left.set()
        await sends(closed_frame(BTC, 11))(connection)

    patience = replace(QUICK, close_ms=20)
    async with venue_of(hole, next_one, patience=patience) as (venue, listener):
        await listener.run()
    assert venue.connections == 2


@pytest.mark.asyncio
async def test_nobody_listening_is_waited_for() -> None:
    async with venue_of(sends()) as (_, listener):
        pass

    async def stop_after_three(seconds: float) -> None:
        listener.pauses.append(seconds)
        if len(listener.pauses) == 3:
            raise StorageError("enough")

    listener.sleep = stop_after_three
    with pytest.raises(StorageError, match="enough"):
        await listener.run()
    assert listener.pauses == [1.0, 2.0, 4.0]
