"""Rows X16 to X19 and X24 of the fault table: markets that close, empty, gap, or take orders away."""

from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal
from functools import partial
from pathlib import Path

import pytest

from bot.adapters.journal_reader import read_run
from bot.adapters.order_messages import Answered, VenueStatus
from bot.core.commands import SubmitOrder
from bot.core.orders import SELL, Intent, OrderType, Purpose
from bot.exchange.depth import Depth
from bot.exchange.edits import Edit
from bot.exchange.faults import AnyFault, Latency, RefuseRequest, RewriteAnswer, Silence
from bot.exchange.market import MarketModel
from bot.exchange.occasions import Where
from bot.exchange.orders import Kind, Status, VenueOrder
from bot.exchange.traded_market import MarketStatus
from bot.exchange.wire_log import WireLog
from tests.exchange_hand import DEEP, MARKETS, NOBODY, PIECES, THIN, Hand
from tests.live_invariants import notices, venue_orders
from tests.live_world import MINUTE, Bot, Exchange, account_at, running_exchange
from tests.market_time import run
from tests.order_scenarios import between, on_order, play

proof = pytest.mark.proof
FALLS = MarketModel(jump_chance=1 / 5)
"""A market in which stops have work."""


def sent(exchange: Exchange, method: str = "POST") -> int:
    """How many requests about orders there were, answered well or badly."""
    begins = (f"{method} /api/v3/order ", f"{method} /api/v3/order?")
    return sum(one.text.startswith(begins) for one in exchange.server.plan.log.told("request"))


def watch(exchange: Exchange) -> None:
    """Have every request logged."""
    exchange.server.plan.is_watched = True


def stops_of(bot: Bot) -> set[str]:
    """The ids of all stops that the bot decided on."""
    deeds = (one for one in read_run(bot.run_folder).records() if isinstance(one, SubmitOrder))
    intents = (deed.approved.intent for deed in deeds)
    return {intent.client_order_id for intent in intents if intent.type is OrderType.STOP}


def _struck_since(log: WireLog, number: int) -> bool:
    return log.strikes("latency") > number


@pytest.mark.parametrize(
    "status",
    [
        MarketStatus.BREAK,
        MarketStatus.CANCEL_ONLY,
        pytest.param(MarketStatus.HALT, marks=proof),
        pytest.param(MarketStatus.END_OF_DAY, marks=proof),
    ],
)
def test_a_market_that_closes_is_not_entered_and_what_is_held_is_sold_when_it_opens(
    tmp_path: Path, status: MarketStatus
) -> None:
    """X16."""
    closed: list[int] = []

    async def close(exchange: Exchange, bot: Bot) -> None:
        hand = Hand(exchange)
        watch(exchange)
        await hand.a_stop("BTCUSDT")
        hand.set_status("BTCUSDT", status)
        closed.append(exchange.now_ms)
        before = sent(exchange)
        await hand.minutes(3)
        closed.append(exchange.now_ms)
        assert sent(exchange) - before < 40
        hand.set_status("BTCUSDT", MarketStatus.TRADING)
        await hand.minutes(6)

    _checked, bot, exchange = play(tmp_path, minutes=2, meanwhile=close, in_play=0)
    in_btc = [order.time_ms for order in venue_orders(exchange) if order.symbol == "BTCUSDT"]
    assert not [at for at in in_btc if closed[0] < at < closed[1]]
    assert [at for at in in_btc if at > closed[1]]
    assert notices(bot)["market_barred"] == notices(bot)["market_open"] >= 1


@pytest.mark.parametrize("depth", [PIECES, THIN])
def test_orders_that_are_filled_in_pieces_or_in_part_are_booked_as_they_were(tmp_path: Path, depth: Depth) -> None:
    """X17."""

    def thin(exchange: Exchange) -> None:
        for market in MARKETS:
            Hand(exchange).quote(market, depth)

    checked, _, exchange = play(tmp_path, at_first=thin, in_play=0)
    assert checked.fills > 3 * checked.orders / 2
    if depth is THIN:
        assert any(order.status is Status.EXPIRED and order.executed for order in venue_orders(exchange))


