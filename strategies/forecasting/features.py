"""
The shipped features: 25 numbers that say what one market did up to one closed candle.

Every number is a recurrence `(state, candle) -> row`, so that it cannot look ahead, and is scaled by the market's own
volatility, so that markets, prices and years can be learnt together; the last one is that volatility, which turns a
forecast back into a return. One source serves live (plain Python on lists) and history (the same functions compiled,
on arrays), with the same bits.

What is remembered between candles, and why it does not depend on where a series began, is `feature_memory`'s. Windows
are summed anew at each candle. The file knows nothing of scaling, labels or networks.
"""

from math import cos, log, log1p, sin, sqrt, tau
from typing import Final

from bot.core.indicators import position_between, rsi_from_averages, true_range, volatility
from bot.core.window import FeatureSet
from strategies.forecasting.definition import version_of
from strategies.forecasting.feature_memory import (
    CLOSES,
    FAST_CLOSE,
    FAST_TURNOVER,
    FAST_VARIANCE,
    GAIN,
    HIGHS,
    LANE_A,
    LANE_B,
    LOSS,
    LOWS,
    RESTART,
    SIGNAL,
    SLOW_CLOSE,
    SLOW_SPAN,
    STATE_SIZE,
    TREND,
    TURNOVER,
    TURNOVER_VARIANCE,
    VARIANCE,
    Numbers,
    bounded,
    move_lane,
    move_rings,
    take_turns,
)

SPANS: Final = (1, 3, 6, 12, 24, 72)
"""The spans of the log returns, in bars."""
ROOTS: Final = tuple(sqrt(span) for span in SPANS)

NAMES: Final = (
    *(f"return_{span}" for span in SPANS),
    "body",
    "upper_wick",
    "lower_wick",
    "true_range",
    "volatility_ratio",
    "turnover_z",
    "turnover_trend",
    "rsi",
    "macd",
    "macd_histogram",
    "trend_distance",
    "mean_distance",
    "bollinger",
    "donchian",
    "hour_sin",
    "hour_cos",
    "weekday_sin",
    "weekday_cos",
    "log_sigma",
)

CHANNEL: Final = 20
"""Bars of the Bollinger and Donchian channels."""

BOUND: Final = 10.0
"""No feature but `log_sigma` is larger: ten standard deviations say all that fifty would."""
SMALLEST: Final = 1e-6
"""The smallest volatility divided by, a hundredth of a basis point: what is left of a market that stands still."""
LARGEST_TURNOVER: Final = 1e300

DAY_MS: Final = 86_400_000
WEEK_MS: Final = 7 * DAY_MS


def write_returns(state: Numbers, newest: int, sigma: float, row: Numbers) -> None:
    """Write columns 0 to 5: log returns, each in standard deviations of a random walk over the same span."""
    last = CLOSES + newest
    log_close = state[last]
    for column in range(6):
        change = log_close - state[last - SPANS[column]]
        row[column] = bounded(change / (sigma * ROOTS[column]), BOUND)


def write_candle(
    log_open: float,
    log_high: float,
    log_low: float,
    log_close: float,
    previous_close: float,
    sigma: float,
    row: Numbers,
) -> None:
    """Write columns 6 to 9: the shape of the candle; `previous_close` is a logarithm too."""
    row[6] = bounded((log_close - log_open) / sigma, BOUND)
    row[7] = bounded((log_high - max(log_open, log_close)) / sigma, BOUND)
    row[8] = bounded((min(log_open, log_close) - log_low) / sigma, BOUND)
    row[9] = bounded(true_range(log_high, log_low, previous_close) / sigma, BOUND)


def write_lane(state: Numbers, lane: int, log_close: float, log_turnover: float, sigma: float, row: Numbers) -> None:
    """Write columns 10 to 16: what the lane's means say of volatility, turnover, strength and momentum."""
    row[10] = bounded(log(volatility(state[lane + FAST_VARIANCE], SMALLEST) / sigma), BOUND)
    usual = state[lane + TURNOVER]
    spread = volatility(state[lane + TURNOVER_VARIANCE], SMALLEST)
    row[11] = bounded((log_turnover - usual) / spread, BOUND)
    row[12] = bounded((state[lane + FAST_TURNOVER] - usual) / spread, BOUND)
    row[13] = rsi_from_averages(state[lane + GAIN], state[lane + LOSS]) / 50.0 - 1.0
    macd = state[lane + FAST_CLOSE] - state[lane + SLOW_CLOSE]
    row[14] = bounded(macd / sigma, BOUND)
    row[15] = bounded((macd - state[lane + SIGNAL]) / sigma, BOUND)
    row[16] = bounded((log_close - state[lane + TREND]) / (sigma * sqrt(SLOW_SPAN)), BOUND)


