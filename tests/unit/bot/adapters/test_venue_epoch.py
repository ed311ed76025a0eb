"""A practice venue that begins anew is told from an order that is gone, and nothing phantom is sold there."""

from decimal import Decimal

from bot.adapters.order_messages import (
    PlaceOrder,
    TakeBack,
    VenueStatus,
)
from bot.core.events import (
    AccountReconciled,
    EpochBegan,
    OrderCancelled,
)
from bot.core.orders import BUY, Intent, OrderType, Purpose
from tests.hourly_bars import BTC
from tests.order_script import (
    T0,
    OrderScript,
    known,
    of,
    report,
    stop,
)

FILLED, PARTLY, CANCELLED = VenueStatus.FILLED, VenueStatus.PARTIALLY_FILLED, VenueStatus.CANCELLED
HELD = {BTC: "1"}


def gone(
    *,
    may_reset: bool,
    balances: dict[str, str],
    before: dict[str, str] | None = None,
    foreign: dict[str, str] | None = None,
) -> list[object]:
    """What is said of a venue that does not know our stop any more, and maybe did so a moment ago."""
    script = OrderScript(reconciled=False, may_reset=may_reset)
    books = script.reconcile(known(stop()), holdings=HELD, cash=Decimal(9_900), foreign=foreign)
    said: list[object] = [*books]
    if before:
        said += script.live(1_000, {stop().client_order_id: report(stop())}, balances=before)
        assert of(AccountReconciled, said)
    said += script.live(120_000, balances=balances)
    return said


FRESH = {"USDT": "10000", "BTC": "1", "ETH": "100"}


def test_where_nothing_of_ours_exists_and_the_money_is_other_the_venue_has_begun_anew():
    said = gone(may_reset=True, balances=FRESH, before={"USDT": "9950", "BTC": "1.5"})
    assert len(of(EpochBegan, said)) == 1
    assert not of(OrderCancelled, said)
    assert not of(PlaceOrder, said)


def test_after_a_restart_the_money_is_compared_with_what_the_books_and_others_had():
    said = gone(may_reset=True, balances=FRESH, foreign={"BTC": "0.5", "DOGE": "7"})
    assert len(of(EpochBegan, said)) == 1
    assert of(AccountReconciled, said)[-1].foreign == {"BTC": Decimal(1), "ETH": Decimal(100)}


def test_after_a_restart_at_which_all_the_money_is_there_an_order_has_gone_and_nothing_else():
    said = gone(may_reset=True, balances={"USDT": "9900", "BTC": "1.5", "DOGE": "7"}, foreign={"BTC": "0.5"})
    assert not of(EpochBegan, said)
    assert len(of(OrderCancelled, said)) == 1
    assert of(AccountReconciled, said)[-1].foreign == {"BTC": Decimal("0.5"), "DOGE": Decimal(7)}


def test_where_the_money_is_the_same_an_order_has_gone_and_nothing_else():
    before = {"USDT": "9950", "BTC": "1.5"}
    said = gone(may_reset=True, balances=before, before=before)
    assert not of(EpochBegan, said)
    assert len(of(OrderCancelled, said)) == 1


def test_a_venue_with_real_money_never_begins_anew():
    said = gone(may_reset=False, balances=FRESH, before={"USDT": "9950", "BTC": "1.5"})
    assert not of(EpochBegan, said)
    assert len(of(OrderCancelled, said)) == 1


def test_as_long_as_one_order_is_there_the_venue_is_the_same():
    script = OrderScript(reconciled=False, may_reset=True)
    other = stop("run00000t")
    script.reconcile(known(stop()), known(other, venue_order_id="v2"), holdings=HELD)
    said = script.live(120_000, {other.client_order_id: report(other, venue_order_id="v2")}, balances=FRESH)
    assert not of(EpochBegan, said)
    assert len(of(OrderCancelled, said)) == 1


def test_what_was_placed_since_the_last_word_of_an_order_may_stand_in_a_new_epoch_and_is_taken_back():
    script = OrderScript(may_reset=True)
    script.submit(stop())
    script.placed(stop(), report(stop()))
    script.account(report(stop()), balances={"USDT": "9950", "BTC": "1.5"})
    script.later(1_000)
    other = stop("run00000t")
    script.submit(other)
    script.placed(other, report(other, venue_order_id="v2"))
    said = script.live(120_000, {other.client_order_id: report(other, venue_order_id="v2")}, balances=FRESH)
    assert len(of(EpochBegan, said)) == 1
    assert not of(OrderCancelled, said[: said.index(of(EpochBegan, said)[0])])
    assert TakeBack(BTC, other.client_order_id) in said


def test_a_stop_that_is_held_here_is_not_sold_in_a_new_epoch():
    script = OrderScript(reconciled=False, may_reset=True, watched=[BTC])
    resting = Intent("run00000l", BTC, BUY, OrderType.LIMIT, Decimal(1), Purpose.ENTRY, T0, limit_price=Decimal(90))
    script.reconcile(holdings=HELD)
    script.account()
    script.submit(stop())
    script.submit(resting)
    script.placed(resting, report(resting))
    script.live(5_000, {resting.client_order_id: report(resting)}, balances={"USDT": "9950", "BTC": "7"})
    said = script.live(120_000, balances=FRESH)
    assert len(of(EpochBegan, said)) == 1
    assert not script.price("50")
