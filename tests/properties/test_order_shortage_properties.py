"""
Somebody takes coins away that our fills bought, and may bring them back, beside all else that goes wrong.

What is there is protected or sold; what is not there is asked for without end by nobody; and when all of it is back the
books are equal to the last unit.
"""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest

from bot.adapters.account_shortage import AccountShortage
from bot.adapters.order_messages import Balance, PlaceOrder
from bot.adapters.order_outputs import OrderOutput
from bot.adapters.order_sending import OrderSending
from bot.core.events import AnyEvent, HoldingShort
from bot.core.orders import SELL, ZERO
from tests.hourly_bars import BTC
from tests.order_engine import OrderEngine
from tests.order_play import play
from tests.order_venue import OrderVenue
from tests.order_world import OrderWorld

SEEDS = 150
SEARCHED = 300
"""So many worlds may be played until one of them finds a tracker out."""


class ShortEngine(OrderEngine):
    """One that protects and sells what the account has."""

    @property
    def held(self) -> Decimal:
        there = self.state.portfolio.position(BTC).quantity - self.market.missing
        return self.instrument.quantize_quantity(max(there, ZERO))

    def handle(self, event: AnyEvent) -> None:
        if isinstance(event, HoldingShort):
            self.market.missing = event.missing
        super().handle(event)


class ShortVenue(OrderVenue):
    """One whose account somebody else uses as well."""

    taken = ZERO

    def balances(self, at_ms: int) -> dict[str, Balance]:
        held = ZERO
        for order in self.orders.values():
            said = order.report(at_ms)
            if order.intent.side is SELL and said and not said.status.is_final:
                held += said.quantity - said.executed
        found = super().balances(at_ms)
        total = found.get("BTC", Balance()).total
        return found | {"BTC": Balance(max(total - held, ZERO), min(total, held))}

    def take(self, share: Decimal, now: int) -> None:
        """Take a share of the coins that no order holds."""
        amount = self.balances(now)["BTC"].free * share
        self._move(-amount, now)

    def bring_back(self, now: int) -> None:
        """Bring back what was taken."""
        self._move(self.taken, now)

    def _move(self, amount: Decimal, now: int) -> None:
        self.taken -= amount
        self.totals["BTC"] = self.totals.get("BTC", ZERO) + amount
        self.past_totals.append((now, dict(self.totals)))


class ShortWorld(OrderWorld):
    """One in which coins come and go with the prices; in the end they are back, or stay away."""

    venue: ShortVenue
    come_back = True

    def _begin(self) -> None:
        super()._begin()
        self.engine.market.missing = ZERO

    def price(self, last: Decimal) -> None:
        share = Decimal(self.choose.choice(("0", "0", "0.1", "0.9", "1")))
        if self.choose.choice((True, False, False)):
            self.venue.bring_back(self.now)
        else:
            self.venue.take(share, self.now)
        super().price(last)

    def calm_down(self, minutes: int = 12) -> None:
        if self.come_back:
            self.venue.bring_back(self.now)
            super().calm_down(minutes)
            return
        super().calm_down(minutes)
        self._go_on(seconds=180)
        before = self.happened["SubmitOrder"], self.happened["sent"], self.happened["HoldingShort"]
        self._go_on(seconds=180)
        after = self.happened["SubmitOrder"], self.happened["sent"], self.happened["HoldingShort"]
        assert after == before, "it is asked for, or told, again and again"

    def _go_on(self, seconds: int) -> None:
        for _ in range(seconds):
            self.answer_all()
            self.pass_time(1_000)

    def _money(self) -> list[str]:
        if not self.come_back:
            return []
        missing = self.engine.market.missing
        return [*super()._money(), *([f"{missing} are still said to be missing"] if missing else [])]

    def _take(self, output: OrderOutput) -> None:
        if isinstance(output, PlaceOrder):
            wish = self.engine.books.order(output.intent.client_order_id)
            self.happened["sent"] += 1
            self.happened["cut"] += wish is not None and output.intent.quantity < wish.intent.quantity
        super()._take(output)


class PoorWorld(ShortWorld):
    """One in which what was taken stays away."""

    come_back = False

    def calm_down(self, minutes: int = 12) -> None:
        self.is_reconciled = True  # the books are right to differ
        super().calm_down(minutes)
        self.is_reconciled = True


@pytest.fixture(autouse=True)
def strangers() -> Iterator[None]:
    with (
        patch("tests.order_world.OrderEngine", ShortEngine),
        patch("tests.order_world.OrderVenue", ShortVenue),
        patch("tests.order_play.OrderWorld", ShortWorld),
    ):
        yield


def test_coins_that_are_back_are_protected_and_the_books_are_equal_to_the_last_unit() -> None:
    happened: Counter[str] = Counter()
    for seed in range(SEEDS):
        happened += play(seed).happened
    assert happened["OrderFilled"] > 200
    assert happened["HoldingShort"] > 40
    assert happened["cut"] > 5


def test_what_is_there_is_protected_and_what_is_gone_is_asked_for_without_end_by_nobody() -> None:
    happened: Counter[str] = Counter()
    with patch("tests.order_play.OrderWorld", PoorWorld):
        for seed in range(SEEDS):
            happened += play(seed).happened
    assert happened["HoldingShort"] > 40


def _sold_as_wanted(self: OrderSending, most: Decimal) -> bool:
    self.short_ms = None
    return True


def _told_nothing(self: AccountShortage, *args: Any) -> None:
    pass


@pytest.mark.parametrize(
    ("where", "name", "other"),
    [(OrderSending, "found", _sold_as_wanted), (AccountShortage, "_tell", _told_nothing)],
)
def test_a_tracker_that_lacks_this_is_found_out(where: type, name: str, other: Any) -> None:
    with (
        patch.object(where, name, other),
        patch("tests.order_play.OrderWorld", PoorWorld),
        pytest.raises((AssertionError, RecursionError)),
    ):
        _search()


def _search() -> None:
    for seed in range(SEARCHED):
        play(seed)
