"""
The second look at what was traded on: whether history still says the same.

A sample of the emitted candles is asked for again some time later. Which ones is decided by a hash of market and
time, so that a replay asks for the same. Pure; finds differences and takes nothing back.
"""

from collections import Counter, deque
from typing import Final
from zlib import crc32

from bot.adapters.feed_inputs import HistoryAnswered, HistoryFailed
from bot.adapters.feed_outputs import AskHistory, Difference, FeedOutput
from bot.adapters.history_rows import check_rows
from bot.core.events import CandleClosed
from bot.core.market import Candle, Timeframe

MOST_WAITING: Final = 1_000
"""Candles that wait for their second look; more are left out of the sample."""


class CandleMonitor:
    """
    Compares a sample of the emitted candles with history.

    Args:
        timeframe: Length of the candles.
        one_in: Size of the sample: one candle in so many, at least 1.
        after_ms: How long after its emission a candle is asked for again.

    `counts` has `audited`, `audits that failed` and `differences`.
    """

    def __init__(self, timeframe: Timeframe, one_in: int, after_ms: int) -> None:
        self.counts: Counter[str] = Counter()
        self._timeframe = timeframe
        self._one_in = one_in
        self._after_ms = after_ms
        self._waiting: deque[tuple[int, str, Candle]] = deque()
        self._asked: dict[tuple[str, int], Candle] = {}

    def note(self, event: CandleClosed, now: int) -> None:
        """Remember a candle, if the sample has it."""
        key = f"{event.symbol} {event.candle.open_time_ms}".encode()
        if crc32(key) % self._one_in == 0 and len(self._waiting) + len(self._asked) < MOST_WAITING:
            self._waiting.append((now + self._after_ms, event.symbol, event.candle))

    def tick(self, now: int, out: list[FeedOutput]) -> None:
        """Ask for those whose time has come."""
        while self._waiting and self._waiting[0][0] <= now:
            _, symbol, candle = self._waiting.popleft()
            open_ms = candle.open_time_ms
            self._asked[symbol, open_ms] = candle
            out.append(AskHistory(symbol, open_ms, open_ms + self._timeframe.ms))

    def answered(self, answer: HistoryAnswered, out: list[FeedOutput]) -> bool:
        """Compare; tell whether the answer was ours."""
        emitted = self._take(answer)
        if emitted is None:
            return False
        said = check_rows(answer.rows, self._timeframe, answer.from_ms, answer.to_ms).candles.get(answer.from_ms)
        if said is None:
            self.counts["audits that failed"] += 1
        elif said == emitted:
            self.counts["audited"] += 1
        else:
            self.counts["audited"] += 1
            self.counts["differences"] += 1
            out.append(Difference(answer.symbol, "history, asked again", emitted, said))
        return True

    def failed(self, failure: HistoryFailed) -> bool:
        """Give the candle up; tell whether the question was ours."""
        if self._take(failure) is None:
            return False
        self.counts["audits that failed"] += 1
        return True

    def _take(self, answer: HistoryAnswered | HistoryFailed) -> Candle | None:
        if answer.to_ms - answer.from_ms != self._timeframe.ms:
            return None
        return self._asked.pop((answer.symbol, answer.from_ms), None)
