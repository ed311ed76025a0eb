"""One budget for everything: what it grants, what it believes, and when it is silent."""

import json

import pytest
from multidict import CIMultiDict

from bot.adapters.rate_budget import LONGEST_SILENCE_MS, UNSTATED_BAN_MS, Grant, RateBudget, Wait
from bot.adapters.rate_limits import RateLimits, WindowLimit
from bot.adapters.request_weights import RequestCost, Urgency
from bot.core.market import DAY_MS

MINUTE = 1_700_000_040_000
"""The begin of a minute."""

LIMITS = RateLimits(WindowLimit(100, 60_000), (WindowLimit(10, 10_000), WindowLimit(1_000, DAY_MS)))
SETTLE = 250
ORDER = RequestCost(1, orders=1, is_free_when_done=True)
STOP = RequestCost(1, orders=1, is_free_when_done=True, urgency=Urgency.URGENT)
CANCEL = RequestCost(1, is_free_when_done=True, urgency=Urgency.URGENT)
HISTORY = RequestCost(2, urgency=Urgency.BACKGROUND)


def of(weight: int, urgency: Urgency = Urgency.URGENT) -> RequestCost:
    return RequestCost(weight, urgency=urgency)


def budget() -> RateBudget:
    return RateBudget(LIMITS, SETTLE)


def granted(one: RateBudget, cost: RequestCost, now_ms: int = MINUTE) -> Grant:
    answer = one.take(cost, now_ms)
    assert isinstance(answer, Grant)
    return answer


def answered(
    one: RateBudget, cost: RequestCost, now_ms: int = MINUTE, status: int = 200, body: bytes = b"", **headers: str
) -> Wait | None:
    named = CIMultiDict({name.replace("_", "-"): text for name, text in headers.items()})
    return one.heard(granted(one, cost, now_ms), status, named, body, now_ms)


def test_what_fits_is_granted_until_the_window_is_full_and_then_waits_for_the_next() -> None:
    one = budget()
    one.lost(granted(one, of(60)), MINUTE)
    one.lost(granted(one, of(40), MINUTE + 59_000), MINUTE + 59_000)
    assert one.take(of(1), MINUTE + 59_999) == Wait(MINUTE + 60_000 + SETTLE, "100 in 60 s are used up")
    granted(one, of(100), MINUTE + 60_000)


@pytest.mark.parametrize(("urgency", "share"), [(Urgency.BACKGROUND, 50), (Urgency.NORMAL, 80), (Urgency.URGENT, 100)])
def test_the_last_part_of_the_budget_is_kept_for_what_protects(urgency, share) -> None:
    one = budget()
    granted(one, of(share - 1, urgency))
    granted(one, of(1, urgency))
    assert isinstance(one.take(of(1, urgency), MINUTE), Wait)
    assert isinstance(one.take(CANCEL, MINUTE), Wait if share == 100 else Grant)


def test_a_request_that_is_larger_than_its_share_goes_when_nothing_else_did() -> None:
    one = budget()
    granted(one, of(250, Urgency.BACKGROUND))
    assert isinstance(one.take(of(250, Urgency.BACKGROUND), MINUTE), Wait)


def test_an_order_that_succeeded_gives_its_weight_back_and_a_refused_one_does_not() -> None:
    one = budget()
    answered(one, ORDER, status=200)
    assert one.used_weight(MINUTE) == 0
    answered(one, ORDER, status=400)
    assert one.used_weight(MINUTE) == 1


def test_a_request_that_was_not_sent_is_taken_out_and_one_without_answer_is_not() -> None:
    one = budget()
    one.give_back(granted(one, of(30)), MINUTE)
    assert one.used_weight(MINUTE) == 0
    one.lost(granted(one, of(30)), MINUTE)
    assert one.used_weight(MINUTE) == 30


def test_nothing_is_given_back_to_a_window_that_did_not_lend_it() -> None:
    one = budget()
    grant = granted(one, of(30))
    granted(one, of(10), MINUTE + 60_000)
    one.give_back(grant, MINUTE + 60_000)
    assert one.used_weight(MINUTE + 60_000) == 40


def test_what_is_on_its_way_when_a_window_begins_counts_there_too() -> None:
    one = budget()
    grant = granted(one, of(30))
    assert one.used_weight(MINUTE + 60_000) == 30
    one.lost(grant, MINUTE + 60_001)
    assert one.used_weight(MINUTE + 60_001) == 30
    assert one.used_weight(MINUTE + 120_000) == 0


def test_the_venue_s_counter_overrides_ours_upward_and_never_downward() -> None:
    one = budget()
    answered(one, of(10), X_MBX_USED_WEIGHT_1M="70")
    assert one.used_weight(MINUTE) == 70
    answered(one, of(10), X_MBX_USED_WEIGHT_1M="15")
    assert one.used_weight(MINUTE) == 80


def test_what_is_still_on_its_way_is_counted_beside_the_venue_s_counter() -> None:
    one = budget()
    granted(one, of(20))
    answered(one, of(10), X_MBX_USED_WEIGHT_1M="40")
    assert one.used_weight(MINUTE) == 60


def test_a_counter_that_may_be_that_of_the_window_before_is_not_believed() -> None:
    one = budget()
    grant = granted(one, of(10))
    one.heard(grant, 200, CIMultiDict({"X-MBX-USED-WEIGHT-1M": "90"}), b"", MINUTE + 60_001)
    assert one.used_weight(MINUTE + 60_001) == 10


