"""Faults of frames, subscriptions and pings, seen by a client in real sockets on loopback."""

import json
import ssl

import pytest
from aiohttp import ClientConnectionError, ClientSession, WSMsgType

from bot.core.market import Timeframe
from bot.exchange.faults import (
    AnyFault,
    Delay,
    Edit,
    Inject,
    InjectJunk,
    Latency,
    MishandleRequest,
    Reframe,
    Repeat,
    ReplayOld,
    Rewrite,
    ShutDown,
    Silence,
    Stall,
    StopPinging,
    Throttle,
)
from bot.exchange.house_rules import HouseRules
from bot.exchange.market import SeededMarket
from bot.exchange.occasions import Where
from bot.exchange.pace import LockStep
from bot.exchange.server import ExchangeServer
from bot.exchange.venue import Venue
from tests.unit.bot.exchange.faulty_exchange import (
    ALL,
    FROM_MS,
    MINUTE,
    STREAMS,
    closes,
    exchange,
    heard,
    messages,
    paced,
)


@pytest.mark.asyncio
@pytest.mark.parametrize(("path", "wrapped"), [(f"/stream?streams={STREAMS}", True), (f"/ws/{STREAMS}", False)])
async def test_a_shutdown_is_announced_and_then_happens(path: str, wrapped: bool) -> None:
    fault = ShutDown(MINUTE // 2, where=Where(times=1))
    async with exchange(fault) as (client, _), client.ws_connect(path) as ws:
        frames = [json.loads(m.data) for m in await messages(ws) if m.type is WSMsgType.TEXT]
        assert ws.close_code == 1001
    said = {"e": "serverShutdown", "E": FROM_MS + MINUTE // 4}
    assert frames[0] == ({"stream": "!serverShutdown", "data": said} if wrapped else said)
    assert len(frames) == 1 + 2 * 2


@pytest.mark.asyncio
async def test_a_stall_ends_in_a_burst_and_loses_nothing() -> None:
    stall = Stall(2 * MINUTE, where=Where(times=1, from_ms=FROM_MS + MINUTE))
    async with exchange(stall, count=5, pace=paced()) as (client, _), client.ws_connect(f"/ws/{STREAMS}") as ws:
        frames = [json.loads(message.data) async for message in ws]
        assert ws.close_code == 1000
    assert len(closes(frames)) == 10
    assert [frame["E"] for frame in frames] == sorted(frame["E"] for frame in frames)


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", [Throttle(3_000.0, where=Where(times=1)), Latency(500, 2_000)])
async def test_a_slow_line_keeps_its_order(fault: AnyFault) -> None:
    async with exchange(fault, count=2, pace=paced()) as (client, _), client.ws_connect(f"/ws/{STREAMS}") as ws:
        frames = [json.loads(message.data) async for message in ws]
    assert closes(frames) == ALL[:4]


@pytest.mark.asyncio
async def test_one_market_falls_silent_and_the_other_does_not() -> None:
    events = await heard(Silence(where=Where(symbol="ETHUSDT")))
    assert {event["s"] for event in events} == {"BTCUSDT"}


@pytest.mark.asyncio
async def test_a_closing_frame_is_left_out_said_late_or_twice_or_taken_back() -> None:
    final = Where(symbol="BTCUSDT", closing=True, times=1)
    assert closes(await heard(Silence(where=final))) == ALL[1:]
    late = closes(await heard(Delay(MINUTE + 1, where=final)))
    assert sorted(late) == sorted(ALL)
    assert late.index(("BTCUSDT", 0)) > late.index(("ETHUSDT", 0))
    assert closes(await heard(Repeat(where=final))) == [ALL[0], *ALL]
    events = await heard(Repeat(edit=Edit(set={"k.x": False}, scale={"k.v": 2.0}), where=final))
    taken_back = next(n for n, event in enumerate(events) if event["k"]["x"]) + 1
    assert events[taken_back]["k"]["t"] == FROM_MS
    assert events[taken_back]["k"]["x"] is False


@pytest.mark.asyncio
async def test_events_come_with_other_fields_or_again_or_with_strangers() -> None:
    once = Where(times=1, skip=2)
    events = await heard(Rewrite(Edit(set={"k.o": "minus one"}), where=once))
    assert [event["k"]["o"] for event in events].count("minus one") == 1
    events = await heard(ReplayOld(2, where=once))
    assert [event["E"] for event in events[:5]] == [*[event["E"] for event in events[:2]] * 2, events[4]["E"]]
    assert {"e": "thunder"} in await heard(Inject('{"e":"thunder"}', where=once))


@pytest.mark.asyncio
@pytest.mark.parametrize("what", ["binary", "invalid utf-8", "invalid json", "deep nesting", "over 1 MiB", "empty"])
async def test_junk_comes_as_a_frame_of_its_own(what) -> None:
    fault = InjectJunk(what, where=Where(times=1, skip=1))
    async with exchange(fault) as (client, server), client.ws_connect("/ws/btcusdt@kline_1m", max_msg_size=0) as ws:
        found = await messages(ws)
        assert server.plan.log.strikes("inject junk") == 1
    kinds = [message.type for message in found]
    assert kinds[1] is {"binary": WSMsgType.BINARY, "invalid utf-8": WSMsgType.ERROR}.get(what, WSMsgType.TEXT)
    assert len(found) == (2 if what == "invalid utf-8" else 14)


@pytest.mark.asyncio
async def test_the_right_event_comes_in_an_unusual_frame() -> None:
    once = Where(times=1)
    plain = await heard()
    assert await heard(Reframe("fragmented", where=once)) == plain
    assert await heard(Reframe("other wrapping", where=once)) == plain
    async with exchange(Reframe("binary", where=once)) as (client, _), client.ws_connect(f"/ws/{STREAMS}") as ws:
        assert (await ws.receive()).type is WSMsgType.BINARY
    async with exchange(Reframe("compressed", where=once)) as (client, _), client.ws_connect(f"/ws/{STREAMS}") as ws:
        assert (await ws.receive()).type is WSMsgType.ERROR


async def answers(*faults: AnyFault, count: int) -> tuple[list[dict], list[str]]:
    """What a client hears that subscribes to one market and then asks what it listens to."""
    async with exchange(*faults, pace=paced()) as (client, _), client.ws_connect("/ws") as ws:
        await ws.send_json({"method": "SUBSCRIBE", "params": ["nosuch@kline_1m"], "id": 1})
        await ws.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 2})
        got = [await ws.receive_json() for _ in range(count)]
        return got[:-1], got[-1]["result"]


