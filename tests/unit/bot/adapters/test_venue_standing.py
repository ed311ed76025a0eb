"""What a venue's refusals mean for everything that we want of it."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.adapters.order_messages import (
    AccountLookedUp,
    AskAccount,
    AskOrder,
    PlaceOrder,
    Refusal,
    Refused,
    RenewRules,
    RulesHeard,
    TakeBack,
    TradesLookedUp,
    Unresolved,
    VenueStatus,
)
from bot.core.events import AccountReconciled, Halt, MarketBarred, OrderRejected
from bot.core.orders import LIMIT
from tests.hourly_bars import BTC, ETH
from tests.order_script import NOT_FOUND, T0, OrderScript, entry, leaving, names, of, report, stop, trade

KEY = Refused(Refusal.CREDENTIALS, "Invalid API-key, IP, or permissions for action. (-2015)")


def rules(lot: str = "0.001", tick: str = "0.01", *, takes_stops: bool = True) -> RulesHeard:
    return RulesHeard(T0, BTC, (Decimal(lot),), (Decimal(tick),), takes_stops)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (
            rules(lot="0.01"),
            "the venue's lot step is 0.01 now, ours is 0.001: start a new run, which takes the new rules",
        ),
        (rules(tick="1"), "the venue's tick size is 1 now, ours is 0.01: start a new run, which takes the new rules"),
        (
            rules(takes_stops=False),
            "the venue takes no stops there any more: start a new run, which takes the new rules",
        ),
    ],
)
def test_a_market_whose_stops_could_not_be_written_any_more_is_not_entered_until_they_can(changed, reason):
    script = OrderScript()
    assert not script.tell(rules())
    assert not script.tell(rules(lot="0.0005", tick="0.001"))
    assert of(MarketBarred, script.tell(changed)) == [MarketBarred(T0, BTC, reason)]
    (refused,) = of(OrderRejected, script.submit(entry()))
    assert reason in refused.reason
    assert of(PlaceOrder, script.submit(stop()))
    assert of(MarketBarred, script.tell(rules())) == [MarketBarred(T0, BTC, "")]


def test_a_market_whose_stops_are_watched_here_needs_none_at_the_venue():
    script = OrderScript(watched=(BTC,))
    assert not script.tell(rules(takes_stops=False))


def refuse(script: OrderScript, refusal: Refusal, retry_at_ms: int | None = None) -> list[object]:
    """Have an entry refused."""
    wish = entry(f"run00000{len(script.tracker._orders.everything)}")
    script.submit(wish)
    return [*script.placed(wish, Refused(refusal, f"it says {refusal}", retry_at_ms=retry_at_ms))]


def test_a_refused_key_halts_says_what_to_do_and_is_followed_by_silence():
    script = OrderScript()
    script.submit(stop())
    script.placed(stop(), Unresolved("no answer"))
    script.submit(entry())
    said = script.placed(entry(), KEY)
    assert names(said) == ["Halt", "OrderRejected"]
    assert of(Halt, said)[0].reason == (
        "the venue refuses our key: Invalid API-key, IP, or permissions for action. (-2015); "
        "check the key, its rights and its addresses at the venue, then resume"
    )
    assert script.tracker.next_look_ms == T0 + 300_000
    assert not script.later(299_999)
    assert of(AskOrder, script.later(1))
    # Somebody may have resumed meanwhile, without having mended anything.
    assert of(Halt, script.looked_up(stop(), KEY))


def test_a_key_that_is_refused_to_several_requests_at_once_halts_once():
    script = OrderScript()
    for each in (entry(), entry("run00000b"), entry("run00000c")):
        script.submit(each)
    halts = [of(Halt, script.placed(each, KEY)) for each in (entry(), entry("run00000b"), entry("run00000c"))]
    assert [len(each) for each in halts] == [1, 0, 0]


def test_a_key_that_works_again_may_halt_again():
    script = OrderScript()
    assert of(Halt, refuse(script, Refusal.CREDENTIALS))
    script.now += 300_000
    script.reconcile()
    assert of(AccountReconciled, script.account())
    assert of(Halt, refuse(script, Refusal.CREDENTIALS))


def test_a_look_at_the_account_that_is_refused_counts_as_well():
    script = OrderScript(reconciled=False)
    script.reconcile()
    said = script.tell(AccountLookedUp(script.now, script.now, None, None, "no", KEY))
    assert names(said) == ["Halt"]
    assert script.tracker.next_look_ms == T0 + 300_000
    assert of(AskAccount, script.later(300_000))


def test_a_question_for_trades_that_is_refused_counts_as_well():
    script = OrderScript()
    script.submit(entry())
    script.placed(entry(), report(entry(), VenueStatus.FILLED, "1"))
    said = script.tell(TradesLookedUp(script.now, entry().client_order_id, None, "no", KEY))
    assert names(said) == ["Halt"]
    script.later(300_000)
    assert names(script.trades(entry(), trade("1"))) == ["OrderFilled"]


def test_in_silence_an_entry_is_given_up_at_once_and_what_protects_waits():
    script = OrderScript()
    refuse(script, Refusal.BLOCKED, retry_at_ms=T0 + 30_000)
    assert names(script.submit(entry())) == ["OrderRejected"]
    assert not script.submit(leaving())
    assert not script.later(29_999)
    assert of(PlaceOrder, script.later(1)) == [PlaceOrder(leaving(), None)]


def test_a_limit_on_orders_stops_orders_and_not_cancels_or_questions():
    script, resting = OrderScript(), replace(entry("run00000l"), type=LIMIT, limit_price=Decimal(90))
    script.submit(resting)
    script.placed(resting, report(resting))
    refuse(script, Refusal.LIMITED, retry_at_ms=T0 + 8_000)
    said = script.submit(entry())
    assert of(OrderRejected, said)[0].reason == "not sent: the venue takes no more orders for the moment"
    assert not script.submit(leaving())
    assert of(TakeBack, script.cancel(resting))
    assert names(script.taken_back(resting, NOT_FOUND)) == ["AskOrder"]
    assert of(PlaceOrder, script.later(8_000)) == [PlaceOrder(leaving(), None)]


def test_a_stop_is_not_given_up_for_an_exit_that_could_not_be_sent():
    script = OrderScript()
    script.submit(stop())
    script.placed(stop(), report(stop()))
    refuse(script, Refusal.LIMITED, retry_at_ms=T0 + 6 * 3_600_000)
    script.stream(live=True)
    assert not of(TakeBack, script.cancel(stop()))
    script.account(report(stop()))
    while script.now < T0 + 6 * 3_600_000 - 60_000:
        assert not of(TakeBack, script.later(60_000))
        assert (script.tracker.next_look_ms or 0) > script.now
    assert of(TakeBack, script.later(60_000))
    assert names(script.taken_back(stop(), report(stop(), VenueStatus.CANCELLED))) == ["OrderCancelled"]
    assert of(PlaceOrder, script.submit(leaving()))


def test_a_stop_that_was_given_up_for_lost_is_taken_back_whatever_the_limit_on_orders():
    script = OrderScript()
    script.submit(stop())
    script.placed(stop(), Refused(Refusal.OTHER, "no"))
    refuse(script, Refusal.LIMITED, retry_at_ms=T0 + 8_000)
    assert of(TakeBack, script.heard(report(stop())))


def test_a_limit_on_questions_is_silence_for_everything():
    script = OrderScript()
    script.submit(stop())
    script.placed(stop(), Unresolved("no answer"))
    script.later(500)
    script.looked_up(stop(), Refused(Refusal.LIMITED, "too many", retry_at_ms=T0 + 50_000))
    assert not script.cancel(stop())
    assert not script.later(49_499)
    assert names(script.later(1)) == ["TakeBack", "AskOrder", "AskAccount"]


def test_without_a_time_of_its_own_a_limit_lasts_for_ours():
    script = OrderScript()
    refuse(script, Refusal.LIMITED)
    script.submit(leaving())
    assert of(PlaceOrder, script.later(10_000))


def test_maintenance_bars_every_market_until_the_account_can_be_seen_again():
    script = OrderScript()
    said = refuse(script, Refusal.MAINTENANCE)
    assert [(each.symbol, each.reason) for each in of(MarketBarred, said)] == [
        (BTC, "it says maintenance"),
        (ETH, "it says maintenance"),
    ]
    assert names(script.submit(entry())) == ["OrderRejected"]
    assert script.tracker.next_look_ms is not None
    assert script.tracker.next_look_ms <= T0 + 30_000
    assert of(AskAccount, script.later(30_000))
    maintained = Refused(Refusal.MAINTENANCE, "System is under maintenance.")
    assert not script.tell(AccountLookedUp(script.now, script.now, None, None, "no", maintained))
    assert of(AskAccount, script.later(500))
    assert [each.reason for each in of(MarketBarred, script.account())] == ["", ""]
    assert script.tracker.next_look_ms is None


def test_a_closed_market_is_barred_alone_has_its_rules_renewed_and_is_tried_again_after_pauses_that_double():
    script = OrderScript()
    said = refuse(script, Refusal.MARKET_CLOSED)
    assert of(RenewRules, said) == [RenewRules(BTC)]
    assert [(each.symbol, bool(each.reason)) for each in of(MarketBarred, said)] == [(BTC, True)]
    assert of(PlaceOrder, script.submit(entry("run00000e", symbol=ETH)))
    assert names(script.submit(entry())) == ["OrderRejected"]
    assert [each.reason for each in of(MarketBarred, script.later(60_000))] == [""]
    assert of(MarketBarred, refuse(script, Refusal.MARKET_CLOSED))
    assert not of(MarketBarred, script.later(119_999))
    assert of(MarketBarred, script.later(1)) == [MarketBarred(script.now, BTC, "")]


def test_a_cancel_that_is_refused_meanwhile_does_not_keep_a_closed_market_closed_for_longer():
    script = OrderScript()
    script.submit(stop())
    script.placed(stop(), report(stop()))
    refuse(script, Refusal.MARKET_CLOSED)
    script.cancel(stop())
    for _ in range(3):
        script.taken_back(stop(), Refused(Refusal.MARKET_CLOSED, "Market is closed."))
        script.later(15_000)
    assert [each.reason for each in of(MarketBarred, script.later(15_000))] == [""]


def test_an_order_that_is_taken_shows_that_a_market_is_open():
    script = OrderScript()
    refuse(script, Refusal.MARKET_CLOSED)
    script.submit(leaving())
    said = script.placed(leaving(), report(leaving()))
    assert of(MarketBarred, said) == [MarketBarred(T0, BTC, "")]


def test_other_refusals_bar_nothing():
    script = OrderScript()
    for refusal in (Refusal.FUNDS, Refusal.WOULD_TRIGGER, Refusal.CLOCK, Refusal.OTHER):
        assert names(refuse(script, refusal)) == ["OrderRejected"]
    assert of(PlaceOrder, script.submit(entry()))
