"""What a feed makes of frames, answers and time: one fact each, without sockets or clocks."""

import json

import pytest
from msgspec.structs import replace

from bot.adapters.candle_feed import CandleFeed
from bot.adapters.candle_monitor import CandleMonitor
from bot.adapters.feed_inputs import (
    Connected,
    Disconnected,
    FrameReceived,
    HistoryAnswered,
    HistoryFailed,
    Tick,
)
from bot.adapters.feed_outputs import AskHistory, CannotSubscribe, Difference, FeedOutput, GiveUp, Ready
from bot.adapters.history_rows import Row
from bot.adapters.patience import Patience
from bot.core.errors import ConfigError
from bot.core.events import CandleClosed, MarketRestored, MarketSuspended, PriceUpdated
from bot.core.market import Candle, Timeframe
from tests.feed_fakes import (
    BTC,
    ETH,
    HEARTBEAT,
    MINUTE,
    SHUTDOWN,
    T0,
    FakeStream,
    bar_of,
    closed_frame,
    confirmed_frame,
    forming,
    forming_frame,
    opens,
    refused_frame,
    row,
    truth,
)

USUAL = Patience()
FLAT = Candle(opens(10), 100.0, 100.0, 100.0, 100.0, 0.0)


class Desk:
    """Feeds a feed. Time is the venue's, in milliseconds since `T0`; the machine's clock is an hour ahead."""

    def __init__(self, stream: FakeStream | None = None, *, feed: CandleFeed | None = None) -> None:
        self.stream = stream or FakeStream(confirms=False)
        self.feed = feed or CandleFeed([self.stream])
        self.now = opens(10) - T0
        self.connection = 0
        self.said: list[FeedOutput] = []
        self.connect()

    @property
    def at_ms(self) -> int:
        return T0 + self.now + 3_600_000

    def tell(self, given) -> list[FeedOutput]:
        outputs = self.feed.take(given)
        self.said += outputs
        return outputs

    def connect(self) -> list[FeedOutput]:
        self.connection += 1
        return self.tell(Connected(self.at_ms, self.connection, self.stream.symbols))

    def cut(self, reason: str = "cut") -> None:
        self.tell(Disconnected(self.at_ms, self.connection, reason))

    def hear(self, *frames: bytes) -> list[FeedOutput]:
        """Receive frames, none before the venue can have sent it; what they bring."""
        return [one for frame in frames for one in self._hear(frame)]

    def _hear(self, frame: bytes) -> list[FeedOutput]:
        kind, *rest = json.loads(frame)
        if kind in {"closed", "forming"}:
            self.now = max(self.now, rest[1] - T0)
        return self.tell(FrameReceived(self.at_ms, self.connection, frame))

    def wait(self, seconds: float, *, step: float = 1.0) -> list[FeedOutput]:
        """Let time pass; what the ticks on the way bring."""
        outputs = []
        for _ in range(round(seconds / step)):
            self.now += round(step * 1_000)
            outputs += self.tell(Tick(self.at_ms))
        return outputs

    def until(self, bar: int, elapsed_s: float) -> list[FeedOutput]:
        return self.wait((opens(bar) - T0 - self.now) / 1_000 + elapsed_s)

    def answer(self, asked: AskHistory, rows: list[Row], venue_ms: int = 0) -> list[FeedOutput]:
        span = (asked.symbol, asked.from_ms, asked.to_ms)
        return self.tell(HistoryAnswered(self.at_ms, *span, venue_ms or T0 + self.now, tuple(rows)))

    def fail(self, asked: AskHistory) -> list[FeedOutput]:
        return self.tell(HistoryFailed(self.at_ms, asked.symbol, asked.from_ms, asked.to_ms, "HTTP 503"))


def rows_of(*bars: int, symbol: str = BTC) -> list[Row]:
    return [row(truth(symbol, bar)) for bar in bars]


def open_row(bar: int, elapsed_ms: int, symbol: str = BTC) -> Row:
    return row(forming(symbol, bar, elapsed_ms))


def bars(outputs: list[FeedOutput]) -> list[int]:
    return [bar_of(one.candle.open_time_ms) for one in outputs if isinstance(one, CandleClosed)]


def only(outputs: list[FeedOutput], kind: type) -> list:
    return [one for one in outputs if isinstance(one, kind)]


def asked_in(outputs: list[FeedOutput]) -> AskHistory:
    (question,) = only(outputs, AskHistory)
    return question


def kline_only() -> FakeStream:
    """A venue that never says that a bar is closed, nor speaks of bars without trades."""
    return FakeStream(says_closed=False, only_trades=True, confirms=False)


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


