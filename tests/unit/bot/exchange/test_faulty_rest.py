"""REST answers that go wrong, and the control endpoint, over real sockets on loopback."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import get_args

import msgspec
import pytest
from aiohttp import ClientError, ClientSession

from bot.core.errors import ConfigError
from bot.core.market import Candle, Timeframe
from bot.exchange.control import ControlDesk
from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import (
    AnyFault,
    Ban,
    BreakAnswer,
    HangUp,
    Lag,
    Latency,
    NoTrades,
    RefuseRequest,
    SpoilRows,
    WrongTime,
)
from bot.exchange.market import ORIGIN_MS, SeededMarket
from bot.exchange.occasions import Where
from bot.exchange.pace import LockStep
from bot.exchange.server import ExchangeServer
from bot.exchange.venue import Venue

MINUTE = Timeframe.M1.ms
FROM_MS = ORIGIN_MS + 50 * MINUTE
KLINES = "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=4"


class HeldTime(LockStep):
    """Stands still until it is set, so that requests can be made at chosen times."""

    def set(self, at_ms: int) -> None:
        self._now_ms = at_ms


@asynccontextmanager
async def exchange(*faults: AnyFault) -> AsyncIterator[tuple[ClientSession, ExchangeServer, HeldTime]]:
    pace = HeldTime(FROM_MS)
    venue = Venue([SeededMarket(7, "BTC/USDT", Timeframe.M1)], FROM_MS, MINUTE // 4, 3)
    server = ExchangeServer(venue, pace, FaultPlan(faults))
    port = await server.start()
    try:
        async with asyncio.timeout(20), ClientSession(f"http://127.0.0.1:{port}") as client:
            yield client, server, pace
    finally:
        await server.stop()


async def get(client: ClientSession, path: str = KLINES) -> tuple[int, object]:
    async with client.get(path) as answer:
        return answer.status, await answer.json()


@pytest.mark.asyncio
@pytest.mark.parametrize("body", ["json", "html"])
async def test_a_request_is_refused_with_a_status_a_body_and_a_wait(body) -> None:
    async with exchange(RefuseRequest(503, body, 9, where=Where(endpoint="klines", times=1))) as (client, server, _):
        async with client.get(KLINES) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "9")
            assert answer.content_type == ("application/json" if body == "json" else "text/html")
        assert (await get(client))[0] == 200
        assert server.plan.log.strikes("refuse request") == 1


@pytest.mark.asyncio
async def test_who_asks_again_while_banned_is_banned_for_longer() -> None:
    async with exchange(Ban(10, where=Where(times=1))) as (client, server, pace):
        seen = []
        for at_s in (0, 9, 28, 69, 70):
            pace.set(FROM_MS + at_s * 1_000)
            async with client.get(KLINES) as answer:
                seen.append((answer.status, answer.headers.get("Retry-After")))
        assert seen == [(429, "10"), (418, "20"), (418, "40"), (200, None), (200, None)]
        assert len(server.plan.log.told("request while banned")) == 2


@pytest.mark.asyncio
@pytest.mark.parametrize("how", get_args(BreakAnswer.__annotations__["how"]))
async def test_an_answer_breaks_in_every_way_and_the_next_one_is_whole(how: str) -> None:
    async with exchange(BreakAnswer(how, where=Where(times=2), over_ms=50)) as (client, server, _):  # type: ignore[arg-type]
        good = {"drip"}
        wrong = {"html", "empty", "object", "null", "cut json"}
        try:
            async with asyncio.timeout(0.2), client.get(KLINES) as answer:
                text = await answer.text()
        except (ClientError, TimeoutError, ConnectionError):
            assert how not in good | wrong
        else:
            assert how in good | wrong
            assert how not in good or len(json.loads(text)) == 4
        server.plan.clear()
        assert (await get(client))[0] == 200
        assert server.plan.log.strikes("break answer") >= 1


@pytest.mark.asyncio
async def test_an_answer_comes_later() -> None:
    async with exchange(Latency(50, 1)) as (client, _, _):
        began = asyncio.get_running_loop().time()
        assert (await get(client))[0] == 200
        assert asyncio.get_running_loop().time() - began >= 0.05


@pytest.mark.asyncio
async def test_klines_lag_behind_and_are_spoiled() -> None:
    async def opens(*faults: AnyFault) -> list[int]:
        async with exchange(*faults) as (client, _, pace):
            pace.set(FROM_MS + 2 * MINUTE + 1)
            _, rows = await get(client)
            assert isinstance(rows, list)
            return [(row[0] - FROM_MS) // MINUTE for row in rows]

    assert await opens() == [-1, 0, 1, 2]
    assert await opens(Lag(0)) == [-2, -1, 0, 1]
    assert await opens(Lag(10)) == [-3, -2, -1, 0]
    assert await opens(SpoilRows("reverse")) == [2, 1, 0, -1]
    assert await opens(SpoilRows("missing", (FROM_MS,))) == [-1, 1, 2]
    assert len(await opens(SpoilRows("too many"))) == 53


@pytest.mark.asyncio
async def test_the_server_s_time_is_wrong_where_the_plan_has_it_so() -> None:
    async with exchange(WrongTime(3_600_000, where=Where(times=1))) as (client, _, _):
        assert await get(client, "/api/v3/time") == (200, {"serverTime": FROM_MS + 3_600_000})
        assert await get(client, "/api/v3/time") == (200, {"serverTime": FROM_MS})


@asynccontextmanager
async def controlled(*faults: AnyFault) -> AsyncIterator[tuple[ClientSession, ClientSession, HeldTime]]:
    """A client of the exchange, and one of its control endpoint."""
    async with exchange(*faults) as (client, server, pace):
        desk = ControlDesk(server)
        port = await desk.start()
        try:
            async with ClientSession(f"http://127.0.0.1:{port}") as hand:
                yield client, hand, pace
        finally:
            await desk.stop()


@pytest.mark.asyncio
async def test_rules_are_set_added_listed_and_cleared() -> None:
    one, two = RefuseRequest(500), HangUp(1001)
    async with controlled(one) as (_, hand, _):

        async def faults(method: str, *rules: AnyFault) -> list:
            async with hand.request(method, "/control/faults", data=msgspec.json.encode(rules)) as answer:
                found: list = await answer.json()
                return [rule["fault"] for rule in found]

        assert await faults("GET") == ["refuse request"]
        assert await faults("POST", two) == ["refuse request", "hang up"]
        assert await faults("PUT", two) == ["hang up"]
        assert await faults("DELETE") == []
        async with hand.put("/control/faults", data=b"[{}]") as answer:
            assert answer.status == 400
            assert "no fault rules" in (await answer.json())["error"]


@pytest.mark.asyncio
async def test_the_log_tells_requests_answers_and_what_struck_in_one_order() -> None:
    async with controlled(RefuseRequest(502, name="bad day", where=Where(times=1))) as (client, hand, _):
        await get(client)
        _, log = await get(hand, "/control/log?wait_s=5")
        assert isinstance(log, dict)
        assert [struck["name"] for struck in log["struck"]] == ["bad day"]
        told = [event["what"] for event in log["events"]]
        assert told[-2:] == ["request", "answer"]
        assert log["events"][-2]["number"] < log["struck"][0]["number"] < log["events"][-1]["number"]
        _, later = await get(hand, f"/control/log?after={log['count']}&wait_s=0")
        assert isinstance(later, dict)
        assert (later["events"], later["struck"]) == ([], [])


@pytest.mark.asyncio
async def test_who_waits_for_the_log_is_answered_when_something_happens() -> None:
    async with controlled() as (client, hand, _):
        waiting = asyncio.create_task(get(hand, "/control/log?after=1&wait_s=20"))
        await get(client)
        _, log = await waiting
        assert isinstance(log, dict)
        assert log["events"]


@pytest.mark.asyncio
async def test_the_truth_is_the_closed_candles_of_the_market_as_it_is_under_the_rules() -> None:
    quiet = NoTrades(where=Where(from_ms=FROM_MS + MINUTE, until_ms=FROM_MS + 2 * MINUTE))
    async with controlled(quiet) as (_, hand, pace):
        pace.set(FROM_MS + 3 * MINUTE - 1)
        _, rows = await get(hand, "/control/truth?symbol=BTCUSDT")
        market = SeededMarket(7, "BTC/USDT", Timeframe.M1)
        first = market.at(FROM_MS)
        assert first
        flat = Candle(FROM_MS + MINUTE, first.close, first.close, first.close, first.close, 0.0)
        assert msgspec.convert(rows, list[Candle]) == [first, flat]
        _, one = await get(hand, f"/control/truth?symbol=BTCUSDT&from_ms={FROM_MS + 1}")
        assert msgspec.convert(one, list[Candle]) == [flat]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "path",
    [
        "/control/truth",
        "/control/truth?symbol=NOPE",
        "/control/truth?symbol=BTCUSDT&from_ms=x",
        "/control/log?after=-1",
    ],
)
async def test_a_question_that_cannot_be_answered_is_a_sentence(path: str) -> None:
    async with controlled() as (_, hand, _):
        status, body = await get(hand, path)
        assert isinstance(body, dict)
        assert (status, list(body)) == (400, ["error"])


@pytest.mark.asyncio
async def test_a_control_port_that_is_taken_is_a_sentence() -> None:
    async with exchange() as (client, server, _):
        desk = ControlDesk(server)
        assert client._base_url
        with pytest.raises(ConfigError, match="choose another"):
            await desk.start(client._base_url.port or 0)
        await desk.stop()
