"""
An event loop whose time passes when there is nothing left to do: the one place where a test's time is made.

Sockets are real ones. While a byte is on its way or a callback is ready, time stands still; when all is quiet, it
jumps to the next timer. So every duration in every component is the one of production, hours take milliseconds, and
a busy machine changes nothing.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from time import sleep
from typing import Any, TypeVar
from unittest.mock import patch

_T = TypeVar("_T")

_HARMLESS_S = 0.01
"""A jump that is of no matter to what may be on its way: a rate limiter takes many of them."""


class _PatientSelector(selectors.DefaultSelector):
    """A selector that waits in the loop's time instead of real time."""

    skipped_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout is None or timeout <= 0.0:
            return ready or (super().select(None) if timeout is None else [])
        if timeout > _HARMLESS_S:
            # The kernel hands over what is on its way in this machine as soon as it is let.
            sleep(0)
            ready = super().select(0)
        if not ready:
            self.skipped_s += timeout
        return ready


class MarketTimeLoop(asyncio.SelectorEventLoop):
    """The loop; `time` begins at 0."""

    def __init__(self) -> None:
        self._patient = _PatientSelector()
        super().__init__(self._patient)

    def time(self) -> float:
        return self._patient.skipped_s

    def stand_still(self, seconds: float) -> None:
        """Let time pass in which nothing here gets a turn: what something that does not return does to a loop."""
        self._patient.skipped_s += seconds


def run(story: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine in such a time. ccxt's rate limiter reads the clock itself: it is given the loop's."""
    with (
        asyncio.Runner(loop_factory=MarketTimeLoop) as runner,
        patch("ccxt.async_support.base.throttler.time", lambda: asyncio.get_running_loop().time()),
    ):
        return runner.run(story)
