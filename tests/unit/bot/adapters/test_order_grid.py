"""What is held when a venue makes its grid coarser must still be sold, and stopped, as far as the new grid lets it."""

from decimal import Decimal
from typing import Any

import pytest

from bot.adapters.order_grids import MarketGrid, common_step
from bot.adapters.order_messages import NotSent, PlaceOrder, RulesHeard, VenueStatus
from bot.core.events import BoundsChanged, OrderAccepted, OrderCancelled, OrderFilled, OrderRejected
from bot.core.orders import BUY, LIMIT, SELL, STOP, ZERO, Intent, OrderStatus, Purpose
from tests.hourly_bars import BTC, ETH
from tests.order_script import T0, OrderScript, entry, known, leaving, of, report, stop, trade

DOWN = Decimal("0.001")


def rules(lot: str = "0.1", tick: str = "1", *, symbol: str = BTC, **more: Any) -> RulesHeard:
    return RulesHeard(T0, symbol, (DOWN, Decimal(lot)), (Decimal(tick),), takes_stops=True, **more)


COARSER = rules()
OURS = rules("0.001", "0.01")


def after(heard: RulesHeard = COARSER) -> OrderScript:
    """A tracker that has heard of other rules."""
    script = OrderScript()
    script.tell(heard)
    return script


@pytest.mark.parametrize("wish", [leaving(quantity="1.234"), stop(quantity="1.234", price="95.5")])
def test_what_ends_a_position_is_cut_to_the_venues_new_grid(wish):
    (sent,) = of(PlaceOrder, after().submit(wish))
    assert sent.intent.quantity == Decimal("1.2")
    assert sent.intent.stop_price in (None, Decimal(95))
    assert sent.intent.client_order_id == wish.client_order_id


@pytest.mark.parametrize("wish", [leaving(quantity="1.2"), stop(quantity="1.2", price="95")])
def test_what_is_on_the_new_grid_is_sent_as_it_is(wish):
    (sent,) = of(PlaceOrder, after().submit(wish))
    assert sent.intent is wish


def test_an_entry_is_never_cut():
    script = OrderScript()
    script.submit(entry("run00000b", quantity="1.234", symbol=ETH))
    (sent,) = of(PlaceOrder, script.submit(entry(quantity="1.234")))
    assert sent.intent.quantity == Decimal("1.234")
    assert of(OrderRejected, after().submit(entry(quantity="1.234")))


def test_an_order_that_waits_is_cut_by_the_rules_of_the_moment_in_which_it_goes_out():
    script, wish = OrderScript(), leaving(quantity="1.234")
    script.submit(wish)
    script.placed(wish, NotSent("the wire is down"))
    script.tell(COARSER)
    (sent,) = of(PlaceOrder, script.later(1_000))
    assert sent.intent.quantity == Decimal("1.2")
    script.placed(wish, NotSent("the wire is down"))
    script.tell(OURS)
    (sent,) = of(PlaceOrder, script.later(1_000))
    assert sent.intent is wish


def test_an_order_that_was_cut_and_wholly_filled_is_over_and_its_rest_is_told():
    script, wish = after(), leaving(quantity="1.234")
    (sent,) = of(PlaceOrder, script.submit(wish))
    done = report(sent.intent, VenueStatus.FILLED, "1.2", trade("1.2", side=SELL))
    said = script.placed(wish, done)
    assert [fill.fill.quantity for fill in of(OrderFilled, said)] == [Decimal("1.2")]
    (end,) = of(OrderCancelled, said)
    assert end.reason == "what the venue takes of it is filled: 0.034 of it was not sent"
    assert not script.tracker._orders.working
    assert not script.later(60_000_000)


def test_one_that_says_it_is_filled_and_has_not_executed_what_was_sent_proves_neither():
    script, wish = after(), leaving(quantity="1.234")
    (sent,) = of(PlaceOrder, script.submit(wish))
    said = script.placed(wish, report(sent.intent, VenueStatus.FILLED, "1.1", trade("1.1", side=SELL)))
    assert of(OrderFilled, said)
    assert not of(OrderCancelled, said)


@pytest.mark.parametrize(("there", "is_over"), [("1.2", True), ("1.234", False), ("0", False), ("99", False)])
def test_after_a_restart_the_venue_says_how_much_of_an_order_was_sent(there, is_over):
    script, wish = OrderScript(reconciled=False), stop(quantity="1.234")
    script.reconcile(known(wish, OrderStatus.ACCEPTED))
    whole = stop(quantity=there)
    said = script.heard(report(whole, VenueStatus.FILLED, "1.2", trade("1.2", side=SELL)))
    assert bool(of(OrderCancelled, said)) is is_over
    assert len(of(OrderFilled, said)) == 1


