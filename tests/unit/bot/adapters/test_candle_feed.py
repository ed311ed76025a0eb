"""What a feed makes of frames and of the passing of time: one fact each."""

import pytest
from msgspec.structs import replace

from bot.adapters.candle_feed import CandleFeed
from bot.adapters.feed_inputs import FrameReceived
from bot.adapters.feed_outputs import AskHistory, Difference, FeedOutput, GiveUp
from bot.core.errors import ConfigError
from bot.core.events import CandleClosed, MarketSuspended, PriceUpdated
from bot.core.market import Candle
from tests.feed_desk import Desk, asked_in, bars, only, open_row, rows_of
from tests.feed_fakes import (
    BTC,
    ETH,
    MINUTE,
    FakeStream,
    bar_of,
    closed_frame,
    forming,
    forming_frame,
    opens,
    row,
    truth,
)


def test_a_closed_bar_is_a_candle_at_its_close_time_and_a_forming_one_is_a_price() -> None:
    desk = Desk()
    (price,) = desk.hear(forming_frame(BTC, 10, 30_000))
    assert price == PriceUpdated(opens(10) + 30_000, BTC, *[forming(BTC, 10, 30_000).close] * 3)
    assert desk.hear(closed_frame(BTC, 10)) == [CandleClosed(opens(11), BTC, truth(BTC, 10))]


def test_a_bar_said_again_is_counted_and_another_value_is_recorded_not_emitted() -> None:
    desk = Desk()
    other = replace(truth(BTC, 10), volume=99.0)
    desk.hear(closed_frame(BTC, 10))
    assert desk.hear(closed_frame(BTC, 10)) == []
    assert desk.hear(closed_frame(BTC, 10, other)) == [Difference(BTC, "the stream", truth(BTC, 10), other)]
    assert desk.feed.counts["repeated by the stream"] == desk.feed.counts["revisions"] == 1


def test_a_closed_bar_that_forms_again_is_late_and_moves_nothing() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10))
    assert desk.hear(forming_frame(BTC, 10, 59_000)) == []
    assert desk.feed.counts["late frames"] == 1


def test_prices_go_forward_only() -> None:
    desk = Desk()
    desk.hear(forming_frame(BTC, 10, 20_000))
    assert desk.hear(forming_frame(BTC, 10, 10_000), forming_frame(BTC, 10, 20_000)) == []
    assert len(desk.hear(forming_frame(BTC, 10, 30_000))) == 1


def test_a_gap_is_repaired_before_the_next_candle() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10))
    question = asked_in(desk.hear(closed_frame(BTC, 13)))
    assert (bar_of(question.from_ms), bar_of(question.to_ms)) == (10, 15)
    assert bars(desk.answer(question, rows_of(10, 11, 12, 13))) == [11, 12, 13]


def test_bars_that_come_out_of_order_are_put_in_order_without_waiting_for_history() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10))
    desk.hear(closed_frame(BTC, 12))
    assert bars(desk.hear(closed_frame(BTC, 11))) == [11, 12]


def test_a_closing_frame_that_never_comes_is_missed_when_its_time_is_over() -> None:
    desk = Desk()
    desk.hear(forming_frame(BTC, 10, 50_000))
    assert desk.until(11, 1.0) == []
    question = asked_in(desk.wait(2.0))
    assert bars(desk.answer(question, [*rows_of(10), open_row(11, 3_000)])) == [10]


def test_the_same_is_noticed_by_its_successor_when_the_venue_s_clock_is_not_known_to_have_moved() -> None:
    desk = Desk()
    desk.hear(forming_frame(BTC, 10, 0))
    desk.hear(forming_frame(BTC, 11, 1_000))
    question = asked_in(desk.wait(2.5, step=0.5))
    assert bars(desk.answer(question, [*rows_of(10), open_row(11, 1_000)], opens(11) + 1_000)) == [10]


