"""
Fewer points for the same picture, honestly: no high and no low of a long run is lost.

Pure numpy over columns; knows nothing of pixels beyond how many columns there are.
"""

import numpy as np
from msgspec import Struct

from bot.reporting.columns import Candles, Floats, Times


class Bars(Struct, frozen=True):
    """
    Candles, or several of them taken together, each column `(n,)`.

    Each bar stands for `span_ms` and `candles_each`; the last one may end before that, at `end_ms`.
    """

    start_ms: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    span_ms: int
    candles_each: int
    end_ms: int

    def __len__(self) -> int:
        return len(self.start_ms)

    def until_ms(self, start_ms: int) -> int:
        """When the bar that starts then is over."""
        return min(start_ms + self.span_ms, self.end_ms)


def thin(xs: Floats, ys: Floats, columns: int) -> tuple[Floats, Floats]:
    """
    First, lowest, highest and last point of each of `columns` equal stretches of `xs`, in order.

    Args:
        xs: `(n,)`, not falling.
        ys: `(n,)`.
        columns: How many stretches; one for each pixel or two.

    Returns:
        At most `4 * columns` points; the same points where there are no more than that.
    """
    if len(xs) <= 4 * columns:
        return xs, ys
    column = np.minimum(((xs - xs[0]) / (xs[-1] - xs[0]) * columns).astype(np.int64), columns - 1)
    first = np.flatnonzero(np.diff(column, prepend=-1))
    last = np.append(first[1:], len(xs)) - 1
    by_value = np.lexsort((ys, column))
    keep = np.unique(np.concatenate([first, last, by_value[first], by_value[last]]))
    return xs[keep], ys[keep]


def merge(candles: Candles, timeframe_ms: int, limit: int) -> Bars:
    """
    At most `limit` bars of equal time: first open, highest high, lowest low, last close of each stretch.

    Stretches without a candle have no bar.
    """
    begin = int(candles.open_ms[0])
    whole = (int(candles.open_ms[-1]) - begin) // timeframe_ms + 1
    each = -(-whole // limit)
    span_ms = each * timeframe_ms
    stretch = (candles.open_ms - begin) // span_ms
    first = np.flatnonzero(np.diff(stretch, prepend=-1))
    last = np.append(first[1:], len(stretch)) - 1
    return Bars(
        begin + stretch[first] * span_ms,
        candles.open[first],
        np.maximum.reduceat(candles.high, first),
        np.minimum.reduceat(candles.low, first),
        candles.close[last],
        span_ms,
        each,
        int(candles.open_ms[-1]) + timeframe_ms,
    )


def between(candles: Candles, from_ms: int, until_ms: int) -> Candles:
    """The candles that open in `[from_ms, until_ms)`."""
    start, end = np.searchsorted(candles.open_ms, [from_ms, until_ms])
    part = slice(int(start), int(end))
    return Candles(
        candles.open_ms[part],
        candles.open[part],
        candles.high[part],
        candles.low[part],
        candles.close[part],
        candles.filled[part],
    )