def test_a_stop_that_was_cut_rests_and_is_compared_with_what_was_sent_of_it():
    script, wish = after(), stop(quantity="1.234", price="95.5")
    (sent,) = of(PlaceOrder, script.submit(wish))
    assert of(OrderAccepted, script.placed(wish, report(sent.intent)))
    said = script.heard(report(sent.intent, VenueStatus.FILLED, "1.2", trade("1.2", "94", side=SELL)))
    (fill,) = of(OrderFilled, said)
    assert fill.fill.reference_price == Decimal(95)
    assert of(OrderCancelled, said)


@pytest.mark.parametrize("wish", [leaving(quantity="0.09"), stop(quantity="0.09")])
def test_what_is_less_than_a_lot_is_refused_here_and_never_sent(wish):
    script = after()
    said = script.submit(wish)
    assert [each.reason for each in of(OrderRejected, said)] == [
        "not sent: it is less than the least that the venue takes now"
    ]
    assert not of(PlaceOrder, said)
    assert not script.later(60_000_000)


def test_a_watched_stop_is_cut_when_it_is_sent():
    script, wish = OrderScript(watched=(BTC,)), stop(quantity="1.234", price="95.5")
    script.submit(wish)
    script.tell(COARSER)
    (sent,) = of(PlaceOrder, script.price("95.5"))
    assert (sent.intent.quantity, sent.intent.stop_price) == (Decimal("1.2"), None)


def test_what_is_more_than_an_order_at_the_market_may_have_is_sold_in_parts():
    script, wish = after(rules("0.001", "0.01", most_at_market=Decimal("0.5004"))), leaving(quantity="1.234")
    (sent,) = of(PlaceOrder, script.submit(wish))
    assert sent.intent.quantity == Decimal("0.5")
    said = script.placed(wish, report(sent.intent, VenueStatus.FILLED, "0.5", trade("0.5", side=SELL)))
    assert of(OrderCancelled, said)


def test_a_stop_that_rests_is_not_bounded_by_what_holds_at_the_market():
    script, wish = after(rules("0.001", "0.01", most_at_market=Decimal("0.5"))), stop(quantity="1.234")
    (sent,) = of(PlaceOrder, script.submit(wish))
    assert sent.intent is wish


def bounds(script: OrderScript, heard: RulesHeard) -> list[tuple[str, str]]:
    """What the engine is told when the tracker hears these rules."""
    said = of(BoundsChanged, script.tell(heard))
    assert {(one.at_ms, one.symbol) for one in said} <= {(T0, BTC)}
    return [(f"{one.least.normalize():f}", f"{one.most.normalize():f}") for one in said]


def test_the_engine_is_told_how_much_an_order_may_have_whenever_that_changes():
    script = OrderScript()
    assert bounds(script, COARSER) == [("0.1", "0")]
    assert bounds(script, COARSER) == []
    assert bounds(script, rules(least=Decimal(2))) == [("2", "0")]
    assert bounds(script, rules(most_at_market=Decimal("7.77"))) == [("0.1", "7.7")]
    assert bounds(script, OURS) == [("0.001", "0")]
    assert bounds(script, rules("0.0001")) == []


def test_the_bounds_that_a_run_began_with_stay_where_the_venue_takes_more_now():
    grid = MarketGrid.of(rules("0.001", least=DOWN, most_at_market=Decimal(9)))
    assert grid.within(Decimal("0.01"), Decimal(5)) == (Decimal("0.01"), 5)
    assert grid.within(ZERO, ZERO) == (DOWN, 9)


def test_rules_of_a_market_that_is_not_ours_change_nothing():
    script = OrderScript()
    assert not script.tell(rules(symbol="SOL/USDT"))


@pytest.mark.parametrize(
    ("kind", "side", "price", "moved"),
    [
        (STOP, SELL, "95.7", "95"),
        (STOP, SELL, "95", "95"),
        (STOP, SELL, "0.4", "1"),
        (STOP, BUY, "95.2", "96"),
        (STOP, BUY, "95", "95"),
        (LIMIT, SELL, "95.7", "95"),
        (LIMIT, BUY, "95.2", "96"),
    ],
)
def test_a_price_is_moved_by_less_than_a_tick_away_from_touching_or_towards_execution(kind, side, price, moved):
    prices = {"stop_price" if kind is STOP else "limit_price": Decimal(price)}
    wish = Intent("run00000x", BTC, side, kind, Decimal(1), Purpose.EXIT, T0, **prices)
    fitted = MarketGrid.of(COARSER).fitted(wish)
    assert (fitted.stop_price or fitted.limit_price) == Decimal(moved)


def test_all_steps_are_kept_at_once():
    assert common_step([Decimal("0.02"), Decimal("0.03")]) == Decimal("0.06")
    assert common_step([Decimal("0.00100000"), Decimal("1E-8")]) == Decimal("0.001")
    grid = MarketGrid.of(RulesHeard(T0, BTC, (Decimal("0.02"), Decimal("0.03")), (Decimal(1),), takes_stops=True))
    assert grid.fitted(leaving(quantity="0.1")).quantity == Decimal("0.06")
    assert grid.fitted(leaving(quantity="0.05")).quantity == ZERO
