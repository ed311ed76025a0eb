"""
From the rows of one market, as they stood in files, to a series that can be trusted.

Order and exact repetitions are mended and counted. Rows that no market can have had, or that open off the
timeframe's grid, are left out like missing ones, and named; more than a small share of them condemns the files. Two
rows that tell different prices for one time are refused: either choice could be the wrong one, and a wrong price is
worse than no run. Gaps are named and left to the gap policy. Knows nothing of formats.
"""

from math import inf
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.adapters.candle_series import CandleSeries, FileReport, Finding, FindingKind, utc_text
from bot.core.errors import DataError
from bot.core.market import Timeframe

_TOLERATED_BAD_ROWS: Final = 3
_TOLERATED_BAD_FRAC: Final = 0.01
"""Rows that cannot be are left out while they are few, or few in proportion; beyond both the columns are suspect."""


class Rows(Struct, frozen=True, eq=False):
    """
    Rows of one market and where they stand.

    `file` (n,) int64 counts into `files`; `row` (n,) int64; `time_ms` (n,) int64; `ohlcv` (n, 5) float64.
    """

    files: tuple[str, ...]
    file: NDArray[np.int64]
    row: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    ohlcv: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.time_ms)

    def take(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> "Rows":
        """Keep the rows of a mask, or those of indices in their order."""
        return Rows(self.files, self.file[which], self.row[which], self.time_ms[which], self.ohlcv[which])

    def finding(self, kind: FindingKind, index: int, text: str) -> Finding:
        """Say something of one row."""
        return Finding(kind, self.files[self.file[index]], int(self.row[index]), int(self.time_ms[index]), text)

    def tell(self, index: int) -> str:
        """Show one row in words."""
        open_, high, low, close, volume = self.ohlcv[index].tolist()
        return f"open {open_}, high {high}, low {low}, close {close}, volume {volume}"


def find_timeframe(symbol: str, rows: Rows, stated: Timeframe | None) -> Timeframe:
    """
    Check the timeframe that was stated against the spacing of the rows, or read it from there.

    Raises:
        DataError: The two contradict each other, or nothing was stated and the most frequent spacing is not one
            of the known timeframes.
    """
    spacings, counts = np.unique(np.diff(np.unique(rows.time_ms)), return_counts=True)
    files = ", ".join(rows.files)
    if not len(spacings):
        if stated is None:
            raise DataError(f"{files}: one candle of {symbol} does not show its timeframe; give it, such as 1h")
        return stated
    frequent = int(spacings[np.argmax(counts)])
    if stated is None:
        found = next((timeframe for timeframe in Timeframe if timeframe.ms == frequent), None)
        if found is None:
            known = ", ".join(timeframe.value for timeframe in Timeframe)
            raise DataError(
                f"{files}: candles of {symbol} stand mostly {frequent / 1000:g} s apart, which is no timeframe; "
                f"expected one of {known}"
            )
        return found
    if frequent < stated.ms or stated.ms not in spacings:
        raise DataError(
            f"{files}: stated as {stated.value}, but candles of {symbol} stand mostly {frequent / 1000:g} s apart "
            f"instead of {stated.ms // 1000} s; state the timeframe that the rows have"
        )
    return stated


def mend(symbol: str, rows: Rows, timeframe: Timeframe, rows_read: int, now_ms: int | None) -> CandleSeries:
    """
    Put the rows of one market in order and report what was wrong with them.

    Args:
        symbol: The market.
        rows: Its rows, at least one, in the order in which they were read.
        timeframe: The length of a candle.
        rows_read: How many rows the report shall count.
        now_ms: When the rows were looked at; a candle that closes later is unfinished and left out.

    Raises:
        DataError: Two rows of one time contradict each other, or too many rows cannot be.
    """
    unsorted = bool(((np.diff(rows.time_ms) < 0) & (np.diff(rows.file) == 0)).any())
    findings: list[Finding] = []
    good = _without_unfinished(rows, timeframe, now_ms, findings)
    good = _without_impossible(symbol, good, timeframe, findings)
    good = good.take(np.argsort(good.time_ms, kind="stable"))
    once = _without_repeated(symbol, good)
    _find_gaps(once, timeframe, findings)
    report = FileReport(
        files=rows.files,
        rows_read=rows_read,
        duplicates_removed=len(good) - len(once),
        was_unsorted=unsorted,
        findings=tuple(sorted(findings, key=lambda finding: finding.time_ms)),
    )
    # A volume of -0.0 equals 0.0 and has other bytes; adding 0.0 makes equal series equal in their fingerprints.
    times, ohlcv = once.time_ms.copy(), once.ohlcv + 0.0
    times.setflags(write=False)
    ohlcv.setflags(write=False)
    return CandleSeries(symbol, timeframe, times, ohlcv, report)


def _without_unfinished(rows: Rows, timeframe: Timeframe, now_ms: int | None, findings: list[Finding]) -> Rows:
    if now_ms is None:
        return rows
    unfinished = rows.time_ms + timeframe.ms > now_ms
    for index in np.flatnonzero(unfinished).tolist():
        closes = utc_text(int(rows.time_ms[index]) + timeframe.ms)
        findings.append(rows.finding(FindingKind.UNFINISHED, index, f"closes at {closes}, which is still to come"))
    return rows.take(~unfinished)


def _without_impossible(symbol: str, rows: Rows, timeframe: Timeframe, findings: list[Finding]) -> Rows:
    open_, high, low, close, volume = rows.ohlcv.T
    # The rule of `Candle`, for whole columns. A NaN anywhere fails: every comparison with it is false.
    possible = (
        ((low > 0.0) & (low <= open_) & (open_ <= high) & (high < inf))
        & ((low <= close) & (close <= high))
        & ((volume >= 0.0) & (volume < inf))
    )
    on_grid = rows.time_ms % timeframe.ms == 0
    bad: list[Finding] = []
    for index in np.flatnonzero(~(possible & on_grid)).tolist():
        if on_grid[index]:
            bad.append(rows.finding(FindingKind.IMPOSSIBLE, index, rows.tell(index)))
        else:
            opens = f"opens at {utc_text(int(rows.time_ms[index]))}, no multiple of {timeframe.value}"
            bad.append(rows.finding(FindingKind.OFF_GRID, index, opens))
    if len(bad) > max(_TOLERATED_BAD_ROWS, _TOLERATED_BAD_FRAC * len(rows)) or len(bad) == len(rows) > 0:
        first = bad[0]
        raise DataError(
            f"{first.file}: {len(bad)} of {len(rows)} rows of {symbol} cannot be candles, the first in row "
            f"{first.row} ({first.kind.value}: {first.text}); check that the columns are what they are called and "
            f"that times are when candles open, in UTC"
        )
    findings.extend(bad)
    return rows.take(possible & on_grid)


def _without_repeated(symbol: str, rows: Rows) -> Rows:
    repeated = np.diff(rows.time_ms) == 0
    differs = (rows.ohlcv[1:] != rows.ohlcv[:-1]).any(axis=1)
    if (repeated & differs).any():
        index = int(np.argmax(repeated & differs))
        first, second = (
            f"{rows.files[rows.file[at]]}, row {rows.row[at]} ({rows.tell(at)})" for at in (index, index + 1)
        )
        raise DataError(
            f"two different candles of {symbol} open at {utc_text(int(rows.time_ms[index]))}: {first} and {second}; "
            f"remove the wrong one"
        )
    return rows.take(np.concatenate((np.ones(min(len(rows), 1), dtype=np.bool_), ~repeated)))


def _find_gaps(rows: Rows, timeframe: Timeframe, findings: list[Finding]) -> None:
    missing = np.diff(rows.time_ms) // timeframe.ms - 1
    for index in np.flatnonzero(missing).tolist():
        count = int(missing[index])
        from_ms = int(rows.time_ms[index]) + timeframe.ms
        fills = count <= timeframe.gap_limit
        fate = "which a run fills flat" if fills else "too many to fill: a run splits the series here"
        text = f"{count} missing from {utc_text(from_ms)}, {fate}"
        file, row = rows.files[rows.file[index + 1]], int(rows.row[index + 1])
        findings.append(Finding(FindingKind.GAP, file, row, from_ms, text, count))
