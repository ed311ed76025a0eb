"""
What every venue's parser asks of a bar before it believes it.

Knows prices, times and markets, and no venue's wire format: the parsers take frames apart and bring the pieces here.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from bot.adapters.venues import ClosedCandle, FormingCandle, Refused
from bot.core.market import Candle, ImpossibleCandle, Timeframe

NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises, `msgspec.ValidationError` included, when bytes are not what was hoped for."""

LAST_TIME_MS: Final = 10**13 - 1
"""In the year 2286. What is later is a time in microseconds, or none."""

TimeMs = Annotated[int, Meta(ge=0, le=LAST_TIME_MS)]
"""A time in milliseconds, as a number."""

Numbers = tuple[float, float, float, float, float]
"""Open, high, low, close and volume in base currency."""

_LONGEST_QUOTE: Final = 200
_NUMBERS: Final = re.compile(r"[0-9.eE+-]+")
"""What numbers are written with; `float` alone would take `1_0`, blanks and the digits of every script."""


def quote(text: str) -> str:
    """As much of a venue's words as is repeated to a person."""
    return text[:_LONGEST_QUOTE]


def read_numbers(begin: str, high: str, low: str, end: str, volume: str) -> Numbers | None:
    """Read open, high, low, close and volume as venues write them; None where one of them is no number."""
    if not _NUMBERS.fullmatch(begin + high + low + end + volume):
        return None
    try:
        return float(begin), float(high), float(low), float(end), float(volume)
    except ValueError:
        return None


class BarReader:
    """
    What is believed of the bars of some markets in one timeframe.

    Args:
        markets: Our symbols by the venue's names.
        timeframe: Length of the bars, which open on multiples of it since 1970 UTC.
    """

    def __init__(self, markets: Mapping[str, str], timeframe: Timeframe) -> None:
        self._markets = dict(markets)
        self._step_ms = timeframe.ms

    def read(
        self, market: str, event_ms: int | None, open_ms: int, end_ms: int, numbers: Numbers | None, *, closed: bool
    ) -> ClosedCandle | FormingCandle | Refused:
        """
        Give out a bar as a candle, or say why it must not be believed.

        Args:
            market: The venue's name of the market.
            event_ms: When the venue said it, by its own clock; None where it does not tell.
            open_ms: First millisecond of the bar.
            end_ms: First millisecond after it.
            numbers: What it holds; None where that cannot be read.
            closed: Whether the venue calls it final.
        """
        symbol = self._markets.get(market)
        if symbol is None:
            return Refused("unknown symbol", f"a bar of {quote(market)!r}: nobody asked for it")
        doubt = self._doubt(event_ms, open_ms, end_ms, closed=closed)
        if doubt:
            return Refused(doubt, f"{symbol}: {doubt}: from {open_ms} to {end_ms}, said at {event_ms}")
        if numbers is None:
            return Refused("not a number", f"{symbol}: a price or the volume of the bar at {open_ms} is no number")
        try:
            candle = Candle(open_ms, *numbers)
        except ImpossibleCandle as error:
            return Refused("impossible candle", quote(f"{symbol}: {error}"))
        if closed:
            # It was said after its end: no earlier than that.
            return ClosedCandle(symbol, end_ms if event_ms is None else event_ms, candle)
        return FormingCandle(symbol, event_ms, candle)

    def _doubt(self, event_ms: int | None, open_ms: int, end_ms: int, *, closed: bool) -> str:
        """Why the times of a bar cannot be true; empty where they can."""
        if open_ms < 0 or max(open_ms, event_ms or 0) > LAST_TIME_MS:
            return "no time of this age"
        if open_ms % self._step_ms or open_ms + self._step_ms != end_ms:
            return "times off the interval's grid"
        if event_ms is not None and event_ms < (end_ms if closed else open_ms):
            return "said before it could be known"
        return ""
