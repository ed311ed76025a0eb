"""Rows X4 to X7 of the fault table: a venue that wants silence, fewer orders, or nothing to do with us at all."""

import asyncio
from pathlib import Path
from typing import Literal

import pytest

from bot.core.errors import VenueUnavailable
from bot.exchange.faults import Ban, RefuseRequest
from bot.exchange.occasions import Where
from bot.exchange.orders import Kind
from bot.exchange.rest_faults import Phase
from tests.live_invariants import notices, venue_orders
from tests.live_world import FROM_MS, MINUTE, Bot, Exchange
from tests.order_scenarios import between, on_order, play
from tests.order_wire import placed, requests, watch

proof = pytest.mark.proof

CANDLES = 2 * (8 + 3)
"""What a session of this length is told, whatever happens to its orders."""

BAN_MS = 90_000
ACCOUNT = between(2.5, 8, method="GET", endpoint="account", times=1)


def struck_at(exchange: Exchange) -> list[int]:
    return [one.at_ms for one in exchange.server.plan.log.struck]


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(on_order(), id="an entry"),
        pytest.param(on_order(skip=1), id="a stop"),
        pytest.param(on_order("DELETE"), id="a cancel"),
        pytest.param(ACCOUNT, id="a question"),
        pytest.param(on_order(skip=2), id="an exit", marks=proof),
        pytest.param(between(2.5, 8, method="GET", endpoint="openOrders", times=1), id="a list", marks=proof),
    ],
)
def test_a_ban_is_silence_for_all_traffic_and_what_is_protected_stays_so(tmp_path: Path, where: Where) -> None:
    """X4: beside the log's own `request while banned`, nothing at all arrives; streams go on."""
    checked, _, exchange = play(tmp_path, Ban(BAN_MS // 1_000, where=where), at_first=watch, on=3, off=1)
    (banned_ms,) = struck_at(exchange)
    assert requests(exchange, from_ms=banned_ms + 1, until_ms=banned_ms + BAN_MS) == []
    assert checked.candles == CANDLES
    assert checked.fills >= 4
    for stop in venue_orders(exchange):
        if stop.kind is Kind.STOP_LOSS and stop.time_ms < banned_ms < stop.update_ms < banned_ms + BAN_MS:
            assert stop.executed > 0  # nobody but the market has ended it


def test_a_ban_that_grows_is_kept_each_time_also_where_nobody_says_how_long_it_is(tmp_path: Path) -> None:
    """X4: 429 with half a minute, 418 with a minute, 418 with no word, which is two minutes."""
    bans = (
        RefuseRequest(status=429, code=-1003, retry_after_s=30, where=ACCOUNT, name="first"),
        RefuseRequest(status=418, code=-1003, retry_after_s=60, where=ACCOUNT, name="second"),
        RefuseRequest(status=418, body="html", where=ACCOUNT, name="third"),
    )
    checked, _, exchange = play(tmp_path, *bans, at_first=watch, minutes=9, on=3, off=1)
    for banned_ms, for_s in zip(struck_at(exchange), (30, 60, 120), strict=True):
        assert requests(exchange, from_ms=banned_ms + 1, until_ms=banned_ms + for_s * 1_000) == []
    assert checked.fills >= 4


def test_a_ban_outlives_the_process_that_was_banned(tmp_path: Path) -> None:
    """X4 and P1: the next process says when it may begin, without having asked."""

    async def restart(exchange: Exchange, bot: Bot) -> None:
        await asyncio.sleep(5)
        await bot.kill()
        (banned_ms,) = struck_at(exchange)
        bot.start()
        with pytest.raises(VenueUnavailable):
            await bot.ended()
        assert requests(exchange, from_ms=banned_ms + 1) == []
        await asyncio.sleep(130)  # what was on its way in the same instant has doubled it
        bot.start()
        await bot.for_candles(4)

    where = on_order("DELETE", skip=1)
    play(tmp_path, Ban(60, where=where), minutes=4, quiet_minutes=2, at_first=watch, meanwhile=restart)


@pytest.mark.parametrize("begin", [3.5, 5.5, pytest.param(4.5, marks=proof), pytest.param(6.5, marks=proof)])
def test_too_many_orders_hold_new_ones_back_until_the_window_ends_and_cancels_go_on(
    tmp_path: Path, begin: float
) -> None:
    """X5: one market is entered while the other is left; the stop there goes, and the exit waits."""
    where = between(begin, 9, method="POST", endpoint="order", times=1)
    fault = RefuseRequest(status=429, code=-1015, retry_after_s=40, where=where)
    checked, _, exchange = play(tmp_path, fault, at_first=watch, on=1, off=1)
    (struck_ms,) = struck_at(exchange)
    assert requests(exchange, "DELETE", "order", struck_ms, struck_ms + 40_000)
    assert placed(exchange, struck_ms + 1, struck_ms + 40_000) == []
    assert placed(exchange, struck_ms + 40_000, struck_ms + 41_000)
    assert checked.candles == CANDLES
    assert checked.fills >= 4


def test_a_stop_that_came_too_soon_is_set_as_soon_as_the_window_ends(tmp_path: Path) -> None:
    """X5: the very same order, and no sale instead of it."""
    fault = RefuseRequest(status=429, code=-1015, retry_after_s=6, where=on_order(skip=1))
    _, bot, exchange = play(tmp_path, fault, at_first=watch)
    (struck_ms,) = struck_at(exchange)
    refused, again = placed(exchange, struck_ms, struck_ms + 10_000)[-2:]
    assert refused.client_order_id == again.client_order_id
    assert again.params["type"] == "STOP_LOSS"
    assert notices(bot)["bare_position"] == 0


WALLS: list[tuple[int, Literal["html", "json"]]] = [(403, "html"), (451, "html"), (403, "json"), (451, "json")]


@pytest.mark.parametrize(("status", "body"), [*WALLS[:2], *(pytest.param(*wall, marks=proof) for wall in WALLS[2:])])
def test_a_wall_stops_that_route_and_is_an_alarm_while_candles_go_on(
    tmp_path: Path, status: int, body: Literal["html", "json"]
) -> None:
    """X6: for three minutes every request about an order is turned away; it is tried about once a minute."""
    fault = RefuseRequest(status=status, body=body, code=0, where=between(2.5, 5.5, endpoint="order"))
    checked, bot, exchange = play(tmp_path, fault, at_first=watch)
    assert len(struck_at(exchange)) <= 10
    assert notices(bot)["market_barred"] >= 1
    assert notices(bot)["market_open"] >= 1
    assert checked.candles == CANDLES
    after_ms = FROM_MS + 6 * MINUTE
    assert any(order.time_ms > after_ms and order.executed for order in venue_orders(exchange))


ASTRAY = "https://api.binance.com/api/v3/order?astray=1"
STRANGER = "https://elsewhere.example/api/v3/order?astray=1"


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize(
    ("status", "location"),
    [
        (302, ASTRAY),
        (307, ASTRAY),
        pytest.param(308, STRANGER, marks=proof),
        pytest.param(301, STRANGER, marks=proof),
        pytest.param(303, "/api/v3/order?astray=1", marks=proof),
    ],
)
def test_nobody_is_followed_elsewhere(tmp_path: Path, status: int, location: str, phase: Phase) -> None:
    """X7: neither with an order, nor with a cancel or a question."""
    faults = [
        RefuseRequest(status=status, location=location, phase=phase, where=on_order(method), name=method)
        for method in ("POST", "DELETE", "GET")
    ]
    checked, _, exchange = play(tmp_path, *faults, at_first=watch)
    assert not [one for one in requests(exchange) if "astray" in one.params]
    assert len({one.client_order_id for one in placed(exchange)}) == len(placed(exchange))
    assert checked.fills >= 4
