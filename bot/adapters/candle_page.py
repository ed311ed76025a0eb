"""
One answer of an exchange that was asked for past candles.

Whatever was in it, it ends in candles that can be, or in a `DataError`. Knows nothing of how it was asked for.
"""

from typing import Any, Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.adapters.candle_mending import Rows, mend
from bot.adapters.candle_series import Finding, FindingKind
from bot.core.errors import DataError
from bot.core.market import Timeframe

_ROW_LENGTH: Final = 6
_END_MS: Final = 10**14
"""The year 5138: what lies beyond is no time in milliseconds."""


class Page(Struct, frozen=True, eq=False):
    """
    Candles of one answer, put in order, each once, every one possible: (n,) int64 and (n, 5) float64.

    `left_out` are the rows that no market can have had.
    """

    open_time_ms: NDArray[np.int64]
    ohlcv: NDArray[np.float64]
    left_out: tuple[Finding, ...] = ()

    def until(self, end_ms: int) -> "Page":
        """What opens before a time."""
        count = int(np.searchsorted(self.open_time_ms, end_ms))
        left_out = tuple(each for each in self.left_out if each.time_ms < end_ms)
        return Page(self.open_time_ms[:count], self.ohlcv[:count], left_out)


def page_of(rows: Any, source: str, symbol: str, timeframe: Timeframe) -> Page:
    """
    Check the rows of `[open time, open, high, low, close, volume]` that ccxt has read.

    Raises:
        DataError: They are no candles, contradict each other, or too many of them cannot be.
    """
    if not isinstance(rows, list):
        raise DataError(f"the {source} is no list of candles")
    if not rows:
        return Page(np.empty(0, dtype=np.int64), np.empty((0, 5)))
    for row in rows:
        if not isinstance(row, list) or len(row) < _ROW_LENGTH or not _is_time(row[0]):
            raise DataError(f"the {source} has {str(row)[:120]} where a candle of {symbol} should be")
    number = len(rows)
    told = Rows(
        (source,),
        np.zeros(number, dtype=np.int64),
        np.arange(1, number + 1),
        np.array([row[0] for row in rows], dtype=np.int64),
        # What ccxt could not read as a number is None, which becomes NaN, which no candle can hold.
        np.array([row[1:_ROW_LENGTH] for row in rows], dtype=np.float64),
    )
    series = mend(symbol, told, timeframe, number, None)
    left_out = tuple(finding for finding in series.report.findings if finding.kind is not FindingKind.GAP)
    return Page(series.open_time_ms, series.ohlcv, left_out)


def _is_time(cell: Any) -> bool:
    return isinstance(cell, int) and 0 <= cell < _END_MS
