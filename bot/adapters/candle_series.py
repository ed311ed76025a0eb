"""
The candles of one market as they came out of files, and what was found wrong with those files.

Knows nothing of formats: a series is the same whether it was read from text or from columns.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.market import Candle, Timeframe


def utc_text(time_ms: int) -> str:
    """Name a time for a person: `2024-01-31 13:00 UTC`, with seconds where there are any."""
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC" if time_ms % 60_000 else "%Y-%m-%d %H:%M UTC")


class FindingKind(StrEnum):
    """What can be wrong with a file and still leave the rest of it usable."""

    GAP = "gap"
    IMPOSSIBLE = "impossible candle"
    OFF_GRID = "candle off the grid"
    UNFINISHED = "unfinished candle"


class Finding(Struct, frozen=True):
    """
    One flaw, with its place.

    `row` is the line of a text file, or the row, counted from 1, of a file of columns. For a gap they are those
    of the first candle after it, `time_ms` is when its first missing candle would have opened, and `missing` is how
    many there are.
    """

    kind: FindingKind
    file: str
    row: int
    time_ms: int
    text: str
    missing: int = 0


class FileReport(Struct, frozen=True):
    """What was read for one market, what was mended and what was left out."""

    files: tuple[str, ...]
    rows_read: int
    duplicates_removed: int
    was_unsorted: bool
    findings: tuple[Finding, ...]

    def summary(self) -> str:
        """Say it in words: one line of counts, and for each kind of flaw its number and its first place."""
        parts = [f"{self.rows_read:,} rows from {_count(len(self.files), 'file')}"]
        if self.was_unsorted:
            parts.append("put in order")
        if self.duplicates_removed:
            parts.append(f"{_count(self.duplicates_removed, 'repeated row')} left out")
        lines = [", ".join(parts)]
        counts = Counter(finding.kind for finding in self.findings)
        for kind, number in counts.items():
            first = next(finding for finding in self.findings if finding.kind is kind)
            missing = sum(finding.missing for finding in self.findings if finding.kind is kind)
            size = f" of {_count(missing, 'candle')}" if missing else ""
            place = f"{first.file}, row {first.row}: {first.text}"
            lines.append(f"{_count(number, kind.value)}{size}, the first at {place}")
        return "\n".join(lines)


class CandleSeries(Struct, frozen=True, eq=False):
    """
    Candles of one market in order of time, each once, every one possible; gaps are not filled.

    `open_time_ms` is (n,) int64, `ohlcv` (n, 5) float64: open, high, low, close, volume. Both are read-only.
    """

    symbol: str
    timeframe: Timeframe
    open_time_ms: NDArray[np.int64]
    ohlcv: NDArray[np.float64]
    report: FileReport

    def __len__(self) -> int:
        return len(self.open_time_ms)

    @property
    def fingerprint(self) -> str:
        """The sha256 of market, timeframe and values: equal candles have equal fingerprints, whatever their file."""
        digest = hashlib.sha256(f"{self.symbol}\0{self.timeframe.value}\0".encode())
        digest.update(np.ascontiguousarray(self.open_time_ms, dtype="<i8").tobytes())
        digest.update(np.ascontiguousarray(self.ohlcv, dtype="<f8").tobytes())
        return digest.hexdigest()

    def candles(self) -> Iterator[Candle]:
        """Go through them one by one, oldest first."""
        # Plain floats: numpy's scalars are slower in every use and do not serialise.
        columns: list[list[float]] = self.ohlcv.T.tolist()
        return map(Candle, self.open_time_ms.tolist(), *columns)


def _count(number: int, what: str) -> str:
    if number == 1:
        return f"1 {what}"
    noun, _, rest = what.partition(" off ")
    return f"{number:,} {noun}s{' off ' + rest if rest else ''}"
