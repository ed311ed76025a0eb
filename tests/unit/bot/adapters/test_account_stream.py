"""The private stream over real sockets, in a time that jumps: every duration is that of production."""

import asyncio
import json
import logging
import socket
from typing import Any

import pytest
from msgspec.structs import replace
from websockets.asyncio.server import ServerConnection

from bot.adapters.account_connection import AccountPatience
from bot.adapters.venues.account_messages import BalanceMoved
from tests.market_time import run
from tests.unit.bot.adapters.account_house import (
    KEY,
    NOON_MS,
    SHUTDOWN,
    STAYS,
    House,
    after,
    event,
    grant,
    refuses,
    says_nothing,
    tells,
)


def test_a_granted_stream_is_live_and_tells_of_orders() -> None:
    house = after(5.0, tells(event(1), event(2)))
    assert house.changes == [(0.0, True)]
    assert house.orders == ["order1", "order2"]
    assert [given.at_ms for _, given in house.told] == [NOON_MS] * 3


def test_balances_are_told_to_whoever_wants_them_and_nonsense_is_counted() -> None:
    moved = json.dumps({"event": {"e": "balanceUpdate", "a": "BTC", "d": "1", "T": NOON_MS}})
    house = after(5.0, tells(moved, "nonsense", '{"event":{"e":"new"}}', event(1)))
    assert [type(one) for one in house.news] == [BalanceMoved]
    assert house.orders == ["order1"]
    assert house.stream.counts == {"connections": 1, "refused": 1, "ignored": 1}


def test_the_request_carries_the_key_and_the_venue_s_time() -> None:
    asked: list[dict[str, Any]] = []

    async def script(connection: ServerConnection) -> None:
        asked.append(await grant(connection))

    after(1.0, script)
    assert [(params["apiKey"], params["timestamp"]) for params in asked] == [(KEY.api_key, NOON_MS)]


def test_neither_key_nor_signature_gets_into_a_log(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("websockets").setLevel(logging.NOTSET)
    with caplog.at_level(logging.DEBUG):
        house = after(400.0, refuses(401, -2015), tells(then="bye"), STAYS)
    assert house.changes[0] == (0.0, False)
    client_lines = [record.getMessage() for record in caplog.records if not record.name.startswith("websockets.server")]
    assert any("connecting again" in line for line in client_lines)
    assert not [line for line in client_lines if KEY.api_key in line or KEY.secret in line or "TEXT" in line]


def test_a_broken_stream_says_so_and_comes_back() -> None:
    house = after(100.0, tells(event(1), after_s=70.0, then="maintenance"), tells(event(2)))
    assert house.changes == [(0.0, True), (70.0, False), (71.0, True)]
    assert "maintenance" in house.reasons[0]
    assert house.orders == ["order1", "order2"]


def test_a_venue_that_hangs_up_at_once_is_called_ever_more_rarely() -> None:
    house = after(600.0, tells(then="flapping"))
    gaps = [later - earlier for earlier, later in zip(house.dialled, house.dialled[1:], strict=False)]
    assert [round(gap) for gap in gaps[:8]] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_connection_that_lasted_clears_the_record_of_failures() -> None:
    bad, good = tells(then="early"), tells(after_s=61.0, then="late")
    house = after(200.0, bad, bad, bad, bad, good, STAYS)
    assert house.dialled == [0.0, 1.0, 3.0, 7.0, 15.0, 77.0]


def test_nobody_at_home_is_called_again() -> None:
    async def story() -> list[str]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            house = House([], [])
            running = asyncio.create_task(house.listen(free.getsockname()[1], AccountPatience()).run())
            await asyncio.sleep(5.0)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert house.changes == [(0.0, False)]
        return house.reasons

    assert "Connect call failed" in run(story())[0]


def test_a_venue_that_is_about_to_hang_up_is_replaced_before_it_does() -> None:
    house = after(30.0, tells(event(1), SHUTDOWN, event(2), after_s=10.0), tells(event(3)))
    assert house.changes == [(0.0, True)]
    assert house.orders == ["order1", "order2", "order3"]
    assert house.dialled == [0.0, 10.0]
    assert house.left[0] == 10.0


def test_an_old_connection_is_replaced_without_a_gap() -> None:
    house = after(1_000.0, STAYS, patience=replace(AccountPatience(), hand_over_ms=400_000))
    assert house.changes == [(0.0, True)]
    assert house.dialled == [0.0, 400.0, 800.0]
    assert house.left[:2] == [400.0, 800.0]


def test_a_hand_over_that_fails_is_tried_again_while_the_old_connection_still_speaks() -> None:
    house = after(60.0, tells(SHUTDOWN, event(1), after_s=10.0), says_nothing, tells(event(2)))
    assert house.changes == [(0.0, True)]
    assert house.dialled == [0.0, 10.0, 21.0]
    assert house.orders == ["order1", "order2"]


def test_when_the_old_connection_is_lost_before_the_new_one_is_live_that_is_told() -> None:
    async def dies(connection: ServerConnection) -> None:
        await grant(connection)
        await connection.send(SHUTDOWN)
        await asyncio.sleep(5.0)
        await connection.close(1012, "restart")

    house = after(60.0, dies, says_nothing, STAYS)
    assert house.changes == [(0.0, True), (5.0, False), (10.0, False), (11.0, True)]
    assert "restart" in house.reasons[0]
    assert house.reasons[1] == "the venue did not confirm the private stream"


def test_a_venue_that_stops_pinging_is_dead_though_it_answers_our_pings() -> None:
    house = after(100.0, STAYS, ping_s=None)
    assert house.changes == [(0.0, True), (90.0, False), (91.0, True)]
    assert house.reasons == ["the private stream was silent for too long"]


def test_a_venue_that_pings_or_speaks_is_alive() -> None:
    async def speaks(connection: ServerConnection) -> None:
        await grant(connection)
        for number in range(10):
            await asyncio.sleep(80.0)
            await connection.send(event(number))

    assert after(1_000.0, STAYS).changes == [(0.0, True)]
    assert after(800.0, speaks, ping_s=None).changes == [(0.0, True)]


def test_a_line_on_which_nothing_arrives_any_more_is_left() -> None:
    async def goes_deaf(connection: ServerConnection) -> None:
        await grant(connection)
        connection.transport.pause_reading()

    house = after(60.0, goes_deaf, STAYS)
    assert house.changes == [(0.0, True), (41.0, False), (42.0, True)]


def test_a_subscription_that_is_not_answered_is_asked_for_again() -> None:
    house = after(30.0, says_nothing, STAYS)
    assert house.changes == [(10.0, False), (11.0, True)]
    assert house.reasons == ["the venue did not confirm the private stream"]


def test_an_answer_to_another_request_confirms_nothing() -> None:
    async def script(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send('{"id":"somebody","status":200,"result":{}}')

    assert after(15.0, script, STAYS).changes == [(10.0, False), (11.0, True)]
