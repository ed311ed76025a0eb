"""The private stream over real sockets, in a time that jumps: every duration is that of production."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from bot.adapters.account_connection import AccountPatience, dial_account
from bot.adapters.account_stream import AccountStream
from bot.adapters.api_keys import Credentials
from bot.adapters.order_messages import OrderHeard, StreamChanged
from bot.adapters.rate_budget import RateBudget
from bot.adapters.reconnect import ConnectBudget
from bot.adapters.request_fates import PeerRefused, Withheld
from bot.adapters.request_gate import RequestGate
from bot.adapters.request_weights import RequestCost
from bot.adapters.venue_clock import VenueClock
from bot.adapters.venue_peers import PUBLIC, LoopbackPeer, VenuePeers, tls_context
from bot.adapters.venues.account_messages import AccountNews, BalanceMoved
from bot.adapters.venues.binance_account import BinanceAccount
from bot.exchange.tls import certify
from tests.market_time import run

NOON_MS = 1_700_000_000_000
KEY = Credentials("k" * 63 + "1", "s" * 63 + "1")
Script = Callable[[ServerConnection], Awaitable[None]]


def event(number: int) -> str:
    """An order of this number, new."""
    report = {"e": "executionReport", "s": "BTCUSDT", "c": f"order{number}", "S": "BUY", "q": "1", "z": "0", "X": "NEW"}
    return json.dumps({"subscriptionId": 0, "event": {**report, "i": number, "T": NOON_MS, "x": "NEW"}})


SHUTDOWN = json.dumps({"event": {"e": "serverShutdown", "E": NOON_MS}})
ENDED = json.dumps({"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": NOON_MS}})


async def grant(connection: ServerConnection) -> Any:
    request: dict[str, Any] = json.loads(await connection.recv())
    await connection.send(json.dumps({"id": request["id"], "status": 200, "result": {"subscriptionId": 0}}))
    return request["params"]


def tells(*frames: str, after_s: float = 0.0, then: str | None = None) -> Script:
    """Grants, says these frames after a while, and hangs up for a reason, or stays."""

    async def script(connection: ServerConnection) -> None:
        await grant(connection)
        await asyncio.sleep(after_s)
        for frame in frames:
            await connection.send(frame)
        if then is not None:
            await connection.close(1001, then)

    return script


def refuses(status: int, code: int, **data: int) -> Script:
    async def script(connection: ServerConnection) -> None:
        request = json.loads(await connection.recv())
        error = {"code": code, "msg": "no", "data": data}
        await connection.send(json.dumps({"id": request["id"], "status": status, "error": error}))

    return script


async def says_nothing(connection: ServerConnection) -> None:
    await connection.recv()


STAYS = tells()


class House:
    """A venue that plays one script a connection, the last one again and again, and a stream that listens to it."""

    def __init__(self, scripts: Sequence[Script], refusals: Sequence[tuple[int, dict[str, str]]]) -> None:
        self.loop = asyncio.get_running_loop()
        self.scripts = list(scripts)
        self.refusals = list(refusals)
        self.dialled: list[float] = []
        self.left: list[float] = []
        self.told: list[tuple[float, OrderHeard | StreamChanged]] = []
        self.news: list[AccountNews] = []
        self.clock = VenueClock(monotonic_s=self.loop.time, wall_s=lambda: NOON_MS / 1_000 + self.loop.time())
        self.gate = RequestGate(RateBudget(), self.clock)

    def judge(self, connection: ServerConnection, request: Request) -> Response | None:
        self.dialled.append(round(self.loop.time(), 1))
        if not self.refusals:
            return None
        status, headers = self.refusals.pop(0)
        response = connection.respond(HTTPStatus(status), "")
        response.headers.update(headers)
        return response

    async def play(self, connection: ServerConnection) -> None:
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        try:
            await script(connection)
            await connection.wait_closed()
        except ConnectionClosed:
            pass
        self.left.append(round(self.loop.time(), 1))

    def listen(self, port: int, patience: AccountPatience) -> AccountStream:
        self.stream = AccountStream(
            f"ws://127.0.0.1:{port}/ws-api/v3",
            BinanceAccount({"BTCUSDT": "BTC/USDT"}),
            KEY,
            lambda given: self.told.append((round(self.loop.time(), 1), given)),
            clock=self.clock,
            gate=self.gate,
            peers=VenuePeers({"127.0.0.1": LoopbackPeer(port, is_tls=False)}),
            tls=None,
            on_news=self.news.append,
            patience=patience,
            budget=ConnectBudget(),
            jitter=lambda: 0.0,
        )
        return self.stream

    @property
    def changes(self) -> list[tuple[float, bool]]:
        return [(at_s, given.is_live) for at_s, given in self.told if isinstance(given, StreamChanged)]

    @property
    def reasons(self) -> list[str]:
        return [given.reason for _, given in self.told if isinstance(given, StreamChanged) and not given.is_live]

    @property
    def orders(self) -> list[str]:
        return [given.report.client_order_id for _, given in self.told if isinstance(given, OrderHeard)]


@asynccontextmanager
async def house_of(
    *scripts: Script,
    refusals: Sequence[tuple[int, dict[str, str]]] = (),
    patience: AccountPatience = AccountPatience(),  # noqa: B008 - frozen
    ping_s: float | None = 20.0,
    banned_s: float = 0.0,
) -> AsyncIterator[House]:
    """A stream that runs while the test waits; afterwards nothing of it is left."""
    house = House(scripts, refusals)
    if banned_s:
        house.gate.be_silent(NOON_MS + round(banned_s * 1_000), "banned")
    options: dict[str, Any] = {"ping_interval": ping_s, "ping_timeout": None, "close_timeout": 1}
    server = await serve(house.play, "127.0.0.1", 0, process_request=house.judge, **options)
    before = asyncio.all_tasks()
    running = asyncio.create_task(house.listen(server.sockets[0].getsockname()[1], patience).run())
    try:
        yield house
        assert not running.done(), running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        left = [task for task in asyncio.all_tasks() - before if "account" in repr(task) and not task.done()]
        server.close()
        await server.wait_closed()
    assert not left


def after(seconds: float, *scripts: Script, **options: Any) -> House:
    """What has become of a stream after so long."""

    async def story() -> House:
        async with house_of(*scripts, **options) as house:
            await asyncio.sleep(seconds)
        return house

    return run(story())


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


@pytest.mark.parametrize(("status", "code"), [(401, -2015), (401, -2014), (400, -1022), (403, 0)])
def test_a_key_that_is_refused_is_told_and_tried_again_rarely(status, code) -> None:
    house = after(700.0, refuses(status, code))
    assert house.changes == [(0.0, False)]
    assert str(code) in house.reasons[0]
    assert house.dialled == [0.0, 300.0, 600.0]


def test_a_key_that_is_revoked_ends_the_stream_at_once() -> None:
    revoked = json.dumps({"id": None, "status": 401, "error": {"code": -2015, "msg": "Invalid API-key"}})
    house = after(400.0, tells(event(1), revoked, event(2), after_s=10.0), STAYS)
    assert house.changes == [(0.0, True), (10.0, False), (310.0, True)]
    assert "-2015" in house.reasons[0]
    assert house.orders == ["order1"]


def test_a_stream_that_the_venue_ends_is_asked_for_again() -> None:
    house = after(20.0, tells(ENDED, after_s=10.0), STAYS)
    assert house.changes == [(0.0, True), (10.0, False), (11.0, True)]
    assert house.reasons == ["the venue ended the private stream"]


def test_a_server_in_trouble_is_asked_again_soon() -> None:
    assert after(20.0, refuses(500, -1000), STAYS).changes == [(0.0, False), (1.0, True)]


def test_a_wrong_time_has_the_clock_measured_anew() -> None:
    house = after(0.5, refuses(400, -1021))
    assert house.clock._is_doubted


def test_a_time_to_keep_away_is_heeded_by_everything_in_the_process() -> None:
    async def story() -> House:
        async with house_of(refuses(418, -1003, retryAfter=NOON_MS + 120_000), STAYS) as house:
            await asyncio.sleep(100.0)
            with pytest.raises(Withheld):
                await house.gate.enter(RequestCost(1))
            await asyncio.sleep(50.0)
        return house

    house = run(story())
    assert house.changes == [(0.0, False), (120.2, True)]
    assert house.dialled == [0.0, 120.2]


@pytest.mark.parametrize(
    ("status", "headers", "again_s"),
    [
        (429, {"Retry-After": "17"}, 17.2),
        (418, {}, 120.2),
        (403, {}, 300.2),
        (503, {}, 1.0),
        (301, {}, 300.0),
        (451, {}, 300.0),
    ],
)
def test_a_refused_handshake_is_tried_again_when_it_may_be(status, headers, again_s) -> None:
    house = after(400.0, STAYS, refusals=[(status, {**headers, "Location": "/elsewhere"})])
    assert house.changes == [(0.0, False), (again_s, True)]
    assert len(house.dialled) == 2


def test_nobody_is_dialled_while_we_are_banned() -> None:
    house = after(200.0, STAYS, banned_s=90.0)
    assert house.dialled == [90.2]
    assert house.changes == [(0.0, False), (90.2, True)]


def test_what_it_weighs_is_taken_from_the_budget_of_all() -> None:
    house = after(1.0, STAYS)
    assert house.gate._budget.used_weight(NOON_MS + 1_000) == 4


def test_every_duration_can_be_scaled() -> None:
    scaled = AccountPatience().scaled(0.001)
    assert (scaled.connect_ms, scaled.silence_ms, scaled.close_ms, scaled.hand_over_ms) == (10, 90, 1, 82_800)


def certified(tmp_path: Path, talk: Callable[[int, Path], Awaitable[None]]) -> None:
    """A venue with a certificate in Binance's names, at some port; in real time, since names are looked up in it."""

    async def story() -> None:
        shown = certify(tmp_path, datetime.now(UTC))
        async with asyncio.timeout(20), serve(STAYS, "127.0.0.1", 0, ssl=shown.context) as server:
            await talk(server.sockets[0].getsockname()[1], shown.ca_file)

    asyncio.run(story())


def test_a_production_name_is_found_on_loopback_over_verified_tls(tmp_path: Path) -> None:
    async def talk(port: int, ca_file: Path) -> None:
        peers = VenuePeers({"ws-api.binance.com": LoopbackPeer(port)})
        url = "wss://ws-api.binance.com/ws-api/v3"
        line = await dial_account(url, peers, tls_context(ca_file), AccountPatience())
        assert line.request is not None
        assert line.request.headers["Host"] == "ws-api.binance.com"
        await line.close()

    certified(tmp_path, talk)


def test_a_public_name_that_leads_to_this_machine_is_refused(tmp_path: Path) -> None:
    async def talk(port: int, ca_file: Path) -> None:
        peers = VenuePeers({"localhost": PUBLIC})
        with pytest.raises(PeerRefused, match="not the open internet"):
            await dial_account(f"wss://localhost:{port}/", peers, tls_context(ca_file), AccountPatience())

    certified(tmp_path, talk)


def test_a_host_that_is_not_ours_is_not_even_dialled() -> None:
    async def story() -> None:
        with pytest.raises(PeerRefused, match="not among the hosts"):
            await dial_account("wss://evil.example/", VenuePeers({}), tls_context(), AccountPatience())

    run(story())
