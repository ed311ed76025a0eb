"""
How market time passes: at a multiple of real time, or in lock step with those who listen.

The one file of the exchange that reads a clock: the event loop's.
"""

import asyncio
from math import inf
from typing import Protocol


class Pace(Protocol):
    """The market's clock and what moves it."""

    def now_ms(self) -> int:
        """Market time, milliseconds UTC."""
        ...

    async def reach(self, at_ms: int, audience: asyncio.Event) -> None:
        """Return when the market has come to `at_ms`. `audience` is set while somebody listens."""
        ...

    def real_s(self, market_ms: float) -> float:
        """How long so much market time takes, in seconds of real time."""
        ...

    @property
    def waits_for_readers(self) -> bool:
        """Whether the market goes on only when everybody has read what was said."""
        ...

    @property
    def speed(self) -> float:
        """Market seconds in a real one; infinite where market time has nothing to do with real time."""
        ...


class LockStep:
    """As fast as the listeners read: time stands still while nobody listens, and moves from instant to instant."""

    def __init__(self, from_ms: int) -> None:
        self._now_ms = from_ms

    def now_ms(self) -> int:
        """The instant that was reached last."""
        return self._now_ms

    async def reach(self, at_ms: int, audience: asyncio.Event) -> None:
        """Go there at once, when somebody listens."""
        # A turn of the event loop between two instants, so that REST requests and new listeners are heard.
        await asyncio.sleep(0)
        await audience.wait()
        self._now_ms = at_ms

    def real_s(self, market_ms: float) -> float:
        """As long as it says: what is not an instant of the market happens in real time."""
        return market_ms / 1_000.0

    @property
    def waits_for_readers(self) -> bool:
        """That is what lock step means."""
        return True

    @property
    def speed(self) -> float:
        """There is none: between two instants any real time may pass."""
        return inf


class Paced:
    """
    `speed` times as fast as real time, from the first listener on.

    Args:
        from_ms: Market time before anybody listens.
        speed: Market seconds in a real one, above zero.
        until_ms: Where market time stops, if it does.
    """

    def __init__(self, from_ms: int, speed: float, until_ms: int | None) -> None:
        self._from_ms = from_ms
        self.speed = speed
        self._until_ms = until_ms
        self._reached_ms = from_ms
        self._began: float | None = None

    def now_ms(self) -> int:
        """Market time, which flows."""
        if self._began is None:
            return self._from_ms
        passed_s = asyncio.get_running_loop().time() - self._began
        now_ms = max(self._reached_ms, self._from_ms + int(passed_s * 1_000.0 * self.speed))
        return now_ms if self._until_ms is None else min(now_ms, self._until_ms)

    async def reach(self, at_ms: int, audience: asyncio.Event) -> None:
        """Wait until market time is there; before the first listener it does not move."""
        if self._began is None:
            await audience.wait()
            self._began = asyncio.get_running_loop().time()
        await asyncio.sleep(self.real_s(max(at_ms - self.now_ms(), 0)))
        # A timer may wake a little early: what is said at an instant is never said before it.
        self._reached_ms = at_ms

    def real_s(self, market_ms: float) -> float:
        """Market time divided by the speed."""
        return market_ms / 1_000.0 / self.speed

    @property
    def waits_for_readers(self) -> bool:
        """A market does not wait for anybody."""
        return False
