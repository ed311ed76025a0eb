"""The order book: who is served first, and what a taker would get."""

import pytest

from bot.core.orders import BUY, SELL
from bot.exchange.book import STREET, Book, Resting, Sweep
from tests.unit.bot.exchange.trading_desk import d


def resting(order_id: int, price: str, quantity: str = "1", owner: str = STREET) -> Resting:
    return Resting(order_id, owner, d(price), d(quantity))


def book_of_asks() -> Book:
    book = Book()
    for order_id, price, quantity in ((1, "101", "1"), (2, "100", "2"), (3, "100", "3"), (4, "102", "4")):
        book.add(SELL, resting(order_id, price, quantity))
    return book


def served(book: Book, side=SELL) -> list[int]:
    return [one.order_id for one in book.queue(side)]


def test_the_better_price_is_served_first_and_at_one_price_the_earlier_order() -> None:
    assert served(book_of_asks()) == [2, 3, 1, 4]


def test_the_highest_bid_is_the_better_one() -> None:
    book = Book()
    for order_id, price in ((1, "99"), (2, "98"), (3, "99.5"), (4, "99")):
        book.add(BUY, resting(order_id, price))
    assert served(book, BUY) == [3, 1, 4, 2]
    assert book.best(BUY) == resting(3, "99.5")


def test_prices_that_are_written_differently_are_one_price() -> None:
    book = Book()
    for order_id, price in ((1, "100.0"), (2, "100"), (3, "1e2")):
        book.add(SELL, resting(order_id, price))
    assert served(book) == [1, 2, 3]
    assert book.depth(SELL, 5) == [(d(100), d(3))]


def test_an_order_that_is_partly_taken_keeps_its_place() -> None:
    book = book_of_asks()
    book.take(2, d("0.5"))
    assert served(book) == [2, 3, 1, 4]
    assert book.best(SELL) == resting(2, "100", "1.5")


def test_an_order_that_is_taken_whole_leaves_the_book() -> None:
    book = book_of_asks()
    book.take(2, d(2))
    assert served(book) == [3, 1, 4]
    assert 2 not in book


def test_an_order_is_never_taken_for_more_than_it_has() -> None:
    with pytest.raises(ValueError, match="order 2 has 2, not 3"):
        book_of_asks().take(2, d(3))


def test_one_number_rests_only_once() -> None:
    book = book_of_asks()
    with pytest.raises(ValueError, match="order 1 rests already"):
        book.add(BUY, resting(1, "90"))


def test_a_price_without_orders_is_gone() -> None:
    book = book_of_asks()
    book.remove(2)
    book.remove(3)
    assert book.depth(SELL, 1) == [(d(101), d(1))]


def test_an_empty_side_has_no_best_order() -> None:
    assert book_of_asks().best(BUY) is None


def test_the_depth_adds_up_the_orders_of_a_price() -> None:
    assert book_of_asks().depth(SELL, 2) == [(d(100), d(5)), (d(101), d(1))]


def test_a_sweep_goes_from_price_to_price() -> None:
    assert book_of_asks().sweep(BUY, d(7)) == Sweep(d(7), d(5 * 100 + 101 + 102), exhausted=False)


def test_a_sweep_stops_at_the_limit() -> None:
    assert book_of_asks().sweep(BUY, d(7), d(100)) == Sweep(d(5), d(500), exhausted=True)


def test_a_sweep_of_more_than_there_is_exhausts_the_book() -> None:
    swept = book_of_asks().sweep(BUY, d(11))
    assert (swept.quantity, swept.exhausted) == (d(10), True)


def test_a_sweep_passes_over_the_orders_of_one_owner() -> None:
    book = book_of_asks()
    book.add(SELL, resting(5, "99", "1", owner="alice"))
    assert book.sweep(BUY, d(1), without="alice").amount == d(100)
    assert book.sweep(BUY, d(1)).amount == d(99)


def test_an_amount_buys_whole_lots_and_never_costs_more() -> None:
    swept = book_of_asks().sweep_amount(BUY, d(550), d("0.1"))
    assert swept == Sweep(d("5.4"), d("540.4"), exhausted=False)


def test_an_amount_that_is_more_than_the_book_exhausts_it() -> None:
    swept = book_of_asks().sweep_amount(BUY, d(5_000), d("0.1"))
    assert (swept.quantity, swept.exhausted) == (d(10), True)
