"""Each trade of an order is counted once, and in its turn."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.order_messages import TradeReport
from bot.adapters.trade_count import TradeCount
from tests.order_script import T0, trade

D = Decimal
PIECES = st.lists(st.integers(1, 5), min_size=1, max_size=6)


def counted(pieces: list[int]) -> list[TradeReport]:
    return [trade(str(piece), number=str(number + 8), at_ms=T0 + number) for number, piece in enumerate(pieces)]


@given(pieces=PIECES, data=st.data())
def test_whatever_is_heard_in_whatever_order_each_trade_is_counted_once_and_in_its_turn(pieces: list[int], data):
    trades = counted(pieces)
    sums = [D(sum(pieces[: number + 1])) for number in range(len(pieces))]
    count, told = TradeCount(), []
    for number in data.draw(st.lists(st.integers(0, len(trades) - 1), max_size=12)):
        told += count.hear(sums[number], [trades[number]])
    told += count.hear(sums[-1], [])
    if not count.is_complete:
        told += count.hear_list(data.draw(st.permutations(trades)))
    assert told == trades
    assert count.total == sums[-1]


@given(pieces=PIECES, data=st.data())
def test_books_that_have_the_first_trades_lack_the_others(pieces: list[int], data):
    trades = counted(pieces)
    booked = data.draw(st.integers(0, len(trades)))
    count = TradeCount(D(sum(pieces[:booked])))
    count.hear(D(sum(pieces)), [])
    count.hear_list(reversed(trades))
    expected = [] if booked == len(trades) else trades[booked:]
    assert count.beyond(D(sum(pieces[:booked]))) == expected


def test_a_list_with_a_hole_is_not_counted():
    count = TradeCount()
    count.hear(D(3), [])
    assert not count.hear_list([trade("1"), trade("4", number="3", at_ms=T0 + 2)])
    assert not count.hear_list([trade("1"), trade("1")])
    full = [trade("1"), trade("2", number="2", at_ms=T0 + 1), trade("4", number="3", at_ms=T0 + 2)]
    assert count.hear_list(full) == full
    assert count.executed == D(7)


def test_what_an_earlier_process_has_counted_is_complete_until_more_is_executed():
    count = TradeCount(D(2))
    assert not count.hear(D(2), [trade("2")])
    assert count.is_complete
    assert not count.hear(D(3), [trade("1", number="2")])
    assert not count.is_complete
