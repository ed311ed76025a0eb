"""
Where stored candles of one market contradict each other: between their lengths, and between exchanges.

The second half of an audit, over all series of a market together; `verify` is both halves.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.adapters.candle_audit import OUTLIER_SCALE, Flaw, FlawKind, audit
from bot.adapters.candle_series import CandleSeries, utc_text
from bot.adapters.candle_store import CandleStore
from bot.adapters.stored_series import SeriesKey
from bot.core.errors import DataError
from bot.core.resampling import resample

VOLUME_TOLERANCE_FRAC: Final = 1e-9
"""Volumes nearer than this are the same: some files hold sums of floats. Prices must be equal."""

VENUE_LIMIT_FRAC: Final = 0.02
"""Closes of one market on two exchanges stand nearer than this; arbitrage closes more within minutes."""

FARTHEST_SHIFT: Final = 24
"""Bars by which the times of one exchange are tried against the other's: a day of hours finds every time zone."""

_FEWEST: Final = 200
_CLEARLY: Final = 0.2
"""By how much another correlation has to be higher before it is the better one."""


def verify(
    store: CandleStore, keys: Sequence[SeriesKey], outlier_scale: float = OUTLIER_SCALE
) -> Iterator[tuple[tuple[SeriesKey, ...], list[Flaw]]]:
    """
    Judge series of a store, market by market.

    Args:
        store: Where they are.
        keys: Which.
        outlier_scale: How many robust standard deviations make an outlier.

    Yields:
        The series of one market that were judged together, and what is wrong with them.
    """
    for _, group in groupby(sorted(keys, key=lambda key: key.symbol), key=lambda key: key.symbol):
        together = tuple(sorted(group, key=lambda key: (key.venue, key.timeframe.ms)))
        flaws: list[Flaw] = []
        usable: dict[SeriesKey, CandleSeries] = {}
        for key in together:
            try:
                audited = audit(store.read(key), outlier_scale)
            except DataError as error:
                flaws.append(Flaw(FlawKind.UNREADABLE, str(key), None, 0, str(error)))
                continue
            flaws.extend(audited.flaws)
            if audited.usable is not None:
                usable[key] = audited.usable
        yield together, flaws + list(_contradictions(usable))


def _contradictions(series: dict[SeriesKey, CandleSeries]) -> Iterator[Flaw]:
    for key, long in series.items():
        shorter = [(other, short) for other, short in series.items() if _makes(other, key)]
        if shorter:
            nearest, short = max(shorter, key=lambda pair: pair[0].timeframe.ms)
            yield from _between_lengths(nearest, short, key, long)
    for (key, one), (other_key, other) in combinations(series.items(), 2):
        if key.timeframe is other_key.timeframe:
            yield from _between_venues(key, one, other_key, other)


def _makes(short: SeriesKey, long: SeriesKey) -> bool:
    """Whether candles of the one can be put together to those of the other."""
    fits = short.timeframe.ms < long.timeframe.ms and not long.timeframe.ms % short.timeframe.ms
    return fits and short.venue == long.venue


def _between_lengths(
    short_key: SeriesKey, short: CandleSeries, long_key: SeriesKey, long: CandleSeries
) -> Iterator[Flaw]:
    made = resample(short.open_time_ms, short.ohlcv, short.timeframe, long.timeframe)
    times, here, there = np.intersect1d(made.open_time_ms, long.open_time_ms, assume_unique=True, return_indices=True)
    expected, told = made.ohlcv[here], long.ohlcv[there]
    differs = (expected[:, :4] != told[:, :4]).any(axis=1) | (
        np.abs(expected[:, 4] - told[:, 4]) > VOLUME_TOLERANCE_FRAC * np.abs(told[:, 4])
    )
    if differs.any():
        first = int(np.argmax(differs))
        text = (
            f"{int(differs.sum()):,} of {len(times):,} are not what their {short_key.timeframe.value} candles make, "
            f"the first at {utc_text(int(times[first]))}: {told[first].tolist()} instead of {expected[first].tolist()}"
        )
        yield Flaw(FlawKind.TIMEFRAMES, str(long_key), int(times[first]), int(differs.sum()), text)


def _between_venues(one_key: SeriesKey, one: CandleSeries, other_key: SeriesKey, other: CandleSeries) -> Iterator[Flaw]:
    times, here, there = np.intersect1d(one.open_time_ms, other.open_time_ms, assume_unique=True, return_indices=True)
    first, second = np.log(one.ohlcv[here, 3]), np.log(other.ohlcv[there, 3])
    apart = np.abs(first - second) > VENUE_LIMIT_FRAC
    if apart.any():
        index = int(np.argmax(apart))
        text = (
            f"{int(apart.sum()):,} of {len(times):,} closes are more than {VENUE_LIMIT_FRAC:.0%} from those of "
            f"{other_key.venue}, the first at {utc_text(int(times[index]))}: "
            f"{one.ohlcv[here[index], 3]:g} and {other.ohlcv[there[index], 3]:g}"
        )
        yield Flaw(FlawKind.VENUES, str(one_key), int(times[index]), int(apart.sum()), text)
    if shift := _shift(np.diff(first), np.diff(second)):
        text = (
            f"moves like {other_key.venue} {abs(shift)} bars {'later' if shift > 0 else 'earlier'}: are its times UTC?"
        )
        yield Flaw(FlawKind.VENUES, str(one_key), None, len(times), text)


def _shift(one: NDArray[np.float64], other: NDArray[np.float64]) -> int:
    """By how many bars the moves have to be shifted to fit best, where that is clearly better than as they stand."""
    if len(one) < _FEWEST:
        return 0
    fits = {shift: _correlation(one, other, shift) for shift in range(-FARTHEST_SHIFT, FARTHEST_SHIFT + 1)}
    best = max(fits, key=lambda shift: fits[shift])
    return best if fits[best] > fits[0] + _CLEARLY else 0


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64], shift: int) -> float:
    # A positive shift compares a move of the first with an earlier one of the other.
    count = len(one) - abs(shift)
    a, b = one[max(shift, 0) :][:count], other[max(-shift, 0) :][:count]
    spread = float(a.std() * b.std())
    return float(((a - a.mean()) * (b - b.mean())).mean()) / spread if spread else 0.0
