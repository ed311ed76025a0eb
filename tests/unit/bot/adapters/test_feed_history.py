"""What a feed asks of history, and what it believes of the answers."""

import pytest
from msgspec.structs import replace

from bot.adapters.candle_feed import CandleFeed
from bot.adapters.candle_monitor import CandleMonitor
from bot.adapters.feed_inputs import FrameReceived
from bot.adapters.feed_outputs import AskHistory, Difference, FeedOutput
from bot.adapters.patience import Patience
from bot.core.events import CandleClosed, MarketSuspended
from bot.core.market import Timeframe
from tests.feed_desk import Desk, asked_in, bars, kline_only, only, open_row, rows_of
from tests.feed_fakes import (
    BTC,
    HEARTBEAT,
    MINUTE,
    T0,
    FakeStream,
    bar_of,
    closed_frame,
    forming,
    forming_frame,
    opens,
    row,
    truth,
)

USUAL = Patience()


def test_history_that_lags_is_asked_again_with_growing_pauses() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10))
    question = asked_in(desk.until(12, 10.0))
    pauses = []
    for _ in range(4):
        before = desk.now
        assert bars(desk.answer(question, rows_of(10))) == []
        while not (asked := only(desk.wait(1.0), AskHistory)):
            pass
        question = asked[0]
        pauses.append((desk.now - before) // 1_000)
    assert pauses == [2, 4, 8, 16]
    assert bars(desk.answer(question, [*rows_of(10, 11), open_row(12, 40_000)])) == [11]


def test_the_open_bar_in_an_answer_is_not_a_candle() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10))
    question = asked_in(desk.until(12, 3.0))
    assert bars(desk.answer(question, [*rows_of(11), open_row(12, 3_000)])) == [11]


def test_the_newest_row_of_an_answer_has_to_settle() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10))
    question = asked_in(desk.until(12, 3.0))
    early_ms = opens(12) + USUAL.settle_ms - 1
    assert bars(desk.answer(question, rows_of(11), early_ms)) == []
    assert bars(desk.answer(asked_in(desk.wait(2.0)), rows_of(11), early_ms + 1)) == [11]


def test_history_that_knows_less_than_the_stream_has_shown_is_not_believed_at_once() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10), forming_frame(BTC, 11, 58_000))
    question = asked_in(desk.until(12, 3.0))
    old = [row(forming(BTC, 11, 20_000)), open_row(12, 0)]
    for _ in range(2):
        assert bars(desk.answer(question, old)) == []
        question = asked_in(desk.wait(5.0))
    assert bars(desk.answer(question, [*rows_of(11), open_row(12, 0)])) == [11]


def test_history_that_insists_is_believed_and_the_difference_is_recorded() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10), forming_frame(BTC, 11, 58_000))
    question = asked_in(desk.until(12, 3.0))
    said = forming(BTC, 11, 20_000)
    for _ in range(2):
        desk.answer(question, [row(said), open_row(12, 0)])
        question = asked_in(desk.wait(5.0))
    outputs = desk.answer(question, [row(said), open_row(12, 0)])
    assert outputs == [
        CandleClosed(opens(12), BTC, said),
        Difference(BTC, "the stream", said, forming(BTC, 11, 58_000)),
    ]


def test_what_history_revises_is_recorded() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10))
    question = asked_in(desk.until(12, 3.0))
    revised = replace(truth(BTC, 10), volume=1.0)
    outputs = desk.answer(question, [row(revised), *rows_of(11)], opens(12) + 9_000)
    assert outputs == [
        Difference(BTC, "history", truth(BTC, 10), revised),
        CandleClosed(opens(12), BTC, truth(BTC, 11)),
    ]


def test_the_stream_s_own_word_stands_against_history_s() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10))
    desk.now += 3 * MINUTE
    question = asked_in(desk.hear(closed_frame(BTC, 12)))
    other = replace(truth(BTC, 12), volume=1.0)
    outputs = desk.answer(question, [*rows_of(11), row(other)], opens(13) + 9_000)
    assert outputs[1:] == [
        CandleClosed(opens(13), BTC, truth(BTC, 12)),
        Difference(BTC, "history", truth(BTC, 12), other),
    ]


