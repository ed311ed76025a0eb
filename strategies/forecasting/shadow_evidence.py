"""
Whether a challenger is surely better than whoever it would replace: one rule, and the price of asking it often.

    no model in use         better than a coin and than the reversal rule
    a model in use          better than it
    one whose life ends     keeps at least half of what it saved beside a coin on unseen candles

Each is a one-sided test of Diebold and Mariano over instants. The last one is there because a model's end must not
depend on luck: twins differ little, so that a window which cannot tell either of them from a coin can still show that
the one keeps what the other one proved (Rothmann et al. 2003, "Design and analysis of non-inferiority mortality trials
in oncology", Statistics in Medicine 22: half of an effect must be kept). Pure; knows no file.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from strategies.forecasting.gates import Measured
from strategies.forecasting.paired_losses import COIN_BRIER, Losses, chance_of

Floats = NDArray[np.float64]

KEPT_SHARE: Final = 0.5
"""What a successor must keep of its predecessor's skill."""


class Rival(Struct, frozen=True, eq=False):
    """Whom a challenger must beat: a name, its losses at the challenger's instants, and by how much it may fail to."""

    name: str
    losses: Floats
    margin: float = 0.0


def surely_better(own: Losses, rivals: Sequence[Rival], attempt: int) -> Measured:
    """
    Test a challenger against every rival; the one it is least surely better than decides.

    Args:
        own: The challenger's losses.
        rivals: At least one, with losses at the same instants.
        attempt: Which attempt on these candles this is, from 1.

    Returns:
        The largest probability of so good losses by chance, times what this attempt costs.
    """
    price = attempt * (attempt + 1)
    chances = [(chance_of(own.values, rival.losses, rival.margin), rival) for rival in rivals]
    worst, least = max(chances, key=lambda one: one[0])
    beside = least.name if not least.margin else f"{least.name} and {least.margin:.5f}, half of its skill"
    told = f"below that of {beside}: by chance with probability {worst:.3f}; attempt {attempt} counts {price}-fold"
    return Measured(min(price * worst, 1.0), told)


def not_surely_worse(own: Losses, rival: Losses) -> Measured:
    """The probability of losses, in basis points, so much worse than a rival's by chance alone."""
    worse = chance_of(rival.values, own.values)
    return Measured(worse, f"{own.values.mean():.3f} bps, the champion's {rival.values.mean():.3f}")


def margin_of(metrics: Mapping[str, Any]) -> float:
    """
    What a successor may lose of a model's skill: half of what the worst seed saved on unseen candles, beside a coin.

    Args:
        metrics: What the model's bundle says of its walk-forward; without one, nothing was proven and nothing may go.
    """
    pooled = (metrics.get("walk_forward") or {}).get("pooled") or ()
    saved = min((COIN_BRIER - float(figures["brier"]) for figures in pooled), default=0.0)
    return max(0.0, (1.0 - KEPT_SHARE) * saved)


def reversal_rate_of(metrics: Mapping[str, Any]) -> float:
    """How often the market went against its last candle in a model's walk-forward; one half where it had none."""
    pooled = (metrics.get("walk_forward") or {}).get("pooled") or ()
    return float(pooled[0]["reversal_hit_rate"]) if pooled else 0.5