def test_a_market_is_suspended_when_its_bar_cannot_be_proven_and_restored_when_it_is() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10))
    outputs: list[FeedOutput] = []
    for second in range(90):
        desk.hear(forming_frame(BTC, 12, second * 500))
        asked = only(desk.wait(1.0), AskHistory)
        for question in asked:
            desk.fail(question)
    (suspended,) = only(desk.said, MarketSuspended)
    assert suspended.reason == f"the candle of {opens(11)} is not proven: history cannot be asked: HTTP 503"
    assert suspended.at_ms < T0 + desk.now + 1_000
    while not (asked := only(desk.wait(1.0), AskHistory)):
        desk.hear(forming_frame(BTC, bar_of(T0 + desk.now), desk.now % MINUTE))
    whole = bar_of(T0 + desk.now)
    outputs = desk.answer(asked[0], [*rows_of(*range(10, whole)), open_row(whole, 1_000)])
    assert bars(outputs) == list(range(11, whole))
    assert only(outputs, MarketRestored)


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


def test_a_quiet_market_is_not_suspended_and_its_connection_stays() -> None:
    desk = Desk(kline_only())
    desk.hear(forming_frame(BTC, 10, 59_000, truth(BTC, 10)))
    for _ in range(600):
        desk.hear(HEARTBEAT)
        for asked in only(desk.wait(1.0), AskHistory):
            desk.answer(asked, rows_of(10))
    assert bars(desk.said) == [10]
    assert not only(desk.said, (MarketSuspended, GiveUp))


def test_a_feed_that_is_dead_though_its_connection_lives_is_told_from_a_quiet_one() -> None:
    desk = Desk(kline_only())
    desk.hear(forming_frame(BTC, 10, 1_000))
    outputs: list[FeedOutput] = []
    while not only(outputs, GiveUp):
        desk.hear(HEARTBEAT)
        outputs = desk.wait(1.0)
        for asked in only(outputs, AskHistory):
            now_bar, elapsed_ms = divmod(desk.now, MINUTE)
            outputs += desk.answer(asked, [*rows_of(*range(10, now_bar)), open_row(now_bar, elapsed_ms)])
    (given_up,) = only(outputs, GiveUp)
    assert "trades that the stream does not bring" in given_up.reason
    assert desk.now < opens(11) - T0 + 10_000
    assert bars(desk.said) == [10]


def test_one_silent_market_among_others_is_found() -> None:
    desk = Desk(FakeStream([BTC, ETH], confirms=False))
    desk.hear(forming_frame(ETH, 10, 1_000), forming_frame(BTC, 10, 1_000))
    for second in range(2, 59, 2):
        desk.hear(forming_frame(BTC, 10, second * 1_000))
        desk.wait(2.0)
    desk.hear(closed_frame(BTC, 10))
    outputs: list[FeedOutput] = []
    second = 0
    while not only(outputs, GiveUp):
        second += 1
        desk.hear(forming_frame(BTC, 11, second * 1_000))
        outputs = desk.wait(1.0)
        for asked in only(outputs, AskHistory):
            outputs += desk.answer(asked, [*rows_of(10, symbol=asked.symbol), open_row(11, 9_000, asked.symbol)])
    assert "ETH/USDT has trades" in only(outputs, GiveUp)[0].reason


def test_prices_that_never_change_are_doubted_too() -> None:
    stuck = forming(BTC, 10, 1_000)
    desk = Desk(FakeStream(confirms=False), feed=None)
    outputs: list[FeedOutput] = []
    patience = replace(USUAL, frozen_ms=20_000)
    desk = Desk(feed=CandleFeed([FakeStream(confirms=False)], patience=patience))
    second = 1
    while not only(outputs, GiveUp):
        second += 1
        desk.hear(forming_frame(BTC, 10, second * 1_000, stuck))
        outputs = desk.wait(1.0)
        for asked in only(outputs, AskHistory):
            outputs += desk.answer(asked, [open_row(10, second * 1_000)])
    assert 20 <= second <= 26


def test_a_flat_market_that_history_calls_flat_is_left_alone() -> None:
    desk = Desk(feed=CandleFeed([FakeStream(confirms=False)], patience=replace(USUAL, frozen_ms=20_000)))
    for second in range(1, 58):
        desk.hear(forming_frame(BTC, 10, second * 1_000, FLAT))
        for asked in only(desk.wait(1.0), AskHistory):
            desk.answer(asked, [row(FLAT)])
    assert not only(desk.said, (GiveUp, MarketSuspended))


def test_a_connection_without_data_is_given_up_once() -> None:
    desk = Desk()
    outputs = desk.wait(USUAL.silence_ms / 1_000 + 5)
    assert only(outputs, GiveUp) == [GiveUp(1, "connected, but no data")]


