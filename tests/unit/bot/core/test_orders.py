"""The life of an order: what is final stays, what was filled counts."""

from decimal import Decimal

import pytest

from bot.core.orders import Order, OrderStatus
from tests.made_orders import intent

FINAL = [OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED]
ONE = Decimal(1)


def order(status: OrderStatus = OrderStatus.SUBMITTED, filled: str = "0", quantity: str = "2") -> Order:
    return Order(intent(quantity=quantity), status, Decimal(filled))


def test_an_order_begins_submitted_and_open() -> None:
    fresh = Order(intent(quantity="2"))
    assert fresh.status is OrderStatus.SUBMITTED
    assert fresh.is_open
    assert fresh.remaining == 2


@pytest.mark.parametrize("status", list(OrderStatus))
def test_three_statuses_are_final(status: OrderStatus) -> None:
    assert status.is_final is (status in FINAL)
    assert order(status).is_open is (status not in FINAL)


@pytest.mark.parametrize("final", FINAL)
@pytest.mark.parametrize("later", list(OrderStatus))
def test_a_final_status_is_never_left(final: OrderStatus, later: OrderStatus) -> None:
    assert order(final).moved_to(later).status is final


def test_a_late_acceptance_does_not_undo_a_partial_fill() -> None:
    part = order().with_fill(ONE)
    assert part.moved_to(OrderStatus.ACCEPTED, "v1").status is OrderStatus.PARTIALLY_FILLED


def test_the_venues_id_is_kept_once_it_is_known() -> None:
    known = order().moved_to(OrderStatus.ACCEPTED, "v1")
    assert known.venue_order_id == "v1"
    assert known.moved_to(OrderStatus.CANCELLED).venue_order_id == "v1"


def test_fills_add_up_to_filled() -> None:
    part = order().with_fill(Decimal("0.5"))
    assert (part.status, part.remaining) == (OrderStatus.PARTIALLY_FILLED, Decimal("1.5"))
    whole = part.with_fill(Decimal("1.5"))
    assert (whole.status, whole.remaining) == (OrderStatus.FILLED, Decimal(0))


@pytest.mark.parametrize("final", [OrderStatus.CANCELLED, OrderStatus.REJECTED])
def test_a_fill_after_the_end_counts_and_does_not_revive_the_order(final: OrderStatus) -> None:
    after = order(final).with_fill(ONE)
    assert (after.filled, after.status) == (ONE, final)
    assert after.with_fill(ONE).status is OrderStatus.FILLED


def test_an_unknown_order_is_open_until_the_venue_speaks() -> None:
    lost = order().moved_to(OrderStatus.UNKNOWN)
    assert lost.is_open
    assert lost.moved_to(OrderStatus.ACCEPTED).status is OrderStatus.ACCEPTED
    assert lost.moved_to(OrderStatus.REJECTED).status is OrderStatus.REJECTED


def test_a_partly_filled_order_that_was_unknown_is_accepted_again() -> None:
    lost = order().with_fill(ONE).moved_to(OrderStatus.UNKNOWN)
    assert lost.moved_to(OrderStatus.ACCEPTED).status is not OrderStatus.UNKNOWN
