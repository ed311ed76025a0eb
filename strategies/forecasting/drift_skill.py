"""
Whether forecasts are still as good as they were: intervals, probabilities and directions of one market, lately.

Knows nothing of features, nor of what is done about a loss of skill.
"""

from math import sqrt
from typing import Final

from msgspec import Struct

from bot.core.forecast import Forecast
from strategies.forecasting.drift_levels import Finding
from strategies.forecasting.drift_reference import Band
from strategies.forecasting.drift_streams import RollingSums, binomial_errors, normal_errors

MISS_WINDOW: Final = 300
"""Candles over which intervals are judged: enough for ±3.4 points, and soon enough."""

_SCORE, _EXCESS, _VARIANCE, _HIT = range(4)


class Skill(Struct, frozen=True):
    """
    Running figures with one standard error each; None before there is anything to count.

    `moves` counts the outcomes that were not zero, over which hits and Brier score are taken. `brier_promised` is the
    score that the probabilities themselves promise.
    """

    moves: int
    hit_rate: float | None
    hit_rate_error: float | None
    brier: float | None
    brier_promised: float | None
    brier_error: float | None
    coverage: float | None
    coverage_error: float | None


class SkillWatch:
    """
    Counts over rolling windows.

    Args:
        band: How bad the model was at its worst on unseen candles.
        window: Moves over which hits and scores are taken.
    """

    def __init__(self, band: Band, window: int) -> None:
        self._band = band
        self._misses = RollingSums(MISS_WINDOW, 1)
        self._moves = RollingSums(window, 4)

    def add(self, forecast: Forecast, outcome: float) -> None:
        """Take a forecast and the log return that followed it."""
        self._misses.add(0.0 if forecast.lower <= outcome <= forecast.upper else 1.0)
        if outcome == 0.0:
            return
        p, up = forecast.p_up, 1.0 if outcome > 0.0 else 0.0
        score = (p - up) ** 2
        # Spiegelhalter (1986), "Probabilistic Prediction in Patient Management", Statistics in Medicine 5: what a
        # probability promises of its own score, and how far one outcome may lie from that.
        promised, variance = p * (1.0 - p), p * (1.0 - p) * (1.0 - 2.0 * p) ** 2
        hit = 0.5 if p == 0.5 else float((p > 0.5) == (up == 1.0))
        self._moves.add(score, score - promised, variance, hit)

    def findings(self) -> list[Finding]:
        """The answers of the windows that are full."""
        found = []
        if self._misses.full:
            missed = self._misses.sums[0] / MISS_WINDOW
            errors = binomial_errors(max(missed, 0.0), self._band.miss_rate, MISS_WINDOW)
            found.append(Finding(errors, self._say_coverage))
        if self._moves.full:
            sums, count = self._moves.sums, self._moves.count
            found.append(Finding(normal_errors(sums[_EXCESS], sums[_VARIANCE]), self._say_brier))
            hits = min(max(sums[_HIT] / count, 0.0), 1.0)
            found.append(Finding(-binomial_errors(hits, self._band.hit_rate, count), self._say_hits))
        return found

    def figures(self) -> Skill:
        """The running figures."""
        count, told = self._moves.count, self._misses.count
        held = 1.0 - self._misses.sums[0] / told if told else None
        if not count:
            return Skill(0, None, None, None, None, None, held, _error(held, told))
        score, excess, variance, hits = (total / count for total in self._moves.sums)
        return Skill(
            moves=count,
            hit_rate=hits,
            hit_rate_error=_error(hits, count),
            brier=score,
            brier_promised=score - excess,
            brier_error=sqrt(max(variance, 0.0) / count),
            coverage=held,
            coverage_error=_error(held, told),
        )

    def _say_coverage(self) -> str:
        skill = self.figures()
        return (
            f"intervals held {skill.coverage:.1%} of the last {MISS_WINDOW:,} returns (standard error "
            f"{skill.coverage_error:.1%}); at their worst on unseen candles they held {1.0 - self._band.miss_rate:.1%}"
        )

    def _say_brier(self) -> str:
        skill = self.figures()
        return (
            f"the Brier score of the last {skill.moves:,} moves is {skill.brier:.4f} (standard error "
            f"{skill.brier_error:.4f}), the probabilities promise {skill.brier_promised:.4f}"
        )

    def _say_hits(self) -> str:
        skill = self.figures()
        return (
            f"the direction was right in {skill.hit_rate:.1%} of the last {skill.moves:,} moves (standard error "
            f"{skill.hit_rate_error:.1%}); at its worst on unseen candles it was in {self._band.hit_rate:.1%}"
        )


def _error(share: float | None, count: int) -> float | None:
    """One standard error of a share."""
    return None if share is None else sqrt(max(share * (1.0 - share), 0.0) / count)
