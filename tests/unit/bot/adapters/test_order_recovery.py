"""After a restart nothing is sent again, nothing is counted twice, and the books agree before anything is said."""

from decimal import Decimal

from bot.adapters.order_messages import (
    AccountLookedUp,
    AskAccount,
    AskOrder,
    AskTrades,
    PlaceOrder,
    TakeBack,
    Unresolved,
    VenueStatus,
)
from bot.adapters.order_outputs import Foreign
from bot.core.commands import CancelOrder
from bot.core.events import (
    AccountDrifted,
    AccountReconciled,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
)
from bot.core.orders import SELL
from tests.hourly_bars import BTC
from tests.order_script import (
    T0,
    OrderScript,
    entry,
    known,
    leaving,
    names,
    of,
    report,
    stop,
    trade,
)

FILLED, PARTLY, CANCELLED = VenueStatus.FILLED, VenueStatus.PARTIALLY_FILLED, VenueStatus.CANCELLED
HELD = {BTC: "1"}


def begun() -> OrderScript:
    return OrderScript(reconciled=False)


def test_an_empty_account_is_reconciled_by_one_look():
    script = begun()
    assert names(script.reconcile()) == ["AskAccount"]
    assert script.account() == [AccountReconciled(T0, {"BTC": Decimal(100)})]
    assert script.tracker.next_look_ms is None


def test_an_unanswered_order_is_asked_for_and_never_sent():
    script = begun()
    said = script.reconcile(unanswered=(script.lost(entry()),))
    assert names(said) == ["OrderUnknown", "AskOrder", "AskAccount"]
    said += script.live(90_000)
    assert not of(PlaceOrder, said)
    assert of(OrderCancelled, said)[0].reason == "it never reached the venue"
    assert not of(OrderRejected, said)


def test_an_unanswered_order_that_is_there_is_accepted_and_its_trades_are_fetched():
    script = begun()
    script.reconcile(unanswered=(script.lost(entry()),))
    said = script.looked_up(entry(), report(entry(), FILLED, "1"))
    assert names(said) == ["OrderAccepted", "AskTrades"]
    assert names(script.trades(entry(), trade("1"))) == ["OrderFilled"]


def test_the_answer_comes_only_when_every_order_is_certain():
    script = begun()
    script.reconcile(known(stop()), unanswered=(script.lost(entry()),), holdings=HELD, cash=Decimal(9_900))
    assert not of(AccountReconciled, script.account())
    assert not of(AccountReconciled, script.looked_up(stop(), report(stop())))
    said = script.looked_up(entry(), report(entry(), FILLED, "1", trade("1")))
    assert of(AskAccount, said)
    told = script.account(balances={"USDT": "9800", "BTC": "2"})
    assert of(AccountReconciled, told) == [AccountReconciled(T0, {})]


def test_a_working_order_is_not_accepted_again():
    script = begun()
    script.reconcile(known(stop()), holdings=HELD)
    assert not of(OrderAccepted, script.looked_up(stop(), report(stop())))
    assert names(script.heard(report(stop(), CANCELLED))) == ["OrderCancelled"]


def test_what_was_asked_back_before_is_asked_back_again():
    script = begun()
    said = script.reconcile(known(stop()), unanswered=(CancelOrder(stop().client_order_id, BTC),), holdings=HELD)
    assert of(TakeBack, said)


def test_what_was_counted_before_is_not_counted_again():
    script = begun()
    script.reconcile(known(entry(), filled=Decimal("0.4")), holdings={BTC: "0.4"})
    seen = report(entry(), PARTLY, "0.4", trade("0.4"))
    assert not of(OrderFilled, script.heard(seen))
    assert not of(AskTrades, script.looked_up(entry(), seen))
    assert names(script.heard(report(entry(), VenueStatus.EXPIRED, "0.4"))) == ["OrderCancelled"]


def test_where_more_was_executed_the_whole_list_is_told_and_the_engine_knows_what_it_has():
    script = begun()
    script.reconcile(known(entry(), filled=Decimal("0.4")), holdings={BTC: "0.4"}, cash=Decimal(9_960))
    newest = report(entry(), FILLED, "1", trade("0.6", number="2"))
    assert of(AskTrades, script.heard(newest))
    said = script.trades(entry(), trade("0.6", number="2"), trade("0.4"))
    assert [each.fill.trade_id for each in of(OrderFilled, said)] == ["1", "2"]
    told = script.live(500, balances={"USDT": "9900", "BTC": "1"})
    assert of(AccountReconciled, told) == [AccountReconciled(T0 + 500, {})]


