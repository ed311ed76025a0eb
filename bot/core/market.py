"""
What is traded and what is seen of it: timeframes, instruments, candles.

Knows nothing of orders, time of day or venues' wire formats.
"""

from decimal import Decimal
from enum import Enum
from functools import lru_cache
from math import inf
from typing import Final

from msgspec import Struct

from bot.core.errors import DataError

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
YEAR_MS: Final = 365 * DAY_MS
"""A year of markets that never close; figures per year use it."""


class Timeframe(Enum):
    """The length of a candle. `ms` is its length in milliseconds."""

    M1 = "1m"
    M3 = "3m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H2 = "2h"
    H4 = "4h"
    H6 = "6h"
    H8 = "8h"
    H12 = "12h"
    D1 = "1d"

    ms: int

    def __init__(self, label: str) -> None:
        self.ms = int(label[:-1]) * {"m": MINUTE_MS, "h": 60 * MINUTE_MS, "d": DAY_MS}[label[-1]]

    @property
    def per_year(self) -> float:
        """Candles in a 365-day year."""
        return YEAR_MS / self.ms

    @property
    def gap_limit(self) -> int:
        """How many missing bars in a row may be filled flat; a longer gap splits the series."""
        return 60 if self is Timeframe.M1 else 3


class ImpossibleCandle(DataError):
    """Prices or volumes that no market can have had."""


class Candle(Struct, frozen=True, array_like=True, gc=False):
    """
    One closed bar. Prices in quote currency per unit of base, volume in base.

    Checked on construction, also when it is read back from a journal. `filled` marks a flat bar that stands
    in for one that never was: it moves windows on, is never a label and never allows an entry.

    Raises:
        ImpossibleCandle: A price is not finite or not above zero, low and high do not enclose open and
            close, or the volume is negative or not finite.
    """

    open_time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    filled: bool = False

    def __post_init__(self) -> None:
        # Written so that a NaN anywhere fails: every comparison with it is false.
        if not (
            0.0 < self.low <= self.open <= self.high < inf
            and self.low <= self.close <= self.high
            and 0.0 <= self.volume < inf
            and self.open_time_ms >= 0
        ):
            raise ImpossibleCandle(
                f"impossible candle at {self.open_time_ms}: open {self.open}, high {self.high}, "
                f"low {self.low}, close {self.close}, volume {self.volume}"
            )


class Costs(Struct, frozen=True):
    """
    What trading costs, in basis points of the traded amount, each at least 0.

    The half spread and the slippage are paid by every order that takes liquidity, on top of the taker fee.
    """

    maker_fee_bps: Decimal = Decimal(10)
    taker_fee_bps: Decimal = Decimal(10)
    half_spread_bps: Decimal = Decimal(1)
    slippage_bps: Decimal = Decimal(1)

    @property
    def round_trip_bps(self) -> float:
        """Cost of buying and selling again at the market."""
        return 2.0 * float(self.taker_fee_bps + self.half_spread_bps + self.slippage_bps)


class Instrument(Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True):
    """
    What is traded: the rules of its place of execution, its costs, and where its signals come from.

    `max_quantity` is the most that one order at the market may have; where it is None nobody has named one, and it is
    neither written nor part of a run's name. `quantize_*` is the one crossing between float64 estimates and the exact
    `Decimal` of orders.
    """

    symbol: str
    tick_size: Decimal
    lot_step: Decimal
    min_quantity: Decimal
    min_notional: Decimal
    costs: Costs
    signal_venue: str
    execution_venue: str
    max_quantity: Decimal | None = None

    @property
    def base(self) -> str:
        """The asset that is bought and sold."""
        return _assets(self.symbol)[0]

    @property
    def quote(self) -> str:
        """The asset that pays."""
        return _assets(self.symbol)[1]

    def quantize_quantity(self, quantity: float | Decimal) -> Decimal:
        """Largest tradable quantity that is not above `quantity`, which is 0 or more."""
        return _exact(quantity) // self.lot_step * self.lot_step

    def quantize_price(self, price: float | Decimal, *, up: bool) -> Decimal:
        """Nearest price on the tick grid that is not below (`up`) or not above `price`, which is 0 or more."""
        exact = _exact(price)
        below = exact // self.tick_size * self.tick_size
        return below + self.tick_size if up and below < exact else below


@lru_cache(maxsize=1024)
def _assets(symbol: str) -> tuple[str, str]:
    base, _, quote = symbol.partition("/")
    return base, quote


def _exact(value: float | Decimal) -> Decimal:
    # The shortest decimal that reads back as the float: 0.1 is meant as 0.1, not as its binary neighbour.
    return value if type(value) is Decimal else Decimal(repr(float(value)))
