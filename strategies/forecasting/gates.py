"""
What a challenger must show before it takes the place of the model in use: every gate, its bound, and its verdict.

A gate is passed by a figure within its bounds; one that was not measured is not passed. The bounds are data, so that
they can be read in one place. Knows nothing of how a figure comes about.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from bot.core import gate_names as names

ERROR_BUDGET: Final = 0.10
"""
How probable it may be that any of all attempts on candles that overlap promotes what is no better.

The k-th attempt has 1 / k(k + 1) of it: 5 %, 1.7 %, 0.8 %, and so on for ever; together they never exceed it.
"""

TRAINING_UNASKED: Final = (
    "not measured, and so not passed: whether the way of training finds something where there is nothing; these gates "
    "question the served network alone, `candlewick audit` fits networks to see it"
)
"""Said beside every verdict."""


class Gate(Struct, frozen=True):
    """
    One question with its bounds: a figure passes that is at least `low`, at most `high` and more than `over`.

    `measures` says what the figure is, and in which unit.
    """

    name: str
    measures: str
    low: float | None = None
    high: float | None = None
    over: float | None = None

    def passes(self, figure: float | None) -> bool:
        """Whether a figure lies within the bounds; one that is missing, or not a number, does not."""
        if figure is None:
            return False
        return (
            figure == figure  # noqa: PLR0124 - NaN is not itself
            and (self.low is None or figure >= self.low)
            and (self.high is None or figure <= self.high)
            and (self.over is None or figure > self.over)
        )

    def bounds(self) -> str:
        """The bounds in words."""
        parts = (("at least", self.low), ("at most", self.high), ("above", self.over))
        return " and ".join(f"{word} {bound:g}" for word, bound in parts if bound is not None)


class Measured(Struct, frozen=True):
    """A gate's figure, None where it could not be measured, and what lies behind it in words."""

    figure: float | None
    said: str


class GateVerdict(Struct, frozen=True):
    """What a gate said of a challenger."""

    gate: Gate
    passed: bool
    figure: float | None
    said: str


GATES: Final = (
    # Live shadow of fewer candles says nothing, and a candle that a model has seen flatters it. Markets that close
    # together share their luck, so they are one instant.
    Gate(names.FORWARD_WINDOW, "instants compared, of candles that neither model has seen", low=500),
    Gate(names.BRIER, "a coin's less the challenger's", over=0.0),
    Gate(
        names.BRIER_TEST,
        "probability of so good a score by chance alone, times k(k + 1) at the k-th attempt on these candles",
        high=ERROR_BUDGET,
    ),
    Gate(names.PINBALL_TEST, "probability of so much worse a loss than the champion's by chance alone", low=0.10),
    Gate(names.NET_RESULT, "the challenger's after costs less the champion's, in basis points a candle", low=0.0),
    Gate(names.COVERAGE, "share of returns that the challenger's interval held", low=0.87, high=0.93),
    Gate(names.WHITE_NOISE, "1 where the served network foretells nothing in independent returns", low=1.0),
    Gate(names.SHUFFLED_FUTURE, "values of known forecasts that another future changed in serving", high=0.0),
    Gate(names.PARITY, "largest distance of the served graph from the trained network", high=1e-5),
    # The budget of a whole decision: the model alone must leave room in it.
    Gate(names.LATENCY, "median microseconds of one forecast", high=250.0),
    Gate(names.SEED_SPREAD, "the challenger's over the champion's", high=1.5),
)
"""Every gate. A challenger is promoted when it has passed them all."""


def judge(measured: Mapping[str, Measured], gates: tuple[Gate, ...] = GATES) -> tuple[GateVerdict, ...]:
    """
    Hold every gate's bounds against its figure.

    Args:
        measured: Figures by the name of the gate.
        gates: The gates, in order.
    """
    verdicts = []
    for gate in gates:
        found = measured.get(gate.name, Measured(None, "it was not measured"))
        verdicts.append(GateVerdict(gate, gate.passes(found.figure), found.figure, found.said))
    return tuple(verdicts)
