"""Order requests that go wrong, before or after they were carried out, as ccxt sees them."""

import asyncio
from typing import Any, get_args

import ccxt.async_support as ccxt  # type: ignore[import-untyped]
import pytest
from msgspec.structs import replace

from bot.exchange.faults import (
    AnyFault,
    Ban,
    BreakAnswer,
    CutList,
    Edit,
    Latency,
    RefuseRequest,
    RewriteAnswer,
)
from bot.exchange.occasions import Where
from bot.exchange.rest_faults import HowBroken
from tests.unit.bot.exchange.trading_exchange import BTC, FROM_MS, HeldTime, bare, binance, trading_exchange

pytestmark = pytest.mark.asyncio

PLACING = Where(method="POST", endpoint="order", symbol="BTCUSDT", client_id="hit")
EVIL = "http://127.0.0.1:9/"


async def placed(client: Any, name: str = "hit-1") -> Any:
    return await client.create_order(BTC, "market", "buy", 0.1, None, {"clientOrderId": name})


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize(
    ("rule", "raised"),
    [
        (RefuseRequest(500, code=-1000), ccxt.OperationFailed),
        (RefuseRequest(500, code=-1001), ccxt.OperationFailed),
        (RefuseRequest(500, code=-1006), ccxt.OperationFailed),
        (RefuseRequest(504, code=-1007), ccxt.RequestTimeout),
        (RefuseRequest(408, code=-1007), ccxt.RequestTimeout),
        (RefuseRequest(503, code=-1008), ccxt.ExchangeError),
        (RefuseRequest(502, "html"), ccxt.ExchangeNotAvailable),
        (RefuseRequest(504, "html"), ccxt.RequestTimeout),
        (RefuseRequest(503, code=0, text="Unknown error, please check your request or try again later."), Exception),
        (RefuseRequest(403, "html"), ccxt.ExchangeNotAvailable),
        (RefuseRequest(451, "html"), ccxt.ExchangeNotAvailable),
        (RefuseRequest(401, code=-2014), ccxt.AuthenticationError),
        (RefuseRequest(401, code=-2015), ccxt.DDoSProtection),
        (RefuseRequest(400, code=-1022), ccxt.AuthenticationError),
        (RefuseRequest(400, code=-1021), ccxt.InvalidNonce),
        (RefuseRequest(429, code=-1003, retry_after_s=7), ccxt.DDoSProtection),
        (RefuseRequest(429, code=-1015, retry_after_s=7), ccxt.DDoSProtection),
        (RefuseRequest(503, code=-1016), ccxt.BadRequest),
        (RefuseRequest(503, code=1, text="System is under maintenance."), ccxt.OnMaintenance),
    ],
)
async def test_a_refusal_says_nothing_of_what_was_done(rule: RefuseRequest, raised: type[Exception], phase) -> None:
    async with trading_exchange(replace(rule, where=PLACING, phase=phase)) as box, binance(box) as client:
        await client.fetch_balance()
        with pytest.raises(raised):
            await placed(client)
        assert len(box.orders()) == (phase == "after")
        await placed(client, "spared")
        assert box.server.plan.log.strikes("refuse request") == 1


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("how", get_args(HowBroken))
async def test_an_answer_breaks_and_the_order_was_placed_or_was_not(how: HowBroken, phase) -> None:
    rule = BreakAnswer(how, 20, phase, where=PLACING)
    async with trading_exchange(rule) as box, binance(box, timeout=300) as client:
        await client.load_markets()
        try:
            answer = await placed(client)
        except (ccxt.NetworkError, ccxt.ExchangeError):
            assert how not in {"html", "empty", "object", "null", "cut json"}
        else:
            assert how in {"html", "empty", "object", "null", "cut json", "drip"}
            assert (answer["id"] is None) is (how != "drip" or phase == "before")
        assert len(box.orders()) == (phase == "after")


@pytest.mark.parametrize(("phase", "known"), [("before", 0), ("after", 1)])
async def test_an_answer_is_late_and_the_order_is_carried_out_late_or_at_once(phase, known: int) -> None:
    async with trading_exchange(Latency(400, phase=phase, where=PLACING)) as box, binance(box, timeout=150) as client:
        await client.load_markets()
        with pytest.raises(ccxt.RequestTimeout):
            await placed(client)
        assert len(box.orders()) == known
        async with asyncio.timeout(20):
            await box.server.plan.log.until(lambda: len(box.orders()) == 1)