@pytest.mark.parametrize(
    "damaged",
    [
        (opens(11), 1.0, 0.5, 2.0, 1.0, 1.0),
        (opens(11), float("nan"), 1.0, 1.0, 1.0, 1.0),
        (opens(11), 1.0, 1.0, 1.0, 1.0, -1.0),
        (opens(11) + 1, 1.0, 1.0, 1.0, 1.0, 1.0),
    ],
)
def test_a_row_that_cannot_be_true_is_no_candle_and_the_market_says_why(damaged) -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10))
    outputs: list[FeedOutput] = []
    while not only(outputs, MarketSuspended):
        desk.hear(forming_frame(BTC, 12, max(desk.now - opens(12) + T0, 0)))
        outputs = desk.wait(1.0)
        for question in only(outputs, AskHistory):
            assert bars(desk.answer(question, [*rows_of(10), damaged])) == []
    (suspended,) = only(outputs, MarketSuspended)
    assert "candle" in suspended.reason
    assert desk.feed.counts["refused rows"] > 1


def test_a_missing_bar_with_later_ones_is_passed_over_only_after_patience() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10))
    outputs: list[FeedOutput] = []
    answers = 0
    while 12 not in bars(outputs):
        outputs = []
        for question in only(desk.wait(1.0), AskHistory):
            answers += 1
            outputs += desk.answer(question, [*rows_of(10, 12), open_row(13, 5_000)], opens(13) + 5_000)
    assert answers >= 3
    assert desk.now >= opens(12) - T0 + USUAL.prove_ms
    assert desk.feed.counts["bars that never were"] == 1


def test_a_bar_in_which_the_stream_has_shown_trades_is_never_passed_over() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10), forming_frame(BTC, 11, 30_000))
    for _ in range(600):
        for question in only(desk.wait(1.0), AskHistory):
            assert bars(desk.answer(question, [*rows_of(10, 12), open_row(13, 5_000)], opens(13) + 5_000)) == []
    assert only(desk.said, MarketSuspended)


def test_a_bar_of_which_history_insists_on_what_cannot_be_true_is_passed_over_after_patience() -> None:
    """It would be the same for ever, and the market would wait as long."""
    desk = Desk()
    desk.hear(closed_frame(BTC, 10), forming_frame(BTC, 11, 30_000))
    impossible = (opens(11), 100.0, 101.0, 0.0, 100.0, 1.0)
    told: list[FeedOutput] = []
    answers = 0
    while not bars(told):
        for question in only(desk.wait(1.0), AskHistory):
            answers += 1
            told += desk.answer(question, [*rows_of(10), impossible, *rows_of(12), open_row(13, 5_000)])
    assert bars(told)[0] == 12
    assert answers >= 3
    # It may be mended: ten times as long as for a bar that history leaves out.
    assert desk.now >= opens(12) - T0 + 10 * USUAL.prove_ms


def test_a_bar_without_trades_is_passed_over_where_that_is_ordinary() -> None:
    desk = Desk(kline_only())
    desk.hear(forming_frame(BTC, 10, 59_000, truth(BTC, 10)))
    question = asked_in(desk.until(11, 3.0))
    # Nothing after bar 10 yet: it is final because it has settled.
    assert bars(desk.answer(question, rows_of(10))) == [10]
    while desk.now < opens(13) - T0:
        desk.hear(HEARTBEAT)
        for asked in only(desk.wait(1.0), AskHistory):
            desk.answer(asked, rows_of(10))
    desk.hear(forming_frame(BTC, 13, 5_000))
    assert not only(desk.said, MarketSuspended)
    for _ in range(20):
        for asked in only(desk.wait(1.0), AskHistory):
            desk.answer(asked, [*rows_of(10), open_row(13, 5_000)], opens(13) + 9_000)
    assert desk.feed.counts["bars that never were"] == 2


def test_a_bar_from_the_far_future_is_forgotten_when_the_venue_s_clock_says_otherwise() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10))
    future = FrameReceived(desk.at_ms, desk.connection, closed_frame(BTC, 9_000))
    desk.answer(asked_in(desk.tell(future)), rows_of(10), opens(11) + 3_000)
    assert desk.feed.counts["refuted"] == 1
    assert desk.feed.is_settled
    # The venue's clock was set right as well: nothing is due, and nothing is asked.
    assert not only(desk.until(11, 40.0), (AskHistory, MarketSuspended))
    assert bars(desk.hear(closed_frame(BTC, 11))) == [11]