@pytest.mark.parametrize("is_silent", [False, True])
def test_a_stop_that_is_filled_while_it_is_cancelled_sells_once(tmp_path: Path, is_silent: bool) -> None:
    """X17: the cancel is on its way for so long that the stop is filled before it."""

    async def gap(exchange: Exchange, bot: Bot) -> None:
        hand, log = Hand(exchange), exchange.server.plan.log
        for _ in range(2):
            stop = await hand.a_stop()
            asked = log.strikes("latency")
            await log.until(partial(_struck_since, log, asked))
            hand.gap(stop.symbol, 0.8)

    faults: list[AnyFault] = [Latency(ms=3_000, where=on_order("DELETE", times=None))]
    if is_silent:
        faults.append(Silence(where=between(0, 30, endpoint="executionReport")))
    _checked, _, exchange = play(tmp_path, *faults, minutes=2, meanwhile=gap)
    assert any(order.kind is Kind.STOP_LOSS and order.status is Status.FILLED for order in venue_orders(exchange))


@pytest.mark.parametrize("is_silent", [False, True])
def test_stops_sell_once_where_the_price_falls_by_itself(tmp_path: Path, is_silent: bool) -> None:
    """X18: through every price between."""
    faults = [Silence(where=between(0, 30, endpoint="executionReport"))] if is_silent else []
    _checked, _, exchange = play(tmp_path, *faults, minutes=14, model=FALLS, in_play=0, on=6, off=1)
    assert any(order.kind is Kind.STOP_LOSS and order.status is Status.FILLED for order in venue_orders(exchange))


@pytest.mark.parametrize("is_silent", [False, True])
def test_a_price_that_falls_through_a_stop_sells_at_what_there_is(tmp_path: Path, is_silent: bool) -> None:
    """X18: over everything between."""
    gone: list[VenueOrder] = []

    async def gap(exchange: Exchange, bot: Bot) -> None:
        hand = Hand(exchange)
        for factor in (0.95, 0.5):
            gone.append(await hand.a_stop())
            hand.gap(gone[-1].symbol, factor)
            await hand.minutes(2)

    faults = [Silence(where=between(0, 30, endpoint="executionReport"))] if is_silent else []
    _, _, exchange = play(tmp_path, *faults, minutes=2, meanwhile=gap, in_play=0)
    ended = {(order.symbol, order.order_id): order for order in venue_orders(exchange)}
    assert all(ended[one.symbol, one.order_id].status is Status.FILLED for one in gone)


@pytest.mark.parametrize("is_silent", [False, pytest.param(True, marks=proof)])
def test_a_stop_that_finds_nobody_to_sell_to_is_alarmed_and_sold_later_without_a_circle_of_orders(
    tmp_path: Path, is_silent: bool
) -> None:
    """X18: triggered without liquidity."""
    orders: list[int] = []

    async def empty(exchange: Exchange, bot: Bot) -> None:
        hand = Hand(exchange)
        watch(exchange)
        stop = await hand.a_stop()
        hand.quote(stop.symbol, NOBODY)
        before = sent(exchange)
        hand.gap(stop.symbol, 0.97)
        await hand.minutes(4)
        orders.append(sent(exchange) - before)
        hand.quote(stop.symbol, DEEP)
        await hand.minutes(2)

    faults = [Silence(where=between(0, 30, endpoint="executionReport"))] if is_silent else []
    _, bot, _ = play(tmp_path, *faults, minutes=2, meanwhile=empty, in_play=0)
    assert 0 < orders[0] < 60
    assert notices(bot)["bare_position"] >= 1


@pytest.mark.parametrize(
    "take",
    [Hand.expire, Hand.cancel, partial(Hand.cancel, aloud=False)],
    ids=["by the venue", "by hand", "without a word"],
)
@pytest.mark.parametrize("lie", ["nothing", "gone"])
def test_a_stop_that_is_taken_away_is_replaced(
    tmp_path: Path, take: Callable[[Hand, VenueOrder], None], lie: str
) -> None:
    """X19: whether the venue knows of it afterwards or not."""

    async def taken(exchange: Exchange, bot: Bot) -> None:
        hand = Hand(exchange)
        stop = await hand.a_stop("BTCUSDT")
        take(hand, stop)
        if lie == "gone":
            where = on_order("GET", times=None, client_id=stop.client_order_id)
            exchange.server.plan.add([RefuseRequest(status=400, code=-2013, where=where)])
        await hand.until(lambda: bool(hand.open_stops("BTCUSDT")), within_minutes=6)

    play(tmp_path, minutes=2, meanwhile=taken, in_play=0, on=12, off=1, guard_ms=130_000)