def test_an_exit_that_filled_while_nobody_listened_is_counted_in_the_books_that_are_compared():
    script = begun()
    script.reconcile(unanswered=(script.lost(leaving()),), cash=Decimal(9_900), holdings=HELD)
    sold = trade("1", "110", side=SELL, fee="0.1")
    script.looked_up(leaving(), report(leaving(), FILLED, "1", sold))
    told = script.account(balances={"USDT": "10009.9"})
    assert of(AccountReconciled, told) == [AccountReconciled(T0, {})]


def test_fills_that_are_on_their_way_to_the_engine_belong_to_the_books_as_well():
    script = OrderScript()
    script.submit(entry())
    script.placed(entry(), report(entry(), FILLED, "1", trade("1", fee="0.001", fee_asset="BTC")))
    script.reconcile(unanswered=(script.lost(entry()),))
    told = script.account(balances={"USDT": "9900", "BTC": "0.999"})
    assert of(AccountReconciled, told) == [AccountReconciled(T0, {})]


def test_a_fee_in_a_third_asset_is_paid_by_foreign_money():
    script = OrderScript()
    script.submit(entry())
    script.placed(entry(), report(entry(), FILLED, "1", trade("1", fee="2", fee_asset="BNB")))
    script.reconcile(unanswered=(script.lost(entry()),))
    told = script.account(balances={"USDT": "9900", "BTC": "1", "BNB": "8"})
    assert of(AccountReconciled, told) == [AccountReconciled(T0, {"BNB": Decimal(8)})]


def test_balances_that_lag_are_looked_at_twice_more_and_then_the_books_differ():
    script = begun()
    script.reconcile(holdings=HELD, cash=Decimal(9_900))
    short = {"USDT": "9900", "BTC": "0.4"}
    assert not of(AccountDrifted, script.account(balances=short))
    for _ in range(2):
        assert of(AskAccount, script.later(5_000))
        said = script.account(balances=short)
    assert of(AccountDrifted, said)[0].reason == "1 BTC are ours and the account holds 0.4"
    assert not of(AccountDrifted, script.later(60_000) + script.account(balances=short))
    assert of(AskAccount, script.later(60_000))
    assert of(AccountReconciled, script.account(balances={"USDT": "9900", "BTC": "1"}))


def test_what_an_order_in_flight_may_have_done_is_no_drift():
    script = OrderScript()
    script.submit(leaving())
    script.reconcile(unanswered=(script.lost(leaving()),), holdings=HELD)
    script.placed(leaving(), report(leaving(), VenueStatus.NEW))
    script.later(500)
    script.looked_up(leaving(), report(leaving()))
    script.submit(stop())
    said = []
    for _ in range(5):
        script.later(5_000)
        said += script.account(report(leaving()), balances={"USDT": "10000"})
    assert not of(AccountDrifted, said)


def test_a_failed_look_is_repeated_with_patience_and_proves_nothing():
    script = begun()
    script.reconcile()
    pauses = []
    for _ in range(3):
        assert not script.tell(AccountLookedUp(script.now, script.now, None, None, "no answer"))
        assert script.tracker.next_look_ms is not None
        pauses.append(script.tracker.next_look_ms - script.now)
        assert of(AskAccount, script.later(pauses[-1]))
    assert pauses == [500, 1_000, 2_000]
    assert of(AccountReconciled, script.account())


def test_a_look_that_was_asked_for_before_the_orders_were_certain_is_not_compared():
    script = begun()
    script.reconcile(known(stop()), holdings=HELD)
    script.now += 1_000
    script.looked_up(stop(), report(stop()))
    assert not of(AccountReconciled, script.account(asked_ms=T0))
    assert of(AccountReconciled, script.account())


def test_an_order_that_is_heard_of_while_it_is_asked_for_is_still_confirmed():
    script = begun()
    script.reconcile(unanswered=(script.lost(stop()),), holdings=HELD)
    script.heard(report(stop()))
    script.looked_up(stop(), Unresolved("no answer"))
    assert of(AskOrder, script.later(1_000))
    script.looked_up(stop(), report(stop()))
    assert of(AccountReconciled, script.account(report(stop())))


def test_what_has_our_name_is_nobodys_before_the_books_are_known():
    script = begun()
    assert not script.heard(report(stop()))
    script.reconcile(known(stop()), holdings=HELD)
    assert not of(Foreign, script.account(report(stop())) + script.heard(report(stop())))


def test_a_second_question_begins_anew_with_the_newest_books():
    script = begun()
    script.reconcile(holdings={BTC: "500"})
    script.account()
    script.reconcile()
    assert of(AccountReconciled, script.account())