def test_orders_are_counted_in_ten_seconds_and_the_last_fifth_is_for_what_protects() -> None:
    one = budget()
    for _ in range(8):
        one.lost(granted(one, ORDER), MINUTE)
    assert one.take(ORDER, MINUTE + 3) == Wait(MINUTE + 10_000 + SETTLE, "10 in 10 s are used up")
    granted(one, STOP)
    granted(one, CANCEL)
    granted(one, HISTORY)
    granted(one, ORDER, MINUTE + 10_000)


def test_the_venue_s_count_of_orders_replaces_ours_since_filled_ones_do_not_count() -> None:
    one = budget()
    for _ in range(7):
        answered(one, ORDER)
    answered(one, ORDER, X_MBX_ORDER_COUNT_10S="1", X_MBX_ORDER_COUNT_1D="1")
    for _ in range(7):
        granted(one, ORDER)
    assert isinstance(one.take(ORDER, MINUTE), Wait)


def test_a_day_s_orders_are_used_up_until_midnight() -> None:
    one = RateBudget(RateLimits(orders=(WindowLimit(10, 10_000), WindowLimit(10, DAY_MS))), SETTLE)
    for turn in range(8):
        one.lost(granted(one, ORDER, MINUTE + 10_000 * turn), MINUTE + 10_000 * turn)
    answer = one.take(ORDER, MINUTE + 100_000)
    assert answer == Wait((MINUTE // DAY_MS + 1) * DAY_MS + SETTLE, "10 in 86400 s are used up")


@pytest.mark.parametrize("status", [429, 418])
def test_retry_after_silences_everything_until_it_is_over(status) -> None:
    one = budget()
    wait = answered(one, HISTORY, status=status, Retry_After="30")
    until_ms = MINUTE + 30_000 + SETTLE
    assert wait == Wait(until_ms, f"HTTP {status}")
    for cost in (HISTORY, ORDER, STOP, CANCEL, of(1)):
        assert one.take(cost, until_ms - 1) == wait
    assert one.silent_until_ms(until_ms - 1) == until_ms
    granted(one, HISTORY, until_ms)
    assert one.silent_until_ms(until_ms) is None


def test_a_refusal_without_a_time_silences_for_the_window_and_a_ban_for_the_shortest_there_is() -> None:
    assert answered(budget(), HISTORY, MINUTE + 1_000, status=429) == Wait(MINUTE + 60_000 + SETTLE, "HTTP 429")
    assert answered(budget(), HISTORY, status=418) == Wait(MINUTE + UNSTATED_BAN_MS + SETTLE, "HTTP 418")


def test_the_later_of_header_and_words_counts() -> None:
    words = json.dumps({"code": -1003, "msg": f"IP banned until {MINUTE + 90_000}. Bye."}).encode()
    assert answered(budget(), HISTORY, status=418, body=words, Retry_After="60") == Wait(
        MINUTE + 90_000 + SETTLE, "HTTP 418"
    )


def test_no_silence_is_longer_than_the_longest_ban() -> None:
    wait = answered(budget(), HISTORY, status=418, Retry_After="99999999999")
    assert wait == Wait(MINUTE + LONGEST_SILENCE_MS + SETTLE, "HTTP 418")


def test_a_shorter_silence_does_not_end_a_longer_one() -> None:
    one = budget()
    first, second = granted(one, HISTORY), granted(one, HISTORY)
    longer = one.heard(first, 418, CIMultiDict({"Retry-After": "600"}), b"", MINUTE)
    assert one.heard(second, 429, CIMultiDict({"Retry-After": "5"}), b"", MINUTE) == longer


def test_a_silence_that_is_over_does_not_come_back_when_the_clock_is_set_back() -> None:
    one = budget()
    answered(one, HISTORY, status=418, Retry_After="120")
    granted(one, HISTORY, MINUTE + 121_000)
    granted(one, HISTORY, MINUTE - 3_600_000)


def test_too_many_orders_stops_orders_alone() -> None:
    one = budget()
    words = json.dumps({"code": -1015, "msg": "Too many new orders; current limit is 10 orders per 10 SECOND."})
    assert answered(one, ORDER, status=429, body=words.encode(), Retry_After="7") is None
    for order in (ORDER, STOP):
        assert one.take(order, MINUTE + 6_999) == Wait(MINUTE + 7_000 + SETTLE, "too many new orders")
    granted(one, CANCEL)
    granted(one, HISTORY)
    granted(one, ORDER, MINUTE + 7_000 + SETTLE)


def test_too_many_orders_without_a_time_waits_for_the_shortest_window() -> None:
    one = budget()
    answered(one, ORDER, status=429, body=b'{"code":-1015,"msg":""}')
    assert one.take(ORDER, MINUTE) == Wait(MINUTE + 10_000 + SETTLE, "too many new orders")


def test_new_limits_count_from_what_is_used_already() -> None:
    one = budget()
    for _ in range(5):
        one.lost(granted(one, ORDER), MINUTE)
    one.learn(RateLimits(WindowLimit(10, 60_000), (WindowLimit(6, 10_000),)))
    assert isinstance(one.take(ORDER, MINUTE), Wait)
    granted(one, STOP)
    assert isinstance(one.take(STOP, MINUTE), Wait)
    granted(one, of(4))
    assert isinstance(one.take(of(1), MINUTE), Wait)
