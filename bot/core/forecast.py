"""What a model says of the next candle."""

from enum import IntEnum

from msgspec import Struct


class Doubt(IntEnum):
    """How far a model is trusted: fully, with a warning, with half of the size, or not for entries."""

    NONE = 0
    WARN = 1
    CUT = 2
    STOP = 3


class Forecast(Struct, frozen=True, array_like=True, gc=False):
    """
    One model's view of one market's next candle, made when the last one closed.

    Returns are natural log returns from this close to the next. `lower` and `upper` bound the next return
    with the coverage that the bundle states. `break_even_bps` is the round-trip cost, in basis points, at
    which acting on the expected return alone gains nothing.
    """

    symbol: str
    p_up: float
    expected_return: float
    lower: float
    upper: float
    break_even_bps: float
