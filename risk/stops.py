"""
Where the protective stop of a long holding belongs.

Knows nothing of orders, ticks or time: the caller rounds the price to the instrument's grid.
"""

from decimal import Decimal
from math import nextafter

from risk.limits import RiskLimits, StopKind


def stop_price(limits: RiskLimits, entry: float, atr: float) -> float:
    """
    Place the stop of a long that was entered at `entry`.

    A stop by ATR stands `atr_multiple` average true ranges below the entry, and never lower than the fixed
    distance. So a range wider than the price cannot put it at or below 0, and a range that cannot be told (not a
    number, or not above 0) gives the fixed distance.

    Args:
        limits: Kind and distances.
        entry: Price of entry, above 0.
        atr: Average true range in units of price; not read by a fixed stop.

    Returns:
        A price above 0 and below `entry`.
    """
    stop = entry * (1.0 - limits.stop_distance_frac)
    if limits.stop is StopKind.ATR and atr > 0.0:
        stop = max(stop, entry - limits.atr_multiple * atr)
    # A distance below the float's resolution would leave the stop on the entry itself.
    return min(stop, nextafter(entry, 0.0))


def tighter(old: Decimal | None, new: Decimal) -> Decimal:
    """Return the stop that protects a long more: the higher one. `old` is None where there was no stop."""
    return new if old is None else max(old, new)
