"""Connections to the WebSocket API that go wrong, seen by a client on a real socket while REST goes on."""

import asyncio

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bot.core.market import DAY_MS
from bot.exchange.account_faults import EndStream
from bot.exchange.faults import (
    GoDark,
    HangUp,
    HangUpAtOnce,
    IgnoreHandshake,
    Inject,
    Lifetime,
    RefuseHandshake,
    ShutDown,
)
from bot.exchange.occasions import Where
from bot.exchange.ws_api import FIRST_CONNECTION
from bot.exchange.ws_session import SUBSCRIBE
from tests.unit.bot.exchange.account_exchange import (
    ANY_CONNECTION,
    FROM_MS,
    LIMIT,
    REPORTS,
    exchange,
)


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 429, 451, 500, 502, 503, 504])
async def test_a_handshake_is_refused_while_requests_and_market_streams_go_on(status: int) -> None:
    async with exchange(RefuseHandshake(status, 7, where=ANY_CONNECTION)) as venue:
        with pytest.raises(InvalidStatus) as caught:
            async with venue.connection():
                pass
        assert caught.value.response.status_code == status
        assert caught.value.response.headers["Retry-After"] == "7"
        assert (await venue.buy())["status"] == "FILLED"
        async with connect(venue.address("/ws"), proxy=None), venue.listener():
            assert venue.log.strikes("refuse handshake") == 1


@pytest.mark.asyncio
async def test_a_handshake_is_never_answered() -> None:
    async with exchange(IgnoreHandshake(where=ANY_CONNECTION)) as venue:
        with pytest.raises(TimeoutError):
            async with venue.connection(open_timeout=0.05):
                pass
        async with venue.listener():
            assert venue.log.strikes("ignore handshake") == 1


@pytest.mark.asyncio
async def test_a_handshake_is_refused_to_who_has_used_up_his_weight() -> None:
    async with exchange() as venue:
        venue.server.trading.meter.enter(5_999, FROM_MS)
        with pytest.raises(InvalidStatus) as caught:
            async with venue.connection():
                pass
        assert caught.value.response.status_code == 429
        assert int(caught.value.response.headers["Retry-After"]) <= 60


@pytest.mark.asyncio
@pytest.mark.parametrize("code", [None, 1000, 1008, 1013])
async def test_a_connection_is_closed_as_soon_as_it_stands(code: int | None) -> None:
    async with exchange(HangUpAtOnce(code, where=ANY_CONNECTION)) as venue, venue.connection() as client:
        assert await client.goodbye() == (None if code is None else (code, ""))


@pytest.mark.asyncio
@pytest.mark.parametrize("code", [None, 1000, 1001, 1005, 1008, 1009, 1011, 1012, 1013])
async def test_a_connection_is_closed_with_any_code_or_reset(code: int | None) -> None:
    one = Where(connection=FIRST_CONNECTION)
    async with exchange(HangUp(code, "because", where=one)) as venue, venue.listener() as client:
        await venue.instant()
        assert await client.goodbye() == (None if code is None else (code, "" if code == 1005 else "because"))
        async with venue.listener() as other:
            await venue.instant()
            assert (await other.ask("ping"))["status"] == 200


@pytest.mark.asyncio
async def test_a_connection_ends_after_a_day_or_when_a_rule_says_so() -> None:
    async with exchange() as venue, venue.listener() as client:
        await venue.instant(DAY_MS - 1)
        assert (await client.ask("ping"))["status"] == 200
        await venue.instant(DAY_MS)
        assert await client.goodbye() == (1001, "24 hours are over")
    async with exchange(Lifetime(1_000, where=ANY_CONNECTION)) as venue, venue.listener() as client:
        await venue.instant(1_000)
        assert await client.goodbye() == (1001, "24 hours are over")
        assert venue.log.strikes("lifetime") == 1


@pytest.mark.asyncio
async def test_a_shutdown_is_announced_in_the_form_of_this_api() -> None:
    async with exchange(ShutDown(500, where=ANY_CONNECTION)) as venue, venue.listener() as client:
        await venue.instant()
        assert await client.hear() == {"event": {"e": "serverShutdown", "E": FROM_MS}}
        await venue.buy()
        assert (await client.all())[0]["e"] == REPORTS
        await venue.instant(500)
        assert await client.goodbye() == (1001, "going away")


@pytest.mark.asyncio
async def test_a_black_hole_takes_everything_and_says_nothing_while_requests_are_answered() -> None:
    async with exchange(GoDark(where=ANY_CONNECTION)) as venue, venue.listener() as client:
        await venue.instant()
        assert (await venue.buy())["status"] == "FILLED"
        await client.say("ping")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.hear(), 0.05)
        assert venue.log.told("message in")[-1].text == SUBSCRIBE
        async with venue.listener() as other:
            await venue.buy()
            assert (await other.all())[-1]["e"] == "outboundAccountPosition"
        client.websocket.transport.abort()


@pytest.mark.asyncio
async def test_a_subscription_is_ended_by_the_exchange_and_can_be_opened_again() -> None:
    async with exchange(EndStream(where=ANY_CONNECTION)) as venue, venue.listener() as client:
        await venue.instant()
        assert await client.told(1) == [{"e": "eventStreamTerminated", "E": FROM_MS}]
        assert (await client.subscribe())["result"] == {"subscriptionId": 1}
        await venue.buy()
        assert len(await client.all()) == 4


@pytest.mark.asyncio
async def test_who_does_not_read_is_reset_and_keeps_nobody_waiting() -> None:
    heavy = Inject(f'"{"x" * (1 << 20)}"', where=Where(connection=FIRST_CONNECTION))
    async with exchange(heavy) as venue, venue.listener(max_queue=1) as client, venue.listener() as reader:
        client.websocket.transport.pause_reading()
        while len(venue.server.ws_api) == 2:
            await venue.order("POST", "order", **LIMIT)
            assert [event.get("x") for event in await reader.all()] == ["NEW", None]
        assert venue.log.strikes("inject") > 8
        client.websocket.transport.abort()
