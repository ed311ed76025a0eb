"""The one HTTP session, over real sockets: who is talked to, what is never sent, and what is told of each request."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.adapters.rate_budget import RateBudget
from bot.adapters.rate_limits import RateLimits, WindowLimit
from bot.adapters.request_fates import PeerRefused, Redirected, Unanswered, Withheld
from bot.adapters.request_gate import RequestGate
from bot.adapters.request_weights import Urgency
from bot.adapters.venue_clock import VenueClock
from bot.adapters.venue_peers import PUBLIC, LoopbackPeer, Peer, VenuePeers
from bot.adapters.venue_session import asked_with, open_session
from bot.exchange.tls import certify

HOST = "api.binance.com"
ORDER = f"https://{HOST}/api/v3/order"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def fine(request: web.Request) -> web.Response:
    return web.json_response({"method": request.method})


def answers(status: int, **headers: str) -> Answer:
    named = {name.replace("_", "-"): text for name, text in headers.items()}

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"code": -1003, "msg": "words"}, status=status, headers=named)

    return answer


async def hangs_up(request: web.Request) -> web.Response:
    assert request.transport
    request.transport.abort()
    return web.Response()


class Venue:
    """A server on loopback with a certificate in Binance's names; what it is asked is counted."""

    def __init__(self, folder: Path, answer: Answer) -> None:
        self.certified = certify(folder, datetime.now(UTC))
        self.answer = answer
        self.asked: list[str] = []
        self.port = 0
        self.plain_port = 0
        self.gate = RequestGate(RateBudget(RateLimits(WindowLimit(100, 60_000))), VenueClock())

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.method)
        return await self.answer(request)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._take)
        runner = web.AppRunner(application)
        await runner.setup()
        sites = [web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self.certified.context)]
        sites.append(web.TCPSite(runner, "127.0.0.1", 0))
        for site in sites:
            await site.start()
        self.port, self.plain_port = (address[1] for address in runner.addresses)
        yield
        await runner.cleanup()

    @asynccontextmanager
    async def session(
        self, peers: dict[str, Peer] | None = None, ca_file: Path | None = None, connect_ms: int = 5_000
    ) -> AsyncIterator[aiohttp.ClientSession]:
        own: dict[str, Peer] = {
            HOST: LoopbackPeer(self.port),
            "127.0.0.1": LoopbackPeer(self.plain_port, is_tls=False),
        }
        book = VenuePeers(own if peers is None else peers)
        trusted = ca_file or self.certified.ca_file
        async with open_session(book, self.gate, ca_file=trusted, connect_ms=connect_ms) as session:
            yield session

    @property
    def used(self) -> int:
        return self.gate._budget.used_weight(self.gate._clock.now_ms())


@asynccontextmanager
async def venue_of(folder: Path, answer: Answer = fine) -> AsyncIterator[Venue]:
    venue = Venue(folder, answer)
    async with asyncio.timeout(20), venue.serving():
        yield venue


@contextmanager
def refused_before_anything_was_sent(venue: Venue, kind: type[Withheld] = PeerRefused) -> Any:
    with pytest.raises(kind):
        yield
    assert venue.asked == []
    assert venue.used == 0


@pytest.mark.asyncio
async def test_a_production_name_is_talked_to_on_loopback_over_verified_tls(tmp_path: Path) -> None:
    async with venue_of(tmp_path) as venue, venue.session() as session:
        async with session.post(ORDER) as response:
            assert await response.json() == {"method": "POST"}
        async with session.get(f"http://127.0.0.1:{venue.plain_port}/api/v3/ping") as response:
            assert await response.json() == {"method": "GET"}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/api/v3/order",
        "https://testnet.binance.vision/api/v3/order",
        f"http://{HOST}/api/v3/order",
        "https://127.0.0.1/api/v3/order",
        "https://localhost/api/v3/order",
    ],
)
async def test_other_hosts_and_ways_are_refused_before_anything_is_sent(tmp_path: Path, url: str) -> None:
    async with venue_of(tmp_path) as venue, venue.session() as session:
        with refused_before_anything_was_sent(venue):
            await session.post(url)


