"""
The rows of a comparison by name, and which of them were asked for.

Names only: choosing them needs no network, so no TensorFlow.
"""

from collections.abc import Sequence
from typing import Final

from bot.core.errors import ConfigError
from strategies.forecasting.baselines import CLASSIFIERS, FITTED, NAIVE

NETWORKS: Final = ("CNN-LSTM", "CNN-LSTM, textbook", "CNN", "LSTM", "GRU", "DLinear")
"""Kinds of network, as `architectures.kinds` builds them."""

ENSEMBLE: Final = "ensemble"
"""All networks and classifiers that were asked for, weighed on the validation parts."""

ROSTER: Final = (*NAIVE, *FITTED, *CLASSIFIERS, *NETWORKS, ENSEMBLE)

MEMBERS: Final = (*NETWORKS, *CLASSIFIERS)
"""What an ensemble is made of: everything that learns a probability."""


def family(row: str) -> str:
    """What sort of row it is: naive, fitted, classifier, network or ensemble."""
    sorts = {"naive": NAIVE, "fitted": FITTED, "classifier": CLASSIFIERS, "network": NETWORKS}
    return next((sort for sort, names in sorts.items() if row in names), ENSEMBLE)


def chosen_rows(words: Sequence[str]) -> tuple[str, ...]:
    """
    Read names separated by commas, also those that hold a comma themselves; all rows if nothing is said.

    Returns:
        Names of `ROSTER`, in its order.

    Raises:
        ConfigError: There is no such row, or an ensemble of fewer than two members was asked for.
    """
    pieces = [piece.strip() for word in words for piece in word.split(",")]
    found: list[str] = []
    while pieces:
        size = next((size for size in (2, 1) if ", ".join(pieces[:size]) in ROSTER), None)
        if size is None:
            raise ConfigError(f"there is no row {pieces[0]!r}: choose of {'; '.join(ROSTER)}")
        found.append(", ".join(pieces[:size]))
        pieces = pieces[size:]
    rows = tuple(row for row in ROSTER if row in found or not found)
    if ENSEMBLE in rows and sum(row in MEMBERS for row in rows) < 2:
        raise ConfigError(f"an ensemble needs two members or more: ask for some of {'; '.join(MEMBERS)} beside it")
    return rows