@pytest.mark.asyncio
async def test_a_subscription_is_badly_answered_in_every_way() -> None:
    once = Where(times=1)
    good = {"result": None, "id": 1}
    assert await answers(count=2) == ([good], ["nosuch@kline_1m"])
    assert await answers(MishandleRequest("silent", where=once), count=1) == ([], [])
    assert await answers(MishandleRequest("no data", where=once), count=2) == ([good], [])
    wrong, listed = await answers(MishandleRequest("wrong id", where=once), count=2)
    assert wrong[0]["id"] != 1
    assert listed == ["nosuch@kline_1m"]
    (error,), listed = await answers(MishandleRequest("error", where=once), count=2)
    assert (error["code"], error["id"], listed) == (2, 1, [])
    assert await answers(MishandleRequest("late", late_ms=2_000, where=once), count=2) == ([good], ["nosuch@kline_1m"])


@pytest.mark.asyncio
async def test_who_sends_too_much_is_hung_up_on() -> None:
    async with exchange(Silence(where=Where(connection=99))) as (client, server), client.ws_connect("/ws") as ws:
        for number in range(6):
            await ws.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
        last = [message for message in await messages(ws) if message.type is WSMsgType.CLOSE]
        assert [(message.data, message.extra) for message in last] == [(1008, "too many messages")]
        assert [event.text for event in server.plan.log.told("house rule broken")] == ["too many messages"]


@pytest.mark.asyncio
async def test_who_wants_more_than_1024_streams_is_hung_up_on() -> None:
    async with exchange() as (client, _), client.ws_connect("/ws") as ws:
        names = [f"m{number}usdt@kline_1m" for number in range(1_025)]
        await ws.send_json({"method": "SUBSCRIBE", "params": names, "id": 1})
        assert (await messages(ws))[-1].extra == "too many streams"


@pytest.mark.asyncio
async def test_pings_carry_the_time_and_can_be_left_out() -> None:
    often = HouseRules(ping_every_s=0.01, messages=9_999)
    never_mind = Where(times=3)
    async with exchange(StopPinging(where=never_mind), rules=often) as (client, server):
        async with client.ws_connect("/ws", autoping=False) as ws:
            message = await ws.receive()
            assert (message.type, message.data) == (WSMsgType.PING, str(FROM_MS).encode())
            await ws.pong(message.data)
            assert (await ws.receive()).type is WSMsgType.PING
        assert server.plan.log.strikes("stop pinging") == 3


@pytest.mark.asyncio
async def test_a_pong_with_another_payload_is_none() -> None:
    impatient = HouseRules(ping_every_s=0.01, pong_within_s=0.05, messages=9_999)
    async with exchange(rules=impatient) as (client, _), client.ws_connect("/ws", autoping=False) as ws:
        await ws.receive()
        await ws.pong(b"whatever")
        assert (await ws.receive()).type in {WSMsgType.CLOSED, WSMsgType.ERROR}


@pytest.mark.asyncio
async def test_an_exchange_with_a_certificate_speaks_tls_only(tmp_path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    market = SeededMarket(7, "BTC/USDT", Timeframe.M1)
    server = ExchangeServer(Venue([market], FROM_MS, MINUTE // 4, 1), LockStep(FROM_MS), tls=context)
    port = await server.start()
    try:
        async with ClientSession() as client:
            with pytest.raises(ClientConnectionError):
                await client.get(f"http://127.0.0.1:{port}/api/v3/ping")
    finally:
        await server.stop()
