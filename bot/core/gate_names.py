"""
The names of the questions that a model must have answered before it takes the place of another.

Whoever measures and whoever keeps the verdicts must mean the same ones: a verdict that lacks a name has not been
passed. Knows nothing of how a question is answered.
"""

from typing import Final

FORWARD_WINDOW: Final = "forward window"
BRIER: Final = "Brier score"
BRIER_TEST: Final = "Brier score, tested"
PINBALL_TEST: Final = "pinball loss, tested"
NET_RESULT: Final = "net result"
COVERAGE: Final = "interval coverage"
WHITE_NOISE: Final = "white noise"
SHUFFLED_FUTURE: Final = "shuffled future"
PARITY: Final = "graph parity"
LATENCY: Final = "latency"
SEED_SPREAD: Final = "spread of seeds"

GATE_NAMES: Final = (
    FORWARD_WINDOW,
    BRIER,
    BRIER_TEST,
    PINBALL_TEST,
    NET_RESULT,
    COVERAGE,
    WHITE_NOISE,
    SHUFFLED_FUTURE,
    PARITY,
    LATENCY,
    SEED_SPREAD,
)
"""Every name, in the order in which they are told."""