def test_a_venue_that_takes_every_stop_away_is_not_given_them_in_a_circle(tmp_path: Path) -> None:
    """X19: alarmed, and sold."""
    posts: list[int] = []

    async def take(exchange: Exchange, bot: Bot) -> None:
        hand = Hand(exchange)
        watch(exchange)
        await hand.a_stop("BTCUSDT")
        before = sent(exchange)
        until_ms = exchange.now_ms + 3 * MINUTE
        while exchange.now_ms < until_ms:
            for stop in hand.open_stops("BTCUSDT"):
                hand.expire(stop)
            await hand.minutes(0.005)
        posts.append(sent(exchange) - before)

    _, bot, _ = play(tmp_path, minutes=2, meanwhile=take, in_play=0, on=12, off=1)
    assert posts[0] < 30
    assert notices(bot)["bare_position"]


def test_a_market_that_is_taken_off_the_list_is_alarmed_and_not_asked_in_a_circle(tmp_path: Path) -> None:
    """X16."""
    posts: list[int] = []

    async def delist(exchange: Exchange, bot: Bot) -> None:
        hand = Hand(exchange)
        watch(exchange)
        await hand.a_stop("BTCUSDT")
        gone = [
            RefuseRequest(status=400, code=-1121, text="Invalid symbol.", where=Where(symbol="BTCUSDT", endpoint=one))
            for one in ("order", "myTrades", "openOrders")
        ]
        unlisted = RewriteAnswer(edit=Edit(set={"symbols": []}), where=Where(endpoint="exchangeInfo"))
        exchange.server.plan.add([*gone, unlisted])
        before = sent(exchange) + sent(exchange, "DELETE")
        await hand.minutes(4)
        posts.append(sent(exchange) + sent(exchange, "DELETE") - before)

    _, bot, _ = play(tmp_path, minutes=2, meanwhile=delist, in_play=0)
    assert posts[0] < 60
    assert notices(bot)["bare_position"]


async def _pair(exchange: Exchange, folder: Path, *, falls: bool) -> tuple[VenueStatus, VenueStatus]:
    """What becomes of a limit and a stop of which one cancels the other."""
    hand = Hand(exchange)
    async with account_at(exchange, folder) as account:
        await account.orders.rules(["BTC/USDT"])
        hand.buy_some("BTCUSDT", 2_000)
        last = hand.last("BTCUSDT")
        quantity, up, down = Decimal("0.01"), last * Decimal("1.02"), last * Decimal("0.98")
        limit, stop = (
            Intent(f"pair-{kind}", "BTC/USDT", SELL, kind, quantity, Purpose.EXIT, exchange.now_ms, **prices)
            for kind, prices in (
                (OrderType.LIMIT, {"limit_price": round(up, 2)}),
                (OrderType.STOP, {"stop_price": round(down, 2)}),
            )
        )
        placed = await account.orders.place_pair(limit, stop)
        assert all(isinstance(one, Answered) and one.report.status is VenueStatus.NEW for one in placed)
        hand.gap("BTCUSDT", 0.97 if falls else 1.03)
        found = [await account.orders.order("BTC/USDT", one.client_order_id) for one in (limit, stop)]
        _, still_open = await account.orders.account(["BTC/USDT"])
        assert not still_open
        statuses = [one.report.status for one in found if isinstance(one, Answered)]
        assert len(statuses) == 2
        return statuses[0], statuses[1]


@pytest.mark.parametrize("falls", [True, False])
def test_of_a_pair_one_is_filled_and_the_other_is_over(tmp_path: Path, falls: bool) -> None:
    """X18: through ccxt."""

    async def story() -> tuple[VenueStatus, VenueStatus]:
        async with running_exchange(tmp_path) as exchange:
            return await _pair(exchange, tmp_path, falls=falls)

    limit, stop = run(story())
    filled, ended = (stop, limit) if falls else (limit, stop)
    assert (filled, ended) == (VenueStatus.FILLED, VenueStatus.EXPIRED)


@pytest.mark.parametrize("most", [0, 1])
def test_a_stop_that_cannot_rest_there_is_watched_here_and_sells_once(tmp_path: Path, most: int) -> None:
    """X24."""

    def fill_up(exchange: Exchange) -> None:
        hand = Hand(exchange)
        for market in MARKETS:
            hand.limit_stops(market, most)
            if most:
                bought = hand.buy_some(market, 1_000).order.executed
                price = (hand.last(market) / 2).quantize(Decimal("0.01"))
                hand.place(
                    market, SELL, Kind.STOP_LOSS, (bought / 2).quantize(Decimal("0.001"), ROUND_DOWN), stop_price=price
                )

    checked, bot, exchange = play(
        tmp_path, at_first=fill_up, minutes=14, model=FALLS, in_play=0, on=6, off=1, guard_ms=10**9
    )
    assert not checked.stops
    watched = stops_of(bot)
    assert [one for one in venue_orders(exchange) if one.client_order_id in watched and one.executed]
