"""
Rows N1 to N15 of the fault table: the network, against a real exchange in real sockets.

Not here, because they are about orders or accounts: N6 and N7 before and after an order is executed (a question for
candles executes nothing, so a reset after it was read is tried as N6), and the private halves of N2 and N9.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args
from unittest.mock import patch

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bot.adapters.feed_outputs import EngineEvent
from bot.adapters.patience import Patience
from bot.adapters.reconnect import ConnectBudget
from bot.adapters.venues import VenueStream
from bot.core.errors import VenueError
from bot.core.events import PriceUpdated
from bot.exchange.faults import (
    AnyFault,
    BreakAnswer,
    GoDark,
    HangUp,
    HangUpAtOnce,
    IgnoreHandshake,
    Latency,
    Move,
    RefuseConnections,
    RefuseHandshake,
    RefuseRequest,
    Silence,
    Stall,
    Throttle,
    TurnAway,
)
from bot.exchange.occasions import Where
from tests.market_time import run
from tests.stream_scenarios import MINUTE, SYMBOLS, Session, during, klines, minute, once, session

LOST = Silence(where=once(2, symbol="BTCUSDT", closing=True), name="a close is lost")
"""A closing frame that never comes, so that REST has to be asked."""

PASSING: dict[str, tuple[AnyFault, ...]] = {
    "N1 refused": (HangUp(None, where=once(1.5)), RefuseConnections(where=during(1.5, 3))),
    "N3 accepted, never read": (HangUp(None, where=once(1.5)), TurnAway("ignore", where=during(1.5, 1.8))),
    "N3 read, never answered": (HangUp(None, where=once(1.5)), IgnoreHandshake(where=Where(connection=2))),
    "N4 latency and jitter": (Latency(500, 4_000, where=during(1, 4)), LOST),
    "N4 answers slower than any patience": (Latency(15_000, where=during(1.5, 4, endpoint="klines")), LOST),
    "N5 reset before the request is read": (TurnAway("reset", where=during(1.5, 2.5)), LOST),
    "N6 reset after the request was read": (BreakAnswer("reset", where=during(1.5, 2.5)), LOST),
    "N9 REST without stream": (HangUp(None, where=once(1.5)), RefuseHandshake(503, where=during(1.5, 6))),
    "N10 black hole": (GoDark(where=Where(connection=1, from_ms=minute(1.5), times=1)),),
    "N11 pings, no data": (Silence(where=Where(connection=1, from_ms=minute(1.5))),),
    "N12 slow drip": (Throttle(400.0, where=Where(connection=1, from_ms=minute(1.5), times=1)),),
    "N12 backlog": (Stall(40_000, where=once(1.5)),),
    "N13 all reset at once": (HangUp(None, where=during(1.5, 1.53)),),
    "N13 away for a second": (HangUp(None, where=once(1.99)), RefuseConnections(where=during(1.99, 2.01))),
    "N13 away for five minutes": (HangUp(None, where=once(1.5)), RefuseConnections(where=during(1.5, 6.5))),
}


@pytest.mark.parametrize("row", PASSING)
def test_every_candle_comes_in_the_end_once_and_true(row: str) -> None:
    async def story() -> None:
        async with session(*PASSING[row]) as run_:
            await run_.until_emitted(8)
            await run_.until(lambda: not run_.suspended)

    run(story())


@pytest.mark.parametrize("how", get_args(BreakAnswer.__annotations__["how"]))
def test_n8_an_answer_that_breaks_on_its_way_is_asked_for_again(how: str) -> None:
    async def story() -> None:
        broken = BreakAnswer(how, where=once(2, endpoint="klines"), over_ms=20_000)  # type: ignore[arg-type]
        async with session(broken, LOST) as run_:
            await run_.until_emitted(5)

    run(story())


def test_n9_a_stream_that_loses_nothing_needs_no_rest() -> None:
    async def story() -> None:
        async with session(RefuseRequest(503, where=during(0, 4)), HangUp(1001, where=once(1.9))) as run_:
            await run_.until(lambda: run_.has_emitted(4))
            assert not run_.suspensions("BTC/USDT")

    run(story())


@pytest.mark.parametrize("minutes", [15, pytest.param(120, marks=pytest.mark.proof)])
def test_n13_a_long_absence_suspends_and_is_repaired_before_anything_new_is_said(minutes: int) -> None:
    async def story() -> None:
        away = RefuseConnections(where=during(1.5, 1.5 + minutes))
        async with session(HangUp(None, where=once(1.5)), away) as run_:
            reason = await run_.until_suspended("BTC/USDT")
            assert reason
            await run_.until_emitted(minutes + 6, within=minutes + 30)
            await run_.until(lambda: not run_.suspended)

    run(story())


def test_n13_every_connection_is_reset_at_once() -> None:
    def two(url: str) -> list[VenueStream]:
        return [klines([symbol], url) for symbol in SYMBOLS]

    async def story() -> None:
        async with session(HangUp(None, where=during(1.5, 1.53)), streams_of=two) as run_:
            await run_.until_emitted(5)
            assert len(run_.log.told("handshake")) == 4

    run(story())


def test_n12_old_prices_are_no_news() -> None:
    async def oldest(patience: Patience) -> int:
        ages = [0]
        async with session(Stall(40_000, where=once(1.1)), patience=patience) as run_:

            async def take(event: EngineEvent) -> None:
                if type(event) is PriceUpdated:
                    ages.append(run_.market_ms - event.at_ms)
                await run_.take(event)

            run_.streams._emit = take
            await run_.until_emitted(4)
        return max(ages)

    assert run(oldest(Patience())) <= Patience().stale_ms
    # Without the question how old a price is, prices of half a minute ago move stops.
    assert run(oldest(Patience(stale_ms=10**9))) > 30_000


@pytest.mark.parametrize("row", ["N10 black hole", "N11 pings, no data"])
def test_without_a_watchdog_a_connection_that_says_nothing_is_kept_for_ever(row: str) -> None:
    async def story() -> None:
        blind = Patience(silence_ms=10**9, prove_ms=10**9, frozen_ms=10**9)
        async with session(*PASSING[row], patience=blind) as run_:
            with pytest.raises(AssertionError, match="not within"):
                await run_.until(lambda: len(run_.log.told("handshake")) > 1)
            assert not run_.suspended

    run(story())


NAME = "exchange.test"
FLAPPING = during(1.5, 16.5)


@pytest.mark.parametrize("code", [None, 1013])
def test_n14_flapping_stays_within_the_venue_s_limit_of_connections(code: int | None) -> None:
    async def story() -> None:
        async with session(HangUp(None, where=once(1.5)), HangUpAtOnce(code, where=FLAPPING)) as run_:
            await run_.until_emitted(19)
            assert 5 < most_in_five_minutes(run_) <= 300

    run(story())


def test_n14_without_backoff_and_budget_the_limit_of_connections_is_broken() -> None:
    async def story() -> None:
        boundless = ConnectBudget(most=10**9)
        async with session(HangUp(None, where=once(1.5)), HangUpAtOnce(1013, where=FLAPPING), budget=boundless) as run_:
            await run_.until(lambda: most_in_five_minutes(run_) > 300)

    with patch("bot.adapters.stream_shard.retry_delay_s", return_value=0.1):
        run(story())


def test_n14_the_budget_alone_keeps_the_limit() -> None:
    async def story() -> None:
        async with session(HangUp(None, where=once(1.5)), HangUpAtOnce(1013, where=FLAPPING)) as run_:
            await run_.until_emitted(19)
            assert 200 < most_in_five_minutes(run_) <= 300

    with patch("bot.adapters.stream_shard.retry_delay_s", return_value=0.1):
        run(story())


def most_in_five_minutes(run_: Session) -> int:
    """The most handshakes in any five minutes."""
    times: list[int] = [event.at_ms for event in run_.log.told("handshake")]
    return max(sum(begin <= at < begin + 5 * MINUTE for at in times) for begin in times)


class Names:
    """A name server: it answers with `address`, or with an error while there is none. `asked` counts."""

    def __init__(self, address: str | None) -> None:
        self.address = address
        self.asked = 0
        loop = asyncio.get_running_loop()
        self._real = loop.getaddrinfo
        loop.getaddrinfo = self.resolve  # type: ignore[method-assign]

    async def resolve(self, host: Any, port: Any, **rest: Any) -> list[Any]:
        if host != NAME:
            return await self._real(host, port, **rest)
        self.asked += 1
        if self.address is None:
            raise socket.gaierror(socket.EAI_AGAIN, "no such name for now")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (self.address, port))]


def test_n1_a_name_that_is_not_known_for_a_while_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", NAME)

    async def story() -> None:
        names = Names("127.0.0.1")
        async with session(HangUp(None, where=once(1.5)), host=NAME) as run_:
            await run_.until(lambda: run_.has_emitted(1))
            names.address = None
            await run_.until(lambda: names.asked > 5)
            names.address = "127.0.0.1"
            await run_.until_emitted(5)

    run(story())


def test_n15_an_exchange_that_moved_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", NAME)
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.2", 0))
        except OSError:
            pytest.skip("this machine has one loopback address only")

    async def story(names_change: bool) -> None:
        names = Names("127.0.0.1")
        async with session(Move("127.0.0.2", where=once(1.5)), host=NAME) as run_:
            await run_.until(lambda: run_.log.strikes("move") > 0)
            if names_change:
                names.address = "127.0.0.2"
            await run_.until_emitted(6)

    run(story(names_change=True))
    with pytest.raises(AssertionError, match="not within"):
        run(story(names_change=False))


@pytest.fixture
def certificate(tmp_path: Path) -> Callable[[], ssl.SSLContext]:
    """A server's certificate that nobody has signed but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = tmp_path / "self-signed.pem"
    path.write_bytes(pem + built.sign(key, SHA256()).public_bytes(Encoding.PEM))

    def context() -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(path)
        return made

    return context


def test_n2_a_certificate_that_nobody_vouches_for_ends_the_session(certificate: Callable[[], ssl.SSLContext]) -> None:
    async def story() -> None:
        async with session(tls=certificate()) as run_:
            await run_.until(lambda: run_.has_emitted(1))

    with pytest.raises(VenueError, match="certificate"):
        run(story())
    # The exchange is there: who does not look at the certificate hears it.
    with patch("ssl.create_default_context", side_effect=ssl._create_unverified_context):
        run(story())
