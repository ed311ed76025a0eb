"""The WebSocket API over real sockets: requests, and what an account is told of its orders."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from bot.exchange.ws_api import FIRST_CONNECTION
from tests.unit.bot.exchange.account_exchange import (
    BTC,
    FROM_MS,
    KEY,
    LIMIT,
    OTHER_KEY,
    PAIR,
    exchange,
    signed,
)

GOLDEN = Path(__file__).resolve().parents[4] / "tests" / "golden" / "ws_api_session.jsonl"
SUBSCRIBE = "userDataStream.subscribe.signature"
MONEY_TAKEN = Decimal(250)
LEG_IDS = {"aboveClientOrderId": "above", "belowClientOrderId": "below"}
REVOKED = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}


def kinds(events: list[dict]) -> list[str]:
    """What each event says, in a word or three."""
    return [f"{event['x']} {event['X']}" if "x" in event else event["e"] for event in events]


@pytest.mark.asyncio
async def test_ping_and_time_are_answered_with_what_was_used() -> None:
    async with exchange() as venue, venue.connection() as client:
        pong = await client.ask("ping")
        assert pong == {
            "id": 1,
            "status": 200,
            "result": {},
            "rateLimits": [
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000, "count": 3}
            ],
        }
        assert (await client.ask("v3/time"))["result"] == {"serverTime": FROM_MS}


@pytest.mark.asyncio
async def test_limits_are_left_out_of_answers_where_the_request_or_the_address_says_so() -> None:
    async with exchange() as venue:
        async with venue.connection() as client:
            assert "rateLimits" not in await client.ask("ping", returnRateLimits=False)
        async with venue.connection("?returnRateLimits=false") as client:
            assert "rateLimits" not in await client.ask("ping")
            assert "rateLimits" in await client.ask("ping", returnRateLimits=True)


@pytest.mark.asyncio
async def test_an_unknown_method_is_refused() -> None:
    async with exchange() as venue, venue.connection() as client:
        answer = await client.ask("userDataStream.start", apiKey=KEY)
        assert (answer["status"], answer["error"]) == (
            400,
            {"code": -1020, "msg": "This operation is not supported."},
        )


@pytest.mark.asyncio
async def test_what_is_no_request_is_answered_and_the_connection_stays() -> None:
    async with exchange() as venue, venue.connection() as client:
        await client.websocket.send("{")
        words = {"code": -1135, "msg": "Invalid JSON Request"}
        assert await client.hear() == {"id": None, "status": 400, "error": words}
        await client.websocket.send(b'{"id":"bytes","method":"ping"}')
        assert (await client.hear())["id"] == "bytes"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"signature": "f" * 64}, 400, -1022),
        ({"signature": "x"}, 400, -1100),
        ({"signature": None}, 400, -1102),
        ({"timestamp": FROM_MS - 5_001}, 400, -1021),
        ({"timestamp": FROM_MS + 1_000}, 400, -1021),
        ({"timestamp": "today"}, 400, -1102),
        ({"recvWindow": 60_001}, 400, -1131),
        ({"apiKey": "u" * 64}, 401, -2015),
        ({"apiKey": "short"}, 401, -2014),
        ({"apiKey": ""}, 400, -1102),
        ({"symbol": BTC}, 400, -1104),
    ],
)
async def test_a_subscription_is_refused_that_is_not_signed_now_by_somebody_known(changed, status, code) -> None:
    async with exchange() as venue, venue.connection() as client:
        answer = await client.ask(SUBSCRIBE, **{**signed(FROM_MS), **changed})
        assert (answer["status"], answer["error"]["code"]) == (status, code)
        assert (await client.ask("session.subscriptions"))["result"] == []


@pytest.mark.asyncio
@pytest.mark.parametrize("window", [1, 59_999.125, "60000"])
async def test_a_window_of_time_may_be_given_in_any_form_of_a_number(window) -> None:
    async with exchange() as venue, venue.connection() as client:
        assert (await client.subscribe(recvWindow=window))["result"] == {"subscriptionId": 0}


@pytest.mark.asyncio
async def test_an_account_can_be_listened_to_once_in_a_connection_and_again_in_another() -> None:
    async with exchange() as venue, venue.listener() as first:
        again = await first.subscribe()
        assert (again["status"], again["error"]["code"]) == (400, -2035)
        assert again["error"]["msg"] == "User Data Stream subscription already active."
        assert (await first.subscribe(OTHER_KEY))["result"] == {"subscriptionId": 1}
        assert (await first.ask("session.subscriptions"))["result"] == [{"subscriptionId": 0}, {"subscriptionId": 1}]
        async with venue.listener() as second:
            await venue.buy()
            assert await first.all() == await second.all()


@pytest.mark.asyncio
async def test_a_subscription_ends_with_a_word_and_its_number_is_not_given_again() -> None:
    async with exchange() as venue, venue.listener() as client:
        await client.subscribe(OTHER_KEY)
        assert (await client.ask("userDataStream.unsubscribe", subscriptionId=0))["result"] == {}
        assert client.events == [{"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": FROM_MS}}]
        client.events.clear()
        none = await client.ask("userDataStream.unsubscribe", subscriptionId=0)
        assert none["error"] == {"code": -2036, "msg": "User Data Stream subscription not active."}
        assert (await client.subscribe())["result"] == {"subscriptionId": 2}
        assert (await client.ask("userDataStream.unsubscribe"))["status"] == 200
        assert [frame["subscriptionId"] for frame in client.events] == [1, 2]
        client.events.clear()
        await venue.buy()
        assert await client.all() == []


@pytest.mark.asyncio
async def test_a_market_order_is_told_from_its_acceptance_to_the_balances() -> None:
    async with exchange() as venue, venue.listener() as client:
        placed = await venue.buy(newClientOrderId="mine")
        events = await client.all()
        assert kinds(events) == ["NEW NEW", "TRADE PARTIALLY_FILLED", "TRADE FILLED", "outboundAccountPosition"]
        new, first, last, balances = events
        assert {event["c"] for event in events[:3]} == {"mine"}
        assert (new["C"], new["t"], new["l"], new["z"]) == ("", -1, "0.00000000", "0.00000000")
        assert [event["l"] for event in (first, last)] == [fill["qty"] for fill in placed["fills"]]
        assert [event["t"] for event in (first, last)] == [fill["tradeId"] for fill in placed["fills"]]
        assert [event["n"] for event in (first, last)] == [fill["commission"] for fill in placed["fills"]]
        assert (last["z"], last["Z"]) == (placed["executedQty"], placed["cummulativeQuoteQty"])
        assert [event["I"] for event in (new, first, last)] == [1, 2, 3]
        assert [row["a"] for row in balances["B"]] == ["BTC", "USDT"]


@pytest.mark.asyncio
async def test_a_cancel_is_told_with_its_own_id_and_that_of_the_order() -> None:
    async with exchange() as venue, venue.listener() as client:
        await venue.order("POST", "order", **LIMIT, newClientOrderId="mine")
        await client.all()
        await venue.order("DELETE", "order", symbol=BTC, origClientOrderId="mine", newClientOrderId="enough")
        cancelled, balances = await client.all()
        assert (cancelled["x"], cancelled["X"]) == ("CANCELED", "CANCELED")
        assert (cancelled["c"], cancelled["C"]) == ("enough", "mine")
        assert balances["B"][1] == {"a": "USDT", "f": "100000.00000000", "l": "0.00000000"}


@pytest.mark.asyncio
async def test_a_pair_is_told_as_a_list_and_as_two_orders() -> None:
    async with exchange() as venue, venue.listener() as client:
        pair = await venue.order("POST", "orderList/oco", **PAIR)
        begun = await client.all()
        assert sorted(kinds(begun)) == ["NEW NEW", "NEW NEW", "listStatus", "outboundAccountPosition"]
        status = next(event for event in begun if event["e"] == "listStatus")
        assert (status["g"], status["l"], status["L"]) == (pair["orderListId"], "EXEC_STARTED", "EXECUTING")
        assert [leg["i"] for leg in status["O"]] == [leg["orderId"] for leg in pair["orders"]]
        await venue.order("DELETE", "orderList", symbol=BTC, orderListId=str(pair["orderListId"]))
        ended = await client.all()
        status = next(event for event in ended if event["e"] == "listStatus")
        assert (status["l"], status["L"]) == ("ALL_DONE", "ALL_DONE")
        assert kinds(ended).count("CANCELED CANCELED") == 2


@pytest.mark.asyncio
async def test_money_from_outside_is_told() -> None:
    async with exchange() as venue, venue.listener() as client:
        venue.server.trading.venue.deposit("main", "USDT", -MONEY_TAKEN, FROM_MS)
        venue.server.trading.tell()
        update, balances = await client.all()
        assert (update["e"], update["a"], update["d"]) == ("balanceUpdate", "USDT", "-250.00000000")
        assert balances["B"] == [{"a": "USDT", "f": "99750.00000000", "l": "0.00000000"}]


@pytest.mark.asyncio
async def test_nobody_is_told_of_other_accounts() -> None:
    async with exchange() as venue, venue.listener() as client:
        await venue.buy(key=OTHER_KEY)
        assert await client.all() == []


@pytest.mark.asyncio
async def test_what_happens_is_told_before_the_request_is_answered() -> None:
    async with exchange() as venue, venue.listener():
        await venue.buy()
        told = [event.number for event in venue.log.events if event.what == "frame out"]
        answered = [event.number for event in venue.log.events if event.what == "answer"]
        assert len(told) == 4
        assert max(told) < answered[0]


@pytest.mark.asyncio
async def test_a_key_that_is_taken_away_ends_its_subscription_and_costs_the_next_request() -> None:
    async with exchange() as venue, venue.listener() as client:
        await client.subscribe(OTHER_KEY)
        venue.server.trading.revoke(KEY)
        answer = await client.ask("ping", returnRateLimits=False)
        assert answer == {"id": None, "status": 401, "error": REVOKED}
        assert client.events == [{"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": FROM_MS}}]
        assert (await client.ask("ping"))["status"] == 200
        assert (await client.subscribe())["error"] == REVOKED
        assert (await client.ask("session.subscriptions"))["result"] == [{"subscriptionId": 1}]


@pytest.mark.asyncio
async def test_who_asks_too_much_is_told_when_to_come_back_and_then_thrown_out() -> None:
    async with exchange() as venue, venue.connection() as client:
        meter = venue.server.trading.meter
        meter.enter(5_997, FROM_MS)
        assert (await client.ask("ping"))["rateLimits"][0]["count"] == 6_000
        refused = await client.ask("ping")
        wait_ms = 60_000 - FROM_MS % 60_000
        assert refused["status"] == 429
        assert refused["error"]["data"] == {"serverTime": FROM_MS, "retryAfter": FROM_MS + wait_ms}
        for _ in range(4):
            assert (await client.ask("ping"))["status"] == 429
        banned = await client.ask("ping")
        assert (banned["status"], banned["error"]["code"]) == (418, -1003)
        assert await client.goodbye() == (1008, "disconnected")


@pytest.mark.asyncio
async def test_the_log_names_connections_and_methods_and_no_keys() -> None:
    async with exchange() as venue, venue.listener():
        (asked,) = venue.log.told("message in")
        assert (asked.connection, asked.text) == (FIRST_CONNECTION, SUBSCRIBE)
        assert not any(KEY in event.text for event in venue.log.events)


@pytest.mark.asyncio
async def test_the_frames_of_a_session_are_those_on_file() -> None:
    async with exchange() as venue, venue.listener() as client:
        frames = [await client.ask("time"), await client.ask("session.subscriptions")]
        await venue.buy(newClientOrderId="bought")
        await venue.order("POST", "order", **LIMIT, newClientOrderId="resting")
        await venue.order("DELETE", "order", symbol=BTC, origClientOrderId="resting", newClientOrderId="no-more")
        await venue.order("POST", "orderList/oco", **PAIR, listClientOrderId="pair", **LEG_IDS)
        answer = await client.ask("userDataStream.unsubscribe")
        frames += [*client.events, answer, await client.ask("no.such.method")]
        client.events.clear()
    assert [json.dumps(frame, separators=(",", ":")) for frame in frames] == GOLDEN.read_text("utf-8").splitlines()
