"""Money, closed markets, limits, questions, and what an account is told."""

import pytest

from bot.core.orders import BUY, SELL
from bot.exchange.account_events import BalancesEvent, DepositEvent, Execution, OrderEvent
from bot.exchange.accounts import FeeSchedule
from bot.exchange.depth import Depth, Tick
from bot.exchange.orders import ExpiryReason, Kind, NewOrder, Status
from bot.exchange.requests import (
    HistoryQuery,
    OrderRef,
)
from bot.exchange.traded_market import MarketStatus
from bot.exchange.weights import Limit, Limits
from tests.unit.bot.exchange.trading_desk import (
    ALICE,
    BOB,
    COIN,
    Desk,
    d,
    limit,
    market,
    refused,
    stop,
)

FREE = FeeSchedule(maker=d(0), taker=d(0))
NOBODY = Depth(levels=0)
INSUFFICIENT = "Account has insufficient balance for requested action."


def test_a_commission_is_taken_out_of_what_is_received() -> None:
    desk = Desk()
    bought = desk.place(market(BUY)).trades[0]
    sold = desk.place(market(SELL)).trades[0]
    assert (bought.commission, bought.commission_asset) == (d("0.001"), "COIN")
    assert (sold.commission, sold.commission_asset) == (d("0.0999"), "USDT")
    assert desk.free("COIN") == d("99.999")


def test_all_that_was_bought_cannot_be_sold_because_of_the_commission() -> None:
    desk = Desk(funds={"USDT": d(1_000)})
    desk.place(market(BUY, "1"))
    with refused(-2010, INSUFFICIENT):
        desk.place(market(SELL, "1"))


def test_a_maker_pays_the_makers_commission() -> None:
    desk = Desk(fees=FeeSchedule(maker=d(0), taker=d("0.01")))
    resting = desk.place(limit(BUY, "98")).order
    desk.price("97.80")
    made = desk.venue.inquiries.my_trades(ALICE, HistoryQuery(COIN, order_id=resting.order_id), desk.now_ms)
    assert [(trade.is_maker, trade.commission) for trade in made] == [(True, 0)]


@pytest.mark.parametrize(("bnb", "asset", "commission"), [("1", "BNB", "0.00025025"), ("0.0001", "COIN", "0.001")])
def test_a_commission_is_taken_in_bnb_as_long_as_there_is_enough(bnb: str, asset: str, commission: str) -> None:
    desk = Desk(funds={"USDT": d(1_000), "BNB": d(bnb)}, fees=FeeSchedule(bnb_price=d(300)))
    trade = desk.place(market(BUY)).trades[0]
    assert (trade.commission_asset, trade.commission) == (asset, d(commission))


def test_the_commission_may_change_between_two_trades() -> None:
    desk = Desk()
    desk.place(market(BUY))
    desk.venue.ledger.accounts[ALICE].fees = FREE
    assert desk.place(market(BUY)).trades[0].commission == 0


def test_money_comes_and_goes_from_outside() -> None:
    desk = Desk()
    desk.venue.deposit(ALICE, "USDT", d("12.5"), desk.tick())
    desk.venue.deposit(ALICE, "COIN", d(-40), desk.tick())
    assert (desk.free("USDT"), desk.free("COIN")) == (d("100012.5"), d(60))
    with refused(-2010, INSUFFICIENT):
        desk.venue.deposit(ALICE, "COIN", d(-61), desk.tick())
    told = [event.amount for event in desk.venue.drain() if isinstance(event, DepositEvent)]
    assert told == [d("12.5"), d(-40)]


def test_nothing_is_made_or_lost_in_a_trade() -> None:
    desk = Desk()
    before = desk.venue.ledger.totals()
    desk.place(market(BUY, "20"))
    desk.place(limit(BUY, "98", "15"))
    desk.place(stop(SELL, "99", "7"))
    desk.price("97.5")
    assert desk.venue.ledger.totals() == before


