"""Corners of trading where two rules meet: fees and what is left, all-or-nothing and own orders, ids and bans."""

import pytest

from bot.core.orders import BUY, SELL
from bot.exchange.accounts import Account, FeeSchedule
from bot.exchange.depth import Depth, Tick
from bot.exchange.listing import Listing
from bot.exchange.order_rules import MarketRules, MaxPosition
from bot.exchange.orders import ExpiryReason, Kind, NewOrder, SelfTrade, Status, TimeInForce
from bot.exchange.requests import CancelOrder, ListRef, OrderRef
from bot.exchange.trading import TradingVenue
from tests.unit.bot.exchange.trading_desk import ALICE, COIN, THIN, Desk, d, for_amount, limit, refused, sell_pair


def test_all_of_a_coin_can_be_sold_that_fees_are_taken_in() -> None:
    # The fee of the first trade must not eat what the second one needs: it is taken out of what is received instead.
    listing = Listing("BNB/USDT", price_decimals=2, quantity_decimals=3, start_price=100.0)
    fees = FeeSchedule(bnb_price=d(100))
    venue = TradingVenue([listing], [Account(ALICE, {"BNB": d(15)}, fees)], 0, THIN)
    venue.move("BNBUSDT", Tick(0, d(100)))
    done = venue.place(ALICE, NewOrder("BNBUSDT", SELL, Kind.MARKET, d(15)), 1)
    assert (done.order.status, done.order.executed) == (Status.FILLED, d(15))
    assert [trade.commission_asset for trade in done.trades] == ["USDT", "USDT"]
    assert venue.ledger.free(ALICE, "BNB") == 0


def test_a_market_sell_has_nothing_set_aside_when_it_is_over() -> None:
    desk = Desk()
    done = desk.place(NewOrder(COIN, SELL, Kind.MARKET, d(60)))
    assert done.order.status is Status.EXPIRED
    assert desk.locked("COIN") == 0
    assert desk.free("COIN") == d(100) - done.order.executed


@pytest.mark.parametrize("mode", [SelfTrade.EXPIRE_TAKER, SelfTrade.EXPIRE_BOTH])
def test_all_or_nothing_is_nothing_when_an_own_order_stands_in_the_way(mode: SelfTrade) -> None:
    desk = Desk()
    own = desk.place(limit(SELL, "100.15")).order
    done = desk.place(limit(BUY, "100.30", "12", time_in_force=TimeInForce.FOK, self_trade=mode)).order
    assert (done.status, done.executed, done.expiry) == (Status.EXPIRED, 0, ExpiryReason.UNFILLED_FOK)
    assert desk.order(own.order_id).status is Status.NEW


def test_all_or_nothing_is_all_when_it_is_done_before_an_own_order() -> None:
    desk = Desk()
    desk.place(limit(SELL, "100.15"))
    taken = limit(BUY, "100.30", "5", time_in_force=TimeInForce.FOK, self_trade=SelfTrade.EXPIRE_TAKER)
    assert desk.place(taken).order.status is Status.FILLED


def test_an_account_that_may_not_trade_is_told_so_of_a_cancel_in_the_words_for_cancels() -> None:
    desk = Desk()
    resting = desk.place(limit(BUY, "98")).order
    desk.venue.ledger.accounts[ALICE].may_trade = False
    with refused(-2011, "This account may not place or cancel orders."):
        desk.venue.cancel(ALICE, CancelOrder(OrderRef(COIN, resting.order_id)), desk.tick())
    with refused(-2011, "This account may not place or cancel orders."):
        desk.venue.cancel_all(ALICE, COIN, desk.tick())
    with refused(-2010, "This account may not place or cancel orders."):
        desk.place(limit(BUY, "98"))


def test_a_pair_is_found_by_number_and_id_only_where_both_are_its_own() -> None:
    desk = Desk()
    desk.place_pair(sell_pair())
    with refused(-2011, "Unknown order sent."):
        desk.venue.cancel_pair(ALICE, ListRef(0, "another", COIN), desk.tick())
    with refused(-2018, "Order list does not exist."):
        desk.venue.inquiries.order_list(ALICE, ListRef(0, "another"))
    own = desk.venue.inquiries.order_list(ALICE, ListRef(0)).client_list_id
    ended, _ = desk.venue.cancel_pair(ALICE, ListRef(0, own, COIN), desk.tick())
    assert not ended.is_open


def test_a_cancel_of_everything_is_one_request_with_one_id() -> None:
    desk = Desk()
    desk.place(limit(BUY, "98"))
    desk.place(limit(BUY, "97"))
    desk.place_pair(sell_pair())
    answers = desk.venue.cancel_all(ALICE, COIN, desk.tick())
    assert len(answers) == 3
    assert len({answer.cancel_id for answer in answers}) == 1


def test_a_buy_for_an_amount_may_not_exceed_the_largest_position_either() -> None:
    rules = MarketRules(filters=(MaxPosition(max_position=d(110)),))
    desk = Desk(Depth(level_amount=d(100_000)), rules=rules)
    with refused(-2010, "Filter failure: MAX_POSITION"):
        desk.place(for_amount(BUY, "1500"))
    assert desk.place(for_amount(BUY, "500")).order.status is Status.FILLED
