"""
One detector for each way in which the future gets into a data set, all of them comparisons of bits.

Each carries the name of the leak that it looks for, takes a pipeline and made candles, and looks at one step alone:
what was known before two futures part must be the same in both. Knows no network.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np

from bot.core.external import Observation
from bot.core.gaps import Segment
from bot.core.market import DAY_MS, Timeframe
from strategies.forecasting.audit import (
    Check,
    Floats,
    MakeMarket,
    Pipeline,
    Seen,
    Times,
    another_future,
    differing,
    unchanged,
    with_another_future,
)
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.external.rows import columns_of
from strategies.forecasting.folds import Fold, Span

CENTRED_AVERAGE: Final = "centred average"
BACK_FILL: Final = "back-fill"
EARLY_DECISION: Final = "early decision"
GLOBAL_SCALING: Final = "global scaling"
LABEL_OVERLAP: Final = "label overlap"
UNFINISHED_BAR: Final = "unfinished bar"
EARLY_AVAILABILITY: Final = "early availability"

FUTURES: Final = 6
"""Other futures that a step is shown."""

_SEED: Final = 31
_ROWS: Final = 3_000
_MINIMUM_RATIO: Final = 3
"""Short candles in a long one: fewer leave too few moments at which it is unfinished."""

Detector = Callable[[Pipeline, MakeMarket], Check]


def centred_average(pipeline: Pipeline, market: MakeMarket) -> Check:
    """Look at the feature rows: none may read a later candle."""
    series = _series(pipeline, market)
    was = pipeline.make_rows(pipeline.features, series.open_time_ms, series.ohlcv)
    seen = Seen()
    for seed, cut in _cuts(len(series)):
        now = pipeline.make_rows(pipeline.features, series.open_time_ms, another_future(series.ohlcv, cut, seed))
        seen += Seen(differing(was[:cut], now[:cut]), was[:cut].size, differing(was[cut:], now[cut:]))
    return unchanged(CENTRED_AVERAGE, seen, FUTURES)


def back_fill(pipeline: Pipeline, market: MakeMarket) -> Check:
    """Look at the bars that stand in for missing ones: they may not know the bar behind the gap."""
    series = _series(pipeline, market)
    kept = np.ones(len(series), dtype=np.bool_)
    starts = [cut for _, cut in _cuts(len(series))]
    for number, start in enumerate(starts):
        kept[start : start + 1 + number % pipeline.timeframe.gap_limit] = False
    times, ohlcv = series.open_time_ms[kept], series.ohlcv[kept]
    seen = Seen()
    for seed, start in enumerate(starts, start=_SEED):
        behind = int(np.searchsorted(times, series.open_time_ms[start]))
        was, now = (
            _bridged(pipeline, times, candles, int(times[behind]))
            for candles in (ohlcv, another_future(ohlcv, behind, seed))
        )
        seen += Seen(differing(was[0], now[0]), was[0].size, differing(was[1], now[1]))
    return unchanged(BACK_FILL, seen, len(starts))


def early_decision(pipeline: Pipeline, market: MakeMarket) -> Check:
    """Look at the windows by the time of their decision: none may hold a candle that closes later."""
    series = _series(pipeline, market)
    was = pipeline.course(series).dataset
    seen = Seen()
    for seed, cut in _cuts(len(series)):
        # The candle that closes when the changed one opens is the last that is known.
        known_ms = int(series.open_time_ms[cut])
        now = pipeline.course(with_another_future(series, known_ms, seed)).dataset
        before = [_values(one.between(0, known_ms + 1), with_labels=False) for one in (was, now)]
        after = [_values(one.between(known_ms + 1, int(one.close_time_ms[-1]) + 1)) for one in (was, now)]
        seen += Seen(differing(*before), before[0].size, differing(*after))
    return unchanged(EARLY_DECISION, seen, FUTURES)


def global_scaling(pipeline: Pipeline, market: MakeMarket) -> Check:
    """Look at the scaler of every fold: only candles of its training part may have a say in it."""
    series = _series(pipeline, market)
    was = pipeline.course(series, folds=3)
    probe = np.random.default_rng(_SEED).standard_normal((16, len(pipeline.features.names))).astype(np.float32)
    seen = Seen()
    for seed, fold in enumerate((*was.judged_on, was.shipped), start=_SEED):
        now = pipeline.course(with_another_future(series, fold.train.until_ms, seed), folds=3)
        scaled = [pipeline.scale(course.dataset, fold, pipeline.scaler).function()(probe) for course in (was, now)]
        moved = differing(_values(was.dataset), _values(now.dataset))
        seen += Seen(differing(*scaled), scaled[0].size, moved)
    return unchanged(GLOBAL_SCALING, seen, len(was.judged_on) + 1)


def label_overlap(pipeline: Pipeline, market: MakeMarket) -> Check:
    """Look at the borders of every fold: no label may come from a candle that the next part reads."""
    series = _series(pipeline, market)
    was = pipeline.course(series, folds=3)
    seen, futures = Seen(), 0
    for fold in (*was.judged_on, was.shipped):
        for part, following in _neighbours(fold):
            if not len(later := was.dataset.between(following.from_ms, following.until_ms)):
                continue
            futures += 1
            from_ms = first_read_ms(later, pipeline.timeframe)
            now = pipeline.course(with_another_future(series, from_ms, _SEED + futures), folds=3)
            learnt = [_values(one.dataset.between(part.from_ms, part.until_ms)) for one in (was, now)]
            rest = [_values(one.dataset.between(following.from_ms, following.until_ms)) for one in (was, now)]
            seen += Seen(differing(*learnt), learnt[0].size, differing(*rest))
    return unchanged(LABEL_OVERLAP, seen, futures)


def unfinished_bar(pipeline: Pipeline, market: MakeMarket) -> Check:
    """Look at long candles made of short ones at moments between two closes: what is told must never change again."""
    short = shorter(pipeline.timeframe)
    if short is None:
        blind = f"no shorter candle makes one of {pipeline.timeframe.value}"
        return Check(UNFINISHED_BAR, "values changed", 0.0, 0.0, 0.0, blind=blind)
    ratio = pipeline.timeframe.ms // short.ms
    series = market(short, 0.0, _SEED, _ROWS)
    whole = pipeline.close_bars(series.open_time_ms, series.ohlcv, short, pipeline.timeframe).ohlcv
    seen = Seen()
    for seed, cut in _cuts(len(series)):
        # One short candle before the close of a long one, where nearly everything of it is there.
        until = cut - cut % ratio + ratio - 1
        told = pipeline.close_bars(series.open_time_ms[:until], series.ohlcv[:until], short, pipeline.timeframe).ohlcv
        other = another_future(series.ohlcv, until, seed)
        later = pipeline.close_bars(series.open_time_ms, other, short, pipeline.timeframe).ohlcv
        known = len(told)
        seen += Seen(differing(told, later[:known]), told.size, differing(whole[known:], later[known:]))
    return unchanged(UNFINISHED_BAR, seen, FUTURES)


def early_availability(pipeline: Pipeline, _market: MakeMarket) -> Check:
    """Look at the join of outside series: what becomes available after a close may not be in its row."""
    rows = _observations()
    closes = np.arange(0, 60 * DAY_MS, pipeline.timeframe.ms, dtype=np.int64)
    was = pipeline.join("made", columns_of(rows), 3 * DAY_MS).features(closes)
    random = np.random.default_rng(_SEED)
    seen = Seen()
    moments = [rows[at].available_at_ms for at in (5, 11, 23, 34, 47, 60)]
    for available_ms in moments:
        # The last close before a row becomes available, and all those before it.
        known = int(np.searchsorted(closes, available_ms))
        told = [row if row.available_at_ms < available_ms else _retold(row, float(random.normal())) for row in rows]
        now = pipeline.join("made", columns_of(told), 3 * DAY_MS).features(closes)
        seen += Seen(differing(was[:known], now[:known]), was[:known].size, differing(was[known:], now[known:]))
    return unchanged(EARLY_AVAILABILITY, seen, len(moments))


DETECTORS: Final[Mapping[str, Detector]] = {
    GLOBAL_SCALING: global_scaling,
    CENTRED_AVERAGE: centred_average,
    BACK_FILL: back_fill,
    LABEL_OVERLAP: label_overlap,
    EARLY_DECISION: early_decision,
    UNFINISHED_BAR: unfinished_bar,
    EARLY_AVAILABILITY: early_availability,
}
"""By the name of the leak that each looks for."""


def first_read_ms(part: Dataset, timeframe: Timeframe) -> int:
    """When the first candle opens that a window of this part reads."""
    return int(part.close_time_ms[0]) - part.window * timeframe.ms


def shorter(timeframe: Timeframe) -> Timeframe | None:
    """The longest candles of which several make one of this timeframe."""
    fitting = [one for one in Timeframe if timeframe.ms % one.ms == 0 and timeframe.ms // one.ms >= _MINIMUM_RATIO]
    return max(fitting, key=lambda one: one.ms, default=None)


def _series(pipeline: Pipeline, market: MakeMarket) -> Segment:
    return market(pipeline.timeframe, 0.3, _SEED, _ROWS + pipeline.features.warm_up + pipeline.window)


def _cuts(count: int) -> Iterator[tuple[int, int]]:
    """Seeds and rows at which futures part: spread over the second half, none of them round."""
    for number in range(FUTURES):
        yield _SEED + number, count // 2 + 7 + number * (count // 2 - 60) // FUTURES


def _bridged(pipeline: Pipeline, times: Times, ohlcv: Floats, until_ms: int) -> tuple[Floats, Floats]:
    """All bars, missing ones stood in for, that open before a time, and all others, as one column of numbers each."""
    before, after = [], []
    for part in pipeline.bridge(times, ohlcv, pipeline.timeframe):
        table = np.column_stack([part.open_time_ms, part.ohlcv, part.filled])
        known = part.open_time_ms < until_ms
        before.append(table[known])
        after.append(table[~known])
    return np.concatenate(before).ravel(), np.concatenate(after).ravel()


def _neighbours(fold: Fold) -> tuple[tuple[Span, Span], tuple[Span, Span]]:
    return (fold.train, fold.validation), (fold.validation, fold.test)


def _values(part: Dataset, *, with_labels: bool = True) -> Floats:
    """Everything that windows hold, as one column of numbers."""
    columns = [part.covered_rows().astype(np.float64).ravel(), part.close_time_ms.astype(np.float64)]
    columns += [part.last_return, part.sigma]
    if with_labels:
        columns += [part.next_return, part.moves]
    return np.concatenate(columns)


def _observations() -> list[Observation]:
    """Two months of a daily series: told 27 to 29 hours after the day begins, some days revised a day later."""
    random = np.random.default_rng(_SEED)
    rows = []
    for day in range(60):
        told_ms = day * DAY_MS + 27 * 3_600_000 + int(random.integers(7_200_000))
        for revision in range(1 + (day % 4 == 0)):
            known_ms = told_ms + revision * DAY_MS
            rows.append(Observation(day * DAY_MS, known_ms, known_ms, "made", revision, float(random.normal())))
    return sorted(rows, key=lambda row: row.available_at_ms)


def _retold(row: Observation, value: float) -> Observation:
    return Observation(
        row.event_time_ms, row.available_at_ms, row.fetched_at_ms, row.source, row.revision, row.value + 10.0 + value
    )
