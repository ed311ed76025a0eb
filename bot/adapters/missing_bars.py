"""
What is made of history's silence about a bar, and of its word where the stream has shown more.

Pure. One answer proves neither: both have to be repeated.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from bot.core.market import Candle

ANSWERS: Final = 3
"""Answers that have later bars but not this one, until it counts as one that never was."""

ANSWERS_WHERE_ORDINARY: Final = 2
"""The same for a venue that never sends a bar without trades."""

INSISTED: Final = 3
"""Equal answers after which history's candle stands, though the stream has shown more of the bar."""


_REFUSED_TIMES: Final = 10
"""So many times as long is waited where history tells of a bar, and what it tells cannot be true: it may be mended."""


class MissingBars:
    """
    The doubts about one market's history.

    Args:
        only_trades: Whether the venue leaves out bars without trades.
        prove_ms: For how long another venue's history has to be without a bar.
    """

    def __init__(self, *, only_trades: bool, prove_ms: int) -> None:
        self._answers = ANSWERS_WHERE_ORDINARY if only_trades else ANSWERS
        self._lasting_ms = 0 if only_trades else prove_ms
        self._refused_lasting_ms = _REFUSED_TIMES * prove_ms
        self._absent: dict[int, tuple[int, int]] = {}
        self._refused_ms: Collection[int] = ()
        self._insisted: tuple[Candle | None, int] = (None, 0)

    def note(
        self, due: Iterable[int], candles: Mapping[int, Candle], now: int, refused_ms: Collection[int] = ()
    ) -> None:
        """
        Count which of the bars that are `due`, by open time, an answer lacks though it has later ones.

        `refused_ms` are those of which it told what cannot be true.
        """
        newest_ms = max(candles, default=-1)
        self._refused_ms = refused_ms
        known = self._absent
        self._absent = {}
        for open_ms in due:
            if open_ms < newest_ms and open_ms not in candles:
                answers, since = known.get(open_ms, (0, now))
                self._absent[open_ms] = (answers + 1, since)

    def never_was(self, open_ms: int, shown: Candle | None, now: int) -> bool:
        """
        Whether a bar can be passed over.

        One of which history tells what cannot be true is waited for longer, and passed over in the end, whatever the
        stream has shown of it: no more will come, and the market must not stand still for ever.
        """
        is_refused = open_ms in self._refused_ms
        if shown is not None and shown.volume > 0.0 and not is_refused:
            return False
        answers, since = self._absent.get(open_ms, (0, now))
        lasting_ms = self._refused_lasting_ms if is_refused else self._lasting_ms
        return answers >= self._answers and now - since >= lasting_ms

    def stands(self, row: Candle, shown: Candle | None) -> bool:
        """Whether history's candle can be believed beside what the stream has shown of the bar."""
        if shown is None or covers(row, shown):
            return True
        insisted, times = self._insisted
        self._insisted = (row, times + 1 if insisted == row else 1)
        return self._insisted[1] >= INSISTED

    def passed(self, open_ms: int) -> None:
        """Forget the doubts about a bar that is dealt with."""
        self._absent.pop(open_ms, None)
        self._insisted = (None, 0)


def covers(row: Candle, shown: Candle) -> bool:
    """Whether history's candle holds all that the stream has shown of the same bar."""
    return row.volume >= shown.volume and row.low <= shown.low and shown.high <= row.high


def why_not(open_ms: int, candles: Mapping[int, Candle]) -> str:
    """Why an answer did not prove the bar that opens at `open_ms`."""
    if open_ms in candles:
        return f"history's candle of {open_ms} is not final yet, or less than the stream has shown"
    if max(candles, default=-1) > open_ms:
        return f"history has later candles, but not the one of {open_ms}"
    return f"history has not come to the candle of {open_ms} yet"
