"""
What the account may risk: one frozen set of limits, checked once, read by every other file of the risk desk.

Knows nothing of where the figures come from.
"""

from enum import StrEnum
from math import inf

from msgspec import Struct

from bot.core.errors import ConfigError


class SizingMethod(StrEnum):
    """How a signal becomes a fraction of equity."""

    FIXED_FRACTION = "fixed_fraction"
    VOLATILITY_TARGET = "volatility_target"


class StopKind(StrEnum):
    """What the distance of a protective stop is measured in."""

    FIXED = "fixed"
    ATR = "atr"


class RiskLimits(Struct, frozen=True):
    """
    Sizing, stops, breakers and caps for one account. Fractions are of equity unless said otherwise.

    Attributes:
        sizing: How a signal becomes an exposure.
        fraction: Exposure for a signal of 1, in (0, 1]; for a volatility target, the exposure at which the market's
            volatility equals the target.
        target_volatility: Standard deviation of log returns per year that one market is sized for, above 0.
        max_position_frac: Most that one market may hold, in (0, 1] and not above `max_exposure_frac`.
        max_exposure_frac: Most that all markets together may hold, in (0, 1]: cash is never borrowed.
        rebalance_band_frac: How far the holding may be from what is wanted before it is resized, as a fraction of
            what is wanted, at least 0.
        stop: What the stop's distance is measured in.
        stop_distance_frac: Distance of a fixed stop below the entry, as a fraction of the entry price, in (0, 1);
            also the widest that a stop by ATR may be.
        atr_multiple: Distance of a stop by ATR, in average true ranges, above 0.
        cooldown_candles: Candles without an entry after a market was stopped out, at least 0.
        daily_loss_frac: Loss since the start of the UTC day that ends entries for that day, in (0, 1].
        drawdown_frac: Fall from the highest equity that flattens and halts, in (0, 1].
        price_collar_frac: How far from the market the price of an entry may be, as a fraction of the market's
            price, in (0, 1).
        max_orders_per_day: Orders a UTC day after which no entry is made, at least 1.

    Raises:
        ConfigError: A figure is outside its range; the sentence names it.
    """

    sizing: SizingMethod
    fraction: float
    target_volatility: float
    max_position_frac: float
    max_exposure_frac: float
    rebalance_band_frac: float
    stop: StopKind
    stop_distance_frac: float
    atr_multiple: float
    cooldown_candles: int
    daily_loss_frac: float
    drawdown_frac: float
    price_collar_frac: float
    max_orders_per_day: int

    def __post_init__(self) -> None:
        # Compared by identity elsewhere, so that a plain string would silently be the other choice.
        _require(isinstance(self.sizing, SizingMethod), self, "sizing", f"one of {', '.join(SizingMethod)}")
        _require(isinstance(self.stop, StopKind), self, "stop", f"one of {', '.join(StopKind)}")
        # Ranges are written so that a NaN fails them: every comparison with it is false.
        for name in ("fraction", "max_position_frac", "max_exposure_frac", "daily_loss_frac", "drawdown_frac"):
            _require(0.0 < getattr(self, name) <= 1.0, self, name, "above 0 and at most 1")
        for name in ("stop_distance_frac", "price_collar_frac"):
            _require(0.0 < getattr(self, name) < 1.0, self, name, "above 0 and below 1")
        for name in ("target_volatility", "atr_multiple"):
            _require(0.0 < getattr(self, name) < inf, self, name, "a finite number above 0")
        _require(0.0 <= self.rebalance_band_frac < inf, self, "rebalance_band_frac", "a finite number of at least 0")
        _require(self.cooldown_candles >= 0, self, "cooldown_candles", "at least 0")
        _require(self.max_orders_per_day >= 1, self, "max_orders_per_day", "at least 1")
        if self.max_position_frac > self.max_exposure_frac:
            raise ConfigError(
                f"max_position_frac is {self.max_position_frac}, but one market cannot hold more than all markets "
                f"together: set it to at most max_exposure_frac, which is {self.max_exposure_frac}"
            )


def _require(holds: bool, limits: RiskLimits, name: str, expected: str) -> None:  # noqa: FBT001
    if not holds:
        raise ConfigError(f"{name} is {getattr(limits, name)}, but must be {expected}")