def test_without_any_data_the_market_is_suspended_and_says_what_became_of_the_connection() -> None:
    desk = Desk()
    desk.hear(forming_frame(BTC, 10, 0))
    desk.cut("the plug was pulled")
    outputs = desk.wait(120)
    (suspended,) = only(outputs, MarketSuspended)
    assert "the plug was pulled" in suspended.reason


def test_connections_that_come_and_go_without_data_do_not_hide_that_there_is_none() -> None:
    desk = Desk(FakeStream(confirms=False))
    desk.hear(forming_frame(BTC, 10, 0))
    for _ in range(10):
        desk.cut()
        desk.connect()
        desk.wait(10)
    assert only(desk.said, MarketSuspended)


def test_a_connection_is_ready_when_every_key_is_confirmed() -> None:
    desk = Desk(FakeStream([BTC, ETH]))
    assert desk.hear(confirmed_frame(BTC)) == []
    assert desk.hear(confirmed_frame(ETH)) == [Ready(1)]
    assert desk.hear(confirmed_frame(ETH)) == []


def test_where_nothing_is_confirmed_a_connection_is_ready_at_once() -> None:
    assert only(Desk().said, Ready) == [Ready(1)]


def test_a_key_that_is_not_confirmed_costs_the_connection() -> None:
    desk = Desk(FakeStream([BTC, ETH]))
    desk.hear(confirmed_frame(BTC))
    outputs = desk.wait(12)
    assert only(outputs, GiveUp) == [GiveUp(1, "no answer to a subscription: ETH/USDT")]


def test_a_refusal_is_final_unless_it_was_granted_before() -> None:
    desk = Desk(FakeStream())
    (refused,) = desk.hear(refused_frame("no such market"))
    assert isinstance(refused, CannotSubscribe)
    assert "no such market" in refused.reason
    desk.hear(confirmed_frame(BTC))
    desk.cut()
    desk.connect()
    (given_up,) = desk.hear(refused_frame("too many requests"))
    assert isinstance(given_up, GiveUp)


def test_a_venue_that_shuts_down_is_to_be_left_for_another_connection_and_speaks_on() -> None:
    desk = Desk()
    (wish,) = desk.hear(SHUTDOWN)
    assert (wish.connection, wish.still_speaks) == (1, True)
    assert desk.hear(SHUTDOWN) == []
    assert bars(desk.hear(closed_frame(BTC, 10))) == [10]


def test_a_connection_is_to_be_left_before_the_venue_ends_it() -> None:
    desk = Desk(feed=CandleFeed([FakeStream(confirms=False)], patience=replace(USUAL, hand_over_ms=30_000)))
    (wish,) = only(desk.wait(40), GiveUp)
    assert wish.still_speaks


def test_what_a_connection_says_after_its_end_is_not_heard() -> None:
    desk = Desk()
    desk.cut()
    assert desk.hear(closed_frame(BTC, 10)) == []


def test_a_clock_that_steps_back_or_far_ahead_changes_nothing_but_the_waiting() -> None:
    desk = Desk()
    desk.hear(forming_frame(BTC, 10, 0))
    for hours in (-5, 5, -1):
        desk.tell(Tick(desk.at_ms + hours * 3_600_000))
    assert bars(desk.hear(closed_frame(BTC, 10))) == [10]
    assert bars(desk.said) == [10]


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


def test_a_bar_from_the_far_future_is_forgotten_when_the_venue_s_clock_says_otherwise() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10))
    future = FrameReceived(desk.at_ms, desk.connection, closed_frame(BTC, 9_000))
    desk.answer(asked_in(desk.tell(future)), rows_of(10), opens(11) + 3_000)
    assert desk.feed.counts["refuted"] == 1
    assert desk.feed.is_settled
    assert bars(desk.hear(closed_frame(BTC, 11))) == [11]


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


def test_a_market_on_two_connections_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="each market on one of them"):
        CandleFeed([FakeStream([BTC]), FakeStream([BTC, ETH])])


def test_the_monitor_finds_what_history_says_otherwise_after_the_fact() -> None:
    stream = FakeStream(confirms=False)
    desk = Desk(stream, feed=CandleFeed([stream], monitor=CandleMonitor(Timeframe.M1, 1, 5_000)))
    desk.hear(closed_frame(BTC, 10), closed_frame(BTC, 11))
    first, second = only(desk.wait(6), AskHistory)
    assert (bar_of(first.from_ms), bar_of(first.to_ms)) == (10, 11)
    assert desk.answer(first, rows_of(10)) == []
    revised = replace(truth(BTC, 11), volume=1.0)
    assert desk.answer(second, [row(revised)]) == [Difference(BTC, "history, asked again", truth(BTC, 11), revised)]
