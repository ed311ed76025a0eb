"""
What one connection to a venue may be asked for: how many markets, of which length, in how many requests.

Knows no venue: the parsers bring their own figures.
"""

from collections.abc import Collection, Mapping, Sequence

from bot.core.errors import ConfigError
from bot.core.market import Timeframe


def interval_name(venue: str, intervals: Mapping[Timeframe, str], timeframe: Timeframe) -> str:
    """
    The venue's name of a timeframe.

    Raises:
        ConfigError: The venue does not stream candles of that length.
    """
    name = intervals.get(timeframe)
    if name is None:
        known = ", ".join(one.value for one in intervals)
        raise ConfigError(f"{venue} streams no {timeframe.value} candles: choose one of {known}")
    return name


def check_market_count(venue: str, markets: Collection[str], most: int) -> None:
    """
    See that one connection can carry the markets.

    Raises:
        ConfigError: There are none, or too many.
    """
    if not 0 < len(markets) <= most:
        raise ConfigError(f"one connection to {venue} carries 1 to {most} markets, got {len(markets)}")


def batches(names: Sequence[str], size: int) -> list[Sequence[str]]:
    """The names in their order, at most `size` together."""
    return [names[start : start + size] for start in range(0, len(names), size)]
