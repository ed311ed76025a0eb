"""
Parts of what is judged that differ in kind: calm and stormy candles, the crashes that everybody remembers, markets.

A mean over years hides that skill lives in some candles and losses in others. Parts are for reporting only: where the
lines between them lie is known afterwards. Pure arrays.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from bot.core.market import DAY_MS
from strategies.forecasting.evaluation import Scored

Floats = NDArray[np.float64]

TERCILES: Final = ("calm", "usual", "stormy")


class Crash(Struct, frozen=True):
    """A window of days that had a name, `[from_ms, until_ms)`."""

    name: str
    from_ms: int
    until_ms: int


class Regime(Struct, frozen=True, eq=False):
    """A named part of n forecasts; `chosen` is `(n,)`."""

    name: str
    chosen: NDArray[np.bool_]


def _days(name: str, first: str, last: str) -> Crash:
    """Give the window from the first day to the last one, both UTC and both whole."""
    from_ms, last_ms = (int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1e3) for day in (first, last))
    return Crash(name, from_ms, last_ms + DAY_MS)


CRASHES: Final = (
    _days("March 2020, the pandemic", "2020-03-12", "2020-03-13"),
    _days("May 2021, miners leave China", "2021-05-19", "2021-05-19"),
    _days("December 2021, leverage unwinds", "2021-12-04", "2021-12-04"),
    _days("May 2022, Terra", "2022-05-09", "2022-05-12"),
    _days("June 2022, Celsius", "2022-06-13", "2022-06-18"),
    _days("November 2022, FTX", "2022-11-08", "2022-11-10"),
    _days("March 2023, USDC", "2023-03-10", "2023-03-13"),
    _days("August 2024, the yen carry trade", "2024-08-05", "2024-08-05"),
    _days("October 2025, liquidations", "2025-10-10", "2025-10-10"),
)


def volatility_terciles(sigma: Floats) -> tuple[Regime, ...]:
    """
    Cut forecasts into thirds by the volatility that was known when they were made, lowest first.

    Equal volatilities stay together, so thirds may differ in size, and one may be empty.

    Args:
        sigma: `(n,)` volatility of one candle's log return.
    """
    lower, upper = np.quantile(sigma, (1.0 / 3.0, 2.0 / 3.0))
    thirds = (sigma <= lower, (sigma > lower) & (sigma <= upper), sigma > upper)
    return tuple(Regime(name, chosen) for name, chosen in zip(TERCILES, thirds, strict=True))


def crash_windows(close_time_ms: NDArray[np.int64], crashes: tuple[Crash, ...] = CRASHES) -> tuple[Regime, ...]:
    """
    Give the crashes that any forecast fell into.

    A forecast made at one close speaks of the candle that opens then, so it belongs to a window that holds that time.

    Args:
        close_time_ms: `(n,)` when each forecast was made.
        crashes: The windows to look for.
    """
    found = (
        Regime(crash.name, (close_time_ms >= crash.from_ms) & (close_time_ms < crash.until_ms)) for crash in crashes
    )
    return tuple(regime for regime in found if regime.chosen.any())


def of_markets(market: NDArray[np.int64], symbols: Sequence[str]) -> tuple[Regime, ...]:
    """
    Give each market its forecasts, where several are judged together.

    Args:
        market: `(n,)` the number of each forecast's market.
        symbols: Their names, by number.
    """
    found = np.unique(market).tolist()
    return tuple(Regime(symbols[number], market == number) for number in found) if len(found) > 1 else ()


def within(scored: Scored, regime: Regime) -> Scored:
    """The forecasts of one part, in their order."""
    return replace(scored, **{name: getattr(scored, name)[regime.chosen] for name in Scored.__struct_fields__})
