"""
The market that was there before anyone came: quotes around a price, as deep as one says, and the prices lately paid.

The quotes are a function of the price, so that the same path of prices offers the same liquidity. Knows nothing of
orders and accounts.
"""

from collections import deque
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from msgspec import Struct

from bot.core.errors import ConfigError
from bot.core.market import MINUTE_MS
from bot.exchange.listing import Listing
from bot.exchange.orders import ZERO

_BPS: Final = Decimal(10_000)


class Depth(Struct, frozen=True):
    """
    How the street quotes: the first level `half_spread_bps` from the price, the others `step_bps` apart.

    `level_amount` is what each level offers, in quote. No levels at all is a market that nobody makes.
    """

    half_spread_bps: Decimal = Decimal(1)
    step_bps: Decimal = Decimal(1)
    levels: int = 20
    level_amount: Decimal = Decimal(25_000)

    def __post_init__(self) -> None:
        if min(self.half_spread_bps, self.step_bps, self.level_amount) <= 0 or self.levels < 0:
            raise ConfigError(
                "a depth needs a half spread, a step and an amount above 0 and 0 levels or more; got "
                f"{self.half_spread_bps}, {self.step_bps}, {self.level_amount} and {self.levels}"
            )


class Level(Struct, frozen=True):
    """A price and the quantity that is offered or wanted at it."""

    price: Decimal
    quantity: Decimal


class Tick(Struct, frozen=True):
    """
    A price that the market has come to, and the volume in base that traded on the way.

    The market comes to it through every price between, or by a `gap`, over all of them at once.
    """

    at_ms: int
    price: Decimal
    volume: Decimal = ZERO
    gap: bool = False


def bids(depth: Depth, listing: Listing, price: Decimal) -> list[Level]:
    """What the street would buy at a price of `price`, the best first; on the market's grids, never at 0."""
    levels: list[Level] = []
    for bps in _distances(depth):
        on_grid = _on_grid(price * (1 - bps / _BPS), listing.tick_size, ROUND_FLOOR)
        best = min(on_grid, (levels[-1].price if levels else price) - listing.tick_size)
        if best <= 0:
            break
        levels.append(Level(best, _lots(depth, listing, best)))
    return levels


def asks(depth: Depth, listing: Listing, price: Decimal) -> list[Level]:
    """What the street would sell at a price of `price`, the best first."""
    levels: list[Level] = []
    for bps in _distances(depth):
        on_grid = _on_grid(price * (1 + bps / _BPS), listing.tick_size, ROUND_CEILING)
        best = max(on_grid, (levels[-1].price if levels else price) + listing.tick_size)
        levels.append(Level(best, _lots(depth, listing, best)))
    return levels


class Prints:
    """The last price of a market, and its average over the last minutes."""

    def __init__(self, minutes: int) -> None:
        self.minutes = minutes
        self._span_ms = minutes * MINUTE_MS
        self._paid: deque[tuple[int, Decimal, Decimal]] = deque()
        self.last: Decimal | None = None

    def record(self, at_ms: int, price: Decimal, volume: Decimal) -> None:
        """A price at which `volume` changed hands; 0 where only the price is known."""
        self.last = price
        if volume > 0:
            self._paid.append((at_ms, price * volume, volume))

    def average(self, now_ms: int) -> Decimal | None:
        """The volume-weighted average, the last price where nothing traded, None before the first."""
        while self._paid and self._paid[0][0] <= now_ms - self._span_ms:
            self._paid.popleft()
        volume = sum((volume for _, _, volume in self._paid), ZERO)
        if volume == 0:
            return self.last
        return sum((amount for _, amount, _ in self._paid), ZERO) / volume


def _distances(depth: Depth) -> list[Decimal]:
    return [depth.half_spread_bps + depth.step_bps * number for number in range(depth.levels)]


def _lots(depth: Depth, listing: Listing, price: Decimal) -> Decimal:
    return max(_on_grid(depth.level_amount / price, listing.lot_step, ROUND_FLOOR), listing.lot_step)


def _on_grid(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    return (value / step).to_integral_value(rounding) * step
