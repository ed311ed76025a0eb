"""Rows X14, X15, X21 to X23 and X26 of the fault table: what the venue says of the account, and who else uses it."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.core.errors import VenueError
from bot.core.orders import BUY, SELL
from bot.exchange.accounts import FeeSchedule
from bot.exchange.edits import Edit
from bot.exchange.faults import BreakAnswer, CutList, Lag, RefuseRequest, RewriteAnswer, Silence
from bot.exchange.occasions import Where
from bot.exchange.orders import Kind
from tests.exchange_hand import MARKETS, PIECES, Hand
from tests.live_invariants import account_trades, notices, venue_orders
from tests.live_world import CASH, FROM_MS, MINUTE, Bot, Exchange, running_exchange
from tests.market_time import run
from tests.order_scenarios import between, on_order, play

proof = pytest.mark.proof
PRIVATE = ("order", "openOrders", "account", "myTrades")
MUTE = Silence(where=Where(endpoint="executionReport"))
LOSSES = BreakAnswer(how="close", where=on_order(times=4))
"""With this and without reports, everything has to be looked up."""


def in_pieces(exchange: Exchange) -> None:
    """Have orders be filled in pieces."""
    for market in MARKETS:
        Hand(exchange).quote(market, PIECES)


@pytest.mark.parametrize("by_ms", [2_000, pytest.param(20_000, marks=proof), 45_000])
@pytest.mark.parametrize("endpoint", PRIVATE)
def test_a_look_at_a_copy_that_is_behind_proves_nothing(tmp_path: Path, endpoint: str, by_ms: int) -> None:
    """X14."""
    lag = Lag(by_ms=by_ms, where=between(0, 9, endpoint=endpoint, method="GET"))
    _, bot, _ = play(tmp_path, lag, MUTE, LOSSES, at_first=in_pieces, minutes=9, guard_ms=60_000)
    assert by_ms > 2_000 or not notices(bot)["account_drifted"]


@pytest.mark.parametrize("by_ms", [pytest.param(2_000, marks=proof), 45_000])
def test_all_copies_behind_prove_nothing_either(tmp_path: Path, by_ms: int) -> None:
    """X14."""
    lags = [Lag(by_ms=by_ms, where=between(0, 9, endpoint=one, method="GET")) for one in PRIVATE]
    _, bot, _ = play(tmp_path, *lags, MUTE, LOSSES, at_first=in_pieces, minutes=9, guard_ms=60_000)
    assert by_ms > 2_000 or not notices(bot)["account_drifted"]


@pytest.mark.parametrize(
    ("endpoint", "rows", "of"),
    [("openOrders", 0, ""), ("myTrades", 0, ""), ("myTrades", 2, ""), ("account", 0, "balances")],
)
def test_a_list_that_is_cut_proves_nothing(tmp_path: Path, endpoint: str, rows: int, of: str) -> None:
    """X14."""
    cut = CutList(rows=rows, of=of, where=between(0.5, 6, endpoint=endpoint, times=2))
    _, bot, _ = play(tmp_path, cut, MUTE, LOSSES, at_first=in_pieces, guard_ms=60_000)
    assert not notices(bot)["account_drifted"]


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [(503, -1016, ""), (400, -1016, ""), (400, -1013, "System is under maintenance.")],
)
def test_maintenance_is_waited_out(tmp_path: Path, status: int, code: int, text: str) -> None:
    """X15."""
    faults = [
        RefuseRequest(status=status, code=code, text=text, where=between(2.5, 7, endpoint=one), name="down")
        for one in PRIVATE
    ]
    _, bot, exchange = play(tmp_path, *faults, minutes=7, quiet_minutes=6, guard_ms=300_000)
    placed = [order.time_ms for order in venue_orders(exchange)]
    assert not [at for at in placed if faults[0].where.from_ms < at < FROM_MS + 7 * MINUTE]
    assert max(placed) > FROM_MS + 8 * MINUTE
    assert status >= 500 or notices(bot)["market_barred"]


BNB_FEES = FeeSchedule(bnb_price=Decimal(600))


@pytest.mark.parametrize("fees", [FeeSchedule(Decimal(0), Decimal(0)), FeeSchedule(taker=Decimal("0.005")), BNB_FEES])
@pytest.mark.parametrize("bnb", [pytest.param(0, marks=proof), pytest.param("0.00500000", id="a little BNB"), 5])
def test_fees_are_booked_as_they_are_taken(tmp_path: Path, fees: FeeSchedule, bnb: object) -> None:
    """X21: from base, quote and BNB, none at all, changed while it runs, BNB that ends."""

    async def change(exchange: Exchange, bot: Bot) -> None:
        Hand(exchange).charge(fees)
        await bot.for_candles(8)

    balances = {"USDT": CASH, "BNB": Decimal(str(bnb))}
    _checked, bot, exchange = play(tmp_path, minutes=3, meanwhile=change, balances=balances, in_play=0)
    paid = {trade.commission_asset for trade in account_trades(exchange)}
    assert ("BNB" in paid) is (fees is BNB_FEES and bool(bnb))
    assert not notices(bot)["account_drifted"]


def test_money_of_others_may_come_and_go(tmp_path: Path) -> None:
    """X22: no alarm, but where what is ours is touched; then no entries, until it is back."""

    async def move(exchange: Exchange, bot: Bot) -> None:
        hand = Hand(exchange)
        await hand.a_stop("BTCUSDT")
        for asset, amount in (("BTC", 1), ("BNB", 3), ("USDT", 500), ("BTC", "-0.4"), ("USDT", -60_000)):
            hand.deposit(asset, amount)
            await hand.minutes(0.7)

    outside = {"BTC": Decimal("0.6"), "BNB": Decimal(3), "USDT": Decimal(-59_500)}
    _, bot, _ = play(tmp_path, minutes=2, meanwhile=move, outside=outside, in_play=0)
    assert not notices(bot)["account_drifted"]
    assert notices(bot)["foreign_balance"] >= 3


def test_entries_stop_where_our_money_is_taken_and_come_back_with_it(tmp_path: Path) -> None:
    """X22."""
    spans: list[int] = []

    async def take(exchange: Exchange, bot: Bot) -> None:
        hand = Hand(exchange)
        await hand.a_stop()
        hand.deposit("USDT", -95_000)
        await hand.minutes(2)
        spans.append(exchange.now_ms)
        await hand.minutes(4)
        spans.append(exchange.now_ms)
        hand.deposit("USDT", 95_000)
        await hand.minutes(6)

    _, bot, exchange = play(tmp_path, minutes=2, meanwhile=take, in_play=0)
    bought = [order.time_ms for order in venue_orders(exchange) if order.side is BUY]
    assert not [at for at in bought if spans[0] < at < spans[1]]
    assert [at for at in bought if at > spans[1]]
    assert notices(bot)["account_drifted"]
    assert notices(bot)["account_agrees"] == 1


def test_coins_of_ours_that_are_sold_by_hand_are_missed_and_not_sold_again(tmp_path: Path) -> None:
    """X22: our stop is cancelled by hand too."""
    posts: list[int] = []

    async def sell(exchange: Exchange, bot: Bot) -> None:
        hand = Hand(exchange)
        exchange.server.plan.is_watched = True
        stop = await hand.a_stop("BTCUSDT")
        hand.cancel(stop, aloud=False)
        hand.place("BTCUSDT", SELL, Kind.MARKET, stop.quantity)
        before = len(exchange.server.plan.log.told("request"))
        await hand.minutes(5)
        posts.append(sum("POST" in one.text for one in exchange.server.plan.log.told("request")) - before)

    _, bot, _ = play(tmp_path, minutes=2, meanwhile=sell, in_play=0)
    assert notices(bot)["account_drifted"] >= 1
    assert notices(bot)["holding_short"] == 1
    assert 0 < posts[0] < 5


@pytest.mark.parametrize(
    "foreign",
    [pytest.param({}, marks=proof, id="poor"), pytest.param({"BTC": Decimal(1), "ETH": Decimal(10)}, id="rich")],
)
@pytest.mark.parametrize(
    ("when", "on"), [("at an exit", 2), ("later", 2), ("in the middle", 12), ("in a crash", 12), ("flat", 2)]
)
def test_a_venue_that_begins_anew_is_met_without_a_phantom_sale(
    tmp_path: Path, when: str, on: int, foreign: dict[str, Decimal]
) -> None:
    """X23: with a position open, whatever is under way; and with none."""

    async def begin_anew(exchange: Exchange, bot: Bot) -> None:
        hand = Hand(exchange)
        await hand.a_stop()
        await hand.minutes({"later": 1.2, "in the middle": 0.3}.get(when, 0))
        if when == "flat":
            await hand.until(lambda: not any(hand.has_bought(market) for market in MARKETS))
        if when == "in a crash":
            await bot.kill()
        hand.reset()
        if when == "in a crash":
            bot.start()
        await hand.minutes(5)

    balances = {"USDT": CASH, **foreign}
    _, bot, exchange = play(tmp_path, minutes=2, meanwhile=begin_anew, balances=balances, in_play=0, on=on)
    assert notices(bot)["epoch_began"] == (0 if when == "flat" else 1)
    for market in MARKETS:
        mine = [trade for trade in account_trades(exchange) if trade.symbol == market]
        bought = sum(trade.quantity for trade in mine if trade.side is BUY)
        assert sum(trade.quantity for trade in mine if trade.side is SELL) <= bought


INFO: list[dict[str, Any]] = [
    {"symbols": []},
    {"symbols": None},
    {"symbols": [{"symbol": "BTCUSDT"}]},
    {"symbols.1.symbol": "DOGEUSDT", "symbols.0.symbol": "PEPEUSDT"},
    {"symbols.0.filters.1.stepSize": "NaN"},
    {"symbols.0.filters.0.tickSize": "-1"},
    {"symbols.0.filters": {"filterType": "LOT_SIZE"}},
    {"symbols": [{"symbol": f"X{number}USDT"} for number in range(5_000)]},
]


@pytest.mark.parametrize("lie", INFO)
def test_a_bot_does_not_start_on_rules_that_it_cannot_read(tmp_path: Path, lie: dict[str, Any]) -> None:
    """X26."""
    fault = RewriteAnswer(edit=Edit(set=lie), where=Where(endpoint="exchangeInfo"))

    async def story() -> None:
        async with running_exchange(tmp_path, fault) as exchange:
            bot = Bot(tmp_path / "bot", exchange)
            bot.start()
            with pytest.raises(VenueError):
                await bot.ended()
            assert not venue_orders(exchange)

    run(story())


@pytest.mark.parametrize("lie", [*INFO[:5], *(pytest.param(lie, marks=proof) for lie in INFO[5:])])
def test_rules_that_cannot_be_read_leave_the_old_ones_in_force(tmp_path: Path, lie: dict[str, Any]) -> None:
    """X26: while it runs."""
    fault = RewriteAnswer(edit=Edit(set=lie), where=between(0.5, 30, endpoint="exchangeInfo"))
    refusal = RefuseRequest(status=400, code=-1013, text="Filter failure: LOT_SIZE", where=on_order(times=2))
    checked, *_ = play(tmp_path, fault, refusal)
    assert checked.fills >= 4
