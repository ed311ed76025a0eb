"""The embedded exchange over real sockets on loopback: Binance's REST and streams, in market time."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from bot.core.errors import ConfigError
from bot.core.market import Candle, Timeframe
from bot.exchange.house_rules import HouseRules
from bot.exchange.market import ORIGIN_MS, SeededMarket
from bot.exchange.pace import LockStep, Paced
from bot.exchange.server import END_OF_MARKET, ExchangeServer
from bot.exchange.venue import CLOSE_LAG_MS, Venue

GOLDEN = Path(__file__).resolve().parents[4] / "tests" / "golden" / "exchange_seed7_1h.jsonl"
HOUR = Timeframe.H1.ms
FROM_MS = ORIGIN_MS + 50 * HOUR
PATIENT = HouseRules(messages=1_000)


@asynccontextmanager
async def exchange(
    count: int = 3, from_ms: int = FROM_MS, rules: HouseRules = PATIENT
) -> AsyncIterator[tuple[ClientSession, ExchangeServer]]:
    """A lock-step exchange of two markets and a client whose addresses are relative to it."""
    markets = [SeededMarket(7, symbol, Timeframe.H1) for symbol in ("ETH/USDT", "BTC/USDT")]
    server = ExchangeServer(Venue(markets, from_ms, HOUR // 4, count), LockStep(from_ms), rules=rules)
    port = await server.start()
    try:
        async with ClientSession(f"http://127.0.0.1:{port}") as client:
            yield client, server
    finally:
        await server.stop()


async def everything(websocket: ClientWebSocketResponse) -> list[dict]:
    """Every message until the exchange hangs up."""
    return [json.loads(message.data) async for message in websocket]


async def get(client: ClientSession, path: str) -> tuple[int, object]:
    async with client.get(path) as answer:
        return answer.status, await answer.json()


@pytest.mark.asyncio
async def test_a_combined_stream_wraps_every_frame_in_symbol_order_and_closes_normally() -> None:
    async with exchange() as (client, _), client.ws_connect("/stream?streams=ethusdt@kline_1h/btcusdt@kline_1h") as ws:
        frames = await everything(ws)
        assert ws.close_code == 1000
    assert len(frames) == 3 * 4 * 2
    assert [frame["stream"] for frame in frames[:3]] == ["btcusdt@kline_1h", "ethusdt@kline_1h", "btcusdt@kline_1h"]
    closed = [frame["data"] for frame in frames if frame["data"]["k"]["x"]]
    assert [(event["s"], event["k"]["t"]) for event in closed] == [
        (symbol, FROM_MS + number * HOUR) for number in range(3) for symbol in ("BTCUSDT", "ETHUSDT")
    ]
    assert all(event["E"] == event["k"]["T"] + 1 + CLOSE_LAG_MS for event in closed)


@pytest.mark.asyncio
async def test_a_raw_stream_is_not_wrapped() -> None:
    async with exchange(count=1) as (client, _), client.ws_connect("/ws/btcusdt@kline_1h") as ws:
        frames = await everything(ws)
    assert [frame["e"] for frame in frames] == ["kline"] * 4
    assert [frame["k"]["x"] for frame in frames] == [False, False, False, True]


@pytest.mark.asyncio
async def test_what_the_seeded_exchange_says_is_what_it_has_always_said() -> None:
    expected = GOLDEN.read_text("utf-8").splitlines()
    async with exchange(count=1) as (client, _):
        async with client.ws_connect("/stream?streams=btcusdt@kline_1h/ethusdt@kline_1h") as ws:
            said = [message.data async for message in ws]
        for path in ("klines?symbol=BTCUSDT&interval=1h&limit=2", "exchangeInfo?symbol=BTCUSDT"):
            async with client.get(f"/api/v3/{path}") as answer:
                said.append(await answer.text())
    assert said == expected


@pytest.mark.asyncio
async def test_an_exchange_begun_later_goes_on_with_the_same_candles() -> None:
    async with exchange(count=4) as (client, _), client.ws_connect("/ws/btcusdt@kline_1h") as ws:
        whole = await everything(ws)
    later = exchange(count=2, from_ms=FROM_MS + 2 * HOUR)
    async with later as (client, _), client.ws_connect("/ws/btcusdt@kline_1h") as ws:
        assert await everything(ws) == whole[8:]


@pytest.mark.asyncio
async def test_control_messages_are_answered_as_binance_answers_them() -> None:
    async with exchange() as (client, _), client.ws_connect("/ws") as ws:

        async def ask(text: str) -> dict:
            await ws.send_str(text)
            answer: dict = await ws.receive_json(timeout=10)
            return answer

        def request(method: str, *params: str, number: int | str | None = 1) -> str:
            return json.dumps({"method": method, "params": params, "id": number})

        assert await ask(request("SUBSCRIBE", "nosuch@kline_1h", "b@trade")) == {"result": None, "id": 1}
        assert await ask(request("UNSUBSCRIBE", "b@trade", "never@there")) == {"result": None, "id": 1}
        listed = await ask('{"method": "LIST_SUBSCRIPTIONS", "id": "abc"}')
        assert listed == {"result": ["nosuch@kline_1h"], "id": "abc"}
        assert (await ask(request("FLY", number=None)))["code"] == 2
        assert (await ask('{"method": 5}'))["code"] == 2
        assert (await ask("nonsense"))["code"] == 3
        assert await ask(request("SUBSCRIBE", "btcusdt@kline_1h", number=9)) == {"result": None, "id": 9}
        assert len(await everything(ws)) == 12


@pytest.mark.asyncio
async def test_time_stands_still_until_somebody_listens_to_a_market_that_exists() -> None:
    async with exchange() as (client, _), client.ws_connect("/ws/nosuch@kline_1h") as ws:
        for _ in range(3):
            assert await get(client, "/api/v3/time") == (200, {"serverTime": FROM_MS})
        await ws.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@kline_1h"], "id": 1})
        await everything(ws)
        assert await get(client, "/api/v3/time") == (200, {"serverTime": FROM_MS + 3 * HOUR + CLOSE_LAG_MS})


@pytest.mark.asyncio
async def test_time_stands_still_again_when_the_last_listener_leaves() -> None:
    async with exchange(count=100_000) as (client, server):
        async with client.ws_connect("/ws/btcusdt@kline_1h") as ws:
            first = await ws.receive_json(timeout=10)
        while len(server.audience):
            await get(client, "/api/v3/ping")
        _, before = await get(client, "/api/v3/time")
        _, after = await get(client, "/api/v3/time")
        assert before == after
        async with client.ws_connect("/ws/btcusdt@kline_1h") as ws:
            again = await ws.receive_json(timeout=10)
        assert first["E"] < again["E"]


@pytest.mark.asyncio
async def test_a_listener_that_comes_after_the_end_is_told_so() -> None:
    async with exchange(count=1) as (client, _):
        async with client.ws_connect("/ws/btcusdt@kline_1h") as ws:
            await everything(ws)
        async with client.ws_connect("/ws/btcusdt@kline_1h") as ws:
            message = await ws.receive(timeout=10)
    assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 1000, END_OF_MARKET)


@pytest.mark.asyncio
async def test_a_ping_is_answered_with_its_payload() -> None:
    async with exchange() as (client, _), client.ws_connect("/ws", autoping=False) as ws:
        await ws.ping(b"42")
        message = await ws.receive(timeout=10)
        assert (message.type, message.data) == (WSMsgType.PONG, b"42")


@pytest.mark.asyncio
async def test_the_exchange_pings_and_hangs_up_on_who_does_not_answer() -> None:
    impatient = HouseRules(ping_every_s=0.01, pong_within_s=0.01)
    async with exchange(rules=impatient) as (client, _), client.ws_connect("/ws", autoping=False) as ws:
        assert (await ws.receive(timeout=10)).type is WSMsgType.PING
        assert (await ws.receive(timeout=10)).type in {WSMsgType.CLOSED, WSMsgType.ERROR}


@pytest.mark.asyncio
async def test_klines_are_binance_s_twelve_columns() -> None:
    async with exchange() as (client, _):
        status, rows = await get(client, "/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=2")
    candle = SeededMarket(7, "BTC/USDT", Timeframe.H1).at(FROM_MS - HOUR)
    assert status == 200
    assert isinstance(rows, list)
    assert isinstance(candle, Candle)
    closed, still_open = rows
    assert len(closed) == 12
    assert closed[0] == FROM_MS - HOUR
    assert tuple(map(float, closed[1:6])) == (candle.open, candle.high, candle.low, candle.close, candle.volume)
    assert closed[6] == FROM_MS - 1
    assert still_open[0] == FROM_MS


@pytest.mark.asyncio
async def test_klines_come_500_at_a_time_and_1000_at_most() -> None:
    async with exchange(from_ms=ORIGIN_MS + 1_500 * HOUR) as (client, _):
        for query, count in (("", 500), ("&limit=1000", 1_000), ("&limit=5000", 1_000), ("&startTime=0", 500)):
            _, rows = await get(client, f"/api/v3/klines?symbol=BTCUSDT&interval=1h{query}")
            assert isinstance(rows, list)
            assert len(rows) == count
            assert [row[0] for row in rows] == sorted(row[0] for row in rows)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("klines?interval=1h", -1102),
        ("klines?symbol=BTCUSDT", -1102),
        ("klines?symbol=NOPE&interval=1h", -1121),
        ("klines?symbol=BTCUSDT&interval=1m", -1120),
        ("klines?symbol=BTCUSDT&interval=1h&limit=x", -1100),
        ("klines?symbol=BTCUSDT&interval=1h&startTime=-5", -1100),
        ("exchangeInfo?symbol=NOPE", -1121),
        ("exchangeInfo?symbols=nonsense", -1100),
    ],
)
async def test_a_request_that_binance_would_refuse_is_refused_with_its_code(path, code) -> None:
    async with exchange() as (client, _):
        status, body = await get(client, f"/api/v3/{path}")
    assert status == 400
    assert isinstance(body, dict)
    assert body["code"] == code


@pytest.mark.asyncio
async def test_the_small_questions_are_answered() -> None:
    async with exchange() as (client, _):
        assert await get(client, "/api/v3/ping") == (200, {})
        _, body = await get(client, '/api/v3/exchangeInfo?symbols=["ETHUSDT"]')
        assert isinstance(body, dict)
        assert [market["symbol"] for market in body["symbols"]] == ["ETHUSDT"]
        _, body = await get(client, "/api/v3/exchangeInfo")
        assert isinstance(body, dict)
        assert [market["symbol"] for market in body["symbols"]] == ["BTCUSDT", "ETHUSDT"]


@pytest.mark.asyncio
async def test_an_unknown_address_is_not_found() -> None:
    async with exchange() as (client, _):
        with pytest.raises(WSServerHandshakeError, match="404"):
            await client.ws_connect("/elsewhere")


@pytest.mark.asyncio
async def test_a_port_that_is_taken_is_a_sentence() -> None:
    async with exchange() as (client, _):
        url = client._base_url
        assert url
        second = ExchangeServer(Venue([SeededMarket(7, "BTC/USDT", Timeframe.H1)], FROM_MS, HOUR), LockStep(FROM_MS))
        with pytest.raises(ConfigError, match="choose another"):
            await second.start(url.port or 0)
        await second.stop()


@pytest.mark.asyncio
async def test_a_market_that_breaks_is_told_at_once_and_raised_at_the_end() -> None:
    market = SeededMarket(7, "BTC/USDT", Timeframe.H1)
    server = ExchangeServer(Venue([market], FROM_MS, HOUR // 4), LockStep(FROM_MS))
    told = asyncio.Event()
    port = await server.start()
    server.on_failure(told.set)
    market.at = None  # type: ignore[assignment,method-assign]
    async with ClientSession() as client, client.ws_connect(f"http://127.0.0.1:{port}/ws/btcusdt@kline_1h"):
        async with asyncio.timeout(10):
            await told.wait()
        with pytest.raises(TypeError):
            await server.stop()


@pytest.mark.asyncio
async def test_paced_time_begins_with_the_first_listener_and_ends_where_it_is_told() -> None:
    pace = Paced(FROM_MS, speed=1e6, until_ms=FROM_MS + 4 * HOUR)
    audience = asyncio.Event()
    waiting = asyncio.create_task(pace.reach(FROM_MS + HOUR, audience))
    await asyncio.sleep(0)
    assert pace.now_ms() == FROM_MS
    audience.set()
    async with asyncio.timeout(10):
        await waiting
    assert FROM_MS + HOUR <= pace.now_ms() <= FROM_MS + 4 * HOUR
    await pace.reach(FROM_MS + 9 * HOUR, audience)
    assert pace.now_ms() == FROM_MS + 4 * HOUR
