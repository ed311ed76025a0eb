"""What a private stream does that is refused, banned or led astray, over real sockets in a time that jumps."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from websockets.asyncio.server import serve

from bot.adapters.account_connection import AccountPatience, dial_account
from bot.adapters.request_fates import PeerRefused, Withheld
from bot.adapters.request_weights import RequestCost
from bot.adapters.venue_peers import PUBLIC, LoopbackPeer, VenuePeers, tls_context
from bot.exchange.tls import certify
from tests.market_time import run
from tests.unit.bot.adapters.account_house import ENDED, NOON_MS, STAYS, House, after, event, house_of, refuses, tells


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
