"""When a feed trusts a market and a connection, and when it does not: quiet, dead, suspended, handed over."""

from msgspec.structs import replace

from bot.adapters.candle_feed import CandleFeed
from bot.adapters.feed_outputs import AskHistory, CannotSubscribe, FeedOutput, GiveUp, Ready
from bot.adapters.feed_watch import FrameClock
from bot.adapters.patience import Patience
from bot.core.events import MarketRestored, MarketSuspended
from bot.core.market import Candle
from tests.feed_desk import Desk, bars, kline_only, only, open_row, rows_of
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


def test_an_answer_without_candles_does_not_make_a_dead_market_a_quiet_one() -> None:
    desk = Desk(kline_only())
    desk.hear(forming_frame(BTC, 10, 0))
    for _ in range(100):
        desk.hear(HEARTBEAT)
        for question in only(desk.wait(1.0), AskHistory):
            desk.answer(question, [])
    assert only(desk.said, MarketSuspended)


def test_connections_that_come_and_go_without_data_do_not_hide_that_there_is_none() -> None:
    desk = Desk()
    desk.hear(closed_frame(BTC, 10))
    for _ in range(12):
        desk.cut("a flap")
        desk.connect()
        for question in only(desk.wait(10), AskHistory):
            whole = bar_of(T0 + desk.now)
            desk.answer(question, [*rows_of(*range(10, whole)), open_row(whole, desk.now % MINUTE)])
    (suspended,) = only(desk.said, MarketSuspended)
    assert suspended.reason.startswith("no data for 9")
    assert "a flap" in suspended.reason


def test_a_stream_that_shows_a_moment_later_what_history_has_shown_is_not_dead() -> None:
    desk = Desk(feed=CandleFeed([kline_only()], patience=replace(USUAL, silence_ms=20_000)))
    desk.hear(forming_frame(BTC, 10, 10_000))
    outputs: list[FeedOutput] = []
    while not (asked := only(outputs, AskHistory)):
        desk.hear(HEARTBEAT)
        outputs = desk.wait(1.0)
    desk.answer(asked[0], [open_row(10, 30_000)])
    desk.hear(forming_frame(BTC, 10, 30_000))
    assert not only(desk.wait(10), GiveUp)


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
    assert isinstance(wish, GiveUp)
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


def test_the_venue_s_clock_follows_its_quickest_message_and_goes_on_without_one() -> None:
    clock = FrameClock(window_ms=60_000, slack_ms=10_000)
    assert clock.now_ms(5) == 0
    clock.hear(1_000_000, 0)
    clock.hear(1_000_400, 500)
    assert clock.now_ms(500) == 1_000_500
    clock.hear(1_000_900, 600)
    assert clock.now_ms(700) == 1_001_000


def test_a_claim_that_was_too_late_is_forgotten_after_two_windows_or_when_the_venue_is_asked() -> None:
    patient, asked = (FrameClock(window_ms=60_000, slack_ms=10_000) for _ in range(2))
    for clock in (patient, asked):
        clock.hear(0, 0)
        clock.hear(9_000_000, 1_000)
    asked.settle(2_000, 2_000)
    assert asked.now_ms(2_000) == 2_000
    for now in range(10_000, 140_000, 10_000):
        patient.hear(now, now)
    assert patient.now_ms(140_000) == 140_000


def test_a_venue_that_was_asked_and_says_an_earlier_time_within_the_slack_changes_nothing() -> None:
    clock = FrameClock(window_ms=60_000, slack_ms=10_000)
    clock.hear(50_000, 0)
    clock.settle(45_000, 0)
    clock.settle(90_000, 0)
    assert clock.now_ms(0) == 50_000
