"""
What the shipped features remember of one market: two lanes of exponential means and three rings of prices.

An exponential mean never quite forgets where it began: two that began apart can stay an ulp apart for ever. So all
are kept twice, in two lanes that begin anew by turns, at bars whose number since the epoch is a multiple of
`RESTART`. A row is read from the lane that began between `RESTART` and `2 * RESTART` bars ago, and what begins at a
given bar is the same wherever the series began: the warm-up is exact by construction, not by decay.

All of it lies in one flat sequence of floats, at the offsets named here. The file knows nothing of columns.
"""

from collections.abc import MutableSequence
from typing import Final

from bot.core.indicators import ewma, ewma_alpha, ewma_variance, parkinson_variance, wilder

Numbers = MutableSequence[float]
"""A list where the step runs plain, a float64 array where it is compiled."""

SLOW_SPAN: Final = 64
FAST_SPAN: Final = 12
RESTART: Final = 5 * SLOW_SPAN
"""Bars between two beginnings of a lane: after five slow spans a seed has 1/22,000 of the weight left."""

SLOW: Final = ewma_alpha(SLOW_SPAN)
FAST: Final = ewma_alpha(FAST_SPAN)
MACD_FAST: Final = ewma_alpha(12)
MACD_SLOW: Final = ewma_alpha(26)
MACD_SIGNAL: Final = ewma_alpha(9)
RSI_LENGTH: Final = 14.0
RING: Final = 73
"""Bars that a ring remembers: a return over 72 needs its own and 72 before."""
SURPRISE: Final = 4.0
"""Turnover moves its means by no more than e**4 at once: one empty bar must not drown the next fifty."""

# The flat state: three scalars, two lanes, then three rings, each held twice over so that any window is one run.
BEGUN: Final = 0
CURSOR: Final = 1
OPEN_MS: Final = 2
LANE_A: Final = 3
LANE_WIDTH: Final = 11
LANE_B: Final = LANE_A + LANE_WIDTH
CLOSES: Final = LANE_B + LANE_WIDTH
HIGHS: Final = CLOSES + 2 * RING
LOWS: Final = HIGHS + 2 * RING
STATE_SIZE: Final = LOWS + 2 * RING

# Offsets within a lane, LANE_WIDTH of them.
VARIANCE: Final = 0
FAST_VARIANCE: Final = 1
GAIN: Final = 2
LOSS: Final = 3
FAST_CLOSE: Final = 4
SLOW_CLOSE: Final = 5
SIGNAL: Final = 6
TREND: Final = 7
TURNOVER: Final = 8
TURNOVER_VARIANCE: Final = 9
FAST_TURNOVER: Final = 10


def bounded(value: float, bound: float) -> float:
    """Cut a value off at plus and minus `bound`."""
    if value > bound:
        return bound
    if value < -bound:
        return -bound
    return value


def begin_lane(state: Numbers, lane: int, log_range: float, log_close: float, log_turnover: float) -> None:
    """Begin a lane's means at this candle, as if the market had stood still before it."""
    variance = parkinson_variance(log_range)
    state[lane + VARIANCE] = variance
    state[lane + FAST_VARIANCE] = variance
    state[lane + GAIN] = 0.0
    state[lane + LOSS] = 0.0
    state[lane + FAST_CLOSE] = log_close
    state[lane + SLOW_CLOSE] = log_close
    state[lane + SIGNAL] = 0.0
    state[lane + TREND] = log_close
    state[lane + TURNOVER] = log_turnover
    state[lane + TURNOVER_VARIANCE] = 0.0
    state[lane + FAST_TURNOVER] = log_turnover


def take_turns(
    state: Numbers, open_time_ms: int, log_high: float, log_low: float, log_close: float, log_turnover: float
) -> int:
    """
    Begin what begins at this candle and give the lane to read from.

    The first candle of a series begins everything. Its lanes are nobody else's: only after two restarts, when both
    have begun anew, is every series the same.
    """
    mature = LANE_A
    if state[BEGUN] == 0.0:
        state[BEGUN] = 1.0
        begin_rings(state, log_high, log_low, log_close)
        begin_lane(state, LANE_A, log_high - log_low, log_close, log_turnover)
        begin_lane(state, LANE_B, log_high - log_low, log_close, log_turnover)
    else:
        bar = open_time_ms // (open_time_ms - int(state[OPEN_MS]))
        young = LANE_B
        if bar // RESTART % 2 == 0:
            young = LANE_A
            mature = LANE_B
        if bar % RESTART == 0:
            begin_lane(state, young, log_high - log_low, log_close, log_turnover)
    state[OPEN_MS] = float(open_time_ms)
    return mature


def move_lane(state: Numbers, lane: int, change: float, log_close: float, log_turnover: float) -> None:
    """Move a lane's means on by one candle; `change` is its log return."""
    square = change * change
    state[lane + VARIANCE] = ewma(state[lane + VARIANCE], square, SLOW)
    state[lane + FAST_VARIANCE] = ewma(state[lane + FAST_VARIANCE], square, FAST)
    state[lane + GAIN] = wilder(state[lane + GAIN], max(change, 0.0), RSI_LENGTH)
    state[lane + LOSS] = wilder(state[lane + LOSS], max(-change, 0.0), RSI_LENGTH)

    fast_close = ewma(state[lane + FAST_CLOSE], log_close, MACD_FAST)
    slow_close = ewma(state[lane + SLOW_CLOSE], log_close, MACD_SLOW)
    state[lane + FAST_CLOSE] = fast_close
    state[lane + SLOW_CLOSE] = slow_close
    state[lane + SIGNAL] = ewma(state[lane + SIGNAL], fast_close - slow_close, MACD_SIGNAL)
    state[lane + TREND] = ewma(state[lane + TREND], log_close, SLOW)

    mean = state[lane + TURNOVER]
    surprise = bounded(log_turnover - mean, SURPRISE)
    state[lane + TURNOVER] = ewma(mean, mean + surprise, SLOW)
    state[lane + TURNOVER_VARIANCE] = ewma_variance(state[lane + TURNOVER_VARIANCE], surprise, SLOW)
    state[lane + FAST_TURNOVER] = ewma(state[lane + FAST_TURNOVER], mean + surprise, FAST)


def begin_rings(state: Numbers, log_high: float, log_low: float, log_close: float) -> None:
    """Fill the rings as if the market had always been where its first candle found it."""
    for slot in range(2 * RING):
        state[CLOSES + slot] = log_close
        state[HIGHS + slot] = log_high
        state[LOWS + slot] = log_low


def move_rings(state: Numbers, log_high: float, log_low: float, log_close: float) -> int:
    """Write the candle over the oldest one and give the slot of the newest, before which the others lie in order."""
    cursor = int(state[CURSOR]) + 1
    if cursor == RING:
        cursor = 0
    state[CURSOR] = float(cursor)
    newest = cursor + RING
    state[CLOSES + cursor] = log_close
    state[CLOSES + newest] = log_close
    state[HIGHS + cursor] = log_high
    state[HIGHS + newest] = log_high
    state[LOWS + cursor] = log_low
    state[LOWS + newest] = log_low
    return newest