def write_channels(state: Numbers, newest: int, sigma: float, row: Numbers) -> None:
    """Write columns 17 to 19: the close from the mean of the last 20, in their deviation, between their extremes."""
    first_close = CLOSES + newest - CHANNEL + 1
    total = 0.0
    for slot in range(first_close, first_close + CHANNEL):
        total += state[slot]
    mean = total / CHANNEL
    squares = 0.0
    for slot in range(first_close, first_close + CHANNEL):
        distance = state[slot] - mean
        squares += distance * distance
    first_high = HIGHS + newest - CHANNEL + 1
    # Compared, not max() and min(): forty calls would be a fifth of the plain step's time.
    highest = state[first_high]
    for slot in range(first_high + 1, first_high + CHANNEL):
        if state[slot] > highest:  # noqa: PLR1730
            highest = state[slot]
    first_low = LOWS + newest - CHANNEL + 1
    lowest = state[first_low]
    for slot in range(first_low + 1, first_low + CHANNEL):
        if state[slot] < lowest:  # noqa: PLR1730
            lowest = state[slot]

    log_close = state[CLOSES + newest]
    row[17] = bounded((log_close - mean) / (sigma * sqrt(CHANNEL)), BOUND)
    row[18] = bounded((log_close - mean) / (2.0 * volatility(squares / CHANNEL, SMALLEST)), BOUND)
    # A logarithm may be an ulp out of order, which in a channel two ulps wide would show.
    row[19] = bounded(position_between(log_close, lowest, highest), 1.0)


def write_calendar(open_time_ms: int, row: Numbers) -> None:
    """Write columns 20 to 23: when the candle opened, as angles of the UTC day and of the week from Monday."""
    day = (open_time_ms % DAY_MS) * (tau / DAY_MS)
    # The epoch was a Thursday.
    week = ((open_time_ms + 3 * DAY_MS) % WEEK_MS) * (tau / WEEK_MS)
    row[20] = sin(day)
    row[21] = cos(day)
    row[22] = sin(week)
    row[23] = cos(week)


def step(
    state: Numbers, open_: float, high: float, low: float, close: float, volume: float, open_time_ms: int, row: Numbers
) -> None:
    """
    Take one closed candle: change `state` and fill `row`, both in place.

    Everything is reckoned in natural logarithms, so that no price or volume that a candle can hold overflows; turnover
    is ln(1 + volume * close), in quote. The candle follows the last one without a gap; a bar filled flat is a candle
    like any other.

    Args:
        state: `STATE_SIZE` floats, zeros before the first candle.
        open_: Price at the open, as all prices in quote per base.
        high: Highest price.
        low: Lowest price.
        close: Price at the close.
        volume: Traded amount in base.
        open_time_ms: When the candle opened.
        row: The features, in the order of `NAMES`.
    """
    log_open = log(open_)
    log_high = log(high)
    log_low = log(low)
    log_close = log(close)
    log_turnover = log1p(min(volume * close, LARGEST_TURNOVER))

    mature = take_turns(state, open_time_ms, log_high, log_low, log_close, log_turnover)
    newest = move_rings(state, log_high, log_low, log_close)
    previous_close = state[CLOSES + newest - 1]
    change = log_close - previous_close
    move_lane(state, LANE_A, change, log_close, log_turnover)
    move_lane(state, LANE_B, change, log_close, log_turnover)

    sigma = volatility(state[mature + VARIANCE], SMALLEST)
    write_returns(state, newest, sigma, row)
    write_candle(log_open, log_high, log_low, log_close, previous_close, sigma, row)
    write_lane(state, mature, log_close, log_turnover, sigma, row)
    write_channels(state, newest, sigma, row)
    write_calendar(open_time_ms, row)
    row[24] = log(sigma)


def new_state() -> list[float]:
    """Give the state before the first candle."""
    return [0.0] * STATE_SIZE


def new_row() -> list[float]:
    """Give a row to be filled."""
    return [0.0] * len(NAMES)


SHIPPED: Final = FeatureSet(
    name="candles-25",
    version=version_of(step, NAMES),
    names=NAMES,
    warm_up=2 * RESTART,
    step=step,
    new_state=new_state,
    new_row=new_row,
)
"""The feature set of Candlewick. With a window of 60 it needs 700 bars: a venue that gives no more than 720 will do."""
