"""
Whatever is asked and however late it is answered, a venue that counts as Binance does never has to say no.

And where somebody else on the same address has used the budget up, so that it does, nothing more is asked until it
may be.
"""

import heapq
from collections.abc import Callable
from functools import partial
from itertools import count

from hypothesis import example, given
from hypothesis import strategies as st
from multidict import CIMultiDict

from bot.adapters.rate_budget import Grant, RateBudget
from bot.adapters.rate_limits import RateLimits, WindowLimit
from bot.adapters.request_weights import RequestCost, Urgency
from bot.exchange.refusals import Limited
from bot.exchange.weights import Limit, Limits, RequestMeter

BEGIN_MS = 1_700_000_040_000
MOST = 20
Wanted = tuple[int, int, bool, Urgency, int, int, str]

pauses = st.sampled_from([0, 0, 10, 1_000, 20_000, 58_000])
requests = st.tuples(
    pauses,  # after the one before it
    st.integers(1, MOST),  # weight
    st.booleans(),  # whether it is free when done
    st.sampled_from(Urgency),
    st.integers(0, 5_000),  # on its way there
    st.integers(0, 5_000),  # and back
    st.sampled_from(["done", "refused", "lost"]),
)
others = st.lists(st.tuples(st.integers(0, 70_000), st.integers(1, MOST)), max_size=20)


class Address:
    """A bot, a venue, and whoever else uses the bot's address; everything happens in the order of time."""

    def __init__(self) -> None:
        self.budget = RateBudget(RateLimits(WindowLimit(MOST, 60_000)), settle_ms=0)
        self.meter = RequestMeter(Limits(weight=Limit("REQUEST_WEIGHT", "MINUTE", 1, MOST, 60_000)))
        self.refusals = 0
        self.asked_in_silence = 0
        self._silent_until_ms = 0
        self._agenda: list[tuple[int, int, Callable[[int], None]]] = []
        self._numbers = count()

    def at(self, at_ms: int, deed: Callable[[int], None]) -> None:
        heapq.heappush(self._agenda, (at_ms, next(self._numbers), deed))

    def play(self) -> None:
        while self._agenda:
            now_ms, _, deed = heapq.heappop(self._agenda)
            deed(now_ms)

    def foreign(self, weight: int, now_ms: int) -> None:
        try:
            self.meter.enter(weight, now_ms)
        except Limited:
            return

    def want(self, wanted: Wanted, now_ms: int) -> None:
        _, weight, is_free, urgency, there_ms, back_ms, fate = wanted
        answer = self.budget.take(RequestCost(weight, is_free_when_done=is_free, urgency=urgency), now_ms)
        if isinstance(answer, Grant):
            self.asked_in_silence += now_ms < self._silent_until_ms
            self.at(now_ms + there_ms, partial(self.arrive, answer, back_ms, fate))

    def arrive(self, grant: Grant, back_ms: int, fate: str, now_ms: int) -> None:
        status, headers = 200 if fate == "done" else 400, {}
        try:
            self.meter.enter(grant.cost.weight, now_ms)
            if grant.cost.is_free_when_done and fate == "done":
                self.meter.give_back(grant.cost.weight, now_ms)
        except Limited as no:
            self.refusals += 1
            status, headers = no.status, {"Retry-After": str(no.retry_after_s)}
        headers |= self.meter.headers(now_ms)
        if fate == "lost":
            self.at(now_ms + back_ms, partial(self.budget.lost, grant))
        else:
            self.at(now_ms + back_ms, partial(self.hear, grant, status, headers))

    def hear(self, grant: Grant, status: int, headers: dict[str, str], now_ms: int) -> None:
        wait = self.budget.heard(grant, status, CIMultiDict(headers), b"", now_ms)
        if wait:
            self._silent_until_ms = max(self._silent_until_ms, wait.until_ms)


def played(wanted: list[Wanted], foreign: list[tuple[int, int]]) -> Address:
    """What has become of all that was wanted, each at its time."""
    address = Address()
    for at_ms, weight in foreign:
        address.at(BEGIN_MS + at_ms, partial(address.foreign, weight))
    at_ms = BEGIN_MS
    for one in wanted:
        at_ms += one[0]
        address.at(at_ms, partial(address.want, one))
    address.play()
    return address


@given(st.lists(requests, max_size=30))
@example(
    [
        (59_000, MOST, False, Urgency.URGENT, 5_000, 0, "done"),
        (2_000, MOST, False, Urgency.URGENT, 0, 0, "done"),
    ]
)
def test_alone_on_its_address_it_is_never_refused(wanted) -> None:
    assert played(wanted, []).refusals == 0


@given(st.lists(requests, max_size=30), others)
@example(
    [(58_000, 1, False, Urgency.URGENT, 0, 0, "done"), (20_000, 1, False, Urgency.URGENT, 0, 0, "done")],
    [(0, MOST)] * 9,
)
def test_after_a_refusal_nothing_is_asked_until_it_may_be(wanted, foreign) -> None:
    assert played(wanted, foreign).asked_in_silence == 0


def test_somebody_else_on_the_address_can_make_the_venue_refuse() -> None:
    """Otherwise the property above would say nothing."""
    assert played([(10, MOST, False, Urgency.URGENT, 5, 5, "done")], [(0, MOST)]).refusals == 1
