"""Orders are sent once, believed when proven, and over when their trades are counted."""

from bot.adapters.order_messages import (
    AskOrder,
    NotSent,
    PlaceOrder,
    Refusal,
    Refused,
    TakeBack,
    Unresolved,
    VenueStatus,
)
from bot.adapters.order_patience import OrderPatience
from bot.core.events import OrderRejected, OrderUnknown
from bot.core.orders import SELL
from tests.hourly_bars import BTC
from tests.order_script import NOT_FOUND, T0, OrderScript, entry, leaving, names, of, report, stop, trade

FILLED, PARTLY = VenueStatus.FILLED, VenueStatus.PARTIALLY_FILLED
EXPIRED, CANCELLED, REJECTED = VenueStatus.EXPIRED, VenueStatus.CANCELLED, VenueStatus.REJECTED
NO_ANSWER = Unresolved("no answer")


def test_an_order_is_handed_over_at_once_an_entry_for_a_few_seconds_what_protects_for_as_long_as_it_takes():
    script = OrderScript()
    assert of(PlaceOrder, script.submit(entry())) == [PlaceOrder(entry(), T0 + 5_000)]
    assert of(PlaceOrder, script.submit(stop())) == [PlaceOrder(stop(), None)]
    assert of(PlaceOrder, script.submit(leaving())) == [PlaceOrder(leaving(), None)]


def test_a_deed_that_is_given_twice_is_done_once():
    script = OrderScript()
    script.submit(entry())
    assert not of(PlaceOrder, script.submit(entry()))
    script.placed(entry(), report(entry(), FILLED, "1", trade("1")))
    assert not of(PlaceOrder, script.submit(entry()))


def test_a_refusal_is_a_rejection_once():
    script = OrderScript()
    script.submit(entry())
    said = script.placed(entry(), Refused(Refusal.FUNDS, "too little"))
    assert of(OrderRejected, said) == [OrderRejected(T0, entry().client_order_id, "too little")]
    assert not script.placed(entry(), Refused(Refusal.FUNDS, "too little"))


def test_a_duplicate_is_at_the_venue_and_asked_for():
    script = OrderScript()
    script.submit(entry())
    said = script.placed(entry(), Refused(Refusal.DUPLICATE, "Duplicate order sent."))
    assert names(said) == ["OrderUnknown"]
    assert of(AskOrder, script.later(500))
    assert names(script.looked_up(entry(), report(entry(), FILLED, "1", trade("1")))) == [
        "OrderAccepted",
        "OrderFilled",
    ]


def test_a_refusal_by_rules_has_them_renewed():
    script = OrderScript()
    script.submit(entry())
    assert names(script.placed(entry(), Refused(Refusal.RULES, "LOT_SIZE"))) == ["RenewRules", "OrderRejected"]


def test_an_entry_that_was_not_sent_is_given_up():
    script = OrderScript()
    script.submit(entry())
    assert names(script.placed(entry(), NotSent("no connection"))) == ["OrderRejected"]


def test_what_protects_and_was_not_sent_is_sent_again_under_the_same_id_when_it_may_be():
    script = OrderScript()
    script.submit(stop())
    assert not script.placed(stop(), NotSent("a ban", retry_at_ms=T0 + 9_000))
    assert script.tracker.next_look_ms == T0 + 9_000
    assert not script.later(8_999)
    assert of(PlaceOrder, script.later(1)) == [PlaceOrder(stop(), None)]


def test_what_protects_waits_its_turn_where_too_much_was_asked_and_an_entry_does_not():
    limited = Refused(Refusal.LIMITED, "Too many new orders.", retry_at_ms=T0 + 9_000)
    script = OrderScript()
    script.submit(stop())
    assert not script.placed(stop(), limited)
    assert not script.later(8_999)
    assert of(PlaceOrder, script.later(1)) == [PlaceOrder(stop(), None)]
    script = OrderScript()
    script.submit(entry())
    assert names(script.placed(entry(), limited)) == ["OrderRejected"]


def test_the_pause_before_sending_again_grows():
    script = OrderScript()
    script.submit(stop())
    pauses = []
    for _ in range(3):
        script.placed(stop(), NotSent("no connection"))
        assert script.tracker.next_look_ms is not None
        pauses.append(script.tracker.next_look_ms - script.now)
        assert of(PlaceOrder, script.later(pauses[-1]))
    assert pauses == [500, 1_000, 2_000]


def test_what_was_not_sent_is_taken_back_here():
    script = OrderScript()
    script.submit(stop())
    script.placed(stop(), NotSent("no connection"))
    assert names(script.cancel(stop())) == ["OrderCancelled"]
    assert script.tracker.next_look_ms is None


def test_a_cancel_that_comes_before_the_proof_that_nothing_was_sent_ends_the_order():
    script = OrderScript()
    script.submit(stop())
    assert not script.cancel(stop())
    assert names(script.placed(stop(), NotSent("no connection"))) == ["OrderCancelled"]


def test_an_unresolved_order_is_told_once_asked_for_in_growing_pauses_and_never_sent_again():
    script = OrderScript()
    script.submit(entry())
    said = script.placed(entry(), NO_ANSWER)
    pauses: list[int] = []
    asked_ms = script.now
    while len(pauses) < 6:
        step = script.later(500)
        said += step
        if of(AskOrder, step):
            pauses.append(script.now - asked_ms)
            asked_ms = script.now
            said += script.looked_up(entry(), NO_ANSWER)
    assert of(OrderUnknown, said) == [OrderUnknown(T0, entry().client_order_id, "no answer")]
    assert not of(PlaceOrder, said)
    assert pauses == [500, 1_000, 2_000, 4_000, 8_000, 15_000]