def test_a_row_from_the_future_does_not_make_the_open_bar_a_candle() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10))
    question = asked_in(desk.until(12, 3.0))
    assert bars(desk.answer(question, [*rows_of(11), open_row(12, 3_000), *rows_of(13)])) == [11]


def test_an_answer_that_nobody_waits_for_is_not_heard() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10))
    question = asked_in(desk.until(12, 3.0))
    other = replace(question, from_ms=question.from_ms + MINUTE)
    assert desk.answer(other, [*rows_of(11), open_row(12, 3_000)]) == []
    assert bars(desk.answer(question, [*rows_of(11), open_row(12, 3_000)])) == [11]
    assert desk.answer(question, [*rows_of(11), open_row(12, 3_000)]) == []
    assert desk.feed.counts["unasked answers"] == 2


def test_while_history_fails_closed_bars_wait_and_the_first_word_about_each_stands() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10))
    desk.hear(closed_frame(BTC, 12), closed_frame(BTC, 12, replace(truth(BTC, 12), volume=1.0)))
    assert desk.feed.counts["revisions"] == 1
    assert bars(desk.hear(closed_frame(BTC, 11))) == [11, 12]
    assert only(desk.said, CandleClosed)[-1].candle == truth(BTC, 12)


def test_however_long_history_fails_only_so_many_bars_wait_and_none_is_lost() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10))
    said = desk.feed._markets[BTC].proof._said
    for bar in range(12, 112):
        outputs = desk.hear(closed_frame(BTC, bar), forming_frame(BTC, bar + 1, 20_000))
        for question in only(outputs + desk.wait(30.0), AskHistory):
            desk.fail(question)
        assert len(said._closed) <= 16
        assert len(said._forming) <= 16
    while bars(desk.said)[-1] < 111:
        for question in only(desk.wait(1.0), AskHistory):
            desk.answer(question, rows_of(*range(bar_of(question.from_ms), bar_of(question.to_ms))))
    assert bars(desk.said)[:102] == list(range(10, 112))


def test_a_long_absence_is_repaired_in_questions_that_can_be_answered() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10))
    desk.now += 2_500 * MINUTE
    asked = only(desk.hear(forming_frame(BTC, 2_510, 30_000)), AskHistory)
    while bar_of(T0 + desk.now) - 1 not in bars(desk.said):
        asked = asked or only(desk.wait(1.0), AskHistory)
        for question in asked:
            span = (bar_of(question.from_ms), bar_of(question.to_ms))
            assert span[1] - span[0] <= 1_001
            desk.answer(question, rows_of(*range(span[0], min(span[1], bar_of(T0 + desk.now)))))
        asked = []
    assert bars(desk.said) == list(range(10, bar_of(T0 + desk.now)))
    assert not only(desk.said, MarketSuspended)


def test_a_session_can_say_where_it_wants_to_begin() -> None:
    stream = FakeStream(confirms=False)
    desk = Desk(stream, feed=CandleFeed([stream], begin_ms={BTC: opens(5)}))
    question = asked_in(desk.hear(closed_frame(BTC, 10)))
    assert bar_of(question.from_ms) == 5
    assert bars(desk.answer(question, rows_of(*range(5, 11)), opens(11) + 9_000)) == list(range(5, 11))


def test_the_monitor_finds_what_history_says_otherwise_after_the_fact() -> None:
    stream = FakeStream(confirms=False)
    desk = Desk(stream, feed=CandleFeed([stream], monitor=CandleMonitor(Timeframe.M1, 1, 5_000)))
    desk.hear(closed_frame(BTC, 10), closed_frame(BTC, 11))
    first, second = only(desk.wait(6), AskHistory)
    assert (bar_of(first.from_ms), bar_of(first.to_ms)) == (10, 11)
    assert desk.answer(first, rows_of(10)) == []
    revised = replace(truth(BTC, 11), volume=1.0)
    assert desk.answer(second, [row(revised)]) == [Difference(BTC, "history, asked again", truth(BTC, 11), revised)]
