"""What a model says of the next candle."""

from msgspec import Struct


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
