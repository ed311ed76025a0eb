"""
What is wrong with stored candles, one series at a time.

Nothing is changed. Order, repetitions, bars that cannot be and gaps are judged by the rules of `candle_mending`;
here they are joined by what is possible and still suspicious: moves and ranges far outside of the market's own
measure, and prices that stand still. Knows nothing of files; other series are another file's matter.
"""

from enum import StrEnum
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.adapters.candle_mending import Rows, mend
from bot.adapters.candle_series import CandleSeries, Finding, FindingKind, utc_text
from bot.adapters.stored_series import StoredSeries
from bot.core.errors import DataError

OUTLIER_SCALE: Final = 50.0
"""
How many robust standard deviations make an outlier.

Real crashes of the largest markets stay below it on an hour and reach 60 on five minutes and on one, so that what
is found is worth a look; a price ten times too high is found on every timeframe.
"""

FROZEN_BARS: Final = 10
"""Bars in a row without any movement that are worth a look; more where the gap policy bridges more than that."""

_NORMAL: Final = 1.4826
"""The standard deviation of a Gaussian in units of its median absolute deviation."""

_FEWEST: Final = 30
"""Moves that a measure is made of; fewer say nothing."""


class FlawKind(StrEnum):
    """What can be wrong, by the word that `--ignore` takes."""

    UNREADABLE = "unreadable"
    UNUSABLE = "unusable"
    UNSORTED = "unsorted"
    DUPLICATE = "duplicate"
    IMPOSSIBLE = "impossible"
    OFF_GRID = "off-grid"
    GAP = "gap"
    VENUE_GAP = "venue-gap"
    OUTLIER = "outlier"
    FROZEN = "frozen"
    TIMEFRAMES = "timeframes"
    VENUES = "venues"


class Flaw(Struct, frozen=True):
    """One thing that is wrong: in which series, from when on (`None` where it is the whole), how many bars."""

    kind: FlawKind
    series: str
    time_ms: int | None
    bars: int
    text: str


class Audited(Struct, frozen=True, eq=False):
    """What was found in a series, and what can be trusted of it: `None` where that is nothing."""

    flaws: tuple[Flaw, ...]
    usable: CandleSeries | None


def audit(stored: StoredSeries, outlier_scale: float = OUTLIER_SCALE) -> Audited:
    """
    Judge the candles of one file.

    Args:
        stored: The candles as they stand in the file.
        outlier_scale: How many robust standard deviations make an outlier.
    """
    name = str(stored.key)
    count = len(stored)
    rows = Rows((name,), np.zeros(count, dtype=np.int64), np.arange(1, count + 1), stored.open_time_ms, stored.ohlcv)
    try:
        series = mend(stored.key.symbol, rows, stored.key.timeframe, count, None)
    except DataError as error:
        return Audited((Flaw(FlawKind.UNUSABLE, name, None, count, str(error)),), None)
    if not len(series):
        return Audited((Flaw(FlawKind.UNUSABLE, name, None, 0, "no candle"),), None)
    flaws = [_of_finding(finding, stored) for finding in series.report.findings]
    if series.report.was_unsorted:
        flaws.append(Flaw(FlawKind.UNSORTED, name, None, count, "the candles are not in order of time"))
    if repeated := series.report.duplicates_removed:
        flaws.append(Flaw(FlawKind.DUPLICATE, name, None, repeated, f"{repeated} candles stand there more than once"))
    flaws.extend(_outliers(series, name, outlier_scale))
    flaws.extend(_frozen(series, name))
    return Audited(tuple(flaws), series)


def _of_finding(finding: Finding, stored: StoredSeries) -> Flaw:
    name = str(stored.key)
    match finding.kind:
        case FindingKind.IMPOSSIBLE:
            return Flaw(FlawKind.IMPOSSIBLE, name, finding.time_ms, 1, f"row {finding.row}: {finding.text}")
        case FindingKind.OFF_GRID:
            return Flaw(FlawKind.OFF_GRID, name, finding.time_ms, 1, f"row {finding.row}: {finding.text}")
        case _:
            end_ms = finding.time_ms + finding.missing * stored.key.timeframe.ms
            asked = any(begin <= finding.time_ms and end_ms <= end for begin, end in stored.asked)
            kind = FlawKind.VENUE_GAP if asked else FlawKind.GAP
            fate = "; the exchange was asked and has none" if asked else ""
            return Flaw(kind, name, finding.time_ms, finding.missing, finding.text + fate)


def _outliers(series: CandleSeries, name: str, scale: float) -> list[Flaw]:
    _, high, low, close, _ = series.ohlcv.T
    times = series.open_time_ms
    neighbours = np.diff(times) == series.timeframe.ms
    returns = np.where(neighbours, np.diff(np.log(close)), np.nan)
    moves = [(times[1:], returns, "close to close"), (times, np.log(high / low), "low to high")]
    return [
        Flaw(FlawKind.OUTLIER, name, int(at[index]), 1, _tell_outlier(int(at[index]), values[index], far[index], what))
        for at, values, what in moves
        for far in [robust_distance(values)]
        for index in np.flatnonzero(far > scale).tolist()
    ]


def _tell_outlier(time_ms: int, move: float, distance: float, what: str) -> str:
    return f"{utc_text(time_ms)}: {np.expm1(move):+.2%} {what}, {distance:.0f} times the usual"


def robust_distance(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    How far each value lies from the median, in robust standard deviations: 1.4826 median absolute deviations.

    Values of 0 say nothing of the measure, because quiet markets have many; NaN is passed over. With too few values
    or no spread nothing is far: the distances are 0.
    """
    known = values[~np.isnan(values) & (values != 0.0)]
    if len(known) < _FEWEST:
        return np.zeros(len(values))
    median = np.median(known)
    spread = _NORMAL * np.median(np.abs(known - median))
    if not spread:
        return np.zeros(len(values))
    return np.where(np.isnan(values), 0.0, np.abs(values - median) / spread)


def _frozen(series: CandleSeries, name: str) -> list[Flaw]:
    """Stretches of neighbouring bars in which all prices are one."""
    _, high, low, close, _ = series.ohlcv.T
    least = max(FROZEN_BARS, series.timeframe.gap_limit)
    still = high == low
    same = still[1:] & still[:-1] & (close[1:] == close[:-1]) & (np.diff(series.open_time_ms) == series.timeframe.ms)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], same, [False])).astype(np.int8)))
    flaws = []
    for begin, end in edges.reshape(-1, 2).tolist():
        bars = end - begin + 1
        if bars >= least:
            at_ms = int(series.open_time_ms[begin])
            text = f"{utc_text(at_ms)}: {bars} bars at {close[begin]:g} without any movement"
            flaws.append(Flaw(FlawKind.FROZEN, name, at_ms, bars, text))
    return flaws
