"""
What the stream has said of one market's bars that are not emitted yet: as they stood, and as they were called final.

Pure and bounded: what does not fit is left to history.
"""

from typing import Final

from bot.adapters.venues import FormingCandle
from bot.core.market import Candle

MOST: Final = 16
"""Bars of each kind that are kept while an earlier one is missing."""


class StreamBars:
    """Forming and closed bars by their open times."""

    def __init__(self) -> None:
        self._closed: dict[int, Candle] = {}
        self._forming: dict[int, Candle] = {}
        self._newest = (-1, -1)

    @property
    def newest_ms(self) -> int:
        """Open time of the newest forming bar; -1 before the first."""
        return self._newest[0]

    @property
    def newest_closed_ms(self) -> int:
        """Open time of the newest bar that is kept as closed; -1 for none."""
        return max(self._closed, default=-1)

    @property
    def has_closed(self) -> bool:
        """Whether a closed bar waits for an earlier one."""
        return bool(self._closed)

    @property
    def has_traded(self) -> bool:
        """Whether any forming bar shows trades."""
        return any(candle.volume > 0.0 for candle in self._forming.values())

    def show(self, message: FormingCandle) -> bool:
        """Take a bar as it stands; tell whether nothing newer was known."""
        open_ms = message.candle.open_time_ms
        if message.event_ms is None:
            # Nothing tells an older word on a bar from a newer one but that it came first.
            if open_ms < self._newest[0]:
                return False
            self._newest = (open_ms, 0)
        elif (open_ms, message.event_ms) <= self._newest:
            return False
        else:
            self._newest = (open_ms, message.event_ms)
        self._forming[open_ms] = message.candle
        if len(self._forming) > MOST:
            del self._forming[min(self._forming)]
        return True

    def hold(self, candle: Candle) -> Candle | None:
        """Keep a closed bar, unless it is known or there is no room; return what was known of it."""
        known = self._closed.get(candle.open_time_ms)
        if known is None and len(self._closed) < MOST:
            self._closed[candle.open_time_ms] = candle
        return known

    def forming(self, open_ms: int) -> Candle | None:
        """How the stream has shown a bar last."""
        return self._forming.get(open_ms)

    def take_closed(self, open_ms: int) -> Candle | None:
        """A bar that was kept as closed; it is kept no longer."""
        return self._closed.pop(open_ms, None)

    def passed(self, open_ms: int) -> None:
        """Forget a bar that is dealt with."""
        self._forming.pop(open_ms, None)

    def forget_between(self, after_ms: int, until_ms: int) -> int:
        """Forget bars that open later than the one and not later than the other; return how many there were."""
        wrong = [at for at in (*self._closed, *self._forming) if after_ms < at <= until_ms]
        for open_ms in wrong:
            self._closed.pop(open_ms, None)
            self._forming.pop(open_ms, None)
        if wrong:
            self._newest = (max(self._forming, default=-1), -1)
        return len(wrong)
