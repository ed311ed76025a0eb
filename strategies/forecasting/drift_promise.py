"""
Whether directions still come as the probabilities promise, or rather as a coin falls: a test that never looks away.

A rolling window forgets: over a thousand moves 53.6 % and 50 % are two standard errors apart. This adds up, move by
move, how much likelier the outcome is of a coin than of the promise, and begins anew whenever the promise is ahead
(the cumulative sum of Page 1954, "Continuous Inspection Schemes", Biometrika 41; no test of so few false alarms is
sooner on average: Moustakides 1986, "Optimal Stopping Times for Detecting Changes in Distributions", Annals of
Statistics 14). It asks no independence of the forecasts: under the promise the likelihood ratio has no drift whatever
they are. It turns against a model that keeps less than half of what it promises.

Knows nothing of features and intervals, nor of what is done about a loss of skill.
"""

from math import exp, log
from typing import Final

from bot.core.forecast import Forecast
from strategies.forecasting.drift_levels import Finding

NATS: Final = 2.0
"""
Logarithms of a likelihood ratio that count as one standard error.

Found by simulation over models of 51.6 to 58 % (`test_drift_promise`): of those that keep their promise, one in 100 is
stopped within 10,000 candles at most.
"""

_MOST: Final = 7.0
"""Standard errors beyond which nothing is added up, so that a model that knows something again is believed again."""
_SURE: Final = 0.01
"""No forecast counts as surer than this: one outcome must not decide."""


class PromiseWatch:
    """
    Adds up evidence against one market's probabilities.

    Args:
        kept: The share of their distance from one half that came true on unseen candles.
    """

    def __init__(self, kept: float = 1.0) -> None:
        self._kept = kept
        self._evidence = 0.0
        self._moves = 0

    def add(self, forecast: Forecast, outcome: float) -> None:
        """Take a forecast and the log return that followed it; a move of zero says nothing."""
        if outcome == 0.0:
            return
        p_up = 0.5 + self._kept * (forecast.p_up - 0.5)
        promised = p_up if outcome > 0.0 else 1.0 - p_up
        evidence = self._evidence + log(0.5 / max(promised, _SURE))
        self._evidence = min(max(evidence, 0.0), NATS * _MOST)
        self._moves = self._moves + 1 if evidence > 0.0 else 0

    def findings(self) -> list[Finding]:
        """The answer, in what stands for standard errors."""
        return [Finding(self._evidence / NATS, self._say)]

    def _say(self) -> str:
        likelier = exp(self._evidence)
        return (
            f"over the last {self._moves:,} moves the directions that came are {likelier:,.0f} times likelier of a "
            "coin than of what was forecast"
        )
