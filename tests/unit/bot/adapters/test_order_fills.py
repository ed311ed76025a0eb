"""Quantities come from trades: fills are told in their turn, and no end before all of them."""

from decimal import Decimal

from bot.adapters.order_messages import (
    AskOrder,
    AskTrades,
    Unresolved,
    VenueStatus,
)
from bot.core.events import OrderAccepted, OrderCancelled, OrderFilled
from bot.core.orders import SELL
from tests.order_script import T0, OrderScript, entry, leaving, names, of, report, stop, trade

FILLED, PARTLY = VenueStatus.FILLED, VenueStatus.PARTIALLY_FILLED
EXPIRED, CANCELLED, REJECTED = VenueStatus.EXPIRED, VenueStatus.CANCELLED, VenueStatus.REJECTED
NO_ANSWER = Unresolved("no answer")


def test_a_full_answer_is_an_acceptance_and_its_fills_and_says_nothing_of_an_end():
    script = OrderScript()
    script.submit(entry())
    answer = report(entry(), FILLED, "1", trade("0.4", number="1"), trade("0.6", number="2"))
    said = script.placed(entry(), answer)
    assert names(said) == ["OrderAccepted", "OrderFilled", "OrderFilled"]
    assert of(OrderAccepted, said) == [OrderAccepted(T0, entry().client_order_id, "v1")]
    assert [each.fill.trade_id for each in of(OrderFilled, said)] == ["1", "2"]


def test_a_fill_that_is_heard_before_the_answer_is_counted_and_the_answer_adds_nothing():
    script = OrderScript()
    script.submit(entry())
    done = report(entry(), FILLED, "1", trade("1"))
    assert names(script.heard(done)) == ["OrderAccepted", "OrderFilled"]
    assert not script.placed(entry(), done)
    assert not script.heard(done)


def test_reports_that_are_older_take_nothing_back():
    script = OrderScript()
    script.submit(stop())
    script.placed(stop(), report(stop(), PARTLY, "0.4", trade("0.4", side=SELL)))
    assert not script.heard(report(stop()))
    said = script.heard(report(stop(), CANCELLED, "0.4"))
    assert names(said) == ["OrderCancelled"]
    assert not script.heard(report(stop(), PARTLY, "0.4", trade("0.4", side=SELL)))


def test_what_was_executed_and_not_shown_is_asked_for_until_it_adds_up_and_only_then_is_the_end_told():
    script = OrderScript()
    script.submit(entry())
    said = script.placed(entry(), report(entry(), EXPIRED, "0.7", reason="no liquidity"))
    assert names(said) == ["OrderAccepted", "AskTrades"]
    assert of(AskTrades, said)[0].venue_order_id == "v1"
    assert not script.trades(entry(), trade("0.3"))
    assert of(AskTrades, script.later(500))
    said = script.trades(entry(), trade("0.3"), trade("0.4", number="2"))
    assert names(said) == ["OrderFilled", "OrderFilled", "OrderCancelled"]
    assert of(OrderCancelled, said)[0].reason == "no liquidity"


def test_a_fill_that_skips_another_waits_for_the_list():
    script = OrderScript()
    script.submit(entry())
    script.placed(entry(), report(entry()))
    second = report(entry(), PARTLY, "0.7", trade("0.4", number="2"))
    assert names(script.heard(second)) == ["AskTrades"]
    said = script.trades(entry(), trade("0.3"), trade("0.4", number="2"))
    assert [each.fill.trade_id for each in of(OrderFilled, said)] == ["1", "2"]


def test_trades_of_others_are_not_counted():
    script = OrderScript()
    script.submit(entry())
    script.placed(entry(), report(entry(), PARTLY, "0.3"))
    assert not of(OrderFilled, script.trades(entry(), trade("0.3", venue_order_id="v2"), trade("0.3", side=SELL)))


def test_filled_without_the_quantity_is_not_the_end():
    script = OrderScript()
    script.submit(entry())
    script.placed(entry(), report(entry(), FILLED, "0.4", trade("0.4")))
    assert of(AskOrder, script.later(500))
    said = script.looked_up(entry(), report(entry(), EXPIRED, "0.4"))
    assert names(said) == ["OrderCancelled"]


def test_fills_are_compared_with_the_price_at_which_the_order_was_handed_over():
    script = OrderScript()
    script.price("100")
    script.submit(entry())
    script.price("150")
    bought = of(OrderFilled, script.placed(entry(), report(entry(), FILLED, "1", trade("1", "101"))))[0].fill
    assert (bought.reference_price, bought.slippage_cost, bought.spread_cost) == (Decimal(100), Decimal(1), Decimal(0))
    script.submit(leaving())
    sold = trade("1", "149", number="2", side=SELL, venue_order_id="v2")
    answer = report(leaving(), FILLED, "1", sold, venue_order_id="v2")
    fill = of(OrderFilled, script.placed(leaving(), answer))[0].fill
    assert (fill.reference_price, fill.slippage_cost) == (Decimal(150), Decimal(1))


def test_a_stop_that_rests_is_compared_with_its_own_price():
    script = OrderScript()
    script.price("100")
    script.submit(stop(price="95"))
    script.placed(stop(price="95"), report(stop()))
    fill = of(OrderFilled, script.heard(report(stop(), FILLED, "1", trade("1", "94", side=SELL))))[0].fill
    assert (fill.reference_price, fill.slippage_cost) == (Decimal(95), Decimal(1))


def test_without_a_price_a_fill_is_compared_with_itself_and_its_fee_is_told_as_the_venue_tells_it():
    script = OrderScript()
    script.submit(entry())
    paid = trade("1", "101", fee="0.01", fee_asset="BNB")
    fill = of(OrderFilled, script.placed(entry(), report(entry(), FILLED, "1", paid)))[0].fill
    assert (fill.reference_price, fill.slippage_cost) == (Decimal(101), Decimal(0))
    assert (fill.fee, fill.fee_asset) == (Decimal("0.01"), "BNB")


def test_a_fill_is_never_of_the_future():
    script = OrderScript()
    script.submit(entry())
    early = trade("1", at_ms=T0 + 10**12)
    assert of(OrderFilled, script.placed(entry(), report(entry(), FILLED, "1", early)))[0].at_ms == T0