@pytest.mark.parametrize("status", [status for status in MarketStatus if status is not MarketStatus.TRADING])
def test_a_market_that_does_not_trade_takes_no_orders(status: MarketStatus) -> None:
    desk = Desk()
    resting = desk.place(limit(BUY, "98")).order
    desk.venue.set_status(COIN, status)
    with refused(-1013, "Market is closed."):
        desk.place(market(BUY))
    desk.price("90")
    assert desk.order(resting.order_id).status is Status.NEW
    if status.may_cancel:
        assert desk.cancel(resting.order_id).status is Status.CANCELED
    else:
        with refused(-1013, "Market is closed."):
            desk.cancel(resting.order_id)


def test_a_market_that_opens_again_jumps_to_where_the_price_is() -> None:
    desk = Desk()
    waiting = desk.place(stop(SELL, "99")).order
    desk.venue.set_status(COIN, MarketStatus.BREAK)
    desk.price("95")
    desk.venue.set_status(COIN, MarketStatus.TRADING)
    desk.price("94")
    assert desk.order(waiting.order_id).amount == d("93.9")


def test_an_account_may_be_barred_from_trading() -> None:
    desk = Desk()
    desk.venue.ledger.accounts[ALICE].may_trade = False
    with refused(-2010, "This account may not place or cancel orders."):
        desk.place(market(BUY))
    assert desk.place(market(BUY), BOB).order.status is Status.FILLED


def test_an_unknown_market_is_refused() -> None:
    with refused(-1121, "Invalid symbol."):
        Desk().place(NewOrder("XUSDT", BUY, Kind.MARKET, d(1)))


def test_an_exchange_may_end_an_order_without_a_reason() -> None:
    desk = Desk()
    resting = desk.place(limit(SELL, "105")).order
    desk.venue.expire(ALICE, OrderRef(COIN, resting.order_id), desk.tick())
    gone = desk.order(resting.order_id)
    assert (gone.status, gone.expiry) == (Status.EXPIRED, ExpiryReason.EXCHANGE_CANCELED)
    assert desk.locked("COIN") == 0


def test_too_many_unfilled_orders_are_refused_until_the_window_ends() -> None:
    desk = Desk(limits=Limits(orders=(Limit("ORDERS", "SECOND", 10, 3, 10_000),)))
    desk.now_ms = 10_000
    for _ in range(3):
        desk.place(limit(BUY, "98"))
    with refused(-1015, "Too many new orders; current limit is 3 orders per 10 SECOND.", 429):
        desk.place(limit(BUY, "98"))
    desk.now_ms = 20_000
    assert desk.place(limit(BUY, "98")).order.status is Status.NEW


def test_orders_that_trade_do_not_count() -> None:
    desk = Desk(limits=Limits(orders=(Limit("ORDERS", "SECOND", 10, 1, 10_000),)))
    desk.now_ms = 10_000
    for _ in range(4):
        assert desk.place(market(BUY)).order.status is Status.FILLED


def test_an_order_that_never_was_is_not_shown() -> None:
    desk = Desk()
    desk.place(limit(BUY, "98"), BOB)
    with refused(-2013, "Order does not exist."):
        desk.order(1)


def test_a_number_and_a_client_id_have_to_agree() -> None:
    desk = Desk()
    desk.place(limit(BUY, "98", client_order_id="mine"))
    with refused(-2039, "Client order ID is not correct for this order ID."):
        desk.venue.inquiries.order(ALICE, OrderRef(COIN, 1, "other"), desk.now_ms)


