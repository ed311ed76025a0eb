"""The private stream against the embedded exchange, over TLS and by Binance's name, with what can go wrong there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bot.adapters.account_stream import AccountStream
from bot.adapters.api_keys import Credentials
from bot.adapters.order_messages import Balance, OrderHeard, OrderReport, StreamChanged, VenueStatus
from bot.adapters.rate_budget import RateBudget
from bot.adapters.request_gate import RequestGate
from bot.adapters.venue_clock import VenueClock
from bot.adapters.venue_peers import LoopbackPeer, VenuePeers, tls_context
from bot.adapters.venues.account_messages import AccountNews, BalanceMoved, BalancesTold, OrderListTold
from bot.adapters.venues.binance_account import BinanceAccount, account_url
from bot.exchange.account_faults import EndStream
from bot.exchange.faults import (
    AnyFault,
    GoDark,
    HangUpAtOnce,
    IgnoreHandshake,
    InjectJunk,
    MishandleRequest,
    RefuseHandshake,
    ShutDown,
    StopPinging,
    kind_of,
)
from bot.exchange.occasions import Where
from bot.exchange.tls import Certified, certify
from bot.exchange.ws_session import SUBSCRIBE
from tests.market_time import run
from tests.unit.bot.exchange.account_exchange import FROM_MS, KEY, LIMIT, PAIR, SECRET, Exchange, exchange

HOST = "ws-api.binance.com"
FIRST = Where(endpoint="ws-api", times=1)
LONG_S = 1e6


class Listening:
    """An exchange, and what was heard of an account there."""

    def __init__(self, venue: Exchange) -> None:
        self.venue = venue
        self.loop = asyncio.get_running_loop()
        self.told: list[tuple[int, OrderHeard | StreamChanged]] = []
        self.news: list[AccountNews] = []

    def tell(self, given: OrderHeard | StreamChanged) -> None:
        self.told.append((round(self.loop.time()), given))

    @property
    def reports(self) -> list[OrderReport]:
        return [given.report for _, given in self.told if isinstance(given, OrderHeard)]

    @property
    def changes(self) -> list[tuple[int, bool]]:
        return [(at_s, given.is_live) for at_s, given in self.told if isinstance(given, StreamChanged)]


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certify(tmp_path_factory.mktemp("tls"), datetime.now(UTC))


@asynccontextmanager
async def listening(certified: Certified, *faults: AnyFault) -> AsyncIterator[Listening]:
    async with exchange(*faults, within_s=LONG_S) as venue:
        heard = Listening(venue)
        # The exchange's time stands still, and so does what is known of it.
        clock = VenueClock(expected_ms=FROM_MS, monotonic_s=lambda: 0.0, wall_s=lambda: FROM_MS / 1_000)
        stream = AccountStream(
            account_url(HOST),
            BinanceAccount({"BTCUSDT": "BTC/USDT"}),
            Credentials(KEY, SECRET),
            heard.tell,
            clock=clock,
            gate=RequestGate(RateBudget(), clock),
            peers=VenuePeers({HOST: LoopbackPeer(await venue.server.open_also(certified.context))}),
            tls=tls_context(certified.ca_file),
            on_news=heard.news.append,
            jitter=lambda: 0.0,
        )
        running = asyncio.create_task(stream.run())
        try:
            yield heard
            assert not running.done(), running
            assert all(venue.log.strikes(kind_of(fault)) for fault in faults)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def heard_after(
    seconds: float,
    certified: Certified,
    *faults: AnyFault,
    deeds: Callable[[Exchange], Awaitable[object]] | None = None,
) -> Listening:
    """What was heard after so long; deeds are done once the stream is live."""

    async def story() -> Listening:
        async with listening(certified, *faults) as heard:
            await asyncio.sleep(seconds / 2)
            if deeds:
                await deeds(heard.venue)
            await asyncio.sleep(seconds / 2)
        return heard

    return run(story())


def test_a_purchase_is_heard_trade_by_trade(certified: Certified) -> None:
    heard = heard_after(10, certified, deeds=lambda venue: venue.buy("0.15", newClientOrderId="mine"))
    assert heard.changes == [(0, True)]
    assert [report.status for report in heard.reports] == [
        VenueStatus.NEW,
        VenueStatus.PARTIALLY_FILLED,
        VenueStatus.FILLED,
    ]
    assert {report.client_order_id for report in heard.reports} == {"mine"}
    trades = [trade for report in heard.reports for trade in report.trades]
    assert sum(trade.quantity for trade in trades) == heard.reports[-1].executed == Decimal("0.15")
    assert len({trade.trade_id for trade in trades}) == len(trades) == 2
    balances = [one for one in heard.news if isinstance(one, BalancesTold)][-1].balances
    assert balances["BTC"].total > 1
    assert balances["USDT"].free < 100_000


def test_a_cancelled_order_is_heard_under_its_own_id(certified: Certified) -> None:
    async def deeds(venue: Exchange) -> None:
        await venue.order("POST", "order", **LIMIT, newClientOrderId="mine")
        await venue.order("DELETE", "order", symbol="BTCUSDT", origClientOrderId="mine", newClientOrderId="cancel")

    heard = heard_after(10, certified, deeds=deeds)
    assert [(report.client_order_id, report.status) for report in heard.reports] == [
        ("mine", VenueStatus.NEW),
        ("mine", VenueStatus.CANCELLED),
    ]
    assert [one.balances["USDT"] for one in heard.news if isinstance(one, BalancesTold)] == [
        Balance(Decimal(98_000), Decimal(2_000)),
        Balance(Decimal(100_000)),
    ]


def test_a_pair_of_orders_and_money_from_outside_are_heard(certified: Certified) -> None:
    async def deeds(venue: Exchange) -> None:
        await venue.order("POST", "orderList/oco", **PAIR)
        venue.server.trading.venue.deposit("main", "BTC", Decimal("0.5"), FROM_MS)
        venue.server.trading.tell()

    heard = heard_after(10, certified, deeds=deeds)
    assert [one.status for one in heard.news if isinstance(one, OrderListTold)] == ["EXECUTING"]
    assert [one.amount for one in heard.news if isinstance(one, BalanceMoved)] == [Decimal("0.5")]


def test_a_revoked_key_is_told_and_tried_again_rarely(certified: Certified) -> None:
    async def deeds(venue: Exchange) -> None:
        venue.server.trading.revoke(KEY)

    heard = heard_after(1_000, certified, deeds=deeds)
    assert [is_live for _, is_live in heard.changes] == [True, False, False]
    last = heard.told[-1][1]
    assert isinstance(last, StreamChanged)
    assert "-2015" in last.reason


@pytest.mark.parametrize(
    ("fault", "changes"),
    [
        (HangUpAtOnce(1008, where=FIRST), [(0, False), (1, True)]),
        (IgnoreHandshake(where=FIRST), [(10, False), (11, True)]),
        (RefuseHandshake(503, where=FIRST), [(0, False), (1, True)]),
        (MishandleRequest("silent", where=Where(endpoint=SUBSCRIBE, times=1)), [(10, False), (11, True)]),
        (MishandleRequest("wrong id", where=Where(endpoint=SUBSCRIBE, times=1)), [(10, False), (11, True)]),
    ],
    ids=lambda value: kind_of(value) if not isinstance(value, list) else "",
)
def test_what_goes_wrong_at_the_beginning_is_overcome(certified: Certified, fault: AnyFault, changes: list) -> None:
    assert heard_after(60, certified, fault).changes == changes


def instants(venue: Exchange) -> Awaitable[None]:
    """At which whatever is planned for standing connections happens."""
    return venue.instant(1)


@pytest.mark.parametrize(
    ("fault", "seconds", "changes"),
    [
        (EndStream(where=FIRST), 40, [(0, True), (20, False), (21, True)]),
        (GoDark(where=FIRST), 200, [(0, True), (121, False), (122, True)]),
        (StopPinging(where=Where(endpoint="ws-api")), 100, [(0, True), (90, False), (91, True)]),
        (ShutDown(500, where=FIRST), 40, [(0, True)]),
    ],
    ids=lambda value: kind_of(value) if not isinstance(value, list | int) else "",
)
def test_what_goes_wrong_later_is_told_and_overcome(
    certified: Certified, fault: AnyFault, seconds: int, changes: list
) -> None:
    assert heard_after(seconds, certified, fault, deeds=instants).changes == changes


def test_nonsense_does_not_end_the_stream(certified: Certified) -> None:
    junk = [InjectJunk(what, where=Where(endpoint="executionReport", times=1)) for what in ("binary", "invalid json")]
    heard = heard_after(10, certified, *junk, deeds=lambda venue: venue.buy("0.05"))
    assert heard.changes == [(0, True)]
    assert heard.reports[-1].status is VenueStatus.FILLED
