"""What goes wrong on the WebSocket API, seen by a client on a real socket; every fault is seen to strike."""

import json
from typing import Any

import pytest

from bot.exchange.faults import (
    AnyFault,
    Delay,
    Edit,
    Inject,
    InjectJunk,
    Junk,
    MishandleRequest,
    Reframe,
    RefuseRequest,
    Repeat,
    ReplayOld,
    Rewrite,
    RewriteAnswer,
    Silence,
    kind_of,
)
from bot.exchange.occasions import Where
from bot.exchange.rest_faults import Phase
from bot.exchange.ws_api import FIRST_CONNECTION
from bot.exchange.ws_session import SUBSCRIBE
from tests.unit.bot.exchange.account_exchange import (
    FROM_MS,
    KEY,
    LIMIT,
    REPORTS,
    exchange,
    signed,
)

ONE_REPORT = Where(endpoint=REPORTS, times=1)
STATUSES = ["NEW", "PARTIALLY_FILLED", "FILLED"]


async def frames_of_a_purchase(*faults: AnyFault) -> list[dict]:
    """All frames that a listener gets for one market order of two fills."""
    async with exchange(*faults) as venue, venue.listener() as client:
        await venue.buy(newClientOrderId="mine")
        await client.ask("ping")
        await venue.instant(1_000)
        await client.ask("ping")
        assert all(venue.log.strikes(kind_of(fault)) for fault in faults)
        return client.events


async def statuses(*faults: AnyFault) -> list[str]:
    """What each report of a purchase says of the order."""
    return [frame["event"]["X"] for frame in await frames_of_a_purchase(*faults) if "X" in frame["event"]]


@pytest.mark.asyncio
async def test_reports_are_missing_repeated_late_and_out_of_order() -> None:
    new, part, full = STATUSES
    assert await statuses() == STATUSES
    assert await statuses(Silence(where=Where(endpoint=REPORTS, times=1, skip=1))) == [new, full]
    assert await statuses(Silence(where=Where(endpoint=REPORTS))) == []
    assert await statuses(Repeat(where=Where(endpoint=REPORTS, times=1, skip=2))) == [*STATUSES, full]
    assert await statuses(Repeat(after_ms=1_000, count=2, where=ONE_REPORT)) == [*STATUSES, new, new]
    assert await statuses(Delay(1, where=ONE_REPORT)) == [part, full, new]


@pytest.mark.asyncio
async def test_balances_are_missing_while_reports_come() -> None:
    frames = await frames_of_a_purchase(Silence(where=Where(endpoint="outboundAccountPosition")))
    assert [frame["event"]["e"] for frame in frames] == [REPORTS] * 3


@pytest.mark.asyncio
async def test_reports_come_with_fields_that_nobody_knows_and_without_some_that_everybody_does() -> None:
    odd = Edit(set={"event.X": "PENDING_REVIEW", "event.zz": 1}, remove=("event.c",), scale={"event.q": 1e9})
    changed, *rest = await frames_of_a_purchase(Rewrite(odd, where=ONE_REPORT))
    assert (changed["event"]["X"], changed["event"]["zz"]) == ("PENDING_REVIEW", 1)
    assert "c" not in changed["event"]
    assert changed["event"]["q"] == "150000000.00000000"
    assert [frame["event"]["c"] for frame in rest[:2]] == ["mine", "mine"]


@pytest.mark.asyncio
async def test_reports_come_of_orders_that_are_not_ours() -> None:
    foreign = Repeat(edit=Edit(set={"event.c": "web_1", "event.i": 999}), where=ONE_REPORT)
    frames = await frames_of_a_purchase(foreign)
    assert [frame["event"].get("c") for frame in frames] == ["mine", "web_1", "mine", "mine", None]


@pytest.mark.asyncio
async def test_a_rule_may_be_for_orders_whose_client_id_begins_so() -> None:
    rule = Silence(where=Where(endpoint=REPORTS, client_id="quiet-"))
    async with exchange(rule) as venue, venue.listener() as client:
        await venue.buy(newClientOrderId="quiet-1")
        await venue.buy(newClientOrderId="loud-1")
        told = [event["c"] for event in await client.all() if "c" in event]
        assert set(told) == {"loud-1"}
        assert venue.log.strikes("silence") == 3


@pytest.mark.asyncio
async def test_a_cancel_is_selected_by_the_id_of_its_order() -> None:
    rule = Silence(where=Where(endpoint=REPORTS, client_id="quiet-", skip=1))
    async with exchange(rule) as venue, venue.listener() as client:
        await venue.order("POST", "order", **LIMIT, newClientOrderId="quiet-1")
        await venue.order("DELETE", "order", symbol="BTCUSDT", origClientOrderId="quiet-1")
        assert [event["x"] for event in await client.all() if "x" in event] == ["NEW"]