async def test_a_cancel_whose_answer_is_lost_was_carried_out() -> None:
    rule = BreakAnswer("close", where=Where(method="DELETE", endpoint="order", client_id="rests"))
    async with trading_exchange(rule) as box, binance(box) as client:
        price = float(box.last()) * 0.9
        await client.create_order(BTC, "limit", "buy", 0.1, price, {"clientOrderId": "rests"})
        with pytest.raises((ccxt.NetworkError, ccxt.OrderNotFound)):
            await client.cancel_order(None, BTC, {"clientOrderId": "rests"})
        assert [order.is_open for order in box.orders()] == [False]


async def test_a_redirection_is_told_and_nothing_is_placed() -> None:
    rule = RefuseRequest(302, "html", location=EVIL, where=PLACING)
    async with (
        trading_exchange(rule) as box,
        bare(box) as client,
        client.post("/api/v3/order", data="symbol=BTCUSDT&newClientOrderId=hit", allow_redirects=False) as answer,
    ):
        assert (answer.status, answer.headers["Location"]) == (302, EVIL)


async def test_an_answer_is_about_somebody_else_s_order_and_full_of_strange_values() -> None:
    strange = {"status": "PENDING_MAGIC", "executedQty": "-1e-8", "orderId": 10**18, "news": {"deep": [1]}}
    edit = Edit(set={**strange, "clientOrderId": "somebody-else"}, remove=("fills",))
    async with trading_exchange(RewriteAnswer(edit, where=PLACING)) as box, binance(box) as client:
        answer = await placed(client)
        assert (answer["id"], answer["clientOrderId"]) == (str(10**18), "somebody-else")
        assert answer["status"] == "PENDING_MAGIC"
        assert [order.client_order_id for order in box.orders()] == ["hit-1"]


@pytest.mark.parametrize(
    ("rule", "path", "expected"),
    [
        (CutList(0, "symbols"), "exchangeInfo", {"symbols": []}),
        (RewriteAnswer(Edit(set={"symbols.0.status": 5})), "exchangeInfo", None),
        (RewriteAnswer(Edit(set={"price": "1e-8"})), "ticker/price", [{"symbol": "BTCUSDT", "price": "1e-8"}]),
        (CutList(0), "ticker/price", []),
    ],
)
async def test_answers_about_markets_are_cut_and_changed(rule: AnyFault, path: str, expected) -> None:
    async with trading_exchange(rule) as box, bare(box) as client, client.get(f"/api/v3/{path}") as answer:
        said = await answer.json()
    if expected is None:
        assert said["symbols"][0]["status"] == 5
    elif isinstance(expected, list):
        assert said == expected
    else:
        assert said["symbols"] == []


async def test_a_ban_grows_and_is_of_binances_words() -> None:
    async with trading_exchange(Ban(10, where=Where(times=1))) as box, bare(box) as client:
        seen = []
        for at_s in (0, 9, 28, 69):
            pace = box.server.pace
            assert isinstance(pace, HeldTime)
            pace.set(FROM_MS + at_s * 1_000)
            async with client.get("/api/v3/ping") as answer:
                said = (await answer.json()).get("msg", "")
                seen.append((answer.status, answer.headers.get("Retry-After"), said.split(";")[0]))
        assert seen == [
            (429, "10", "Too much request weight used"),
            (418, "20", "Way too much request weight used"),
            (418, "40", "Way too much request weight used"),
            (200, None, ""),
        ]


async def test_rules_select_by_method_and_by_the_beginning_of_a_client_id_and_the_log_hides_signatures() -> None:
    rules = (
        RefuseRequest(500, name="gets", where=Where(method="GET", endpoint="order")),
        RefuseRequest(500, name="second", where=Where(client_id="hit", skip=1, times=1)),
    )
    async with trading_exchange(*rules) as box, binance(box) as client:
        await placed(client)
        with pytest.raises(ccxt.OperationFailed):
            await placed(client)
        await placed(client)
        with pytest.raises(ccxt.OperationFailed):
            await client.fetch_order("1", BTC)
        log = box.server.plan.log
        assert (log.strikes("gets"), log.strikes("second")) == (1, 1)
        asked = [event.text for event in log.told("request")]
        assert any(text.startswith("POST /api/v3/order ") and "newClientOrderId=hit-1" in text for text in asked)
        assert not any("signature=" in text and "signature=…" not in text for text in asked)
