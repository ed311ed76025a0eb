"""Where the time comes from: the machine, or the market itself."""

from time import time_ns


class SystemClock:
    """The machine's clock, UTC."""

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return time_ns() // 1_000_000

    def seconds_until(self, at_ms: int) -> float:
        """Real time until then, in seconds; 0 where it is past."""
        return max(at_ms - self.now_ms(), 0) / 1_000

    def hear(self, at_ms: int) -> None:
        """Nobody tells this clock the time."""


class MarketClock:
    """
    The newest time that the market has named. It stands still while nothing is heard.

    For markets whose time is not ours: recorded ones, or those that run faster.
    """

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Milliseconds UTC of the market."""
        return self._now_ms

    def seconds_until(self, at_ms: int) -> float:
        """As if it ran as ours does: what is heard meanwhile says how far it really is."""
        return max(at_ms - self._now_ms, 0) / 1_000

    def hear(self, at_ms: int) -> None:
        """Take a time from the market; an older one changes nothing."""
        self._now_ms = max(self._now_ms, at_ms)
