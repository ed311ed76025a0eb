"""
How long the order tracker waits for what, and when it asks again: one place, so that one factor scales it all.

Pure numbers, in milliseconds of the venue's clock.
"""

from typing import Final, Self

from msgspec import Struct
from msgspec.structs import asdict, replace


class OrderPatience(Struct, frozen=True):
    """
    Every duration of the order tracker.

    Sending:
        entry_ms: An entry that could not be sent by then is given up: its price is of another moment.
        decision_ms: An entry that was decided longer ago is not sent at all. Above what a decision may take, and
            `entry_ms`.
        answer_ms: A question without any answer after this long is lost; above every time limit of the shell.

    Asking:
        first_ask_ms: Before a question is asked a second time; the pause doubles.
        longest_ask_ms: The longest pause that doubling leads to.
        absent_ms: For how long the venue must not know an order before it is believed. Binance has hidden fresh
            orders for 40 seconds.
        miss_gap_ms: Two denials closer than this count as one.
        misses: So many of them are needed, beside the time. A number, not a duration.

    Looking around:
        poll_ms: Between two looks at open orders without a private stream.
        live_poll_ms: The same beneath one.
        drift_ms: Between two looks at balances that do not cover what is ours.

    After a refusal that does not say how long it lasts:
        limited_ms: For too many requests or orders.
        blocked_ms: When the venue keeps us out.
        credentials_ms: When the key is refused.
        closed_ms: For a market that is closed; the pause doubles.
        longest_closed_ms: The longest pause that doubling leads to.
        probe_ms: Between two looks whether maintenance is over.
    """

    entry_ms: int = 5_000
    decision_ms: int = 15_000
    answer_ms: int = 120_000
    first_ask_ms: int = 500
    longest_ask_ms: int = 15_000
    absent_ms: int = 60_000
    miss_gap_ms: int = 2_000
    misses: int = 4
    poll_ms: int = 5_000
    live_poll_ms: int = 60_000
    drift_ms: int = 5_000
    limited_ms: int = 10_000
    blocked_ms: int = 60_000
    credentials_ms: int = 300_000
    closed_ms: int = 60_000
    longest_closed_ms: int = 900_000
    probe_ms: int = 30_000

    def scaled(self, factor: float) -> Self:
        """Every duration times `factor`, and no less than a millisecond."""
        durations = {name: max(1, round(ms * factor)) for name, ms in asdict(self).items() if name not in _NUMBERS}
        return replace(self, **durations)


_NUMBERS: Final = frozenset({"misses"})
