"""
Watches one market's forecasts and what follows them, and says how far the model may still be believed.

Five questions, each in standard errors. Four over rolling windows: are features and forecasts spread as in training;
do intervals hold what they promise; do probabilities; is the direction right as often as on unseen candles. The fifth
never forgets: do directions come as foretold, or as a coin falls. The worst answer decides the level. Loss of skill
shows late (a model of 53.6 % that became a coin is cut after some 2,100 candles, one of 51.6 % after 10,000), broken
intervals and foreign features early.

Pure and deterministic, in constant time and memory a candle; knows no file, clock or engine.
"""

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.forecast import Doubt, Forecast
from strategies.forecasting.drift_levels import DriftLimits
from strategies.forecasting.drift_promise import PromiseWatch
from strategies.forecasting.drift_reference import WINDOW, Band, Habits
from strategies.forecasting.drift_skill import Skill, SkillWatch
from strategies.forecasting.drift_spread import SpreadWatch

FALSE_ALARMS: Final = {Doubt.WARN: 0.10, Doubt.CUT: 0.03, Doubt.STOP: 0.01}
"""
Stationary streams of 10,000 candles, as a share of all, in which a level is reached at most.

The stream is as the training part was; markets are not, which is what the levels are for.
"""

BELIEVED: Final = "forecasts and features are again as in training"


class Drift(Struct, frozen=True):
    """From the close `at_ms` on, a market's forecasts are doubted to this level, for this reason."""

    at_ms: int
    symbol: str
    level: Doubt
    reason: str


class DriftMonitor:
    """
    Watches one market.

    Args:
        habits: What the model is used to; where its bundle does not say, spreads are not watched.
        band: How bad it was at its worst on unseen candles.
        limits: When to worry.
    """

    def __init__(self, habits: Habits | None, band: Band, limits: DriftLimits | None = None) -> None:
        self._limits = limits or DriftLimits()
        self._skill = SkillWatch(band, habits.window if habits else WINDOW)
        self._promise = PromiseWatch(band.kept)
        self._spread = SpreadWatch(habits, self._limits) if habits and habits.columns else None
        self.level = Doubt.NONE

    def observe(self, at_ms: int, forecast: Forecast, outcome: float, row: NDArray[np.float32] | None) -> Drift | None:
        """
        Take a forecast whose truth has arrived.

        Args:
            at_ms: The close that told the truth.
            forecast: What was said one candle before.
            outcome: The log return that followed.
            row: `(F,)` the feature row behind the forecast; None where it is not known any more.

        Returns:
            The new level, where it is another than before.
        """
        self._skill.add(forecast, outcome)
        self._promise.add(forecast, outcome)
        findings = self._skill.findings() + self._promise.findings()
        if self._spread is not None:
            if row is not None:
                self._spread.add(row, forecast.p_up)
            findings += self._spread.findings()
        limits = self._limits
        worst = max(findings, key=lambda one: (limits.level(one), one.errors))
        reached, kept = limits.level(worst), max(limits.level(one, limits.ease) for one in findings)
        # Up at once; down only when nothing is near the level any more.
        level = max(reached, min(kept, self.level))
        if level == self.level:
            return None
        self.level = level
        return Drift(at_ms, forecast.symbol, level, worst.say() if level else BELIEVED)

    def skill(self) -> Skill:
        """The running figures."""
        return self._skill.figures()
