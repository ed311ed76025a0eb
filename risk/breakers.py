"""
Circuit breakers: what the equity at each mark does to the right to trade.

Two of them, each on marked equity and each with one meaning:

- daily loss: the equity is `daily_loss_frac` or more below the first mark of the UTC day. Only what cuts exposure
  is traded until the next UTC day.
- drawdown: the equity is `drawdown_frac` or more below its highest mark. Everything is sold and trading is halted
  until a person resumes it.

Knows no clock: the time is that of the mark. What a trip does is the engine's business.
"""

from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct

from bot.core.market import DAY_MS
from risk.limits import RiskLimits


class TradingState(StrEnum):
    """
    What may be traded.

    HALTED: nothing but protection (stops, breakers, the operator). REDUCING: only what cuts exposure.
    ACTIVE: everything.
    """

    HALTED = "halted"
    REDUCING = "reducing"
    ACTIVE = "active"


@dataclass(slots=True)
class BreakerState:
    """
    What the breakers remember; part of every snapshot, so that a restart forgets nothing.

    `day` is the number of the UTC day since 1970, -1 before the first mark. Equities are in quote currency.
    """

    day: int = -1
    day_start_equity: float = 0.0
    peak_equity: float = 0.0
    daily_tripped: bool = False
    drawdown_tripped: bool = False


class Trip(Struct, frozen=True):
    """A breaker that has just tripped: `daily_loss` or `drawdown`, and why, in a sentence with figures."""

    breaker: str
    reason: str


def observe(
    state: BreakerState, limits: RiskLimits, at_ms: int, equity: float, *, sets_peak: bool = True
) -> Trip | None:
    """
    Take one mark into account. Each breaker trips once; a new UTC day lifts the daily one, `rearm` the other.

    Where one mark trips both, the drawdown is returned, and the daily one is tripped with it.

    Args:
        state: Changed in place.
        limits: The two fractions.
        at_ms: Time of the mark, UTC milliseconds; marks come in order.
        equity: Marked equity in quote currency. An equity that is not a number trips.
        sets_peak: Whether it may become the highest equity that a fall is measured from. A price between two closes may
            be a single trade in a thin market: it can trip a breaker, and sets no mark.

    Returns:
        The trip, or None when nothing happened.
    """
    day = at_ms // DAY_MS
    if day > state.day:
        state.day = day
        state.day_start_equity = equity
        state.daily_tripped = False
    # "Not above" instead of "at or below": a mark that is not a number must stop trading, not pass.
    daily = not state.daily_tripped and not equity > state.day_start_equity * (1.0 - limits.daily_loss_frac)
    if daily:
        state.daily_tripped = True
    if equity > state.peak_equity:
        if sets_peak:
            state.peak_equity = equity
    elif not state.drawdown_tripped and not equity > state.peak_equity * (1.0 - limits.drawdown_frac):
        state.drawdown_tripped = True
        return Trip("drawdown", _drawdown_sentence(state, limits, equity))
    return Trip("daily_loss", _daily_sentence(state, limits, equity)) if daily else None


def rearm(state: BreakerState, equity: float) -> None:
    """Lift the drawdown breaker on a person's word; the highest equity is counted from `equity` on."""
    state.drawdown_tripped = False
    state.peak_equity = equity


def _daily_sentence(state: BreakerState, limits: RiskLimits, equity: float) -> str:
    return (
        f"equity {equity:.2f} is {limits.daily_loss_frac:.2%} or more below the {state.day_start_equity:.2f} at the "
        f"start of the UTC day: only what cuts exposure is traded until the next UTC day"
    )


def _drawdown_sentence(state: BreakerState, limits: RiskLimits, equity: float) -> str:
    sentence = (
        f"equity {equity:.2f} is {limits.drawdown_frac:.2%} or more below its highest mark of {state.peak_equity:.2f}: "
        f"everything is sold and trading is halted until it is resumed by hand"
    )
    return f"{sentence}; the daily loss limit is reached as well" if state.daily_tripped else sentence
