"""
How long is waited for what, by everything that brings candles: one place, so that one factor scales it all.

Pure numbers: milliseconds of real time, but for `settle_ms` and `stale_ms`, which are of the venue's clock.
"""

from typing import Self

from msgspec import Struct
from msgspec.structs import asdict, replace


class Patience(Struct, frozen=True):
    """
    Every duration of a candle stream, in milliseconds.

    Connections:
        connect_ms: From dialling to a finished handshake.
        close_ms: For the venue's answer to our goodbye; what it says then may stand behind frames nobody reads.
        request_gap_ms: Between two subscription requests; Binance hangs up after five messages in a second.
        confirm_ms: From the last request to the confirmation of every key.
        first_retry_ms: Before the second try of a connection; it doubles with each failure in a row.
        longest_retry_ms: The longest pause that doubling leads to.
        refused_ms: Before the next try where the certificate or the address was refused, which had been good before.
        hand_over_ms: The age at which a connection is replaced; Binance ends it after 24 hours.
        tick_ms: Between two looks at the time.

    Data:
        silence_ms: Without any frame of a market, before it is asked whether the feed is dead. Binance pushes a
            moving market every two seconds.
        frozen_ms: With frames that never change anything, before the same question.
        grace_ms: From the end of a bar to the question for it, and for a stream to show what history has shown.
        ask_again_ms: Before history is asked again; it doubles with each answer that proves nothing.
        longest_ask_ms: The longest pause that doubling leads to.
        prove_ms: For the proof of a bar that has ended, before its market is suspended.
        settle_ms: From a bar's end, by the venue's clock, until the newest row of an answer counts as final.
        stale_ms: The age, by the venue's clock, from which a price is no longer news.
        answer_ms: For one answer of history, its own tries included.
        audit_ms: From a candle's emission to the question whether history still says the same.
    """

    connect_ms: int = 10_000
    close_ms: int = 1_000
    request_gap_ms: int = 250
    confirm_ms: int = 10_000
    first_retry_ms: int = 1_000
    longest_retry_ms: int = 60_000
    refused_ms: int = 300_000
    hand_over_ms: int = 23 * 3_600_000
    tick_ms: int = 500
    silence_ms: int = 60_000
    frozen_ms: int = 600_000
    grace_ms: int = 2_000
    ask_again_ms: int = 2_000
    longest_ask_ms: int = 60_000
    prove_ms: int = 30_000
    settle_ms: int = 2_000
    stale_ms: int = 10_000
    answer_ms: int = 120_000
    audit_ms: int = 120_000

    def scaled(self, factor: float) -> Self:
        """All that is real time, times `factor` and no less than a millisecond; the venue's own time stays."""
        ours = {name: max(1, round(ms * factor)) for name, ms in asdict(self).items() if name not in _VENUE_TIME}
        return replace(self, **ours)


_VENUE_TIME = frozenset({"settle_ms", "stale_ms"})
