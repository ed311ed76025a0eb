"""
A venue that changes its lots whenever it likes, beside all else that goes wrong: the books are equal to the last unit.

What is held is protected as far as the venue takes it, and what it does not take is asked for without end by nobody.
"""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest

from bot.adapters.order_grids import MarketGrid
from bot.adapters.order_messages import OrderReport, PlaceOrder, Refusal, Refused, RenewRules, RulesHeard
from bot.adapters.order_outputs import OrderOutput
from bot.adapters.order_record import OrderRecord
from bot.core.events import BoundsChanged
from bot.core.orders import ZERO, Intent
from tests.hourly_bars import BTC
from tests.order_engine import OrderEngine
from tests.order_play import play
from tests.order_venue import OrderVenue
from tests.order_world import OrderWorld

SEEDS = 200
SEARCHED = 400
"""So many worlds may be played until one of them finds a tracker out."""

LOTS = tuple(Decimal(step) for step in ("0.001", "0.001", "0.01", "0.025", "2"))


class GridEngine(OrderEngine):
    """One that takes for dust what the venue does not take."""

    @property
    def held(self) -> Decimal:
        lots = super().held
        return lots if lots >= self.market.least else ZERO


class GridVenue(OrderVenue):
    """One whose lot is another from time to time, for new orders alone."""

    lot = LOTS[0]

    def place(self, intent: Intent, now: int, *how: Any, **more: Any) -> OrderReport | Refused:
        if intent.quantity % self.lot:
            return Refused(Refusal.RULES, "Filter failure: LOT_SIZE")
        return super().place(intent, now, *how, **more)


class GridWorld(OrderWorld):
    """One in which the venue's lot changes with its prices, and is told to whoever asks."""

    venue: GridVenue
    is_asked_for_rules = False

    def _begin(self) -> None:
        super()._begin()
        self.engine.market.least = ZERO
        self._tell_rules()

    def price(self, last: Decimal) -> None:
        self.venue.lot = self.choose.choice(LOTS)
        super().price(last)

    def tell(self, given: Any) -> list[OrderOutput]:
        said = super().tell(given)
        if self.is_asked_for_rules:
            self._tell_rules()
        return said

    def _tell_rules(self) -> None:
        self.is_asked_for_rules = False
        self.tell(RulesHeard(self.now, BTC, (self.venue.lot,), (self.instrument.tick_size,), takes_stops=True))

    def _take(self, output: OrderOutput) -> None:
        if isinstance(output, RenewRules):
            self.is_asked_for_rules = True
        elif isinstance(output, BoundsChanged):
            self.engine.market.least = output.least
            self.happened["BoundsChanged"] += 1
        else:
            if isinstance(output, PlaceOrder):
                wish = self.engine.books.order(output.intent.client_order_id)
                self.happened["cut"] += wish is not None and output.intent.quantity < wish.intent.quantity
            super()._take(output)


@pytest.fixture(autouse=True)
def grids() -> Iterator[None]:
    with (
        patch("tests.order_world.OrderEngine", GridEngine),
        patch("tests.order_world.OrderVenue", GridVenue),
        patch("tests.order_play.OrderWorld", GridWorld),
    ):
        yield


def test_whatever_the_lots_are_the_books_are_equal_to_the_last_unit() -> None:
    happened: Counter[str] = Counter()
    for seed in range(SEEDS):
        happened += play(seed).happened
    assert happened["OrderFilled"] > 300
    assert happened["BoundsChanged"] > 150
    assert happened["cut"] > 40
    assert not happened["AccountDrifted"], "the books were said to differ, and did not"


def _sent_as_wanted(self: MarketGrid, intent: Intent) -> Intent:
    return intent


def _compared_with_what_was_wanted(self: OrderRecord, report: OrderReport) -> Decimal:
    return self._intent.quantity


@pytest.mark.parametrize(
    ("where", "name", "other"),
    [
        (MarketGrid, "fitted", _sent_as_wanted),
        (OrderRecord, "_sent_as_in", _compared_with_what_was_wanted),
    ],
)
def test_a_tracker_that_lacks_this_is_found_out(where: type, name: str, other: Any) -> None:
    with patch.object(where, name, other), pytest.raises((AssertionError, RecursionError)):
        _search()


def _search() -> None:
    for seed in range(SEARCHED):
        play(seed)
