"""
Whether forecasts are surely better than what anybody can say for nothing: a coin, the reversal rule, always the same.

Paired tests over instants; knows no network, file or account.
"""

import numpy as np
from numpy.typing import NDArray

from strategies.forecasting.evaluation import AgainstNaive, Scored
from strategies.forecasting.paired_losses import COIN_BRIER, Losses, chance_of

Floats = NDArray[np.float64]


def against_naive(seed: int, scored: Scored, at_ms: NDArray[np.int64]) -> AgainstNaive:
    """
    Test one seed's forecasts beside the naive rules.

    Args:
        seed: Whose they are.
        scored: The forecasts and what followed, `(m,)`.
        at_ms: When each was made, `(m,)`: markets of one instant are one observation.
    """
    moved = scored.next_return != 0.0
    up = scored.next_return[moved] > 0.0

    def by_instant(losses: Floats) -> Floats:
        return Losses.of([(at_ms[moved], losses)]).values

    own = by_instant((scored.p_up[moved] - up) ** 2)
    rule = by_instant((scored.against_last[moved] - up) ** 2)
    misses = by_instant(((scored.p_up[moved] > 0.5) != up).astype(np.float64))
    rule_misses = by_instant(((scored.last_return[moved] < 0.0) != up).astype(np.float64))
    same_misses = by_instant((up != (up.mean() > 0.5)).astype(np.float64))
    return AgainstNaive(
        seed=seed,
        brier=float(own.mean()),
        sharpness=float(((scored.p_up[moved] - 0.5) ** 2).mean()),
        coin=chance_of(own, np.full(len(own), COIN_BRIER)),
        reversal=chance_of(own, rule),
        reversal_hits=chance_of(misses, rule_misses),
        same_hits=chance_of(misses, same_misses),
    )
