"""Faults of handshakes, connections and addresses, seen by a client in real sockets on loopback."""

import asyncio

import pytest
from aiohttp import ClientConnectionError, ClientSession, WSMsgType, WSServerHandshakeError

from bot.core.errors import ConfigError
from bot.exchange.faults import (
    AnyFault,
    GoDark,
    HangUp,
    HangUpAtOnce,
    IgnoreHandshake,
    Lifetime,
    Move,
    RefuseConnections,
    RefuseHandshake,
    TurnAway,
)
from bot.exchange.house_rules import HouseRules
from bot.exchange.occasions import Where
from tests.unit.bot.exchange.faulty_exchange import FROM_MS, MINUTE, STREAMS, arrived, exchange, messages, paced


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 429, 451, 500, 502, 503, 504])
async def test_a_handshake_is_refused_with_any_status(status: int) -> None:
    async with exchange(RefuseHandshake(status, 7, where=Where(connection=1))) as (client, server):
        with pytest.raises(WSServerHandshakeError) as caught:
            await client.ws_connect("/ws")
        assert caught.value.status == status
        assert caught.value.headers
        assert caught.value.headers["Retry-After"] == "7"
        async with client.ws_connect("/ws"):
            assert server.plan.log.strikes("refuse handshake") == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("code", [1000, 1001, 1005, 1008, 1009, 1011, 1012, 1013])
async def test_a_connection_is_closed_with_any_code(code: int) -> None:
    async with exchange(HangUp(code, "because")) as (client, _), client.ws_connect(f"/stream?streams={STREAMS}") as ws:
        last = (await messages(ws))[-1]
        assert ws.close_code == (0 if code == 1005 else code)
        assert last.extra in {"because", "", None}


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", [HangUp(None), HangUpAtOnce(None)])
async def test_a_connection_is_reset_without_a_word(fault: AnyFault) -> None:
    async with exchange(fault) as (client, _), client.ws_connect(f"/stream?streams={STREAMS}") as ws:
        assert [message.type for message in await messages(ws)] in ([WSMsgType.ERROR], [WSMsgType.CLOSED])
        assert ws.close_code == 1006


@pytest.mark.asyncio
async def test_a_connection_is_closed_as_soon_as_it_stands() -> None:
    async with exchange(HangUpAtOnce(1013)) as (client, _), client.ws_connect("/ws") as ws:
        first, *_ = await messages(ws)
        assert (first.type, first.data) == (WSMsgType.CLOSE, 1013)


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", [IgnoreHandshake(where=Where(times=1)), TurnAway("ignore", where=Where(times=1))])
async def test_a_connection_is_accepted_and_never_answered(fault: AnyFault) -> None:
    async with exchange(fault) as (client, server):
        trying = asyncio.create_task(client.ws_connect("/ws"))
        await server.plan.log.until(lambda: len(server.plan.log.struck) == 1)
        assert not trying.done()
        async with client.ws_connect("/ws"):
            assert not trying.done()
        trying.cancel()


@pytest.mark.asyncio
async def test_a_connection_is_reset_before_it_is_read() -> None:
    async with exchange(TurnAway("reset", where=Where(times=1))) as (client, _):
        assert client._base_url
        reader, writer = await asyncio.open_connection("127.0.0.1", client._base_url.port)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        async with client.ws_connect("/ws"):
            pass


@pytest.mark.asyncio
async def test_connections_are_refused_while_a_window_lasts() -> None:
    window = Where(from_ms=FROM_MS + 2 * MINUTE, until_ms=FROM_MS + 4 * MINUTE)
    async with exchange(RefuseConnections(where=window), count=60, pace=paced()) as (client, server):
        async with client.ws_connect(f"/stream?streams={STREAMS}") as ws:
            while server.pace.now_ms() < FROM_MS + 3 * MINUTE:
                await ws.receive()
            async with ClientSession() as other:
                with pytest.raises(ClientConnectionError):
                    await other.get(client._base_url or "")
            while server.pace.now_ms() < FROM_MS + 5 * MINUTE:
                await ws.receive()
        async with ClientSession(client._base_url) as other, other.get("/api/v3/ping") as answer:
            assert answer.status == 200


@pytest.mark.asyncio
async def test_the_exchange_moves_to_another_address_and_hangs_up_on_everybody() -> None:
    async with exchange(Move("127.0.0.2", where=Where(times=1)), count=60) as (client, _):
        async with client.ws_connect(f"/stream?streams={STREAMS}") as ws:
            await messages(ws)
        assert client._base_url
        async with ClientSession() as other:
            with pytest.raises(ClientConnectionError):
                await other.get(client._base_url / "api/v3/ping")
            async with other.get(client._base_url.with_host("127.0.0.2") / "api/v3/ping") as answer:
                assert answer.status == 200


@pytest.mark.asyncio
async def test_an_address_of_the_outside_world_is_refused() -> None:
    async with exchange() as (_, server):
        with pytest.raises(ConfigError, match="loopback only"):
            await server._doorways[0].move("0.0.0.0")  # noqa: S104


@pytest.mark.asyncio
async def test_a_black_hole_keeps_its_socket_and_neither_reads_nor_writes() -> None:
    impatient = HouseRules(ping_every_s=0.15, pong_within_s=0.05)
    dark = GoDark(where=Where(connection=1, skip=2))
    async with exchange(dark, count=99, pace=paced(), rules=impatient) as (client, server):
        log = server.plan.log
        ws = await client.ws_connect(f"/stream?streams={STREAMS}", autoping=False)
        await log.until(lambda: log.strikes("go dark") > 0)
        sent = [message.type for message in await arrived(ws)]
        assert sent.count(WSMsgType.TEXT) == 4
        async with client.ws_connect(f"/stream?streams={STREAMS}", autoping=False) as other:
            # Long enough for a pong to be missed: whoever is dark is not even hung up on.
            await log.until(lambda: len(log.told("no pong")) > 0)
            await messages(other)
        assert await arrived(ws) == []
        assert not ws.closed
        ws._response.close()


@pytest.mark.asyncio
async def test_connections_end_when_they_are_too_old() -> None:
    async with exchange(Lifetime(MINUTE)) as (client, _), client.ws_connect(f"/stream?streams={STREAMS}") as ws:
        assert len([m for m in await messages(ws) if m.type is WSMsgType.TEXT]) == 6
        assert ws.close_code == 1001