@pytest.mark.asyncio
async def test_an_address_of_this_machine_at_another_port_is_refused(tmp_path: Path) -> None:
    async with venue_of(tmp_path) as venue, venue.session({"127.0.0.1": LoopbackPeer(1, is_tls=False)}) as session:
        with refused_before_anything_was_sent(venue):
            await session.post(f"http://127.0.0.1:{venue.plain_port}/api/v3/order")


@pytest.mark.asyncio
async def test_a_public_name_that_leads_to_this_machine_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with venue_of(tmp_path) as venue:

        async def poisoned(
            self: object, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[Any]:
            place = {"host": "127.0.0.1", "port": venue.port, "family": socket.AF_INET}
            return [{"hostname": host, "proto": 0, "flags": 0, **place}]

        monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", poisoned)
        async with venue.session({HOST: PUBLIC}) as session:
            with refused_before_anything_was_sent(venue):
                await session.post(ORDER)


@pytest.mark.asyncio
async def test_a_certificate_of_somebody_else_is_refused(tmp_path: Path) -> None:
    other = certify(tmp_path / "other", datetime.now(UTC)).ca_file
    async with venue_of(tmp_path / "own") as venue, venue.session(ca_file=other) as session:
        with refused_before_anything_was_sent(venue):
            await session.post(ORDER)


@pytest.mark.asyncio
async def test_a_certificate_in_another_name_is_refused(tmp_path: Path) -> None:
    async with venue_of(tmp_path) as venue, venue.session({"api.example.com": LoopbackPeer(venue.port)}) as session:
        with refused_before_anything_was_sent(venue):
            await session.post("https://api.example.com/api/v3/order")


@pytest.mark.asyncio
@pytest.mark.parametrize("options", [{"ssl": False}, {"proxy": "http://127.0.0.1:1"}], ids=str)
async def test_a_request_cannot_switch_verification_off_nor_take_a_way_round(tmp_path: Path, options: dict) -> None:
    async with venue_of(tmp_path) as venue, venue.session() as session:
        with refused_before_anything_was_sent(venue):
            await session.post(ORDER, **options)


@pytest.mark.asyncio
async def test_proxies_of_the_environment_have_no_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with venue_of(tmp_path) as venue, venue.session() as session, session.post(ORDER) as response:
        assert response.status == 200


@pytest.mark.asyncio
async def test_nobody_at_home_means_not_sent(tmp_path: Path) -> None:
    async with venue_of(tmp_path) as venue:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            peers: dict[str, Peer] = {HOST: LoopbackPeer(free.getsockname()[1])}
            async with venue.session(peers) as session:
                with refused_before_anything_was_sent(venue, Withheld):
                    await session.post(ORDER)


@pytest.mark.asyncio
async def test_a_connection_that_is_never_finished_means_not_sent(tmp_path: Path) -> None:
    async with venue_of(tmp_path) as venue:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            peers: dict[str, Peer] = {HOST: LoopbackPeer(silent.getsockname()[1])}
            async with venue.session(peers, connect_ms=100) as session:
                with refused_before_anything_was_sent(venue, Withheld):
                    await session.post(ORDER)


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_redirects_are_not_followed(tmp_path: Path, status: int, method: str) -> None:
    async with venue_of(tmp_path, answers(status, Location=f"https://{HOST}/elsewhere")) as venue:
        async with venue.session() as session:
            with pytest.raises(Redirected, match=f"HTTP {status}"):
                await session.request(method, ORDER)
        assert venue.asked == [method]


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
async def test_what_got_no_answer_is_not_sent_again_and_stays_counted(tmp_path: Path, method: str) -> None:
    async with venue_of(tmp_path) as venue, venue.session() as session:
        async with session.get(ORDER) as response:
            await response.read()
        venue.asked.clear()
        before = venue.used
        venue.answer = hangs_up
        with pytest.raises(Unanswered):
            await session.request(method, ORDER)
        assert venue.asked == [method]
        assert venue.used > before


@pytest.mark.asyncio
async def test_requests_are_weighed_and_the_venue_s_counter_is_believed(tmp_path: Path) -> None:
    async with venue_of(tmp_path, answers(200)) as venue, venue.session() as session:
        async with session.post(ORDER):
            assert venue.used == 0
        async with session.get(f"{ORDER}?symbol=BTCUSDT"):
            assert venue.used == 4
        venue.answer = answers(200, X_MBX_USED_WEIGHT_1M="77")
        async with session.get(f"{ORDER}?symbol=BTCUSDT"):
            assert venue.used == 77


@pytest.mark.asyncio
async def test_after_a_429_nothing_is_sent_whatever_it_is_and_its_words_can_still_be_read(tmp_path: Path) -> None:
    async with venue_of(tmp_path, answers(429, Retry_After="60")) as venue, venue.session() as session:
        async with session.get(ORDER) as response:
            assert (await response.json())["code"] == -1003
        for method, url in (("GET", f"https://{HOST}/api/v3/klines"), ("DELETE", ORDER), ("POST", ORDER)):
            with pytest.raises(Withheld, match="HTTP 429") as withheld:
                await session.request(method, url)
            assert withheld.value.retry_at_ms
        assert venue.asked == ["GET"]


@pytest.mark.asyncio
async def test_what_is_asked_with_urgency_may_use_the_last_of_the_budget(tmp_path: Path) -> None:
    async with venue_of(tmp_path, answers(200, X_MBX_USED_WEIGHT_1M="97")) as venue, venue.session() as session:
        async with session.get(ORDER):
            pass
        with pytest.raises(Withheld):
            await session.post(ORDER)
        with asked_with(Urgency.URGENT):
            async with session.post(ORDER) as response:
                assert response.status == 200
        with pytest.raises(Withheld):
            await session.post(ORDER)


@pytest.mark.asyncio
async def test_cookies_of_a_venue_are_not_kept(tmp_path: Path) -> None:
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Cookie"))
        return web.Response(headers={"Set-Cookie": "who=you"})

    async with venue_of(tmp_path, answer) as venue, venue.session() as session:
        for _ in range(2):
            async with session.get(ORDER):
                pass
    assert seen == [None, None]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answer", "peers", "cause"),
    [(fine, {}, PeerRefused), (answers(302), None, Redirected), (hangs_up, None, Unanswered)],
    ids=["somebody else", "elsewhere", "hung up"],
)
async def test_to_ccxt_each_of_these_is_a_network_error_with_its_cause(
    tmp_path: Path, answer: Answer, peers: dict | None, cause: type[Exception]
) -> None:
    from ccxt.async_support import binance  # type: ignore[import-untyped]
    from ccxt.base.errors import NetworkError  # type: ignore[import-untyped]

    async with venue_of(tmp_path, answer) as venue, venue.session(peers) as session:
        exchange = binance({"session": session})
        exchange.timeout_on_exit = 0
        try:
            with pytest.raises(NetworkError) as failed:
                await exchange.fetch_time()
        finally:
            await exchange.close()
        assert type(failed.value.__cause__) is cause
        assert len(venue.asked) == (0 if cause is PeerRefused else 1)


def test_to_aiohttp_what_was_withheld_is_a_connection_that_was_never_made() -> None:
    withheld = Withheld("nothing was sent", 5)
    assert isinstance(withheld, aiohttp.ClientConnectorError)
    assert (str(withheld), withheld.retry_at_ms) == ("nothing was sent", 5)
    assert not isinstance(Unanswered("lost"), (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError))
