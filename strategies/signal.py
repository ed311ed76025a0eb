"""
From a forecast to a wanted exposure: a cost threshold to get in, hysteresis to stay in.

Pure. Knows nothing of equity, orders or other markets; sizing makes a fraction of equity out of the level.
"""

from math import inf
from typing import Final

from msgspec import Struct

from bot.core.errors import ConfigError
from bot.core.forecast import Forecast
from strategies.strategy import MarketView, Signal

BPS_PER_UNIT: Final = 10_000.0

RISE_CLEARS_COST: Final = "the expected rise clears its cost"
FALL_CLEARS_COST: Final = "the expected fall clears its cost: nothing is worth holding here"
MOVE_BELOW_COST: Final = "the expected move does not clear its cost"
KEPT: Final = "held, and nothing speaks for selling"
NO_LONGER_EXPECTED: Final = "the expected move no longer carries the holding"


class SignalRule(Struct, frozen=True):
    """
    When an expected move is worth acting on. Both figures are multiples of the round-trip cost, at least 0.

    Attributes:
        cost_multiple: How many round trips an expected move must pay for before it is acted on.
        hysteresis_frac: How many round trips the expected move may be below 0 before a holding is given up.

    Raises:
        ConfigError: A figure is negative, infinite or not a number.
    """

    cost_multiple: float
    hysteresis_frac: float

    def __post_init__(self) -> None:
        for name in ("cost_multiple", "hysteresis_frac"):
            value = getattr(self, name)
            if not 0.0 <= value < inf:
                raise ConfigError(f"{name} is {value}, but must be a finite number of at least 0")


def decide(rule: SignalRule, view: MarketView, forecast: Forecast) -> Signal:
    """
    Decide the exposure wanted until the next close.

    - Nothing held: 1 when the expected move is above `cost_multiple` round trips.
    - Held: 1 until the expected move falls below minus `hysteresis_frac` round trips. What is held has paid for its
      way in, so staying needs less than entering.
    - Otherwise -1 when the expected move is below minus `cost_multiple` round trips, else 0. The level below 0 is
      the honest wish; an account that cannot be short is sized to nothing by it.

    A forecast that is not a number neither enters nor holds.

    Args:
        rule: The two multiples.
        view: The market at the close; `held` must be 0 where the rest of a holding is too small to be sold.
        forecast: The model's view of the next candle; its log return is read as the relative move.

    Returns:
        A level of -1, 0 or 1 with a constant reason, the expected move, and the move beyond which the rule would
        have acted (entered, or given up the holding), both in basis points.
    """
    expected = forecast.expected_return * BPS_PER_UNIT
    needed = rule.cost_multiple * view.round_trip_bps
    if view.held > 0.0:
        floor = -rule.hysteresis_frac * view.round_trip_bps
        if expected >= floor:
            return Signal(1.0, KEPT, expected, floor)
        return Signal(-1.0 if expected < -needed else 0.0, NO_LONGER_EXPECTED, expected, floor)
    if expected > needed:
        return Signal(1.0, RISE_CLEARS_COST, expected, needed)
    if expected < -needed:
        return Signal(-1.0, FALL_CLEARS_COST, expected, -needed)
    return Signal(0.0, MOVE_BELOW_COST, expected, needed)
