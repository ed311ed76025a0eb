"""
Too good to be true: the test that fails a run whose forecasts know the future.

Direction of the next candle is right 52-55 % of the time at best on real markets. A hit rate that is surely above
58 %, and surely five points above always saying "up", has another cause than skill.
"""

from typing import Final

import numpy as np
from msgspec import Struct

from bot.reporting.columns import Floats, Times
from bot.reporting.scoring import Scored

MIN_MOVES: Final = 1_000
MAX_HIT_RATE: Final = 0.58
MAX_LEAD_OVER_ALWAYS_UP: Final = 0.05
_CONFIDENCE: Final = 0.99
_RESAMPLES: Final = 2_000
_SEED: Final = 20_240_805


class LeakCheck(Struct, frozen=True):
    """
    What the test saw. `hit_rate_bound` is the lower 99 % bound of the hit rate.

    All but `moves` are None where there were fewer than 1,000 moves to judge by.
    """

    moves: int
    hit_rate: float | None = None
    hit_rate_bound: float | None = None
    always_up: float | None = None

    @property
    def suspected(self) -> bool:
        """Whether the forecasts are too good to be true."""
        return (
            self.hit_rate_bound is not None
            and self.always_up is not None
            and self.hit_rate_bound > MAX_HIT_RATE
            and self.hit_rate_bound > self.always_up + MAX_LEAD_OVER_ALWAYS_UP
        )


def check_for_leak(scored: Scored) -> LeakCheck:
    """
    Judge the forecasts of what the model was not trained on, nor on anything of the same time.

    Only for real markets: an invented one may be as foreseeable as it was made.
    """
    sided = scored.where(~scored.in_span).with_direction
    if len(sided) < MIN_MOVES:
        return LeakCheck(len(sided))
    hits = sided.hits.astype(np.float64)
    return LeakCheck(
        moves=len(sided),
        hit_rate=float(np.mean(hits)),
        hit_rate_bound=lower_bound(sided.close_ms, hits),
        always_up=float(np.mean(sided.realised > 0.0)),
    )


def lower_bound(close_ms: Times, hits: Floats) -> float:
    """
    Lower 99 % bound of a hit rate, by a circular block bootstrap over instants.

    Politis and Romano (1992), "A circular block-resampling procedure for stationary data". The markets of one instant
    move together and stay together; blocks of the cube root of the number of instants keep neighbours together. The
    seed is fixed: one run, one answer.

    Args:
        close_ms: `(n,)`, not falling.
        hits: `(n,)` of 0 and 1.
    """
    _, first = np.unique(close_ms, return_index=True)
    hits_at = np.add.reduceat(hits, first)
    count_at = np.diff(np.append(first, len(hits))).astype(np.float64)
    instants = len(first)
    length = max(1, round(instants ** (1 / 3)))
    block_hits, block_counts = _circular_sums(hits_at, length), _circular_sums(count_at, length)
    blocks = -(-instants // length)
    random = np.random.default_rng(_SEED)
    rates = np.empty(_RESAMPLES)
    for resample in range(_RESAMPLES):
        starts = random.integers(0, instants, blocks)
        rates[resample] = block_hits[starts].sum() / block_counts[starts].sum()
    return float(np.quantile(rates, 1.0 - _CONFIDENCE))


def _circular_sums(values: Floats, length: int) -> Floats:
    """Sum of `length` values from each place on, around the end."""
    running = np.concatenate([[0.0], np.cumsum(np.concatenate([values, values[: length - 1]]))])
    sums: Floats = running[length:] - running[:-length]
    return sums
