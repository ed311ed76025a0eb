"""Every order call through unmodified ccxt and our own session, over TLS and by Binance's names, at a real exchange."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import aiohttp
import pytest
from msgspec.structs import replace

from bot.adapters.account_places import PLACES
from bot.adapters.api_keys import Credentials
from bot.adapters.ccxt_account import open_account
from bot.adapters.ccxt_orders import CcxtOrders
from bot.adapters.order_messages import (
    Answered,
    NotSent,
    OrderReport,
    Outcome,
    Refusal,
    Refused,
    TradeReport,
    Unresolved,
    VenueStatus,
)
from bot.adapters.rate_budget import RateBudget
from bot.adapters.request_gate import RequestGate
from bot.adapters.venue_clock import VenueClock
from bot.adapters.venue_peers import LoopbackPeer, VenuePeers, tls_context
from bot.adapters.venue_rules import instrument
from bot.adapters.venue_session import open_session
from bot.core.errors import VenueError
from bot.core.market import Costs
from bot.core.orders import BUY, LIMIT, MARKET, SELL, STOP, Intent, Purpose
from bot.exchange.faults import AnyFault, BreakAnswer, RefuseRequest
from bot.exchange.occasions import Where
from bot.exchange.orders import Trade
from bot.exchange.rest_faults import HowBroken
from bot.exchange.tls import Certified, certify
from tests import market_time
from tests.scripted_venue import LoopbackResolver
from tests.unit.bot.exchange.trading_exchange import BTC, KEY, SECRET, Box, trading_exchange

BUYS = Intent("c1", BTC, BUY, MARKET, Decimal("0.1"), Purpose.ENTRY, 0)


class Desk:
    """An account at an exchange that runs, and the exchange."""

    def __init__(self, orders: CcxtOrders, box: Box) -> None:
        self.orders = orders
        self.box = box

    def priced(self, share: str) -> Decimal:
        """A price on the grid, as a share of the last one."""
        return (self.box.last() * Decimal(share)).quantize(Decimal("0.01"))

    def limit(self, share: str, client_order_id: str = "c1", side: Any = BUY) -> Intent:
        return replace(BUYS, client_order_id=client_order_id, type=LIMIT, side=side, limit_price=self.priced(share))

    def stop(self, share: str, client_order_id: str = "c2") -> Intent:
        return replace(BUYS, client_order_id=client_order_id, type=STOP, side=SELL, stop_price=self.priced(share))


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certify(tmp_path_factory.mktemp("tls"), datetime.now(UTC))


@asynccontextmanager
async def our_session(port: int, ca_file: Path, clock: VenueClock) -> AsyncIterator[aiohttp.ClientSession]:
    peers = VenuePeers({"api.binance.com": LoopbackPeer(port)})
    async with open_session(peers, RequestGate(RateBudget(), clock), ca_file=ca_file) as session:
        yield session


@asynccontextmanager
async def desk_at(certified: Certified, *faults: AnyFault) -> AsyncIterator[Desk]:
    async with trading_exchange(*faults) as box:
        port, clock = await box.server.open_also(certified.context), VenueClock()
        async with our_session(port, certified.ca_file, clock) as session:
            orders = CcxtOrders(open_account(PLACES["embedded"], Credentials(KEY, SECRET), session, clock), clock)
            clock.ask_by(orders.time_ms)
            await clock.measure()
            await orders.rules([BTC])
            try:
                yield Desk(orders, box)
            finally:
                await orders.close()


def played(certified: Certified, story: Callable[[Desk], Awaitable[None]], *faults: AnyFault) -> None:
    async def whole() -> None:
        async with desk_at(certified, *faults) as desk:
            await story(desk)

    market_time.run(whole())


def report_of(outcome: Outcome) -> OrderReport:
    assert isinstance(outcome, Answered), outcome
    return outcome.report


def as_told(trade: Trade) -> tuple[object, ...]:
    return (str(trade.trade_id), trade.side, trade.quantity, trade.price, trade.commission, trade.commission_asset)


def as_heard(trade: TradeReport) -> tuple[object, ...]:
    return (trade.trade_id, trade.side, trade.quantity, trade.price, trade.fee, trade.fee_asset)


def test_rules_make_the_instrument_that_the_exchange_lists(certified):
    async def story(desk: Desk) -> None:
        told = (await desk.orders.rules([BTC]))[BTC]
        listing = desk.box.server.trading.venue.market("BTCUSDT").floor.listing
        market = instrument(told, Costs(), "binance", "embedded")
        assert told.is_trading
        assert (market.tick_size, market.lot_step) == (listing.tick_size, listing.lot_step)
        assert market.min_notional == listing.min_notional
        with pytest.raises(VenueError, match="Invalid symbol"):
            await desk.orders.rules(["NONE/USDT"])

    played(certified, story)


def test_a_market_order_is_told_with_every_trade_and_fee_as_the_exchange_books_them(certified):
    async def story(desk: Desk) -> None:
        placed = report_of(await desk.orders.place(BUYS))
        assert placed.status is VenueStatus.FILLED
        books = [as_told(trade) for trade in desk.box.trades()]
        assert books
        assert [as_heard(trade) for trade in placed.trades] == books
        assert {trade.fee_asset for trade in placed.trades} == {"BTC"}
        found = await desk.orders.trades(BTC, placed.venue_order_id)
        assert [as_heard(trade) for trade in found] == books
        shown = report_of(await desk.orders.order(BTC, "c1"))
        assert (shown.executed, shown.venue_order_id) == (placed.executed, placed.venue_order_id)

    played(certified, story)


def test_an_order_rests_is_shown_and_is_taken_back(certified):
    async def story(desk: Desk) -> None:
        placed = report_of(await desk.orders.place(desk.limit("0.9"), post_only=True))
        assert placed.status is VenueStatus.NEW
        balances, orders = await desk.orders.account([BTC])
        assert [order.client_order_id for order in orders] == ["c1"]
        assert balances["USDT"].locked > 0
        assert balances["USDT"].total == 100_000
        ended = report_of(await desk.orders.cancel(BTC, "c1"))
        assert (ended.status, ended.executed, ended.client_order_id) == (VenueStatus.CANCELLED, 0, "c1")
        assert report_of(await desk.orders.order(BTC, "c1")).status is VenueStatus.CANCELLED
        balances, orders = await desk.orders.account([BTC])
        assert not orders
        assert balances["USDT"].locked == 0

    played(certified, story)


@pytest.mark.parametrize("limited", [False, True])
def test_a_stop_is_told_where_it_stands_not_only_that_it_came_in(certified, limited):
    async def story(desk: Desk) -> None:
        stop = desk.stop("0.9")
        intent = replace(stop, limit_price=desk.priced("0.89")) if limited else stop
        placed = report_of(await desk.orders.place(intent))
        assert (placed.status, placed.quantity) == (VenueStatus.NEW, Decimal("0.1"))

    played(certified, story)


@pytest.mark.parametrize("taken_back", ["c1", "c2"])
def test_a_pair_is_placed_as_one_and_ends_as_one(certified, taken_back):
    async def story(desk: Desk) -> None:
        limit, stop = desk.limit("1.1", side=SELL), desk.stop("0.9")
        reports = [report_of(outcome) for outcome in await desk.orders.place_pair(limit, stop)]
        assert [report.client_order_id for report in reports] == ["c1", "c2"]
        assert {report.status for report in reports} == {VenueStatus.NEW}
        ended = report_of(await desk.orders.cancel(BTC, taken_back))
        assert ended.client_order_id == taken_back
        for name in ("c1", "c2"):
            assert report_of(await desk.orders.order(BTC, name)).status.is_final
        # The name of a pair can be had again once the pair is over.
        assert isinstance((await desk.orders.place_pair(limit, stop))[0], Answered)

    played(certified, story)


def no(outcome: Outcome) -> Refused:
    assert isinstance(outcome, Refused), outcome
    return outcome


def refusal_of(outcome: Outcome) -> Refusal:
    return no(outcome).refusal


def test_each_no_of_the_exchange_is_understood(certified):
    async def story(desk: Desk) -> None:
        orders = desk.orders
        assert refusal_of(await orders.place(replace(BUYS, quantity=Decimal(100)))) is Refusal.FUNDS
        assert refusal_of(await orders.place(desk.stop("1.1"))) is Refusal.WOULD_TRIGGER
        assert refusal_of(await orders.place(desk.limit("1.1"), post_only=True)) is Refusal.OTHER
        assert refusal_of(await orders.cancel(BTC, "never")) is Refusal.NOT_FOUND
        assert refusal_of(await orders.order(BTC, "never")) is Refusal.NOT_FOUND
        assert isinstance(await orders.place(desk.limit("0.9")), Answered)
        assert refusal_of(await orders.place(desk.limit("0.8"))) is Refusal.DUPLICATE
        outcomes = [await orders.place(desk.stop("0.9", f"stop{number}")) for number in range(6)]
        assert refusal_of(outcomes[5]) is Refusal.RULES
        assert "MAX_NUM_ALGO_ORDERS" in no(outcomes[5]).reason
        desk.box.server.trading.revoke(KEY)
        assert refusal_of(await orders.place(BUYS)) is Refusal.CREDENTIALS
        assert refusal_of(await orders.order(BTC, "c1")) is Refusal.CREDENTIALS

    played(certified, story)


PLACING = Where(method="POST", endpoint="order", times=1)
LOSSES = {
    **{how: BreakAnswer(how) for how in get_args(HowBroken) if how != "drip"},
    **{
        f"{status} {code}": RefuseRequest(status, code=code)
        for status, code in ((500, -1000), (500, -1001), (500, -1006), (504, -1007), (408, -1007), (503, -1008))
    },
    "502 html": RefuseRequest(502, "html"),
    "302 html": RefuseRequest(302, "html", location="https://elsewhere.example/"),
}


@pytest.mark.parametrize("row", LOSSES)
def test_an_order_whose_answer_is_lost_is_unresolved_until_it_is_asked_for(certified, row):
    async def story(desk: Desk) -> None:
        for name, was_placed in (("lost", False), ("kept", True)):
            outcome = await desk.orders.place(replace(BUYS, client_order_id=name))
            assert isinstance(outcome, Unresolved), outcome
            assert [order.client_order_id for order in desk.box.orders()] == (["kept"] if was_placed else [])
            looked_up = await desk.orders.order(BTC, name)
            if was_placed:
                assert report_of(looked_up).executed == Decimal("0.1")
            else:
                assert refusal_of(looked_up) is Refusal.NOT_FOUND

    lost, kept = replace(PLACING, client_id="lost"), replace(PLACING, client_id="kept")
    rule = LOSSES[row]
    played(certified, story, replace(rule, phase="before", where=lost), replace(rule, phase="after", where=kept))


TAKING_BACK = Where(method="DELETE", endpoint="order", times=1)


def test_a_cancel_whose_answer_is_lost_is_unresolved_until_the_order_is_asked_for(certified):
    async def story(desk: Desk) -> None:
        await desk.orders.place(desk.limit("0.9"))
        assert isinstance(await desk.orders.cancel(BTC, "c1"), Unresolved)
        assert refusal_of(await desk.orders.cancel(BTC, "c1")) is Refusal.NOT_FOUND
        assert report_of(await desk.orders.order(BTC, "c1")).status is VenueStatus.CANCELLED

    played(certified, story, BreakAnswer("close", where=TAKING_BACK))


def test_a_cancel_that_a_client_sends_twice_by_itself_is_not_found_and_not_gone(certified):
    # A session that is not ours: aiohttp sends the DELETE again, and the answer is that of the second one.
    async def story(desk: Desk) -> None:
        port, clock = await desk.box.server.open_also(certified.context), VenueClock()
        connector = aiohttp.TCPConnector(resolver=LoopbackResolver(port), ssl=tls_context(certified.ca_file))
        async with aiohttp.ClientSession(connector=connector) as session:
            orders = CcxtOrders(open_account(PLACES["embedded"], Credentials(KEY, SECRET), session, clock), clock)
            await orders.rules([BTC])
            await orders.place(desk.limit("0.9"))
            assert refusal_of(await orders.cancel(BTC, "c1")) is Refusal.NOT_FOUND
            assert report_of(await orders.order(BTC, "c1")).status is VenueStatus.CANCELLED
            await orders.close()

    played(certified, story, BreakAnswer("close", where=TAKING_BACK))


def test_while_the_venue_wants_silence_nothing_is_sent_and_it_is_told_until_when(certified):
    async def story(desk: Desk) -> None:
        first = no(await desk.orders.place(BUYS))
        assert first.refusal is Refusal.LIMITED
        heard = desk.box.server.plan.log.strikes("refuse request")
        second = await desk.orders.place(BUYS)
        assert isinstance(second, NotSent)
        assert second.retry_at_ms is not None
        assert first.retry_at_ms is not None
        assert second.retry_at_ms >= first.retry_at_ms
        assert desk.box.server.plan.log.strikes("refuse request") == heard == 1
        assert not desk.box.orders()

    played(certified, story, RefuseRequest(429, code=-1003, retry_after_s=30, phase="before", where=PLACING))