def test_a_venue_that_is_behind_answers_as_of_a_moment_ago() -> None:
    desk = Desk()
    resting = desk.place(limit(BUY, "98")).order
    placed_ms = desk.now_ms
    desk.price("97.80")
    ask = desk.venue.inquiries
    ref = OrderRef(COIN, resting.order_id)
    with refused(-2013, "Order does not exist."):
        ask.order(ALICE, ref, placed_ms - 1)
    assert ask.order(ALICE, ref, placed_ms).status is Status.NEW
    assert [one.status for one in ask.open_orders(ALICE, COIN, placed_ms)] == [Status.NEW]
    assert ask.my_trades(ALICE, HistoryQuery(COIN), placed_ms) == []
    assert ask.balances(ALICE, placed_ms)[1]["USDT"].locked == d(98)
    assert ask.order(ALICE, ref, desk.now_ms).status is Status.FILLED
    assert ask.open_orders(ALICE, COIN, desk.now_ms) == []
    assert ask.balances(ALICE, desk.now_ms)[1]["USDT"].locked == 0


def test_trades_are_found_by_order_number_time_and_count() -> None:
    desk = Desk()
    for _ in range(4):
        desk.place(market(BUY))

    def found(**asked) -> list[int]:
        query = HistoryQuery(COIN, **asked)
        return [trade.trade_id for trade in desk.venue.inquiries.my_trades(ALICE, query, desk.now_ms)]

    times = [trade.time_ms for trade in desk.venue.inquiries.my_trades(ALICE, HistoryQuery(COIN), desk.now_ms)]
    assert found() == [1, 2, 3, 4]
    assert found(order_id=3) == [3]
    assert found(from_id=3) == [3, 4]
    assert found(limit=2) == [3, 4]
    assert found(from_id=1, limit=2) == [1, 2]
    assert found(start_ms=times[1], end_ms=times[2]) == [2, 3]


def test_orders_are_listed_from_a_number_on_or_the_newest() -> None:
    desk = Desk()
    for _ in range(4):
        desk.place(market(BUY))

    def found(**asked) -> list[int]:
        query = HistoryQuery(COIN, **asked)
        return [one.order_id for one in desk.venue.inquiries.all_orders(ALICE, query, desk.now_ms)]

    assert (found(), found(limit=1), found(order_id=2, limit=2)) == ([1, 2, 3, 4], [4], [2, 3])


def test_an_order_can_be_vetted_without_being_placed() -> None:
    desk = Desk()
    desk.venue.vet(ALICE, market(BUY), desk.now_ms)
    with refused(-1013, "Filter failure: LOT_SIZE"):
        desk.venue.vet(ALICE, market(BUY, "0"), desk.now_ms)
    assert desk.venue.inquiries.all_orders(ALICE, HistoryQuery(COIN), desk.now_ms) == []


def test_every_step_of_an_order_is_told_once_and_then_the_balances() -> None:
    desk = Desk()
    desk.venue.drain()
    desk.place(market(BUY, "12"))
    events = desk.venue.drain()
    steps = [(event.execution, event.order.status) for event in events if isinstance(event, OrderEvent)]
    assert steps == [
        (Execution.NEW, Status.NEW),
        (Execution.TRADE, Status.PARTIALLY_FILLED),
        (Execution.TRADE, Status.FILLED),
    ]
    last = events[-1]
    assert isinstance(last, BalancesEvent)
    assert set(last.balances) == {"COIN", "USDT"}
    assert desk.venue.drain() == []


def test_a_cancel_is_told_with_its_own_id() -> None:
    desk = Desk()
    resting = desk.place(limit(BUY, "98", client_order_id="mine")).order
    desk.venue.drain()
    desk.cancel(resting.order_id, cancel_id="bye")
    told = next(event for event in desk.venue.drain() if isinstance(event, OrderEvent))
    assert (told.execution, told.cancel_id, told.order.client_order_id) == (Execution.CANCELED, "bye", "mine")


def test_a_gap_is_a_jump_even_where_no_order_waits() -> None:
    desk = Desk()
    desk.venue.move(COIN, Tick(desk.tick(), d(50), gap=True))
    assert desk.place(market(BUY)).trades[0].price == d("50.05")
