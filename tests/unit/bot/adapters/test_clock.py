from time import time_ns

from bot.adapters.clock import MarketClock, SystemClock


def test_the_markets_time_is_the_newest_that_was_named() -> None:
    clock = MarketClock(1_000)
    assert clock.now_ms() == 1_000
    clock.hear(3_000)
    clock.hear(2_000)
    assert clock.now_ms() == 3_000


def test_the_markets_time_stands_still_while_nothing_is_heard() -> None:
    clock = MarketClock(1_000)
    assert [clock.now_ms() for _ in range(3)] == [1_000] * 3


def test_the_machines_time_is_utc_in_milliseconds_and_is_told_by_nobody() -> None:
    clock = SystemClock()
    before_ms = time_ns() // 1_000_000
    clock.hear(before_ms + 10**12)
    assert before_ms <= clock.now_ms() <= time_ns() // 1_000_000