@pytest.mark.parametrize("step_ms", [-5 * 3_600_000, -1_000, 20_000])
def test_a_clock_that_steps_is_no_time_that_passed(step_ms) -> None:
    desk = Desk()
    desk.hear(forming_frame(BTC, 10, 50_000))
    desk.ahead_ms += step_ms
    outputs = desk.until(11, 3.0)
    assert bars(desk.answer(asked_in(outputs), [*rows_of(10), open_row(11, 3_000)])) == [10]
    assert not only(desk.said, (GiveUp, MarketSuspended))


def test_a_candle_that_leaps_is_believed_when_history_says_so_too() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10))
    desk.now += MINUTE + 3_000
    crash = Candle(opens(11), 100.0, 100.0, 30.0, 40.0, 5.0)
    question = asked_in(desk.hear(closed_frame(BTC, 11, crash)))
    assert desk.answer(question, [row(crash), open_row(12, 3_000)]) == [CandleClosed(opens(12), BTC, crash)]


def test_a_candle_that_leaps_alone_is_replaced_by_history_s() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10))
    desk.now += MINUTE + 3_000
    spike = Candle(opens(11), 100.0, 10_000.0, 100.0, 10_000.0, 5.0)
    question = asked_in(desk.hear(closed_frame(BTC, 11, spike)))
    assert desk.answer(question, [*rows_of(11), open_row(12, 3_000)]) == [CandleClosed(opens(12), BTC, truth(BTC, 11))]


def test_a_price_that_leaps_is_handed_on_when_history_bears_it_out() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10))

    def price(elapsed_ms: int, value: float) -> list[FeedOutput]:
        return desk.hear(forming_frame(BTC, 11, elapsed_ms, Candle(opens(11), value, value, value, value, 1.0)))

    assert price(1_000, 30.0) == price(2_000, 30.1) == []
    assert len(price(3_000, 100.0)) == 1
    question = asked_in(desk.wait(1.0))
    desk.answer(question, [*rows_of(10), (opens(11), 100.0, 100.0, 30.0, 30.0, 2.0)])
    assert len(price(5_000, 30.0)) == 1
    assert price(6_000, 10_000.0) == []


def test_a_price_that_was_long_on_its_way_is_no_news() -> None:
    desk = Desk()
    desk.hear(forming_frame(BTC, 10, 0))
    desk.wait(20)
    assert desk.hear(forming_frame(BTC, 10, 5_000)) == []
    assert desk.feed.counts["stale prices"] == 1


def heard(desk: Desk, frame: bytes, latest_ms: int) -> list[FeedOutput]:
    return desk.tell(FrameReceived(desk.at_ms, desk.connection, frame, latest_ms))


def test_a_price_from_a_time_that_has_not_come_moves_nothing() -> None:
    """One frame that names next year would be the engine's time for a year, over restarts as well."""
    desk = Desk()
    year_ms = 365 * 86_400_000
    assert heard(desk, forming_frame(BTC, 10, year_ms, truth(BTC, 10)), opens(10) + 15_000) == []
    (price,) = heard(desk, forming_frame(BTC, 10, 5_000), opens(10) + 15_000)
    assert isinstance(price, PriceUpdated)
    assert price.at_ms == opens(10) + 5_000
    assert desk.feed.counts["ahead of the clock"] == 1
    assert not only(desk.wait(40.0), AskHistory)


def test_a_bar_that_is_called_closed_before_its_end_has_come_is_not() -> None:
    desk = Desk()
    half = forming(BTC, 10, 30_000)
    assert heard(desk, closed_frame(BTC, 10, half), opens(10) + 40_000) == []
    (candle,) = heard(desk, closed_frame(BTC, 10), opens(11) + 10_050)
    assert isinstance(candle, CandleClosed)
    assert candle.candle == truth(BTC, 10)


def test_a_market_on_two_connections_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="each market on one of them"):
        CandleFeed([FakeStream([BTC]), FakeStream([BTC, ETH])])
