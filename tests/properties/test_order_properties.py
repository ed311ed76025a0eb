"""
Whatever a network and a venue do to orders: each is placed at most once, and each trade is counted once.

When all is well again the books are equal to the last unit, every order is over or open in agreement, and what is held
is protected.

Processes are killed at any point and go on with what was written. That each defence is needed is shown by trackers
that lack one: the same worlds find them out.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from random import Random
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bot.adapters.order_absence import Absence
from bot.adapters.order_fate import OrderFate
from bot.adapters.order_messages import OrderReport, Outcome, Refusal, Refused, TradeReport, VenueStatus
from bot.adapters.order_patience import OrderPatience
from bot.adapters.order_record import OrderRecord
from bot.adapters.order_stage import Stage
from bot.adapters.trade_count import TradeCount
from bot.adapters.venue_standing import VenueStanding
from bot.core.orders import ZERO
from tests.hourly_bars import BTC
from tests.order_play import FATES, HEARING, PAUSES, PRICES, SIZES, play
from tests.order_world import OrderWorld

SEEDS = 250
SEARCHED = 1_500
"""So many worlds may be played until one of them finds a tracker out."""


class Orders(RuleBasedStateMachine):
    """An account at a venue, over as many processes as it takes."""

    @initialize(
        random=st.randoms(use_true_random=False),
        watched=st.booleans(),
        foreign=st.sampled_from(({}, {"USDT": "50000", "BTC": "1"})),
    )
    def begin(self, random: Random, watched: bool, foreign: dict[str, str]) -> None:
        self.world = OrderWorld(random, foreign=foreign, watched=(BTC,) if watched else ())

    @rule(quantity=st.sampled_from(SIZES))
    def enter(self, quantity: str) -> None:
        self.world.enter(quantity)

    @rule()
    def leave(self) -> None:
        self.world.leave()

    @rule(index=st.integers(0, 4), fate=st.sampled_from(FATES))
    def serve(self, index: int, fate: str) -> None:
        self.world.serve(index, fate)

    @rule()
    def serve_well(self) -> None:
        self.world.answer_all()

    @rule(index=st.integers(0, 2), fate=st.sampled_from(HEARING))
    def hear(self, index: int, fate: str) -> None:
        self.world.hear(index, fate)

    @rule(ms=st.sampled_from(PAUSES))
    def pass_time(self, ms: int) -> None:
        self.world.pass_time(ms)

    @rule(last=st.sampled_from(PRICES))
    def price(self, last: int) -> None:
        self.world.price(Decimal(last))

    @rule(live=st.booleans())
    def connect(self, live: bool) -> None:
        self.world.connect(live=live)

    @rule(forgetful=st.booleans())
    def restart(self, forgetful: bool) -> None:
        self.world.restart(forgetful=forgetful)

    @rule()
    def reconcile(self) -> None:
        self.world.reconcile()

    @invariant()
    def every_working_order_is_cared_for(self) -> None:
        if hasattr(self, "world"):
            working = self.world.tracker._orders.working
            for order_id in self.world.engine.state.orders:
                assert order_id in working, f"{order_id} is open in the books, and nobody cares"
                fate = working[order_id]
                if fate.stage is not Stage.WATCHED:
                    is_waited_for = fate.due_ms(0, 0) is not None or fate.is_at_venue or fate.lacks_coins
                    assert is_waited_for, f"{order_id} waits for nothing"

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.calm_down()
            assert self.world.is_reconciled
            assert not self.world.disagreements(), self.world.disagreements()


Orders.TestCase.settings = settings(max_examples=60, stateful_step_count=60)
TestOrders = Orders.TestCase


def test_in_worlds_of_faults_the_books_are_equal_to_the_last_unit():
    happened: Counter[str] = Counter()
    for seed in range(SEEDS):
        happened += play(seed).happened
    assert happened["OrderFilled"] > 500
    assert happened["restart"] > 200
    assert not happened["AccountDrifted"], "the books were said to differ, and did not"
    for fate in set(FATES):
        assert happened[f"placing: {fate}"] > 30, f"{fate}: {happened}"


@pytest.mark.proof
def test_in_thousands_of_worlds_the_books_are_equal_to_the_last_unit():
    happened: Counter[str] = Counter()
    for seed in range(SEEDS, 10_000):
        happened += play(seed).happened
    assert not happened["AccountDrifted"]
    assert happened["OrderFilled"] > 20_000


def test_the_same_inputs_give_the_same_outputs():
    assert [str(event) for event in play(7).events] == [str(event) for event in play(7).events]


# Trackers that lack a defence.


def _send_again(self: OrderFate, reason: str, now: int, out: list[Any]) -> None:
    self.stage = Stage.WAITING
    self.questions.placing.again(now)


def _send_again_after_a_restart(self: OrderFate, now: int, out: list[Any]) -> None:
    self.await_sending(now)


def _take_silence_for_a_no(self: OrderFate, reason: str, now: int, out: list[Any]) -> None:
    self.deny(reason, now, out)


def _believe_one_denial(self: Absence, asked_ms: int) -> None:
    self._misses, self._is_denied_late, self._is_not_listed = self._patience.misses, True, True


def _count_everything(self: TradeCount, news: list[TradeReport]) -> list[TradeReport]:
    self._total += sum((trade.quantity for trade in news), ZERO)
    return news


_heard = OrderRecord.hear


def _end_at_once(self: OrderRecord, report: OrderReport, now: int, asked_ms: int | None) -> list[TradeReport]:
    news = _heard(self, report, now, asked_ms)
    self.trades.executed = self.trades.total
    return news


_taken_back = OrderFate.taken_back


def _take_not_found_for_cancelled(self: OrderFate, outcome: Outcome, now: int, out: list[Any]) -> None:
    if isinstance(outcome, Refused) and outcome.refusal is Refusal.NOT_FOUND and self.is_pending:
        self.stage = Stage.KNOWN
        self.record.close(VenueStatus.CANCELLED, "not found")
    _taken_back(self, outcome, now, out)


_account_seen = OrderFate.account_seen


def _take_a_missing_row_for_the_end(
    self: OrderFate, report: OrderReport | None, asked_ms: int, now: int, out: list[Any]
) -> None:
    if report is None and self.is_at_venue:
        self.vanish(now, out)
    _account_seen(self, report, asked_ms, now, out)


_taken_up = OrderFate.take_up


def _watch_at_once(self: OrderFate, venue_order_id: str, now: int) -> None:
    _taken_up(self, venue_order_id, now)
    if self._sending.was_watched:
        self.watch(now, [])


def _forget_the_wish(self: OrderFate, now: int, out: list[Any]) -> None:
    if self.stage in {Stage.WAITING, Stage.WATCHED}:
        self._finish("taken back", now, out)
    else:
        self.questions.taking_back.want(now)


def _trust_any_answer(self: OrderRecord, outcome: Outcome) -> Outcome:
    return outcome


def _never_look_up(self: OrderFate) -> bool:
    return False


def _stay_loud(self: VenueStanding, until_ms: int, reason: str) -> None:
    pass


def _proven_without_a_last_denial(self: Absence) -> bool:
    return self._misses >= self._patience.misses and self._is_not_listed


WITHOUT: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "an unresolved order is not sent again": lambda: patch.object(OrderFate, "_doubt", _send_again),
    "an unresolved order is no rejected one": lambda: patch.object(OrderFate, "_doubt", _take_silence_for_a_no),
    "a restart sends nothing again": lambda: patch.object(OrderFate, "lose", _send_again_after_a_restart),
    "one denial is not believed": lambda: patch.object(Absence, "missed", _believe_one_denial),
    "a denial is asked for at the end": lambda: patch.object(
        Absence, "is_proven", property(_proven_without_a_last_denial)
    ),
    "a trade is counted once": lambda: patch.object(TradeCount, "_count", _count_everything),
    "the end waits for the trades": lambda: patch.object(OrderRecord, "hear", _end_at_once),
    "a cancel that finds nothing asks": lambda: patch.object(OrderFate, "taken_back", _take_not_found_for_cancelled),
    "a list is no proof of an end": lambda: patch.object(OrderFate, "account_seen", _take_a_missing_row_for_the_end),
    "a watched stop is proven unsent": lambda: patch.object(OrderFate, "take_up", _watch_at_once),
    "a wish to cancel lasts": lambda: patch.object(OrderFate, "take_back", _forget_the_wish),
    "an answer must be about the order": lambda: patch.multiple(
        OrderRecord, checked=_trust_any_answer, concerns=lambda self, report: True
    ),
    "a ban is kept": lambda: patch.object(VenueStanding, "_fall_silent", _stay_loud),
    "what is in question is asked for": lambda: patch.object(OrderFate, "_is_in_question", property(_never_look_up)),
}


def _play_many(**world: Any) -> None:
    for seed in range(SEARCHED):
        play(seed, **world)


@pytest.mark.parametrize("defence", WITHOUT)
def test_each_defence_is_needed(defence: str):
    with WITHOUT[defence](), pytest.raises(AssertionError):
        _play_many()


def test_a_minute_of_patience_is_needed():
    with pytest.raises(AssertionError, match="never reached the venue"):
        _play_many(patience=OrderPatience(absent_ms=20_000))


def test_one_look_at_lagging_balances_is_no_drift():
    with patch("bot.adapters.reconciliation.LOOKS", 1):
        drifted = sum(play(seed).happened["AccountDrifted"] for seed in range(SEEDS))
    assert drifted > 0