@pytest.mark.asyncio
async def test_words_and_old_reports_come_before_a_report() -> None:
    words = Inject('{"subscriptionId":0,"event":{"e":"externalLockUpdate","E":1}}', where=ONE_REPORT)
    first, *_ = await frames_of_a_purchase(words)
    assert first["event"]["e"] == "externalLockUpdate"
    async with exchange(ReplayOld(3, where=Where(connection=FIRST_CONNECTION + 1, times=1))) as venue:
        async with venue.listener() as client:
            await venue.buy()
            before = await client.all()
        async with venue.listener() as client:
            await venue.order("POST", "order", **LIMIT)
            after = await client.all()
        assert after[:3] == before[-3:]
        assert [event.get("x") for event in after[3:]] == ["NEW", None]


@pytest.mark.asyncio
@pytest.mark.parametrize("what", ["binary", "invalid json", "deep nesting", "empty"])
async def test_junk_comes_before_a_report(what: Junk) -> None:
    async with exchange(InjectJunk(what, where=ONE_REPORT)) as venue, venue.listener() as client:
        await venue.buy()
        junk = await client.websocket.recv()
        assert isinstance(junk, bytes) == (what == "binary")
        assert len(await client.all()) == 4


@pytest.mark.asyncio
async def test_the_right_report_comes_in_an_unusual_frame() -> None:
    assert await statuses(Reframe("fragmented", where=ONE_REPORT)) == STATUSES
    async with exchange(Reframe("other wrapping", where=ONE_REPORT)) as venue, venue.listener() as client:
        await venue.buy()
        assert (await client.hear())["e"] == REPORTS
        assert "event" in await client.hear()
    async with exchange(Reframe("binary", where=ONE_REPORT)) as venue, venue.listener() as client:
        await venue.buy()
        report = await client.websocket.recv()
        assert isinstance(report, bytes)
        assert json.loads(report)["event"]["x"] == "NEW"


async def subscribing(fault: AnyFault) -> tuple[dict[str, Any], list[dict]]:
    """What comes first after a subscription was asked for, and what the connection then listens to."""
    async with exchange(fault) as venue, venue.connection() as client:
        await client.say(SUBSCRIBE, **signed(FROM_MS))
        await client.say("session.subscriptions")
        answer, listed = await client.hear(), None
        if answer["id"] != 2:
            listed = await client.hear()
        assert venue.log.strikes(kind_of(fault)) == 1
        return answer, (listed or answer)["result"]


SUBSCRIBING = Where(endpoint=SUBSCRIBE, times=1)


@pytest.mark.asyncio
async def test_a_subscription_is_badly_answered_in_every_way() -> None:
    listens = [{"subscriptionId": 0}]
    first, active = await subscribing(MishandleRequest("silent", where=SUBSCRIBING))
    assert (first["id"], active) == (2, [])
    answer, active = await subscribing(MishandleRequest("error", where=SUBSCRIBING))
    assert (answer["status"], answer["error"]["code"], active) == (500, -1000, [])
    answer, active = await subscribing(MishandleRequest("no data", where=SUBSCRIBING))
    assert (answer["result"], active) == ({"subscriptionId": 0}, [])
    answer, active = await subscribing(MishandleRequest("wrong id", where=SUBSCRIBING))
    assert (answer["id"], active) == (1_000_001, listens)
    answer, active = await subscribing(MishandleRequest("late", late_ms=10, where=SUBSCRIBING))
    assert (answer["id"], answer["status"], active) == (1, 200, listens)


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [400, 401, 403, 409, 429, 500, 503])
async def test_a_subscription_is_answered_with_any_status_and_done_or_not(status: int) -> None:
    phases: dict[Phase, list] = {"before": [], "after": [{"subscriptionId": 0}]}
    for phase, active in phases.items():
        fault = RefuseRequest(status, code=-1007, text="Timeout.", retry_after_s=30, phase=phase, where=SUBSCRIBING)
        answer, listens = await subscribing(fault)
        assert (answer["id"], answer["status"], listens) == (1, status, active)
        wait = {"serverTime": FROM_MS, "retryAfter": FROM_MS + 30_000}
        assert answer["error"] == {"code": -1007, "msg": "Timeout.", "data": wait}
    answer, _ = await subscribing(RefuseRequest(status, where=SUBSCRIBING))
    assert answer["error"] == {"code": -1000, "msg": "An unknown error occurred while processing the request."}


@pytest.mark.asyncio
async def test_who_is_told_that_he_is_banned_is_hung_up_on() -> None:
    async with exchange(RefuseRequest(418, code=-1003, where=SUBSCRIBING)) as venue, venue.connection() as client:
        assert (await client.subscribe())["status"] == 418
        assert await client.goodbye() == (1008, "disconnected")


@pytest.mark.asyncio
async def test_an_answer_has_other_fields_than_it_should_have() -> None:
    answer, _ = await subscribing(RewriteAnswer(Edit(remove=("result",), set={"id": None}), where=SUBSCRIBING))
    assert (answer["id"], "result" in answer) == (None, False)


@pytest.mark.asyncio
async def test_a_key_is_not_told_in_the_answers_of_the_log() -> None:
    rule = RefuseRequest(500, where=SUBSCRIBING)
    async with exchange(rule) as venue, venue.connection() as client:
        await client.subscribe()
        assert not any(KEY in event.text for event in venue.log.events)
