"""
The way that the price takes inside a candle, and the candle as it stands on that way.

The price goes in straight lines from the open to one extreme, to the other one and to the close, a third of the time
each. Which extreme comes first is a coin, weighted so that the price that can be expected at the first turn lies on the
straight line from open to close. Where the reaches beyond the body are as long above as below, as in a bridge between
two prices, so does that at the second turn, and at every moment between. Who trades late inside a candle, by a forecast
right or wrong, thus pays on average the share of the move that has passed, and is given nothing by the order of the
extremes. An even coin would not do: after a third of the time it has half of the move behind it.

Knows nothing of markets and clocks.
"""

from hashlib import sha256
from typing import Final

from bot.core.market import Candle
from bot.exchange.listing import Listing

LEGS: Final = 3
"""Straight lines in a candle, each of them a third of its time."""

_FLOAT_BITS: Final = 53


def toss(*of: object) -> float:
    """Draw a number in [0, 1) that depends on these words, and on nothing else."""
    drawn = int.from_bytes(sha256(" ".join(map(str, of)).encode()).digest()[:8])
    return (drawn >> (64 - _FLOAT_BITS)) * 2.0**-_FLOAT_BITS


def turns(whole: Candle, tossed: float) -> tuple[float, float, float, float]:
    """
    The prices between which a candle goes in straight lines.

    Args:
        whole: The candle.
        tossed: Even in [0, 1), and drawn without a look at the candle.
    """
    expected = whole.open + (whole.close - whole.open) / LEGS
    if tossed * (whole.high - whole.low) < expected - whole.low:
        return whole.open, whole.high, whole.low, whole.close
    return whole.open, whole.low, whole.high, whole.close


def forming(whole: Candle, elapsed_frac: float, listing: Listing, tossed: float) -> Candle:
    """
    A candle after `elapsed_frac` of its time, in [0, 1).

    Args:
        whole: The candle as it ends.
        elapsed_frac: How much of its time has passed.
        listing: Whose decimals it is rounded to.
        tossed: Which way it takes; see `turns`.
    """
    way = turns(whole, tossed)
    leg, along = divmod(LEGS * elapsed_frac, 1.0)
    begin, end = way[int(leg)], way[int(leg) + 1]
    last = round(begin + (end - begin) * along, listing.price_decimals)
    seen = (*way[: int(leg) + 1], last)
    volume = round(whole.volume * elapsed_frac, listing.quantity_decimals)
    return Candle(whole.open_time_ms, whole.open, max(seen), min(seen), last, volume)
