"""The WebSocket API as time passes: pings, late reports, and what the market does to orders that rest in it."""

import asyncio

import pytest
from aiohttp import ClientSession, WSMsgType
from websockets.asyncio.client import connect

from bot.exchange.faults import AnyFault, Latency, MishandleRequest, StopPinging, kind_of
from bot.exchange.occasions import Where
from bot.exchange.pace import Paced
from bot.exchange.ws_session import SUBSCRIBE
from tests.market_time import run
from tests.unit.bot.exchange.account_exchange import BTC, FROM_MS, PAIR, exchange

LONG_S = 1e6
SUBSCRIBING = Where(endpoint=SUBSCRIBE, times=1)
CONNECTIONS = Where(endpoint="ws-api")
REPORTS = Where(endpoint="executionReport", times=1)


def now_s() -> float:
    return asyncio.get_running_loop().time()


def test_a_ping_comes_every_20_seconds_and_its_payload_comes_back() -> None:
    async def story() -> None:
        async with exchange(within_s=LONG_S) as venue, venue.listener():
            await asyncio.sleep(200)
            pings, pongs = venue.log.told("ping out"), venue.log.told("pong in")
            assert len(pings) == 9
            assert {ping.text for ping in pings} == {repr(str(FROM_MS).encode())}
            assert [pong.text for pong in pongs] == [ping.text for ping in pings]
            assert len(venue.server.ws_api) == 1

    run(story())


def test_who_does_not_answer_a_ping_within_a_minute_is_cut_off() -> None:
    async def story() -> None:
        async with exchange(within_s=LONG_S) as venue, venue.listener() as client:
            client.websocket.transport.pause_reading()
            await asyncio.sleep(79)
            assert len(venue.server.ws_api) == 1
            await asyncio.sleep(2)
            assert len(venue.server.ws_api) == 0
            assert len(venue.log.told("no pong")) == 1
            client.websocket.transport.abort()

    run(story())


@pytest.mark.parametrize(("answers", "lasts_s"), [([], 80), ([b"whatever"], 80), ([None], 100), ([None, b""], 100)])
def test_a_pong_answers_one_ping_and_has_its_payload(answers: list[bytes | None], lasts_s: int) -> None:
    async def story() -> None:
        async with (
            exchange(within_s=LONG_S) as venue,
            ClientSession() as client,
            client.ws_connect(venue.address("/ws-api/v3"), autoping=False) as websocket,
        ):
            for answer in answers:
                ping = await websocket.receive()
                assert ping.type is WSMsgType.PING
                await websocket.pong(ping.data if answer is None else answer)
            while (await websocket.receive()).type is WSMsgType.PING:
                pass
            assert lasts_s <= now_s() < lasts_s + 1
            assert websocket.close_code == 1006

    run(story())


def test_a_ping_of_the_client_is_answered() -> None:
    async def story() -> None:
        async with exchange() as venue, venue.listener() as client:
            await (await client.websocket.ping(b"there?"))
            assert [event.text for event in venue.log.told("ping in")] == ["b'there?'"]

    run(story())


@pytest.mark.parametrize(
    "late",
    [
        Latency(3_000, where=SUBSCRIBING),
        Latency(0, jitter_ms=6_000, where=SUBSCRIBING),
        MishandleRequest("late", late_ms=3_000, where=SUBSCRIBING),
    ],
)
def test_a_subscription_is_answered_late(late: AnyFault) -> None:
    async def story() -> None:
        async with exchange(late, within_s=LONG_S) as venue, venue.listener():
            assert 1 < now_s() < 7
            assert venue.log.strikes(kind_of(late)) == 1

    run(story())


def test_pings_may_be_left_out_for_ever() -> None:
    async def story() -> None:
        async with exchange(StopPinging(where=CONNECTIONS), within_s=LONG_S) as venue, venue.listener() as client:
            await asyncio.sleep(201)
            assert venue.log.strikes("stop pinging") == 10
            assert venue.log.told("ping out") == []
            assert (await client.ask("ping"))["status"] == 200

    run(story())


def test_reports_come_long_after_the_answer_to_the_order() -> None:
    async def story() -> None:
        late = Latency(30_000, where=REPORTS)
        async with exchange(late, within_s=LONG_S) as venue, venue.listener() as client:
            assert (await venue.buy())["status"] == "FILLED"
            assert now_s() < 1
            assert [event["e"] for event in await client.told(1)] == ["executionReport"]
            assert now_s() >= 30
            assert [event.get("X") for event in await client.told(3)] == ["PARTIALLY_FILLED", "FILLED", None]
            assert venue.log.strikes("latency") == 1

    run(story())


def test_a_pair_ends_when_the_market_comes_to_one_of_its_prices_and_nobody_has_to_ask() -> None:
    async def story() -> None:
        pace = Paced(FROM_MS, 60.0, None)
        async with exchange(pace=pace, within_s=LONG_S, minutes=60) as venue:
            filled = (await venue.buy())["fills"][0]["price"]
            async with venue.listener() as client, connect(venue.address(f"/ws/{BTC.lower()}@kline_1m"), proxy=None):
                near = {"abovePrice": near_to(filled, 1.001), "belowStopPrice": near_to(filled, 0.999)}
                assert "orderListId" in await venue.order("POST", "orderList/oco", **{**PAIR, **near})
                heard: list[dict] = []
                while not any(event.get("L") == "ALL_DONE" for event in heard):
                    heard += await client.told(1)
                reports = [(event["x"], event["X"]) for event in heard if event["e"] == "executionReport"]
                assert reports[:2] == [("NEW", "NEW")] * 2
                assert {("TRADE", "FILLED"), ("EXPIRED", "EXPIRED")} < set(reports)
                assert FROM_MS < heard[-1]["T"] <= heard[-1]["E"]

    run(story())


def near_to(price: str, factor: float) -> str:
    return f"{float(price) * factor:.2f}"
