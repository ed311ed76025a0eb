"""A clock for sessions whose market is the test."""

from tests.hourly_bars import T0


class HeardClock:
    """A clock whose time is that of the newest event, or what the test says."""

    def __init__(self) -> None:
        self.ms = T0

    def now_ms(self) -> int:
        return self.ms

    def seconds_until(self, at_ms: int) -> float:
        return max(at_ms - self.ms, 0) / 1_000

    def hear(self, at_ms: int) -> None:
        self.ms = max(self.ms, at_ms)
