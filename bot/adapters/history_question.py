"""
The one question to history that a market may have open, and the patience between two of them.

Pure: elapsed time comes in.
"""

from bot.adapters.feed_inputs import HistoryAnswered, HistoryFailed
from bot.adapters.patience import Patience


class HistoryQuestion:
    """What is being asked, and when it may be asked again."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._span: tuple[int, int] | None = None
        self._not_before = 0
        self._tries = 0

    @property
    def is_open(self) -> bool:
        """Whether an answer is waited for."""
        return self._span is not None

    def may_be_asked(self, now: int) -> bool:
        """Whether nothing is open, and the pause after the last answer is over."""
        return self._span is None and now >= self._not_before

    def ask(self, from_ms: int, to_ms: int) -> None:
        """Begin to wait for an answer about the bars that open in `[from_ms, to_ms)`."""
        self._span = (from_ms, to_ms)

    def settle(self, answer: HistoryAnswered | HistoryFailed) -> bool:
        """Take an answer; tell whether it is the one that is waited for."""
        if self._span != (answer.from_ms, answer.to_ms):
            return False
        self._span = None
        return True

    def hurry(self, now: int) -> None:
        """After progress: the next question needs no pause."""
        self._tries = 0
        self._not_before = now

    def wait(self, now: int) -> None:
        """After an answer that proved nothing: a pause, twice as long as the one before."""
        patience = self._patience
        self._not_before = now + min(patience.ask_again_ms << min(self._tries, 20), patience.longest_ask_ms)
        self._tries += 1
