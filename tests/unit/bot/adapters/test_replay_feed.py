"""Recorded series as instants to play and a history that answers at once."""

import numpy as np

from bot.adapters.candle_series import CandleSeries, FileReport
from bot.adapters.replay_feed import ReplayFeed
from bot.core.commands import Backfill
from bot.core.events import Backfilled, CandleClosed
from bot.core.market import Timeframe
from tests.hourly_bars import BTC, ETH, HOUR, bar, closed, closes, opens


def series(symbol: str, *numbers: int) -> CandleSeries:
    rows = np.array([[100.0 + n, 101.0 + n, 99.0 + n, 100.5 + n, float(n)] for n in numbers]).reshape(-1, 5)
    report = FileReport((), len(rows), 0, was_unsorted=False, findings=())
    return CandleSeries(symbol, Timeframe.H1, np.array([opens(n) for n in numbers], dtype=np.int64), rows, report)


def candle(symbol: str, n: int) -> CandleClosed:
    return closed(bar(n, 100.0 + n, 101.0 + n, 99.0 + n, 100.5 + n, volume=float(n)), symbol)


def played(feed: ReplayFeed, **begin: int) -> list[list[CandleClosed]]:
    first = {symbol: opens(begin.get(symbol.partition("/")[0].lower(), 0)) for symbol in feed.symbols}
    return [list(instant) for instant in feed.instants(first)]


def test_one_market_is_played_candle_by_candle() -> None:
    assert played(ReplayFeed([series(BTC, 0, 1, 3)])) == [[candle(BTC, n)] for n in (0, 1, 3)]


def test_candles_of_one_close_time_come_together_in_the_order_of_the_instruments() -> None:
    """Invariant 5: the same rule holds in recorded time."""
    feed = ReplayFeed([series(ETH, 1, 2, 4), series(BTC, 0, 1, 2)])
    assert feed.symbols == (ETH, BTC)
    assert played(feed) == [
        [candle(BTC, 0)],
        [candle(ETH, 1), candle(BTC, 1)],
        [candle(ETH, 2), candle(BTC, 2)],
        [candle(ETH, 4)],
    ]


def test_each_market_begins_where_it_is_told_to() -> None:
    feed = ReplayFeed([series(BTC, 0, 1, 2), series(ETH, 0, 1, 2)])
    assert played(feed, btc=2, eth=1) == [[candle(ETH, 1)], [candle(BTC, 2), candle(ETH, 2)]]
    assert feed.count({BTC: opens(2), ETH: opens(1)}) == 3


def test_a_market_that_is_played_out_leaves_the_others_to_go_on() -> None:
    feed = ReplayFeed([series(BTC, 0, 1), series(ETH, 0, 1, 2, 3)])
    assert played(feed, btc=9)[-1] == [candle(ETH, 3)]
    assert [len(instant) for instant in played(feed)] == [2, 2, 1, 1]


def test_nothing_is_left_after_the_end() -> None:
    feed = ReplayFeed([series(BTC, 0, 1)])
    assert played(feed, btc=5) == []
    assert feed.count({BTC: opens(5)}) == 0


def test_history_answers_with_what_opens_in_the_span() -> None:
    feed = ReplayFeed([series(BTC, 0, 1, 3, 4)])
    (answer,) = feed.backfill(Backfill(BTC, opens(1), opens(4)))
    assert answer == Backfilled(opens(4), BTC, opens(1), opens(4), (candle(BTC, 1).candle, candle(BTC, 3).candle))


def test_history_has_nothing_before_its_first_candle() -> None:
    feed = ReplayFeed([series(BTC, 0, 1)])
    (answer,) = feed.backfill(Backfill(BTC, opens(-9), opens(0)))
    assert answer.candles == ()


def test_long_series_are_read_in_pieces_without_a_seam() -> None:
    feed = ReplayFeed([series(BTC, *range(9000))])
    times = [instant[0].at_ms for instant in feed.instants({BTC: opens(0)})]
    assert times == [closes(n) for n in range(9000)]


def test_candles_are_plain_numbers() -> None:
    (first, *_) = played(ReplayFeed([series(BTC, 0, 1)]))
    one = first[0].candle
    assert {type(value) for value in (one.open, one.high, one.low, one.close, one.volume)} == {float}
    assert type(one.open_time_ms) is int
    assert one.open_time_ms % HOUR == 0