def test_an_order_that_never_arrived_is_rejected_after_a_minute_of_denials_and_not_before():
    script = OrderScript()
    script.submit(entry())
    script.placed(entry(), NO_ANSWER)
    assert not of(OrderRejected, script.live(60_000))
    said = script.live(20_000)
    assert of(OrderRejected, said)[0].reason == "it never reached the venue"
    assert script.tracker.next_look_ms is None


def test_an_order_that_the_account_shows_is_found_though_it_is_denied():
    script = OrderScript()
    script.submit(stop())
    script.placed(stop(), NO_ANSWER)
    script.later(500)
    script.looked_up(stop(), NOT_FOUND)
    assert names(script.account(report(stop()))) == ["OrderAccepted"]


def test_an_answer_about_another_order_has_resolved_nothing():
    script = OrderScript()
    script.submit(entry())
    other = report(entry(), FILLED, "1", trade("1"), client_order_id="another")
    assert names(script.placed(entry(), other)) == ["OrderUnknown"]
    script.later(500)
    assert not script.looked_up(entry(), other)


def test_a_request_that_nobody_answers_is_asked_for_and_not_given_up_as_long_as_it_may_still_be_sent():
    script = OrderScript()
    script.submit(stop())
    said = script.later(120_000)
    assert "OrderUnknown" in names(said)
    assert of(AskOrder, said)
    script.looked_up(stop(), NOT_FOUND)
    assert not of(OrderRejected, script.live(200_000))
    assert not of(PlaceOrder, script.placed(stop(), NotSent("a ban")))
    assert of(PlaceOrder, script.later(500))


def test_an_order_that_turns_up_after_all_is_taken_back_and_what_it_traded_is_counted():
    script = OrderScript()
    script.submit(stop())
    script.placed(stop(), Refused(Refusal.OTHER, "no"))
    assert names(script.heard(report(stop()))) == ["TakeBack"]
    said = script.taken_back(stop(), report(stop(), CANCELLED, "0.4"))
    assert names(said) == ["AskTrades"]
    assert names(script.trades(stop(), trade("0.4", side=SELL))) == ["OrderFilled"]
    assert script.tracker.next_look_ms is None


def test_a_refusal_that_the_stream_tells_as_well_does_not_bring_the_order_back():
    script = OrderScript()
    script.submit(entry())
    script.placed(entry(), Refused(Refusal.FUNDS, "too little"))
    assert not script.heard(report(entry(), REJECTED))


def test_a_word_that_nobody_knows_proves_that_the_order_exists_and_no_more():
    script = OrderScript()
    script.submit(entry())
    said = script.placed(entry(), report(entry(), VenueStatus.OTHER))
    assert names(said) == ["OrderAccepted"]
    assert of(AskOrder, script.later(500))


def test_a_market_order_that_is_not_over_is_asked_for_and_a_resting_stop_is_not():
    script = OrderScript()
    script.submit(entry())
    script.placed(entry(), report(entry()))
    assert of(AskOrder, script.later(500))
    resting = OrderScript()
    resting.submit(stop())
    resting.placed(stop(), report(stop()))
    assert not of(AskOrder, resting.later(4_000))


def test_an_order_that_the_venue_rejects_later_is_cancelled_once_it_was_accepted():
    script = OrderScript()
    script.submit(entry())
    assert names(script.heard(report(entry(), REJECTED))) == ["OrderRejected"]
    script.submit(stop())
    script.placed(stop(), report(stop()))
    assert names(script.heard(report(stop(), REJECTED))) == ["OrderCancelled"]


def test_orders_of_others_are_told_once_counted_and_left_alone():
    script = OrderScript()
    foreign = report(entry(order_id="somebody"), venue_order_id="f1")
    said = script.heard(foreign) + script.heard(foreign) + script.account(foreign)
    assert names(said) == ["Foreign"]
    assert script.tracker.counts["reports of foreign orders"] == 3
    assert script.tracker.next_look_ms is None


def test_an_unknown_order_with_our_name_is_told_as_such():
    script = OrderScript()
    told, back = script.heard(report(entry(order_id="run00000zzz")))
    assert getattr(told, "has_our_name", None) is True
    assert back == TakeBack(BTC, "run00000zzz")


def test_a_report_without_our_id_is_known_by_the_venues():
    script = OrderScript()
    script.submit(entry())
    script.placed(entry(), report(entry()))
    assert names(script.heard(report(entry(), FILLED, "1", trade("1"), client_order_id=""))) == ["OrderFilled"]


def test_answers_about_nothing_of_ours_are_counted():
    script = OrderScript()
    assert not script.placed(entry(), NO_ANSWER)
    assert not script.cancel(entry())
    assert script.tracker.counts["answers about no order of ours"] == 1
    assert script.tracker.counts["cancels of no order of ours"] == 1


def test_an_entry_that_was_decided_long_ago_is_not_sent():
    script = OrderScript()
    script.later(15_001)
    (told,) = script.submit(entry())
    assert isinstance(told, OrderRejected)
    assert told.reason == "not sent: it was decided 15 s ago, at a price of then"


def test_an_entry_of_a_moment_ago_is_sent_and_what_cuts_risk_is_never_too_late():
    script = OrderScript()
    script.later(15_000)
    assert of(PlaceOrder, script.submit(entry())) == [PlaceOrder(entry(), script.now + 5_000)]
    script.later(600_000)
    assert of(PlaceOrder, script.submit(leaving()))


def test_how_old_a_decision_may_be_scales_with_the_market():
    script = OrderScript(patience=OrderPatience().scaled(1_000))
    script.later(14_000_000)
    assert of(PlaceOrder, script.submit(entry()))
