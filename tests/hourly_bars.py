"""
Candles of one hour for tests of the decision core.

Time is counted in bars: bar `n` opens `n` hours after `T0`, midnight UTC.
"""

from collections.abc import Iterator

import numpy as np

from bot.core.events import CandleClosed
from bot.core.market import DAY_MS, Candle

HOUR = 3_600_000
T0 = 19_700 * DAY_MS
BTC, ETH, SOL = "BTC/USDT", "ETH/USDT", "SOL/USDT"
AMPLE = 1e15
"""A volume that no order of these tests can use up."""


def opens(bar: int) -> int:
    """When a bar opens."""
    return T0 + bar * HOUR


def closes(bar: int) -> int:
    """When a bar closes."""
    return opens(bar + 1)


def bar(number: int, *prices: float, volume: float = AMPLE, filled: bool = False) -> Candle:
    """A candle of open, high, low and close, or a flat one at a single price."""
    opened, high, low, close = prices * 4 if len(prices) == 1 else prices
    return Candle(opens(number), opened, high, low, close, volume, filled)


def closed(candle: Candle, symbol: str = BTC) -> CandleClosed:
    """A candle as the event that tells of it."""
    return CandleClosed(candle.open_time_ms + HOUR, symbol, candle)


def random_walk(seed: int, bars: int, *, start: float = 100.0, swing: float = 0.03) -> Iterator[Candle]:
    """Candles that a market may have had, a function of `seed`."""
    rng = np.random.default_rng(seed)
    price = start
    for number in range(bars):
        opened = round(price * (1.0 + swing * 0.2 * rng.standard_normal()), 2)
        close = round(opened * (1.0 + swing * float(rng.standard_normal())), 2)
        close = max(close, 1.0)
        high = round(max(opened, close) * (1.0 + swing * abs(rng.standard_normal()) / 2), 2)
        low = round(min(opened, close) * (1.0 - swing * abs(rng.standard_normal()) / 2), 2)
        yield bar(number, opened, max(high, opened, close), max(min(low, opened, close), 0.01), close, volume=50.0)
        price = close
